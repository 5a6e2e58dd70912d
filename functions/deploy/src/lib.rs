//! Makes the next move with a target's stack; the task then waits for the stack's event. A target that has nothing to wait
//! for is settled here.
//!
//! It may be entered again: after a crash, when something that it waited for has ended, or when an event was lost. It
//! then looks before it moves. Which move comes next is decided in `syncline_core::deployment`.

use std::collections::BTreeMap;

use lambda_runtime::Diagnostic as LambdaError;
use serde::Deserialize;
use serde_json::{Value, json};
use syncline_aws::all_stacks::AllStacks;
use syncline_aws::foreign::ForeignChange;
use syncline_aws::lambda::configuration;
use syncline_aws::moves::{Deployment, Entered, Reached};
use syncline_aws::repository::Repositories;
use syncline_aws::table::{Head, StackWait, SyncRecord, TargetRecord, Walk};
use syncline_aws::templates::Templates;
use syncline_aws::{Error, clock, settings};
use syncline_core::deployment::Operation;
use syncline_core::files::{Files, Want};
use syncline_core::hold::{Hold, holding};
use syncline_core::location::{Location, Locations};
use syncline_core::names::{Digest, SyncId, TargetName, TargetNumber};
use syncline_core::plan::Action;
use syncline_core::recipe::{self, Before, Cache, Context};
use syncline_core::render::Outputs;
use syncline_core::stack::StackRequest;
use syncline_core::status::{Outcome, TargetStatus};
use syncline_core::walk;

/// The function and what it may touch.
#[derive(Debug)]
pub struct Deploy {
    repositories: Repositories,
    walk: Walk,
    stacks: AllStacks,
    templates: Templates,
    account_id: String,
}

/// What the state machine hands in.
#[derive(Debug, Deserialize)]
struct Input {
    sync: SyncId,
    target: TargetNumber,
    task_token: String,
}

impl Deploy {
    /// Reads the function's settings and makes its clients.
    pub fn from_environment() -> Result<Self, Error> {
        let configuration = configuration()?;
        Ok(Self {
            walk: Walk::from_environment(&configuration)?,
            stacks: AllStacks::from_environment(&configuration)?,
            templates: Templates::from_environment(&configuration)?,
            account_id: settings::required("ACCOUNT_ID")?,
            repositories: Repositories::new(&configuration),
        })
    }

    /// Enters the task.
    pub async fn handle(&self, input: Value) -> Result<Value, LambdaError> {
        let input = Input::deserialize(&input).map_err(|error| Error::damaged("input of Deploy", error))?;
        let Some((before, sync)) = self.walk.table.target_and_sync(&input.sync, input.target).await? else {
            let what = format!("target {} of sync {}", input.target, input.sync);
            return Err(Error::damaged(what, "no record of it").into());
        };
        let location = before.planned.location.clone();
        let entry = match self.deploy(&input, before, sync).await {
            // What AWS refuses, or does not allow, it will refuse again: that is the target's outcome.
            Err(error @ (Error::Refused { .. } | Error::Denied { .. })) => {
                Reached::Settled(Outcome::failed(refused(&error, &location)))
            }
            other => other?,
        };
        if let Reached::Settled(outcome) = &entry {
            let outcome = outcome.clone().at(&location);
            let recorded = walk::settle(&self.walk, &input.sync, input.target, outcome).await?;
            self.walk.workflow.succeed(&input.task_token, &json!({ "status": recorded.status })).await?;
        }
        Ok(json!({ "settled": matches!(entry, Reached::Settled(_)) }))
    }

