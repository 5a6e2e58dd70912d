//! At most one sync at a time per branch, and the newest push wins: what the branch's item says, and how it changes.
//!
//! The functions here decide on a copy of the item; whoever calls them stores the result under the condition that
//! the item has not changed meanwhile, and begins again if it has.
//!
//! Architecture invariant: at most one sync at a time works on a branch. The property test below fails if a
//! second one could take the lease.

use serde::{Deserialize, Serialize};

use crate::names::{BranchName, CommitId, SyncId};

/// A sync and the commit that it is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The sync.
    pub sync: SyncId,
    /// The commit.
    pub commit: CommitId,
    /// The branch whose manifest decides what is deployed.
    pub manifest_branch: BranchName,
    /// The manifest branch's commit, which decides what the branch may deploy; nothing where there is no such branch.
    pub manifest_commit: Option<CommitId>,
    /// Who works on the branch from a working copy, where no push asked for the sync.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_hand: Option<ByHand>,
}

/// Somebody who deploys or deletes by hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ByHand {
    /// The ARN of whoever it is.
    pub by: String,
    /// Whether the working copy differs from the commit.
    pub has_changes: bool,
}

/// Who syncs a branch, who waits, and what is in step.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The sync that works.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder: Option<Claim>,
    /// The newest that came meanwhile: it is next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<Claim>,
    /// Those that a newer one took the place of, until each is recorded as superseded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub superseded: Vec<Claim>,
    /// The last commit that a sync brought the whole branch in step with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_step: Option<InStep>,
    /// The last sync that the lease was given or promised to. The next one's id comes after it, whatever the clock says of
    /// whoever asks: heads take notes of the newest sync only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<SyncId>,
}

/// What a branch is in step with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InStep {
    /// The branch's commit.
    pub commit: CommitId,
    /// The manifest branch's commit.
    pub manifest_commit: Option<CommitId>,
}

/// What a request for the lease came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Requested {
    /// The sync holds the lease.
    Acquired,
    /// It waits; it will run unless a newer one comes.
    Queued,
    /// This commit is being synced, or waits to be, by that sync: nothing to add.
    AlreadyClaimed(SyncId),
    /// The branch is in step with this commit.
    InStep,
}

impl Lease {
    /// Asks for the lease for a new sync.
    pub fn request(&mut self, claim: Claim) -> Requested {
        let newest = self.waiting.as_ref().or(self.holder.as_ref());
        match newest {
            // What is deployed by hand is never just what the commit asks for.
            Some(newest)
                if newest.by_hand.is_none()
                    && newest.commit == claim.commit
                    && newest.manifest_commit == claim.manifest_commit =>
            {
                Requested::AlreadyClaimed(newest.sync.clone())
            }
            Some(_) => {
                self.last = Some(claim.sync.clone());
                self.superseded.extend(self.waiting.replace(claim));
                Requested::Queued
            }
            None if self.in_step.as_ref().is_some_and(|in_step| {
                in_step.commit == claim.commit && in_step.manifest_commit == claim.manifest_commit
            }) =>
            {
                Requested::InStep
            }
            None => {
                self.last = Some(claim.sync.clone());
                self.holder = Some(claim);
                Requested::Acquired
            }
        }
    }

    /// Takes the lease for a sync by hand, where nobody has it and nobody had it since `last` was the last: what was
    /// looked at before still holds then. Such a sync never waits in line: whoever started it can.
    pub fn take(&mut self, claim: &Claim, last: Option<&SyncId>) -> bool {
        if self.holder.is_none() && self.last.as_ref() == last {
            self.last = Some(claim.sync.clone());
            self.holder = Some(claim.clone());
        }
        self.holder.as_ref() == Some(claim)
    }

    /// Forgets a superseded claim that was recorded.
    pub fn forget_superseded(&mut self, sync: &SyncId) {
        self.superseded.retain(|claim| claim.sync != *sync);
    }

