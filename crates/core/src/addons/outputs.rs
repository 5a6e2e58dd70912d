//! What a service's template takes from its addons: `AddonsStack.Outputs.X`, in whichever way it is written.

use std::collections::BTreeSet;

use super::nested::STACK;
use crate::diagnostic::{Diagnostic, Span, nearest};
use crate::intrinsic::function;
use crate::names::RepoPath;
use crate::yaml::{Content, Node, list};

/// Notes each output that the template takes and the addons do not have.
pub(super) fn check(path: &RepoPath, template: &Node, addons: &Node, folder: &RepoPath, errors: &mut Vec<Diagnostic>) {
    let Some(known) = names(addons) else { return };
    let mut taken = Vec::new();
    find(template, &mut taken);
    for (name, span) in taken.into_iter().filter(|(name, _)| !known.contains(name.as_str())) {
        let help = match nearest(&name, known.iter().copied()) {
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

/// The outputs of the addons that a node takes, each with its place.
fn find(node: &Node, taken: &mut Vec<(String, Span)>) {
    // The argument of a short form is the node itself, which may be the mapping of another function.
    match function(node) {
        Some(("GetAtt", argument)) => taken.extend(attribute(argument)),
        Some(("Sub", argument)) => variables(argument, taken),
        _ => {}
    }
    match &node.content {
        Content::Scalar { .. } => {}
        Content::Sequence(items) => items.iter().for_each(|item| find(item, taken)),
        Content::Mapping(entries) => entries.iter().for_each(|(_, value)| find(value, taken)),
    }
}

/// The output that the argument of a `GetAtt` names: `AddonsStack.Outputs.X`, or `[AddonsStack, Outputs.X]`.
fn attribute(argument: &Node) -> Option<(String, Span)> {
    match &argument.content {
        Content::Scalar { text, .. } => Some((output(text)?.to_owned(), argument.span)),
        Content::Sequence(items) => match items.as_slice() {
            [resource, attribute] if resource.text() == Some(STACK) => {
                Some((attribute.text()?.strip_prefix("Outputs.")?.to_owned(), attribute.span))
            }
            _ => None,
        },
        Content::Mapping(_) => None,
    }
}

/// The outputs that stand as variables in the text of a `Sub`, and are none that it gives itself.
fn variables(argument: &Node, taken: &mut Vec<(String, Span)>) {
    let (text, own) = match &argument.content {
        Content::Sequence(items) => match items.as_slice() {
            [text, own] => (text, Some(own)),
            _ => return,
        },
        _ => (argument, None),
    };
    let mut rest = text.text().unwrap_or_default();
    while let Some((name, behind)) = rest.split_once("${").and_then(|(_, after)| after.split_once('}')) {
        if own.is_none_or(|own| own.get(name).is_none()) {
            taken.extend(output(name).map(|output| (output.to_owned(), text.span)));
        }
        rest = behind;
    }
}

/// The X of `AddonsStack.Outputs.X`.
fn output(text: &str) -> Option<&str> {
    text.strip_prefix(STACK)?.strip_prefix(".Outputs.")
}
