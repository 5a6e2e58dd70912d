//! The walk's sets in DynamoDB: see `syncline_core::walk`.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::json;
use syncline_core::names::{SyncId, TargetNumber};
use syncline_core::status::{Outcome, TargetStatus};
use syncline_core::walk::{Settled, WalkStore, Workflow as WalkWorkflow};

use super::targets::target_key;
use super::update::Updated;
use super::{Table, TargetRecord, from_item, of_sync, to_value};
use crate::workflow::Workflow;
use crate::{Error, clock, in_batches};

/// The walk over the targets of syncs in one table.
#[derive(Clone, Debug)]
pub struct Walk {
    /// Where the sets are.
    pub table: Table,
    /// What starts executions and answers tokens.
    pub workflow: Workflow,
}

impl Walk {
    /// The table and the state machines that the function's environment names.
    pub fn from_environment(configuration: &aws_config::SdkConfig) -> Result<Self, Error> {
        Ok(Self { table: Table::from_environment(configuration)?, workflow: Workflow::from_environment(configuration) })
    }

    /// Records one outcome on the target's own item, all of it, and then on its head, which is written again where the outcome
    /// was recorded before: whoever recorded it may have been cut off between the two.
    async fn record_one(
        &self,
        sync: &SyncId,
        number: TargetNumber,
        outcome: &Outcome,
    ) -> Result<Option<(TargetNumber, Settled)>, Error> {
        let mut update = self
            .table
            .update(of_sync(sync), target_key(number))
            .text("status", outcome.status.as_str())
            .once(&format!("events.{}", outcome.status), AttributeValue::S(clock::now()))
            .if_one_of("status", [TargetStatus::Pending.as_str(), TargetStatus::Deploying.as_str()]);
        if let Some(reason) = &outcome.reason {
            update = update.text("reason", reason);
        }
        if let Some(deployed) = &outcome.deployed {
            update = update.text("deployed", deployed.as_str());
        }
        if let Some(outputs) = &outcome.outputs {
            update = update.set("outputs", to_value(outputs)?);
        }
        if let Some(worked) = &outcome.worked {
            update = update.set("worked", to_value(worked)?);
        }
        if let Some(foreign) = &outcome.foreign {
            update = update.text("foreign", foreign);
        }
        let item = match update.send().await? {
            Updated::Refused(item) if item.is_empty() => return Ok(None),
            Updated::Applied(item) | Updated::Refused(item) => item,
        };
        let on_record: Outcome = from_item(item.clone())?;
        let target: TargetRecord = from_item(item)?;
        self.table.conclude(&target, &on_record).await?;
        Ok(Some((
            number,
            Settled { name: target.planned.name, outcome: on_record, dependents: target.planned.dependents },
        )))
    }
}

impl WalkStore for Walk {
    type Error = Error;

    /// Their numbers take at most four bytes each, so that a chunk with its keys stays below the kilobyte that is paid for with one
    /// unit.
    ///
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html>
    const CHUNK: u32 = 200;

    async fn record(
        &self,
        sync: &SyncId,
        outcomes: &BTreeMap<TargetNumber, Outcome>,
    ) -> Result<BTreeMap<TargetNumber, Settled>, Error> {
        let recorded =
            in_batches(outcomes.iter().map(|(number, outcome)| self.record_one(sync, *number, outcome))).await?;
        Ok(recorded.into_iter().flatten().collect())
    }

    async fn release(
        &self,
        sync: &SyncId,
        dependency: TargetNumber,
        waiters: &BTreeSet<TargetNumber>,
    ) -> Result<BTreeSet<TargetNumber>, Error> {
        let released = waiters.iter().map(|&waiter| async move {
            let updated = self
                .table
                .update(of_sync(sync), target_key(waiter))
                .take_out("waiting_on", vec![dependency.to_string()])
                .if_exists()
                .send()
                .await?;
            let (Updated::Applied(item) | Updated::Refused(item)) = updated;
            Ok((!item.is_empty() && !item.contains_key("waiting_on")).then_some(waiter))
        });
        Ok(in_batches(released).await?.into_iter().flatten().collect())
    }

    async fn ready(&self, sync: &SyncId) -> Result<BTreeSet<TargetNumber>, Error> {
        let targets = self.table.targets(sync).await?;
        let is_ready = |target: &&TargetRecord| target.status == TargetStatus::Pending && target.waiting_on.is_empty();
        Ok(targets.iter().filter(is_ready).map(|target| target.planned.number).collect())
    }

    async fn is_closed(&self, sync: &SyncId) -> Result<bool, Error> {
        Ok(!self.table.has_open(sync).await?)
    }

    async fn close(&self, sync: &SyncId, chunk: u32, targets: &BTreeSet<TargetNumber>) -> Result<bool, Error> {
        self.table.close(sync, Some(chunk), targets.iter().map(ToString::to_string).collect()).await
    }

    async fn close_chunks(&self, sync: &SyncId, chunks: &BTreeSet<u32>) -> Result<bool, Error> {
        self.table.close(sync, None, chunks.iter().map(ToString::to_string).collect()).await
    }
}

impl WalkWorkflow for Walk {
    type Error = Error;

    async fn start(&self, sync: &SyncId, targets: &BTreeSet<TargetNumber>) -> Result<(), Error> {
        self.workflow.start_targets(sync, targets.iter().copied()).await
    }

    async fn all_settled(&self, sync: &SyncId) -> Result<(), Error> {
        let token = self.table.sync(sync).await?.and_then(|record| record.task_token);
        if let Some(token) = token {
            // Nobody waits where the execution was stopped; the one that takes its place finds nothing open and goes on.
            self.workflow.succeed(&token, &json!({ "sync": sync })).await?;
        }
        Ok(())
    }
}
