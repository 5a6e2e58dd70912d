//! Carries a sync out in this process: begins with each target when its turn has come, moves its stack, settles it.
//!
//! The walk, the moves and the record are the functions'; what differs is that ends are asked for, not told.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use syncline_aws::fence::Fence;
use syncline_aws::moves::{Deployment, Entered, Reached};
use syncline_aws::stacks::ResourceEvent;
use syncline_aws::table::{SyncRecord, TargetRecord};
use syncline_core::assembly::OutputSource;
use syncline_core::deployment::Operation;
use syncline_core::diagnostic::Diagnostic;
use syncline_core::hold::holding;
use syncline_core::location::Location;
use syncline_core::manifest::{Manifest, TargetEntry};
use syncline_core::names::{RepositoryName, StackName, SyncId, TargetName, TargetNumber};
use syncline_core::plan::{Action, Plan};
use syncline_core::render::Outputs;
use syncline_core::stack::StackRequest;
use syncline_core::status::{Outcome, TargetStatus};
use syncline_core::walk;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep};

use super::account::{Account, Syncline};
use super::ending;
use super::ledger::{self, Begun};
use super::waiter::Waiter;
use super::walk::HandWalk;
use crate::commands::now;
use crate::documents::SyncDocument;
use crate::failure::Failure;
use crate::interrupt;
use crate::reading::Reading;
use crate::resources::{MOST_LOOKS, Resources};
use crate::screen::Screen;

/// How long from one frame to the next.
const BETWEEN_FRAMES: Duration = Duration::from_millis(250);
/// How long from one look at the resources of stacks to the next.
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);
/// How often a move is tried again that AWS did not answer, or asked to try later.
const MAX_ATTEMPTS: u32 = 8;
/// How often it is tried again in a row where AWS asks to slow down: whoever has many stacks waits long for the last one's turn.
const MAX_THROTTLED: u32 = 100;
/// How many targets a sync may have so that each is looked at once more when it has settled.
const MOST_LAST_LOOKS: usize = 30;

/// What a sync by hand works with.
pub(crate) struct Hands<'h> {
    /// The account.
    pub(crate) account: &'h Account,
    /// The files.
    pub(crate) reading: &'h mut Reading,
    /// The manifest.
    pub(crate) manifest: &'h Manifest,
    /// Where it is shown.
    pub(crate) screen: &'h Screen,
    /// Whether every resource is shown.
    pub(crate) is_verbose: bool,
    /// The stacks that there are already.
    pub(crate) existing: BTreeSet<StackName>,
}

/// How a sync by hand ended.
pub(crate) struct Ending {
    /// How.
    pub(crate) how: How,
    /// The sync.
    pub(crate) document: SyncDocument,
    /// What CloudFormation goes on with, although nobody here waits for it any more.
    pub(crate) going_on: Vec<GoingOn>,
    /// The stacks that something was asked of CloudFormation for.
    pub(crate) touched: BTreeSet<StackName>,
}

/// How a sync by hand ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// Every target has settled.
    Settled,
    /// By Ctrl-C.
    Interrupted,
    /// Its execution ended before it, or it could not be recorded any more, for this reason.
    Stopped(String),
}

/// An operation that goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GoingOn {
    /// Its stack.
    pub(crate) stack: StackName,
    /// Where that is.
    pub(crate) location: Location,
    /// Whether it is an update, which alone can be cancelled.
    pub(crate) is_update: bool,
}

/// What one step of a target came to.
enum Step {
    /// The outputs that its template shows.
    Outputs(Result<BTreeMap<String, BTreeMap<String, String>>, syncline_aws::Error>),
    /// Where an entry got to.
    Reached(Result<Reached, syncline_aws::Error>),
    /// How it ended could not be recorded.
    Settle(Outcome),
    /// The operation that it waited for has probably ended, or what went wrong may have passed.
    Again,
}