    async fn deploy(&self, input: &Input, before: TargetRecord, sync: Option<SyncRecord>) -> Result<Reached, Error> {
        // By whoever stopped the sync, or by a Deploy or an event that was cut off before all was done: so it is settled again.
        let settled = || Reached::Settled(Outcome::because(TargetStatus::Skipped, "settled before it was deployed"));
        if before.status.is_terminal() {
            return Ok(settled());
        }
        let is_deletion = before.planned.action == Action::Delete;
        let request = async { if is_deletion { Ok(None) } else { self.request(&before).await.map(Some) } };
        let known = self.walk.table.head_and_holds(&before.repository, &before.branch, &before.planned.name);
        let (known, request) = tokio::join!(known, request);
        let (head, holds) = known?;
        // Before it is noted that it enters: whoever is cut off or refused here looks again.
        if let Some(settled) = not_to_begin(&before, sync.as_ref(), &holds) {
            return Ok(settled);
        }
        let request = match request?.transpose() {
            Ok(request) => request,
            Err(reason) => return Ok(Reached::Settled(Outcome::failed(reason))),
        };
        if let Some(unchanged) = unchanged(&before, head.as_ref(), request.as_ref()) {
            return Ok(unchanged);
        }
        if let Some(settled) = self.changed_by_others(&before, head.as_ref()).await? {
            return Ok(settled);
        }
        let Some(record) = self.walk.table.enter_target(&input.sync, input.target).await? else {
            return Ok(settled());
        };
        let moved = match &request {
            Some(request) => self.move_on(input, &record, head.as_ref(), request).await,
            None => self.delete(input, &record, head.as_ref()).await,
        };
        if matches!(moved, Err(Error::Throttled { .. })) && record.entered == 1 {
            // It was asked for nothing, as far as is known, so whoever tries again need not look first: that is two calls more
            // of a CloudFormation that is asked too much. If it was after all, it says so.
            self.walk.table.leave_target(&input.sync, input.target).await?;
        }
        moved
    }

    /// The outcome of a target whose stack others changed since Syncline deployed it for this repository, unless that is
    /// accepted.
    async fn changed_by_others(&self, record: &TargetRecord, head: Option<&Head>) -> Result<Option<Reached>, Error> {
        let (stack, location, repository) = (&record.planned.stack, &record.planned.location, &record.repository);
        let Some(head) = head.filter(|head| head.has_deployed(stack, location)) else { return Ok(None) };
        let stacks = self.stacks.at(location, repository).await?;
        let found = ForeignChange::newest(&stacks, &self.walk.table, repository, stack).await?;
        let found = found.filter(|found| head.accepted.as_ref() != Some(&found.operation.id));
        // One that is to go may be gone; and what this sync itself works on may be gone for a moment.
        let may_be_gone = record.planned.action == Action::Delete || record.entered > 0;
        Ok(found.filter(|found| !(found.is_gone() && may_be_gone)).map(|found| {
            let reason = found.explain(stack, &record.planned.name);
            let blocked = Outcome::because(TargetStatus::Blocked, reason);
            Reached::Settled(Outcome { foreign: Some(found.operation.id), ..blocked })
        }))
    }

    async fn move_on(
        &self,
        input: &Input,
        record: &TargetRecord,
        head: Option<&Head>,
        request: &StackRequest,
    ) -> Result<Reached, Error> {
        let location = &record.planned.location;
        // First the token, then the call: an event that comes at once finds it.
        let (waiting, sources, stacks) = tokio::join!(
            self.wait(input, record, request.digest()),
            self.templates.sources(request),
            self.stacks.at(location, &record.repository)
        );
        waiting?;
        let deployment = Deployment {
            request,
            sources: &sources?,
            is_adopted: record.entry.as_ref().is_some_and(|entry| entry.adopts),
            outputs_wanted: record.planned.outputs_wanted,
        };
        let entered = Entered {
            before: record.entered > 1,
            known_to_exist: head.is_some_and(|head| head.has_deployed(&request.stack, location)),
        };
        stacks?.bring_in_step(deployment, &operation(input), entered).await
    }

    /// Deletes the stack of a target whose entry left the manifest.
    async fn delete(&self, input: &Input, record: &TargetRecord, head: Option<&Head>) -> Result<Reached, Error> {
        self.wait(input, record, Digest::new("")).await?;
        let reason = "deleted, since it left the manifest";
        let stacks = match self.stacks.at(&record.planned.location, &record.repository).await {
            // It never came to be where nobody lets Syncline in.
            Err(Error::Denied { .. }) if head.is_none_or(|head| head.successful_sync.is_none()) => {
                let reason = "forgotten, since it left the manifest and was never deployed";
                return Ok(Reached::Settled(Outcome::because(TargetStatus::Succeeded, reason)));
            }
            stacks => stacks?,
        };
        stacks.take_away(&record.planned.stack, &operation(input), record.entered > 1, reason).await
    }

    /// Notes that this task waits for the stack's event.
    async fn wait(&self, input: &Input, record: &TargetRecord, digest: Digest) -> Result<(), Error> {
        let wait = StackWait {
            sync: input.sync.clone(),
            target: input.target,
            task_token: input.task_token.clone(),
            deployed: digest,
            outputs_wanted: record.planned.outputs_wanted,
            asked_at: clock::now(),
        };
        let arn = self.stacks.arn(&record.planned.location, &record.planned.stack);
        self.walk.table.wait_for_stack(&arn, &wait).await
    }

