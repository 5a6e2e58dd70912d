//! Who works on a branch: a push or a person, one at a time, whatever becomes of either.

use syncline_aws::clock;
use syncline_core::lease::{ByHand, Claim};
use syncline_core::names::{BranchName, CommitId, RepositoryName, SyncId};
use syncline_core::status::SyncStatus;

use super::{assert_done, slow, text};
use crate::end_to_end::stack_states::until;
use crate::end_to_end::terminal::Terminal;

#[tokio::test]
async fn ctrl_c_says_what_goes_on_and_frees_the_lease() {
    let (repository, client, stack) = slow("ctrlc", 6).await;
    let mut terminal = repository.terminal(&["deploy", "--all", "--yes"]);
    terminal.until("a/i deploying").await;
    until(&client, &stack, "CREATE_IN_PROGRESS").await;
    terminal.press("\x03");
    let (status, screen) = terminal.ended().await;
    assert_eq!(status, 130);
    for line in
        ["stack ctrlc-a-i goes on in AWS", "syncline deploy --all", "describe-stack-events --stack-name ctrlc-a-i"]
    {
        assert!(screen.contains(line), "{line} in {screen}");
    }
    let sync = repository.await_sync("main", "its end", |sync| sync.status.is_terminal()).await;
    assert_eq!(sync.status, SyncStatus::Cancelled);
    assert!(repository.lease_is_free("main").await);
    // Typed again it takes up what goes on.
    let said = assert_done(&repository.syncline(&["deploy", "--all", "--yes"]).await);
    assert!(said.contains("1 unchanged") || said.contains("1 succeeded"), "{said}");
    until(&client, &stack, "CREATE_COMPLETE").await;
}

#[tokio::test]
async fn a_command_that_is_cut_off_loses_the_lease_to_the_push_that_waits() {
    let (repository, client, stack) = slow("cutoff", 2).await;
    let terminal = repository.terminal(&["deploy", "--all", "--yes"]);
    terminal.until("a/i deploying").await;
    until(&client, &stack, "CREATE_IN_PROGRESS").await;
    let process = terminal.process().to_string();
    assert!(std::process::Command::new("kill").args(["-KILL", &process]).status().unwrap().success());
    // A push waits for its turn, and gets it when heartbeats have ceased for half a minute.
    let commit = repository.push("Push meanwhile");
    repository.await_sync("main", "a sync that waits", |sync| sync.status == SyncStatus::Queued).await;
    let sync = repository.sync_of("main", &commit).await;
    repository.assert_succeeded(&sync).await;
    let cut_off = repository.await_sync("main", "the one that was cut off", |sync| sync.by_hand.is_some()).await;
    assert_eq!(cut_off.status, SyncStatus::Failed);
    assert_eq!(cut_off.reason.as_deref(), Some("the command that carried it out by hand was cut off"));
}

#[tokio::test]
async fn what_is_deployed_by_hand_waits_for_the_sync_that_runs() {
    let (repository, _, _) = slow("inline", 4).await;
    let commit = repository.push("Take a while");
    repository.await_sync("main", "a sync in progress", |sync| sync.status == SyncStatus::InProgress).await;
    repository.replace("ta.yaml", "sleep=4", "sleep=1");
    let said = assert_done(&repository.syncline(&["deploy", "--all", "--yes"]).await);
    assert!(said.contains(&format!("waits for the sync of commit {}", commit.short())), "{said}");
    // Both are of that commit: the working copy was changed, and nothing committed.
    let first =
        repository.await_sync("main", "the push's end", |sync| sync.by_hand.is_none() && sync.status.is_terminal());
    let first = first.await;
    repository.assert_succeeded(&first).await;
    let second = repository.await_sync("main", "a sync by hand", |sync| sync.by_hand.is_some()).await;
    assert_eq!(second.status, SyncStatus::Succeeded);
    assert!(second.events[&SyncStatus::Initiated] >= first.events[&SyncStatus::Succeeded]);
}

