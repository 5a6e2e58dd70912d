//! From an entry of the manifest to the stack it asks for: spec, bundle, inputs, render.
//!
//! The same function serves the plan, which knows no outputs of environments yet, and Deploy, which does; so what
//! was checked is what is deployed.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use crate::bundle;
use crate::diagnostic::{Diagnostic, Span, nearest};
use crate::files::{Entry, Files, Want};
use crate::manifest::TargetEntry;
use crate::names::{Digest, RepoPath, TargetKind};
use crate::render::{self, Outputs, Surroundings};
use crate::spec::{self, DeploymentFile, EnvironmentSpec, InstanceSpec, ServiceSpec, Spec};
use crate::stack::{self, StackRequest};
use crate::yaml::list;

/// Everything outside the repository's files that a render may show.
#[derive(Clone, Debug)]
pub struct Context {
    /// The connected repository's name.
    pub repository: String,
    /// The account that the stacks are in.
    pub account_id: String,
    /// The manifest that the entries are from.
    pub manifest: RepoPath,
    /// The outputs of the instance's environment.
    pub outputs: Outputs,
}

/// A target whose files were read and checked.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// The stack that it asks for. With pending outputs that were read, a trial only.
    pub request: StackRequest,
    /// The environment that it lives in.
    pub environment: Option<String>,
    /// Where its spec names that environment, or where it could.
    pub environment_span: Option<Span>,
    /// Whether its template shows outputs of that environment.
    pub reads_outputs: bool,
    /// Every file that it was made from.
    pub reads: Vec<RepoPath>,
    /// The digest of its entry and those files: equal sources ask for an equal stack, as far as the repository decides.
    pub sources: Digest,
}

/// Prepares a target. Nothing while files are wanted: see [`Files`].
pub fn prepare(entry: &TargetEntry, context: &Context, files: &mut Files) -> Option<Result<Prepared, Vec<Diagnostic>>> {
    let text = match files.want(Want::File(entry.spec.clone()))? {
        Entry::Text(text) => text.clone(),
        Entry::Unreadable(why) => return Some(Err(vec![Diagnostic::unreadable(&entry.spec, why)])),
        Entry::Absent | Entry::Folder { .. } => {
            let error = Diagnostic::error(
                &context.manifest,
                format!("`{}` has no spec: there is no file `{}` on branch `{}`", entry.name, entry.spec, entry.branch),
            )
            .at(entry.places.spec)
            .help("add the file to that branch, or correct `spec`");
            return Some(Err(vec![error]));
        }
    };
    let spec = match spec::read(&entry.spec, &text) {
        Ok(spec) => spec,
        Err(errors) => return Some(Err(errors)),
    };
    match (spec, entry.kind) {
        (Spec::DeploymentFile(file), _) => from_deployment_file(entry, &file, files),
        (Spec::Service(spec), TargetKind::ServiceInstance) => from_service_spec(entry, &spec, context, files),
        (Spec::Environment(spec), TargetKind::Environment) => from_environment_spec(entry, &spec, context, files),
        (Spec::Service(spec), TargetKind::Environment) => {
            Some(Err(vec![wrong_kind(entry, "an environment", "ServiceSpec", "EnvironmentSpec").at(spec.span)]))
        }
        (Spec::Environment(spec), TargetKind::ServiceInstance) => {
            Some(Err(vec![wrong_kind(entry, "a service instance", "EnvironmentSpec", "ServiceSpec").at(spec.span)]))
        }
    }
}

fn wrong_kind(entry: &TargetEntry, target: &str, is: &str, should: &str) -> Diagnostic {
    Diagnostic::error(&entry.spec, format!("`{}` is {target}, but this is a `proton: {is}`", entry.name))
        .help(format!("write `proton: {should}` here, or name another file under `spec` in the manifest"))
}

fn from_deployment_file(
    entry: &TargetEntry,
    file: &DeploymentFile,
    files: &mut Files,
) -> Option<Result<Prepared, Vec<Diagnostic>>> {
    let template = match files.want(Want::File(file.template.clone()))? {
        Entry::Text(template) => template.clone(),
        Entry::Unreadable(why) => return Some(Err(vec![Diagnostic::unreadable(&file.template, why)])),
        Entry::Absent | Entry::Folder { .. } => {
            let error = Diagnostic::error(
                &entry.spec,
                format!("there is no template `{}` on branch `{}`", file.template, entry.branch),
            )
            .at(file.template_span)
            .help("`template-file-path` starts at the root of the repository");
            return Some(Err(vec![error]));
        }
    };
    let errors = stack::check(&file.template, &template, false, &entry.spec, file.template_span, &file.parameters);
    if !errors.is_empty() {
        return Some(Err(errors));
    }
    let parameters = file.parameters.iter().map(|(name, (value, _))| (name.clone(), value.clone())).collect();
    let request = StackRequest { stack: entry.stack.clone(), template, parameters, tags: file.tags.clone() };
    Some(Ok(finish(entry, request, false, vec![entry.spec.clone(), file.template.clone()], files)))
}

