//! The pipeline of a Proton service: the spec's pipeline inputs, rendered by the service's bundle, which is shown every
//! instance of the service.
//!
//! As in Proton, the bundle decides whether a service has a pipeline; a spec without `pipeline` gives it no inputs of its
//! own, and where it cannot do without, there is none.
//!
//! A service has one pipeline, on whichever branches its instances are. It is made from the service's first instance in
//! the manifest, and deployed from that instance's branch. An instance of another branch is shown as it was deployed,
//! and not before it was: the first commit can only come to that branch once this one is in step.

use std::collections::{BTreeMap, BTreeSet};

use super::cache::Cache;
use super::{Before, Context, Inputs, Preparation, current, from_rendered, injected, made_from, spec};
use crate::bundle::{self, Infrastructure};
use crate::diagnostic::Diagnostic;
use crate::files::{Entry, Files, Want};
use crate::location::Location;
use crate::manifest::{Manifest, Pipeline, PipelineInstance, Places, TargetEntry};
use crate::names::{StackName, TargetKind, TargetName};
use crate::render::{self, ShownInstance, Surroundings};
use crate::spec::{ServiceSpec, Spec};

/// A service's pipeline, where it has one, and what is worth a look. Nothing while files are wanted.
pub(super) type Found = (Option<TargetEntry>, Vec<Diagnostic>);

pub(super) fn find(
    manifest: &Manifest,
    instances: &[&TargetEntry],
    context: &Context,
    files: &mut Files,
    cache: &mut Cache,
) -> Option<Found> {
    const NONE: Found = (None, Vec::new());
    let [first, ..] = instances else { return Some(NONE) };
    // What is wrong with the spec or the bundle is said of the instance itself.
    let Ok(spec) = spec(first, &first.spec, context, files, cache)? else { return Some(NONE) };
    let Spec::Service(spec) = &*spec else { return Some(NONE) };
    let warn = |message: String, help: &str| {
        let span = spec.pipeline_span.unwrap_or(spec.span);
        Some((None, vec![Diagnostic::warning(&first.spec, message).at(span).help(help)]))
    };
    let asks = spec.pipeline_span.is_some();
    if first.service.is_none() && !asks {
        return Some(NONE);
    }
    let Some(service) = &first.service else {
        return warn(
            format!("the pipeline in this spec belongs to no service, since the manifest gives `{}` none", first.name),
            "write the manifest service first to have the pipeline deployed, or remove `pipeline`",
        );
    };
    let setting = manifest.pipelines.get(service);
    if setting == Some(&Pipeline::Off) {
        return Some(NONE);
    }
    let Ok(folder) = bundle::folder(first, &context.manifest, files)? else { return Some(NONE) };
    let Some(infrastructure) = folder.path.join(Infrastructure::Pipeline.folder()) else {
        return Some(NONE);
    };
    if !matches!(files.want(Want::Folder(infrastructure.clone()))?, Entry::Folder { .. }) {
        if let Some(Pipeline::Adopts(stack, place)) = setting {
            let message = format!("`{stack}` is no pipeline's: template bundle `{}` renders none", folder.path);
            let warning = Diagnostic::warning(&context.manifest, message).at(*place);
            let help = "remove `pipeline`, or add `pipeline_infrastructure/` to the bundle";
            return Some((None, vec![warning.help(help)]));
        }
        if !asks {
            return Some(NONE);
        }
        return warn(
            format!("this spec has a pipeline, and template bundle `{}` renders none", folder.path),
            "remove `pipeline`, or add `pipeline_infrastructure/` to the bundle",
        );
    }
    let pipeline = first.pipeline(manifest, service, setting, instances);
    if !asks && let Ok(bundle) = cache.bundle(&pipeline, Infrastructure::Pipeline, &context.manifest, files)? {
        let none = Inputs::new();
        if bundle.schema.inputs(&none, &BTreeSet::new(), None, &first.spec, spec.span).is_err() {
            return warn(
                format!("template bundle `{}` renders a pipeline, and this spec has no inputs for it", folder.path),
                "give them under `pipeline`, or remove `pipeline_infrastructure/` from the bundle",
            );
        }
    }
    Some((Some(pipeline), Vec::new()))
}

