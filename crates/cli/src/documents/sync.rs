//! One sync: its summary, which the history shows too, and everything about it.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use syncline_aws::table::{PublishAction, PublishStatus, SyncRecord, TargetRecord};
use syncline_core::diagnostic::{Diagnostic, Severity};
use syncline_core::lease::ByHand;
use syncline_core::location::Location;
use syncline_core::names::{BranchName, CommitId, RepositoryName, StackName, SyncId, TargetKind, TargetName};
use syncline_core::plan::Action;
use syncline_core::status::{SyncStatus, TargetStatus};
use time::OffsetDateTime;

use crate::times;

/// A sync without its targets.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct SyncSummary {
    /// Its id. The order of ids is the order of time.
    pub(crate) sync: SyncId,
    /// The connected repository.
    pub(crate) repository: RepositoryName,
    /// The branch.
    pub(crate) branch: BranchName,
    /// The branch's commit.
    pub(crate) commit: CommitId,
    /// The branch that the manifest is read from.
    pub(crate) manifest_branch: BranchName,
    /// The commit that the manifest is read at.
    pub(crate) manifest_commit: Option<CommitId>,
    /// Who worked on it by hand, where no push asked for it, and whether the files differed from the commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) by_hand: Option<ByHand>,
    /// `QUEUED`, `INITIATED`, `IN_PROGRESS`, `SUCCEEDED`, `FAILED`, `SUPERSEDED` or `CANCELLED`.
    pub(crate) status: SyncStatus,
    /// Why it failed, where that is no target's doing.
    pub(crate) reason: Option<String>,
    /// How many targets have which status, by the status in lower case: `{"succeeded": 4}`.
    #[serde(serialize_with = "in_lower_case")]
    pub(crate) counts: BTreeMap<TargetStatus, u32>,
    /// When it was recorded.
    pub(crate) queued_at: Option<String>,
    /// When it got its branch's lease.
    pub(crate) initiated_at: Option<String>,
    /// When its plan was stored.
    pub(crate) in_progress_at: Option<String>,
    /// When it was over.
    pub(crate) ended_at: Option<String>,
    /// How long it took from the lease on; `null` until it is over.
    pub(crate) took_seconds: Option<f64>,
    /// The pull requests that it opened or brought up to date.
    pub(crate) publish_actions: Vec<PublishDocument>,
}

/// A publish action: what became of the pull request from one branch to the next.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct PublishDocument {
    /// The branch that was synced.
    pub(crate) from: BranchName,
    /// The branch that the pull request goes to.
    pub(crate) to: BranchName,
    /// `CREATED`, `UPDATED`, `NOTHING_TO_PUBLISH`, `SUPERSEDED` or `FAILED`.
    pub(crate) status: PublishStatus,
    /// The pull request, where there is one.
    pub(crate) pull_request_id: Option<String>,
    /// Why, where it did not work.
    pub(crate) reason: Option<String>,
    /// When.
    pub(crate) recorded_at: String,
}

/// Everything about a sync: the keys of [`SyncSummary`], and these.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct SyncDocument {
    /// The sync itself; its keys stand beside the others.
    #[serde(flatten)]
    pub(crate) summary: SyncSummary,
    /// Its targets in deployment order, and after them by name those that its plan left alone.
    pub(crate) targets: Vec<TargetDocument>,
    /// What is wrong, or worth a look, in the repository's files.
    pub(crate) diagnostics: Vec<DiagnosticDocument>,
    /// Targets that the manifest no longer has; their stacks are left alone.
    pub(crate) unmanaged: Vec<TargetName>,
    /// What no sync of these targets could be shorter than; `null` until it is over, and where no stack was worked on.
    pub(crate) critical_path: Option<CriticalPath>,
}

/// The chain of targets, each of which waits for the one before, whose stacks were worked on longest.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct CriticalPath {
    /// The targets.
    pub(crate) targets: Vec<TargetName>,
    /// How long their stacks were worked on.
    pub(crate) stack_seconds: f64,
    /// From the stored plan to the last target that settled.
    pub(crate) took_seconds: f64,
}

