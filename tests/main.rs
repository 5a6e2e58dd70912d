//! Every test that needs more than one crate: end to end against the local AWS, and contracts between the parts.

// A test that cannot go on has failed; outside `#[test]` functions clippy does not know that this is one.
#![allow(clippy::unwrap_used)]

mod contracts;
mod end_to_end;
