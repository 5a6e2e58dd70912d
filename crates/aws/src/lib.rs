//! The adapters between Syncline's core and AWS: repository, stacks, table, workflow, templates, errors.
//!
//! The only crate of the product that names `aws-sdk-*`. It decides nothing: what to do comes from
//! `syncline-core`, and each adapter does one thing with one service.

pub mod clock;
pub mod error;
pub mod handover;
pub mod identity;
pub mod installation;
pub mod moves;
pub mod repository;
pub mod settings;
pub mod stacks;
pub mod table;
pub mod templates;
pub mod workflow;

pub use error::Error;

use aws_config::BehaviorVersion;
pub use aws_config::SdkConfig;
use aws_config::retry::RetryConfig;

/// How often an SDK repeats a request that was throttled or lost. The state machines repeat whole steps beyond that.
const ATTEMPTS: u32 = 5;

/// The configuration that every client shares: region, credentials and endpoints from the environment.
pub async fn configuration() -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS))
        .load()
        .await
}
