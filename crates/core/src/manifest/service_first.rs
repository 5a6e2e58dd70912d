//! The service-first format: `sync: services: <service>: <instance>: {branch, spec}`, the one that Proton shipped.

use super::{DependsOn, EntryReader, Manifest, Places, Publish, TargetEntry, named_entries};
use crate::diagnostic::Span;
use crate::names::{BranchName, TargetKind, TargetName};
use crate::yaml::{Content, Node, Reader};

const SYNC_KEYS: [&str; 3] = ["services", "environments", "publish"];
const SERVICE_KEYS: [&str; 3] = ["depends_on", "depends-on", "template"];
const INSTANCE_KEYS: [&str; 5] = ["branch", "spec", "stack", "depends_on", "depends-on"];
const ENVIRONMENT_KEYS: [&str; 6] = ["branch", "spec", "template", "stack", "depends_on", "depends-on"];

pub(super) fn read(sync: &Node, manifest: &mut Manifest, reader: &mut Reader<'_>) {
    let Some(entries) = reader.mapping(sync, "`sync`") else { return };
    reader.known_keys(entries, "`sync`", &SYNC_KEYS);
    if let Some(environments) = sync.get("environments") {
        for (key, entry) in named_entries(environments, "`environments`", reader) {
            let read = environment(key, entry, manifest, reader);
            manifest.targets.extend(read);
        }
    }
    if let Some(services) = sync.get("services") {
        for (key, entry) in named_entries(services, "`services`", reader) {
            let read = service(key, entry, manifest, reader);
            manifest.targets.extend(read);
        }
    }
    if let Some(publish) = sync.get("publish") {
        for entry in reader.one_or_many(publish) {
            manifest.publish.extend(read_publish(entry, reader));
        }
    }
}

fn environment(key: &Node, entry: &Node, manifest: &mut Manifest, reader: &mut Reader<'_>) -> Option<TargetEntry> {
    let name = reader.text(key, "the name of an environment")?;
    manifest.named.insert(name.to_owned());
    let keys = reader.mapping(entry, &format!("environment `{name}`"))?;
    reader.known_keys(keys, &format!("environment `{name}`"), &ENVIRONMENT_KEYS);
    let mut parts = EntryReader { reader, app: &manifest.app };
    let (spec, spec_span) = parts.spec(entry, key.span);
    let (template, template_span) = parts.template(entry, key.span);
    let (stack, stack_span) = parts.stack(entry, &[name], key.span);
    Some(TargetEntry {
        name: TargetName::new(name),
        kind: TargetKind::Environment,
        service: None,
        own_name: name.to_owned(),
        stack,
        depends_on: parts.depends_on(entry, false),
        branch: parts.branch(&format!("environment `{name}`"), key, entry)?,
        spec,
        template,
        places: Places { name: key.span, spec: spec_span, template: template_span, stack: stack_span },
    })
}

fn service(key: &Node, entry: &Node, manifest: &mut Manifest, reader: &mut Reader<'_>) -> Vec<TargetEntry> {
    let Some(service) = reader.text(key, "the name of a service") else { return Vec::new() };
    manifest.named.insert(service.to_owned());
    let found_before = reader.diagnostics.len();
    let mut of_service = Vec::new();
    let mut template = (None, key.span);
    let mut instances = Vec::new();
    let mut parts = EntryReader { reader, app: &manifest.app };
    for (name, value) in named_entries(entry, &format!("service `{service}`"), parts.reader) {
        match name.text() {
            Some(key @ ("depends_on" | "depends-on")) => of_service.extend(parts.names(key, value, true)),
            Some("template") => template = parts.bundle(value),
            _ => instances.push((name, value)),
        }
    }
    let mut targets = Vec::new();
    for instance in instances {
        targets.extend(read_instance(service, instance, &of_service, &template, manifest, reader));
    }
    if targets.is_empty() && reader.diagnostics.len() == found_before {
        reader.warning(
            key.span,
            format!("service `{service}` has no instance"),
            "name one: `beta: {branch: main, spec: service-spec.yaml}`",
        );
    }
    targets
}

fn read_instance(
    service: &str,
    (key, entry): (&Node, &Node),
    of_service: &[DependsOn],
    (template, template_span): &(Option<super::BundleName>, Span),
    manifest: &mut Manifest,
    reader: &mut Reader<'_>,
) -> Option<TargetEntry> {
    let name = reader.text(key, "the name of an instance")?;
    let full_name = format!("{service}/{name}");
    manifest.named.insert(full_name.clone());
    let Content::Mapping(keys) = &entry.content else {
        // A misspelt key of the service looks like an instance that is not a mapping.
        match crate::diagnostic::nearest(name, SERVICE_KEYS) {
            Some(near) => reader.error(
                key.span,
                format!("unknown key `{name}` in service `{service}`"),
                format!("did you mean `{near}`?"),
            ),
            None => reader.error(
                key.span,
                format!("`{name}` is no key of a service, and as an instance it must be a mapping, not {}", entry.kind()),
                format!("write it as `{name}: {{branch: main, spec: service-spec.yaml}}`; a service's own keys are `depends_on` and `template`"),
            ),
        }
        return None;
    };
    reader.known_keys(keys, &format!("instance `{full_name}`"), &INSTANCE_KEYS);
    let mut parts = EntryReader { reader, app: &manifest.app };
    let (spec, spec_span) = parts.spec(entry, key.span);
    let (stack, stack_span) = parts.stack(entry, &[service, name], key.span);
    let mut depends_on = of_service.to_vec();
    depends_on.extend(parts.depends_on(entry, false));
    Some(TargetEntry {
        name: TargetName::new(full_name.as_str()),
        kind: TargetKind::ServiceInstance,
        service: Some(service.to_owned()),
        own_name: name.to_owned(),
        stack,
        branch: parts.branch(&format!("instance `{full_name}`"), key, entry)?,
        depends_on,
        spec,
        template: template.clone(),
        places: Places { name: key.span, spec: spec_span, template: *template_span, stack: stack_span },
    })
}

fn read_publish(entry: &Node, reader: &mut Reader<'_>) -> Option<Publish> {
    let keys = reader.mapping(entry, "`publish`")?;
    reader.known_keys(keys, "`publish`", &["from", "to"]);
    let mut branch = |key: &str| match entry.get(key) {
        Some(node) => reader.text(node, &format!("`{key}`")).map(BranchName::new),
        None => {
            reader.error(entry.span, format!("`publish` has no `{key}`"), "write `publish: {from: main, to: prod}`");
            None
        }
    };
    let (from, to) = (branch("from"), branch("to"));
    let publish = Publish { from: from?, to: to? };
    if publish.from == publish.to {
        reader.error(
            entry.span,
            format!("`publish` from `{}` to itself", publish.from),
            "name another branch under `to`",
        );
    }
    Some(publish)
}
