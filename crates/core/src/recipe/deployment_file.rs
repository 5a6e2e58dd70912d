//! A target whose spec is a CloudFormation deployment file: its template is passed on as it is, unless the service's
//! addons have to be nested in it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::{Context, Inputs, Preparation, Prepared, made_from};
use crate::addons::nested::{self, Nested};
use crate::addons::service::{Lookup, ServiceAddons};
use crate::diagnostic::{Diagnostic, Span};
use crate::exports::Exchange;
use crate::files::{Entry, Files, Tree, Want};
use crate::manifest::TargetEntry;
use crate::names::Digest;
use crate::spec::DeploymentFile;
use crate::stack::{self, ADDONS_TEMPLATE_URL, StackRequest};
use crate::yaml::Node;

pub(super) fn prepare(
    entry: &TargetEntry,
    file: &DeploymentFile,
    addons: Lookup,
    context: &Context,
    files: &mut Files,
) -> Preparation {
    let read = read(entry, file, files);
    let (addons, (template, tree)) = match (addons?, read?) {
        (Ok(addons), Ok(read)) => (addons, read),
        (addons, read) => {
            let errors = addons.err().into_iter().flatten().chain(read.err());
            return Some(Err(errors.collect()));
        }
    };
    let root = match &*tree {
        Ok(root) => root,
        Err(error) => return Some(Err(vec![error.clone()])),
    };
    let checked = check(entry, file, root, addons.as_ref());
    let nested = match checked {
        Ok(nested) => nested,
        Err(errors) => return Some(Err(errors)),
    };
    let parameters = file.parameters.iter().map(|(name, (value, _))| (name.clone(), value.clone())).collect();
    let account_id = entry.location.account_or(&context.account_id);
    let exchange = match addons.as_ref().zip(nested.as_ref()) {
        Some((addons, Nested { root, values, .. })) => {
            let nested = (nested::STACK, &addons.root, values);
            Exchange::of_nesting(root, &entry.stack, account_id, &parameters, nested)
        }
        None => Exchange::of(root, &entry.stack, account_id, &parameters),
    };
    let mut reads = vec![entry.spec.clone(), file.template.clone()];
    reads.extend(addons.iter().flat_map(|addons| addons.reads.iter().cloned()));
    let request = StackRequest {
        stack: entry.stack.clone(),
        template: nested.and_then(|nested| nested.rewritten).unwrap_or(template),
        parameters,
        tags: file.tags.clone(),
        addons: addons.map(|addons| addons.template),
    };
    let prepared = Prepared {
        request,
        is_trial: false,
        keeps_unknown: false,
        inputs: Inputs::new(),
        environment: entry.environment.clone(),
        environment_span: None,
        location: entry.location.clone(),
        shows: Default::default(),
        before: Default::default(),
        exchange,
        template: file.template.clone(),
        reads: Vec::new(),
        sources: Digest::new(""),
    };
    Some(Ok(made_from(prepared, entry, reads, files)))
}

/// The template and its tree. Nothing while files are wanted.
fn read(entry: &TargetEntry, file: &DeploymentFile, files: &mut Files) -> Option<Result<(String, Tree), Diagnostic>> {
    let template = match files.want(Want::File(file.template.clone()))? {
        Entry::Text(template) => template.clone(),
        Entry::Unreadable(why) => return Some(Err(Diagnostic::unreadable(&file.template, why))),
        Entry::Absent | Entry::Folder { .. } => {
            let error = Diagnostic::error(
                &entry.spec,
                format!("there is no template `{}` on branch `{}`", file.template, entry.branch),
            )
            .at(file.template_span)
            .help("`template-file-path` starts at the root of the repository");
            return Some(Err(error));
        }
    };
    if let Some(error) = stack::check_size(&file.template, template.len()) {
        return Some(Err(error));
    }
    Some(Ok((template, files.tree(&file.template)?)))
}

/// Checks the template, and nests the addons in it where there are some.
fn check(
    entry: &TargetEntry,
    file: &DeploymentFile,
    root: &Node,
    addons: Option<&ServiceAddons>,
) -> Result<Option<Nested>, Vec<Diagnostic>> {
    let mut errors = Vec::new();
    let values = match addons {
        Some(_) => Cow::Owned(without_url(entry, file, root, &mut errors)),
        None => Cow::Borrowed(&file.parameters),
    };
    if addons.is_none() {
        errors.extend(without_addons(entry, file, root));
    }
    errors.extend(stack::check(&file.template, root, false, &entry.spec, file.template_span, &values));
    let nested = match addons.map(|addons| nested::nest(addons, &file.template, root)) {
        Some(Ok(nested)) => Some(nested),
        Some(Err(found)) => {
            errors.extend(found);
            None
        }
        None => None,
    };
    let rewritten = nested.as_ref().and_then(|nested| nested.rewritten.as_ref());
    errors.extend(rewritten.and_then(|template| stack::check_size(&file.template, template.len())));
    if errors.is_empty() { Ok(nested) } else { Err(errors) }
}

/// The error for a template that Copilot wrote for a service, where nothing says what becomes of the stack that is nested in
/// it: without a value for its place CloudFormation would delete it, and nothing is deleted by the way.
fn without_addons(entry: &TargetEntry, file: &DeploymentFile, root: &Node) -> Option<Diagnostic> {
    if !nested::is_in(root) || file.parameters.contains_key(ADDONS_TEMPLATE_URL) {
        return None;
    }
    let name = entry.service.as_deref().unwrap_or(&entry.own_name);
    let message = format!("`{}` takes the place of a service's addons, and `{name}` has none here", file.template);
    let help = format!(
        "bring the folder `copilot/{name}/addons` along; a service without addons says so: `{ADDONS_TEMPLATE_URL}: ''` under `parameters`"
    );
    Some(Diagnostic::error(&entry.spec, message).at(file.template_span).help(help))
}

/// The values of the template's parameters, where the place of the addons has one: it is known when they are uploaded.
/// Notes where it is set by hand.
fn without_url(
    entry: &TargetEntry,
    file: &DeploymentFile,
    root: &Node,
    errors: &mut Vec<Diagnostic>,
) -> BTreeMap<String, (String, Span)> {
    let mut values = file.parameters.clone();
    if let Some((_, span)) = values.remove(ADDONS_TEMPLATE_URL) {
        let error = Diagnostic::error(&entry.spec, format!("`{ADDONS_TEMPLATE_URL}` cannot be set"));
        errors.push(error.at(span).help("remove it: it becomes the place of the service's addons"));
    }
    if nested::is_in(root) {
        values.insert(ADDONS_TEMPLATE_URL.to_owned(), Default::default());
    }
    values
}
