//! The walk under crashes, repeats and failures, over graphs written out and random ones.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;

use super::*;

/// The in-memory store never waits, so one poll ends each future.
fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the in-memory walk waited"),
    }
}

fn sync() -> SyncId {
    SyncId::new("sync")
}

fn numbers(numbers: &[u32]) -> BTreeSet<TargetNumber> {
    numbers.iter().copied().map(TargetNumber).collect()
}

fn in_step() -> Outcome {
    Outcome::of(TargetStatus::Succeeded)
}

/// Carries a sync out to its end; `fails` says which targets fail, `pick` which of the running ones settles next,
/// `cut` after how many writes each settling is cut off for the first time.
fn run(
    waits_on: &[BTreeSet<TargetNumber>],
    fails: &BTreeSet<TargetNumber>,
    mut pick: impl FnMut(usize) -> usize,
    mut cut: impl FnMut() -> Option<u32>,
) -> MemoryWalk {
    let walk = MemoryWalk::new(waits_on);
    let mut done = BTreeSet::new();
    ready(resume(&walk, &sync())).unwrap();
    loop {
        let running: Vec<TargetNumber> =
            walk.started().targets.keys().copied().filter(|number| !done.contains(number)).collect();
        if running.is_empty() {
            return walk;
        }
        let next = running[pick(running.len())];
        for dependency in &waits_on[next.0 as usize] {
            let outcome = walk.outcome(*dependency).expect("a target started before one that it waits on had settled");
            assert!(outcome.status.is_in_step(), "a target started although one that it waits on is not in step");
        }
        let outcome = if fails.contains(&next) { Outcome::failed("no") } else { in_step() };
        walk.interrupt_after(cut());
        let _ = ready(settle(&walk, &sync(), next, outcome.clone()));
        walk.interrupt_after(None);
        ready(settle(&walk, &sync(), next, outcome)).unwrap();
        done.insert(next);
    }
}

fn check_end(walk: &MemoryWalk, waits_on: &[BTreeSet<TargetNumber>], fails: &BTreeSet<TargetNumber>) {
    assert!(walk.started().answered, "the sync was never answered");
    for (number, waits_on) in (0..).map(TargetNumber).zip(waits_on) {
        let outcome = walk.outcome(number).expect("a target was left open");
        let blocked = waits_on.iter().any(|dependency| !walk.outcome(*dependency).unwrap().status.is_in_step());
        let expected = match (blocked, fails.contains(&number)) {
            (true, _) => TargetStatus::Skipped,
            (false, true) => TargetStatus::Failed,
            (false, false) => TargetStatus::Succeeded,
        };
        assert_eq!(outcome.status, expected, "target {number}");
    }
}

#[test]
fn a_failure_skips_what_waits_for_it_and_nothing_else() {
    // 1 and 2 wait on 0; 3 waits on 1; 4 waits on 2; 5 on nothing.
    let waits_on = [numbers(&[]), numbers(&[0]), numbers(&[0]), numbers(&[1]), numbers(&[2]), numbers(&[])];
    let fails = numbers(&[1]);
    let walk = run(&waits_on, &fails, |_| 0, || None);
    check_end(&walk, &waits_on, &fails);
    assert_eq!(walk.outcome(TargetNumber(3)).unwrap().reason.as_deref(), Some("`target-1` failed"));
}

#[test]
fn a_crash_before_any_write_changes_nothing_in_the_end() {
    let waits_on = [numbers(&[]), numbers(&[0]), numbers(&[0]), numbers(&[1, 2]), numbers(&[3]), numbers(&[])];
    for fails in [numbers(&[]), numbers(&[0]), numbers(&[2])] {
        for writes in 0..12 {
            let walk = run(&waits_on, &fails, |_| 0, || Some(writes));
            check_end(&walk, &waits_on, &fails);
        }
    }
}

#[test]
fn a_target_settles_once() {
    let walk = MemoryWalk::new(&[numbers(&[])]);
    ready(settle(&walk, &sync(), TargetNumber(0), in_step())).unwrap();
    let second = ready(settle(&walk, &sync(), TargetNumber(0), Outcome::failed("late"))).unwrap();
    assert_eq!(second, in_step());
}

proptest! {
    #[test]
    fn any_graph_ends_in_any_order_with_crashes_anywhere(
        edges in proptest::collection::vec((1u32..40, any::<prop::sample::Index>()), 0..80),
        fails in proptest::collection::btree_set(0u32..40, 0..4),
        picks in proptest::collection::vec(any::<prop::sample::Index>(), 40),
        cuts in proptest::collection::vec(proptest::option::of(0u32..8), 40),
    ) {
        let mut waits_on = vec![BTreeSet::new(); 40];
        for (waiter, dependency) in &edges {
            waits_on[*waiter as usize].insert(TargetNumber(dependency.index(*waiter as usize) as u32));
        }
        let fails = fails.into_iter().map(TargetNumber).collect();
        let (mut at_pick, mut at_cut) = (0, 0);
        let walk = run(
            &waits_on,
            &fails,
            |count| { at_pick += 1; picks[at_pick % picks.len()].index(count) },
            || { at_cut += 1; cuts[at_cut % cuts.len()] },
        );
        check_end(&walk, &waits_on, &fails);
    }
}
