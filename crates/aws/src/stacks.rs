//! CloudFormation: one call a move, and what its refusals mean.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::primitives::DateTimeFormat;
use aws_sdk_cloudformation::types::{Capability, Parameter, Stack, StackEvent, StackStatus, Tag, TemplateStage};
use syncline_core::deployment::{Operation, Refusal, StackView, is_of_sync, sync_of};
use syncline_core::names::{StackName, SyncId};
use syncline_core::stack::{ADDONS_TEMPLATE_URL, StackRequest};
use tokio::time::sleep;

use crate::error::from_sdk;
use crate::fence::Fence;
use crate::templates::{Sources, TemplateSource};
use crate::{Error, settings};

/// How many pages of a stack's events are read to find what failed first. A page has 100 events; one operation on
/// the largest stack (500 resources) makes some 1,500.
const MAX_EVENT_PAGES: usize = 20;
/// How often a stack is described again that is behind its own events, and how long from one time to the next.
const MAX_LOOKS: usize = 5;
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);
/// How long a call behind a fence may take: the fence closes so long before anybody else can have the lease.
const CALL_BEHIND_FENCE: Duration = Duration::from_secs(9);

/// The stacks of one account and region.
#[derive(Clone, Debug)]
pub struct Stacks {
    client: Client,
    /// For what changes a stack.
    writer: Client,
    role: Option<String>,
    capabilities: Vec<Capability>,
    fence: Option<Fence>,
}

/// A stack that was looked at.
#[derive(Clone, Debug)]
pub struct Described {
    /// What its state is.
    pub view: StackView,
    /// Its outputs.
    pub outputs: BTreeMap<String, String>,
}

/// What a stack was deployed with.
#[derive(Clone, Debug)]
pub struct Deployed {
    /// Its template, as it was given.
    pub template: String,
    /// Its status, as CloudFormation spells it.
    pub status: String,
    /// Its parameters; one that is not to be shown has stars for a value.
    pub parameters: BTreeMap<String, String>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
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
    /// Reads `CLOUDFORMATION_ROLE_ARN` (the role that CloudFormation works with; where it is not set, the caller's own)
    /// and `CAPABILITIES`.
    pub fn from_environment(configuration: &aws_config::SdkConfig) -> Self {
        let client = Client::new(configuration);
        Self {
            writer: client.clone(),
            client,
            role: settings::optional("CLOUDFORMATION_ROLE_ARN"),
            capabilities: settings::list("CAPABILITIES").iter().map(|name| Capability::from(name.as_str())).collect(),
            fence: None,
        }
    }

    /// Stacks that a person works on with credentials of their own: CloudFormation works with the role that a stack has
    /// already, or else with theirs.
    pub fn by_hand(configuration: &aws_config::SdkConfig, capabilities: &[String]) -> Self {
        let client = Client::new(configuration);
        Self {
            writer: client.clone(),
            client,
            role: None,
            capabilities: capabilities.iter().map(|name| Capability::from(name.as_str())).collect(),
            fence: None,
        }
    }

    /// The stacks of another account or region, which CloudFormation works on with this role.
    pub(crate) fn with(&self, configuration: &aws_config::SdkConfig, role: Option<String>) -> Self {
        let client = Client::new(configuration);
        Self { writer: client.clone(), client, role, capabilities: self.capabilities.clone(), fence: None }
    }

    /// The role that CloudFormation works with.
    pub(crate) fn role(&self) -> Option<&str> {
        self.role.as_deref()
    }

    /// The same stacks, none of which is touched while this fence is closed.
    ///
    /// What is sent then is sent once and given up soon: an SDK that repeats a call would not look at the fence again.
    pub fn behind(&self, fence: Fence) -> Self {
        let once = TimeoutConfig::builder().operation_timeout(CALL_BEHIND_FENCE).build();
        let configuration = self.client.config().to_builder();
        let writer = configuration.retry_config(RetryConfig::disabled()).timeout_config(once).build();
        Self { fence: Some(fence), writer: Client::from_conf(writer), ..self.clone() }
    }

    fn may_write(&self) -> Result<(), Error> {
        self.fence.as_ref().map_or(Ok(()), Fence::check)
    }

