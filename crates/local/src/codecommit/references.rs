//! Branches, what a change of a reference sets off, and the words that name a commit.
//!
//! Every change of a reference, by push, by API or by merge, goes through [`published`]: it is where pull requests
//! follow their branches and where the events come from. It runs under the repository's lock.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::error::{ApiError, Result, refuse};
use super::events::Event;
use super::git::Git;
use super::names::{BranchName, CommitId, RepositoryName, is_object_id, is_reference_name};
use super::pull_request_state;
use super::service::{CALLER, Service, arn};

/// A reference that was created, moved or deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) reference: String,
    pub(crate) old: Option<String>,
    pub(crate) new: Option<String>,
}

/// What changed between two listings of references, in the order of their names.
pub(crate) fn changes(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<Change> {
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
    names.sort();
    names.dedup();
    let change = |name: &String| {
        let (old, new) = (before.get(name).cloned(), after.get(name).cloned());
        (old != new).then(|| Change { reference: name.clone(), old, new })
    };
    names.into_iter().filter_map(change).collect()
}

/// Puts the events of changes that have been made, and brings HEAD and the open pull requests up to them.
pub(crate) fn published(service: &Service, name: &RepositoryName, git: &Git, changes: &[Change]) -> Result<()> {
    let repository = service.store.repositories.get(&name.as_str().to_owned());
    let repository_id = repository.map(|repository| repository.id).unwrap_or_default();
    follow_first_branch(git, changes)?;
    for change in changes {
        service.outbox.put(Event {
            detail_type: "CodeCommit Repository State Change",
            resource: arn(name.as_str()),
            detail: detail(name, &repository_id, change),
        });
        pull_request_state::follow(service, name, git, change)?;
    }
    Ok(())
}

/// In a repository without branches the first one that comes is the default branch.
fn follow_first_branch(git: &Git, changes: &[Change]) -> Result<()> {
    if git.commit(&git.head()?)?.is_some() {
        return Ok(());
    }
    let created = |change: &&Change| change.new.is_some() && change.reference.starts_with("refs/heads/");
    match changes.iter().find(created) {
        Some(change) => Ok(git.set_head(&change.reference)?),
        None => Ok(()),
    }
}

fn detail(name: &RepositoryName, repository_id: &str, change: &Change) -> Value {
    let (kind, short) = match change.reference.strip_prefix("refs/tags/") {
        Some(tag) => ("tag", tag),
        None => ("branch", change.reference.strip_prefix("refs/heads/").unwrap_or(&change.reference)),
    };
    let event = match (&change.old, &change.new) {
        (None, _) => "referenceCreated",
        (Some(_), Some(_)) => "referenceUpdated",
        (Some(_), None) => "referenceDeleted",
    };
    let mut detail = json!({
        "callerUserArn": CALLER,
        "event": event,
        "referenceFullName": change.reference,
        "referenceName": short,
        "referenceType": kind,
        "repositoryId": repository_id,
        "repositoryName": name.as_str(),
    });
    if let Some(new) = &change.new {
        detail["commitId"] = json!(new);
    }
    if let Some(old) = &change.old {
        detail["oldCommitId"] = json!(old);
    }
    detail
}

/// Moves a reference from one commit to another and publishes that.
pub(crate) fn move_reference(service: &Service, name: &RepositoryName, git: &Git, change: Change) -> Result<()> {
    if !git.update_reference(&change.reference, change.new.as_deref(), change.old.as_deref())? {
        let message = format!("`{}` was moved by somebody else", change.reference);
        return refuse("ConcurrentReferenceUpdateException", message);
    }
    published(service, name, git, &[change])
}

/// The commit that a specifier names: a branch, a tag, a full reference, `HEAD` or a commit id; the head of the default
/// branch if it is empty.
pub(crate) fn resolve(git: &Git, specifier: &str) -> Result<CommitId> {
    let found = match specifier {
        "" | "HEAD" => git.commit(&git.head()?)?,
        id if is_object_id(id) => git.commit(id)?,
        name if !is_reference_name(name) => {
            return refuse("InvalidCommitException", format!("`{name}` is not a valid commit specifier"));
        }
        full if full.starts_with("refs/") => git.commit(full)?,
        name => match git.commit(&format!("refs/heads/{name}"))? {
            Some(commit) => Some(commit),
            None => git.commit(&format!("refs/tags/{name}"))?,
        },
    };
    found.ok_or_else(|| {
        let message = match specifier {
            "" | "HEAD" => "the repository has no default branch yet".to_owned(),
            name => format!("the commit `{name}` does not exist"),
        };
        ApiError::new("CommitDoesNotExistException", message)
    })
}

/// The head of a branch, which must exist.
pub(crate) fn head_of(git: &Git, branch: &BranchName) -> Result<CommitId> {
    let head = git.commit(&branch.reference())?;
    head.ok_or_else(|| {
        ApiError::new("BranchDoesNotExistException", format!("branch `{}` does not exist", branch.as_str()))
    })
}

/// The input of the operations on one branch.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct BranchInput {
    repository_name: String,
    branch_name: String,
    default_branch_name: String,
    commit_id: String,
}