    /// Ends the holder's claim and hands the lease to the newest that waits. Doing it twice is doing it once: a sync
    /// that does not hold the lease changes nothing.
    pub fn release(&mut self, sync: &SyncId, in_step: Option<InStep>) {
        if self.holder.as_ref().is_none_or(|holder| holder.sync != *sync) {
            return;
        }
        self.holder = self.waiting.take();
        // A sync that failed may have moved some targets on, so what was in step before it is no longer known to be.
        self.in_step = in_step;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn claim(number: u32) -> Claim {
        Claim {
            sync: SyncId::new(format!("sync-{number}")),
            commit: CommitId::new(format!("commit-{number}")),
            manifest_branch: BranchName::new("main"),
            manifest_commit: Some(CommitId::new("manifest")),
            by_hand: None,
        }
    }

    #[test]
    fn a_push_waits_for_what_is_deployed_by_hand_and_is_never_taken_for_it() {
        let by_hand = Some(ByHand { by: "arn:aws:iam::1:user/a".to_owned(), has_changes: false });
        let hand = Claim { by_hand, ..claim(1) };
        let mut lease = Lease::default();
        assert!(lease.take(&hand, None));
        assert!(lease.take(&hand, None), "taking it twice is taking it once");
        let other = Claim { sync: SyncId::new("sync-9"), ..hand.clone() };
        assert!(!lease.take(&other, Some(&hand.sync)));
        let push = Claim { sync: SyncId::new("sync-2"), ..claim(1) };
        assert_eq!(lease.request(push.clone()), Requested::Queued);
        lease.release(&hand.sync, None);
        assert_eq!(lease.holder, Some(push.clone()));
        lease.release(&push.sync, None);
        assert!(!lease.take(&other, Some(&hand.sync)), "somebody had it since it was looked at");
        assert!(lease.take(&other, Some(&push.sync)));
    }

    #[test]
    fn a_push_while_a_sync_runs_waits_and_the_newest_wins() {
        let mut lease = Lease::default();
        assert_eq!(lease.request(claim(1)), Requested::Acquired);
        assert_eq!(lease.request(claim(2)), Requested::Queued);
        assert_eq!(lease.request(claim(3)), Requested::Queued);
        assert_eq!(lease.superseded, [claim(2)]);
        lease.release(&claim(1).sync, None);
        assert_eq!(lease.holder, Some(claim(3)));
    }

    #[test]
    fn a_second_event_of_one_push_adds_nothing() {
        let mut lease = Lease::default();
        lease.request(claim(1));
        let again = Claim { sync: SyncId::new("other"), ..claim(1) };
        assert_eq!(lease.request(again.clone()), Requested::AlreadyClaimed(claim(1).sync));
        lease.release(
            &claim(1).sync,
            Some(InStep { commit: claim(1).commit, manifest_commit: claim(1).manifest_commit }),
        );
        assert_eq!(lease.request(again.clone()), Requested::InStep);
        let newer = Claim { manifest_commit: Some(CommitId::new("newer")), ..again };
        assert_eq!(lease.request(newer), Requested::Acquired);
    }

    #[test]
    fn superseded_claims_survive_until_they_are_recorded() {
        let mut lease = Lease::default();
        for number in 1..=4 {
            lease.request(claim(number));
        }
        lease.release(&claim(1).sync, None);
        assert_eq!(lease.superseded, [claim(2), claim(3)]);
        lease.forget_superseded(&claim(2).sync);
        assert_eq!(lease.superseded, [claim(3)]);
    }

    proptest! {
        #[test]
        fn only_the_holder_can_hand_the_lease_on(steps in proptest::collection::vec((any::<bool>(), 0u32..6), 0..60)) {
            let mut lease = Lease::default();
            for (asks, number) in steps {
                let before = lease.clone();
                if asks {
                    let requested = lease.request(claim(number));
                    prop_assert_eq!(before.holder.is_none(), requested == Requested::Acquired);
                } else {
                    lease.release(&claim(number).sync, None);
                    if before.holder.as_ref().map(|holder| &holder.sync) != Some(&claim(number).sync) {
                        prop_assert_eq!(&before, &lease);
                    }
                }
                prop_assert!(lease.holder.is_some() || lease.waiting.is_none());
            }
        }
    }
}
