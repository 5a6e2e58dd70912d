//! `syncline deploy`, and what goes with it.

use std::process::Stdio;
use std::time::Duration;

use aws_sdk_cloudformation::Client;
use syncline_core::names::CommitId;
use syncline_core::status::{SyncStatus, TargetStatus};

use super::{assert_done, assert_events_in_order, slow, stack_ids, syncline, text};
use crate::end_to_end::deploy::assert_order;
use crate::end_to_end::repository::Repository;
use crate::end_to_end::stack_states::until;
use crate::end_to_end::world;

/// Manual deployments, and familiar: the commands that people had.
#[tokio::test]
async fn addons_and_services_are_deployed_by_hand_in_order_and_on_record() {
    let repository = Repository::of_example("copilot-shop", "man").await;
    repository.git(&["add", "--all"]);
    repository.git(&["commit", "--quiet", "--message", "Not pushed yet"]);
    let commit = CommitId::new(repository.git(&["rev-parse", "HEAD"]).trim());
    let said = assert_done(&repository.syncline(&["deploy", "--all", "-e", "beta", "--yes"]).await);
    for line in [
        "+ eventbus/beta (environment addon): new stack copilot-man-beta-eventbus",
        "eventbus/beta The bus that the services send their events to (AWS::Events::EventBus) create complete",
        "6 succeeded",
    ] {
        assert!(said.contains(line), "{line} in {said}");
    }
    let client = Client::new(&repository.world.configuration().await);
    let ids = stack_ids(&client, "copilot-man-").await;
    assert_events_in_order(&client, &ids, "CREATE", false).await;
    let sync = repository.await_sync("main", "a sync by hand", |sync| sync.by_hand.is_some()).await;
    repository.assert_succeeded(&sync).await;
    assert_eq!(sync.commit, commit);
    assert!(sync.by_hand.as_ref().unwrap().by.starts_with("arn:aws:"), "{:?}", sync.by_hand);
    assert_order(&repository.targets(&sync.sync).await);
    assert!(repository.lease_is_free("main").await);

    // Nothing differs: nothing is done, and nobody is asked.
    assert!(assert_done(&repository.syncline(&["deploy", "--all", "-e", "beta"]).await).contains("nothing to deploy"));

    // One addon differs: that is shown, and it alone is deployed.
    repository.replace("copilot/eventbus/addons/addons.parameters.yml", "1209600", "604800");
    let said = assert_done(&repository.syncline(&["deploy", "-n", "eventbus", "-e", "beta", "--diff"]).await);
    assert!(said.contains("parameter RetentionSeconds: `1209600` → `604800`"), "{said}");
    assert_done(&repository.syncline(&["deploy", "-n", "eventbus", "-e", "beta", "--yes"]).await);
    let found = client.describe_stacks().stack_name("copilot-man-beta-eventbus").send().await.unwrap();
    let of_stack = found.stacks()[0].parameters();
    assert!(of_stack.iter().any(|parameter| parameter.parameter_value() == Some("604800")), "{of_stack:?}");
    let sync = repository.await_sync("main", "the second", |other| other.sync > sync.sync).await;
    assert!(sync.by_hand.unwrap().has_changes);

    // What is deployed is listed.
    let said = assert_done(&repository.syncline(&["env", "ls"]).await);
    assert!(said.contains("beta         CREATE_COMPLETE  copilot-man-beta"), "{said}");
    let said = assert_done(&repository.syncline(&["env", "ls", "--addons", "--json"]).await);
    let listed: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(listed["addons"][1]["name"], "eventbus");
    assert_eq!(listed["addons"][1]["environments"][0]["stack"], "copilot-man-beta-eventbus");

    // A push of the same files at last: what was deployed by hand is not taken for it.
    repository.replace("copilot/eventbus/addons/addons.parameters.yml", "604800", "1209600");
    let sync = repository.push_and_wait("Describe it").await;
    repository.assert_succeeded(&sync).await;
    assert_eq!(repository.statuses(&sync.sync).await["eventbus/beta"], TargetStatus::Succeeded);
    assert_eq!(repository.statuses(&sync.sync).await["orders/beta"], TargetStatus::Unchanged);
}

