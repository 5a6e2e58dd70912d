//! A local AWS for trying and testing: MiniStack as the AWS that Syncline's template is deployed to, and beside it a
//! CodeCommit over real Git repositories, both on 127.0.0.1.
//!
//! It is a stand-in and says so. It starts, stops and watches over the two; what Syncline does is deployed into it as
//! it would be into AWS, from the same template, so nothing of Syncline's own logic is here.

pub mod codecommit;
mod emulator;
mod faults;
mod local_aws;
mod state;

pub use codecommit::calls::Call;
pub use faults::Faults;
pub use local_aws::{LocalAws, Options};
pub use state::{Running, State};

/// The account id that everything local belongs to; the emulator's own.
pub const ACCOUNT: &str = "000000000000";

/// The region that everything local is in.
pub const REGION: &str = "us-east-1";
