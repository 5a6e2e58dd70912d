//! Every interleaving of the walk over small graphs, tried one write at a time: begun, settled, skipped, cut off between any two
//! writes and done again, told twice and late, and taken up by another execution.
//!
//! What runs is the walk itself over the in-memory store. A step of a process replays what the store answered it so far and
//! lets one more write happen; then it is cut off, as a function may be, or goes on with its next step.

#![allow(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;
use stateright::{Checker as _, Model, Property};
use syncline_core::names::{SyncId, TargetNumber};
use syncline_core::status::{Outcome, TargetStatus};
use syncline_core::walk::{self, Interrupted, MemoryWalk, Settled, WalkStore, Workflow};

/// What the store answered to one write.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Answer {
    Recorded(Option<Settled>),
    Numbers(BTreeSet<TargetNumber>),
    Told(bool),
    Done,
}

/// A function on its way.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Job {
    /// Begin, or an execution that takes an ended one's place.
    Begin,
    /// Settle, with the outcome that it was handed.
    Settle(TargetNumber, bool),
}

#[derive(Clone, Debug)]
struct Process {
    job: Job,
    answers: Vec<Answer>,
    has_ended: bool,
}

// The answers follow from what the store was at each write; two histories with equal answers go on alike.
impl PartialEq for Process {
    fn eq(&self, other: &Self) -> bool {
        self.job == other.job && self.has_ended == other.has_ended && self.answers == other.answers
    }
}
impl Eq for Process {}
impl std::hash::Hash for Process {
    fn hash<H: std::hash::Hasher>(&self, hasher: &mut H) {
        self.job.hash(hasher);
        self.has_ended.hash(hasher);
        format!("{:?}", self.answers).hash(hasher);
    }
}

/// The store as a process sees it: what it was answered before is answered again, then one more write happens.
struct Replay<'r> {
    memory: &'r MemoryWalk,
    state: Mutex<Replayed<'r>>,
}

struct Replayed<'r> {
    before: std::slice::Iter<'r, Answer>,
    added: Option<Answer>,
}

impl Replay<'_> {
    async fn write<F>(&self, write: impl FnOnce() -> F) -> Result<Answer, Interrupted>
    where
        F: Future<Output = Result<Answer, Interrupted>>,
    {
        {
            let mut state = self.state.lock().unwrap();
            if let Some(answer) = state.before.next() {
                return Ok(answer.clone());
            }
            if state.added.is_some() {
                return Err(Interrupted);
            }
        }
        let answer = write().await?;
        self.state.lock().unwrap().added = Some(answer.clone());
        Ok(answer)
    }
}

impl WalkStore for Replay<'_> {
    type Error = Interrupted;

    const CHUNK: u32 = MemoryWalk::CHUNK;

    async fn record(
        &self,
        sync: &SyncId,
        outcomes: &BTreeMap<TargetNumber, Outcome>,
    ) -> Result<BTreeMap<TargetNumber, Settled>, Interrupted> {
        let mut recorded = BTreeMap::new();
        for (number, outcome) in outcomes {
            let one = BTreeMap::from([(*number, outcome.clone())]);
            let write = || async { Ok(Answer::Recorded(self.memory.record(sync, &one).await?.remove(number))) };
            if let Answer::Recorded(Some(settled)) = self.write(write).await? {
                recorded.insert(*number, settled);
            }
        }
        Ok(recorded)
    }

    async fn release(
        &self,
        sync: &SyncId,
        dependency: TargetNumber,
        waiters: &BTreeSet<TargetNumber>,
    ) -> Result<BTreeSet<TargetNumber>, Interrupted> {
        let mut ready = BTreeSet::new();
        for waiter in waiters {
            let one = BTreeSet::from([*waiter]);
            let write = || async { Ok(Answer::Numbers(self.memory.release(sync, dependency, &one).await?)) };
            if let Answer::Numbers(numbers) = self.write(write).await? {
                ready.extend(numbers);
            }
        }
        Ok(ready)
    }

    async fn ready(&self, sync: &SyncId) -> Result<BTreeSet<TargetNumber>, Interrupted> {
        match self.write(|| async { Ok(Answer::Numbers(self.memory.ready(sync).await?)) }).await? {
            Answer::Numbers(numbers) => Ok(numbers),
            _ => unreachable!(),
        }
    }

    async fn is_closed(&self, sync: &SyncId) -> Result<bool, Interrupted> {
        let answer = self.write(|| async { Ok(Answer::Told(self.memory.is_closed(sync).await?)) }).await?;
        Ok(answer == Answer::Told(true))
    }

    async fn close(&self, sync: &SyncId, chunk: u32, targets: &BTreeSet<TargetNumber>) -> Result<bool, Interrupted> {
        let answer = self.write(|| async { Ok(Answer::Told(self.memory.close(sync, chunk, targets).await?)) }).await?;
        Ok(answer == Answer::Told(true))
    }

    async fn close_chunks(&self, sync: &SyncId, chunks: &BTreeSet<u32>) -> Result<bool, Interrupted> {
        let answer = self.write(|| async { Ok(Answer::Told(self.memory.close_chunks(sync, chunks).await?)) }).await?;
        Ok(answer == Answer::Told(true))
    }
}

