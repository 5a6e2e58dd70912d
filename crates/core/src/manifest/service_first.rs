//! The service-first format: `sync: services: <service>: <instance>: {branch, spec}`, the one that Proton shipped.

use std::collections::{BTreeMap, BTreeSet};

use super::entries::{EntryReader, TemplateFolders, named_entries, read_prune};
use super::shape::KEYS;
use super::{DependsOn, Manifest, Pipeline, Places, Publish, TargetEntry};
use crate::diagnostic::Span;
use crate::location::Location;
use crate::names::{BranchName, RepoPath, StackName, TargetKind, TargetName};
use crate::yaml::{Content, Node, Reader};

pub(super) fn read(sync: &Node, templates: &TemplateFolders, manifest: &mut Manifest, reader: &mut Reader<'_>) {
    let Some(entries) = reader.mapping(sync, "`sync`") else { return };
    reader.known_keys(entries, "`sync`", &KEYS.sync);
    manifest.prune.all = sync.get("prune").is_some_and(|prune| read_prune(prune, reader));
    if let Some(environments) = sync.get("environments") {
        read_environments(environments, templates, manifest, reader);
    }
    if let Some(addons) = sync.get("addons") {
        for (key, entry) in named_entries(addons, "`addons`", reader) {
            let read = addon(key, entry, manifest, reader);
            manifest.targets.extend(read);
        }
    }
    if let Some(services) = sync.get("services") {
        read_services(services, "`services`", templates, manifest, reader);
    }
    if let Some(publish) = sync.get("publish") {
        for entry in reader.one_or_many(publish) {
            manifest.publish.extend(read_publish(entry, reader));
        }
    }
}

/// The environments, which the branch-first format has at the root.
pub(super) fn read_environments(
    environments: &Node,
    templates: &TemplateFolders,
    manifest: &mut Manifest,
    reader: &mut Reader<'_>,
) {
    for (key, entry) in named_entries(environments, "`environments`", reader) {
        let read = environment(key, entry, templates, manifest, reader);
        manifest.targets.extend(read);
    }
}

/// The format before it was released: `proton-sync: {<service>: [{<instance>: …}]}`, without a `services` between. One
/// that has the keys of `sync` already is read as such.
pub(super) fn read_prerelease(
    sync: &Node,
    templates: &TemplateFolders,
    manifest: &mut Manifest,
    reader: &mut Reader<'_>,
) {
    if sync.get("services").is_some() {
        read(sync, templates, manifest, reader);
    } else {
        read_services(sync, "`proton-sync`", templates, manifest, reader);
    }
}

fn read_services(
    services: &Node,
    what: &str,
    templates: &TemplateFolders,
    manifest: &mut Manifest,
    reader: &mut Reader<'_>,
) {
    for (key, entry) in named_entries(services, what, reader) {
        let read = service(key, entry, templates, manifest, reader);
        manifest.targets.extend(read);
    }
}