/// A stack that is left where it was is said before anybody says yes, and at the end.
#[tokio::test]
async fn a_stack_that_is_left_is_told_before_and_after() {
    let (repository, _, _) = slow("leftby", 0).await;
    assert_done(&repository.syncline(&["deploy", "--all", "--yes"]).await);
    repository.replace("syncline.yaml", "app: leftby", "app: leftby-new");
    let left = "`a/i` was stack `leftby-a-i`";
    let said = assert_done(&repository.syncline(&["deploy", "--all", "--diff"]).await);
    assert!(said.contains("new stack leftby-new-a-i") && said.contains(left), "{said}");
    let shown = repository.syncline(&["deploy", "--all", "--diff", "--output", "json"]).await;
    let document: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert!(document["diagnostics"][0]["message"].as_str().unwrap().starts_with(left), "{document:#}");
    let output = repository.syncline(&["deploy", "--all", "--yes"]).await;
    let said = assert_done(&output);
    let before = String::from_utf8_lossy(&output.stderr);
    let after = String::from_utf8_lossy(&output.stdout);
    assert!(before.contains(left) && after.contains(left), "{said}");
}

/// A stack that the manifest names is never new.
#[tokio::test]
async fn a_stack_that_is_named_and_missing_is_refused_before_anything_is_shown() {
    let (repository, _, _) = slow("nostack", 0).await;
    repository.replace("syncline.yaml", "i: {", "i: {stack: AWSProton-nostack, ");
    for last in ["--diff", "--yes"] {
        let refused = repository.syncline(&["deploy", "--all", last]).await;
        let said = text(&refused);
        assert_eq!(refused.status.code(), Some(1), "{said}");
        assert!(said.contains("the manifest names stack `AWSProton-nostack` for `a/i`, and there is none"), "{said}");
        assert!(!said.contains("new stack"), "{said}");
    }
}

/// Without Syncline in the account there is no history; the rest is the same.
#[tokio::test]
async fn it_works_in_an_account_without_syncline() {
    let repository = Repository::of_example("copilot-shop", "alone").await;
    let region = "eu-west-1";
    assert_done(&repository.syncline_in(region, &["deploy", "--all", "-e", "beta", "--yes"]).await);
    let said = assert_done(&repository.syncline_in(region, &["deploy", "--all", "-e", "beta", "--yes"]).await);
    assert!(said.contains("nothing to deploy: 6 targets as deployed in account 000000000000, eu-west-1"), "{said}");
    // Where nothing is, it is said where that was looked for.
    let nowhere = "in account 000000000000, ap-south-1";
    let elsewhere =
        [&["svc", "delete", "-n", "orders", "--yes"][..], &["env", "ls"], &["deploy", "--all", "-e", "beta", "--diff"]];
    for words in elsewhere {
        let said = assert_done(&repository.syncline_in("ap-south-1", words).await);
        assert!(said.contains(nowhere) || said.contains(&nowhere.replace("in ", "compared with ")), "{said}");
    }
    assert_done(&repository.syncline_in(region, &["svc", "delete", "-n", "orders", "-n", "catalog", "--yes"]).await);
    assert_done(&repository.syncline_in(region, &["env", "delete", "--addons", "apigw", "--yes"]).await);
    let said = assert_done(&repository.syncline_in(region, &["env", "ls", "--addons"]).await);
    assert!(said.contains("eventbus") && !said.contains("apigw"), "{said}");
    assert_done(&repository.syncline_in(region, &["app", "delete", "--yes"]).await);
    assert!(
        repository.syncline_in(region, &["deploy", "--all", "--stack", "other", "--yes"]).await.status.code()
            == Some(1)
    );
}

