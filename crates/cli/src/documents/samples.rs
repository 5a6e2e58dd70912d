//! Records that the tests of this crate draw: a sync of three targets and one that was left alone.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use syncline_aws::table::{Head, PublishAction, SyncRecord, TargetRecord};
use syncline_core::lease::{Claim, InStep, Lease};
use syncline_core::manifest::Publish;
use syncline_core::names::{
    BranchName, CommitId, RepositoryName, StackName, SyncId, TargetKind, TargetName, TargetNumber,
};
use syncline_core::status::{SyncStatus, TargetStatus};
use time::OffsetDateTime;

use super::plan::{PlannedDocument, WaitDocument, WaitReason};
use super::render::StandIn;
use super::{PlanDocument, RenderDocument, SyncDocument};

/// 2026-11-22T10:00:00Z and so many seconds.
pub(crate) fn moment(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_795_341_600 + seconds).unwrap()
}

/// The moment as it is stored.
pub(crate) fn at(seconds: u32) -> String {
    format!("2026-11-22T10:{:02}:{:02}.250Z", seconds / 60, seconds % 60)
}

pub(crate) fn claim(digit: char) -> Claim {
    let commit = CommitId::new(digit.to_string().repeat(40));
    let sync = SyncId::new(format!("01KAN0000000000000000000{digit}0"));
    let manifest_branch = BranchName::new("main");
    Claim { sync, manifest_branch, manifest_commit: Some(commit.clone()), commit, by_hand: None }
}

/// A sync of `main`, with the statuses that it came to so far, a second apart.
pub(crate) fn record(digit: char, statuses: &[SyncStatus]) -> SyncRecord {
    let main = BranchName::new("main");
    let mut record = SyncRecord::new(&RepositoryName::new("shop"), &main, &claim(digit));
    record.status = *statuses.last().unwrap_or(&SyncStatus::Queued);
    record.events = BTreeMap::from([(SyncStatus::Queued, at(0))]);
    record.events.extend((1..).zip(statuses).map(|(second, status)| (*status, at(second))));
    record
}

/// A target that waits for those numbers, with the statuses that it came to so far and when.
pub(crate) fn target(number: u32, name: &str, waits_on: &[u32], events: &[(TargetStatus, u32)]) -> TargetRecord {
    let Claim { sync, commit, .. } = claim('a');
    let (kind, stack) = match name.split_once('/') {
        Some((service, instance)) => ("service_instance", format!("shop-{service}-{instance}")),
        None => ("environment", format!("shop-{name}")),
    };
    let status = events.last().map_or(TargetStatus::Pending, |(status, _)| *status);
    let mut events: BTreeMap<TargetStatus, String> =
        events.iter().map(|(status, second)| (*status, at(*second))).collect();
    events.insert(TargetStatus::Pending, at(3));
    let waits_on: BTreeSet<TargetNumber> = waits_on.iter().copied().map(TargetNumber).collect();
    serde_json::from_value(json!({
        "sync": sync, "repository": "shop", "branch": "main", "commit": commit, "manifest": "syncline.yaml",
        "number": number, "name": name, "kind": kind, "stack": stack, "action": "deploy",
        "waits_on": waits_on, "dependents": [], "was_in_step": false, "outputs_wanted": false,
        "reads": [], "sources": "0",
        "entry": {
            "name": name, "kind": kind, "own_name": name, "branch": "main", "spec": "spec.yaml", "stack": stack,
        },
        "status": status, "events": events,
    }))
    .unwrap()
}

/// A sync in which one target failed: with a diagnostic, a target that was left alone and one that is unmanaged.
pub(crate) fn failed() -> SyncDocument {
    let mut record = record('a', &[SyncStatus::Initiated, SyncStatus::InProgress, SyncStatus::Failed]);
    record.events.insert(SyncStatus::Failed, at(90));
    record.unmanaged = vec![TargetName::new("old/beta")];
    record.diagnostics = serde_json::from_value(json!([{
        "severity": "warning", "message": "unused input `colour`", "path": "front-end/spec.yaml",
        "span": { "start": 8, "end": 14, "line": 4, "column": 3 },
    }]))
    .unwrap();
    let mut targets = vec![
        target(0, "beta", &[], &[(TargetStatus::Deploying, 3), (TargetStatus::Succeeded, 64)]),
        target(1, "front-end/beta", &[0], &[(TargetStatus::Deploying, 65), (TargetStatus::Failed, 88)]),
        target(2, "web/beta", &[1], &[(TargetStatus::Skipped, 88)]),
    ];
    targets[1].entered = 2;
    targets[1].reason = Some("`Topic` (AWS::SNS::Topic): Invalid parameter:\n  name".to_owned());
    targets[2].reason = Some("`front-end/beta` failed".to_owned());
    SyncDocument::new(record, targets, vec![TargetName::new("api/beta")], Vec::new())
}

