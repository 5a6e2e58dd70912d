//! What a stack is, without its events: its status, outputs, parameters and template; and which stacks there are.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_cloudformation::types::{Parameter, Stack, StackStatus, Tag, TemplateStage};
use syncline_core::names::StackName;

use super::Stacks;
use crate::Error;
use crate::error::from_sdk;

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

impl Stacks {
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

    /// The outputs of a stack. Nothing where there is no such stack.
    pub async fn outputs(&self, stack: &StackName) -> Result<Option<BTreeMap<String, String>>, Error> {
        Ok(self.describe(stack).await?.as_ref().map(outputs_of))
    }

    pub(super) async fn describe(&self, stack: &StackName) -> Result<Option<Stack>, Error> {
        let described = self.client.describe_stacks().stack_name(stack.as_str()).send().await;
        match described.map_err(from_sdk("cloudformation:DescribeStacks")) {
            Ok(output) => Ok(output.stacks.unwrap_or_default().into_iter().next()),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

fn is_in_progress(status: &str) -> bool {
    status.ends_with("_IN_PROGRESS") && status != "REVIEW_IN_PROGRESS"
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

pub(super) fn outputs_of(stack: &Stack) -> BTreeMap<String, String> {
    let outputs = stack.outputs().iter();
    outputs.filter_map(|output| Some((output.output_key()?.to_owned(), output.output_value()?.to_owned()))).collect()
}

/// Whether CloudFormation says that what was asked for is not there.
pub(super) fn is_missing(error: &Error) -> bool {
    matches!(error, Error::Refused { code, message, .. } if code == "ValidationError" && message.contains("does not exist"))
}
