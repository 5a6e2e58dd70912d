//! The operations on pull requests.
//!
//! How they follow their branches is in [`super::pull_request_state`], the merges that close them in [`super::merges`].
//! Approval rules do not exist here.

use serde::Deserialize;
use serde_json::{Value, json};

use super::error::{ApiError, Result, refuse};
use super::files::page;
use super::merges::merge_base;
use super::names::{CommitId, is_reference_name};
use super::pull_request_state::{announce, new_revision, record, told};
use super::service::{CALLER, Service, now};
use super::store::PullRequest;

/// The input of the operations on pull requests.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct PullRequestInput {
    pull_request_id: String,
    repository_name: String,
    title: Option<String>,
    description: Option<String>,
    targets: Option<Vec<Target>>,
    client_request_token: Option<String>,
    pull_request_status: Option<String>,
    pull_request_event_type: Option<String>,
    author_arn: Option<String>,
    max_results: Option<i64>,
    next_token: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Target {
    repository_name: String,
    source_reference: String,
    destination_reference: String,
}

pub(crate) fn create(service: &Service, input: PullRequestInput) -> Result<Value> {
    let title = title(input.title)?;
    let target = match input.targets.as_deref() {
        None | Some([]) => return refuse("TargetsRequiredException", "a target is required"),
        Some([target]) => target,
        Some([first, rest @ ..]) if rest.iter().any(|other| other.repository_name != first.repository_name) => {
            return refuse("MultipleRepositoriesInPullRequestException", "the targets are of different repositories");
        }
        Some(_) => return refuse("InvalidTargetsException", "a pull request has exactly one target"),
    };
    let (name, git) = service.repository(&target.repository_name)?;
    let source_reference = reference(&target.source_reference)?;
    let destination_reference = match target.destination_reference.as_str() {
        "" => git.head()?,
        given => reference(given)?,
    };
    let _lock = service.lock(&name);
    if let Some(token) = input.client_request_token.as_deref().filter(|token| !token.is_empty())
        && let [earlier] = &service.store.pull_requests.all(|p| p.client_request_token.as_deref() == Some(token))[..]
    {
        let same = earlier.title == title
            && earlier.description == input.description
            && earlier.repository == name.as_str()
            && earlier.source_reference == source_reference
            && earlier.destination_reference == destination_reference;
        if same {
            return Ok(json!({ "pullRequest": told(earlier) }));
        }
        let message = "the client request token was used with other parameters";
        return refuse("IdempotencyParameterMismatchException", message);
    }
    let tip = |reference: &str| -> Result<CommitId> {
        let missing = || ApiError::new("ReferenceDoesNotExistException", format!("`{reference}` does not exist"));
        git.commit(reference)?.ok_or_else(missing)
    };
    let (source, destination) = (tip(&source_reference)?, tip(&destination_reference)?);
    if source_reference == destination_reference {
        return refuse("SourceAndDestinationAreSameException", "source and destination are the same branch");
    }
    let base = merge_base(&git, destination.as_str(), source.as_str())?;
    let now = now();
    let created = service.store.pull_requests.put_next(|id| PullRequest {
        id,
        title,
        description: input.description,
        created: now,
        last_activity: now,
        open: true,
        author: CALLER.to_owned(),
        repository: name.as_str().to_owned(),
        source_reference,
        destination_reference,
        source_commit: source.as_str().to_owned(),
        destination_commit: destination.as_str().to_owned(),
        merge_base: base.clone(),
        merge: None,
        client_request_token: input.client_request_token,
        revision_id: new_revision(id),
        events: vec![json!({
            "pullRequestId": id.to_string(),
            "eventDate": now,
            "pullRequestEventType": "PULL_REQUEST_CREATED",
            "actorArn": CALLER,
            "pullRequestCreatedEventMetadata": {
                "repositoryName": name.as_str(),
                "sourceCommitId": source.as_str(),
                "destinationCommitId": destination.as_str(),
                "mergeBase": base,
            },
        })],
    })?;
    announce(service, &created, "pullRequestCreated");
    Ok(json!({ "pullRequest": told(&created) }))
}

pub(crate) fn get(service: &Service, input: PullRequestInput) -> Result<Value> {
    Ok(json!({ "pullRequest": told(&find(service, &input.pull_request_id)?) }))
}

pub(crate) fn list(service: &Service, input: PullRequestInput) -> Result<Value> {
    let (name, _) = service.repository(&input.repository_name)?;
    let wanted = input.pull_request_status.as_deref().map(open).transpose()?;
    let mut found = service.store.pull_requests.all(|pull_request| {
        pull_request.repository == name.as_str()
            && wanted.is_none_or(|wanted| pull_request.open == wanted)
            && input.author_arn.as_ref().is_none_or(|author| pull_request.author == *author)
    });
    // The newest first.
    found.reverse();
    let ids: Vec<String> = found.iter().map(|pull_request| pull_request.id.to_string()).collect();
    let (page, next) = page(&ids, input.max_results, input.next_token.as_deref(), 100)?;
    Ok(with_next(json!({ "pullRequestIds": page }), next))
}