impl CriticalPath {
    fn of(targets: &[TargetDocument], in_progress_at: Option<&str>) -> Option<Self> {
        // In deployment order: each after all that it waits for.
        let mut longest: BTreeMap<&TargetName, (f64, Option<&TargetName>)> = BTreeMap::new();
        for target in targets.iter().filter(|target| target.deploying_at.is_some()) {
            let before = target.waits_on.iter().filter_map(|other| Some((longest.get(other)?.0, other)));
            let before = before.max_by(|one, other| one.0.total_cmp(&other.0));
            let (seconds, from) = before.map_or((0.0, None), |(seconds, from)| (seconds, Some(from)));
            longest.insert(&target.target, (seconds + target.stack_seconds()?, from));
        }
        let (last, (stack_seconds, _)) = longest.iter().max_by(|(_, one), (_, other)| one.0.total_cmp(&other.0))?;
        let mut chain = vec![(*last).clone()];
        while let Some((_, Some(before))) = chain.last().and_then(|last| longest.get(last)) {
            chain.push((*before).clone());
        }
        chain.reverse();
        let settled =
            targets.iter().filter_map(|target| times::seconds_between(in_progress_at?, target.settled_at.as_deref()?));
        Some(Self { targets: chain, stack_seconds: *stack_seconds, took_seconds: settled.fold(0.0, f64::max) })
    }
}

/// A target in a sync. One that the plan left alone has no kind, stack or times.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct TargetDocument {
    /// Its name.
    pub(crate) target: TargetName,
    /// What it is.
    pub(crate) kind: Option<TargetKind>,
    /// Its stack.
    pub(crate) stack: Option<StackName>,
    /// Where that is, where it is not where Syncline is.
    #[serde(skip_serializing_if = "Location::is_home")]
    pub(crate) location: Location,
    /// What is to be done: `deploy` or `delete`.
    pub(crate) action: Option<Action>,
    /// `PENDING`, `DEPLOYING`, `SUCCEEDED`, `UNCHANGED`, `FAILED`, `SKIPPED` or `BLOCKED`.
    pub(crate) status: TargetStatus,
    /// Why, where it is not in step.
    pub(crate) reason: Option<String>,
    /// The targets that it waits for.
    pub(crate) waits_on: Vec<TargetName>,
    /// When it was planned.
    pub(crate) pending_at: Option<String>,
    /// When the last of those that it waits for had settled, or the plan was stored.
    pub(crate) ready_at: Option<String>,
    /// When its stack was first looked at.
    pub(crate) deploying_at: Option<String>,
    /// When CloudFormation was asked, and when its end was heard of; `null` where no event told of it.
    pub(crate) asked_at: Option<String>,
    /// See `asked_at`.
    pub(crate) heard_at: Option<String>,
    /// When it settled.
    pub(crate) settled_at: Option<String>,
    /// How long it waited for others.
    pub(crate) waited_seconds: Option<f64>,
    /// How long its stack was worked on; `null` until it has settled.
    pub(crate) took_seconds: Option<f64>,
    /// Its resources, where they were looked at.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) resources: Vec<ResourceDocument>,
    /// Whether CloudFormation began with its stack, as far as can be told: what was refused at once is not entered again.
    #[serde(skip)]
    pub(crate) is_touched: bool,
}

/// A resource of a target's stack, in the operation that came last.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct ResourceDocument {
    /// Its name in the template.
    pub(crate) resource: String,
    /// Its type.
    pub(crate) kind: String,
    /// What its template says is shown of it: `aws:copilot:description`.
    pub(crate) description: Option<String>,
    /// Its status, as CloudFormation spells it.
    pub(crate) status: String,
    /// Why it failed, where it did.
    pub(crate) reason: Option<String>,
    /// When it was begun with.
    pub(crate) began_at: String,
    /// When it came to its status.
    pub(crate) changed_at: String,
}

