//! Changes to a stack that were not ours: made by hand, by another tool, or by a sync of another repository.

use syncline_core::names::{RepositoryName, StackName, TargetName};

use crate::Error;
use crate::stacks::{NewestOperation, Stacks};
use crate::table::Table;

/// A change to a stack that was not ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForeignChange {
    /// The operation.
    pub operation: NewestOperation,
    /// The repository whose sync it was of, where it was Syncline's.
    pub repository: Option<RepositoryName>,
}

impl ForeignChange {
    /// The change that came last on a stack of a repository, if it was not of a sync of that repository.
    pub async fn newest(
        stacks: &Stacks,
        table: &Table,
        repository: &RepositoryName,
        stack: &StackName,
    ) -> Result<Option<Self>, Error> {
        let Some(operation) = stacks.newest_operation(stack).await? else { return Ok(None) };
        let Some(sync) = &operation.sync else { return Ok(Some(Self { operation, repository: None })) };
        // A record that has expired, or never was, does not tell: then it counts as ours.
        let of = table.sync(sync).await?.map(|record| record.repository).filter(|of| of != repository);
        Ok(of.map(|of| Self { operation, repository: Some(of) }))
    }

    /// Whether the stack is gone.
    pub fn is_gone(&self) -> bool {
        self.operation.is_gone()
    }

    /// What to say of it, and how it goes on.
    pub fn explain(&self, stack: &StackName, target: &TargetName) -> String {
        let NewestOperation { id, status, at, .. } = &self.operation;
        let at = at.as_ref().map(|at| format!(" at {at}")).unwrap_or_default();
        let what = match (&self.repository, status) {
            (Some(repository), _) => format!("stack `{stack}` was deployed last from repository `{repository}`{at}"),
            (None, Some(status)) => {
                format!(
                    "stack `{stack}` was changed by hand since its last sync (it is {status}; begun{at}, operation `{id}`)"
                )
            }
            (None, None) => format!("stack `{stack}` was deleted by hand since its last sync"),
        };
        format!(
            "{what}; `aws cloudtrail lookup-events --lookup-attributes AttributeKey=ResourceName,AttributeValue={stack}` may tell by whom, `syncline resolve {target} --reason TEXT` has the next sync take over"
        )
    }
}
