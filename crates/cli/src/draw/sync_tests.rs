//! What a sync looks like in text and as a document.

use syncline_core::lease::ByHand;

use super::*;
use crate::documents::samples;

fn lines(follow_ups: &[(String, String)]) -> String {
    follow_ups.iter().map(|(command, purpose)| format!("{command} | {purpose}\n")).collect()
}

#[test]
fn show_draws_everything() {
    insta::assert_snapshot!(show(&samples::failed(), samples::moment(120), Paint::OFF));
}

#[test]
fn show_of_a_sync_that_runs_counts_on() {
    insta::assert_snapshot!(show(&samples::running(), samples::moment(30), Paint::OFF));
}

#[test]
fn the_document_is_stable() {
    insta::assert_snapshot!(serde_json::to_string_pretty(&samples::failed()).unwrap());
}

#[test]
fn a_summary_is_one_line() {
    let summaries: Vec<String> = [samples::failed(), samples::succeeded(), samples::running()]
        .iter()
        .map(|document| summary(&document.summary, samples::moment(30), Paint::OFF))
        .collect();
    insta::assert_snapshot!(summaries.join("\n"), @r"
    ✗ shop main at aaaaaaaa is not in step: 1 succeeded, 1 unchanged, 1 failed, 1 skipped in 1m29s
    ✓ shop main at aaaaaaaa is in step: 1 succeeded, 1 unchanged in 2.0s
    ● shop main at aaaaaaaa goes on: 1 unchanged, 1 deploying, 1 pending in 28.8s
    ");
    let mut superseded = samples::succeeded().summary;
    superseded.status = SyncStatus::Superseded;
    superseded.reason = Some("a newer commit came before it began".to_owned());
    let mut rejected = samples::failed().summary;
    rejected.counts.clear();
    rejected.reason = Some("1 problem in the repository's files; no stack was touched".to_owned());
    assert_eq!(
        summary(&rejected, samples::moment(30), Paint::OFF),
        "✗ shop main at aaaaaaaa is not in step: 1 problem in the repository's files; no stack was touched"
    );
    insta::assert_snapshot!(summary(&superseded, samples::moment(30), Paint::OFF), @"— shop main at aaaaaaaa was superseded; a newer commit came before it began");
}

#[test]
fn what_was_done_by_hand_is_in_step_with_no_commit() {
    let mut by_hand = samples::succeeded().summary;
    by_hand.by_hand = Some(ByHand { by: "arn".to_owned(), has_changes: true });
    let line = summary(&by_hand, samples::moment(30), Paint::OFF);
    assert_eq!(line, "✓ shop main: done by hand, 1 succeeded, 1 unchanged in 2.0s");
    by_hand.status = SyncStatus::InProgress;
    assert!(summary(&by_hand, samples::moment(30), Paint::OFF).contains("goes on"));
}

#[test]
fn a_failure_says_where_to_look_and_how_to_go_on() {
    insta::assert_snapshot!(lines(&follow_ups(&samples::failed())), @r"
    aws cloudformation describe-stack-events --stack-name shop-front-end-beta | for what happened to `front-end/beta`
    syncline show 01KAN0000000000000000000a0 | for everything about this sync
    git push | once it is fixed and committed: the next sync goes on with what is not in step
    ");
}

#[test]
fn a_stack_that_was_never_touched_has_nothing_to_look_at() {
    let mut refused = samples::failed();
    refused.targets[1].is_touched = false;
    assert!(!lines(&follow_ups(&refused)).contains("describe-stack-events"));
}

#[test]
fn what_is_blocked_is_let_go_on_by_a_command_that_runs() {
    let mut blocked = samples::failed();
    blocked.summary.counts.clear();
    let reasons = ["x; `aws y` may tell by whom, `syncline resolve front-end/beta --reason TEXT` has the next sync"];
    for (target, reason) in blocked.targets.iter_mut().skip(1).zip(reasons) {
        (target.status, target.reason) = (TargetStatus::Blocked, Some(reason.to_owned()));
    }
    insta::assert_snapshot!(lines(&follow_ups(&blocked)), @r"
    syncline show 01KAN0000000000000000000a0 | for everything about this sync
    syncline resolve front-end/beta --reason TEXT | to have `front-end/beta` go on
    git commit --allow-empty && git push | after that, to sync again: only what is not in step is deployed
    ");
}

#[test]
fn a_success_names_the_pull_request() {
    insta::assert_snapshot!(lines(&follow_ups(&samples::succeeded())), @"aws codecommit get-pull-request --pull-request-id 12 | to review what goes to `prod`");
    assert_eq!(follow_ups(&samples::running()), []);
}

#[test]
fn every_publish_action_is_one_line() {
    let mut action = samples::succeeded().summary.publish_actions.remove(0);
    let mut drawn = publishes(std::slice::from_ref(&action), Paint::OFF);
    for status in
        [PublishStatus::Updated, PublishStatus::NothingToPublish, PublishStatus::Superseded, PublishStatus::Failed]
    {
        action.status = status;
        if status == PublishStatus::Failed {
            action.reason = Some("Refused:\nno".to_owned());
        }
        drawn.extend(publishes(std::slice::from_ref(&action), Paint::OFF));
    }
    insta::assert_snapshot!(drawn.join("\n"), @r"
    ✓ publish main → prod: pull request 12 opened
    ✓ publish main → prod: pull request 12 brought up to date
    ○ publish main → prod: nothing to publish
    — publish main → prod: left to the sync of a newer commit
    ✗ publish main → prod: failed: Refused: no
    ");
}