impl ResourceDocument {
    /// How long it was, or has been, worked on.
    pub(crate) fn seconds(&self, moment: OffsetDateTime) -> Option<f64> {
        if self.status.ends_with("_IN_PROGRESS") {
            times::seconds_until(&self.began_at, moment)
        } else {
            times::seconds_between(&self.began_at, &self.changed_at)
        }
    }
}

/// A problem in a file.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct DiagnosticDocument {
    /// `error` or `warning`.
    pub(crate) severity: Severity,
    /// What is wrong.
    pub(crate) message: String,
    /// The file.
    pub(crate) path: String,
    /// The line, from 1.
    pub(crate) line: Option<usize>,
    /// The column in characters, from 1.
    pub(crate) column: Option<usize>,
    /// What to do.
    pub(crate) help: Option<String>,
    /// All of it in one line, for text.
    #[serde(skip)]
    pub(crate) one_line: String,
}

impl SyncSummary {
    /// From the record, its publish actions, and the counts where the record does not have them yet.
    pub(crate) fn new(record: SyncRecord, counts: BTreeMap<TargetStatus, u32>, publishes: Vec<PublishAction>) -> Self {
        let at = |status: SyncStatus| record.events.get(&status).cloned();
        let ended_at = record.events.iter().find(|(status, _)| status.is_terminal()).map(|(_, at)| at.clone());
        let initiated_at = at(SyncStatus::Initiated);
        let took_seconds = initiated_at.as_deref().zip(ended_at.as_deref());
        Self {
            took_seconds: took_seconds.and_then(|(from, to)| times::seconds_between(from, to)),
            queued_at: at(SyncStatus::Queued),
            in_progress_at: at(SyncStatus::InProgress),
            initiated_at,
            ended_at,
            sync: record.sync,
            repository: record.repository,
            branch: record.branch,
            commit: record.commit,
            manifest_branch: record.manifest_branch,
            manifest_commit: record.manifest_commit,
            by_hand: record.by_hand,
            status: record.status,
            reason: record.reason,
            counts: if record.counts.is_empty() { counts } else { record.counts },
            publish_actions: publishes.into_iter().map(PublishDocument::from).collect(),
        }
    }

    /// How long it took, or has taken until this moment; nothing where it never began.
    pub(crate) fn seconds(&self, moment: OffsetDateTime) -> Option<f64> {
        let running = || times::seconds_until(self.initiated_at.as_deref()?, moment);
        if self.ended_at.is_some() { self.took_seconds } else { running() }
    }
}

impl From<PublishAction> for PublishDocument {
    fn from(action: PublishAction) -> Self {
        Self {
            from: action.publish.from,
            to: action.publish.to,
            status: action.status,
            pull_request_id: action.pull_request_id,
            reason: action.reason,
            recorded_at: action.recorded_at,
        }
    }
}

impl SyncDocument {
    /// From what is stored of a sync.
    pub(crate) fn new(
        record: SyncRecord,
        targets: Vec<TargetRecord>,
        kept: Vec<TargetName>,
        publishes: Vec<PublishAction>,
    ) -> Self {
        let names: BTreeMap<_, _> =
            targets.iter().map(|target| (target.planned.number, target.planned.name.clone())).collect();
        let mut documents: Vec<TargetDocument> = targets
            .into_iter()
            .map(|target| {
                let waits_on = target.planned.waits_on.iter().filter_map(|number| names.get(number)).cloned().collect();
                TargetDocument::deployed(target, waits_on)
            })
            .collect();
        let in_progress_at = record.events.get(&SyncStatus::InProgress).cloned();
        tell_when_ready(&mut documents, in_progress_at.as_deref());
        let is_over = record.status.is_terminal();
        let critical_path = CriticalPath::of(&documents, in_progress_at.as_deref()).filter(|_| is_over);
        let mut kept: Vec<TargetDocument> = kept.into_iter().map(TargetDocument::kept).collect();
        kept.sort_by(|a, b| a.target.cmp(&b.target));
        documents.extend(kept);
        let mut counts = BTreeMap::new();
        for target in &documents {
            *counts.entry(target.status).or_default() += 1;
        }
        Self {
            diagnostics: record.diagnostics.iter().map(DiagnosticDocument::from).collect(),
            unmanaged: record.unmanaged.clone(),
            summary: SyncSummary::new(record, counts, publishes),
            targets: documents,
            critical_path,
        }
    }
}

