//! What a command fails with: the error, and apart from it the advice; or the problems in the files.
//!
//! Only `main` prints one. Nothing here knows a single command.

use std::env;
use std::fmt;
use std::io::{self, Write as _};
use std::process::ExitCode;

use serde_json::{Value, json};
use syncline_aws::installation::NotFound;

use crate::arguments::Output;
use crate::interrupt;
use crate::paint::Paint;
use crate::problems::Problems;

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// An error and, where there is some, advice.
    Error(Explained),
    /// What was typed names something that there is not, or means nothing here.
    Usage(Explained),
    /// It was interrupted before it had done anything.
    Interrupted(Explained),
    /// The files have errors.
    Problems(Box<Problems>),
}

/// An error and, where there is some, advice.
#[derive(Debug)]
pub(crate) struct Explained {
    error: anyhow::Error,
    help: Option<String>,
}

impl Explained {
    fn new(error: impl fmt::Display, help: Option<String>) -> Self {
        Self { error: anyhow::Error::msg(error.to_string()), help }
    }
}

/// The exit status of wrong usage: clap's.
const USAGE: u8 = 2;

impl Failure {
    /// A failure of our own words.
    pub(crate) fn new(error: impl fmt::Display, help: impl Into<String>) -> Self {
        Self::Error(Explained::new(error, Some(help.into())))
    }

    /// A failure of our own words that nobody can be advised about.
    pub(crate) fn unexplained(error: impl fmt::Display) -> Self {
        Self::Error(Explained::new(error, None))
    }

    /// Wrong usage.
    pub(crate) fn usage(error: impl fmt::Display, help: impl Into<String>) -> Self {
        Self::Usage(Explained::new(error, Some(help.into())))
    }

    /// Ctrl-C, before anything was done.
    pub(crate) fn interrupted(error: impl fmt::Display) -> Self {
        Self::Interrupted(Explained::new(error, None))
    }

    /// The error in one line.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::Error(explained) | Self::Usage(explained) | Self::Interrupted(explained) => {
                format!("{:#}", explained.error)
            }
            Self::Problems(problems) => problems.summary(Paint { is_on: false }),
        }
    }

    /// The error and the advice, as they are printed without colours.
    pub(crate) fn told(&self) -> String {
        match self {
            Self::Error(explained) | Self::Usage(explained) | Self::Interrupted(explained) => {
                let help = explained.help.as_ref().map(|help| format!("\nhelp: {help}")).unwrap_or_default();
                format!("error: {:#}{help}", explained.error)
            }
            Self::Problems(_) => self.message(),
        }
    }

    /// It as a document: the problems in the files, or the error and the advice.
    fn document(&self) -> Value {
        match self {
            Self::Error(explained) | Self::Usage(explained) | Self::Interrupted(explained) => {
                json!({ "error": { "message": self.message(), "help": explained.help } })
            }
            Self::Problems(problems) => json!({ "diagnostics": problems.documents() }),
        }
    }

    /// Prints it, and gives the exit status. As JSON it is one document on standard output, like any answer; an error is said
    /// on standard error too, for a pipeline's log.
    pub(crate) fn print(&self, output: Output, paint: Paint) -> ExitCode {
        // Nobody may be listening any more.
        if output == Output::Json {
            let _ = writeln!(io::stdout().lock(), "{:#}", self.document());
        }
        let mut stderr = io::stderr().lock();
        match self {
            Self::Error(explained) | Self::Usage(explained) | Self::Interrupted(explained) => {
                let _ = writeln!(stderr, "{} {:#}", paint.bad("error:"), explained.error);
                if let Some(help) = &explained.help {
                    let _ = writeln!(stderr, "{} {help}", paint.note("help:"));
                }
            }
            Self::Problems(problems) if output == Output::Text => {
                let _ = writeln!(stderr, "{}\n\n{}", problems.draw(paint), problems.summary(paint));
            }
            Self::Problems(_) => {}
        }
        match self {
            Self::Usage(_) => ExitCode::from(USAGE),
            Self::Interrupted(_) => ExitCode::from(interrupt::STATUS),
            Self::Error(_) | Self::Problems(_) => ExitCode::FAILURE,
        }
    }
}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        Self::Problems(Box::new(problems))
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Error(Explained { error: error.into(), help: None })
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::Error(Explained { error: error.into(), help: None })
    }
}

impl From<syncline_aws::Error> for Failure {
    fn from(error: syncline_aws::Error) -> Self {
        let help = help_with(&error);
        Self::Error(Explained { error: error.into(), help })
    }
}

impl From<NotFound> for Failure {
    fn from(error: NotFound) -> Self {
        match error {
            NotFound::Aws(error) => error.into(),
            other => {
                let help = other.help().map(str::to_owned);
                Self::Error(Explained { error: other.into(), help })
            }
        }
    }
}

/// What to do where AWS gives no answer: whom the environment says to ask is said, since the error does not tell.
fn unreachable(variable: impl Fn(&str) -> Option<String>) -> String {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty()).map(|value| format!("{name}={value}"));
    let region = set("AWS_REGION").or_else(|| set("AWS_DEFAULT_REGION"));
    let region = region.unwrap_or_else(|| "that of your AWS profile".to_owned());
    let endpoint = set("AWS_ENDPOINT_URL").map(|endpoint| format!(", the endpoint ({endpoint})")).unwrap_or_default();
    format!("check the network, the region ({region}){endpoint} and your credentials: `aws sts get-caller-identity`")
}

fn help_with(error: &syncline_aws::Error) -> Option<String> {
    use syncline_aws::Error;
    let help = match error {
        Error::Unavailable { message, .. } if message.contains("no credentials found") => Some(
            "say whose they are: AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; `aws configure` sets up a profile",
        ),
        Error::Unavailable { .. } => return Some(unreachable(|name| env::var(name).ok())),
        Error::Throttled { .. } => Some("try again in a moment"),
        Error::Denied { action, .. } if !action.starts_with("dynamodb:") => {
            Some("docs/deploying-by-hand.md has a policy with all that working by hand takes")
        }
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
    };
    help.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_reached_is_told_by_region_and_endpoint() {
        let help = unreachable(|name| (name != "AWS_REGION").then(|| format!("<{name}>")));
        assert!(help.contains("the region (AWS_DEFAULT_REGION=<AWS_DEFAULT_REGION>)"), "{help}");
        assert!(help.contains("the endpoint (AWS_ENDPOINT_URL=<AWS_ENDPOINT_URL>)"), "{help}");
        let help = unreachable(|_| None);
        assert!(help.contains("the region (that of your AWS profile) and"), "{help}");
    }

    #[test]
    fn a_missing_table_is_explained() {
        let error = syncline_aws::Error::Refused {
            action: "dynamodb:Query",
            code: "ResourceNotFoundException".to_owned(),
            message: "Requested resource not found".to_owned(),
        };
        let Failure::Error(explained) = Failure::from(error) else { panic!("not an error") };
        assert_eq!(
            explained.error.to_string(),
            "dynamodb:Query was refused (ResourceNotFoundException): Requested resource not found"
        );
        assert!(explained.help.unwrap().contains("--table"));
    }
}
