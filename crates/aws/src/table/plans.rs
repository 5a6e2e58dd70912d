//! The plan of a sync, stored so that a second one adds nothing to it.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use syncline_core::diagnostic::Diagnostic;
use syncline_core::manifest::TargetEntry;
use syncline_core::names::{RepoPath, TargetName};
use syncline_core::plan::Plan;
use syncline_core::status::SyncStatus;

use super::update::Updated;
use super::{Item, SyncRecord, Table, TargetRecord, of_sync, to_value};
use crate::{Error, clock, in_batches};

/// What became of a plan that was to be stored.
#[derive(Debug)]
pub enum Stored {
    /// The sync is in progress; the records of its targets.
    Begun(Vec<TargetRecord>),
    /// The sync was stopped meanwhile, or another Begin was first.
    Late,
    /// Another Begin planned something else for the sync, and stored some of it: what is known of the targets, or Syncline, has
    /// changed between the two. Nothing of this one was stored.
    Differs,
}

impl Table {
    /// Stores a plan and brings its sync into progress. Once that is done the plan stays as it is. The heads of its targets are
    /// only now to say that they are desired: a Begin that is cut off before plans again, and must find them as they were. By
    /// hand there is no task to answer yet: see [`Table::await_hand`].
    pub async fn store_plan(
        &self,
        record: &SyncRecord,
        manifest: &RepoPath,
        plan: &Plan,
        entries: &BTreeMap<TargetName, TargetEntry>,
        warnings: &[Diagnostic],
        task_token: Option<&str>,
    ) -> Result<Stored, Error> {
        let targets = TargetRecord::of_plan(record, manifest, plan, entries);
        let numbers = || targets.iter().map(|target| target.planned.number);
        if !self.adopt_plan(&record.sync, &plan.digest(), numbers()).await? {
            return Ok(Stored::Differs);
        }
        let mut items: Vec<Item> = targets.iter().map(|target| self.target_item(target)).collect::<Result<_, _>>()?;
        items.extend(self.open_items(&record.sync, numbers()));
        items.extend(self.kept_items(&record.sync, plan)?);
        // Each where none stands: a second Begin of the same sync must not reset what the first one's targets came to.
        in_batches(items.into_iter().map(|item| self.put_new(item))).await?;
        let mut update = self
            .update(of_sync(&record.sync), "SYNC".to_owned())
            .text("status", SyncStatus::InProgress.as_str())
            .once(&format!("events.{}", SyncStatus::InProgress), AttributeValue::S(clock::now()))
            .set("diagnostics", to_value(&warnings)?)
            .set("publish", to_value(&plan.publish)?)
            .set("unmanaged", to_value(&plan.unmanaged)?)
            .if_one_of("status", SyncStatus::InProgress.may_follow().iter().map(|status| status.as_str()));
        if let Some(task_token) = task_token {
            update = update.text("task_token", task_token);
        }
        if let Updated::Refused(_) = update.if_absent("cancelled").send().await? {
            return Ok(Stored::Late);
        }
        Ok(Stored::Begun(targets))
    }
}
