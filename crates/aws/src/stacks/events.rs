//! What the events of a stack tell: whose operation came last, what happened in it and what failed first.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_cloudformation::primitives::DateTimeFormat;
use aws_sdk_cloudformation::types::StackEvent;
use syncline_core::deployment::{StackView, is_of_sync, sync_of};
use syncline_core::names::{StackName, SyncId};
use tokio::time::sleep;

use super::Stacks;
use super::reading::{is_missing, outputs_of};
use crate::Error;
use crate::error::from_sdk;

/// How many pages of a stack's events are read to find what failed first. A page has 100 events; one operation on
/// the largest stack (500 resources) makes some 1,500.
const MAX_EVENT_PAGES: usize = 20;
/// How often a stack is described again that is behind its own events, and how long from one time to the next.
const MAX_LOOKS: usize = 5;
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// A stack that was looked at.
#[derive(Clone, Debug)]
pub struct Described {
    /// What its state is.
    pub view: StackView,
    /// Its outputs.
    pub outputs: BTreeMap<String, String>,
}

/// The operation on a stack that came last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewestOperation {
    /// What names it: its client request token, or the id of its first event, or [`NewestOperation::GONE`].
    pub id: String,
    /// The sync that it was of, where it was Syncline's.
    pub sync: Option<SyncId>,
    /// The stack's status after it; nothing where the stack is gone.
    pub status: Option<String>,
    /// When it began, in RFC 3339, as far as that was read.
    pub at: Option<String>,
}

impl NewestOperation {
    /// The id of what leaves no stack behind.
    pub const GONE: &str = "gone";

    /// Whether it left no stack behind.
    pub fn is_gone(&self) -> bool {
        self.id == Self::GONE
    }

    fn gone() -> Self {
        Self { id: Self::GONE.to_owned(), sync: None, status: None, at: None }
    }
}

/// What happened to a resource of a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceEvent {
    /// The resource's name in the template.
    pub resource: String,
    /// Its type.
    pub kind: String,
    /// Its status, as CloudFormation spells it.
    pub status: String,
    /// Why.
    pub reason: Option<String>,
    /// When, in RFC 3339.
    pub at: String,
}

impl ResourceEvent {
    fn of(event: &StackEvent) -> Option<Self> {
        Some(Self {
            resource: event.logical_resource_id()?.to_owned(),
            kind: event.resource_type().unwrap_or_default().to_owned(),
            status: event.resource_status()?.as_str().to_owned(),
            reason: event.resource_status_reason().map(str::to_owned),
            at: event.timestamp()?.fmt(DateTimeFormat::DateTime).ok()?,
        })
    }
}

