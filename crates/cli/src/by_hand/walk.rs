//! The walk over the graph of a sync by hand: its targets in memory, and where there is a history, in the table too.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use syncline_aws::table::{SyncRecord, TargetRecord, Walk};
use syncline_aws::{Error, clock};
use syncline_core::names::{SyncId, TargetNumber};
use syncline_core::status::{Outcome, SyncStatus, TargetStatus};
use syncline_core::walk::{Settled, WalkStore, Workflow};
use tokio::sync::mpsc::UnboundedSender;

use crate::documents::SyncDocument;

/// A sync that is walked here.
pub(super) struct HandWalk {
    state: Mutex<State>,
    /// The same in the table, where Syncline is installed.
    recorded: Option<Walk>,
    /// Who begins with a target when its turn has come.
    turns: UnboundedSender<TargetNumber>,
}

struct State {
    record: SyncRecord,
    targets: BTreeMap<TargetNumber, TargetRecord>,
    settled: BTreeMap<TargetNumber, Outcome>,
}

impl State {
    /// The targets that have not settled.
    fn open(&self) -> impl Iterator<Item = &TargetRecord> {
        self.targets.values().filter(|target| !target.status.is_terminal())
    }
}

impl HandWalk {
    /// The walk over these targets, none begun.
    pub(super) fn new(
        mut record: SyncRecord,
        targets: Vec<TargetRecord>,
        recorded: Option<Walk>,
        turns: UnboundedSender<TargetNumber>,
    ) -> Self {
        let targets: BTreeMap<_, _> = targets.into_iter().map(|target| (target.planned.number, target)).collect();
        for status in [SyncStatus::Initiated, SyncStatus::InProgress] {
            record.events.entry(status).or_insert_with(clock::now);
            record.status = status;
        }
        Self { state: Mutex::new(State { record, targets, settled: BTreeMap::new() }), recorded, turns }
    }

    /// What is to be shown of it.
    pub(super) fn document(&self) -> SyncDocument {
        let state = self.lock();
        SyncDocument::new(state.record.clone(), state.targets.values().cloned().collect(), Vec::new(), Vec::new())
    }

    /// Notes how the sync ended, for what is shown of it here; with a reason where it was stopped.
    pub(super) fn finish(&self, stopped: Option<&str>) {
        let mut state = self.lock();
        let is_done = state.targets.values().all(|target| target.status.is_in_step());
        let status = match stopped {
            Some(_) => SyncStatus::Cancelled,
            None if is_done => SyncStatus::Succeeded,
            None => SyncStatus::Failed,
        };
        state.record.reason = stopped.map(str::to_owned);
        state.record.status = status;
        state.record.events.entry(status).or_insert_with(clock::now);
    }

    /// How many targets there are.
    pub(super) fn len(&self) -> usize {
        self.lock().targets.len()
    }

    /// A target's record.
    pub(super) fn target(&self, number: TargetNumber) -> Option<TargetRecord> {
        self.lock().targets.get(&number).cloned()
    }

    /// The outputs that a target's stack has since it settled.
    pub(super) fn outputs(&self, number: TargetNumber) -> Option<BTreeMap<String, String>> {
        self.lock().settled.get(&number)?.outputs.clone()
    }

    /// The targets that have not settled.
    pub(super) fn open(&self) -> Vec<TargetRecord> {
        self.lock().open().cloned().collect()
    }