impl Workflow for Replay<'_> {
    type Error = Interrupted;

    async fn start(&self, sync: &SyncId, targets: &BTreeSet<TargetNumber>) -> Result<(), Interrupted> {
        for target in targets {
            let one = BTreeSet::from([*target]);
            self.write(|| async { self.memory.start(sync, &one).await.map(|()| Answer::Done) }).await?;
        }
        Ok(())
    }

    async fn all_settled(&self, sync: &SyncId) -> Result<(), Interrupted> {
        self.write(|| async { self.memory.all_settled(sync).await.map(|()| Answer::Done) }).await.map(|_| ())
    }
}

/// The in-memory store never waits, so one poll ends each future.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the in-memory walk waited"),
    }
}

/// A sync over one graph, and how much bad luck it may have.
struct Sync {
    waits_on: Vec<BTreeSet<TargetNumber>>,
    crashes: u8,
    repetitions: u8,
    resumptions: u8,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    memory: MemoryWalk,
    processes: Vec<Process>,
    /// Targets whose stacks have come to an end that was told.
    told: BTreeSet<TargetNumber>,
    crashes: u8,
    repetitions: u8,
    resumptions: u8,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Action {
    /// A started target's stack comes to its end.
    End(TargetNumber, bool),
    /// An end is told again, or another end is told of it.
    Repeat(TargetNumber, bool),
    /// The process at this place makes its next write.
    Step(usize),
    /// It is cut off, and begins again.
    Crash(usize),
    /// Another execution takes the sync up.
    Resume,
}

fn sync() -> SyncId {
    SyncId::new("sync")
}

fn outcome(is_good: bool) -> Outcome {
    let status = if is_good { TargetStatus::Succeeded } else { TargetStatus::Failed };
    Outcome::of(status)
}

impl Process {
    fn new(job: Job) -> Self {
        Self { job, answers: Vec::new(), has_ended: false }
    }

    /// Makes one more write.
    fn step(&mut self, memory: &MemoryWalk) {
        if self.job == Job::Begin && self.answers.is_empty() {
            // Begin stores where it waits before all else.
            memory.await_anew();
            self.answers.push(Answer::Done);
            return;
        }
        let skip = usize::from(self.job == Job::Begin);
        let state = Replayed { before: self.answers[skip..].iter(), added: None };
        let replay = Replay { memory, state: Mutex::new(state) };
        let done = match &self.job {
            Job::Begin => now(walk::resume(&replay, &sync())),
            Job::Settle(number, is_good) => now(walk::settle(&replay, &sync(), *number, outcome(*is_good))).map(|_| ()),
        };
        let added = replay.state.into_inner().unwrap().added;
        self.answers.extend(added);
        if done.is_ok() {
            self.has_ended = true;
            self.answers.clear();
        }
    }
}

impl Model for Sync {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            memory: MemoryWalk::new(&self.waits_on),
            processes: vec![Process::new(Job::Begin)],
            told: BTreeSet::new(),
            crashes: self.crashes,
            repetitions: self.repetitions,
            resumptions: self.resumptions,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for number in state.memory.started().targets.keys().filter(|number| !state.told.contains(number)) {
            actions.extend([Action::End(*number, true), Action::End(*number, false)]);
        }
        if state.repetitions > 0 {
            actions
                .extend(state.told.iter().flat_map(|number| [true, false].map(|good| Action::Repeat(*number, good))));
        }
        for (place, process) in state.processes.iter().enumerate() {
            actions.push(Action::Step(place));
            if state.crashes > 0 && !process.answers.is_empty() {
                actions.push(Action::Crash(place));
            }
        }
        if state.resumptions > 0 {
            actions.push(Action::Resume);
        }
    }

