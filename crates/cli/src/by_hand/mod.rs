//! What is deployed and deleted by hand: from a working copy, with a person's own credentials, through the core and the
//! adapters that the functions use.
//!
//! `account` is whose AWS it is, `selection` what is meant, `difference` how that differs from what is deployed, `ledger` the
//! lease and the history where Syncline is installed, `carry_out` the work itself: it walks the graph in this process.

pub(crate) mod account;
pub(crate) mod carry_out;
pub(crate) mod difference;
pub(crate) mod ledger;
pub(crate) mod selection;
mod waiter;
mod walk;
