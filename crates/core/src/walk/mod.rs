//! The walk over the graph: what happens when a target has settled.
//!
//! Each target has the set of targets that it still waits on; the sync has the set of targets that are still open, so
//! the sync is just the last one to wait. To settle a target: record its outcome (conditionally,
//! once), take its number out of the set of everyone who waits on it, start whoever's set is now empty, and close it;
//! when nothing is open any more, answer the sync.
//!
//! What is open is kept in chunks of targets with neighbouring numbers, and a set of the chunks that have any, so that closing one of
//! many targets writes no more than closing one of few.
//!
//! Every write may be repeated, interleaved or cut off anywhere and done again, with the same end. Nothing here
//! counts, locks or waits.
//!
//! Architecture invariant: doing a step twice is doing it once, and no target starts before all that it waits on is
//! in step. The tests below cut a sync off at every write, repeat it, and fail if a target were started early,
//! twice, or never.

mod memory;

use std::collections::{BTreeMap, BTreeSet};

pub use memory::{Interrupted, MemoryWalk, Started};

use crate::names::{SyncId, TargetName, TargetNumber};
use crate::status::{Outcome, TargetStatus};

/// What the walk needs to know of a target that was settled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// What it is called.
    pub name: TargetName,
    /// The outcome on record: the first that was recorded.
    pub outcome: Outcome,
    /// Who waits on it.
    pub dependents: BTreeSet<TargetNumber>,
}

/// Where the walk keeps its sets.
///
/// Each method is one idempotent write for each target, or for all that are closed together: done twice, or by two at once, it
/// ends the same.
pub trait WalkStore {
    /// What can go wrong.
    type Error;

    /// How many targets a chunk of those that are open has at most.
    const CHUNK: u32;

    /// Records outcomes, each unless its target has one already, and gives what is on record.
    fn record(
        &self,
        sync: &SyncId,
        outcomes: &BTreeMap<TargetNumber, Outcome>,
    ) -> impl Future<Output = Result<BTreeMap<TargetNumber, Settled>, Self::Error>> + Send;

    /// Takes `dependency` out of the set of each waiter, and gives those whose set is now empty.
    fn release(
        &self,
        sync: &SyncId,
        dependency: TargetNumber,
        waiters: &BTreeSet<TargetNumber>,
    ) -> impl Future<Output = Result<BTreeSet<TargetNumber>, Self::Error>> + Send;

    /// The targets that have not begun and wait on nothing.
    fn ready(&self, sync: &SyncId) -> impl Future<Output = Result<BTreeSet<TargetNumber>, Self::Error>> + Send;

    /// Whether nothing is open.
    fn is_closed(&self, sync: &SyncId) -> impl Future<Output = Result<bool, Self::Error>> + Send;

    /// Takes targets out of their chunk of those that are open, and tells whether it is now empty.
    fn close(
        &self,
        sync: &SyncId,
        chunk: u32,
        targets: &BTreeSet<TargetNumber>,
    ) -> impl Future<Output = Result<bool, Self::Error>> + Send;

    /// Takes empty chunks out of those that have open targets, and tells whether there is none left.
    fn close_chunks(
        &self,
        sync: &SyncId,
        chunks: &BTreeSet<u32>,
    ) -> impl Future<Output = Result<bool, Self::Error>> + Send;
}

/// What the walk sets going.
pub trait Workflow {
    /// What can go wrong.
    type Error;