pub(super) fn prepare(
    entry: &TargetEntry,
    spec: &ServiceSpec,
    context: &Context,
    files: &mut Files,
    cache: &mut Cache,
) -> Preparation {
    let bundle = match cache.bundle(entry, Infrastructure::Pipeline, &context.manifest, files)? {
        Ok(bundle) => bundle,
        Err(errors) => return Some(Err(errors)),
    };
    let mut instances = Vec::new();
    let mut used = BTreeMap::new();
    let mut errors = Vec::new();
    let mut is_trial = false;
    for instance in &entry.instances {
        match shown(entry, spec, instance, &bundle, context, files, cache)? {
            Ok(Some(found)) => {
                is_trial |= found.is_trial;
                used.extend(found.before.map(|inputs| (instance.name.clone(), inputs)));
                instances.push(found.shown);
            }
            Ok(None) => {}
            Err(found) => errors.extend(found),
        }
    }
    if !errors.is_empty() {
        return Some(Err(errors));
    }
    let owner = spec.pipeline_span.unwrap_or(spec.span);
    let node = spec.pipeline.as_ref();
    let given = current::given(&entry.name, node, &context.before, &entry.spec, owner);
    let prepared = given.and_then(|given| {
        let inputs = bundle.schema.inputs(&given.values, &given.unknown, node, &entry.spec, owner)?;
        is_trial |= !given.unknown.is_empty();
        let around = Surroundings {
            account_id: &context.account_id,
            accounts: &entry.accounts,
            service: entry.service.as_deref().unwrap_or(&entry.own_name),
            repository: &context.repository,
            branch: entry.branch.as_str(),
        };
        let template = (&bundle.template_path, bundle.template.as_str());
        let mut rendered = render::pipeline(template, &around, &instances, &inputs, &context.outputs)
            .or_else(|failure| failure.unless_of(is_trial))?;
        rendered.is_trial |= is_trial;
        if given.keeps {
            used.extend(context.before.inputs(&entry.name).map(|inputs| (entry.name.clone(), inputs.clone())));
        }
        // It shows the inputs of its instances too.
        let (own, of_instances) = (injected::harmless(&inputs), harmless_instances(&instances));
        let has_harmless = own.is_some() || of_instances.is_some();
        let own = own.unwrap_or_else(|| inputs.clone());
        let of_instances = of_instances.as_deref().unwrap_or(&instances);
        let again = || has_harmless.then(|| render::pipeline(template, &around, of_instances, &own, &context.outputs));
        let mut prepared =
            from_rendered(entry, &bundle, rendered, owner, inputs, (Location::default(), &context.account_id), again)?;
        prepared.before = used;
        prepared.keeps_unknown = is_trial;
        Ok(prepared)
    });
    let specs = entry.instances.iter().filter(|instance| instance.is_here).map(|instance| instance.spec.clone());
    let mut seen = BTreeSet::new();
    let reads = std::iter::once(entry.spec.clone())
        .chain(specs)
        .chain(bundle.reads.iter().cloned())
        .filter(|path| seen.insert(path.clone()))
        .collect();
    Some(prepared.map(|prepared| made_from(prepared, entry, reads, files)))
}

/// An instance as the pipeline's template sees it.
struct Instance {
    shown: ShownInstance,
    /// What was used of what is deployed.
    before: Option<Inputs>,
    is_trial: bool,
}