    /// Begins to create a stack.
    pub async fn create(
        &self,
        request: &StackRequest,
        sources: &Sources,
        operation: &Operation,
    ) -> Result<Result<(), Refusal>, Error> {
        self.may_write()?;
        let (body, url) = body_or_url(&sources.template);
        let sent = self
            .writer
            .create_stack()
            .stack_name(request.stack.as_str())
            .set_template_body(body)
            .set_template_url(url)
            .set_parameters(Some(parameters(request, sources)))
            .set_tags(Some(tags(request)))
            .set_capabilities(Some(self.capabilities.clone()))
            .set_role_arn(self.role.clone())
            .client_request_token(operation.token("create"))
            .send()
            .await;
        accepted(sent.map(|_| ()).map_err(from_sdk("cloudformation:CreateStack")))
    }

    /// Begins to update a stack.
    pub async fn update(
        &self,
        request: &StackRequest,
        sources: &Sources,
        operation: &Operation,
    ) -> Result<Result<(), Refusal>, Error> {
        self.may_write()?;
        let (body, url) = body_or_url(&sources.template);
        let sent = self
            .writer
            .update_stack()
            .stack_name(request.stack.as_str())
            .set_template_body(body)
            .set_template_url(url)
            .set_parameters(Some(parameters(request, sources)))
            .set_tags(Some(tags(request)))
            .set_capabilities(Some(self.capabilities.clone()))
            .set_role_arn(self.role.clone())
            .client_request_token(operation.token("update"))
            .send()
            .await;
        accepted(sent.map(|_| ()).map_err(from_sdk("cloudformation:UpdateStack")))
    }

    /// Begins to delete a stack. Deleting one that is not there is no error.
    pub async fn delete(&self, stack: &StackName, operation: &Operation) -> Result<Result<(), Refusal>, Error> {
        self.may_write()?;
        let sent = self
            .writer
            .delete_stack()
            .stack_name(stack.as_str())
            .set_role_arn(self.role.clone())
            .client_request_token(operation.token("delete"))
            .send()
            .await;
        accepted(sent.map(|_| ()).map_err(from_sdk("cloudformation:DeleteStack")))
    }

    /// The names of all exports of the account in this region.
    pub async fn exports(&self) -> Result<BTreeSet<String>, Error> {
        Ok(self.exporters().await?.into_keys().collect())
    }

    /// All exports of the account in this region, each with the stack that exports it.
    pub async fn exporters(&self) -> Result<BTreeMap<String, StackName>, Error> {
        let exports = self.client.list_exports().into_paginator().send();
        let pages: Vec<_> = exports.try_collect().await.map_err(from_sdk("cloudformation:ListExports"))?;
        let exports = pages.iter().flat_map(|page| page.exports());
        let named = exports.filter_map(|export| Some((export.name.clone()?, name_of(export.exporting_stack_id()?))));
        Ok(named.collect())
    }

    /// The names of the stacks that import an export. That nobody does is no error.
    pub async fn importers(&self, export: &str) -> Result<Vec<String>, Error> {
        let imports = self.client.list_imports().export_name(export).into_paginator().send();
        match imports.try_collect().await.map_err(from_sdk("cloudformation:ListImports")) {
            Ok(pages) => Ok(pages.iter().flat_map(|page| page.imports()).cloned().collect()),
            Err(Error::Refused { code, message, .. })
                if code == "ValidationError" && message.contains("is not imported") =>
            {
                Ok(Vec::new())
            }
            Err(error) => Err(error),
        }
    }

    /// What a stack was deployed with. Nothing where there is no such stack.
    pub async fn deployed(&self, stack: &StackName) -> Result<Option<Deployed>, Error> {
        let Some(found) = self.describe(stack).await? else { return Ok(None) };
        Ok(Some(Deployed {
            template: match self.template(stack).await {
                // One that was never made has none.
                Err(Error::Refused { .. }) => String::new(),
                template => template?,
            },
            status: found.stack_status().map(|status| status.as_str().to_owned()).unwrap_or_default(),
            parameters: pairs(found.parameters(), Parameter::parameter_key, Parameter::parameter_value),
            tags: pairs(found.tags(), Tag::key, Tag::value),
            outputs: outputs_of(&found),
        }))
    }