/// Says of each target since when it waited for nothing.
fn tell_when_ready(targets: &mut [TargetDocument], in_progress_at: Option<&str>) {
    let settled: BTreeMap<TargetName, String> =
        targets.iter().filter_map(|target| Some((target.target.clone(), target.settled_at.clone()?))).collect();
    for target in targets {
        let others: Option<Vec<&String>> = target.waits_on.iter().map(|other| settled.get(other)).collect();
        // Times of one form are in the order of their texts.
        target.ready_at = others
            .and_then(|others| others.into_iter().max().map(String::as_str).or(in_progress_at).map(str::to_owned));
    }
}

impl TargetDocument {
    /// How long its stack was worked on by CloudFormation, as far as that is known, else by Deploy.
    fn stack_seconds(&self) -> Option<f64> {
        let from = self.asked_at.as_deref().or(self.deploying_at.as_deref())?;
        times::seconds_between(from, self.heard_at.as_deref().or(self.settled_at.as_deref())?)
    }

    fn deployed(record: TargetRecord, waits_on: Vec<TargetName>) -> Self {
        let at = |status: TargetStatus| record.events.get(&status).cloned();
        let settled_at = record.events.iter().find(|(status, _)| status.is_terminal()).map(|(_, at)| at.clone());
        let (pending_at, deploying_at) = (at(TargetStatus::Pending), at(TargetStatus::Deploying));
        let between =
            |from: &Option<String>, to: &Option<String>| times::seconds_between(from.as_deref()?, to.as_deref()?);
        Self {
            waited_seconds: between(&pending_at, if deploying_at.is_some() { &deploying_at } else { &settled_at }),
            took_seconds: between(&deploying_at, &settled_at),
            pending_at,
            ready_at: None,
            deploying_at,
            is_touched: record.entered > 1 || record.worked.is_some(),
            asked_at: record.worked.as_ref().map(|worked| worked.asked_at.clone()),
            heard_at: record.worked.map(|worked| worked.heard_at),
            settled_at,
            target: record.planned.name,
            kind: Some(record.planned.kind),
            stack: Some(record.planned.stack),
            location: record.planned.location,
            action: Some(record.planned.action),
            status: record.status,
            reason: record.reason,
            waits_on,
            resources: Vec::new(),
        }
    }

    fn kept(target: TargetName) -> Self {
        Self {
            target,
            kind: None,
            stack: None,
            location: Location::default(),
            action: None,
            status: TargetStatus::Unchanged,
            reason: None,
            waits_on: Vec::new(),
            pending_at: None,
            ready_at: None,
            deploying_at: None,
            asked_at: None,
            heard_at: None,
            settled_at: None,
            waited_seconds: None,
            took_seconds: None,
            resources: Vec::new(),
            is_touched: false,
        }
    }

    /// Whether the plan left it alone.
    pub(crate) fn is_kept(&self) -> bool {
        self.pending_at.is_none()
    }

    /// How long its stack was, or has been, worked on.
    pub(crate) fn seconds(&self, moment: OffsetDateTime) -> Option<f64> {
        let running = || times::seconds_until(self.deploying_at.as_deref()?, moment);
        if self.settled_at.is_some() { self.took_seconds } else { running() }
    }
}

impl From<&Diagnostic> for DiagnosticDocument {
    fn from(diagnostic: &Diagnostic) -> Self {
        Self {
            severity: diagnostic.severity,
            message: diagnostic.message.clone(),
            path: diagnostic.path.to_string(),
            line: diagnostic.span.map(|span| span.line),
            column: diagnostic.span.map(|span| span.column),
            help: diagnostic.help.clone(),
            one_line: diagnostic.one_line(),
        }
    }
}

fn in_lower_case<S: Serializer>(counts: &BTreeMap<TargetStatus, u32>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(counts.iter().map(|(status, count)| (status.as_str().to_ascii_lowercase(), count)))
}
