//! `syncline status --watch`: follows a sync until it is over.
//!
//! It looks at the table a few times a second, with one query that reads what is stored as it is now. The sync does not
//! know that it is watched: nothing is lost when the watching ends.

use std::collections::BTreeSet;
use std::time::Duration;

use syncline_aws::all_stacks::AllStacks;
use syncline_core::location::Location;
use syncline_core::names::{CommitId, StackName, SyncId};
use syncline_core::status::SyncStatus;
use tokio::time::{Instant, sleep};

use super::{Reader, no_such_sync, now, read_sync};
use crate::answer::{Answer, End};
use crate::arguments::{Global, Output, Status};
use crate::documents::SyncDocument;
use crate::failure::Failure;
use crate::paint::Paint;
use crate::resources::{MOST_LOOKS, Resources};
use crate::screen::Screen;
use crate::{connection, draw, interrupt};

/// How long from one look to the next.
const BETWEEN_LOOKS: Duration = Duration::from_millis(300);
/// How long from one look at resources to the next: CloudFormation allows few of them.
const BETWEEN_RESOURCES: Duration = Duration::from_secs(1);
/// How many looks in a row may fail for a reason that may pass.
const PATIENCE: u32 = 10;
/// How many of a branch's newest syncs a shortened commit id is looked for among.
const RECENT: i32 = 100;
/// A sync's record follows its claim at once; one that is not there after so many looks will not come.
const LOOKS_FOR_RECORD: u32 = 100;

/// Which sync is meant.
#[derive(Clone, Debug)]
enum Wanted<'s> {
    /// The newest of the commit whose id begins so.
    OfCommit(&'s str),
    /// The newest that runs, or else the newest.
    Newest,
    /// The newest that runs.
    Running,
    /// The newest that runs, or else the newest, if it is not that one, which was the newest before.
    RunningOrAfter(Option<SyncId>),
}

/// A sync that could be the one that is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Candidate {
    sync: SyncId,
    commit: CommitId,
    /// It holds its branch's lease.
    runs: bool,
}

pub(super) async fn run(global: &Global, status: &Status) -> Result<Answer, Failure> {
    let reader = Reader::open(&status.installation, &status.scope).await?;
    let screen = Screen::new(global.output, global.no_color);
    interrupt::heed();
    let mut followed = None;
    let ended = tokio::select! {
        document = follow(&reader, status, &screen, &mut followed) => Some(document),
        () = interrupt::came() => None,
    };
    match ended {
        Some(Ok(document)) => {
            screen.leave();
            answer(&document, global)
        }
        Some(Err(failure)) => {
            screen.clear();
            Err(failure)
        }
        None => {
            screen.leave();
            Ok(interrupted(&reader, followed.as_ref()))
        }
    }
}

/// Finds the sync and looks at it until it is over. `followed` is what was last seen of it.
async fn follow(
    reader: &Reader,
    status: &Status,
    screen: &Screen,
    followed: &mut Option<SyncDocument>,
) -> Result<SyncDocument, Failure> {
    let sync = find(reader, status, screen).await?;
    let mut below = Below::new(status.verbose).await?;
    let (mut failures, mut looks) = (0, 0);
    loop {
        match read_sync(&reader.table, &sync).await {
            Ok(Some(mut document)) => {
                below.look(&mut document).await;
                screen.show(followed.as_ref(), &document, now());
                if document.summary.status.is_terminal() {
                    return Ok(document);
                }
                failures = 0;
                *followed = Some(document);
            }
            Ok(None) if looks < LOOKS_FOR_RECORD => looks += 1,
            Ok(None) => return Err(no_such_sync(&sync)),
            Err(error) if failures < PATIENCE && error.may_pass() => failures += 1,
            Err(error) => return Err(error.into()),
        }
        sleep(BETWEEN_LOOKS).await;
    }
}

