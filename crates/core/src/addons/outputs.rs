//! What a service's template takes from its addons: `AddonsStack.Outputs.X`, in whichever way it is written.

use std::collections::BTreeSet;

use super::nested::STACK;
use crate::diagnostic::{Diagnostic, nearest};
use crate::intrinsic::{self, Reference};
use crate::names::RepoPath;
use crate::yaml::{Content, Node, list};

/// Notes each output that the template takes and the addons do not have.
pub(super) fn check(path: &RepoPath, template: &Node, addons: &Node, folder: &RepoPath, errors: &mut Vec<Diagnostic>) {
    let Some(known) = names(addons) else { return };
    for Reference { name, span } in intrinsic::references(template) {
        let Some(name) = output(&name).filter(|name| !known.contains(name)) else { continue };
        let help = match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => format!("add it under `Outputs` in a template in `{folder}`"),
            None => format!("the addons have {}; add it under `Outputs` in `{folder}`", list(&Vec::from_iter(&known))),
        };
        let error = Diagnostic::error(path, format!("the addons in `{folder}` have no output `{name}`"));
        errors.push(error.at(span).help(help));
    }
}

/// The outputs of a template; nothing where only CloudFormation knows them, since a macro may add some.
fn names(template: &Node) -> Option<BTreeSet<&str>> {
    let may_add =
        |transform: &Node| !transform.text().is_some_and(|name| name.starts_with("AWS::") && name != "AWS::Include");
    let is_changed = match template.get("Transform") {
        Some(Node { content: Content::Sequence(items), .. }) => items.iter().any(may_add),
        Some(transform) => may_add(transform),
        None => false,
    };
    let mut names = BTreeSet::new();
    if let Some(Content::Mapping(entries)) = template.get("Outputs").map(|outputs| &outputs.content) {
        names.extend(entries.iter().filter_map(|(key, _)| key.text()));
    }
    let is_made = names.iter().any(|name| name.starts_with("Fn::"));
    (!is_changed && !is_made).then_some(names)
}

/// The X of `AddonsStack.Outputs.X`.
fn output(text: &str) -> Option<&str> {
    text.strip_prefix(STACK)?.strip_prefix(".Outputs.")
}