    /// The template of a stack, as it was given.
    pub async fn template(&self, stack: &StackName) -> Result<String, Error> {
        let asked = self.client.get_template().stack_name(stack.as_str()).template_stage(TemplateStage::Original);
        let told = asked.send().await.map_err(from_sdk("cloudformation:GetTemplate"))?;
        Ok(told.template_body.unwrap_or_default())
    }

    /// The template of the stack that a resource of another stack is. Nothing where there is no such resource.
    pub async fn nested_template(&self, stack: &StackName, resource: &str) -> Result<Option<String>, Error> {
        let asked = self.client.describe_stack_resource().stack_name(stack.as_str()).logical_resource_id(resource);
        let found = match asked.send().await.map_err(from_sdk("cloudformation:DescribeStackResource")) {
            Err(error) if is_missing(&error) => return Ok(None),
            found => found?,
        };
        let id = found.stack_resource_detail.and_then(|detail| detail.physical_resource_id);
        match id.filter(|id| !id.is_empty()) {
            Some(id) => self.template(&StackName::new(id)).await.map(Some),
            None => Ok(None),
        }
    }

    /// The status of a stack. Nothing where there is no such stack.
    pub async fn status(&self, stack: &StackName) -> Result<Option<String>, Error> {
        let found = self.describe(stack).await?;
        Ok(found.map(|found| found.stack_status().map(|status| status.as_str().to_owned()).unwrap_or_default()))
    }

    /// The name of the stack that a nested one lies in, however deep; nothing where it is not nested, or not there.
    pub async fn root(&self, stack: &StackName) -> Result<Option<StackName>, Error> {
        let found = self.describe(stack).await?;
        Ok(found.as_ref().and_then(Stack::root_id).map(name_of))
    }

    /// The names of the stacks of the account that there are, a hundred or so a call. One that has just been made may be missing.
    pub async fn names(&self) -> Result<BTreeSet<String>, Error> {
        let there = StackStatus::values().iter().filter(|status| **status != "DELETE_COMPLETE");
        self.list(there.map(|status| StackStatus::from(*status)).collect()).await
    }

    /// The names of the stacks of the account that are worked on now. One whose operation has just begun may be missing.
    pub async fn in_progress(&self) -> Result<BTreeSet<String>, Error> {
        self.list(in_progress_statuses()).await
    }

    async fn list(&self, statuses: Vec<StackStatus>) -> Result<BTreeSet<String>, Error> {
        let listed = self.client.list_stacks().set_stack_status_filter(Some(statuses));
        let pages: Vec<_> =
            listed.into_paginator().send().try_collect().await.map_err(from_sdk("cloudformation:ListStacks"))?;
        let stacks = pages.iter().flat_map(|page| page.stack_summaries());
        Ok(stacks.filter_map(|stack| stack.stack_name.clone()).collect())
    }

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

    /// The outputs of a stack. Nothing where there is no such stack.
    pub async fn outputs(&self, stack: &StackName) -> Result<Option<BTreeMap<String, String>>, Error> {
        Ok(self.describe(stack).await?.as_ref().map(outputs_of))
    }