/// Carries a plan out in a sync that has begun, and gives how it ended, as it is on record where it is.
pub(crate) async fn carry_out(
    hands: Hands<'_>,
    begun: Begun,
    plan: &Plan,
    entries: &BTreeMap<TargetName, TargetEntry>,
    warnings: &[Diagnostic],
) -> Result<Ending, Failure> {
    // Dropped with this function, and so ended.
    let mut beside = JoinSet::new();
    if let Some(syncline) = &begun.syncline {
        beside.spawn(ledger::beat(syncline.clone(), begun.record.sync.clone(), begun.fence.clone()));
    }
    let manifest = &hands.manifest.path;
    let targets = match &begun.syncline {
        Some(syncline) => match syncline.store(&begun.record, manifest, plan, entries, warnings).await {
            Ok(targets) => targets,
            Err(failure) => {
                begun.end(&failure.message()).await;
                return Err(failure);
            }
        },
        None => TargetRecord::of_plan(&begun.record, manifest, plan, entries),
    };
    let Begun { record, syncline, fence } = begun;
    let ended = work_through(hands, record, targets, syncline.clone(), &fence, beside).await;
    ending::as_recorded(ended, syncline.as_deref()).await
}

/// Works through targets that are stored, where Syncline is installed.
async fn work_through(
    hands: Hands<'_>,
    record: SyncRecord,
    targets: Vec<TargetRecord>,
    syncline: Option<Arc<Syncline>>,
    fence: &Fence,
    mut beside: JoinSet<String>,
) -> Ending {
    let (sync, repository) = (record.sync.clone(), record.repository.clone());
    let locations = targets.iter().map(|target| (target.planned.stack.clone(), target.planned.location.clone()));
    let locations = locations.collect();
    let account = match &syncline {
        Some(_) => Account { stacks: hands.account.stacks.behind(fence.clone()), ..hands.account.clone() },
        None => hands.account.clone(),
    };
    let (turns, mut turn) = unbounded_channel();
    let walk = HandWalk::new(record, targets, syncline.as_ref().map(|syncline| syncline.walk()), turns);
    let mut work = Carrying {
        looks_due: VecDeque::new(),
        touched: BTreeSet::new(),
        requests: BTreeMap::new(),
        attempts: BTreeMap::new(),
        throttled: BTreeMap::new(),
        waiter: Arc::new(Waiter::default()),
        steps: JoinSet::new(),
        looks: JoinSet::new(),
        last_look: None,
        resources: Resources::default(),
        shown: None,
        hands,
        account,
        sync: sync.clone(),
        repository: repository.clone(),
        locations,
        walk,
    };
    let (waiter, stacks) = (work.waiter.clone(), work.account.stacks.clone());
    beside.spawn(async move { waiter.ask(&stacks, &repository).await });
    let how = work.go_on(&mut turn, &mut beside).await;
    // What goes on is as it is before it is settled as not in step.
    let going_on = work.going_on();
    let (in_history, of_targets) = match &how {
        How::Settled => {
            work.last_looks().await;
            work.walk.finish(None);
            work.show();
            return work.ending(how, going_on);
        }
        How::Interrupted => ("stopped with Ctrl-C", "the command was stopped"),
        How::Stopped(reason) => (reason.as_str(), reason.as_str()),
    };
    work.begin_nothing_more().await;
    // What cannot be recorded now, Finish records when no heartbeat comes; what goes on is said in any case.
    if let Some(syncline) = &syncline {
        let _ = syncline.table.cancel_sync(&sync, in_history).await;
    }
    let _ = work.leave_open(of_targets).await;
    work.walk.finish(Some(in_history));
    work.show();
    work.ending(how, going_on)
}

struct Carrying<'h> {
    hands: Hands<'h>,
    /// The account, its stacks behind the fence where there is a lease.
    account: Account,
    sync: SyncId,
    repository: RepositoryName,
    /// Where the targets' stacks are.
    locations: BTreeMap<StackName, Location>,
    walk: HandWalk,
    waiter: Arc<Waiter>,
    steps: JoinSet<(TargetNumber, Step)>,
    looks: JoinSet<(StackName, Result<Vec<ResourceEvent>, syncline_aws::Error>)>,
    /// What CloudFormation is asked for, of each target that is deployed.
    requests: BTreeMap<TargetNumber, Arc<StackRequest>>,
    /// How often in a row each target was tried in vain.
    attempts: BTreeMap<TargetNumber, u32>,
    /// How often in a row AWS asked to slow down for each: that it did so often says nothing of what else goes wrong.
    throttled: BTreeMap<TargetNumber, u32>,
    /// The stacks that CloudFormation was asked for something for.
    touched: BTreeSet<StackName>,
    /// Stacks that are to be looked at for the last time.
    looks_due: VecDeque<StackName>,
    last_look: Option<Instant>,
    resources: Resources,
    shown: Option<SyncDocument>,
}