/// A process that is told to stop, go on, or end.
fn signal(terminal: &Terminal, signal: &str) {
    let process = terminal.process().to_string();
    assert!(std::process::Command::new("kill").args([signal, &process]).status().unwrap().success());
}

/// Nobody is asked about one thing and has another one done.
#[tokio::test]
async fn what_a_push_changes_while_a_person_is_asked_is_asked_about_again() {
    let (repository, client, stack) = slow("reask", 0).await;
    let sync = repository.push_and_wait("First").await;
    repository.assert_succeeded(&sync).await;
    repository.replace("ta.yaml", "Value: a", "Value: mine");
    let mut terminal = repository.terminal(&["deploy", "--all"]);
    terminal.until("[y/N]").await;
    assert!(terminal.screen().contains("-  P: {Type: AWS::SSM::Parameter, Properties: {Type: String, Value: a,"));
    repository.replace("ta.yaml", "Value: mine", "Value: theirs");
    let sync = repository.push_and_wait("Theirs").await;
    repository.assert_succeeded(&sync).await;
    repository.replace("ta.yaml", "Value: theirs", "Value: mine");
    terminal.press("y");
    terminal.until("somebody deployed from `main` meanwhile").await;
    terminal.until("Value: theirs,").await;
    terminal.until("[y/N]").await;
    assert_eq!(terminal.screen().matches("Deploy 1 target").count(), 2, "{}", terminal.screen());
    terminal.press("n");
    let (status, screen) = terminal.ended().await;
    assert_eq!(status, 1, "{screen}");
    let told = client.get_template().stack_name(&stack).send().await.unwrap();
    assert!(told.template_body().unwrap().contains("theirs"));
    assert!(repository.lease_is_free("main").await);
}

/// Ctrl-C is heard while somebody else has the lease, and at a prompt.
#[tokio::test]
async fn ctrl_c_is_heard_before_anything_is_begun() {
    let (repository, _, _) = slow("before", 5).await;
    repository.push("Take a while");
    repository.await_sync("main", "a sync in progress", |sync| sync.status == SyncStatus::InProgress).await;
    let mut terminal = repository.terminal(&["deploy", "--all", "--yes"]);
    terminal.until("waits for the sync of commit").await;
    terminal.press("\x03");
    let (status, screen) = terminal.ended().await;
    assert_eq!(status, 130, "{screen}");
    let sync = repository.await_sync("main", "its end", |sync| sync.status.is_terminal()).await;
    repository.assert_succeeded(&sync).await;
    repository.replace("ta.yaml", "Value: a", "Value: b");
    let mut terminal = repository.terminal(&["deploy"]);
    terminal.until("What is to be deployed?").await;
    terminal.press("\x03");
    assert!(terminal.shows_the_cursor().await);
    let (status, screen) = terminal.ended().await;
    assert_eq!(status, 130, "{screen}");
    let mut terminal = repository.terminal(&["deploy", "--all"]);
    terminal.until("[y/N]").await;
    terminal.press("\x03");
    let (yes_status, yes_screen) = terminal.ended().await;
    assert_eq!(yes_status, 130, "{yes_screen}");
    let mut terminal = repository.terminal(&["init", "new"]);
    terminal.until("App, with which stack names begin").await;
    terminal.press("\x03");
    let (init_status, init_screen) = terminal.ended().await;
    assert_eq!(init_status, 130, "{init_screen}");
    for screen in [screen, yes_screen, init_screen] {
        assert_eq!(screen.matches("error: interrupted: nothing was done").count(), 1, "{screen}");
        assert!(screen.contains("\nerror: interrupted"), "{screen}");
    }
    let lease = repository.table.lease(&repository.repository_name(), &BranchName::new("main")).await.unwrap().unwrap();
    assert_eq!((lease.holder, lease.last), (None, Some(sync.sync)), "nothing was begun by hand");
}

