//! Several templates as one. Nothing is dropped: what two of them say differently is an error that names both places.

use super::Part;
use crate::diagnostic::{Diagnostic, nearest};
use crate::names::RepoPath;
use crate::yaml::{Content, Node, same};

/// The sections whose entries are merged by their keys.
const BY_KEY: [&str; 6] = ["Metadata", "Parameters", "Conditions", "Resources", "Outputs", "Rules"];

/// The other sections that CloudFormation and its macros know.
///
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-anatomy.html>
const OTHERS: [&str; 6] = ["AWSTemplateFormatVersion", "Description", "Mappings", "Transform", "Hooks", "Globals"];

/// A key and its value, and the file that they are from.
type Placed<'p> = (&'p RepoPath, &'p Node, &'p Node);

/// The templates as one, in the order of their names: sections by key, Mappings by both levels, Transform as a set, and
/// whatever else there is where all that have it agree. Notes every conflict.
pub(super) fn merged(parts: &[Part<'_>], errors: &mut Vec<Diagnostic>) -> Node {
    let mut sections: Vec<(Placed<'_>, Node)> = Vec::new();
    for part in parts {
        let Content::Mapping(entries) = &part.root.content else {
            let error = Diagnostic::error(part.path, format!("a template must be a mapping, not {}", part.root.kind()));
            errors.push(error.at(part.root.span).help("write it as `key: value` lines, with `Resources` among them"));
            continue;
        };
        for (key, value) in entries {
            let name = key.text().unwrap_or_default();
            let placed = (part.path, key, value);
            errors.extend(misspelt(name, part.path, key));
            match sections.iter_mut().find(|((_, known, _), _)| known.text() == Some(name)) {
                Some((first, section)) => add(name, section, first.0, placed, errors),
                None => sections.push((placed, value.clone())),
            }
        }
    }
    let span = parts.first().map(|part| part.root.span).unwrap_or_default();
    let entries = sections.into_iter().map(|((_, key, _), section)| (key.clone(), section)).collect();
    Node { span, tag: None, content: Content::Mapping(entries) }
}

/// The error for a section that is most likely misspelt: what is in it would be missing from what is merged.
fn misspelt(name: &str, path: &RepoPath, key: &Node) -> Option<Diagnostic> {
    let known = BY_KEY.iter().chain(&OTHERS).copied();
    let near = nearest(name, known.clone()).filter(|_| !known.clone().any(|known| known == name))?;
    let error = Diagnostic::error(path, format!("a template has no section `{name}`"));
    Some(error.at(key.span).help(format!("did you mean `{near}`?")))
}

/// Adds what one more file says in a section.
fn add(name: &str, section: &mut Node, first: &RepoPath, placed: Placed<'_>, errors: &mut Vec<Diagnostic>) {
    let (_, key, value) = placed;
    match name {
        "Transform" => {
            let mut all = as_list(section);
            let new = as_list(value);
            all.extend(new.into_iter().filter(|new| !as_list(section).iter().any(|known| same(known, new))));
            section.content = Content::Sequence(all);
            section.tag = None;
        }
        "Mappings" => merge_keys(name, section, first, placed, errors, 2),
        _ if BY_KEY.contains(&name) => merge_keys(name, section, first, placed, errors, 1),
        _ if same(section, value) => {}
        _ => errors.push(conflict(&format!("`{name}`"), first, section, (placed.0, key))),
    }
}

/// Adds the entries of a mapping to another, `levels` deep; deeper they must be the same.
fn merge_keys(
    name: &str,
    into: &mut Node,
    first: &RepoPath,
    (path, key, value): Placed<'_>,
    errors: &mut Vec<Diagnostic>,
    levels: usize,
) {
    let (Content::Mapping(known), Content::Mapping(new)) = (&mut into.content, &value.content) else {
        if !same(into, value) {
            errors.push(conflict(&format!("`{name}`"), first, into, (path, key)));
        }
        return;
    };
    for (key, value) in new {
        let Some((_, there)) = known.iter_mut().find(|(other, _)| other.text() == key.text()) else {
            known.push((key.clone(), value.clone()));
            continue;
        };
        let name = format!("{name}.{}", key.text().unwrap_or_default());
        if levels > 1 {
            merge_keys(&name, there, first, (path, key, value), errors, levels - 1);
        } else if !same(there, value) {
            errors.push(conflict(&format!("`{name}`"), first, there, (path, key)));
        }
    }
}

fn as_list(node: &Node) -> Vec<Node> {
    match &node.content {
        Content::Sequence(items) => items.clone(),
        _ => vec![node.clone()],
    }
}

fn conflict(what: &str, first: &RepoPath, there: &Node, (path, key): (&RepoPath, &Node)) -> Diagnostic {
    let line = there.span.line;
    Diagnostic::error(path, format!("{what} is another one than in `{first}`, line {line}"))
        .at(key.span)
        .help("the files of an addon become one template: rename one of the two, or let both say the same")
}