/// The resources of what is deployed, for below their targets: as far as whoever watches may see them.
struct Below {
    stacks: AllStacks,
    resources: Resources,
    is_verbose: bool,
    /// Where it was refused, and is not asked for again.
    refused: BTreeSet<Location>,
    last: Option<Instant>,
    /// Stacks that were looked at and whose targets had not settled.
    unsettled: BTreeSet<StackName>,
}

impl Below {
    async fn new(is_verbose: bool) -> Result<Self, Failure> {
        let (stacks, resources) = (connection::stacks().await?, Resources::default());
        Ok(Self { stacks, resources, is_verbose, refused: BTreeSet::new(), last: None, unsettled: BTreeSet::new() })
    }

    async fn look(&mut self, document: &mut SyncDocument) {
        let is_time = self.last.is_none_or(|last| last.elapsed() >= BETWEEN_RESOURCES);
        if is_time {
            self.last = Some(Instant::now());
            for _ in 0..MOST_LOOKS {
                let Some(stack) = self.resources.next(document) else { break };
                // A stack that has just been asked for may not be there yet.
                let _ = self.look_at(&stack, document).await;
                self.unsettled.insert(stack);
            }
        }
        // Once more when a target has settled, so that its resources are shown as they ended.
        let settled = document.targets.iter().filter(|target| target.status.is_terminal());
        for stack in settled.filter_map(|target| self.unsettled.take(target.stack.as_ref()?)).collect::<Vec<_>>() {
            let _ = self.look_at(&stack, document).await;
        }
        self.resources.add_to(document, self.is_verbose);
    }

    async fn look_at(&mut self, stack: &StackName, document: &SyncDocument) -> Result<(), syncline_aws::Error> {
        let target = document.targets.iter().find(|target| target.stack.as_ref() == Some(stack));
        let location = target.map(|target| target.location.clone()).unwrap_or_default();
        if self.refused.contains(&location) {
            return Ok(());
        }
        let looked = async {
            let stacks = self.stacks.at(&location, &document.summary.repository).await?;
            if !self.resources.is_described(stack) {
                self.resources.describe(stack, &stacks.template(stack).await?);
            }
            self.resources.tell(stack, stacks.resource_events(stack, &document.summary.sync).await?);
            Ok(())
        };
        let looked = looked.await;
        if let Err(syncline_aws::Error::Denied { .. }) = &looked {
            self.refused.insert(location);
        }
        looked
    }
}

/// Finds the sync to follow, and waits for it as long as was asked for.
async fn find(reader: &Reader, status: &Status, screen: &Screen) -> Result<SyncId, Failure> {
    let wanted = match &status.commit {
        Some(commit) => Wanted::OfCommit(commit),
        None if status.wait == 0 => Wanted::Newest,
        None => Wanted::Running,
    };
    let deadline = Instant::now() + Duration::from_secs(status.wait);
    let first = candidates(reader, &wanted).await?;
    if let Some(sync) = choose(&first, &wanted) {
        return Ok(sync);
    }
    let newest_before = newest(&first);
    if status.wait > 0 {
        screen.say(&format!("○ waits up to {} s for a sync to begin", status.wait));
    }
    let wanted = match wanted {
        Wanted::Running => Wanted::RunningOrAfter(newest_before.clone()),
        other => other,
    };
    while Instant::now() < deadline {
        sleep(BETWEEN_LOOKS).await;
        let present = candidates(reader, &wanted).await?;
        if let Some(sync) = choose(&present, &wanted) {
            return Ok(sync);
        }
    }
    Err(not_found(reader, status, newest_before.as_ref()))
}

/// Which of the candidates is meant. Ids are compared with ids that were seen, not with this machine's clock, which may
/// differ from the one that made them.
fn choose(candidates: &[Candidate], wanted: &Wanted<'_>) -> Option<SyncId> {
    let running = || candidates.iter().filter(|candidate| candidate.runs).map(|candidate| candidate.sync.clone()).max();
    match wanted {
        Wanted::OfCommit(commit) => {
            let of_commit = candidates.iter().filter(|candidate| candidate.commit.as_str().starts_with(commit));
            of_commit.map(|candidate| candidate.sync.clone()).max()
        }
        Wanted::Newest => running().or_else(|| newest(candidates)),
        Wanted::Running => running(),
        Wanted::RunningOrAfter(before) => {
            running().or_else(|| newest(candidates).filter(|newest| Some(newest) > before.as_ref()))
        }
    }
}

