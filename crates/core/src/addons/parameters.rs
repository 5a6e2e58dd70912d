//! The values of an addon's parameters: those that are passed down, and those of `addons.parameters.yml`.

use std::collections::BTreeMap;

use super::Part;
use crate::diagnostic::{Diagnostic, Span, nearest};
use crate::files::Tree;
use crate::intrinsic;
use crate::names::RepoPath;
use crate::yaml::{self, Content, Node, Reader, list};

/// The two spellings of the file that gives values.
pub(super) const FILES: [&str; 2] = ["addons.parameters.yaml", "addons.parameters.yml"];

/// The parameters that the templates declare, by name.
pub(super) type Declarations = BTreeMap<String, Declared>;

/// A parameter, and the first template that declares it.
#[derive(Clone, Debug)]
pub(super) struct Declared {
    /// The template.
    pub(super) path: RepoPath,
    /// Where it stands there.
    pub(super) span: Span,
    /// Whether it needs no value.
    pub(super) has_default: bool,
}

/// The parameters that the templates declare.
pub(super) fn declared(parts: &[Part<'_>]) -> Declarations {
    let mut declared = Declarations::new();
    for part in parts {
        let Some(Content::Mapping(entries)) = part.root.get("Parameters").map(|node| &node.content) else { continue };
        for (key, parameter) in entries {
            let Some(name) = key.text() else { continue };
            declared.entry(name.to_owned()).or_insert_with(|| Declared {
                path: part.path.clone(),
                span: key.span,
                has_default: parameter.get("Default").is_some(),
            });
        }
    }
    declared
}

/// The values in the file, each with its place, as `read` reads one. `own` are those that are passed down.
///
/// Notes a value for a parameter that no template has, and one for a parameter that is passed down.
pub(super) fn given<V>(
    file: Option<&(RepoPath, Tree)>,
    own: &BTreeMap<&'static str, String>,
    declared: &Declarations,
    read: impl Fn(&Node, &str, &mut Reader<'_>) -> V,
    errors: &mut Vec<Diagnostic>,
) -> BTreeMap<String, (Span, V)> {
    let mut values = BTreeMap::new();
    let Some((path, tree)) = file else { return values };
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
        } else if !declared.contains_key(name) {
            let help = match nearest(name, declared.keys().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None if declared.is_empty() => "remove it: the templates declare no parameters".to_owned(),
                None => format!("the templates declare {}", list(&declared.keys().collect::<Vec<_>>())),
            };
            reader.error(key.span, format!("no template of the addon has a parameter `{name}`"), help);
        } else {
            // One that is wrong was given all the same.
            values.insert(name.to_owned(), (key.span, read(value, name, &mut reader)));
        }
    }
    errors.append(&mut reader.diagnostics);
    values
}

/// Notes each parameter that has neither a value nor a default.
pub(super) fn check_given(declared: &Declarations, is_given: impl Fn(&str) -> bool, errors: &mut Vec<Diagnostic>) {
    for (name, Declared { path, span, .. }) in declared.iter().filter(|(name, it)| !it.has_default && !is_given(name)) {
        errors.push(
            Diagnostic::error(path, format!("parameter `{name}` has neither a value nor a default"))
                .at(*span)
                .help(format!("give it under `Parameters` in `{}`, or a `Default` here", FILES[1])),
        );
    }
}

/// A value as CloudFormation takes it for a stack of its own: text, or a list joined with commas.
pub(super) fn text(value: &Node, name: &str, reader: &mut Reader<'_>) -> String {
    let is_function = value.tag.as_deref().is_some_and(|tag| tag.starts_with('!') && !tag.starts_with("!!"));
    if is_function || matches!(value.content, Content::Mapping(_)) {
        reader.error(
            value.span,
            format!("`{name}` must be a value, since the stack of an environment's addon lies in no other stack"),
            "write the value itself, or import it in the template: `!ImportValue …`",
        );
        return String::new();
    }
    joined(value, name, reader)
}

/// A value as a template gives it to a stack that is nested in it: a function as it is, all else as text in quotes, so
/// that it stays what was written.
pub(super) fn nested(value: &Node, name: &str, reader: &mut Reader<'_>) -> Node {
    if intrinsic::function(value).is_some() {
        return value.clone();
    }
    let text = match &value.content {
        Content::Sequence(items) if items.iter().any(|item| intrinsic::function(item).is_some()) => {
            reader.error(
                value.span,
                format!("`{name}` must be one value, and functions stand in this list"),
                "a nested stack takes text: write `!Join [',', […]]`",
            );
            String::new()
        }
        Content::Mapping(_) => {
            reader.error(
                value.span,
                format!("`{name}` must be a value or a function, not a mapping"),
                "write the value itself, or a function of the service's template: `!Ref …`, `!GetAtt …`",
            );
            String::new()
        }
        _ => joined(value, name, reader),
    };
    quoted(value.span, text)
}

/// A text as a node.
pub(super) fn quoted(span: Span, text: String) -> Node {
    Node { span, tag: None, content: Content::Scalar { text, plain: false } }
}

/// Text, or a list joined with commas.
fn joined(value: &Node, name: &str, reader: &mut Reader<'_>) -> String {
    if value.is_null() {
        return String::new();
    }
    reader.texts(value, &format!("`{name}`")).into_iter().map(|(text, _)| text).collect::<Vec<_>>().join(",")
}
