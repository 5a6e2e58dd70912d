//! The error of an operation: CodeCommit's exception name and a message.
//!
//! The name is what clients match on; it is written where the error arises, as it stands in AWS's API reference.

use std::fmt::Display;

/// Why an operation was refused or failed.
#[derive(Debug)]
pub(crate) struct ApiError {
    /// AWS's exception name.
    pub(crate) name: &'static str,
    pub(crate) message: String,
    /// 400 for what the caller can change, 500 for what only this server can.
    pub(crate) status: u16,
}

pub(crate) type Result<T> = std::result::Result<T, ApiError>;

impl ApiError {
    pub(crate) fn new(name: &'static str, message: impl Into<String>) -> Self {
        Self { name, message: message.into(), status: 400 }
    }

    /// A failure of this server itself.
    pub(crate) fn internal(error: impl Display) -> Self {
        Self { name: "InternalFailure", message: error.to_string(), status: 500 }
    }
}

impl From<std::io::Error> for ApiError {
    fn from(error: std::io::Error) -> Self {
        Self::internal(error)
    }
}

impl From<anyhow::Error> for ApiError {
    fn from(error: anyhow::Error) -> Self {
        Self::internal(format!("{error:#}"))
    }
}

/// Short for a refusal.
pub(crate) fn refuse<T>(name: &'static str, message: impl Into<String>) -> Result<T> {
    Err(ApiError::new(name, message))
}
