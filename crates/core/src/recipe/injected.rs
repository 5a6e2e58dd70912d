//! A value of a spec that becomes a part of what a template is: a resource or a section of its own.
//!
//! Templates write values as text, as Proton did, so a text with a line break or a colon can be read as more than a value. What
//! is rendered is compared with what comes of the same inputs without such characters: neither a section nor a resource may
//! have come of them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Inputs;
use crate::diagnostic::{Diagnostic, Span};
use crate::names::RepoPath;
use crate::yaml::{Content, Node};

/// What YAML may read as more than a text, and what stands for it in the comparison.
const STRUCTURE: [&str; 14] =
    ["\n", "\r", "\u{85}", "\u{2028}", "\u{2029}", "\t", ": ", " #", "'", "\"", "{", "}", "[", "]"];
const HARMLESS: &str = "x";

/// The inputs without what could be structure; nothing where there is none.
pub(super) fn harmless(inputs: &Inputs) -> Option<Inputs> {
    let changed: Inputs = inputs.iter().map(|(name, value)| (name.clone(), harmless_value(value))).collect();
    (changed != *inputs).then_some(changed)
}

fn harmless_value(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(harmless_text(text)),
        Value::Array(items) => items.iter().map(harmless_value).collect(),
        Value::Object(entries) => {
            Value::Object(entries.iter().map(|(key, value)| (harmless_text(key), harmless_value(value))).collect())
        }
        other => other.clone(),
    }
}

fn harmless_text(text: &str) -> String {
    STRUCTURE.iter().fold(text.to_owned(), |text, part| text.replace(part, HARMLESS))
}

/// An error for each section, entry of a section and type of a resource in what was rendered that is not in what comes of
/// harmless inputs, or where that cannot be read.
pub(super) fn check(rendered: &Node, of_harmless: Option<&Node>, spec: &RepoPath, span: Span) -> Vec<Diagnostic> {
    let known = of_harmless.map(parts).unwrap_or_default();
    let new = parts(rendered).into_iter().filter(|part| !known.contains(part));
    let error = |part: String| {
        Diagnostic::error(spec, format!("a value of this spec becomes a part of the template: {part}"))
            .at(span)
            .help("take line breaks and `: ` out of it, or have the template quote it: `{{ … | tojson }}`")
    };
    // The first says enough: what it holds would be told too.
    new.take(1).map(error).collect()
}

fn parts(template: &Node) -> BTreeSet<String> {
    let mut parts = BTreeSet::new();
    for (name, section) in entries(template) {
        parts.insert(format!("section `{name}`"));
        for (entry, content) in entries(section) {
            parts.insert(format!("`{entry}` in `{name}`"));
            if let Some(kind) = content.get("Type").and_then(Node::text) {
                parts.insert(format!("`{entry}` in `{name}` is of type `{kind}`"));
            }
        }
    }
    parts
}

fn entries(node: &Node) -> impl Iterator<Item = (&str, &Node)> {
    let entries = match &node.content {
        Content::Mapping(entries) => entries.as_slice(),
        _ => &[],
    };
    entries.iter().filter_map(|(key, value)| Some((key.text()?, value)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_could_be_structure_is_changed() {
        let inputs = |value: Value| value.as_object().unwrap().clone();
        assert_eq!(harmless(&inputs(json!({"a": "arn:aws:sns:x", "n": 3, "l": ["a,b"]}))), None);
        let found = harmless(&inputs(json!({"a": "x\n  Evil: y", "b": {"c: d": ["{d: e}"]}}))).unwrap();
        assert_eq!(Value::Object(found), json!({"a": "xx  Evilxy", "b": {"cxd": ["xdxex"]}}));
    }
}
