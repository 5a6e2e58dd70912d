//! Where Syncline is installed: the names that its own stack's outputs give.
//!
//! It looks them up for the command line. The functions do not: their environment tells them.

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use syncline_core::names::StackName;

use crate::Error;
use crate::stacks::Stacks;

/// The output that names the table.
const TABLE_NAME: &str = "TableName";

/// Why an installation was not found.
#[derive(Debug, thiserror::Error)]
pub enum NotFound {
    /// No region is set, so nothing can be asked.
    #[error("no AWS region is set")]
    NoRegion,
    /// There is no such stack.
    #[error("there is no stack `{stack}` in {region}")]
    NoStack {
        /// The stack.
        stack: StackName,
        /// Where it was looked for.
        region: String,
    },
    /// The stack is not Syncline's, or has not been deployed to its end.
    #[error("stack `{stack}` in {region} has no output `{output}`")]
    NoOutput {
        /// The output that it lacks.
        output: &'static str,
        /// The stack.
        stack: StackName,
        /// Where it is.
        region: String,
    },
    /// AWS did not tell.
    #[error(transparent)]
    Aws(#[from] Error),
}

impl NotFound {
    /// What to do about it.
    pub fn help(&self) -> Option<&'static str> {
        match self {
            Self::NoRegion => Some("set AWS_REGION, or the region of your AWS profile"),
            Self::NoStack { .. } => Some("deploy Syncline with `sam deploy`, or name its stack with --stack"),
            Self::NoOutput { output: TABLE_NAME, .. } => {
                Some("name Syncline's own stack with --stack, or the table with --table")
            }
            Self::NoOutput { .. } => Some(
                "an older Syncline is installed: deploy this one with `sam deploy`, or name another stack with --stack",
            ),
            Self::Aws(_) => None,
        }
    }
}

/// What an installation is made of, as far as the command line needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installed {
    /// The table.
    pub table: String,
    /// The ARN of the state machine of syncs.
    pub sync_machine: String,
    /// The bucket for long templates.
    pub template_bucket: String,
    /// How many days the history is kept.
    pub retention_days: u64,
}

/// The name of the table of the installation that is this stack.
pub async fn table_name(configuration: &SdkConfig, stack: &StackName) -> Result<String, NotFound> {
    let region = configuration.region().ok_or(NotFound::NoRegion)?.to_string();
    let outputs = Stacks::from_environment(configuration).outputs(stack).await?;
    named(outputs, TABLE_NAME, stack, &region)
}

/// The installation that is this stack.
pub async fn installed(configuration: &SdkConfig, stack: &StackName) -> Result<Installed, NotFound> {
    let region = configuration.region().ok_or(NotFound::NoRegion)?.to_string();
    let outputs = Stacks::from_environment(configuration).outputs(stack).await?;
    let output = |name| named(outputs.clone(), name, stack, &region);
    Ok(Installed {
        table: output(TABLE_NAME)?,
        sync_machine: output("SyncStateMachineArn")?,
        template_bucket: output("TemplateBucketName")?,
        retention_days: output("HistoryRetentionDays")?
            .parse()
            .map_err(|error| Error::damaged("output `HistoryRetentionDays`", error))?,
    })
}

fn named(
    outputs: Option<BTreeMap<String, String>>,
    name: &'static str,
    stack: &StackName,
    region: &str,
) -> Result<String, NotFound> {
    let region = region.to_owned();
    let Some(mut outputs) = outputs else { return Err(NotFound::NoStack { stack: stack.clone(), region }) };
    outputs.remove(name).ok_or_else(|| NotFound::NoOutput { stack: stack.clone(), region, output: name })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(outputs: Option<&[(&str, &str)]>) -> Result<String, String> {
        let outputs = outputs.map(|pairs| pairs.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect());
        named(outputs, TABLE_NAME, &StackName::new("syncline"), "us-east-1").map_err(|error| error.to_string())
    }

    #[test]
    fn the_table_is_an_output_of_the_stack() {
        assert_eq!(
            found(Some(&[("TableName", "syncline-Table-1"), ("Other", "x")])),
            Ok("syncline-Table-1".to_owned())
        );
        assert_eq!(found(None), Err("there is no stack `syncline` in us-east-1".to_owned()));
        assert_eq!(found(Some(&[])), Err("stack `syncline` in us-east-1 has no output `TableName`".to_owned()));
    }
}
