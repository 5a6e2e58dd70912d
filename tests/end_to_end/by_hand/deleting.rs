//! `syncline svc delete`, `env delete` and `app delete`.

use aws_sdk_cloudformation::Client;
use syncline_core::status::SyncStatus;

use super::{assert_done, assert_events_in_order, stack_ids, text};
use crate::end_to_end::repository::Repository;
use crate::end_to_end::stack_states::until;

/// Continuous delivery: a push deploys the example in order. Then everything goes in the reverse order.
#[tokio::test]
async fn a_push_deploys_addons_in_order_and_app_delete_removes_them_in_the_reverse() {
    let repository = Repository::of_example("copilot-shop", "hnd").await;
    let sync = repository.push_and_wait("Share a bus and an API").await;
    repository.assert_succeeded(&sync).await;
    let client = Client::new(&repository.world.configuration().await);
    let ids = stack_ids(&client, "copilot-hnd-").await;
    assert_eq!(ids.len(), 6);
    assert_events_in_order(&client, &ids, "CREATE", false).await;

    // What is needed stays, and whoever asks is told by whom.
    let refused = repository.syncline(&["env", "delete", "--addons", "eventbus", "--yes"]).await;
    assert!(!refused.status.success());
    let said = text(&refused);
    for importer in ["orders-beta", "invoices-beta"] {
        let line =
            format!("stack copilot-hnd-{importer} imports copilot-hnd-beta-eventbus-BusName from `eventbus/beta`");
        assert!(said.contains(&line), "{said}");
    }
    let refused = repository.syncline(&["env", "delete", "-n", "beta", "--yes"]).await;
    assert!(text(&refused).contains("are deployed in environment `beta`"), "{}", text(&refused));
    // Nothing goes unasked.
    let refused = repository.syncline(&["app", "delete"]).await;
    assert_eq!(refused.status.code(), Some(2));
    assert_eq!(stack_ids(&client, "copilot-hnd-").await.len(), 6);

    let said = assert_done(&repository.syncline(&["app", "delete", "--yes"]).await);
    assert!(said.contains("the manifest still asks for"), "{said}");
    assert_eq!(repository.stacks("copilot-hnd-").await, Vec::<String>::new());
    assert_events_in_order(&client, &ids, "DELETE", true).await;
    // The history has it, the heads are gone, and the branch is free and in step with nothing.
    let sync = repository.await_sync("main", "the deletion", |sync| sync.by_hand.is_some()).await;
    assert_eq!(sync.status, SyncStatus::Succeeded);
    assert!(repository.table.heads(&repository.repository_name()).await.unwrap().is_empty());
    assert!(repository.lease_is_free("main").await);
    assert!(text(&repository.syncline(&["app", "delete", "--yes"]).await).contains("nothing to delete"));
}

/// A stack that the manifest only names is never deleted, even where the history knows that it was deployed from here.
#[tokio::test]
async fn what_the_manifest_only_names_stays() {
    let repository = Repository::of_example("copilot-shop", "named").await;
    assert_done(&repository.syncline(&["deploy", "--all", "-e", "beta", "--yes"]).await);
    repository.replace(
        "syncline.yaml",
        "beta: {branch: main, spec: environments/beta.yaml}",
        "beta: {stack: copilot-named-beta}",
    );
    assert_done(
        &repository.syncline(&["svc", "delete", "-n", "orders", "-n", "invoices", "-n", "catalog", "--yes"]).await,
    );
    let refused = repository.syncline(&["env", "delete", "-n", "beta", "--yes"]).await;
    assert!(text(&refused).contains("environment `beta` is only named here"), "{}", text(&refused));
    assert_done(&repository.syncline(&["app", "delete", "--yes"]).await);
    assert_eq!(repository.stacks("copilot-named-").await, ["copilot-named-beta"]);
}

/// What a service's own addons import, the service needs: it lies in its stack, and goes with it.
#[tokio::test]
async fn what_nested_addons_import_goes_after_the_service() {
    let repository = Repository::of_example("copilot-shop", "nst").await;
    let addon = "Parameters: {App: {Type: String}, Env: {Type: String}}\nResources:\n  Bus:\n    Type: AWS::SSM::Parameter\n    \
                 Properties:\n      Type: String\n      Value: {'Fn::ImportValue': !Sub '${App}-${Env}-eventbus-BusName'}\n";
    repository.write("copilot/catalog/addons/bus.yml", addon);
    assert_done(&repository.syncline(&["deploy", "--all", "-e", "beta", "--yes"]).await);
    let refused = repository.syncline(&["env", "delete", "--addons", "eventbus", "--yes"]).await;
    assert!(text(&refused).contains("stack copilot-nst-catalog-beta-AddonsStack-"), "{}", text(&refused));
    assert_done(&repository.syncline(&["app", "delete", "--yes"]).await);
    assert_eq!(repository.stacks("copilot-nst-").await, Vec::<String>::new());
}

