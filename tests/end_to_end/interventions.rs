//! What people do behind Syncline's back, and to the course of its syncs: stacks changed or deleted by hand are blocked until
//! somebody accepts that, and what is paused is not begun with. All of it is in the history.

use aws_sdk_cloudformation::Client;
use syncline_core::status::{SyncStatus, TargetStatus};

use super::by_hand::{assert_done, text};
use super::repository::{Repository, parameter};
use super::stack_states::until;

/// Two services, the second waits for the first, and a third on its own.
async fn three(name: &str) -> (Repository, Client) {
    let repository = Repository::of_services(name, &[("a", None), ("b", Some("a")), ("c", None)]).await;
    change(&repository, "first");
    let sync = repository.push_and_wait("Begin").await;
    repository.assert_succeeded(&sync).await;
    let client = Client::new(&repository.world.configuration().await);
    (repository, client)
}

fn change(repository: &Repository, value: &str) {
    for service in ["a", "b", "c"] {
        repository.write(&format!("t{service}.yaml"), &parameter(value, "any"));
    }
}

async fn statuses(repository: &Repository, message: &str) -> [TargetStatus; 3] {
    let sync = repository.push_and_wait(message).await;
    let found = repository.statuses(&sync.sync).await;
    ["a/i", "b/i", "c/i"].map(|name| found[name])
}

#[tokio::test]
async fn a_stack_that_was_changed_by_hand_is_blocked_until_somebody_accepts_that() {
    let (repository, client) = three("oob").await;
    client.update_stack().stack_name("oob-a-i").template_body(parameter("by-hand", "any")).send().await.unwrap();
    until(&client, "oob-a-i", "UPDATE_COMPLETE").await;
    change(&repository, "second");
    use TargetStatus::{Blocked, Skipped, Succeeded};
    assert_eq!(statuses(&repository, "Meanwhile").await, [Blocked, Skipped, Succeeded]);
    let heads = repository.table.heads(&repository.repository_name()).await.unwrap();
    let reason = heads.iter().find(|head| head.target.as_str() == "a/i").unwrap().reason.clone().unwrap();
    assert!(
        reason.starts_with("stack `oob-a-i` was changed by hand since its last sync (it is UPDATE_COMPLETE"),
        "{reason}"
    );
    assert!(reason.contains("`syncline resolve a/i --reason TEXT`"), "{reason}");
    let said = text(&repository.syncline(&["status", "--watch"]).await);
    assert!(said.contains("  syncline resolve a/i --reason TEXT") && said.contains("--allow-empty"), "{said}");
    assert!(!said.contains("once it is fixed"), "{said}");
    let told = client.get_template().stack_name("oob-a-i").send().await.unwrap();
    assert!(told.template_body().unwrap().contains("by-hand"), "nothing was taken over");

    // It stays blocked however often somebody pushes; what was not touched cannot be accepted.
    assert_eq!(statuses(&repository, "Again").await[0], Blocked);
    let refused = repository.syncline(&["resolve", "c/i", "--reason", "x"]).await;
    assert!(text(&refused).contains("nobody changed stack oob-c-i by hand"), "{}", text(&refused));
    let refused = repository.syncline(&["resolve", "a/j", "--reason", "x"]).await;
    assert!(text(&refused).contains("did you mean `a/i`?"), "{}", text(&refused));

    let said = assert_done(&repository.syncline(&["resolve", "a/i", "--reason", "the value is in Git by now"]).await);
    assert!(said.contains("target `a/i` of oob: accepted as it is"), "{said}");
    assert!(said.contains("git commit --allow-empty && git push"), "{said}");
    let said = assert_done(&repository.syncline(&["status"]).await);
    assert!(said.contains("resolved: the next sync takes over"), "{said}");
    assert_eq!(statuses(&repository, "Take over").await, [Succeeded, Succeeded, TargetStatus::Unchanged]);
    let history = assert_done(&repository.syncline(&["history"]).await);
    assert!(history.contains("RESOLVE") && history.contains("the value is in Git by now"), "{history}");
}

