//! Merges, by Git's own plumbing and without a work tree: how one would go, and the three ways to close a pull request
//! with one.
//!
//! Not here: resolving conflicts file by file or line by line. The two strategies that take one side are.

use serde::Deserialize;
use serde_json::{Value, json};

use super::error::{ApiError, Result, refuse};
use super::git::Git;
use super::names::CommitId;
use super::pull_request_state::{announce_merge, close_merged, told};
use super::pull_requests::find;
use super::references::{Change, move_reference, resolve};
use super::service::{CALLER, Service};
use super::store::Merge;

/// CodeCommit's three ways to merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MergeOption {
    FastForward,
    Squash,
    ThreeWay,
}

impl MergeOption {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::FastForward => "FAST_FORWARD_MERGE",
            Self::Squash => "SQUASH_MERGE",
            Self::ThreeWay => "THREE_WAY_MERGE",
        }
    }

    fn parse(name: &str) -> Result<Self> {
        [Self::FastForward, Self::Squash, Self::ThreeWay]
            .into_iter()
            .find(|option| option.name() == name)
            .ok_or_else(|| ApiError::new("InvalidMergeOptionException", format!("`{name}` is not a merge option")))
    }
}

/// The author and committer of a commit that is made here.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    name: String,
    email: String,
}

impl Person {
    /// Somebody, or the account's root where nobody is named.
    pub(crate) fn new(name: Option<String>, email: Option<String>) -> Self {
        // Git ends a name at these; they cannot be part of one.
        let clean = |text: String| text.replace(['<', '>', '\n', '\0'], "").trim().to_owned();
        let name = name.map(clean).filter(|name| !name.is_empty());
        Self { name: name.unwrap_or_else(|| "root".to_owned()), email: email.map(clean).unwrap_or_default() }
    }
}

/// Writes a commit object.
pub(crate) fn commit_tree(
    git: &Git,
    tree: &str,
    parents: &[&CommitId],
    message: &str,
    author: &Person,
) -> Result<CommitId> {
    let mut arguments = vec!["commit-tree", tree];
    for parent in parents {
        arguments.extend(["-p", parent.as_str()]);
    }
    arguments.extend(["-F", "-"]);
    let environment = [
        ("GIT_AUTHOR_NAME", author.name.as_ref()),
        ("GIT_AUTHOR_EMAIL", author.email.as_ref()),
        ("GIT_COMMITTER_NAME", author.name.as_ref()),
        ("GIT_COMMITTER_EMAIL", author.email.as_ref()),
    ];
    let output = git.output(arguments, &environment, message.as_bytes())?;
    if !output.status.success() {
        return Err(ApiError::internal(String::from_utf8_lossy(&output.stderr).trim()));
    }
    Ok(CommitId::trusted(String::from_utf8_lossy(&output.stdout).trim().to_owned()))
}

/// The newest commit that two have in common.
pub(crate) fn merge_base(git: &Git, one: &str, other: &str) -> Result<Option<String>> {
    let output = git.output(["merge-base", one, other], &[], b"")?;
    Ok(output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned()))
}

/// What a merge comes to.
enum Outcome {
    Tree(String),
    Conflicts(Vec<String>),
}

fn merge_tree(git: &Git, destination: &CommitId, source: &CommitId, strategy: Option<&str>) -> Result<Outcome> {
    let mut arguments = vec!["merge-tree", "--write-tree", "--no-messages", "--name-only", "-z"];
    match strategy {
        None | Some("NONE") => {}
        Some("ACCEPT_SOURCE") => arguments.push("-Xtheirs"),
        Some("ACCEPT_DESTINATION") => arguments.push("-Xours"),
        Some(other) => {
            let message = format!("`{other}` is not supported here");
            return refuse("InvalidConflictResolutionStrategyException", message);
        }
    }
    arguments.extend([destination.as_str(), source.as_str()]);
    let output = git.output(arguments, &[], b"")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut fields = text.split('\0').filter(|field| !field.trim().is_empty());
    match (output.status.code(), fields.next()) {
        (Some(0), Some(tree)) => Ok(Outcome::Tree(tree.trim().to_owned())),
        (Some(1), Some(_)) => Ok(Outcome::Conflicts(fields.map(str::to_owned).collect())),
        // Histories that have nothing in common.
        _ => Ok(Outcome::Conflicts(Vec::new())),
    }
}

/// The input of the three merges of a pull request.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct MergeInput {
    pull_request_id: String,
    repository_name: String,
    source_commit_id: Option<String>,
    conflict_resolution_strategy: Option<String>,
    commit_message: Option<String>,
    author_name: Option<String>,
    email: Option<String>,
}

pub(crate) fn merge_by_fast_forward(service: &Service, input: MergeInput) -> Result<Value> {
    merge(service, input, MergeOption::FastForward)
}

pub(crate) fn merge_by_squash(service: &Service, input: MergeInput) -> Result<Value> {
    merge(service, input, MergeOption::Squash)
}

pub(crate) fn merge_by_three_way(service: &Service, input: MergeInput) -> Result<Value> {
    merge(service, input, MergeOption::ThreeWay)
}

