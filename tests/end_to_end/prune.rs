//! What left the manifest is left alone, and deleted only where the manifest says `prune`.

use syncline_core::names::TargetName;
use syncline_core::status::{SyncStatus, TargetStatus};

use super::repository::Repository;

const EXPORTER: &str = "Resources: {T: {Type: AWS::SNS::Topic}}\nOutputs: {N: {Value: !GetAtt T.TopicName, Export: {Name: !Sub '${AWS::StackName}-N'}}}\n";

/// A template that imports what `bus` exports, or stands alone.
fn importer(of: Option<&str>) -> String {
    let value = of.map_or_else(|| "none".to_owned(), |app| format!("!ImportValue {app}-bus-i-N"));
    format!(
        "Resources:\n  P:\n    Type: AWS::SSM::Parameter\n    Properties:\n      Type: String\n      Value: {value}\n"
    )
}

#[tokio::test]
async fn what_left_the_manifest_is_deleted_in_reverse_order_where_it_says_prune() {
    let repository = Repository::empty("prune").await;
    let service = |name: &str| format!("    {name}: {{i: {{branch: main, spec: {name}.yaml}}}}\n");
    let manifest = |prune: &str, services: &[&str]| {
        let services: String = services.iter().map(|name| service(name)).collect();
        format!("app: prune\nsync:\n{prune}  services:\n{services}")
    };
    for (name, template) in
        [("bus", EXPORTER.to_owned()), ("a", importer(Some("prune"))), ("b", importer(Some("prune")))]
    {
        repository.write(&format!("{name}.yaml"), &format!("template-file-path: {name}-template.yaml\n"));
        repository.write(&format!("{name}-template.yaml"), &template);
    }
    repository.write("syncline.yaml", &manifest("", &["a", "b", "bus"]));
    let sync = repository.push_and_wait("Three").await;
    repository.assert_succeeded(&sync).await;
    let targets = repository.targets(&sync.sync).await;
    let bus = targets["bus/i"].planned.number;
    for name in ["a/i", "b/i"] {
        assert!(targets[name].planned.waits_on.contains(&bus), "{name} imports from the bus, and nobody wrote so");
    }

    // Without `prune`, what left is reported and left alone.
    repository.write("syncline.yaml", &manifest("", &["b", "bus"]));
    let sync = repository.push_and_wait("Take a out").await;
    repository.assert_succeeded(&sync).await;
    assert_eq!(sync.unmanaged, [TargetName::new("a/i")]);
    assert_eq!(repository.stacks("prune-").await.len(), 3);

    // With it, a goes, then b no longer imports, and then the bus goes, in one sync.
    repository.write("b-template.yaml", &importer(None));
    repository.write("syncline.yaml", &manifest("  prune: true\n", &["b"]));
    let sync = repository.push_and_wait("Prune").await;
    repository.assert_succeeded(&sync).await;
    assert_eq!(repository.stacks("prune-").await, ["prune-b-i"]);
    let targets = repository.targets(&sync.sync).await;
    assert_eq!(targets["bus/i"].reason.as_deref(), Some("deleted, since it left the manifest"));
    let ended = |name: &str| targets[name].events[&TargetStatus::Succeeded].clone();
    let bus_began = targets["bus/i"].events[&TargetStatus::Deploying].clone();
    assert!(ended("a/i") <= bus_began && ended("b/i") <= bus_began, "{targets:#?}");
    let heads = repository.table.heads(&repository.repository_name()).await.unwrap();
    assert_eq!(heads.iter().map(|head| head.target.as_str()).collect::<Vec<_>>(), ["b/i"]);

    // The last one leaves the branch: there is nothing to map, but something to delete.
    repository.write("syncline.yaml", &manifest("  prune: true\n", &[]).replace("services:\n", "services: {}\n"));
    let sync = repository.push_and_wait("Prune the last").await;
    repository.assert_succeeded(&sync).await;
    assert_eq!(repository.stacks("prune-").await, Vec::<String>::new());

    // And it may come back.
    repository.write("syncline.yaml", &manifest("  prune: true\n", &["b"]));
    let sync = repository.push_and_wait("Back").await;
    repository.assert_succeeded(&sync).await;
    assert_eq!(repository.targets(&sync.sync).await["b/i"].status, TargetStatus::Succeeded);
    assert_eq!(repository.stacks("prune-").await, ["prune-b-i"]);
}

#[tokio::test]
async fn a_deletion_that_cloudformation_refuses_fails_its_target_and_is_tried_again() {
    let repository = Repository::empty("keepit").await;
    repository.write("t.yaml", "Resources: {P: {Type: AWS::SSM::Parameter, Properties: {Type: String, Value: x, Description: keep=not this one}}}\n");
    repository.write("a.yaml", "template-file-path: t.yaml\n");
    let with = "app: keepit\nsync:\n  prune: true\n  services: {a: {i: {branch: main, spec: a.yaml}}}\n";
    repository.write("syncline.yaml", with);
    let sync = repository.push_and_wait("There").await;
    repository.assert_succeeded(&sync).await;
    repository.write("syncline.yaml", "app: keepit\nsync: {prune: true, services: {}}\n");
    for message in ["Gone", "Gone, again"] {
        let sync = repository.push_and_wait(message).await;
        assert_eq!(sync.status, SyncStatus::Failed, "{message}");
        let target = repository.targets(&sync.sync).await["a/i"].clone();
        assert_eq!(target.status, TargetStatus::Failed);
        let reason = target.reason.unwrap();
        assert!(reason.contains("not this one") && reason.contains("was to be deleted"), "{reason}");
    }
    assert_eq!(repository.stacks("keepit-").await, ["keepit-a-i"]);
}
