//! README's queries of the table, each run as it stands there by the AWS CLI.

use std::process::Stdio;

use serde_json::Value;
use syncline_core::status::SyncStatus;
use tokio::process::Command;

use super::repository::Repository;
use super::world::root;

/// The `aws dynamodb query` commands in README's code blocks, with the heading that each stands under.
fn queries() -> Vec<String> {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let mut queries: Vec<String> = Vec::new();
    let mut is_open = false;
    for line in readme.lines() {
        if line.starts_with("aws dynamodb query") {
            queries.push(String::new());
            is_open = true;
        }
        if is_open {
            let query = queries.last_mut().unwrap();
            query.push_str(line);
            query.push('\n');
            is_open = line.ends_with('\\');
        }
    }
    queries
}

#[tokio::test]
async fn each_query_in_readme_finds_what_it_says() {
    let repository = Repository::of_example("shop", "qu").await;
    repository.replace(
        "service-templates/table-service/v1/instance_infrastructure/cloudformation.yaml",
        "      Type: String\n",
        "      Type: String\n      Description: sleep=2\n",
    );
    let commit = repository.push("Begin");
    let running =
        repository.await_sync("main", "the sync to begin", |sync| sync.status == SyncStatus::InProgress).await;
    let queries = queries();
    assert_eq!(queries.len(), 8, "{queries:#?}");
    let mut answered = Vec::new();
    // What is in progress can only be asked while it is; all else when it is over.
    for in_progress in [true, false] {
        if !in_progress {
            let sync = repository.sync_of("main", &commit).await;
            repository.assert_succeeded(&sync).await;
        }
        for query in queries.iter().filter(|query| query.contains("by-active") == in_progress) {
            let output = Command::new("sh")
                .args(["-euc", query])
                .current_dir(root())
                .envs(repository.world.environment())
                .env("TABLE", &repository.world.table_name)
                .env("REPOSITORY", &repository.name)
                .env("BRANCH", "main")
                .env("TO", "prod")
                .env("TARGET", "front-end/beta")
                .env("SYNC", running.sync.as_str())
                .env("COMMIT", commit.as_str())
                .env("AWS_DEFAULT_OUTPUT", "json")
                .stdin(Stdio::null())
                .output()
                .await
                .unwrap();
            assert!(output.status.success(), "{query}\n{}", String::from_utf8_lossy(&output.stderr));
            let found: Value = serde_json::from_slice(&output.stdout).unwrap();
            let items = found["Items"].as_array().unwrap();
            let names_this = items.iter().any(|item| {
                item.to_string().contains(&repository.name) || item.to_string().contains(running.sync.as_str())
            });
            assert!(names_this, "{query}\nfound {found}");
            answered.push((query.clone(), items.len()));
        }
    }
    assert_eq!(answered.len(), queries.len());
}
