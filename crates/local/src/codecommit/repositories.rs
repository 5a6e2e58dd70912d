//! The operations on repositories as a whole.
//!
//! Not here: tags, triggers and encryption keys, which are taken and forgotten.

use std::fs;

use serde::Deserialize;
use serde_json::{Value, json};

use super::error::{Result, refuse};
use super::git::Git;
use super::names::RepositoryName;
use super::service::{Service, arn, new_id, now};
use super::store::Repository;
use crate::ACCOUNT;

/// The input of the operations on repositories.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct RepositoryInput {
    repository_name: String,
    repository_description: Option<String>,
    order: String,
}

pub(crate) fn create_repository(service: &Service, input: RepositoryInput) -> Result<Value> {
    let name = RepositoryName::parse(&input.repository_name)?;
    let _lock = service.lock(&name);
    if service.store.repositories.get(&name.as_str().to_owned()).is_some() {
        let message = format!("repository named {} already exists", name.as_str());
        return refuse("RepositoryNameExistsException", message);
    }
    let folder = service.repository_folder(&name);
    // Left behind by a crash between the two steps below, or by a deletion.
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    Git::create(folder)?;
    let now = now();
    let repository = service.store.repositories.put(Repository {
        name: name.as_str().to_owned(),
        id: new_id(),
        description: input.repository_description,
        created: now,
        modified: now,
    })?;
    Ok(json!({ "repositoryMetadata": metadata(service, &repository)? }))
}

pub(crate) fn get_repository(service: &Service, input: RepositoryInput) -> Result<Value> {
    let (name, _) = service.repository(&input.repository_name)?;
    match service.store.repositories.get(&name.as_str().to_owned()) {
        Some(repository) => Ok(json!({ "repositoryMetadata": metadata(service, &repository)? })),
        None => refuse("RepositoryDoesNotExistException", format!("{} does not exist", name.as_str())),
    }
}

pub(crate) fn list_repositories(service: &Service, input: RepositoryInput) -> Result<Value> {
    let mut repositories = service.store.repositories.all(|_| true);
    if input.order == "descending" {
        repositories.reverse();
    }
    let pair = |r: &Repository| json!({ "repositoryName": r.name, "repositoryId": r.id });
    Ok(json!({ "repositories": repositories.iter().map(pair).collect::<Vec<_>>() }))
}

pub(crate) fn delete_repository(service: &Service, input: RepositoryInput) -> Result<Value> {
    let name = RepositoryName::parse(&input.repository_name)?;
    let _lock = service.lock(&name);
    let Some(repository) = service.store.repositories.get(&name.as_str().to_owned()) else {
        // As on AWS: what is not there is deleted.
        return Ok(json!({}));
    };
    service.store.comments.remove(|comment| comment.repository == repository.name)?;
    service.store.pull_requests.remove(|pull_request| pull_request.repository == repository.name)?;
    service.store.repositories.remove(|other| other.name == repository.name)?;
    fs::remove_dir_all(service.repository_folder(&name))?;
    Ok(json!({ "repositoryId": repository.id }))
}

fn metadata(service: &Service, repository: &Repository) -> Result<Value> {
    let (_, git) = service.repository(&repository.name)?;
    let mut metadata = json!({
        "accountId": ACCOUNT,
        "repositoryId": repository.id,
        "repositoryName": repository.name,
        "creationDate": repository.created,
        "lastModifiedDate": repository.modified,
        "cloneUrlHttp": service.clone_url(&repository.name),
        // There is no SSH here; the field is never missing on AWS.
        "cloneUrlSsh": format!("ssh://{}/v1/repos/{}", service.address, repository.name),
        "Arn": arn(&repository.name),
    });
    if let Some(description) = &repository.description {
        metadata["repositoryDescription"] = json!(description);
    }
    let head = git.head()?;
    if git.commit(&head)?.is_some() {
        metadata["defaultBranch"] = json!(head.trim_start_matches("refs/heads/"));
    }
    Ok(metadata)
}