fn newest(candidates: &[Candidate]) -> Option<SyncId> {
    candidates.iter().map(|candidate| candidate.sync.clone()).max()
}

/// The syncs that could be meant. The leases tell what runs, as it is now; the index, which may be a moment behind,
/// tells what was.
async fn candidates(reader: &Reader, wanted: &Wanted<'_>) -> Result<Vec<Candidate>, Failure> {
    let mut found = Vec::new();
    let commit = if let Wanted::OfCommit(commit) = wanted { Some(*commit) } else { None };
    let recent = if commit.is_some() { RECENT } else { 1 };
    let leases = reader.leases().await?;
    for (branch, lease) in &leases {
        found.extend(lease.holder.iter().map(|claim| (claim.sync.clone(), claim.commit.clone(), true)));
        found.extend(lease.waiting.iter().map(|claim| (claim.sync.clone(), claim.commit.clone(), false)));
        let records = reader.table.syncs_of_branch(&reader.repository, branch, recent).await?;
        found.extend(records.into_iter().map(|record| (record.sync, record.commit, false)));
    }
    if let Some(commit) = commit.map(CommitId::new).filter(CommitId::is_valid) {
        let records = reader.table.syncs_of_commit(&commit, RECENT).await?;
        let ours = records.into_iter().filter(|record| {
            record.repository == reader.repository
                && reader.branch.as_ref().is_none_or(|branch| *branch == record.branch)
        });
        found.extend(ours.map(|record| (record.sync, record.commit, false)));
    }
    Ok(found.into_iter().map(|(sync, commit, runs)| Candidate { sync, commit, runs }).collect())
}

fn not_found(reader: &Reader, status: &Status, newest: Option<&SyncId>) -> Failure {
    let options = reader.options();
    match (&status.commit, newest) {
        (Some(commit), _) => Failure::usage(
            format!("there is no sync of commit `{commit}`"),
            format!("`syncline history {options}` lists those that there are; `--wait 30` waits for one to begin"),
        ),
        (None, Some(newest)) => Failure::new(
            format!("no sync began within {} s", status.wait),
            format!("`syncline show {newest}` shows the newest; what is in step already is not synced again"),
        ),
        (None, None) => reader.no_sync(),
    }
}

/// How the sync ended.
fn answer(document: &SyncDocument, global: &Global) -> Result<Answer, Failure> {
    let answer = match global.output {
        Output::Json => Answer::json(document)?,
        Output::Text => {
            let paint = Paint::for_stdout(global.no_color);
            let mut lines = draw::sync::diagnostics(&document.diagnostics, paint);
            lines.extend(draw::sync::publishes(&document.summary.publish_actions, paint));
            lines.push(draw::sync::summary(&document.summary, now(), paint));
            Answer::text(lines.join("\n"))
        }
    };
    Ok(Answer {
        follow_ups: draw::sync::follow_ups(document),
        end: if document.summary.status == SyncStatus::Succeeded { End::Well } else { End::Badly },
        ..answer
    })
}

/// What to say after Ctrl-C. Whether the sync succeeds is not known, so this is no success.
fn interrupted(reader: &Reader, followed: Option<&SyncDocument>) -> Answer {
    let options = reader.options();
    let (command, purpose) = match followed {
        Some(document) => (
            format!("syncline status {options} --watch --commit {}", document.summary.commit.short()),
            "to follow the sync again: it goes on in AWS".to_owned(),
        ),
        None => (format!("syncline status {options} --watch"), "to follow the newest sync".to_owned()),
    };
    Answer { follow_ups: vec![(command, purpose)], end: End::Interrupted, ..Answer::default() }
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
