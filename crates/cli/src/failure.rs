//! What a command fails with: the error, and apart from it the advice.
//!
//! Only `main` prints one. Nothing here knows a single command.

use std::fmt;

use syncline_aws::installation::NotFound;

use crate::paint::Paint;

/// An error and, where there is some, advice.
#[derive(Debug)]
pub(crate) struct Failure {
    error: anyhow::Error,
    help: Option<String>,
}

impl Failure {
    /// A failure of our own words.
    pub(crate) fn new(error: impl fmt::Display, help: impl Into<String>) -> Self {
        Self { error: anyhow::Error::msg(error.to_string()), help: Some(help.into()) }
    }

    /// Prints it on standard error.
    pub(crate) fn print(&self, paint: Paint) {
        eprintln!("{} {:#}", paint.bad("error:"), self.error);
        if let Some(help) = &self.help {
            eprintln!("{} {help}", paint.note("help:"));
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self { error: error.into(), help: None }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self { error: error.into(), help: None }
    }
}

impl From<syncline_aws::Error> for Failure {
    fn from(error: syncline_aws::Error) -> Self {
        let help = help_with(&error).map(str::to_owned);
        Self { error: error.into(), help }
    }
}

impl From<NotFound> for Failure {
    fn from(error: NotFound) -> Self {
        match error {
            NotFound::Aws(error) => error.into(),
            other => Self { help: other.help().map(str::to_owned), error: other.into() },
        }
    }
}

fn help_with(error: &syncline_aws::Error) -> Option<&'static str> {
    use syncline_aws::Error;
    match error {
        Error::Unavailable { .. } => Some("check the network and your credentials: `aws sts get-caller-identity`"),
        Error::Throttled { .. } => Some("try again in a moment"),
        Error::Denied { .. } => Some(
            "reading takes dynamodb:GetItem and dynamodb:Query on Syncline's table and its indexes, and \
             cloudformation:DescribeStacks unless --table is given",
        ),
        Error::Refused { code, .. } if code == "ResourceNotFoundException" => {
            Some("there is no such table or index in this account and region: check --table, --stack and AWS_REGION")
        }
        Error::Refused { code, .. }
            if ["ExpiredToken", "ExpiredTokenException", "UnrecognizedClientException", "InvalidClientTokenId"]
                .contains(&code.as_str()) =>
        {
            Some("get new credentials: `aws sts get-caller-identity` tells whether they work")
        }
        Error::Damaged { .. } => Some("a newer Syncline may have written it: `syncline --version`"),
        Error::Refused { .. } | Error::Misconfigured { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_table_is_explained() {
        let error = syncline_aws::Error::Refused {
            action: "dynamodb:Query",
            code: "ResourceNotFoundException".to_owned(),
            message: "Requested resource not found".to_owned(),
        };
        let failure = Failure::from(error);
        assert_eq!(
            failure.error.to_string(),
            "dynamodb:Query was refused (ResourceNotFoundException): Requested resource not found"
        );
        assert!(failure.help.unwrap().contains("--table"));
    }
}