/// Feedback loop: what failed, why, and what to do next.
#[tokio::test]
async fn a_failure_says_what_failed_why_and_what_to_do_next() {
    let repository = Repository::of_example("copilot-shop", "why").await;
    let value = "Value: !ImportValue {'Fn::Sub': '${App}-${Env}-apigw-ApiId'}";
    repository.replace("catalog/template.yaml", value, &format!("{value}\n      Description: fail=no room"));
    let mistyped = repository.syncline(&["deploy", "-n", "catalogue", "--yes"]).await;
    assert!(text(&mistyped).contains("did you mean `catalog`?"), "{}", text(&mistyped));
    let missing = repository.syncline(&["deploy", "-n", "orders", "-e", "beta", "--yes"]).await;
    let said = text(&missing);
    assert!(said.contains("and `eventbus/beta`, which exports it, is not deployed"), "{said}");
    assert!(said.contains("deploy that too: `--name eventbus`, or `--all`"), "{said}");

    let failed = repository.syncline(&["deploy", "--all", "-e", "beta", "--yes"]).await;
    assert_eq!(failed.status.code(), Some(1));
    let said = text(&failed);
    for line in [
        "✗ catalog/beta: `Route` (AWS::SSM::Parameter): no room (stack `copilot-why-catalog-beta` is ROLLBACK_COMPLETE)",
        "5 succeeded, 1 failed",
        "aws cloudformation describe-stack-events --stack-name copilot-why-catalog-beta",
        "syncline deploy -e beta --all",
    ] {
        assert!(said.contains(line), "{line} in {said}");
    }
    let sync = repository.await_sync("main", "a sync by hand", |sync| sync.by_hand.is_some()).await;
    assert_eq!(sync.status, SyncStatus::Failed);

    // Mended, it goes on with what is not in step.
    repository.replace("catalog/template.yaml", "Description: fail=no room", "Description: enough room");
    let said = assert_done(&repository.syncline(&["deploy", "--all", "-e", "beta", "--yes"]).await);
    assert!(said.contains("1 succeeded"), "{said}");
}

/// What was not said is asked for, with the kind of each, as in Copilot's design.
#[tokio::test]
async fn what_was_not_said_is_asked_for_at_a_terminal() {
    let repository = Repository::of_example("copilot-shop", "ask").await;
    let mut terminal = repository.terminal(&["deploy"]);
    terminal.until("Which environment?").await;
    terminal.until("> beta").await;
    terminal.press("\r");
    terminal.until("What is to be deployed?").await;
    let screen = terminal.screen();
    for choice in ["beta (environment)", "eventbus (environment addon)", "orders (service instance)"] {
        assert!(screen.contains(choice), "{choice} in {screen}");
    }
    // The environment and the first addon.
    terminal.press(" j \r");
    terminal.until("Deploy 2 targets of branch `main` in account 000000000000, us-east-1? [y/N]").await;
    terminal.press("y");
    terminal.until("2 succeeded").await;
    let (status, screen) = terminal.ended().await;
    assert_eq!(status, 0, "{screen}");
    assert!(screen.contains("└ ✓ The bus that the services send their events to"), "{screen}");

    // No is no.
    let mut terminal = repository.terminal(&["deploy", "-n", "apigw", "-e", "beta"]);
    terminal.until("Deploy 1 target of branch `main` in account").await;
    terminal.press("n");
    let (status, screen) = terminal.ended().await;
    assert_eq!(status, 1);
    assert!(screen.contains("nothing was deployed"), "{screen}");

    let mut terminal = repository.terminal(&["env", "delete"]);
    terminal.until("Which environment is to be deleted?").await;
    terminal.press(" \r");
    terminal.until("in this order, with all that is in them? [y/N]").await;
    terminal.press("y");
    let (status, screen) = terminal.ended().await;
    assert_eq!(status, 0, "{screen}");
    assert_eq!(repository.stacks("copilot-ask-").await, Vec::<String>::new());
}

