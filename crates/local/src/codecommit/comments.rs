//! Comments on compared commits and on pull requests, and answers to them.
//!
//! They put no events here, and there are no reactions.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

use super::error::{ApiError, Result, refuse};
use super::files::page;
use super::git::Git;
use super::names::{CommitId, RepositoryPath};
use super::pull_requests::find;
use super::service::{CALLER, Service, new_id, now};
use super::store::Comment;

/// CodeCommit's limit for a comment, in characters.
const LONGEST: usize = 10_240;

/// The input of the operations on comments.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct CommentInput {
    repository_name: String,
    pull_request_id: String,
    before_commit_id: Option<String>,
    after_commit_id: String,
    location: Option<Value>,
    content: String,
    comment_id: String,
    in_reply_to: String,
    client_request_token: Option<String>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

pub(crate) fn post_for_compared_commit(service: &Service, input: CommentInput) -> Result<Value> {
    let (_, git) = service.repository(&input.repository_name)?;
    let comment = post(service, &git, input, None)?;
    placed(&git, &comment, "comment", told(&comment))
}

pub(crate) fn post_for_pull_request(service: &Service, input: CommentInput) -> Result<Value> {
    let pull_request = find(service, &input.pull_request_id)?;
    let (name, git) = service.repository(&input.repository_name)?;
    if pull_request.repository != name.as_str() {
        let message = format!("pull request {} is not of repository {}", pull_request.id, name.as_str());
        return refuse("RepositoryNotAssociatedWithPullRequestException", message);
    }
    if input.before_commit_id.as_deref().is_none_or(str::is_empty) {
        return refuse("CommitIdRequiredException", "beforeCommitId is required");
    }
    let comment = post(service, &git, input, Some(pull_request.id))?;
    placed(&git, &comment, "comment", told(&comment))
}

fn post(service: &Service, git: &Git, input: CommentInput, pull_request: Option<u64>) -> Result<Comment> {
    let content = content(input.content)?;
    let after = commit(git, &input.after_commit_id)?;
    let before = match input.before_commit_id.as_deref() {
        None | Some("") => None,
        Some(id) => Some(commit(git, id)?),
    };
    if before.as_ref() == Some(&after) {
        return refuse("BeforeCommitIdAndAfterCommitIdAreSameException", "the commits are the same");
    }
    if let Some(path) = input.location.as_ref().and_then(|location| location["filePath"].as_str()) {
        let path = RepositoryPath::file(path)?;
        let sides = before.iter().chain([&after]);
        let mut found = false;
        for side in sides {
            found |= git.entry(side.as_str(), &path)?.is_some();
        }
        if !found {
            return refuse("PathDoesNotExistException", format!("the path `{}` does not exist", path.as_str()));
        }
    }
    let new = NewComment {
        repository: input.repository_name,
        pull_request,
        before_commit: before.map(|id| id.as_str().to_owned()),
        after_commit: after.as_str().to_owned(),
        location: input.location,
        in_reply_to: None,
        content,
        client_request_token: input.client_request_token,
    };
    put(service, new)
}

pub(crate) fn post_reply(service: &Service, input: CommentInput) -> Result<Value> {
    let content = content(input.content)?;
    let parent = find_comment(service, &input.in_reply_to)?;
    let reply = NewComment {
        repository: parent.repository,
        pull_request: parent.pull_request,
        before_commit: parent.before_commit,
        after_commit: parent.after_commit,
        location: parent.location,
        in_reply_to: Some(parent.id),
        content,
        client_request_token: input.client_request_token,
    };
    Ok(json!({ "comment": told(&put(service, reply)?) }))
}

/// A comment that has no id and no time yet.
struct NewComment {
    repository: String,
    pull_request: Option<u64>,
    before_commit: Option<String>,
    after_commit: String,
    location: Option<Value>,
    in_reply_to: Option<String>,
    content: String,
    client_request_token: Option<String>,
}

/// Keeps a comment, or finds it kept under its token already.
fn put(service: &Service, new: NewComment) -> Result<Comment> {
    let token = new.client_request_token.filter(|token| !token.is_empty());
    if let Some(token) = &token
        && let [earlier, ..] = &service.store.comments.all(|c| c.client_request_token.as_ref() == Some(token))[..]
    {
        if earlier.content == new.content && earlier.after_commit == new.after_commit {
            return Ok(earlier.clone());
        }
        let message = "the client request token was used with other parameters";
        return refuse("IdempotencyParameterMismatchException", message);
    }
    let now = now();
    Ok(service.store.comments.put_next(|number| Comment {
        id: format!("{}:{}", new_id(), new_id()),
        number,
        repository: new.repository,
        pull_request: new.pull_request,
        before_commit: new.before_commit,
        after_commit: new.after_commit,
        location: new.location,
        in_reply_to: new.in_reply_to,
        content: new.content,
        author: CALLER.to_owned(),
        created: now,
        modified: now,
        client_request_token: token,
    })?)
}

pub(crate) fn get(service: &Service, input: CommentInput) -> Result<Value> {
    Ok(json!({ "comment": told(&find_comment(service, &input.comment_id)?) }))
}