/// A sync that succeeded and was published.
pub(crate) fn succeeded() -> SyncDocument {
    let record = record('a', &[SyncStatus::Initiated, SyncStatus::InProgress, SyncStatus::Succeeded]);
    let targets = vec![
        target(0, "beta", &[], &[(TargetStatus::Deploying, 3), (TargetStatus::Unchanged, 4)]),
        target(1, "front-end/beta", &[0], &[(TargetStatus::Deploying, 4), (TargetStatus::Succeeded, 9)]),
    ];
    SyncDocument::new(record, targets, Vec::new(), vec![publish()])
}

/// The same while it runs.
pub(crate) fn running() -> SyncDocument {
    let record = record('a', &[SyncStatus::Initiated, SyncStatus::InProgress]);
    let targets = vec![target(0, "beta", &[], &[(TargetStatus::Deploying, 3)]), target(1, "front-end/beta", &[0], &[])];
    SyncDocument::new(record, targets, vec![TargetName::new("api/beta")], Vec::new())
}

pub(crate) fn publish() -> PublishAction {
    let Claim { sync, commit, .. } = claim('a');
    serde_json::from_value(json!({
        "sync": sync, "repository": "shop", "from": "main", "to": "prod", "commit": commit,
        "status": "CREATED", "pull_request_id": "12", "recorded_at": at(10),
    }))
    .unwrap()
}

pub(crate) fn lease() -> Lease {
    let Claim { commit, manifest_commit, .. } = claim('9');
    Lease {
        last: None,
        holder: Some(claim('a')),
        waiting: Some(claim('b')),
        superseded: Vec::new(),
        in_step: Some(InStep { commit, manifest_commit }),
    }
}

pub(crate) fn heads() -> Vec<Head> {
    let head = |target: &str, kind: &str, branch: &str, status: TargetStatus, reason: Option<&str>| {
        serde_json::from_value(json!({
            "target": target, "kind": kind, "branch": branch, "stack": format!("shop-{}", target.replace('/', "-")),
            "desired_commit": claim('a').commit, "latest_sync": claim('a').sync, "status": status, "reason": reason,
            "updated_at": at(64),
        }))
        .unwrap()
    };
    vec![
        head("front-end/prod", "service_instance", "prod", TargetStatus::Succeeded, None),
        head("front-end/beta", "service_instance", "main", TargetStatus::Failed, Some("`Topic`\nis bad")),
        head("beta", "environment", "main", TargetStatus::Unchanged, None),
    ]
}

/// The plan of an environment and three instances in it.
pub(crate) fn plan() -> PlanDocument {
    let written = |name: &str, line: usize| WaitDocument {
        target: TargetName::new(name),
        reason: WaitReason::Written,
        line: Some(line),
        column: Some(19),
        import: None,
    };
    let environment = WaitDocument {
        target: TargetName::new("beta"),
        reason: WaitReason::Environment,
        line: None,
        column: None,
        import: None,
    };
    let planned = |name: &str, kind: TargetKind, waits_on: Vec<WaitDocument>| PlannedDocument {
        target: TargetName::new(name),
        kind,
        stack: StackName::new(format!("shop-{}", name.replace('/', "-"))),
        location: syncline_core::location::Location::default(),
        shows_outputs_of: if waits_on.contains(&environment) { vec!["beta".to_owned()] } else { Vec::new() },
        waits_on,
        reads: vec![format!("{name}.yaml")],
    };
    PlanDocument {
        repository: RepositoryName::new("shop"),
        branch: BranchName::new("main"),
        commit: None,
        manifest: "syncline.yaml".to_owned(),
        targets: vec![
            planned("beta", TargetKind::Environment, Vec::new()),
            planned("events/beta", TargetKind::ServiceInstance, vec![environment.clone()]),
            planned("catalog/beta", TargetKind::ServiceInstance, Vec::new()),
            planned(
                "orders/beta",
                TargetKind::ServiceInstance,
                vec![written("events/beta", 7), written("catalog/beta", 7), environment.clone()],
            ),
        ],
        publish: vec![Publish { from: BranchName::new("main"), to: BranchName::new("prod"), span: Default::default() }],
        longest_path: ["beta", "events/beta", "orders/beta"].map(TargetName::new).to_vec(),
        diagnostics: Vec::new(),
    }
}

/// A rendered target that shows what only AWS knows.
pub(crate) fn rendered() -> RenderDocument {
    RenderDocument {
        target: TargetName::new("orders/beta"),
        kind: TargetKind::ServiceInstance,
        branch: BranchName::new("main"),
        commit: Some(claim('a').commit),
        stack: StackName::new("shop-orders-beta"),
        template: "Resources: {}\n".to_owned(),
        parameters: BTreeMap::from([("Size".to_owned(), "two\nlines".to_owned())]),
        addons: None,
        tags: BTreeMap::from([("team".to_owned(), "platform".to_owned())]),
        inputs: [("port".to_owned(), 8080.into())].into_iter().collect(),
        environment: Some("beta".to_owned()),
        reads: vec!["orders/spec.yaml".to_owned()],
        stand_ins: vec![StandIn::Outputs, StandIn::Account],
    }
}