fn environment(
    key: &Node,
    entry: &Node,
    templates: &TemplateFolders,
    manifest: &mut Manifest,
    reader: &mut Reader<'_>,
) -> Option<TargetEntry> {
    let name = reader.text(key, "the name of an environment")?;
    manifest.named.insert(name.to_owned());
    let keys = reader.mapping(entry, &format!("environment `{name}`"))?;
    reader.known_keys(keys, &format!("environment `{name}`"), &KEYS.environment);
    let says_more = |key: &&String| !["stack", "account", "region", "role"].contains(&key.as_str());
    let is_deployed = KEYS.environment.iter().filter(says_more).any(|key| entry.get(key).is_some());
    let mut parts = EntryReader { reader, app: &manifest.app };
    let (stack, stack_span) = parts.stack(entry, &[name], key.span);
    let location = parts.location(entry);
    if !is_deployed && (stack_span != key.span || !location.is_home()) {
        manifest.locations.insert(name, location, None);
        if stack_span != key.span {
            existing_environment(name, key.span, (stack, stack_span), manifest, reader);
        }
        return None;
    }
    let (spec, spec_span) = parts.spec(entry, key.span);
    let (template, template_span) = parts.template(entry, key.span);
    let depends_on = parts.depends_on(entry, false);
    let (branch, branch_span) = parts.branch(&format!("environment `{name}`"), key, entry)?;
    manifest.locations.insert(name, location.clone(), Some(branch.clone()));
    Some(TargetEntry {
        name: TargetName::new(name),
        kind: TargetKind::Environment,
        app: None,
        service: None,
        own_name: name.to_owned(),
        stack,
        adopts: stack_span != key.span,
        instances: Vec::new(),
        not_shown: BTreeSet::new(),
        accounts: BTreeMap::new(),
        depends_on,
        branch,
        environment: None,
        location,
        spec,
        template,
        templates: templates.environments.clone(),
        places: Places {
            name: key.span,
            branch: branch_span,
            spec: spec_span,
            template: template_span,
            stack: stack_span,
            environment: key.span,
        },
    })
}

/// An environment of which the manifest says nothing but its stack: others deploy it, instances here live in it.
fn existing_environment(
    name: &str,
    name_span: Span,
    (stack, stack_span): (StackName, Span),
    manifest: &mut Manifest,
    reader: &mut Reader<'_>,
) {
    if !stack.is_valid() {
        reader.error(
            stack_span,
            format!("`{stack}` cannot be the name of a stack"),
            format!("name a stack that there is; {}", super::checks::STACK_NAMES),
        );
    }
    if manifest.existing_environments.insert(name.to_owned(), stack).is_some() {
        reader.error(name_span, format!("two environments are called `{name}`"), "rename one of them");
    }
}

/// An addon: in each environment a target, `<addon>/<environment>`.
fn addon(key: &Node, entry: &Node, manifest: &mut Manifest, reader: &mut Reader<'_>) -> Vec<TargetEntry> {
    let Some(addon) = reader.text(key, "the name of an addon") else { return Vec::new() };
    manifest.named.insert(addon.to_owned());
    let what = format!("addon `{addon}`");
    let mut depends_on = Vec::new();
    let mut environments = Vec::new();
    let mut parts = EntryReader { reader, app: &manifest.app };
    for (name, value) in named_entries(entry, &what, parts.reader) {
        match name.text() {
            Some(key @ ("depends_on" | "depends-on")) => depends_on.extend(parts.names(key, value, true)),
            Some("prune") => {
                if read_prune(value, parts.reader) {
                    manifest.prune.services.insert(addon.to_owned());
                }
            }
            _ => environments.push((name, value)),
        }
    }
    let mut targets = Vec::new();
    for (name, value) in environments {
        targets.extend(addon_in((addon, key.span, &depends_on), (name, value), manifest, reader));
    }
    if targets.is_empty() && !manifest.prune.services.contains(addon) && entry.is_null() {
        reader.warning(key.span, format!("{what} goes to no environment"), "name one: `beta: {branch: main}`");
    }
    targets
}

