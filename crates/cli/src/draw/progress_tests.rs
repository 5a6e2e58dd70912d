//! What a sync looks like while it is followed.

use super::*;
use crate::documents::samples;

fn drawn(before: Option<&SyncDocument>, now: &SyncDocument) -> String {
    let lines: Vec<String> =
        changes(before, now, samples::moment(5)).iter().map(|change| change.line(Paint::OFF)).collect();
    lines.join("\n")
}

/// A sync in progress with so many targets of each status.
fn many(statuses: &[(TargetStatus, u32)]) -> SyncDocument {
    let record = samples::record('a', &[SyncStatus::Initiated, SyncStatus::InProgress]);
    let all = statuses.iter().flat_map(|(status, count)| (0..*count).map(|_| *status));
    let targets = (0..)
        .zip(all)
        .map(|(number, status)| samples::target(number, &format!("service-{number}/beta"), &[], &[(status, 4)]))
        .collect();
    SyncDocument::new(record, targets, Vec::new(), Vec::new())
}

#[test]
fn the_first_look_says_where_everything_is() {
    insta::assert_snapshot!(drawn(None, &samples::running()), @r"
    ● main at aaaaaaaa: 2 targets, 1 left alone (sync 01KAN0000000000000000000a0)
    ● beta deploying 1.8s
    ○ api/beta unchanged
    ");
}

#[test]
fn later_looks_say_what_changed() {
    let (running, failed) = (samples::running(), samples::failed());
    insta::assert_snapshot!(drawn(Some(&running), &failed), @r"
    ✓ beta succeeded 1m01s
    ✗ front-end/beta failed 23.0s: `Topic` (AWS::SNS::Topic): Invalid parameter: name
    — web/beta skipped: `front-end/beta` failed
    ");
    assert_eq!(drawn(Some(&running), &running), "");
    assert_eq!(drawn(Some(&failed), &failed), "");
}

#[test]
fn many_targets_that_were_left_alone_share_a_line() {
    let mut sync = samples::running();
    let kept = sync.targets.pop().unwrap();
    sync.targets.extend((0..7).map(|number| TargetDocument {
        target: syncline_core::names::TargetName::new(format!("kept-{number}")),
        ..kept.clone()
    }));
    assert!(drawn(None, &sync).ends_with("\n○ 7 targets unchanged: nothing that they are made of changed"));
}

#[test]
fn a_sync_that_waits_or_plans_says_so() {
    let statuses = [vec![], vec![SyncStatus::Initiated]];
    let lines: Vec<String> = statuses
        .iter()
        .map(|statuses| SyncDocument::new(samples::record('a', statuses), Vec::new(), Vec::new(), Vec::new()))
        .map(|sync| drawn(None, &sync))
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    ○ main at aaaaaaaa: waits for the sync before it (sync 01KAN0000000000000000000a0)
    ● main at aaaaaaaa: reads and plans (sync 01KAN0000000000000000000a0)
    ");
}

#[test]
fn a_frame_shows_every_target_where_there_is_room() {
    insta::assert_snapshot!(frame(&samples::running(), samples::moment(5), (90, 40), Paint::OFF), @r"
    ● 3.8s main at aaaaaaaa: 2 targets, 1 left alone (sync 01KAN0000000000000000000a0)
    ● beta deploying 1.8s
    ○ front-end/beta pending, after beta
    ○ api/beta unchanged
    ");
}

#[test]
fn a_frame_of_many_targets_shows_what_matters_and_counts_the_rest() {
    let sync = many(&[
        (TargetStatus::Succeeded, 30),
        (TargetStatus::Failed, 1),
        (TargetStatus::Deploying, 3),
        (TargetStatus::Pending, 40),
    ]);
    let frame = frame(&sync, samples::moment(5), (80, 40), Paint::OFF);
    assert_eq!(frame.lines().count(), MOST_LINES);
    assert_eq!(frame.matches("deploying").count(), 3);
    assert!(frame.contains("✗ service-30/beta failed"), "{frame}");
    assert!(frame.ends_with("\n  and 52 more: 30 succeeded, 22 pending"), "{frame}");
}

#[test]
fn a_frame_is_as_wide_as_the_terminal_in_colour_too() {
    for is_on in [false, true] {
        let frame = frame(&samples::failed(), samples::moment(5), (30, 40), Paint { is_on });
        assert!(frame.lines().all(|line| console::measure_text_width(line) <= 30), "{frame}");
    }
}

/// A running sync whose first target has resources.
fn with_resources(events: &[(&str, &str, Option<&str>)]) -> SyncDocument {
    let stack = syncline_core::names::StackName::new("shop-beta");
    let mut resources = crate::resources::Resources::default();
    resources.describe(&stack, "Resources: {Bus: {Metadata: {'aws:copilot:description': The bus}}, Topic: {}}");
    let event = |(resource, status, reason): &(&str, &str, Option<&str>)| syncline_aws::stacks::ResourceEvent {
        resource: (*resource).to_owned(),
        kind: "AWS::X::Y".to_owned(),
        status: (*status).to_owned(),
        reason: reason.map(str::to_owned),
        at: "2026-11-22T10:00:03Z".to_owned(),
    };
    let mut sync = samples::running();
    sync.targets[0].stack = Some(stack.clone());
    resources.tell(&stack, events.iter().map(event).collect());
    resources.add_to(&mut sync, false);
    sync
}

#[test]
fn resources_stand_below_their_target_where_they_are_described_or_failed() {
    let began = with_resources(&[("Bus", "CREATE_IN_PROGRESS", None), ("Topic", "CREATE_IN_PROGRESS", None)]);
    insta::assert_snapshot!(frame(&began, samples::moment(5), (90, 40), Paint::OFF), @r"
    ● 3.8s main at aaaaaaaa: 2 targets, 1 left alone (sync 01KAN0000000000000000000a0)
    ● beta deploying 1.8s
      └ ● The bus (AWS::X::Y) create in progress 2.0s
    ○ front-end/beta pending, after beta
    ○ api/beta unchanged
    ");
    let failed = with_resources(&[
        ("Bus", "CREATE_IN_PROGRESS", None),
        ("Topic", "CREATE_IN_PROGRESS", None),
        ("Topic", "CREATE_FAILED", Some("no room")),
        ("Bus", "CREATE_COMPLETE", None),
        ("Topic", "DELETE_COMPLETE", None),
    ]);
    insta::assert_snapshot!(drawn(Some(&began), &failed), @r"
      ✓ beta The bus (AWS::X::Y) create complete 0.0s
      ✗ beta Topic (AWS::X::Y) failed, and undone 0.0s: no room
    ");
    assert_eq!(drawn(Some(&failed), &failed), "");
}

#[test]
fn a_target_that_goes_is_deleted_and_not_deployed() {
    let mut sync = samples::running();
    sync.targets[0].action = Some(Action::Delete);
    assert!(drawn(None, &sync).contains("● beta deleting 1.8s"));
    sync.targets[0].status = TargetStatus::Succeeded;
    assert!(drawn(None, &sync).contains("✓ beta deleted"));
}

#[test]
fn a_frame_has_room_on_a_low_terminal() {
    let frame = frame(&samples::running(), samples::moment(5), (90, 3), Paint::OFF);
    assert_eq!(frame.lines().count(), 3, "{frame}");
    assert!(frame.lines().last().unwrap().contains("more: "), "{frame}");
}
