//! The commands that need no AWS, as a person runs them: over repositories that each test makes, good ones and bad.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

mod bad_input;
mod branches;
mod init;
mod repository;
mod says;