/// `kill` is heard like Ctrl-C.
#[tokio::test]
async fn a_command_that_is_asked_to_end_ends_in_order() {
    let (repository, client, stack) = slow("term", 6).await;
    let terminal = repository.terminal(&["deploy", "--all", "--yes"]);
    terminal.until("a/i deploying").await;
    until(&client, &stack, "CREATE_IN_PROGRESS").await;
    signal(&terminal, "-TERM");
    let (status, screen) = terminal.ended().await;
    assert_eq!(status, 130, "{screen}");
    assert!(screen.contains("stack term-a-i goes on in AWS"), "{screen}");
    let sync = repository.await_sync("main", "its end", |sync| sync.status.is_terminal()).await;
    assert_eq!(sync.status, SyncStatus::Cancelled);
}

/// A lease that somebody took and never recorded is not kept by them.
#[tokio::test]
async fn a_command_that_is_cut_off_before_its_record_does_not_block_the_branch() {
    let (repository, client, stack) = slow("torn", 0).await;
    let claim = Claim {
        sync: clock::sync_id_after(None),
        commit: CommitId::none(),
        manifest_branch: BranchName::new("main"),
        manifest_commit: None,
        by_hand: Some(ByHand { by: "arn:aws:iam::000000000000:user/gone".to_owned(), has_changes: false }),
    };
    let name = repository.repository_name();
    let taken = repository.table.change_lease(&name, &claim.manifest_branch, |lease| lease.take(&claim, None)).await;
    assert!(taken.unwrap().0);
    let said = assert_done(&repository.syncline(&["deploy", "--all", "--yes"]).await);
    assert!(said.contains("waits for what arn:aws:iam::000000000000:user/gone does by hand"), "{said}");
    until(&client, &stack, "CREATE_COMPLETE").await;
    let torn = repository.table.sync(&claim.sync).await.unwrap().unwrap();
    assert_eq!(torn.status, SyncStatus::Failed);
}

/// A machine that slept, and lost the lease meanwhile, touches nothing when it wakes.
#[tokio::test]
async fn a_command_that_slept_touches_nothing_any_more() {
    let (repository, client, stack) = slow("slept", 3).await;
    let manifest = "app: slept\nsync:\n  services:\n    a: {i: {branch: main, spec: a.yaml}}\n    b: {i: {branch: main, spec: a.yaml, depends_on: [a/i]}}\n";
    repository.write("syncline.yaml", manifest);
    let terminal = repository.terminal(&["deploy", "--all", "--yes"]);
    terminal.until("a/i deploying").await;
    until(&client, &stack, "CREATE_IN_PROGRESS").await;
    signal(&terminal, "-STOP");
    let commit = repository.push("Push meanwhile");
    let sync = repository.sync_of("main", &commit).await;
    repository.assert_succeeded(&sync).await;
    signal(&terminal, "-CONT");
    let (status, screen) = terminal.ended().await;
    assert_eq!(status, 1, "{screen}");
    assert!(screen.contains("the command that carried it out by hand was cut off"), "{screen}");
    // Of the second stack there is one operation, the push's.
    let found = client.describe_stack_events().stack_name("slept-b-i").send().await.unwrap();
    let tokens = found.stack_events().iter().filter_map(|event| event.client_request_token());
    for token in tokens {
        assert!(token.contains(sync.sync.as_str()), "{token}");
    }
    let heads = repository.table.heads(&repository.repository_name()).await.unwrap();
    assert!(heads.iter().all(|head| head.status.is_in_step() && head.latest_sync == sync.sync), "{heads:?}");
}

/// What a clock says that is ahead does not keep later syncs from being noted.
#[tokio::test]
async fn ids_are_in_the_order_of_the_lease_whatever_the_clocks_say() {
    let (repository, _, _) = slow("clock", 0).await;
    let ahead = SyncId::new("7ZZZZZZZZZ0000000000000000");
    let (name, main) = (repository.repository_name(), BranchName::new("main"));
    repository.table.change_lease(&name, &main, |lease| lease.last = Some(ahead.clone())).await.unwrap();
    let sync = repository.push_and_wait("From a machine with another clock").await;
    repository.assert_succeeded(&sync).await;
    assert!(sync.sync > ahead);
    repository.replace("ta.yaml", "Value: a", "Value: b");
    assert_done(&repository.syncline(&["deploy", "--all", "--yes"]).await);
    let heads = repository.table.heads(&name).await.unwrap();
    assert!(heads.iter().all(|head| head.latest_sync > sync.sync), "{heads:?}");
}