/// What Syncline never deployed is not deleted without a person who was told so.
#[tokio::test]
async fn a_stack_that_only_has_the_name_is_not_deleted_unasked() {
    let repository = Repository::of_example("copilot-shop", "hom").await;
    let client = Client::new(&repository.world.configuration().await);
    let template = "Resources: {P: {Type: AWS::SSM::Parameter, Properties: {Type: String, Value: a}}}";
    client.create_stack().stack_name("copilot-hom-catalog-beta").template_body(template).send().await.unwrap();
    until(&client, "copilot-hom-catalog-beta", "CREATE_COMPLETE").await;
    let refused = repository.syncline(&["app", "delete", "--yes"]).await;
    let said = text(&refused);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("`--yes` is not enough for `copilot-hom-catalog-beta`"), "{said}");
    let mut terminal = repository.terminal(&["svc", "delete", "-n", "catalog/beta"]);
    terminal.until("stack copilot-hom-catalog-beta, which Syncline never deployed as far as is known").await;
    terminal.until("[y/N]").await;
    terminal.press("y");
    let (status, screen) = terminal.ended().await;
    assert_eq!(status, 0, "{screen}");
    assert!(repository.stacks("copilot-hom-").await.is_empty());
}

/// A stack that another repository deploys by now is theirs, until somebody says that it is ours.
#[tokio::test]
async fn what_another_repository_took_over_is_not_touched() {
    let repository = Repository::of_example("copilot-shop", "tko").await;
    repository.assert_succeeded(&repository.push_and_wait("Begin").await).await;
    let other = Repository::empty("another").await;
    other.git(&["fetch", "--quiet", repository.path().to_str().unwrap(), "main"]);
    other.git(&["reset", "--quiet", "--hard", "FETCH_HEAD"]);
    let value = "Value: !ImportValue {'Fn::Sub': '${App}-${Env}-apigw-ApiId'}";
    other.replace("catalog/template.yaml", value, &format!("{value}\n      Description: theirs"));
    other.assert_succeeded(&other.push_and_wait("Take over").await).await;
    for words in [&["app", "delete", "--yes"][..], &["deploy", "-n", "catalog", "-e", "beta", "--yes"]] {
        let refused = repository.syncline(words).await;
        let said = text(&refused);
        assert_eq!(refused.status.code(), Some(1), "{said}");
        assert!(said.contains("stack copilot-tko-catalog-beta was deployed last from repository `another`"), "{said}");
        assert!(said.contains("`syncline resolve catalog/beta -r tko --reason TEXT` lets it take"), "{said}");
    }
    assert_eq!(repository.stacks("copilot-tko-").await.len(), 6);

    assert_done(&repository.syncline(&["resolve", "catalog/beta", "-r", "tko", "--reason", "it is ours"]).await);
    assert_done(&repository.syncline(&["deploy", "-n", "catalog", "-e", "beta", "--yes"]).await);
    assert_done(&repository.syncline(&["app", "delete", "--yes"]).await);
    assert_eq!(repository.stacks("copilot-tko-").await, Vec::<String>::new());
}

/// Services on one branch go before the addon of another one that they import from.
#[tokio::test]
async fn branches_go_in_turns() {
    let repository = Repository::of_example("copilot-shop", "trn").await;
    assert_done(&repository.syncline(&["deploy", "--all", "-b", "main", "--yes"]).await);
    assert_done(&repository.syncline(&["deploy", "--all", "-b", "prod", "--yes"]).await);
    let output = repository.syncline(&["app", "delete", "--yes", "--output", "json"]).await;
    assert!(output.status.success(), "{}", text(&output));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let syncs = document["syncs"].as_array().unwrap();
    assert_eq!(syncs.len(), 2, "{document:#}");
    assert!(syncs.iter().all(|sync| sync["status"] == "SUCCEEDED"), "{document:#}");
    assert!(repository.stacks("copilot-trn-").await.is_empty());
}
