//! A target as CloudFormation would get it.

use std::collections::BTreeMap;

use serde::Serialize;
use syncline_core::manifest::TargetEntry;
use syncline_core::names::{BranchName, CommitId, StackName, TargetKind, TargetName};
use syncline_core::recipe::{Inputs, Prepared};

/// A rendered target.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct RenderDocument {
    /// Its name.
    pub(crate) target: TargetName,
    /// What it is.
    pub(crate) kind: TargetKind,
    /// Its branch.
    pub(crate) branch: BranchName,
    /// The commit that its files were read at; `null` for the working copy.
    pub(crate) commit: Option<CommitId>,
    /// Its stack.
    pub(crate) stack: StackName,
    /// The template, byte for byte.
    pub(crate) template: String,
    /// The values of its parameters.
    pub(crate) parameters: BTreeMap<String, String>,
    /// Its tags.
    pub(crate) tags: BTreeMap<String, String>,
    /// The template of the service's addons, whose place becomes the parameter `AddonsTemplateURL`; where it has some.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) addons: Option<String>,
    /// The inputs that its bundle's template was rendered with, in the order of the schema.
    pub(crate) inputs: Inputs,
    /// The environment that it lives in.
    pub(crate) environment: Option<String>,
    /// The files that it is made from.
    pub(crate) reads: Vec<String>,
    /// What stands in the template for something that only AWS knows: `outputs`, `current_values`, `account`.
    pub(crate) stand_ins: Vec<StandIn>,
}

/// Something that only AWS knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum StandIn {
    /// The outputs of the stacks that it shows.
    Outputs,
    /// The values that its inputs keep.
    CurrentValues,
    /// The account's id.
    Account,
}

impl RenderDocument {
    /// From what was prepared.
    pub(crate) fn new(
        entry: &TargetEntry,
        commit: Option<CommitId>,
        prepared: Prepared,
        stand_ins: Vec<StandIn>,
    ) -> Self {
        Self {
            target: entry.name.clone(),
            kind: entry.kind,
            branch: entry.branch.clone(),
            commit,
            stack: prepared.request.stack,
            template: prepared.request.template,
            parameters: prepared.request.parameters,
            tags: prepared.request.tags,
            addons: prepared.request.addons,
            inputs: prepared.inputs,
            environment: prepared.environment,
            reads: prepared.reads.iter().map(ToString::to_string).collect(),
            stand_ins,
        }
    }
}