    /// Starts the execution of each target. One that was started before is not started again.
    fn start(
        &self,
        sync: &SyncId,
        targets: &BTreeSet<TargetNumber>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Tells the sync that all its targets have settled. Telling it twice is telling it once.
    fn all_settled(&self, sync: &SyncId) -> impl Future<Output = Result<(), Self::Error>> + Send;
}

/// Starts what is ready, and tells the sync where all has settled already: how a sync begins, and how whoever enters it
/// again goes on from where it stands. The place where the sync waits to be told is known by then.
pub async fn resume<W, E>(walk: &W, sync: &SyncId) -> Result<(), E>
where
    W: WalkStore<Error = E> + Workflow<Error = E>,
{
    let ready = walk.ready(sync).await?;
    if !ready.is_empty() {
        walk.start(sync, &ready).await?;
    }
    if walk.is_closed(sync).await? {
        walk.all_settled(sync).await?;
    }
    Ok(())
}

/// Settles a target, and with a target that is not in step, everything that waits for it.
///
/// Gives the outcome on record, which is another than `outcome` where the target was settled before.
pub async fn settle<W, E>(walk: &W, sync: &SyncId, target: TargetNumber, outcome: Outcome) -> Result<Outcome, E>
where
    W: WalkStore<Error = E> + Workflow<Error = E>,
{
    let recorded = walk.record(sync, &BTreeMap::from([(target, outcome)])).await?;
    let Some(settled) = recorded.into_values().next() else {
        // No such target in this sync: nothing waits on it.
        return Ok(Outcome::failed("no such target in this sync"));
    };
    let mut closed = BTreeSet::from([target]);
    if settled.outcome.status.is_in_step() {
        let ready = walk.release(sync, target, &settled.dependents).await?;
        if !ready.is_empty() {
            walk.start(sync, &ready).await?;
        }
    } else {
        closed.extend(skip_dependents(walk, sync, &settled).await?);
    }
    if close(walk, sync, &closed).await? {
        walk.all_settled(sync).await?;
    }
    Ok(settled.outcome)
}

/// Takes targets out of those that are open, and tells whether there is none left. Whoever finds a chunk empty takes the chunk
/// out, whether it was the one who emptied it or comes after one that was cut off there.
pub async fn close<W, E>(walk: &W, sync: &SyncId, targets: &BTreeSet<TargetNumber>) -> Result<bool, E>
where
    W: WalkStore<Error = E>,
{
    let mut emptied = BTreeSet::new();
    for (chunk, targets) in in_chunks::<W>(targets.iter().copied()) {
        if walk.close(sync, chunk, &targets).await? {
            emptied.insert(chunk);
        }
    }
    Ok(!emptied.is_empty() && walk.close_chunks(sync, &emptied).await?)
}

/// Targets by the chunks that a store keeps them in while they are open.
pub fn in_chunks<W: WalkStore>(
    targets: impl IntoIterator<Item = TargetNumber>,
) -> BTreeMap<u32, BTreeSet<TargetNumber>> {
    let mut chunks: BTreeMap<u32, BTreeSet<TargetNumber>> = BTreeMap::new();
    for target in targets {
        chunks.entry(target.0 / W::CHUNK).or_default().insert(target);
    }
    chunks
}

/// Records everything that waits, directly or not, for a target that is not in step as skipped because of it.
///
/// Goes on below a target that was skipped before: whoever skipped it may have been cut off there.
async fn skip_dependents<W, E>(walk: &W, sync: &SyncId, settled: &Settled) -> Result<BTreeSet<TargetNumber>, E>
where
    W: WalkStore<Error = E>,
{
    let verb = match settled.outcome.status {
        TargetStatus::Blocked => "is blocked",
        TargetStatus::Skipped => "was skipped",
        _ => "failed",
    };
    let outcome = Outcome::because(TargetStatus::Skipped, format!("`{}` {verb}", settled.name));
    let mut skipped = BTreeSet::new();
    let mut next = settled.dependents.clone();
    while !next.is_empty() {
        let outcomes = next.iter().map(|&number| (number, outcome.clone())).collect();
        let recorded = walk.record(sync, &outcomes).await?;
        skipped.append(&mut next);
        next = recorded
            .into_values()
            .flat_map(|settled| settled.dependents)
            .filter(|number| !skipped.contains(number))
            .collect();
    }
    Ok(skipped)
}

#[cfg(test)]
mod tests;