    async fn describe(&self, stack: &StackName) -> Result<Option<Stack>, Error> {
        let described = self.client.describe_stacks().stack_name(stack.as_str()).send().await;
        match described.map_err(from_sdk("cloudformation:DescribeStacks")) {
            Ok(output) => Ok(output.stacks.unwrap_or_default().into_iter().next()),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(error),
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

fn is_in_progress(status: &str) -> bool {
    status.ends_with("_IN_PROGRESS") && status != "REVIEW_IN_PROGRESS"
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

/// The name of a stack in its id, `arn:…:stack/<name>/<unique id>`.
fn name_of(id: &str) -> StackName {
    StackName::new(id.split('/').nth(1).unwrap_or(id))
}

/// The statuses of stacks that are worked on.
fn in_progress_statuses() -> Vec<StackStatus> {
    let all = StackStatus::values().iter().filter(|status| is_in_progress(status));
    all.map(|status| StackStatus::from(*status)).collect()
}

fn pairs<T>(
    of: &[T],
    key: impl Fn(&T) -> Option<&str>,
    value: impl Fn(&T) -> Option<&str>,
) -> BTreeMap<String, String> {
    of.iter().filter_map(|one| Some((key(one)?.to_owned(), value(one).unwrap_or_default().to_owned()))).collect()
}

fn outputs_of(stack: &Stack) -> BTreeMap<String, String> {
    let outputs = stack.outputs().iter();
    outputs.filter_map(|output| Some((output.output_key()?.to_owned(), output.output_value()?.to_owned()))).collect()
}

fn body_or_url(template: &TemplateSource) -> (Option<String>, Option<String>) {
    match template {
        TemplateSource::Body(body) => (Some(body.clone()), None),
        TemplateSource::Url(url) => (None, Some(url.clone())),
    }
}

fn parameters(request: &StackRequest, sources: &Sources) -> Vec<Parameter> {
    let addons = sources.addons.iter().map(|url| (ADDONS_TEMPLATE_URL, url.as_str()));
    request
        .parameters
        .iter()
        .map(|(key, value)| (key.as_str(), value.as_str()))
        .chain(addons)
        .map(|(key, value)| Parameter::builder().parameter_key(key).parameter_value(value).build())
        .collect()
}

fn tags(request: &StackRequest) -> Vec<Tag> {
    request.tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// Tells the refusals that the core decides on from errors. CloudFormation has one code, ValidationError, for most
/// of them; its wording is all there is to tell them apart, and every tool goes by it.
fn accepted(sent: Result<(), Error>) -> Result<Result<(), Refusal>, Error> {
    let error = match sent {
        Ok(()) => return Ok(Ok(())),
        Err(error) => error,
    };
    let Error::Refused { code, message, .. } = &error else { return Err(error) };
    match code.as_str() {
        "AlreadyExistsException" => Ok(Err(Refusal::AlreadyExists)),
        // The same request was sent before: its operation is under way or done.
        "TokenAlreadyExistsException" | "OperationInProgressException" => Ok(Err(Refusal::WrongState)),
        "ValidationError" if message.contains("No updates are to be performed") => Ok(Err(Refusal::NoUpdates)),
        "ValidationError" if message.contains("does not exist") && message.contains("Stack") => {
            Ok(Err(Refusal::DoesNotExist))
        }
        "ValidationError"
            if message.contains("_IN_PROGRESS")
                || message.contains("state and can not be")
                || message.contains("state and cannot be") =>
        {
            Ok(Err(Refusal::WrongState))
        }
        _ => Err(error),
    }
}

fn is_missing(error: &Error) -> bool {
    matches!(error, Error::Refused { code, message, .. } if code == "ValidationError" && message.contains("does not exist"))
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudformation::types::ResourceStatus;

    use super::*;

    fn refused(code: &str, message: &str) -> Result<(), Error> {
        Err(Error::Refused { action: "cloudformation:UpdateStack", code: code.to_owned(), message: message.to_owned() })
    }

    #[test]
    fn cloudformations_refusals_are_told_apart() {
        let cases = [
            ("AlreadyExistsException", "Stack [shop-beta] already exists", Refusal::AlreadyExists),
            ("ValidationError", "No updates are to be performed.", Refusal::NoUpdates),
            ("ValidationError", "Stack [shop-beta] does not exist", Refusal::DoesNotExist),
            (
                "ValidationError",
                "Stack:arn:aws:cloudformation:x:1:stack/shop-beta/2 is in ROLLBACK_COMPLETE state and can not be updated.",
                Refusal::WrongState,
            ),
            (
                "ValidationError",
                "Stack:arn:aws:cloudformation:x:1:stack/shop-beta/2 is in UPDATE_IN_PROGRESS state and can not be updated.",
                Refusal::WrongState,
            ),
            ("TokenAlreadyExistsException", "Token already exists", Refusal::WrongState),
        ];
        for (code, message, expected) in cases {
            assert_eq!(accepted(refused(code, message)).unwrap(), Err(expected), "{message}");
        }
    }

    #[test]
    fn any_other_refusal_is_an_error() {
        for message in ["Template format error: unsupported structure.", "Parameters: [X] do not exist in the template"]
        {
            assert!(accepted(refused("ValidationError", message)).is_err(), "{message}");
        }
    }

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
