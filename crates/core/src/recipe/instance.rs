//! An instance of a Proton service: one of its spec's instances, rendered by the service's bundle.

use std::collections::BTreeMap;

use super::cache::Cache;
use super::{Context, Inputs, Preparation, current, from_rendered, injected, lives_in, made_from};
use crate::bundle::Infrastructure;
use crate::diagnostic::{Diagnostic, nearest};
use crate::files::Files;
use crate::manifest::TargetEntry;
use crate::render::{self, Surroundings};
use crate::spec::{InstanceSpec, ServiceSpec};
use crate::yaml::list;

pub(super) fn prepare(
    entry: &TargetEntry,
    spec: &ServiceSpec,
    context: &Context,
    files: &mut Files,
    cache: &mut Cache,
) -> Preparation {
    let instance = match find(entry, spec) {
        Ok(instance) => instance,
        Err(error) => return Some(Err(vec![error])),
    };
    let bundle = match cache.bundle(entry, Infrastructure::Instance, &context.manifest, files)? {
        Ok(bundle) => bundle,
        Err(errors) => return Some(Err(errors)),
    };
    let named = instance.environment.as_deref().map(|name| (name, instance.environment_span));
    let (environment, location) = match lives_in(entry, named, context) {
        Ok(lives_in) => lives_in,
        Err(error) => return Some(Err(vec![error])),
    };
    let account_id = location.account_or(&context.account_id);
    let node = instance.inputs.as_ref();
    let given = current::given(&entry.name, node, &context.before, &entry.spec, instance.span);
    let prepared = given.and_then(|given| {
        let inputs = bundle.schema.inputs(&given.values, &given.unknown, node, &entry.spec, instance.span)?;
        let around = Surroundings {
            account_id,
            accounts: &BTreeMap::new(),
            service: entry.service.as_deref().unwrap_or(&entry.own_name),
            repository: &context.repository,
            branch: entry.branch.as_str(),
        };
        let shown = environment.as_deref().unwrap_or_default();
        let render = |inputs: &Inputs| {
            let template = (&bundle.template_path, bundle.template.as_str());
            render::instance(template, &around, (&entry.own_name, shown), inputs, &context.outputs)
        };
        let mut rendered = render(&inputs).or_else(|failure| failure.unless_of(!given.unknown.is_empty()))?;
        rendered.is_trial |= !given.unknown.is_empty();
        let harmless = injected::harmless(&inputs);
        let again = || harmless.as_ref().map(render);
        let mut prepared =
            from_rendered(entry, &bundle, rendered, instance.span, inputs, (location.clone(), account_id), again)?;
        prepared.keeps_unknown = !given.unknown.is_empty();
        if given.keeps {
            prepared
                .before
                .extend(context.before.inputs(&entry.name).map(|inputs| (entry.name.clone(), inputs.clone())));
        }
        prepared.environment = environment.clone();
        prepared.environment_span = Some(instance.environment_span);
        Ok(prepared)
    });
    let reads = std::iter::once(entry.spec.clone()).chain(bundle.reads.iter().cloned()).collect();
    Some(prepared.map(|prepared| made_from(prepared, entry, reads, files)))
}

/// The instance of a spec that an entry of the manifest asks for.
fn find<'s>(entry: &TargetEntry, spec: &'s ServiceSpec) -> Result<&'s InstanceSpec, Diagnostic> {
    spec.instance(&entry.own_name).ok_or_else(|| {
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
