//! From an entry of the manifest to the stack it asks for: spec, bundle, inputs, render.
//!
//! The same function serves the plan, which knows no outputs of stacks yet, and Deploy, which does; so what was checked
//! is what is deployed. Each kind of target has a file of its own here.

mod addon;
mod cache;
mod current;
mod deployment_file;
mod environment;
mod injected;
mod instance;
mod pipeline;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

pub use cache::Cache;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use crate::addons::service::{self, ServiceAddons};
use crate::bundle::Bundle;
use crate::diagnostic::{Diagnostic, Span};
use crate::exports::Exchange;
use crate::files::{Entry, Files, Want};
use crate::location::{Location, Locations};
use crate::manifest::{Manifest, TargetEntry};
use crate::names::{Digest, RepoPath, TargetKind, TargetName};
use crate::render::{Outputs, Rendered};
use crate::spec::Spec;
use crate::stack::{self, StackRequest};

/// Inputs of a template bundle, by name, in the order of its schema.
pub type Inputs = Map<String, Value>;

/// Everything outside the repository's files that a render may show.
#[derive(Clone, Debug)]
pub struct Context {
    /// The connected repository's name.
    pub repository: String,
    /// Syncline's own account, which the stacks are in that are in no other.
    pub account_id: String,
    /// Where environments are that are in another account or region. Not needed where the entries say it already.
    pub locations: Locations,
    /// The manifest that the entries are from.
    pub manifest: RepoPath,
    /// The outputs of the stacks that templates show.
    pub outputs: Outputs,
    /// What the syncs before deployed.
    pub before: Before,
}

/// The inputs that targets were last deployed with: what `${Proton::CURRENT_VAL}` keeps, and what a pipeline's template
/// shows of instances on other branches.
#[derive(Clone, Debug)]
pub enum Before {
    /// Only Syncline's table knows.
    Unknown,
    /// Those of every target that was deployed; none for a target without a bundle.
    Known(BTreeMap<TargetName, Inputs>),
}

impl Before {
    /// The inputs that a target was last deployed with.
    pub fn inputs(&self, target: &TargetName) -> Option<&Inputs> {
        match self {
            Self::Unknown => None,
            Self::Known(targets) => targets.get(target),
        }
    }
}

/// A target whose files were read and checked.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The stack that it asks for; a trial only where [`Prepared::is_trial`].
    pub request: StackRequest,
    /// Whether stand-ins took the place of outputs or values that are not known yet.
    pub is_trial: bool,
    /// Whether such a stand-in took the place of a value that is kept.
    pub keeps_unknown: bool,
    /// The inputs that its template was rendered with.
    pub inputs: Inputs,
    /// The environment that it lives in.
    pub environment: Option<String>,
    /// Where its spec names that environment, or where it could.
    pub environment_span: Option<Span>,
    /// Where its stack is.
    pub location: Location,
    /// Whose outputs its template shows: environments and instances, by their names.
    pub shows: BTreeSet<String>,
    /// What it used of [`Context::before`].
    pub before: BTreeMap<TargetName, Inputs>,
    /// What its template exports and imports.
    pub exchange: Exchange,
    /// The file that its template is from, or the folder.
    pub template: RepoPath,
    /// Every file that it was made from.
    pub reads: Vec<RepoPath>,
    /// The digest of its entry and those files: equal sources ask for an equal stack, as far as the repository decides.
    pub sources: Digest,
}

impl Prepared {
    /// The entry as it is kept: it says where its stack is, and an instance is told its app only where its stack is, for its
    /// addons. Whoever prepares it again so looks for addons where there are some and nowhere else, and what it is made from
    /// is the same as ever.
    pub fn told<'e>(&self, entry: Cow<'e, TargetEntry>) -> Cow<'e, TargetEntry> {
        let is_told = entry.kind != TargetKind::ServiceInstance || self.request.addons.is_some();
        let app = if is_told { entry.app.clone() } else { None };
        if app == entry.app && self.location == entry.location {
            return entry;
        }
        Cow::Owned(TargetEntry { app, location: self.location.clone(), ..entry.into_owned() })
    }
}

/// A prepared target, or what is wrong with its files. Nothing while files are wanted: see [`Files`].
pub type Preparation = Option<Result<Prepared, Vec<Diagnostic>>>;

