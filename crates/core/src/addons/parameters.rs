//! The values of an addon's parameters: those that are passed down, and those of `addons.parameters.yml`.

use std::collections::BTreeMap;

use super::Part;
use crate::diagnostic::{Diagnostic, nearest};
use crate::files::Tree;
use crate::names::RepoPath;
use crate::yaml::{self, Content, Node, Reader, list};

/// The two spellings of the file that gives values.
pub(super) const FILES: [&str; 2] = ["addons.parameters.yaml", "addons.parameters.yml"];

/// The values for the parameters that the templates declare. `own` are those that are passed down, where declared.
///
/// Notes a parameter with neither value nor default, a value for a parameter that no template has, and one for a
/// parameter that is passed down.
pub(super) fn values(
    parts: &[Part<'_>],
    file: Option<(&RepoPath, Tree)>,
    own: &BTreeMap<&'static str, String>,
    errors: &mut Vec<Diagnostic>,
) -> BTreeMap<String, String> {
    let mut declared: BTreeMap<&str, (&RepoPath, &Node, &Node)> = BTreeMap::new();
    for part in parts {
        let Some(Content::Mapping(entries)) = part.root.get("Parameters").map(|node| &node.content) else { continue };
        for (key, parameter) in entries {
            if let Some(name) = key.text() {
                declared.entry(name).or_insert((part.path, key, parameter));
            }
        }
    }
    let mut values = match file {
        Some((path, tree)) => given(path, &tree, own, &declared.keys().copied().collect::<Vec<_>>(), errors),
        None => BTreeMap::new(),
    };
    for (name, (path, key, parameter)) in declared {
        if let Some(value) = own.get(name) {
            values.insert(name.to_owned(), value.clone());
        } else if !values.contains_key(name) && parameter.get("Default").is_none() {
            errors.push(
                Diagnostic::error(path, format!("parameter `{name}` has neither a value nor a default"))
                    .at(key.span)
                    .help(format!("give it under `Parameters` in `{}`, or a `Default` here", FILES[1])),
            );
        }
    }
    values
}

/// The values in the file.
fn given(
    path: &RepoPath,
    tree: &Tree,
    own: &BTreeMap<&'static str, String>,
    declared: &[&str],
    errors: &mut Vec<Diagnostic>,
) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    let root = match &**tree {
        Ok(root) => root,
        Err(error) => {
            errors.push(error.clone());
            return values;
        }
    };
    errors.extend(yaml::repeated_keys(path, root));
    let mut reader = Reader::new(path);
    let entries = reader.mapping(root, "the file of parameters").unwrap_or_default();
    reader.known_keys(entries, "a file of parameters", &["Parameters"]);
    let node = root.get("Parameters").filter(|node| !node.is_null());
    for (key, value) in node.and_then(|node| reader.mapping(node, "`Parameters`")).unwrap_or_default() {
        let Some(name) = reader.text(key, "the name of a parameter") else { continue };
        if own.contains_key(name) {
            let help = format!("remove it: {} are passed down", list(&own.keys().collect::<Vec<_>>()));
            reader.error(key.span, format!("`{name}` cannot be set"), help);
        } else if !declared.contains(&name) {
            let help = match nearest(name, declared.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if declared.is_empty() => "remove it: the templates declare no parameters".to_owned(),
                None => format!("the templates declare {}", list(declared)),
            };
            reader.error(key.span, format!("no template of the addon has a parameter `{name}`"), help);
        } else {
            // One that is wrong was given all the same.
            values.insert(name.to_owned(), text_of(value, name, &mut reader).unwrap_or_default());
        }
    }
    errors.append(&mut reader.diagnostics);
    values
}

/// A value as CloudFormation takes it: text, or a list joined with commas.
fn text_of(value: &Node, name: &str, reader: &mut Reader<'_>) -> Option<String> {
    let is_function = value.tag.as_deref().is_some_and(|tag| tag.starts_with('!') && !tag.starts_with("!!"));
    if is_function || matches!(value.content, Content::Mapping(_)) {
        reader.error(
            value.span,
            format!("`{name}` must be a value, since the stack of an environment's addon lies in no other stack"),
            "write the value itself, or import it in the template: `!ImportValue …`",
        );
        return None;
    }
    if value.is_null() {
        return Some(String::new());
    }
    Some(reader.texts(value, &format!("`{name}`")).into_iter().map(|(text, _)| text).collect::<Vec<_>>().join(","))
}