fn from_service_spec(
    entry: &TargetEntry,
    spec: &ServiceSpec,
    context: &Context,
    files: &mut Files,
) -> Option<Result<Prepared, Vec<Diagnostic>>> {
    let instance = match find_instance(entry, spec) {
        Ok(instance) => instance,
        Err(error) => return Some(Err(vec![error])),
    };
    let bundle = match bundle::locate(entry, &context.manifest, files)? {
        Ok(bundle) => bundle,
        Err(errors) => return Some(Err(errors)),
    };
    let inputs = match bundle.schema.inputs(instance.inputs.as_ref(), &entry.spec, instance.span) {
        Ok(inputs) => inputs,
        Err(errors) => return Some(Err(errors)),
    };
    let around = Surroundings {
        environment: instance.environment.clone().unwrap_or_default(),
        outputs: context.outputs.clone(),
        account_id: context.account_id.clone(),
        service: entry.service.clone().unwrap_or_else(|| entry.own_name.clone()),
        repository: context.repository.clone(),
        branch: entry.branch.to_string(),
        instance: entry.own_name.clone(),
    };
    let rendered = match render::instance(&bundle.template_path, &bundle.template, &around, &inputs) {
        Ok(rendered) => rendered,
        Err(error) => return Some(Err(vec![error])),
    };
    let prepared = from_rendered(entry, bundle, rendered, instance.span, &context.outputs, files);
    Some(prepared.map(|prepared| Prepared {
        environment: instance.environment.clone(),
        environment_span: Some(instance.environment_span),
        ..prepared
    }))
}

fn from_environment_spec(
    entry: &TargetEntry,
    spec: &EnvironmentSpec,
    context: &Context,
    files: &mut Files,
) -> Option<Result<Prepared, Vec<Diagnostic>>> {
    let bundle = match bundle::locate(entry, &context.manifest, files)? {
        Ok(bundle) => bundle,
        Err(errors) => return Some(Err(errors)),
    };
    let inputs = match bundle.schema.inputs(spec.inputs.as_ref(), &entry.spec, spec.span) {
        Ok(inputs) => inputs,
        Err(errors) => return Some(Err(errors)),
    };
    let rendered = match render::environment(&bundle.template_path, &bundle.template, &entry.own_name, &inputs) {
        Ok(rendered) => rendered,
        Err(error) => return Some(Err(vec![error])),
    };
    Some(from_rendered(entry, bundle, rendered, spec.span, &context.outputs, files))
}

fn from_rendered(
    entry: &TargetEntry,
    bundle: bundle::Bundle,
    rendered: render::Rendered,
    owner: Span,
    outputs: &Outputs,
    files: &mut Files,
) -> Result<Prepared, Vec<Diagnostic>> {
    let is_trial = rendered.reads_outputs && matches!(outputs, Outputs::Pending);
    if !is_trial {
        let errors = stack::check(&bundle.template_path, &rendered.text, true, &entry.spec, owner, &BTreeMap::new());
        if !errors.is_empty() {
            return Err(errors);
        }
    }
    let request = StackRequest {
        stack: entry.stack.clone(),
        template: rendered.text,
        parameters: BTreeMap::new(),
        tags: BTreeMap::new(),
    };
    let reads = std::iter::once(entry.spec.clone()).chain(bundle.reads).collect();
    Ok(finish(entry, request, rendered.reads_outputs, reads, files))
}

fn find_instance<'s>(entry: &TargetEntry, spec: &'s ServiceSpec) -> Result<&'s InstanceSpec, Diagnostic> {
    spec.instances.iter().find(|instance| instance.name == entry.own_name).ok_or_else(|| {
        let names: Vec<&str> = spec.instances.iter().map(|instance| instance.name.as_str()).collect();
        let held = if names.is_empty() {
            "the file holds none".to_owned()
        } else {
            format!("the file holds {}", list(&names))
        };
        Diagnostic::error(&entry.spec, format!("no instance `{}`, which the manifest asks for; {held}", entry.own_name))
            .at(spec.instances_span)
            .help(match nearest(&entry.own_name, names) {
                Some(near) => format!("add `- name: {}`, or did you mean `{near}` in the manifest?", entry.own_name),
                None => format!("add `- name: {}`, or rename the instance in the manifest", entry.own_name),
            })
    })
}

fn finish(
    entry: &TargetEntry,
    request: StackRequest,
    reads_outputs: bool,
    reads: Vec<RepoPath>,
    files: &Files,
) -> Prepared {
    let mut hash = Sha256::new();
    stack::feed(&mut hash, &serde_json::to_string(entry).unwrap_or_default());
    for path in &reads {
        stack::feed(&mut hash, path.as_str());
        stack::feed(&mut hash, files.text(path).unwrap_or_default());
    }
    let sources = stack::finish(hash);
    Prepared { request, environment: None, environment_span: None, reads_outputs, reads, sources }
}
