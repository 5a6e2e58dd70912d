//! The walk's sets in memory, with a fault to order: for the tests and the model of the walk.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Settled, WalkStore, Workflow, in_chunks};
use crate::names::{SyncId, TargetName, TargetNumber};
use crate::status::Outcome;

/// The walk was cut off before a write, as by a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interrupted;

/// What was started so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Started {
    /// How often each target's execution really began.
    pub targets: BTreeMap<TargetNumber, u32>,
    /// Whether the sync was told that all has settled.
    pub answered: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Item {
    name: TargetName,
    waiting_on: BTreeSet<TargetNumber>,
    dependents: BTreeSet<TargetNumber>,
    outcome: Option<Outcome>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct State {
    items: BTreeMap<TargetNumber, Item>,
    open: BTreeMap<u32, BTreeSet<TargetNumber>>,
    open_chunks: BTreeSet<u32>,
    started: Started,
    writes_left: Option<u32>,
}

/// One sync's sets in memory.
#[derive(Debug, Default)]
pub struct MemoryWalk {
    state: Mutex<State>,
}

impl MemoryWalk {
    /// A sync in which each target waits on the given ones.
    pub fn new(waits_on: &[BTreeSet<TargetNumber>]) -> Self {
        let mut state = State::default();
        for (number, waits_on) in (0..).map(TargetNumber).zip(waits_on) {
            let item = Item {
                name: TargetName::new(format!("target-{number}")),
                waiting_on: waits_on.clone(),
                dependents: BTreeSet::new(),
                outcome: None,
            };
            state.items.insert(number, item);
        }
        state.open = in_chunks::<Self>(state.items.keys().copied());
        state.open_chunks = state.open.keys().copied().collect();
        for (number, waits_on) in (0..).map(TargetNumber).zip(waits_on) {
            for dependency in waits_on {
                if let Some(item) = state.items.get_mut(dependency) {
                    item.dependents.insert(number);
                }
            }
        }
        Self { state: Mutex::new(state) }
    }

    /// Lets so many writes happen and cuts off before the next one; without a number, none is cut off.
    pub fn interrupt_after(&self, writes: Option<u32>) {
        self.lock().writes_left = writes;
    }

    /// Has the sync wait anew to be told that all has settled: whoever waited before is gone.
    pub fn await_anew(&self) {
        self.lock().started.answered = false;
    }

    /// What was started.
    pub fn started(&self) -> Started {
        self.lock().started.clone()
    }

    /// The outcome on record for a target.
    pub fn outcome(&self, target: TargetNumber) -> Option<Outcome> {
        self.lock().items.get(&target).and_then(|item| item.outcome.clone())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> Result<MutexGuard<'_, State>, Interrupted> {
        let mut state = self.lock();
        match &mut state.writes_left {
            Some(0) => return Err(Interrupted),
            Some(left) => *left -= 1,
            None => {}
        }
        Ok(state)
    }
}

impl Clone for MemoryWalk {
    fn clone(&self) -> Self {
        Self { state: Mutex::new(self.lock().clone()) }
    }
}

impl PartialEq for MemoryWalk {
    fn eq(&self, other: &Self) -> bool {
        let other = other.lock().clone();
        *self.lock() == other
    }
}

impl Eq for MemoryWalk {}

impl Hash for MemoryWalk {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.lock().hash(hasher);
    }
}

impl WalkStore for MemoryWalk {
    type Error = Interrupted;

    /// So few that a small graph has several chunks.
    const CHUNK: u32 = 2;

    async fn record(
        &self,
        _: &SyncId,
        outcomes: &BTreeMap<TargetNumber, Outcome>,
    ) -> Result<BTreeMap<TargetNumber, Settled>, Interrupted> {
        let mut recorded = BTreeMap::new();
        for (number, outcome) in outcomes {
            let mut state = self.write()?;
            let Some(item) = state.items.get_mut(number) else { continue };
            let outcome = item.outcome.get_or_insert_with(|| outcome.clone()).clone();
            recorded.insert(*number, Settled { name: item.name.clone(), outcome, dependents: item.dependents.clone() });
        }
        Ok(recorded)
    }

    async fn release(
        &self,
        _: &SyncId,
        dependency: TargetNumber,
        waiters: &BTreeSet<TargetNumber>,
    ) -> Result<BTreeSet<TargetNumber>, Interrupted> {
        let mut ready = BTreeSet::new();
        for number in waiters {
            let mut state = self.write()?;
            let Some(item) = state.items.get_mut(number) else { continue };
            item.waiting_on.remove(&dependency);
            if item.waiting_on.is_empty() {
                ready.insert(*number);
            }
        }
        Ok(ready)
    }

    async fn ready(&self, _: &SyncId) -> Result<BTreeSet<TargetNumber>, Interrupted> {
        let state = self.lock();
        let is_ready = |(number, item): &(&TargetNumber, &Item)| {
            item.outcome.is_none() && item.waiting_on.is_empty() && !state.started.targets.contains_key(number)
        };
        Ok(state.items.iter().filter(is_ready).map(|(number, _)| *number).collect())
    }

    async fn is_closed(&self, _: &SyncId) -> Result<bool, Interrupted> {
        Ok(self.lock().open_chunks.is_empty())
    }

    async fn close(&self, _: &SyncId, chunk: u32, targets: &BTreeSet<TargetNumber>) -> Result<bool, Interrupted> {
        let mut state = self.write()?;
        let open = state.open.entry(chunk).or_default();
        open.retain(|number| !targets.contains(number));
        Ok(open.is_empty())
    }

    async fn close_chunks(&self, _: &SyncId, chunks: &BTreeSet<u32>) -> Result<bool, Interrupted> {
        let mut state = self.write()?;
        state.open_chunks.retain(|chunk| !chunks.contains(chunk));
        Ok(state.open_chunks.is_empty())
    }
}

impl Workflow for MemoryWalk {
    type Error = Interrupted;

    async fn start(&self, _: &SyncId, targets: &BTreeSet<TargetNumber>) -> Result<(), Interrupted> {
        for number in targets {
            let mut state = self.write()?;
            // An execution of the same name is not started twice.
            state.started.targets.entry(*number).or_insert(1);
        }
        Ok(())
    }

    async fn all_settled(&self, _: &SyncId) -> Result<(), Interrupted> {
        self.write()?.started.answered = true;
        Ok(())
    }
}
