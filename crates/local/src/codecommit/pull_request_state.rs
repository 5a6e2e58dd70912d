//! What a pull request goes through beside what is asked of it: it follows its branches, ends in a merge, is told over
//! the API and in events.
//!
//! The operations are in [`super::pull_requests`].

use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use time::macros::format_description;

use super::error::Result;
use super::events::Event;
use super::git::Git;
use super::merges::merge_base;
use super::names::{CommitId, RepositoryName};
use super::references::Change;
use super::service::{CALLER, Service, arn, new_id, now};
use super::store::{Merge, PullRequest};

/// Brings the open pull requests of a repository up to a reference that has changed.
pub(crate) fn follow(service: &Service, name: &RepositoryName, git: &Git, change: &Change) -> Result<()> {
    // A branch that is gone leaves its pull requests as they were, to be closed by a person.
    let Some(new) = &change.new else { return Ok(()) };
    let concerned = service.store.pull_requests.all(|p| {
        p.open
            && p.repository == name.as_str()
            && (p.source_reference == change.reference || p.destination_reference == change.reference)
    });
    for mut pull_request in concerned {
        let moved_source = pull_request.source_reference == change.reference;
        if moved_source {
            let before = std::mem::replace(&mut pull_request.source_commit, new.clone());
            pull_request.revision_id = new_revision(pull_request.id);
            pull_request.last_activity = now();
            let metadata = json!({
                "repositoryName": name.as_str(), "beforeCommitId": before, "afterCommitId": new,
                "mergeBase": pull_request.merge_base,
            });
            let (kind, field) =
                ("PULL_REQUEST_SOURCE_REFERENCE_UPDATED", "pullRequestSourceReferenceUpdatedEventMetadata");
            record(&mut pull_request, kind, field, metadata);
        } else {
            pull_request.destination_commit.clone_from(new);
        }
        pull_request.merge_base = merge_base(git, &pull_request.destination_commit, &pull_request.source_commit)?;
        let pull_request = service.store.pull_requests.put(pull_request)?;
        if moved_source {
            announce(service, &pull_request, "pullRequestSourceBranchUpdated");
        }
    }
    Ok(())
}

/// Records that a pull request was merged. Its event comes after those of the branch that moves, with
/// [`announce_merge`].
pub(crate) fn close_merged(
    service: &Service,
    mut pull_request: PullRequest,
    source: &CommitId,
    destination: &CommitId,
    merge: Merge,
) -> Result<PullRequest> {
    pull_request.open = false;
    pull_request.source_commit = source.as_str().to_owned();
    pull_request.destination_commit = destination.as_str().to_owned();
    pull_request.last_activity = now();
    let metadata = json!({
        "repositoryName": pull_request.repository,
        "destinationReference": pull_request.destination_reference,
        "mergeMetadata": merge_metadata(Some(&merge)),
    });
    pull_request.merge = Some(merge);
    record(
        &mut pull_request,
        "PULL_REQUEST_MERGE_STATE_CHANGED",
        "pullRequestMergedStateChangedEventMetadata",
        metadata,
    );
    Ok(service.store.pull_requests.put(pull_request)?)
}

pub(crate) fn announce_merge(service: &Service, pull_request: &PullRequest) {
    announce(service, pull_request, "pullRequestMergeStatusUpdated");
}

/// A pull request as the API tells it.
pub(crate) fn told(pull_request: &PullRequest) -> Value {
    let mut target = json!({
        "repositoryName": pull_request.repository,
        "sourceReference": pull_request.source_reference,
        "destinationReference": pull_request.destination_reference,
        "sourceCommit": pull_request.source_commit,
        "destinationCommit": pull_request.destination_commit,
        "mergeMetadata": merge_metadata(pull_request.merge.as_ref()),
    });
    if let Some(base) = &pull_request.merge_base {
        target["mergeBase"] = json!(base);
    }
    let mut told = json!({
        "pullRequestId": pull_request.id.to_string(),
        "title": pull_request.title,
        "creationDate": pull_request.created,
        "lastActivityDate": pull_request.last_activity,
        "pullRequestStatus": if pull_request.open { "OPEN" } else { "CLOSED" },
        "authorArn": pull_request.author,
        "revisionId": pull_request.revision_id,
        "approvalRules": [],
        "pullRequestTargets": [target],
    });
    if let Some(description) = &pull_request.description {
        told["description"] = json!(description);
    }
    if let Some(token) = &pull_request.client_request_token {
        told["clientRequestToken"] = json!(token);
    }
    told
}

fn merge_metadata(merge: Option<&Merge>) -> Value {
    match merge {
        None => json!({ "isMerged": false }),
        Some(merge) => json!({
            "isMerged": true, "mergedBy": merge.by, "mergeCommitId": merge.commit, "mergeOption": merge.option,
        }),
    }
}

/// Adds to what DescribePullRequestEvents shows.
pub(crate) fn record(pull_request: &mut PullRequest, kind: &str, field: &str, metadata: Value) {
    let mut event = json!({
        "pullRequestId": pull_request.id.to_string(),
        "eventDate": now(),
        "pullRequestEventType": kind,
        "actorArn": CALLER,
    });
    event[field] = metadata;
    pull_request.events.push(event);
}

/// Puts the event of a change.
pub(crate) fn announce(service: &Service, pull_request: &PullRequest, event: &str) {
    let date = |seconds: f64| {
        let format =
            format_description!("[weekday repr:short] [month repr:short] [day] [hour]:[minute]:[second] UTC [year]");
        let time = OffsetDateTime::from_unix_timestamp(seconds as i64).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        time.format(format).unwrap_or_default()
    };
    let mut detail = json!({
        "author": pull_request.author,
        "callerUserArn": CALLER,
        "creationDate": date(pull_request.created),
        "destinationCommit": pull_request.destination_commit,
        "destinationReference": pull_request.destination_reference,
        "event": event,
        // Strings, as CodeCommit has them.
        "isMerged": if pull_request.merge.is_some() { "True" } else { "False" },
        "lastModifiedDate": date(pull_request.last_activity),
        "notificationBody": format!("A pull request event occurred in the repository: {}.", pull_request.repository),
        "pullRequestId": pull_request.id.to_string(),
        "pullRequestStatus": if pull_request.open { "Open" } else { "Closed" },
        "repositoryNames": [pull_request.repository],
        "revisionId": pull_request.revision_id,
        "sourceCommit": pull_request.source_commit,
        "sourceReference": pull_request.source_reference,
        "title": pull_request.title,
    });
    if let Some(description) = &pull_request.description {
        detail["description"] = json!(description);
    }
    if let Some(merge) = &pull_request.merge {
        detail["mergeOption"] = json!(merge.option);
    }
    let resource = arn(&pull_request.repository);
    service.outbox.put(Event { detail_type: "CodeCommit Pull Request State Change", resource, detail });
}

/// An id in the shape of CodeCommit's revision ids.
pub(crate) fn new_revision(pull_request: u64) -> String {
    HEXLOWER.encode(&Sha256::digest(format!("{pull_request} {}", new_id())))
}
