//! A record of the API calls, so that tests can count them.
//!
//! It is kept in memory only; pushes and fetches are no API calls and are not in it.

use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use serde_json::Value;

/// One call of the API, refused ones included.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Call {
    /// The operation's name, such as `GetFile`.
    pub operation: String,
    /// When it came, in seconds since 1970.
    pub time: f64,
    /// What it was called with, without file contents.
    pub input: Value,
    /// The exception that it was refused with, if it was.
    pub error: Option<String>,
}

/// The calls so far.
#[derive(Debug, Default)]
pub(crate) struct Calls(Mutex<Vec<Call>>);

impl Calls {
    pub(crate) fn add(&self, call: Call) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(call);
    }

    pub(crate) fn all(&self) -> Vec<Call> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
