//! What can go wrong between Syncline and AWS, and the names under which a state machine sees it.
//!
//! Architecture invariant: an error name of ours that a state machine retries or catches is one of these, or one that a function
//! gives on purpose (`workflow`), and each that passes by itself is retried: `tests/contracts/errors.rs` compares the two sides.

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sts::operation::assume_role::AssumeRoleError;

/// An error between Syncline and AWS. The variant's name is an interface: see [`Error::name`].
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// AWS asked us to slow down, and went on asking.
    #[error("{action} was throttled: {message}")]
    Throttled {
        /// The API action.
        action: &'static str,
        /// What AWS said.
        message: String,
    },
    /// AWS could not be reached, did not answer in time, or failed itself.
    #[error("{action} had no answer: {message}")]
    Unavailable {
        /// The API action.
        action: &'static str,
        /// What went wrong on the way.
        message: String,
    },
    /// Our role lacks a permission.
    #[error("{action} is not allowed: {message}")]
    Denied {
        /// The API action.
        action: &'static str,
        /// What AWS said.
        message: String,
    },
    /// AWS refused the request.
    #[error("{action} was refused ({code}): {message}")]
    Refused {
        /// The API action.
        action: &'static str,
        /// The exception's name.
        code: String,
        /// What AWS said.
        message: String,
    },
    /// Something that we stored, or were sent, is not what it should be.
    #[error("{what} is damaged: {message}")]
    Damaged {
        /// What was read.
        what: String,
        /// What is wrong with it.
        message: String,
    },
    /// A setting is missing or malformed.
    #[error("environment variable `{variable}` {problem}")]
    Misconfigured {
        /// The variable.
        variable: &'static str,
        /// What is wrong with it.
        problem: String,
    },
}

impl Error {
    /// Every name, in the order of the variants.
    pub const NAMES: [&'static str; 6] = ["Throttled", "Unavailable", "Denied", "Refused", "Damaged", "Misconfigured"];

    /// The name that a state machine sees.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Throttled { .. } => Self::NAMES[0],
            Self::Unavailable { .. } => Self::NAMES[1],
            Self::Denied { .. } => Self::NAMES[2],
            Self::Refused { .. } => Self::NAMES[3],
            Self::Damaged { .. } => Self::NAMES[4],
            Self::Misconfigured { .. } => Self::NAMES[5],
        }
    }

    /// The names of errors that may pass by themselves, and that the state machines retry.
    pub const PASSING: [&'static str; 2] = ["Throttled", "Unavailable"];

    /// Whether it may pass by itself, so that trying again makes sense.
    pub fn may_pass(&self) -> bool {
        Self::PASSING.contains(&self.name())
    }

    /// The exception's name, where AWS refused.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Refused { code, .. } => Some(code),
            _ => None,
        }
    }

    /// A stored or received thing that is not what it should be.
    pub fn damaged(what: impl Into<String>, message: impl ToString) -> Self {
        Self::Damaged { what: what.into(), message: message.to_string() }
    }
}

/// Sorts an SDK's error into ours. `action` is the API action, for the message.
pub(crate) fn from_sdk<E>(action: &'static str) -> impl Fn(ServiceError<E>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    move |error| sort(action, &error)
}

/// An error of an SDK.
pub(crate) type ServiceError<E> = SdkError<E, HttpResponse>;

/// Sorts an SDK's error that belongs to somebody else: see [`from_sdk`].
pub(crate) fn sort<E>(action: &'static str, error: &ServiceError<E>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let SdkError::ServiceError(service) = error else {
        let mut message = error.to_string();
        let mut source = std::error::Error::source(error);
        while let Some(cause) = source {
            // A role that is assumed on the way to a call.
            if let Some(refused) = cause.downcast_ref::<ServiceError<AssumeRoleError>>() {
                return not_assumed(refused);
            }
            // The first line says it; what follows is how it was found out.
            let cause_said = cause.to_string();
            message = format!("{message}: {}", cause_said.lines().next().unwrap_or_default());
            source = cause.source();
        }
        return Error::Unavailable { action, message };
    };
    let code = service.err().code().unwrap_or("unknown").to_owned();
    let message = service.err().message().unwrap_or_default().to_owned();
    match code.as_str() {
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "TooManyRequestsException"
        | "ProvisionedThroughputExceededException"
        | "RequestLimitExceeded"
        | "SlowDown"
        | "RequestThrottled" => Error::Throttled { action, message },
        "AccessDenied" | "AccessDeniedException" => Error::Denied { action, message },
        _ if service.raw().status().as_u16() >= 500 => {
            Error::Unavailable { action, message: format!("{code}: {message}") }
        }
        _ => Error::Refused { action, code, message },
    }
}

/// Why a role could not be assumed, and what to do.
pub(crate) fn not_assumed(refused: &ServiceError<AssumeRoleError>) -> Error {
    match sort("sts:AssumeRole", refused) {
        Error::Denied { action, message } => Error::Denied {
            action,
            message: format!(
                "{message}; that role has to be there and let this repository in, as infra/target/roles.yaml makes it, and its account has to be among `TargetAccounts`: see docs/accounts-and-regions.md"
            ),
        },
        error => error,
    }
}

#[cfg(feature = "lambda")]
impl From<Error> for lambda_runtime::Diagnostic {
    fn from(error: Error) -> Self {
        Self { error_type: error.name().to_owned(), error_message: error.to_string() }
    }
}