/// With a history, nobody guesses whose it is.
#[tokio::test]
async fn the_repository_must_be_known_where_there_is_a_history() {
    let (repository, _, _) = slow("whose", 0).await;
    repository.git(&["remote", "remove", "origin"]);
    let refused = repository.syncline(&["deploy", "--all", "--yes"]).await;
    assert_eq!(refused.status.code(), Some(2));
    assert!(text(&refused).contains("name the connected repository with `-r NAME`"), "{}", text(&refused));
    std::fs::remove_dir_all(repository.path().join(".git")).unwrap();
    let said = assert_done(&repository.syncline(&["deploy", "--all", "--yes", "-r", "whose"]).await);
    assert!(said.contains("! the files are in no Git repository") && !said.contains("not committed"), "{said}");
    repository.await_sync("main", "a sync by hand", |sync| sync.by_hand.is_some()).await;
}

/// A repository that was mistyped gets neither a lease nor a stack, and one that `origin` does not name is said.
#[tokio::test]
async fn a_mistyped_repository_takes_nothing() {
    let (repository, _, _) = slow("mistyped", 0).await;
    assert_done(&repository.syncline(&["deploy", "--all", "--yes"]).await);
    repository.replace("ta.yaml", "Value: a", "Value: b");
    for last in ["--yes", "--diff"] {
        let refused = repository.syncline(&["deploy", "--all", "-r", "mistypd", last]).await;
        let said = text(&refused);
        assert_eq!(refused.status.code(), Some(1), "{said}");
        let error = "stack mistyped-a-i was deployed last from repository `mistyped`, not from `mistypd`";
        assert!(said.contains(error) && said.contains("correct `-r`"), "{said}");
    }
    let leases = repository.table.leases(&RepositoryName::new("mistypd")).await.unwrap();
    assert!(leases.is_empty(), "{leases:?}");
    // A stack that nobody deployed yet is nobody's.
    repository.replace("syncline.yaml", "app: mistyped", "app: mistyped-new");
    let terminal = repository.terminal(&["deploy", "--all", "-r", "mistypd"]);
    terminal.until("! the Git remote `origin` here is repository mistyped").await;
    terminal.until("[y/N]").await;
}

/// The execution that waits for a person's command is stopped: the command ends, and says so.
#[tokio::test]
async fn a_command_whose_execution_is_stopped_ends() {
    let (repository, client, stack) = slow("halted", 8).await;
    let terminal = repository.terminal(&["deploy", "--all", "--yes"]);
    terminal.until("a/i deploying").await;
    until(&client, &stack, "CREATE_IN_PROGRESS").await;
    let sync = repository.await_sync("main", "a sync by hand", |sync| sync.by_hand.is_some()).await;
    let sfn = aws_sdk_sfn::Client::new(&repository.world.configuration().await);
    let arn = format!("arn:aws:states:us-east-1:000000000000:execution:syncline-sync:{}", sync.sync);
    sfn.stop_execution().execution_arn(arn).cause("tested").send().await.unwrap();
    let (status, screen) = terminal.ended().await;
    assert_eq!(status, 1, "{screen}");
    assert!(screen.contains("the sync was ended: its execution was stopped by hand"), "{screen}");
    assert!(screen.contains("stack halted-a-i goes on in AWS"), "{screen}");
    let sync = repository.await_sync("main", "its end", |sync| sync.status.is_terminal()).await;
    assert_eq!(sync.status, SyncStatus::Cancelled);
    assert!(repository.lease_is_free("main").await);
}