/// Nothing for an instance of another branch that was never deployed, or that is not known here.
fn shown(
    entry: &TargetEntry,
    own_spec: &ServiceSpec,
    instance: &PipelineInstance,
    bundle: &bundle::Bundle,
    context: &Context,
    files: &mut Files,
    cache: &mut Cache,
) -> Option<Result<Option<Instance>, Vec<Diagnostic>>> {
    let shown = |inputs: Inputs, named: Option<&String>| {
        let named = named.filter(|name| !entry.not_shown.contains(*name));
        ShownInstance {
            name: instance.own_name.clone(),
            target: instance.name.clone(),
            environment: instance.environment.as_ref().or(named).cloned().unwrap_or_default(),
            inputs,
        }
    };
    if !instance.is_here
        && let Before::Known(_) = &context.before
    {
        let environment = own_spec.instance(&instance.own_name).and_then(|written| written.environment.as_ref());
        return Some(Ok(context.before.inputs(&instance.name).map(|inputs| Instance {
            shown: shown(bundle.instance_schema.in_order(inputs), environment),
            before: Some(inputs.clone()),
            is_trial: false,
        })));
    }
    // Read on this branch. Where that is not the instance's own, whatever does not fit is not said: it may on its own.
    let is_lenient = !instance.is_here;
    let spec = match spec(entry, &instance.spec, context, files, cache)? {
        Ok(spec) => spec,
        Err(_) if is_lenient => return Some(Ok(None)),
        Err(errors) => return Some(Err(errors)),
    };
    let Spec::Service(spec) = &*spec else { return Some(Ok(None)) };
    let Some(written) = spec.instance(&instance.own_name) else { return Some(Ok(None)) };
    let node = written.inputs.as_ref();
    let inputs =
        current::given(&instance.name, node, &context.before, &instance.spec, written.span).and_then(|given| {
            let schema = &bundle.instance_schema;
            let inputs = schema.inputs(&given.values, &given.unknown, node, &instance.spec, written.span)?;
            let before = context.before.inputs(&instance.name).filter(|_| given.keeps).cloned();
            Ok(Instance {
                shown: shown(inputs, written.environment.as_ref()),
                before,
                is_trial: !given.unknown.is_empty(),
            })
        });
    Some(match inputs {
        Ok(found) => Ok(Some(found)),
        Err(_) if is_lenient => Ok(None),
        Err(errors) => Err(errors),
    })
}

impl TargetEntry {
    /// The entry of the pipeline of this instance's service.
    fn pipeline(
        &self,
        manifest: &Manifest,
        service: &str,
        setting: Option<&Pipeline>,
        instances: &[&TargetEntry],
    ) -> TargetEntry {
        let (stack, place) = match setting {
            Some(Pipeline::Adopts(stack, place)) => (stack.clone(), *place),
            _ => (StackName::of(&manifest.app, &[service, TargetEntry::PIPELINE]), self.places.name),
        };
        TargetEntry {
            name: TargetName::new(format!("{service}/{}", TargetEntry::PIPELINE)),
            kind: TargetKind::ServicePipeline,
            app: None,
            own_name: TargetEntry::PIPELINE.to_owned(),
            stack,
            adopts: matches!(setting, Some(Pipeline::Adopts(..))),
            places: Places { stack: place, ..self.places },
            depends_on: Vec::new(),
            // Whatever the accounts of its instances: it stays where Syncline is.
            environment: None,
            location: Location::default(),
            not_shown: manifest.locations.not_deployed_by(&self.branch),
            accounts: manifest.locations.accounts(),
            instances: instances
                .iter()
                .map(|instance| PipelineInstance {
                    name: instance.name.clone(),
                    own_name: instance.own_name.clone(),
                    spec: instance.spec.clone(),
                    is_here: instance.branch == self.branch,
                    environment: instance.environment.clone(),
                })
                .collect(),
            ..self.clone()
        }
    }
}

/// The instances without what could be structure in their inputs; nothing where there is none.
fn harmless_instances(instances: &[ShownInstance]) -> Option<Vec<ShownInstance>> {
    let harmless = |instance: &ShownInstance| {
        let inputs = injected::harmless(&instance.inputs).unwrap_or_else(|| instance.inputs.clone());
        ShownInstance { inputs, ..instance.clone() }
    };
    let is_changed = instances.iter().any(|instance| injected::harmless(&instance.inputs).is_some());
    is_changed.then(|| instances.iter().map(harmless).collect())
}