impl Carrying<'_> {
    /// Works until every target has settled, or gives why it ends before.
    async fn go_on(&mut self, turn: &mut UnboundedReceiver<TargetNumber>, beside: &mut JoinSet<String>) -> How {
        let mut frames = interval(BETWEEN_FRAMES);
        let interrupted = interrupt::came();
        tokio::pin!(interrupted);
        let sync = self.sync.clone();
        let mut done = walk::resume(&self.walk, &sync).await.map_err(Failure::from);
        loop {
            if let Err(failure) = done {
                return How::Stopped(failure.message());
            }
            if self.walk.open().is_empty() {
                return How::Settled;
            }
            done = tokio::select! {
                biased;
                () = &mut interrupted => return How::Interrupted,
                Some(number) = turn.recv() => self.enter(number).await,
                Some(Ok((number, step))) = self.steps.join_next() => self.step(number, step).await,
                Some(Ok((stack, events))) = self.looks.join_next() => {
                    self.looked(&stack, events);
                    Ok(())
                }
                _ = frames.tick() => {
                    self.show();
                    Ok(())
                }
                Some(Ok(reason)) = beside.join_next() => return How::Stopped(reason),
            };
        }
    }

    /// Enters a target whose turn has come, or whose stack is to be looked at again.
    async fn enter(&mut self, number: TargetNumber) -> Result<(), Failure> {
        match self.paused(number).await {
            Err(error) if error.may_pass() => return self.try_again(number, error).await,
            Err(error) => return Err(error.into()),
            Ok(Some(outcome)) => return self.settle(number, outcome).await,
            Ok(None) => {}
        }
        let entered = match self.walk.enter(number).await {
            Err(error) if error.may_pass() => return self.try_again(number, error).await,
            entered => entered?,
        };
        let Some(target) = entered else {
            let outcome = Outcome::because(TargetStatus::Skipped, "the sync was ended before");
            return self.settle(number, outcome).await;
        };
        if target.planned.action == Action::Delete || self.requests.contains_key(&number) {
            self.make_moves(&target);
        } else {
            self.ask_for_outputs(&target);
        }
        Ok(())
    }

    /// The outcome of a target that is paused, and was not begun with.
    async fn paused(&self, number: TargetNumber) -> Result<Option<Outcome>, syncline_aws::Error> {
        let Some(target) = self.walk.target(number).filter(|target| target.entered == 0) else { return Ok(None) };
        let Some(syncline) = &self.account.syncline else { return Ok(None) };
        let holds = syncline.table.holds(&target.repository).await?;
        let hold = holding(&holds, &target.branch, &target.planned.name);
        Ok(hold.map(|hold| Outcome::because(TargetStatus::Blocked, hold.explain())))
    }

    /// Asks for the outputs that a target's template shows: of what was deployed here they are known.
    fn ask_for_outputs(&mut self, target: &TargetRecord) {
        let number = target.planned.number;
        let (mut outputs, mut others) = (BTreeMap::new(), Vec::new());
        for source in &target.planned.outputs_from {
            let is_source = |other: &TargetRecord| other.planned.stack == source.stack;
            let here =
                target.planned.waits_on.iter().find(|&&other| self.walk.target(other).as_ref().is_some_and(is_source));
            match here.and_then(|&other| self.walk.outputs(other)) {
                Some(known) => drop(outputs.insert(source.name.clone(), known)),
                None => others.push(source.clone()),
            }
        }
        let (stacks, repository) = (self.account.stacks.clone(), self.repository.clone());
        self.steps.spawn(async move {
            let asked = async {
                for OutputSource { name, stack, location } in others {
                    let location = location.unwrap_or_default();
                    let found = stacks.at(&location, &repository).await?.outputs(&stack).await?;
                    outputs.insert(name, found.unwrap_or_default());
                }
                Ok(outputs)
            };
            (number, Step::Outputs(asked.await))
        });
    }

    /// Goes on with a target.
    async fn step(&mut self, number: TargetNumber, step: Step) -> Result<(), Failure> {
        match step {
            Step::Outputs(Ok(outputs)) => match self.request(number, outputs) {
                Ok(request) => {
                    self.resources.describe(&request.stack, &request.template);
                    self.requests.insert(number, Arc::new(request));
                    if let Some(target) = self.walk.target(number) {
                        self.make_moves(&target);
                    }
                }
                Err(reason) => self.settle(number, Outcome::failed(reason)).await?,
            },
            Step::Reached(Ok(Reached::Settled(outcome))) => self.settle(number, outcome).await?,
            Step::Reached(Ok(Reached::Waits)) => {
                self.attempts.remove(&number);
                self.throttled.remove(&number);
                self.wait(number);
            }
            Step::Reached(Err(error)) | Step::Outputs(Err(error)) => self.try_again(number, error).await?,
            Step::Settle(outcome) => self.settle(number, outcome).await?,
            Step::Again => self.enter(number).await?,
        }
        Ok(())
    }

    /// What CloudFormation is to be asked for, or why that cannot be said.
    fn request(
        &mut self,
        number: TargetNumber,
        outputs: BTreeMap<String, BTreeMap<String, String>>,
    ) -> Result<StackRequest, String> {
        let entry =
            self.walk.target(number).and_then(|target| target.entry).ok_or("it has no entry of the manifest")?;
        match self.hands.reading.prepare(self.hands.manifest, &entry, Outputs::Known(outputs)) {
            Ok(Ok(prepared)) => Ok(prepared.request),
            Ok(Err(problems)) => Err(problems.iter().map(Diagnostic::one_line).collect::<Vec<_>>().join("; ")),
            Err(failure) => Err(failure.message()),
        }
    }

    /// Moves a target's stack until an operation is under way or the target has settled.
    fn make_moves(&mut self, target: &TargetRecord) {
        let number = target.planned.number;
        let operation = Operation { sync: self.sync.clone(), target: number };
        let entered_before = target.entered > 1;
        self.touched.insert(target.planned.stack.clone());
        let (account, repository) = (self.account.clone(), self.repository.clone());
        let location = target.planned.location.clone();
        let Some(request) = self.requests.get(&number).cloned() else {
            let stack = target.planned.stack.clone();
            self.steps.spawn(async move {
                let reached = async {
                    let stacks = account.stacks.at(&location, &repository).await?;
                    stacks.take_away(&stack, &operation, entered_before, "deleted by hand").await
                };
                (number, Step::Reached(reached.await))
            });
            return;
        };
        let known_to_exist = self.hands.existing.contains(&request.stack);
        let is_adopted = target.entry.as_ref().is_some_and(|entry| entry.adopts);
        let outputs_wanted = target.planned.outputs_wanted;
        self.steps.spawn(async move {
            let reached = async {
                let sources = account.templates.sources(&request).await?;
                let deployment = Deployment { request: &request, sources: &sources, is_adopted, outputs_wanted };
                let entered = Entered { before: entered_before, known_to_exist };
                let stacks = account.stacks.at(&location, &repository).await?;
                stacks.bring_in_step(deployment, &operation, entered).await
            };
            (number, Step::Reached(reached.await))
        });
    }

    /// Waits for the operation on a target's stack to end.
    fn wait(&mut self, number: TargetNumber) {
        let Some(target) = self.walk.target(number) else { return };
        let waiter = self.waiter.clone();
        self.steps.spawn(async move {
            waiter.ended(&target.planned.location, &target.planned.stack).await;
            (number, Step::Again)
        });
    }

    /// Tries again later where what went wrong may pass, a bounded number of times.
    async fn try_again(&mut self, number: TargetNumber, error: syncline_aws::Error) -> Result<(), Failure> {
        let is_tried_again = match error {
            syncline_aws::Error::Throttled { .. } => self.take_in_turn(number),
            ref error => error.may_pass() && self.take_later(number, Step::Again),
        };
        if is_tried_again {
            return Ok(());
        }
        self.settle(number, Outcome::failed(error.to_string())).await
    }

    /// Enters a target again that AWS asked to slow down for, not at one moment with all others. Gives whether it was not tried
    /// often enough yet.
    fn take_in_turn(&mut self, number: TargetNumber) -> bool {
        let throttled = self.throttled.entry(number).or_default();
        // Never so long that AWS is left idle.
        let pause =
            Duration::from_secs(1 << (*throttled).min(2)) + Duration::from_millis(u64::from(number.0 % 16) * 50);
        *throttled += 1;
        *throttled <= MAX_THROTTLED && self.take_after(pause, number, Step::Again)
    }

    /// Takes a step of a target later, and later still each time: 1 s, 2 s and so on to 32 s. Gives whether it was not tried
    /// often enough yet.
    fn take_later(&mut self, number: TargetNumber, step: Step) -> bool {
        let attempts = self.attempts.entry(number).or_default();
        let pause = Duration::from_secs(1 << (*attempts).min(5));
        *attempts += 1;
        *attempts <= MAX_ATTEMPTS && self.take_after(pause, number, step)
    }

    fn take_after(&mut self, pause: Duration, number: TargetNumber, step: Step) -> bool {
        self.steps.spawn(async move {
            sleep(pause).await;
            (number, step)
        });
        true
    }

    async fn settle(&mut self, number: TargetNumber, outcome: Outcome) -> Result<(), Failure> {
        let location = self.walk.target(number).map(|target| target.planned.location).unwrap_or_default();
        let outcome = outcome.at(&location);
        let is_worth_a_look = outcome.status != TargetStatus::Unchanged && outcome.status != TargetStatus::Skipped;
        if let Some(target) = self.walk.target(number)
            && is_worth_a_look
            && (self.walk.len() <= MOST_LAST_LOOKS || outcome.status == TargetStatus::Failed)
            && target.planned.action == Action::Deploy
        {
            self.looks_due.push_back(target.planned.stack);
        }
        match walk::settle(&self.walk, &self.sync, number, outcome.clone()).await {
            Err(error) if !error.may_pass() || !self.take_later(number, Step::Settle(outcome)) => Err(error.into()),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// The operations that CloudFormation was asked for and that have not been seen to end.
    fn going_on(&self) -> Vec<GoingOn> {
        let open = self.walk.open();
        let asked_for = open.iter().filter(|target| self.touched.contains(&target.planned.stack));
        let going_on = asked_for.map(|target| {
            let stack = target.planned.stack.clone();
            let is_update = target.planned.action == Action::Deploy && self.hands.existing.contains(&stack);
            GoingOn { stack, location: target.planned.location.clone(), is_update }
        });
        going_on.collect()
    }

    fn ending(&self, how: How, going_on: Vec<GoingOn>) -> Ending {
        Ending { how, document: self.document(), going_on, touched: self.touched.clone() }
    }

    /// Drops what is under way here: whoever has the lease next must not meet a call of ours that was sent after.
    async fn begin_nothing_more(&mut self) {
        self.steps.shutdown().await;
        self.looks.shutdown().await;
    }

    /// Settles what is open as not in step: its operations go on in AWS, and nobody here waits for them.
    async fn leave_open(&mut self, reason: &str) -> Result<(), Failure> {
        for target in self.walk.open() {
            let outcome = match target.status {
                TargetStatus::Deploying => {
                    Outcome::failed(format!("{reason} while its stack was worked on, which goes on in AWS"))
                }
                _ => Outcome::because(TargetStatus::Skipped, format!("{reason} before its turn")),
            };
            walk::settle(&self.walk, &self.sync, target.planned.number, outcome).await?;
        }
        Ok(())
    }

    fn document(&self) -> SyncDocument {
        let mut document = self.walk.document();
        self.resources.add_to(&mut document, self.hands.is_verbose);
        document
    }

    fn show(&mut self) {
        let document = self.document();
        self.hands.screen.show(self.shown.as_ref(), &document, now());
        if self.last_look.is_none_or(|last| last.elapsed() >= BETWEEN_LOOKS) {
            self.last_look = Some(Instant::now());
            while self.looks.len() < MOST_LOOKS {
                let next = self.looks_due.pop_front().or_else(|| self.resources.next(&document));
                let Some(stack) = next else { break };
                self.look(stack);
            }
        }
        self.shown = Some(document);
    }

    fn look(&mut self, stack: StackName) {
        let (stacks, sync, repository) = (self.account.stacks.clone(), self.sync.clone(), self.repository.clone());
        let location = self.locations.get(&stack).cloned().unwrap_or_default();
        self.looks.spawn(async move {
            let events = async { stacks.at(&location, &repository).await?.resource_events(&stack, &sync).await };
            (stack.clone(), events.await)
        });
    }

    /// What was not to be seen is not shown: the stack's own end is what counts.
    fn looked(&mut self, stack: &StackName, events: Result<Vec<ResourceEvent>, syncline_aws::Error>) {
        if let Ok(events) = events {
            self.resources.tell(stack, events);
        }
    }

    async fn last_looks(&mut self) {
        loop {
            while self.looks.len() < MOST_LOOKS {
                let Some(stack) = self.looks_due.pop_front() else { break };
                self.look(stack);
            }
            match self.looks.join_next().await {
                Some(Ok((stack, events))) => self.looked(&stack, events),
                Some(Err(_)) => {}
                None => break,
            }
        }
    }
}