/// Prepares a target.
///
/// Errors: every problem of its files, or the first that hides the rest.
pub fn prepare(entry: &TargetEntry, context: &Context, files: &mut Files, cache: &mut Cache) -> Preparation {
    if entry.kind == TargetKind::EnvironmentAddon {
        return addon::prepare(entry, context, files);
    }
    // Asked for before the spec is looked at: a round of reading serves both.
    let addons = service::read(entry, files);
    let spec = match spec(entry, &entry.spec, context, files, cache)? {
        Ok(spec) => spec,
        Err(errors) => return Some(Err(errors)),
    };
    match (&*spec, entry.kind) {
        (Spec::DeploymentFile(file), _) => deployment_file::prepare(entry, file, addons, context, files),
        (Spec::Service(spec), TargetKind::ServiceInstance | TargetKind::EnvironmentAddon) => {
            let prepared = instance::prepare(entry, spec, context, files, cache);
            without_addons(entry, spec.span, addons?, prepared?)
        }
        (Spec::Service(spec), TargetKind::ServicePipeline) => pipeline::prepare(entry, spec, context, files, cache),
        (Spec::Environment(spec), TargetKind::Environment) => environment::prepare(entry, spec, context, files, cache),
        (Spec::Service(spec), TargetKind::Environment) => {
            Some(Err(vec![wrong_kind(entry, "an environment", "ServiceSpec", "EnvironmentSpec").at(spec.span)]))
        }
        (Spec::Environment(spec), _) => {
            Some(Err(vec![wrong_kind(entry, "a service instance", "EnvironmentSpec", "ServiceSpec").at(spec.span)]))
        }
    }
}

/// The target that is the pipeline of a service, given the service's instances on all branches in the order of the
/// manifest: where the spec of the first asks for a pipeline, and its bundle holds one. With it, what is worth a look.
/// Nothing while files are wanted.
pub fn pipeline_of(
    manifest: &Manifest,
    instances: &[&TargetEntry],
    context: &Context,
    files: &mut Files,
    cache: &mut Cache,
) -> Option<(Option<TargetEntry>, Vec<Diagnostic>)> {
    pipeline::find(manifest, instances, context, files, cache)
}

/// Reads the spec of a target.
fn spec(
    entry: &TargetEntry,
    path: &RepoPath,
    context: &Context,
    files: &mut Files,
    cache: &mut Cache,
) -> Option<Result<cache::SharedSpec, Vec<Diagnostic>>> {
    match files.want(Want::File(path.clone()))? {
        Entry::Text(_) => {}
        Entry::Unreadable(why) => return Some(Err(vec![Diagnostic::unreadable(path, why)])),
        Entry::Absent | Entry::Folder { .. } => {
            let error = Diagnostic::error(
                &context.manifest,
                format!("`{}` has no spec: there is no file `{path}` on branch `{}`", entry.name, entry.branch),
            )
            .at(entry.places.spec)
            .help("add the file to that branch, or correct `spec`");
            return Some(Err(vec![error]));
        }
    }
    Some(cache.spec(path, files))
}

/// Where an instance is that lives in the environment `named` by its spec, if that names one; and that environment, or the one
/// that the manifest says.
///
/// Which account and role an environment is deployed with is the manifest's to say, and a spec is of the branch that is
/// deployed: it may choose among environments elsewhere only such as its own branch deploys.
fn lives_in(
    entry: &TargetEntry,
    named: Option<(&str, Span)>,
    context: &Context,
) -> Result<(Option<String>, Location), Diagnostic> {
    let Some((name, span)) = named else { return Ok((entry.environment.clone(), entry.location.clone())) };
    if let Some(said) = &entry.environment {
        if said == name {
            return Ok((Some(name.to_owned()), entry.location.clone()));
        }
        let message = format!("`{}` lives in environment `{said}`, as the manifest says, not in `{name}`", entry.name);
        let help = format!("write `environment: {said}` here, or correct the manifest");
        return Err(Diagnostic::error(&entry.spec, message).at(span).help(help));
    }
    let location = match context.locations.of(name) {
        // Of an entry that was kept it is known.
        None => entry.location.clone(),
        Some(location) if context.locations.is_deployed_by(name, &entry.branch) => location.clone(),
        Some(location) => {
            let message = format!(
                "environment `{name}` is in {location}, and is not deployed from branch `{}`: only the manifest can say that `{}` lives there",
                entry.branch, entry.name
            );
            let help = format!("add `environment: {name}` to `{}` in the manifest", entry.name);
            return Err(Diagnostic::error(&entry.spec, message).at(span).help(help));
        }
    };
    Ok((Some(name.to_owned()), location))
}