    fn next_state(&self, before: &State, action: Action) -> Option<State> {
        let mut state = before.clone();
        match action {
            Action::End(number, is_good) => {
                state.told.insert(number);
                state.processes.push(Process::new(Job::Settle(number, is_good)));
            }
            Action::Repeat(number, is_good) => {
                state.repetitions -= 1;
                state.processes.push(Process::new(Job::Settle(number, is_good)));
            }
            Action::Step(place) => {
                state.processes[place].step(&state.memory);
                state.processes.retain(|process| !process.has_ended);
            }
            Action::Crash(place) => {
                state.crashes -= 1;
                state.processes[place].answers.clear();
            }
            Action::Resume => {
                state.resumptions -= 1;
                state.processes.push(Process::new(Job::Begin));
            }
        }
        // In which order functions came does not matter.
        state.processes.sort_by_key(|process| (process.job.clone(), format!("{:?}", process.answers)));
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(
                "a target starts at most once, and only after all that it waits on is in step",
                |model: &Sync, state: &State| {
                    state.memory.started().targets.iter().all(|(number, times)| {
                        let is_in_step = |other: &TargetNumber| {
                            state.memory.outcome(*other).is_some_and(|outcome| outcome.status.is_in_step())
                        };
                        *times == 1 && model.waits_on[number.0 as usize].iter().all(is_in_step)
                    })
                },
            ),
            Property::always("an end is told only when nothing is open", |model: &Sync, state: &State| {
                !state.memory.started().answered
                    || (0..model.waits_on.len()).all(|place| state.memory.outcome(number(place)).is_some())
            }),
            Property::always("what is not started is skipped, and only then", |model: &Sync, state: &State| {
                (0..model.waits_on.len()).all(|place| {
                    let outcome = state.memory.outcome(number(place));
                    let is_started = state.memory.started().targets.contains_key(&number(place));
                    outcome.is_none_or(|outcome| is_started != (outcome.status == TargetStatus::Skipped))
                })
            }),
            Property::always(
                "when nothing more happens, all has settled and the sync was told",
                |model: &Sync, state: &State| {
                    let mut actions = Vec::new();
                    model.actions(state, &mut actions);
                    let goes_on = actions.iter().any(|action| matches!(action, Action::End(..) | Action::Step(_)));
                    goes_on
                        || (state.memory.started().answered
                            && (0..model.waits_on.len()).all(|place| state.memory.outcome(number(place)).is_some()))
                },
            ),
        ]
    }
}

fn number(place: usize) -> TargetNumber {
    TargetNumber(u32::try_from(place).unwrap())
}

/// Graphs of `size` targets in which each may wait on any that come before it: all there are.
fn graphs(size: usize) -> Vec<Vec<BTreeSet<TargetNumber>>> {
    let pairs: Vec<(usize, usize)> =
        (0..size).flat_map(|later| (0..later).map(move |sooner| (later, sooner))).collect();
    (0..1usize << pairs.len())
        .map(|chosen| {
            let mut waits_on = vec![BTreeSet::new(); size];
            for (at, (later, sooner)) in pairs.iter().enumerate() {
                if chosen & (1 << at) != 0 {
                    waits_on[*later].insert(number(*sooner));
                }
            }
            waits_on
        })
        .collect()
}

/// Tries everything, and gives how many states there are.
fn check(sync: Sync) -> usize {
    let checked = sync.checker().threads(2).spawn_bfs().join();
    checked.assert_properties();
    checked.unique_state_count()
}

fn with_bad_luck(waits_on: Vec<BTreeSet<TargetNumber>>, crashes: u8, repetitions: u8, resumptions: u8) -> Sync {
    Sync { waits_on, crashes, repetitions, resumptions }
}

#[test]
fn every_graph_of_three_targets_ends_well_whatever_happens_in_between() {
    let mut states = 0;
    for waits_on in graphs(3) {
        for (crashes, repetitions, resumptions) in [(1, 0, 0), (0, 1, 0), (0, 0, 1)] {
            states += check(with_bad_luck(waits_on.clone(), crashes, repetitions, resumptions));
        }
    }
    println!("{states} states");
}

/// Takes one of the possible actions after the other until nothing more happens, and gives the end.
fn happen(sync: &Sync, mut pick: impl FnMut(usize) -> usize) -> State {
    let mut state = sync.init_states().remove(0);
    loop {
        let mut actions = Vec::new();
        sync.actions(&state, &mut actions);
        if !actions.iter().any(|action| matches!(action, Action::End(..) | Action::Step(_))) {
            return state;
        }
        let action = actions.swap_remove(pick(actions.len()));
        state = sync.next_state(&state, action).unwrap();
        for property in sync.properties().iter().take(3) {
            assert!((property.condition)(sync, &state), "{}", property.name);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn a_large_graph_ends_well_in_any_order_with_any_bad_luck(
        size in 1usize..200,
        edges in proptest::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..400),
        picks in proptest::collection::vec(any::<prop::sample::Index>(), 997),
    ) {
        let mut waits_on = vec![BTreeSet::new(); size];
        for (waiter, dependency) in edges {
            let waiter = waiter.index(size);
            if waiter > 0 {
                waits_on[waiter].insert(number(dependency.index(waiter)));
            }
        }
        let sync = with_bad_luck(waits_on, 20, 10, 3);
        let mut at = 0;
        let end = happen(&sync, |count| { at += 1; picks[at % picks.len()].index(count) });
        let last = &sync.properties()[3];
        prop_assert!((last.condition)(&sync, &end), "{}", last.name);
    }
}

#[test]
#[ignore = "it takes minutes: `make soak`"]
fn soak_of_every_graph_of_four_targets() {
    let mut states = 0;
    for waits_on in graphs(4) {
        for (crashes, repetitions, resumptions) in [(1, 0, 0), (0, 1, 0), (0, 0, 1)] {
            states += check(with_bad_luck(waits_on.clone(), crashes, repetitions, resumptions));
        }
    }
    println!("{states} states");
}
