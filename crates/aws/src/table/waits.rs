//! Who waits for a stack: the task token that is answered when an operation on the stack ends.

use serde::{Deserialize, Serialize};
use syncline_core::names::{Digest, SyncId, TargetNumber};

use super::{Item, Table, of_stack, to_item};
use crate::Error;
use aws_sdk_dynamodb::types::AttributeValue;

/// A target that waits for its stack. One at a time does: at most one sync works on a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackWait {
    /// The sync.
    pub sync: SyncId,
    /// The target in it.
    pub target: TargetNumber,
    /// The token of Deploy's task.
    pub task_token: String,
    /// The digest of what CloudFormation is given.
    pub deployed: Digest,
    /// Whether Deploy is to look even when its own operation succeeded, since the stack's outputs are wanted.
    pub outputs_wanted: bool,
    /// When CloudFormation was asked, which is just after this is stored.
    pub asked_at: String,
}

impl Table {
    /// Stores who waits for a stack. `arn` is its ARN without its unique id:
    /// `arn:aws:cloudformation:<region>:<account>:stack/<name>`.
    pub async fn wait_for_stack(&self, arn: &str, wait: &StackWait) -> Result<(), Error> {
        let mut item: Item = to_item(wait)?;
        item.insert("pk".into(), AttributeValue::S(of_stack(arn)));
        item.insert("sk".into(), AttributeValue::S("WAIT".into()));
        item.insert("expires_at".into(), AttributeValue::N(self.expires_at().to_string()));
        self.put(item).await
    }

    /// Who waits for the stack with this id. An id is `arn:…:stack/<name>/<unique id>`.
    pub async fn who_waits_for(&self, stack_id: &str) -> Result<Option<StackWait>, Error> {
        let Some((arn, _)) = stack_id.rsplit_once('/') else { return Ok(None) };
        self.get(of_stack(arn), "WAIT".to_owned()).await
    }
}
