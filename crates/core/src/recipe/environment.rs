//! A Proton environment: its spec's inputs, rendered by its bundle.

use super::cache::Cache;
use super::{Context, Inputs, Preparation, current, from_rendered, injected, made_from};
use crate::bundle::Infrastructure;
use crate::files::Files;
use crate::manifest::TargetEntry;
use crate::render;
use crate::spec::EnvironmentSpec;

pub(super) fn prepare(
    entry: &TargetEntry,
    spec: &EnvironmentSpec,
    context: &Context,
    files: &mut Files,
    cache: &mut Cache,
) -> Preparation {
    let bundle = match cache.bundle(entry, Infrastructure::Environment, &context.manifest, files)? {
        Ok(bundle) => bundle,
        Err(errors) => return Some(Err(errors)),
    };
    let given = current::given(&entry.name, spec.inputs.as_ref(), &context.before, &entry.spec, spec.span);
    let prepared = given.and_then(|given| {
        let inputs =
            bundle.schema.inputs(&given.values, &given.unknown, spec.inputs.as_ref(), &entry.spec, spec.span)?;
        let render =
            |inputs: &Inputs| render::environment(&bundle.template_path, &bundle.template, &entry.own_name, inputs);
        let mut rendered = render(&inputs).or_else(|failure| failure.unless_of(!given.unknown.is_empty()))?;
        rendered.is_trial |= !given.unknown.is_empty();
        let harmless = injected::harmless(&inputs);
        let again = || harmless.as_ref().map(render);
        let location = (entry.location.clone(), entry.location.account_or(&context.account_id));
        let mut prepared = from_rendered(entry, &bundle, rendered, spec.span, inputs, location, again)?;
        prepared.keeps_unknown = !given.unknown.is_empty();
        if given.keeps {
            prepared
                .before
                .extend(context.before.inputs(&entry.name).map(|inputs| (entry.name.clone(), inputs.clone())));
        }
        Ok(prepared)
    });
    let reads = std::iter::once(entry.spec.clone()).chain(bundle.reads.iter().cloned()).collect();
    Some(prepared.map(|prepared| made_from(prepared, entry, reads, files)))
}
