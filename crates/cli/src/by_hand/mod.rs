//! What is deployed and deleted by hand: from a working copy, with a person's own credentials, through the core and the
//! adapters that the functions use.
//!
//! `account` is whose AWS it is, `selection` what is meant, `difference` how that differs from what is deployed, `ledger` the
//! lease and the history where Syncline is installed, `owner` whose a stack is, `removal`
//! what goes and in which order, `carry_out` the work itself: it walks the graph in this process. `ending` says how it ended.

pub(crate) mod account;
pub(crate) mod carry_out;
pub(crate) mod difference;
pub(crate) mod ending;
pub(crate) mod ledger;
pub(crate) mod owner;
pub(crate) mod removal;
pub(crate) mod selection;
mod waiter;
mod walk;
