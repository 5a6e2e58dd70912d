//! Which sync is followed.

use super::*;

fn candidate(sync: &str, commit: &str, runs: bool) -> Candidate {
    Candidate { sync: SyncId::new(sync), commit: CommitId::new(commit), runs }
}

fn sync(id: &str) -> Option<SyncId> {
    Some(SyncId::new(id))
}

#[test]
fn what_runs_comes_before_what_is_newer() {
    let candidates =
        [candidate("3", "c", false), candidate("2", "b", true), candidate("2", "b", false), candidate("1", "a", true)];
    assert_eq!(choose(&candidates, &Wanted::Newest), sync("2"));
    assert_eq!(choose(&candidates, &Wanted::Running), sync("2"));
}

#[test]
fn the_newest_is_followed_where_none_runs() {
    let candidates = [candidate("1", "a", false), candidate("2", "b", false)];
    assert_eq!(choose(&candidates, &Wanted::Newest), sync("2"));
    assert_eq!(choose(&[], &Wanted::Newest), None);
}

#[test]
fn whoever_waits_gets_only_what_is_new() {
    let before = [candidate("1", "a", false)];
    assert_eq!(choose(&before, &Wanted::Running), None);
    assert_eq!(choose(&before, &Wanted::RunningOrAfter(newest(&before))), None);
    // It began and ended between two looks.
    let after = [candidate("2", "b", false), candidate("1", "a", false)];
    assert_eq!(choose(&after, &Wanted::RunningOrAfter(newest(&before))), sync("2"));
    assert_eq!(choose(&after, &Wanted::RunningOrAfter(None)), sync("2"));
}

#[test]
fn a_commit_is_named_by_its_beginning_and_its_newest_sync_is_meant() {
    let candidates = [candidate("1", "ab12", false), candidate("2", "ab12", false), candidate("3", "ff00", true)];
    assert_eq!(choose(&candidates, &Wanted::OfCommit("ab1")), sync("2"));
    assert_eq!(choose(&candidates, &Wanted::OfCommit("0000")), None);
}