    /// Notes that a target's stack is to be moved, and gives the target's record after that. Nothing
    /// where it has settled: whoever ended the sync did that, and another one may work on the stack by now.
    pub(super) async fn enter(&self, number: TargetNumber) -> Result<Option<TargetRecord>, Error> {
        if let Some(walk) = &self.recorded {
            let sync = self.lock().record.sync.clone();
            if walk.table.enter_target(&sync, number).await?.is_none() {
                return Ok(None);
            }
        }
        let mut state = self.lock();
        let Some(target) = state.targets.get_mut(&number).filter(|target| !target.status.is_terminal()) else {
            return Ok(None);
        };
        target.status = TargetStatus::Deploying;
        target.entered += 1;
        target.events.entry(TargetStatus::Deploying).or_insert_with(clock::now);
        Ok(Some(target.clone()))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn record_here(&self, number: TargetNumber, outcome: &Outcome) -> Option<Settled> {
        let mut state = self.lock();
        let on_record = state.settled.entry(number).or_insert_with(|| outcome.clone()).clone();
        let target = state.targets.get_mut(&number)?;
        target.status = on_record.status;
        target.reason = on_record.reason.clone();
        target.events.entry(on_record.status).or_insert_with(clock::now);
        let (name, dependents) = (target.planned.name.clone(), target.planned.dependents.clone());
        Some(Settled { name, outcome: on_record, dependents })
    }
}

impl WalkStore for HandWalk {
    type Error = Error;

    const CHUNK: u32 = Walk::CHUNK;

    async fn record(
        &self,
        sync: &SyncId,
        outcomes: &BTreeMap<TargetNumber, Outcome>,
    ) -> Result<BTreeMap<TargetNumber, Settled>, Error> {
        let on_record = match &self.recorded {
            Some(walk) => walk.record(sync, outcomes).await?,
            None => BTreeMap::new(),
        };
        let here = outcomes.iter().filter_map(|(number, outcome)| {
            // Whoever ended the sync may have been first.
            let outcome = on_record.get(number).map_or(outcome, |settled| &settled.outcome);
            Some((*number, self.record_here(*number, outcome)?))
        });
        Ok(here.collect())
    }

    async fn release(
        &self,
        _: &SyncId,
        dependency: TargetNumber,
        waiters: &BTreeSet<TargetNumber>,
    ) -> Result<BTreeSet<TargetNumber>, Error> {
        let mut state = self.lock();
        let mut ready = BTreeSet::new();
        for number in waiters {
            if let Some(target) = state.targets.get_mut(number) {
                target.waiting_on.remove(&dependency);
                if target.waiting_on.is_empty() {
                    ready.insert(*number);
                }
            }
        }
        Ok(ready)
    }

    async fn ready(&self, _: &SyncId) -> Result<BTreeSet<TargetNumber>, Error> {
        let state = self.lock();
        let is_ready = |target: &&TargetRecord| target.status == TargetStatus::Pending && target.waiting_on.is_empty();
        Ok(state.targets.values().filter(is_ready).map(|target| target.planned.number).collect())
    }

    async fn is_closed(&self, _: &SyncId) -> Result<bool, Error> {
        // What has settled is on record, so what is open need not be kept beside it.
        Ok(self.lock().open().next().is_none())
    }

    async fn close(&self, sync: &SyncId, chunk: u32, targets: &BTreeSet<TargetNumber>) -> Result<bool, Error> {
        match &self.recorded {
            Some(walk) => walk.close(sync, chunk, targets).await,
            // Nothing is kept beside what is on record here, which `close_chunks` goes by.
            None => Ok(true),
        }
    }

    async fn close_chunks(&self, sync: &SyncId, chunks: &BTreeSet<u32>) -> Result<bool, Error> {
        if let Some(walk) = &self.recorded {
            walk.close_chunks(sync, chunks).await?;
        }
        self.is_closed(sync).await
    }
}

impl Workflow for HandWalk {
    type Error = Error;

    async fn start(&self, _: &SyncId, targets: &BTreeSet<TargetNumber>) -> Result<(), Error> {
        for number in targets {
            // Nobody listens any more where the command was stopped.
            let _ = self.turns.send(*number);
        }
        Ok(())
    }

    async fn all_settled(&self, sync: &SyncId) -> Result<(), Error> {
        match &self.recorded {
            Some(walk) => walk.all_settled(sync).await,
            None => Ok(()),
        }
    }
}
