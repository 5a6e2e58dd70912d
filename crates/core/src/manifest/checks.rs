//! What must hold of the names in a manifest as a whole, before anything is deployed.

use std::collections::BTreeMap;

use super::{Manifest, TargetEntry};
use crate::names::{StackName, TargetKind, TargetName};
use crate::yaml::{Node, Reader};

/// What CloudFormation takes as the name of a stack: see [`StackName::is_valid`].
pub(super) const STACK_NAMES: &str =
    "CloudFormation takes letters, digits and hyphens, a letter first, at most 128 characters";

/// The app's name can begin the name of a stack, where one is made from it.
pub(super) fn check_app(root: &Node, manifest: &Manifest, reader: &mut Reader<'_>) {
    let is_used = manifest.targets.iter().any(|target| !target.adopts);
    if !is_used || StackName::new(manifest.app.as_str()).is_valid() {
        return;
    }
    let app = &manifest.app;
    match root.get("app") {
        Some(node) if node.text().is_some() => {
            reader.error(node.span, format!("`{app}` cannot begin the name of a stack"), STACK_NAMES);
        }
        Some(_) => {}
        None => reader.error(
            root.span,
            format!("the repository's name, `{app}`, cannot begin the name of a stack"),
            format!("say what does: `app: my-app`; {STACK_NAMES}"),
        ),
    }
}

/// Stack names are valid, and neither a target's name nor a stack is used twice.
pub(super) fn check_names(manifest: &Manifest, reader: &mut Reader<'_>) {
    let mut names: BTreeMap<&TargetName, &TargetEntry> = BTreeMap::new();
    let mut stacks: BTreeMap<&StackName, &TargetEntry> = BTreeMap::new();
    let is_app_valid = StackName::new(manifest.app.as_str()).is_valid();
    for target in &manifest.targets {
        let span = target.places.name;
        let is_adopted = target.adopts;
        // A bad `app` is said once: see `check_app`.
        if !target.stack.is_valid() && (is_adopted || is_app_valid) {
            let help = if is_adopted {
                "name a stack that there is"
            } else {
                "rename it here, or name the stack that it is already under `stack`"
            };
            reader.error(
                target.places.stack,
                format!("`{}` cannot be the name of a stack", target.stack),
                format!("{help}; {STACK_NAMES}"),
            );
        }
        if let Some(first) = names.insert(&target.name, target) {
            let line = first.places.name.line;
            reader.error(
                span,
                format!("two targets are called `{}`", target.name),
                format!("the other stands in line {line}: rename one of them"),
            );
        } else if let Some(first) = stacks.insert(&target.stack, target) {
            let (line, name) = (first.places.name.line, &first.name);
            reader.error(
                span,
                format!("`{}` and `{name}` would be one stack, `{}`", target.name, target.stack),
                format!("`{name}` stands in line {line}: rename one of them, or name the stack that it is already under `stack`"),
            );
        }
        if let Some((name, _)) = manifest.existing_environments.iter().find(|(_, stack)| **stack == target.stack)
            && !(target.kind == TargetKind::Environment && *name == target.own_name)
        {
            reader.error(
                target.places.stack,
                format!("`{}` would be the stack of environment `{name}`, `{}`", target.name, target.stack),
                "name another stack: it would get this target's template",
            );
        }
        if target.kind == TargetKind::Environment && manifest.existing_environments.contains_key(&target.own_name) {
            reader.error(
                span,
                format!("environment `{}` is both deployed here and named as one that there is", target.name),
                "keep one of the two entries",
            );
        }
    }
}

/// Names stay within what the table and the state machines take.
pub(super) fn check_limits(manifest: &Manifest, reader: &mut Reader<'_>) {
    for target in &manifest.targets {
        let (name, span) = (&target.name, target.places.name);
        if name.as_str().len() > TargetName::MAX_BYTES {
            let help = format!("shorten it to at most {} bytes", TargetName::MAX_BYTES);
            reader.error(span, format!("the name of `{}…` is too long", shortened(name.as_str())), help);
        }
        if name.as_str().chars().any(char::is_control) {
            reader.error(span, "a control character in the name of a target", "write letters, digits and hyphens");
        }
    }
    let branches = manifest.targets.iter().map(|target| (&target.branch, target.places.branch));
    let published =
        manifest.publish.iter().flat_map(|publish| [&publish.from, &publish.to].map(|branch| (branch, publish.span)));
    for (branch, span) in branches.chain(published) {
        if !branch.is_valid() {
            reader.error(
                span,
                format!("`{}` cannot be the name of a branch", shortened(branch.as_str())),
                "write it as `git branch` shows it, without `refs/heads/`",
            );
        }
    }
}

/// What a message quotes of a name that may be of any length.
fn shortened(name: &str) -> String {
    name.chars().filter(|character| !character.is_control()).take(60).collect()
}
