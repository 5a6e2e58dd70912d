//! What is open of a sync, in the real table: more targets than one item holds.

use std::collections::BTreeMap;
use std::ops::Range;

use serde_json::json;
use syncline_aws::clock;
use syncline_aws::table::{Stored, SyncRecord, Walk};
use syncline_aws::workflow::Workflow;
use syncline_core::lease::Claim;
use syncline_core::names::{BranchName, CommitId, RepoPath, RepositoryName, SyncId, TargetNumber};
use syncline_core::plan::{Plan, PlannedTarget};
use syncline_core::status::SyncStatus;
use syncline_core::walk::{self, WalkStore as _};

use super::world::world;

/// Three items hold them.
const TARGETS: u32 = 450;

fn target(number: u32) -> PlannedTarget {
    serde_json::from_value(json!({
        "number": number,
        "name": format!("s{number}/i"),
        "kind": "service_instance",
        "stack": format!("open-s{number}-i"),
        "action": "deploy",
        "waits_on": [],
        "dependents": [],
        "was_in_step": false,
        "outputs_wanted": false,
        "reads": [],
        "sources": "",
    }))
    .unwrap()
}

/// Settles targets, and gives whether the sync is over.
async fn close(walk: &Walk, sync: &SyncId, numbers: Range<u32>) -> bool {
    walk::close(walk, sync, &numbers.map(TargetNumber).collect()).await.unwrap()
}

#[tokio::test]
async fn a_sync_is_over_when_the_last_of_many_targets_has_settled() {
    let world = world().await;
    let walk = Walk {
        table: world.table().await,
        workflow: Workflow::by_hand(&world.configuration().await, "nobody is started".to_owned()),
    };
    let claim = Claim {
        sync: clock::sync_id_after(None),
        commit: CommitId::none(),
        manifest_branch: BranchName::new("main"),
        manifest_commit: None,
        by_hand: None,
    };
    let sync = &claim.sync;
    let record = SyncRecord::new(&RepositoryName::new("open"), &BranchName::new("main"), &claim);
    walk.table.create_sync(&record).await.unwrap();
    walk.table.advance_sync(sync, SyncStatus::Initiated, None, None).await.unwrap();
    let plan = Plan { targets: (0..TARGETS).map(target).collect(), publish: Vec::new(), unmanaged: Vec::new() };
    let manifest = RepoPath::parse("syncline.yaml").unwrap();
    let store =
        async |plan| walk.table.store_plan(&record, &manifest, plan, &BTreeMap::new(), &[], None).await.unwrap();
    assert!(matches!(store(&plan).await, Stored::Begun(targets) if targets.len() == TARGETS as usize));
    // Whoever planned the same is late; of another plan nothing is stored.
    assert!(matches!(store(&plan).await, Stored::Late));
    let other = Plan { targets: (0..TARGETS + 1).map(target).collect(), ..plan.clone() };
    assert!(matches!(store(&other).await, Stored::Differs));
    assert_eq!(walk.table.targets(sync).await.unwrap().len(), TARGETS as usize);
    assert!(!walk.is_closed(sync).await.unwrap());

    // In any order, and some of them twice.
    for some in [250..TARGETS, 0..249, 0..10, 420..430] {
        assert!(!close(&walk, sync, some.clone()).await, "{some:?}");
    }
    assert!(!walk.is_closed(sync).await.unwrap());
    assert!(close(&walk, sync, 249..250).await);
    assert!(walk.is_closed(sync).await.unwrap());
    // Whoever settles one again, because somebody was cut off there, is told too.
    assert!(close(&walk, sync, 0..1).await);
    walk.table.advance_sync(sync, SyncStatus::Failed, Some("it was only a test"), None).await.unwrap();
}