fn addon_in(
    (addon, addon_span, of_addon): (&str, Span, &[DependsOn]),
    (key, entry): (&Node, &Node),
    manifest: &mut Manifest,
    reader: &mut Reader<'_>,
) -> Option<TargetEntry> {
    let environment = reader.text(key, "the name of an environment")?;
    let full_name = format!("{addon}/{environment}");
    manifest.named.insert(full_name.clone());
    let Content::Mapping(keys) = &entry.content else {
        let help = match crate::diagnostic::nearest(environment, KEYS.addon.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("write it as `{environment}: {{branch: main}}`"),
        };
        let message = format!(
            "`{environment}` is no key of an addon, and as an environment it must be a mapping, not {}",
            entry.kind()
        );
        reader.error(key.span, message, help);
        return None;
    };
    reader.known_keys(keys, &format!("addon `{full_name}`"), &KEYS.addon_in);
    let mut parts = EntryReader { reader, app: &manifest.app };
    let (stack, stack_span) = parts.stack(entry, &[environment, addon], key.span);
    let (branch, branch_span) = parts.branch(&format!("addon `{full_name}`"), key, entry)?;
    let mut depends_on = of_addon.to_vec();
    depends_on.extend(parts.depends_on(entry, false));
    let spec = RepoPath::parse(&format!("copilot/{addon}/manifest.yml")).unwrap_or_else(RepoPath::root);
    Some(TargetEntry {
        name: TargetName::new(full_name),
        kind: TargetKind::EnvironmentAddon,
        app: Some(manifest.app.clone()),
        service: Some(addon.to_owned()),
        own_name: environment.to_owned(),
        stack,
        adopts: stack_span != key.span,
        instances: Vec::new(),
        not_shown: BTreeSet::new(),
        accounts: BTreeMap::new(),
        branch,
        environment: None,
        location: Location::default(),
        depends_on,
        spec,
        template: None,
        templates: None,
        places: Places {
            name: key.span,
            branch: branch_span,
            spec: addon_span,
            template: addon_span,
            stack: stack_span,
            environment: key.span,
        },
    })
}

fn service(
    key: &Node,
    entry: &Node,
    templates: &TemplateFolders,
    manifest: &mut Manifest,
    reader: &mut Reader<'_>,
) -> Vec<TargetEntry> {
    let Some(service) = reader.text(key, "the name of a service") else { return Vec::new() };
    manifest.named.insert(service.to_owned());
    let found_before = reader.diagnostics.len();
    let mut of_service = Vec::new();
    let mut template = (None, key.span);
    let mut prune = false;
    let mut instances = Vec::new();
    let mut parts = EntryReader { reader, app: &manifest.app };
    for (name, value) in named_entries(entry, &format!("service `{service}`"), parts.reader) {
        match name.text() {
            Some(key @ ("depends_on" | "depends-on")) => of_service.extend(parts.names(key, value, true)),
            Some("template") => template = parts.bundle(value),
            Some("prune") => prune = read_prune(value, parts.reader),
            Some(TargetEntry::PIPELINE) if is_setting(value) => {
                let setting = read_pipeline(value, parts.reader);
                manifest.pipelines.extend(setting.map(|setting| (service.to_owned(), setting)));
            }
            _ => instances.push((name, value)),
        }
    }
    if prune {
        manifest.prune.services.insert(service.to_owned());
    }
    let of_service = OfService { name: service, depends_on: of_service, template, templates };
    let mut targets = Vec::new();
    for instance in instances {
        targets.extend(read_instance(&of_service, instance, manifest, reader));
    }
    // One that is pruned may be without instances: they have all left.
    if targets.is_empty() && !prune && reader.diagnostics.len() == found_before {
        reader.warning(
            key.span,
            format!("service `{service}` has no instance"),
            "name one: `beta: {branch: main, spec: service-spec.yaml}`",
        );
    }
    targets
}

/// Whether what stands under `pipeline` is said of the service's pipeline, and is no instance of that name.
fn is_setting(node: &Node) -> bool {
    matches!(node.content, Content::Scalar { .. }) || (node.get("stack").is_some() && node.get("branch").is_none())
}

fn read_pipeline(node: &Node, reader: &mut Reader<'_>) -> Option<Pipeline> {
    match (&node.content, node.to_json()) {
        (_, serde_json::Value::Bool(false)) => Some(Pipeline::Off),
        (_, serde_json::Value::Bool(true)) => None,
        (Content::Mapping(entries), _) => {
            reader.known_keys(entries, "`pipeline`", &["stack"]);
            let stack = node.get("stack")?;
            let name = StackName::new(reader.text(stack, "`stack`")?);
            if !name.is_valid() {
                let message = format!("`{name}` cannot be the name of a stack");
                reader.error(
                    stack.span,
                    message,
                    format!("name a stack that there is; {}", super::checks::STACK_NAMES),
                );
            }
            Some(Pipeline::Adopts(name, stack.span))
        }
        _ => {
            reader.error(
                node.span,
                format!("`pipeline` must be `false` or a mapping with `stack`, not {}", node.kind()),
                "write `pipeline: {stack: NAME}` for one that there is, or `pipeline: false` to have none",
            );
            None
        }
    }
}