fn merge(service: &Service, input: MergeInput, option: MergeOption) -> Result<Value> {
    let (name, git) = service.repository(&input.repository_name)?;
    let _lock = service.lock(&name);
    let pull_request = find(service, &input.pull_request_id)?;
    if pull_request.repository != name.as_str() {
        let message = format!("pull request {} is not of repository {}", pull_request.id, name.as_str());
        return refuse("RepositoryNotAssociatedWithPullRequestException", message);
    }
    if !pull_request.open {
        let message = format!("pull request {} is closed already", pull_request.id);
        return refuse("PullRequestAlreadyClosedException", message);
    }
    let tip = |reference: &str| -> Result<CommitId> {
        let missing = || ApiError::new("ReferenceDoesNotExistException", format!("`{reference}` does not exist"));
        git.commit(reference)?.ok_or_else(missing)
    };
    let source = tip(&pull_request.source_reference)?;
    let destination = tip(&pull_request.destination_reference)?;
    if let Some(expected) = input.source_commit_id.as_deref().filter(|id| !id.is_empty())
        && CommitId::parse(expected)? != source
    {
        let message = format!("`{}` is at `{}` by now", pull_request.source_reference, source.as_str());
        return refuse("TipOfSourceReferenceIsDifferentException", message);
    }
    let message = input.commit_message.unwrap_or_else(|| pull_request.title.clone());
    let author = Person::new(input.author_name, input.email);
    let merged = match option {
        MergeOption::FastForward => fast_forward(&git, &destination, &source)?,
        MergeOption::Squash | MergeOption::ThreeWay => {
            let tree = match merge_tree(&git, &destination, &source, input.conflict_resolution_strategy.as_deref())? {
                Outcome::Tree(tree) => tree,
                Outcome::Conflicts(paths) => return manual(&paths),
            };
            let parents = if option == MergeOption::Squash { vec![&destination] } else { vec![&destination, &source] };
            commit_tree(&git, &tree, &parents, &message, &author)?
        }
    };
    let merge = Merge { by: CALLER.to_owned(), commit: merged.as_str().to_owned(), option: option.name().to_owned() };
    // Closed first: nothing may find it open once the branch has moved.
    let closed = close_merged(service, pull_request, &source, &destination, merge)?;
    if merged != destination {
        let change = Change {
            reference: closed.destination_reference.clone(),
            old: Some(destination.as_str().to_owned()),
            new: Some(merged.as_str().to_owned()),
        };
        move_reference(service, &name, &git, change)?;
    }
    announce_merge(service, &closed);
    Ok(json!({ "pullRequest": told(&closed) }))
}

fn fast_forward(git: &Git, destination: &CommitId, source: &CommitId) -> Result<CommitId> {
    match merge_base(git, destination.as_str(), source.as_str())? {
        Some(base) if base == destination.as_str() => Ok(source.clone()),
        _ => refuse("ManualMergeRequiredException", "the destination is not an ancestor of the source"),
    }
}

fn manual<T>(paths: &[String]) -> Result<T> {
    refuse(
        "ManualMergeRequiredException",
        format!("the branches conflict in {} file(s): {}", paths.len(), paths.join(", ")),
    )
}

/// The input of GetMergeConflicts.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ConflictsInput {
    repository_name: String,
    destination_commit_specifier: String,
    source_commit_specifier: String,
    merge_option: String,
    conflict_resolution_strategy: Option<String>,
}

pub(crate) fn get_merge_conflicts(service: &Service, input: ConflictsInput) -> Result<Value> {
    let (_, git) = service.repository(&input.repository_name)?;
    if input.destination_commit_specifier.is_empty() || input.source_commit_specifier.is_empty() {
        return refuse("CommitRequiredException", "a source and a destination are required");
    }
    if input.merge_option.is_empty() {
        return refuse("MergeOptionRequiredException", "a merge option is required");
    }
    let option = MergeOption::parse(&input.merge_option)?;
    let destination = resolve(&git, &input.destination_commit_specifier)?;
    let source = resolve(&git, &input.source_commit_specifier)?;
    let base = merge_base(&git, destination.as_str(), source.as_str())?;
    let (mergeable, paths) = match option {
        MergeOption::FastForward => (base.as_deref() == Some(destination.as_str()), Vec::new()),
        MergeOption::Squash | MergeOption::ThreeWay => {
            match merge_tree(&git, &destination, &source, input.conflict_resolution_strategy.as_deref())? {
                Outcome::Tree(_) => (true, Vec::new()),
                Outcome::Conflicts(paths) => (false, paths),
            }
        }
    };
    let conflict = |path: &String| json!({ "filePath": path, "contentConflict": true });
    let mut answer = json!({
        "mergeable": mergeable,
        "destinationCommitId": destination.as_str(),
        "sourceCommitId": source.as_str(),
        "conflictMetadataList": paths.iter().map(conflict).collect::<Vec<_>>(),
    });
    if let Some(base) = base {
        answer["baseCommitId"] = json!(base);
    }
    Ok(answer)
}