/// What was prepared from a bundle: an error where the service has addons, which nothing would be made of.
fn without_addons(
    entry: &TargetEntry,
    span: Span,
    addons: Result<Option<ServiceAddons>, Vec<Diagnostic>>,
    prepared: Result<Prepared, Vec<Diagnostic>>,
) -> Preparation {
    let mut errors = match addons {
        Ok(None) => return Some(prepared),
        Ok(Some(addons)) => {
            let service = entry.service.as_deref().unwrap_or_default();
            let message = format!("`{service}` has addons, in `{}`, which no template bundle can nest", addons.folder);
            let help =
                "describe the service by a CloudFormation deployment file, `template-file-path: …`, or move the folder";
            vec![Diagnostic::error(&entry.spec, message).at(span).help(help)]
        }
        Err(errors) => errors,
    };
    errors.extend(prepared.err().into_iter().flatten());
    Some(Err(errors))
}

fn wrong_kind(entry: &TargetEntry, target: &str, is: &str, should: &str) -> Diagnostic {
    Diagnostic::error(&entry.spec, format!("`{}` is {target}, but this is a `proton: {is}`", entry.name))
        .help(format!("write `proton: {should}` here, or name another file under `spec` in the manifest"))
}

/// What was rendered, checked as a template. `again` renders it with harmless inputs, where
/// there are others.
fn from_rendered(
    entry: &TargetEntry,
    bundle: &Bundle,
    rendered: Rendered,
    owner: Span,
    inputs: Inputs,
    (location, account_id): (Location, &str),
    again: impl FnOnce() -> Option<Result<Rendered, crate::render::Failure>>,
) -> Result<Prepared, Vec<Diagnostic>> {
    let mut exchange = Exchange::default();
    // A trial may have come to no end, and its stand-ins may stand twice.
    if !rendered.is_trial || !rendered.text.is_empty() {
        let root = stack::parse_rendered(&bundle.template_path, &rendered.text).map_err(|error| vec![error])?;
        let mut errors = stack::check(&bundle.template_path, &root, true, &entry.spec, owner, &BTreeMap::new());
        if rendered.is_trial {
            // What stands in for an output may have decided against all of them.
            errors.retain(|_| root.get("Resources").is_some());
        } else {
            errors.extend(stack::repeated_in_rendered(&bundle.template_path, &root, &rendered.text));
        }
        // What does not render with other values says nothing.
        if let Some(Ok(other)) = again() {
            let of_harmless = stack::parse_rendered(&bundle.template_path, &other.text).ok();
            errors.extend(injected::check(&root, of_harmless.as_ref(), &entry.spec, owner));
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        exchange = Exchange::of(&root, &entry.stack, account_id, &BTreeMap::new());
        // A stand-in may be part of any name.
        exchange.exports_more |= rendered.is_trial && !exchange.exports.is_empty();
        exchange.required.retain(|_| !rendered.is_trial);
    }
    let request = StackRequest {
        stack: entry.stack.clone(),
        template: rendered.text,
        parameters: BTreeMap::new(),
        tags: BTreeMap::new(),
        addons: None,
    };
    Ok(Prepared {
        request,
        is_trial: rendered.is_trial,
        keeps_unknown: false,
        inputs,
        environment: None,
        environment_span: None,
        location,
        shows: rendered.shows,
        before: BTreeMap::new(),
        exchange,
        template: bundle.template_path.clone(),
        reads: Vec::new(),
        sources: Digest::new(""),
    })
}

/// A value with the keys of its mappings in the order of their names: a table does not keep the order that they had.
fn in_fixed_order(value: &Value) -> Value {
    match value {
        Value::Object(entries) => {
            let sorted: BTreeMap<&String, &Value> = entries.iter().collect();
            Value::Object(sorted.into_iter().map(|(key, value)| (key.clone(), in_fixed_order(value))).collect())
        }
        Value::Array(items) => items.iter().map(in_fixed_order).collect(),
        other => other.clone(),
    }
}

/// The same with the files that it was made from, and the digest of all of its sources.
fn made_from(mut prepared: Prepared, entry: &TargetEntry, reads: Vec<RepoPath>, files: &Files) -> Prepared {
    let mut hash = Sha256::new();
    let entry = prepared.told(Cow::Borrowed(entry));
    stack::feed(&mut hash, &serde_json::to_string(&entry).unwrap_or_default());
    for path in &reads {
        stack::feed(&mut hash, path.as_str());
        stack::feed(&mut hash, files.text(path).unwrap_or_default());
    }
    // The target's own inputs that were kept are no news, those of others may be.
    for (target, inputs) in prepared.before.iter().filter(|(target, _)| **target != entry.name) {
        stack::feed(&mut hash, target.as_str());
        stack::feed(&mut hash, &in_fixed_order(&Value::Object(inputs.clone())).to_string());
    }
    prepared.reads = reads;
    prepared.sources = stack::finish(hash);
    prepared
}