/// Feedback loop: what runs in the account is shown like what runs here.
#[tokio::test]
async fn a_sync_that_is_watched_shows_the_resources_that_have_a_description() {
    let repository = Repository::of_example("copilot-shop", "see").await;
    repository.replace(
        "copilot/eventbus/addons/undelivered.yml",
        "Outputs:",
        "  Slow:\n    Metadata: {'aws:copilot:description': 'Something that takes its time'}\n    Type: AWS::SSM::Parameter\n    Properties: {Type: String, Value: a, Description: sleep=5}\nOutputs:",
    );
    let commit = repository.push("Take a while");
    let words = ["status", "-r", "see", "--watch", "--wait", "30", "--commit", commit.short()];
    let said = assert_done(&repository.syncline(&words).await);
    assert!(
        said.contains("eventbus/beta Something that takes its time (AWS::SSM::Parameter) create in progress"),
        "{said}"
    );
    assert!(
        said.contains("eventbus/beta Something that takes its time (AWS::SSM::Parameter) create complete"),
        "{said}"
    );
}

/// The lines of the block of commands below a heading of a page.
fn commands_of(page: &str, heading: &str) -> Vec<String> {
    let text = std::fs::read_to_string(world::root().join(page)).unwrap();
    let below = text.split_once(&format!("\n{heading}\n")).unwrap().1;
    let block = below.split_once("```sh\n").unwrap().1.split_once("```").unwrap().0;
    block.lines().map(|line| line.split(" #").next().unwrap().trim().to_owned()).collect()
}