/// What an instance has from its service.
struct OfService<'s> {
    name: &'s str,
    depends_on: Vec<DependsOn>,
    template: (Option<super::BundleName>, Span),
    templates: &'s TemplateFolders,
}

fn read_instance(
    of_service: &OfService<'_>,
    (key, entry): (&Node, &Node),
    manifest: &mut Manifest,
    reader: &mut Reader<'_>,
) -> Option<TargetEntry> {
    let service = of_service.name;
    let name = reader.text(key, "the name of an instance")?;
    let full_name = format!("{service}/{name}");
    manifest.named.insert(full_name.clone());
    let Content::Mapping(keys) = &entry.content else {
        // A misspelt key of the service looks like an instance that is not a mapping.
        match crate::diagnostic::nearest(name, KEYS.service.iter().map(String::as_str)) {
            Some(near) => reader.error(
                key.span,
                format!("unknown key `{name}` in service `{service}`"),
                format!("did you mean `{near}`?"),
            ),
            None => reader.error(
                key.span,
                format!("`{name}` is no key of a service, and as an instance it must be a mapping, not {}", entry.kind()),
                format!("write it as `{name}: {{branch: main, spec: service-spec.yaml}}`; a service's own keys are `depends_on`, `template` and `prune`"),
            ),
        }
        return None;
    };
    reader.known_keys(keys, &format!("instance `{full_name}`"), &KEYS.instance);
    let mut parts = EntryReader { reader, app: &manifest.app };
    let (spec, spec_span) = parts.spec(entry, key.span);
    let (stack, stack_span) = parts.stack(entry, &[service, name], key.span);
    let (environment, environment_span) = parts.environment(entry, key.span);
    let (branch, branch_span) = parts.branch(&format!("instance `{full_name}`"), key, entry)?;
    let mut depends_on = of_service.depends_on.clone();
    depends_on.extend(parts.depends_on(entry, false));
    let (template, template_span) = of_service.template.clone();
    Some(TargetEntry {
        name: TargetName::new(full_name.as_str()),
        kind: TargetKind::ServiceInstance,
        app: Some(manifest.app.clone()),
        service: Some(service.to_owned()),
        own_name: name.to_owned(),
        stack,
        adopts: stack_span != key.span,
        instances: Vec::new(),
        not_shown: BTreeSet::new(),
        accounts: BTreeMap::new(),
        branch,
        environment,
        location: Location::default(),
        depends_on,
        spec,
        template,
        templates: of_service.templates.services.clone(),
        places: Places {
            name: key.span,
            branch: branch_span,
            spec: spec_span,
            template: template_span,
            stack: stack_span,
            environment: environment_span,
        },
    })
}

fn read_publish(entry: &Node, reader: &mut Reader<'_>) -> Option<Publish> {
    let keys = reader.mapping(entry, "`publish`")?;
    reader.known_keys(keys, "`publish`", &KEYS.publish);
    let mut branch = |key: &str| match entry.get(key) {
        Some(node) => reader.text(node, &format!("`{key}`")).map(BranchName::new),
        None => {
            reader.error(entry.span, format!("`publish` has no `{key}`"), "write `publish: {from: main, to: prod}`");
            None
        }
    };
    let (from, to) = (branch("from"), branch("to"));
    let publish = Publish { from: from?, to: to?, span: entry.span };
    if publish.from == publish.to {
        reader.error(
            entry.span,
            format!("`publish` from `{}` to itself", publish.from),
            "name another branch under `to`",
        );
    }
    Some(publish)
}
