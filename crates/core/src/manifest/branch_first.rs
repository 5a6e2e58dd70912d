//! The branch-first format: `service-sync: <branch>: {sync: [{to, spec, depends-on}], publish: {to}}`.
//!
//! `template`, `stack`, `prune` and the `environments` beside `service-sync` mean what they mean in the other format: all
//! are this project's own.

use std::collections::{BTreeMap, BTreeSet};

use super::entries::{EntryReader, TemplateFolders, read_prune};
use super::shape::KEYS;
use super::{Manifest, Places, Publish, TargetEntry};
use crate::diagnostic::Span;
use crate::location::Location;
use crate::names::{BranchName, TargetKind, TargetName};
use crate::yaml::{Node, Reader};

pub(super) fn read(branches: &Node, templates: &TemplateFolders, manifest: &mut Manifest, reader: &mut Reader<'_>) {
    let Some(entries) = reader.mapping(branches, "`service-sync`") else { return };
    for (key, entry) in entries {
        let Some(branch) = reader.text(key, "the name of a branch").map(BranchName::new) else { continue };
        let Some(keys) = reader.mapping(entry, &format!("branch `{branch}`")) else { continue };
        reader.known_keys(keys, &format!("branch `{branch}`"), &KEYS.branch);
        if entry.get("prune").is_some_and(|prune| read_prune(prune, reader)) {
            manifest.prune.branches.insert(branch.clone());
        }
        if let Some(sync) = entry.get("sync") {
            for target in reader.one_or_many(sync) {
                let read = read_target(target, (&branch, key.span), templates, manifest, reader);
                manifest.targets.extend(read);
            }
        }
        if let Some(publish) = entry.get("publish") {
            for one in reader.one_or_many(publish) {
                manifest.publish.extend(read_publish(one, &branch, reader));
            }
        }
    }
}

fn read_target(
    entry: &Node,
    (branch, branch_span): (&BranchName, Span),
    templates: &TemplateFolders,
    manifest: &mut Manifest,
    reader: &mut Reader<'_>,
) -> Option<TargetEntry> {
    let keys = reader.mapping(entry, "an entry of `sync`")?;
    reader.known_keys(keys, "an entry of `sync`", &KEYS.sync_entry);
    let Some(to) = entry.get("to") else {
        reader.error(entry.span, "an entry of `sync` has no `to`", "name the service instance: `to: my-service-beta`");
        return None;
    };
    let name = reader.text(to, "`to`")?;
    manifest.named.insert(name.to_owned());
    let mut parts = EntryReader { reader, app: &manifest.app };
    let (spec, spec_span) = parts.spec(entry, to.span);
    let (template, template_span) = parts.template(entry, to.span);
    let (stack, stack_span) = parts.stack(entry, &[name], to.span);
    let (environment, environment_span) = parts.environment(entry, to.span);
    Some(TargetEntry {
        name: TargetName::new(name),
        kind: TargetKind::ServiceInstance,
        app: None,
        service: None,
        own_name: name.to_owned(),
        branch: branch.clone(),
        environment,
        location: Location::default(),
        stack,
        adopts: stack_span != to.span,
        instances: Vec::new(),
        not_shown: BTreeSet::new(),
        accounts: BTreeMap::new(),
        depends_on: parts.depends_on(entry, false),
        spec,
        template,
        templates: templates.services.clone(),
        places: Places {
            name: to.span,
            branch: branch_span,
            spec: spec_span,
            template: template_span,
            stack: stack_span,
            environment: environment_span,
        },
    })
}

fn read_publish(entry: &Node, from: &BranchName, reader: &mut Reader<'_>) -> Option<Publish> {
    let keys = reader.mapping(entry, "`publish`")?;
    reader.known_keys(keys, "`publish`", &KEYS.publish_to);
    let Some(to) = entry.get("to") else {
        reader.error(entry.span, "`publish` has no `to`", "name the branch that the pull request goes to");
        return None;
    };
    let to_branch = BranchName::new(reader.text(to, "`to`")?);
    if to_branch == *from {
        reader.error(to.span, format!("`publish` from `{from}` to itself"), "name another branch");
    }
    Some(Publish { from: from.clone(), to: to_branch, span: to.span })
}