pub(crate) fn update(service: &Service, input: CommentInput) -> Result<Value> {
    let mut comment = find_comment(service, &input.comment_id)?;
    comment.content = content(input.content)?;
    comment.modified = now();
    Ok(json!({ "comment": told(&service.store.comments.put(comment)?) }))
}

pub(crate) fn get_for_compared_commit(service: &Service, input: CommentInput) -> Result<Value> {
    let (name, git) = service.repository(&input.repository_name)?;
    let after = commit(&git, &input.after_commit_id)?;
    let comments = service.store.comments.all(|comment| {
        comment.repository == name.as_str()
            && comment.pull_request.is_none()
            && comment.after_commit == after.as_str()
            && fits(input.before_commit_id.as_deref(), comment.before_commit.as_deref())
    });
    listed(&git, &comments, "commentsForComparedCommitData", &input)
}

pub(crate) fn get_for_pull_request(service: &Service, input: CommentInput) -> Result<Value> {
    let pull_request = find(service, &input.pull_request_id)?;
    let (_, git) = service.repository(&pull_request.repository)?;
    let comments = service.store.comments.all(|comment| {
        comment.pull_request == Some(pull_request.id)
            && fits(input.before_commit_id.as_deref(), comment.before_commit.as_deref())
            && (input.after_commit_id.is_empty() || comment.after_commit == input.after_commit_id)
    });
    listed(&git, &comments, "commentsForPullRequestData", &input)
}

fn fits(wanted: Option<&str>, is: Option<&str>) -> bool {
    wanted.is_none_or(|wanted| wanted.is_empty() || Some(wanted) == is)
}

/// Comments grouped by where they stand, in the order of the first of each group.
fn listed(git: &Git, comments: &[Comment], field: &str, input: &CommentInput) -> Result<Value> {
    let mut groups: BTreeMap<String, Vec<&Comment>> = BTreeMap::new();
    for comment in comments {
        let place = json!([comment.before_commit, comment.after_commit, comment.location]).to_string();
        groups.entry(place).or_default().push(comment);
    }
    let mut groups: Vec<Vec<&Comment>> = groups.into_values().collect();
    groups.sort_by_key(|group| group[0].number);
    let (page, next) = page(&groups, input.max_results, input.next_token.as_deref(), 100)?;
    let mut data = Vec::new();
    for group in page {
        let comments: Vec<Value> = group.iter().map(|comment| told(comment)).collect();
        data.push(placed(git, group[0], "comments", json!(comments))?);
    }
    let mut answer = json!({ field: data });
    if let Some(next) = next {
        answer["nextToken"] = json!(next);
    }
    Ok(answer)
}

/// Where a comment stands, with the comment or comments in a field.
fn placed(git: &Git, comment: &Comment, field: &str, content: Value) -> Result<Value> {
    let mut placed = json!({ "repositoryName": comment.repository, "afterCommitId": comment.after_commit });
    if let Some(before) = &comment.before_commit {
        placed["beforeCommitId"] = json!(before);
    }
    if let Some(pull_request) = comment.pull_request {
        placed["pullRequestId"] = json!(pull_request.to_string());
    }
    if let Some(location) = &comment.location {
        placed["location"] = location.clone();
        if let Some(path) = location["filePath"].as_str() {
            let path = RepositoryPath::file(path)?;
            let sides =
                [("beforeBlobId", comment.before_commit.as_ref()), ("afterBlobId", Some(&comment.after_commit))];
            for (name, side) in sides {
                if let Some(side) = side
                    && let Some(entry) = git.entry(side, &path)?
                {
                    placed[name] = json!(entry.id);
                }
            }
        }
    }
    placed[field] = content;
    Ok(placed)
}

fn told(comment: &Comment) -> Value {
    let mut told = json!({
        "commentId": comment.id,
        "content": comment.content,
        "creationDate": comment.created,
        "lastModifiedDate": comment.modified,
        "authorArn": comment.author,
        "deleted": false,
        "callerReactions": [],
        "reactionCounts": {},
    });
    if let Some(parent) = &comment.in_reply_to {
        told["inReplyTo"] = json!(parent);
    }
    if let Some(token) = &comment.client_request_token {
        told["clientRequestToken"] = json!(token);
    }
    told
}

fn find_comment(service: &Service, id: &str) -> Result<Comment> {
    if id.is_empty() {
        return refuse("CommentIdRequiredException", "a comment id is required");
    }
    let found = service.store.comments.all(|comment| comment.id == id).pop();
    found.ok_or_else(|| ApiError::new("CommentDoesNotExistException", format!("comment `{id}` does not exist")))
}

fn commit(git: &Git, id: &str) -> Result<CommitId> {
    let id = CommitId::parse(id)?;
    let found = git.commit(id.as_str())?;
    found
        .ok_or_else(|| ApiError::new("CommitDoesNotExistException", format!("commit `{}` does not exist", id.as_str())))
}

fn content(content: String) -> Result<String> {
    if content.is_empty() {
        return refuse("CommentContentRequiredException", "a comment needs content");
    }
    if content.chars().count() > LONGEST {
        let message = format!("a comment has at most {LONGEST} characters");
        return refuse("CommentContentSizeLimitExceededException", message);
    }
    Ok(content)
}