#[tokio::test]
async fn a_stack_that_was_deleted_by_hand_is_blocked_until_somebody_accepts_that() {
    let (repository, client) = three("oobgone").await;
    client.delete_stack().stack_name("oobgone-a-i").send().await.unwrap();
    while !repository.stacks("oobgone-a-").await.is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    change(&repository, "second");
    use TargetStatus::{Blocked, Skipped, Succeeded};
    assert_eq!(statuses(&repository, "Meanwhile").await, [Blocked, Skipped, Succeeded]);
    assert!(repository.stacks("oobgone-a-").await.is_empty());
    assert_done(&repository.syncline(&["resolve", "a/i", "--reason", "it was to be made anew"]).await);
    assert_eq!(statuses(&repository, "Make it anew").await[..2], [Succeeded, Succeeded]);
    assert_eq!(repository.stacks("oobgone-a-").await.len(), 1);

    // What was accepted once is not accepted for ever.
    client.delete_stack().stack_name("oobgone-a-i").send().await.unwrap();
    while !repository.stacks("oobgone-a-").await.is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    change(&repository, "third");
    assert_eq!(statuses(&repository, "Deleted again").await[0], Blocked);
}

/// A stack that the manifest calls otherwise by now is another stack; the one that was left is nobody's doing.
#[tokio::test]
async fn a_target_under_another_name_is_not_blocked() {
    let (repository, _) = three("oobname").await;
    repository.replace("syncline.yaml", "app: oobname", "app: oobrenamed");
    assert_eq!(statuses(&repository, "Call it otherwise").await, [TargetStatus::Succeeded; 3]);
    change(&repository, "second");
    assert_eq!(statuses(&repository, "And change it").await, [TargetStatus::Succeeded; 3]);
}

/// What a person deploys by hand with `syncline deploy` is no change behind its back.
#[tokio::test]
async fn what_is_deployed_by_hand_blocks_nothing() {
    let (repository, _) = three("oobhand").await;
    change(&repository, "second");
    assert_done(&repository.syncline(&["deploy", "--all", "--yes"]).await);
    change(&repository, "third");
    assert_eq!(statuses(&repository, "Then a push").await, [TargetStatus::Succeeded; 3]);
}

#[tokio::test]
async fn what_is_paused_is_not_begun_with_until_it_is_resumed() {
    use TargetStatus::{Blocked, Skipped, Succeeded, Unchanged};
    let (repository, _) = three("paused").await;
    let refused = repository.syncline(&["pause", "--reason", "x"]).await;
    assert_eq!(refused.status.code(), Some(2), "{}", text(&refused));
    let refused = repository.syncline(&["pause", "--branch", "mian", "--reason", "x"]).await;
    assert!(text(&refused).contains("did you mean `main`?"), "{}", text(&refused));
    // Paused while somebody is asked: nothing is begun.
    change(&repository, "asked");
    let mut terminal = repository.terminal(&["deploy", "-n", "a"]);
    terminal.until("[y/N]").await;
    assert_done(&repository.syncline(&["pause", "a/i", "--reason", "a migration runs"]).await);
    terminal.press("y");
    let (status, screen) = terminal.ended().await;
    assert_eq!(status, 1, "{screen}");
    assert!(screen.contains("`a/i` is not to be worked on"), "{screen}");
    change(&repository, "second");
    assert_eq!(statuses(&repository, "Held").await, [Blocked, Skipped, Succeeded]);
    let said = assert_done(&repository.syncline(&["status"]).await);
    assert!(said.contains("target `a/i` was paused by arn:aws:iam::000000000000:root"), "{said}");
    assert!(said.contains("a migration runs; `syncline resume a/i` lets it go on"), "{said}");
    let refused = repository.syncline(&["deploy", "-n", "a", "--yes"]).await;
    assert!(text(&refused).contains("`a/i` is not to be worked on: target `a/i` was paused"), "{}", text(&refused));
    let refused = repository.syncline(&["resume", "--all"]).await;
    assert!(text(&refused).contains("everything is not paused") && text(&refused).contains("target `a/i`"));
    assert_done(&repository.syncline(&["resume", "a/i"]).await);
    assert_eq!(statuses(&repository, "Let go on").await, [Succeeded, Succeeded, Unchanged]);

    // A branch, and everything.
    for words in [["--branch", "main"].as_slice(), &["--all"]] {
        assert_done(&repository.syncline(&[&["pause", "--reason", "a freeze"], words].concat()).await);
        change(&repository, words[0].trim_start_matches('-'));
        assert_eq!(statuses(&repository, "Frozen").await, [Blocked, Skipped, Blocked]);
        assert_done(&repository.syncline(&[&["resume"], words].concat()).await);
        assert_eq!(statuses(&repository, "Thawed").await, [Succeeded; 3]);
    }
    let history = repository.table.interventions(&repository.repository_name()).await.unwrap();
    assert_eq!(history.len(), 6);
    let sync = repository.await_sync("main", "the last", |sync| sync.status.is_terminal()).await;
    assert_eq!(sync.status, SyncStatus::Succeeded);
}