impl Stacks {
    /// What happened to the resources of a stack in a sync's own operation, where that came last, oldest first.
    pub async fn resource_events(&self, stack: &StackName, sync: &SyncId) -> Result<Vec<ResourceEvent>, Error> {
        let mut events = Vec::new();
        let mut pages = self.client.describe_stack_events().stack_name(stack.as_str()).into_paginator().send();
        'pages: for _ in 0..MAX_EVENT_PAGES {
            let Some(page) = pages.next().await else { break };
            let page = page.map_err(from_sdk("cloudformation:DescribeStackEvents"))?;
            for event in page.stack_events() {
                let is_of_sync = event.client_request_token().is_some_and(|token| is_of_sync(token, sync));
                if !is_of_sync || begins_operation(event) {
                    break 'pages;
                }
                if !is_of_stack(event) {
                    events.extend(ResourceEvent::of(event));
                }
            }
        }
        events.reverse();
        Ok(events)
    }

    /// The operation on a stack that came last, one read where it was Syncline's. What undoes a failed update, as Syncline itself
    /// advises, is none; nothing where the events do not tell.
    pub async fn newest_operation(&self, stack: &StackName) -> Result<Option<NewestOperation>, Error> {
        let mut status = None;
        let mut next: Option<String> = None;
        for _ in 0..MAX_EVENT_PAGES {
            let asked =
                self.client.describe_stack_events().stack_name(stack.as_str()).set_next_token(next).send().await;
            let page = match asked.map_err(from_sdk("cloudformation:DescribeStackEvents")) {
                Err(error) if is_missing(&error) => return Ok(Some(NewestOperation::gone())),
                page => page?,
            };
            for event in page.stack_events() {
                if is_of_stack(event) && status.is_none() {
                    status = event.resource_status().map(|status| status.as_str().to_owned());
                }
                let sync = event.client_request_token().and_then(sync_of);
                if sync.is_none() && !begins_operation(event) {
                    continue;
                }
                if status.as_deref() == Some("DELETE_COMPLETE") {
                    return Ok(Some(NewestOperation::gone()));
                }
                let at = event.timestamp().and_then(|at| at.fmt(DateTimeFormat::DateTime).ok());
                let id = event.client_request_token().or(event.event_id()).unwrap_or_default().to_owned();
                return Ok(Some(NewestOperation { id, sync, status, at }));
            }
            next = page.next_token().map(str::to_owned);
            if next.is_none() {
                break;
            }
        }
        Ok(None)
    }

    /// Looks at a stack: its status, whose operation came last, and what failed first in it. Nothing where there is no
    /// such stack.
    ///
    /// Both questions are answered from copies that may be a moment old. A description that is behind the events would make
    /// what has just begun look done, or what has failed look well, so it is asked for again; the events have the last word.
    pub async fn look(&self, stack: &StackName) -> Result<Option<Described>, Error> {
        let mut looks = 0;
        loop {
            let Some(found) = self.describe(stack).await? else { return Ok(None) };
            let described = found.stack_status().map(|status| status.as_str().to_owned()).unwrap_or_default();
            let stack_id = found.stack_id().unwrap_or(stack.as_str()).to_owned();
            let LastOperation { token: last_token, status, first_failure } = self.last_operation(&stack_id).await?;
            let is_behind = status.as_ref().is_some_and(|status| *status != described);
            looks += 1;
            if is_behind && looks < MAX_LOOKS {
                sleep(BETWEEN_LOOKS).await;
                continue;
            }
            let status = status.filter(|_| is_behind).unwrap_or(described);
            let view = StackView { status, last_token, first_failure };
            return Ok(Some(Described { view, outputs: outputs_of(&found) }));
        }
    }

    /// What the events tell of the operation that came last. They come newest first.
    async fn last_operation(&self, stack_id: &str) -> Result<LastOperation, Error> {
        let mut last_token: Option<Option<String>> = None;
        let mut last = LastOperation::default();
        let mut next: Option<String> = None;
        for _ in 0..MAX_EVENT_PAGES {
            let page = self
                .client
                .describe_stack_events()
                .stack_name(stack_id)
                .set_next_token(next)
                .send()
                .await
                .map_err(from_sdk("cloudformation:DescribeStackEvents"))?;
            for event in page.stack_events() {
                let token = event.client_request_token().map(str::to_owned);
                if *last_token.get_or_insert_with(|| token.clone()) != token {
                    return Ok(LastOperation { token: last_token.flatten(), ..last });
                }
                if is_of_stack(event) && last.status.is_none() {
                    last.status = event.resource_status().map(|status| status.as_str().to_owned());
                }
                if begins_operation(event) {
                    return Ok(LastOperation { token: last_token.flatten(), ..last });
                }
                last.first_failure = failure(event).or(last.first_failure);
            }
            next = page.next_token().map(str::to_owned);
            if next.is_none() {
                break;
            }
        }
        Ok(LastOperation { token: last_token.flatten(), ..last })
    }
}

/// The operation on a stack that came last.
#[derive(Debug, Default)]
struct LastOperation {
    /// Its client request token.
    token: Option<String>,
    /// The stack's status in its newest event.
    status: Option<String>,
    /// The first resource that failed in it, and why.
    first_failure: Option<String>,
}

/// The first event of an operation: the stack itself begins to be created, updated or deleted.
fn begins_operation(event: &StackEvent) -> bool {
    let status = event.resource_status().map(|status| status.as_str()).unwrap_or_default();
    is_of_stack(event)
        && matches!(
            status,
            "CREATE_IN_PROGRESS"
                | "UPDATE_IN_PROGRESS"
                | "DELETE_IN_PROGRESS"
                | "REVIEW_IN_PROGRESS"
                | "IMPORT_IN_PROGRESS"
        )
}

/// Whether it is an event of the stack itself, not of a resource in it.
fn is_of_stack(event: &StackEvent) -> bool {
    event.physical_resource_id() == event.stack_id()
}

/// What a resource's failure says: `` `Topic` (AWS::SNS::Topic): reason ``. A resource that was only cancelled because
/// another failed does not count, nor does the stack's own event.
fn failure(event: &StackEvent) -> Option<String> {
    let status = event.resource_status()?.as_str();
    let reason = event.resource_status_reason().unwrap_or("no reason given");
    if !status.ends_with("_FAILED") || is_of_stack(event) {
        return None;
    }
    if reason.contains("Resource creation cancelled") || reason.contains("Resource update cancelled") {
        return None;
    }
    Some(format!(
        "`{}` ({}): {reason}",
        event.logical_resource_id().unwrap_or("?"),
        event.resource_type().unwrap_or("?")
    ))
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudformation::types::ResourceStatus;

    use super::*;

    #[test]
    fn a_resource_that_was_only_cancelled_is_not_what_failed() {
        let event = |reason: &str| {
            StackEvent::builder()
                .stack_id("arn")
                .event_id("1")
                .stack_name("shop")
                .logical_resource_id("Topic")
                .resource_type("AWS::SNS::Topic")
                .resource_status(ResourceStatus::CreateFailed)
                .resource_status_reason(reason)
                .build()
        };
        assert_eq!(failure(&event("Resource creation cancelled")), None);
        assert_eq!(failure(&event("no room")).as_deref(), Some("`Topic` (AWS::SNS::Topic): no room"));
    }
}