/// README's commands, word for word, each question answered with yes.
#[tokio::test]
async fn what_the_readme_says_of_working_by_hand_works() {
    let repository = Repository::of_example("copilot-shop", "rdm").await;
    let commands = commands_of("README.md", "## By hand");
    assert_eq!(commands.len(), 7);
    for command in commands {
        let words: Vec<&str> = command.split(' ').collect();
        assert_eq!(words[0], "syncline");
        let mut terminal = repository.terminal(&words[1..]);
        while terminal.is_running() && !terminal.screen().contains("[y/N]") {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if terminal.is_running() {
            terminal.press("y");
        }
        let (status, screen) = terminal.ended().await;
        assert_eq!(status, 0, "{command}\n{screen}");
    }
    assert_eq!(repository.stacks("copilot-rdm-").await, Vec::<String>::new());
}

/// The page's policy is enough for a person, and IAM is enforced: without it they are refused.
#[tokio::test]
async fn the_documented_policy_is_enough() {
    let repository = Repository::of_example("copilot-shop", "iam").await;
    let page = std::fs::read_to_string(world::root().join("docs/deploying-by-hand.md")).unwrap();
    let policy = page.split_once("```json\n").unwrap().1.split_once("```").unwrap().0;
    let outputs = repository.world.outputs().await;
    let policy = policy
        .replace("APP", "copilot-iam")
        .replace("BUCKET", &outputs["TemplateBucketName"])
        .replace("TABLE", &outputs["TableName"])
        .replace("SYNCLINE", "syncline");
    let world = repository.world;
    world.aws_cli(&["iam", "create-user", "--user-name", "hand"]).await;
    let key = world.aws_cli(&["iam", "create-access-key", "--user-name", "hand"]).await;
    let key = |name: &str| key["AccessKey"][name].as_str().unwrap().to_owned();
    let as_hand = async |words: &[&str]| {
        let mut command = tokio::process::Command::new(syncline());
        command.args(words).current_dir(repository.path()).envs(world.environment()).stdin(Stdio::null());
        command.env("AWS_ACCESS_KEY_ID", key("AccessKeyId")).env("AWS_SECRET_ACCESS_KEY", key("SecretAccessKey"));
        tokio::time::timeout(Duration::from_secs(120), command.output()).await.unwrap().unwrap()
    };
    let refused = as_hand(&["deploy", "--all", "-e", "beta", "--yes"]).await;
    assert!(text(&refused).contains("cloudformation:DescribeStacks is not allowed"), "{}", text(&refused));
    let words = ["iam", "put-user-policy", "--user-name", "hand", "--policy-name", "hand", "--policy-document"];
    world.aws_cli(&[&words[..], &[&policy]].concat()).await;
    let said = assert_done(&as_hand(&["deploy", "--all", "-e", "beta", "--yes"]).await);
    assert!(said.contains("6 succeeded"), "{said}");
    let sync = repository.await_sync("main", "a sync by hand", |sync| sync.by_hand.is_some()).await;
    assert!(sync.by_hand.unwrap().by.ends_with(":user/hand"));
    for words in [["status"].as_slice(), &["history"], &["show", "latest"]] {
        assert_done(&as_hand(words).await);
    }
    assert_done(&as_hand(&["app", "delete", "--yes"]).await);
    assert_eq!(repository.stacks("copilot-iam-").await, Vec::<String>::new());
}

/// Continuous delivery, the other way: a pipeline of one's own deploys the files that `package` wrote.
#[tokio::test]
async fn a_pipeline_deploys_what_package_wrote() {
    let repository = Repository::of_example("copilot-shop", "pip").await;
    let listed = assert_done(&repository.syncline(&["env", "ls", "--addons", "--local", "--json"]).await);
    assert_eq!(listed.trim(), r#"{"addons":[{"name":"eventbus"},{"name":"apigw"}]}"#);
    let folder = repository.path().join("infrastructure");
    let folder = folder.to_str().unwrap();
    let client = Client::new(&repository.world.configuration().await);
    for name in ["eventbus", "apigw"] {
        assert_done(&repository.syncline(&["package", "-n", name, "-e", "beta", "--output-dir", folder]).await);
        let file = |kind: &str| std::fs::read_to_string(format!("{folder}/{name}-beta.{kind}")).unwrap();
        let given: serde_json::Value = serde_json::from_str(&file("params.json")).unwrap();
        let parameters = given["Parameters"].as_object().unwrap().iter().map(|(key, value)| {
            let parameter = aws_sdk_cloudformation::types::Parameter::builder();
            parameter.parameter_key(key).parameter_value(value.as_str().unwrap()).build()
        });
        let stack = format!("copilot-pip-beta-{name}");
        let created = client.create_stack().stack_name(&stack).template_body(file("stack.yml"));
        created.set_parameters(Some(parameters.collect())).send().await.unwrap();
        until(&client, &stack, "CREATE_COMPLETE").await;
    }
    // What the pipeline deployed is what Syncline would have: a person sees no difference but the tags.
    let said = assert_done(&repository.syncline(&["deploy", "-n", "eventbus", "-e", "beta", "--diff"]).await);
    assert!(said.contains("tag copilot-environment: nothing → `beta`") && !said.contains("parameter"), "{said}");
}

/// A repository with template bundles in Proton's layout: what renders another's outputs, a pipeline, both branches.
#[tokio::test]
async fn rendered_templates_are_deployed_and_deleted_by_hand_too() {
    let repository = Repository::of_example("proton-shop", "prt").await;
    let said = assert_done(&repository.syncline(&["deploy", "--all", "-b", "main", "--yes"]).await);
    assert!(said.contains("shows outputs that are known once what makes them is deployed"), "{said}");
    assert!(said.contains("nothing to deploy") || said.contains(" succeeded in "), "{said}");
    let said = assert_done(&repository.syncline(&["deploy", "--all", "-b", "main", "--yes"]).await);
    assert!(said.contains("nothing to deploy"), "{said}");
    let before = repository.stacks("").await.into_iter().filter(|name| name.contains("prt")).count();
    assert!(before > 3);
    let environment = repository.syncline(&["env", "delete", "-n", "beta", "--yes"]).await;
    assert!(text(&environment).contains("services go first"), "{}", text(&environment));
    assert_done(&repository.syncline(&["app", "delete", "--yes"]).await);
    let left: Vec<_> = repository.stacks("").await.into_iter().filter(|name| name.contains("prt")).collect();
    assert!(left.is_empty(), "{left:?}");
    let sync = repository.await_sync("main", "the deletion", |sync| sync.by_hand.is_some()).await;
    let targets = repository.targets(&sync.sync).await;
    // The pipeline goes before the instances that it deploys, and they before their environment.
    let number =
        |name: &str| targets.iter().find(|(other, _)| other.as_str() == name).map(|(_, target)| target.planned.number);
    let pipeline =
        targets.iter().find(|(name, _)| name.ends_with("/pipeline")).map(|(_, target)| target.planned.number);
    assert!(pipeline.is_some() && pipeline < number("beta"), "{:?}", targets.keys());
}