pub(crate) fn describe_events(service: &Service, input: PullRequestInput) -> Result<Value> {
    let pull_request = find(service, &input.pull_request_id)?;
    let wanted = input.pull_request_event_type.as_deref();
    let kind = |event: &&Value| wanted.is_none_or(|wanted| event["pullRequestEventType"] == wanted);
    let events: Vec<&Value> = pull_request.events.iter().rev().filter(kind).collect();
    let (page, next) = page(&events, input.max_results, input.next_token.as_deref(), 100)?;
    Ok(with_next(json!({ "pullRequestEvents": page }), next))
}

pub(crate) fn update_title(service: &Service, input: PullRequestInput) -> Result<Value> {
    let title = title(input.title)?;
    change(service, &input.pull_request_id, |pull_request| {
        if !pull_request.open {
            return already_closed(pull_request);
        }
        pull_request.title = title;
        Ok(None)
    })
}

pub(crate) fn update_description(service: &Service, input: PullRequestInput) -> Result<Value> {
    change(service, &input.pull_request_id, |pull_request| {
        if !pull_request.open {
            return already_closed(pull_request);
        }
        pull_request.description = input.description;
        Ok(None)
    })
}

pub(crate) fn update_status(service: &Service, input: PullRequestInput) -> Result<Value> {
    let Some(status) = input.pull_request_status else {
        return refuse("PullRequestStatusRequiredException", "a status is required");
    };
    let open = open(&status)?;
    change(service, &input.pull_request_id, |pull_request| {
        if open == pull_request.open {
            return Ok(None);
        }
        if open {
            // Closed is final, on AWS too.
            let message = "a closed pull request cannot be opened again";
            return refuse("InvalidPullRequestStatusUpdateException", message);
        }
        pull_request.open = false;
        let metadata = json!({ "pullRequestStatus": "CLOSED" });
        record(pull_request, "PULL_REQUEST_STATUS_CHANGED", "pullRequestStatusChangedEventMetadata", metadata);
        Ok(Some("pullRequestStatusChanged"))
    })
}

/// Changes a pull request under its repository's lock and puts the event that the change calls for.
fn change(
    service: &Service,
    id: &str,
    apply: impl FnOnce(&mut PullRequest) -> Result<Option<&'static str>>,
) -> Result<Value> {
    let (name, _) = service.repository(&find(service, id)?.repository)?;
    let _lock = service.lock(&name);
    let mut pull_request = find(service, id)?;
    let event = apply(&mut pull_request)?;
    pull_request.last_activity = now();
    let pull_request = service.store.pull_requests.put(pull_request)?;
    if let Some(event) = event {
        announce(service, &pull_request, event);
    }
    Ok(json!({ "pullRequest": told(&pull_request) }))
}

/// A pull request by an id from outside.
pub(crate) fn find(service: &Service, id: &str) -> Result<PullRequest> {
    if id.is_empty() {
        return refuse("PullRequestIdRequiredException", "a pull request id is required");
    }
    let Ok(number) = id.parse() else {
        return refuse("InvalidPullRequestIdException", format!("`{id}` is not a pull request id"));
    };
    let found = service.store.pull_requests.get(&number);
    found.ok_or_else(|| {
        ApiError::new("PullRequestDoesNotExistException", format!("pull request {number} does not exist"))
    })
}

fn title(title: Option<String>) -> Result<String> {
    match title {
        None => refuse("TitleRequiredException", "a title is required"),
        Some(title) if title.is_empty() => refuse("TitleRequiredException", "a title is required"),
        Some(title) if title.chars().count() > 150 => {
            refuse("InvalidTitleException", "a title has at most 150 characters")
        }
        Some(title) => Ok(title),
    }
}

fn open(status: &str) -> Result<bool> {
    match status {
        "OPEN" => Ok(true),
        "CLOSED" => Ok(false),
        other => refuse("InvalidPullRequestStatusException", format!("`{other}` is neither OPEN nor CLOSED")),
    }
}

/// The full name of a branch that was given in short or in full.
fn reference(given: &str) -> Result<String> {
    if given.is_empty() {
        return refuse("ReferenceNameRequiredException", "a source reference is required");
    }
    if !is_reference_name(given) {
        return refuse("InvalidReferenceNameException", format!("`{given}` is not a valid reference"));
    }
    if given.starts_with("refs/") && !given.starts_with("refs/heads/") {
        return refuse("ReferenceTypeNotSupportedException", format!("`{given}` is not a branch"));
    }
    Ok(if given.starts_with("refs/") { given.to_owned() } else { format!("refs/heads/{given}") })
}

fn already_closed<T>(pull_request: &PullRequest) -> Result<T> {
    refuse("PullRequestAlreadyClosedException", format!("pull request {} is closed already", pull_request.id))
}

fn with_next(mut answer: Value, next: Option<String>) -> Value {
    if let Some(next) = next {
        answer["nextToken"] = json!(next);
    }
    answer
}