fn information(branch: &BranchName, commit: &CommitId) -> Value {
    json!({ "branchName": branch.as_str(), "commitId": commit.as_str() })
}

pub(crate) fn get_branch(service: &Service, input: BranchInput) -> Result<Value> {
    let (_, git) = service.repository(&input.repository_name)?;
    let branch = BranchName::parse(&input.branch_name)?;
    let head = head_of(&git, &branch)?;
    Ok(json!({ "branch": information(&branch, &head) }))
}

pub(crate) fn list_branches(service: &Service, input: BranchInput) -> Result<Value> {
    let (_, git) = service.repository(&input.repository_name)?;
    let references = git.references()?;
    let branches: Vec<&str> = references.keys().filter_map(|name| name.strip_prefix("refs/heads/")).collect();
    Ok(json!({ "branches": branches }))
}

pub(crate) fn create_branch(service: &Service, input: BranchInput) -> Result<Value> {
    let (name, git) = service.repository(&input.repository_name)?;
    let branch = BranchName::parse(&input.branch_name)?;
    let commit = CommitId::parse(&input.commit_id)?;
    let _lock = service.lock(&name);
    if git.commit(&branch.reference())?.is_some() {
        return refuse("BranchNameExistsException", format!("branch `{}` exists already", branch.as_str()));
    }
    if git.commit(commit.as_str())?.is_none() {
        return refuse("CommitDoesNotExistException", format!("commit `{}` does not exist", commit.as_str()));
    }
    let change = Change { reference: branch.reference(), old: None, new: Some(commit.as_str().to_owned()) };
    move_reference(service, &name, &git, change)?;
    Ok(json!({}))
}

pub(crate) fn delete_branch(service: &Service, input: BranchInput) -> Result<Value> {
    let (name, git) = service.repository(&input.repository_name)?;
    let branch = BranchName::parse(&input.branch_name)?;
    let _lock = service.lock(&name);
    let Some(head) = git.commit(&branch.reference())? else {
        // As on AWS: what is not there is deleted.
        return Ok(json!({}));
    };
    if git.head()? == branch.reference() {
        let message = format!("branch `{}` is the default branch", branch.as_str());
        return refuse("DefaultBranchCannotBeDeletedException", message);
    }
    let change = Change { reference: branch.reference(), old: Some(head.as_str().to_owned()), new: None };
    move_reference(service, &name, &git, change)?;
    Ok(json!({ "deletedBranch": information(&branch, &head) }))
}

pub(crate) fn update_default_branch(service: &Service, input: BranchInput) -> Result<Value> {
    let (name, git) = service.repository(&input.repository_name)?;
    let branch = BranchName::parse(&input.default_branch_name)?;
    let _lock = service.lock(&name);
    head_of(&git, &branch)?;
    git.set_head(&branch.reference())?;
    Ok(json!({}))
}