    /// What CloudFormation is to be asked for, from the repository's files at the sync's commit; or why it cannot be
    /// said, which the plan could not know before the environment's outputs were there.
    async fn request(&self, record: &TargetRecord) -> Result<Result<StackRequest, String>, Error> {
        let Some(entry) = &record.entry else {
            return Err(Error::damaged(format!("target {}", record.planned.name), "it has no entry of the manifest"));
        };
        let repository = self.repositories.named(record.repository.clone());
        let mut files = Files::default();
        let wanted = record.planned.reads.iter().cloned().map(Want::File).collect();
        let (read, outputs) = tokio::join!(repository.read(&record.commit, wanted, &mut files), self.outputs(record));
        read?;
        let context = Context {
            repository: record.repository.to_string(),
            account_id: self.account_id.clone(),
            // What was planned says where it is.
            locations: Locations::default(),
            manifest: record.manifest.clone(),
            outputs: Outputs::Known(outputs?),
            before: Before::Known(record.planned.before.clone()),
        };
        let mut cache = Cache::default();
        let prepared = repository
            .read_until(&record.commit, &mut files, |files| recipe::prepare(entry, &context, files, &mut cache))
            .await?;
        Ok(prepared.map(|prepared| prepared.request).map_err(|problems| {
            problems.iter().map(syncline_core::diagnostic::Diagnostic::one_line).collect::<Vec<_>>().join("; ")
        }))
    }

    /// The outputs that the target's template shows, of each stack that it shows some of: from the head of the target
    /// that the stack is, where its last deployment left them, else from the stack.
    async fn outputs(&self, record: &TargetRecord) -> Result<BTreeMap<String, BTreeMap<String, String>>, Error> {
        let mut outputs = BTreeMap::new();
        for source in &record.planned.outputs_from {
            let head = self.walk.table.head(&record.repository, &TargetName::new(source.name.as_str())).await?;
            let location = source.location.clone().unwrap_or_default();
            let kept = head.filter(|head| head.has_deployed(&source.stack, &location)).and_then(|head| head.outputs);
            let of_source = match kept {
                Some(outputs) => outputs,
                None => {
                    let stacks = self.stacks.at(&location, &record.repository).await?;
                    stacks.outputs(&source.stack).await?.unwrap_or_default()
                }
            };
            outputs.insert(source.name.clone(), of_source);
        }
        Ok(outputs)
    }
}

/// What to say of what AWS refused for good.
fn refused(error: &Error, location: &Location) -> String {
    match (error, location) {
        (Error::Denied { .. }, Location { account: None, region: Some(region), .. }) => {
            format!("{error}; `{region}` has to be among Syncline's `TargetRegions`")
        }
        _ => error.to_string(),
    }
}

/// The outcome of a target that is not to begin: its sync was stopped, or was carried out by hand by somebody who is not there
/// any more, or it is held.
fn not_to_begin(record: &TargetRecord, sync: Option<&SyncRecord>, holds: &[Hold]) -> Option<Reached> {
    let sync = sync?;
    let skipped = |reason: &str| Some(Reached::Settled(Outcome::because(TargetStatus::Skipped, reason)));
    if sync.by_hand.is_some() {
        return skipped("the sync is carried out by hand");
    }
    if record.entered == 0 && sync.cancelled {
        return skipped("the sync was stopped by hand");
    }
    let hold = holding(holds, &record.branch, &record.planned.name).filter(|_| record.entered == 0)?;
    Some(Reached::Settled(Outcome::because(TargetStatus::Blocked, hold.explain())))
}

/// The outcome of a target whose stack is just what is asked for, as the history knows: nothing is asked of CloudFormation.
fn unchanged(record: &TargetRecord, head: Option<&Head>, request: Option<&StackRequest>) -> Option<Reached> {
    let digest = request?.digest();
    let is_deployed = head?.deployed.as_ref() == Some(&digest);
    let unchanged = Outcome { deployed: Some(digest), ..Outcome::of(TargetStatus::Unchanged) };
    (record.planned.was_in_step && is_deployed && record.entered == 0).then_some(Reached::Settled(unchanged))
}

fn operation(input: &Input) -> Operation {
    Operation { sync: input.sync.clone(), target: input.target }
}
