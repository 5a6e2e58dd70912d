//! The graph in the language of Graphviz.

use std::fmt::Write as _;

use crate::documents::GraphDocument;
use crate::draw::{kind, one_line};

/// The graph. A dashed arrow is one that nobody wrote; a thick one is a step of the longest path.
pub(crate) fn dot(document: &GraphDocument) -> String {
    let title = format!("{}, branch {}", document.repository, document.branch);
    let mut text = format!("digraph {} {{\n  rankdir=LR\n", quoted(&title));
    text.push_str("  node [shape=box, style=\"rounded,filled\", fillcolor=\"#f1f5f9\", color=\"#475569\", fontname=\"sans-serif\"]\n");
    text.push_str("  edge [color=\"#768390\"]\n");
    for (place, node) in document.targets.iter().enumerate() {
        let style = match kind(node.kind).as_str() {
            "environment" => ", shape=component, fillcolor=\"#dbeafe\", color=\"#2563eb\"",
            "environment_addon" => ", shape=folder, fillcolor=\"#dcfce7\", color=\"#16a34a\"",
            "service_pipeline" => ", shape=cds, fillcolor=\"#ede9fe\", color=\"#7c3aed\"",
            _ => "",
        };
        let (label, tooltip) = (quoted(node.target.as_str()), quoted(&format!("{}, stack {}", node.kind, node.stack)));
        let _ = writeln!(text, "  t{place} [label={label}, tooltip={tooltip}{style}]");
    }
    for edge in &document.edges {
        let (dependency, waiter) = edge.places;
        let why = edge.reason.with_name(edge.import.as_ref());
        let mut style = vec![format!("tooltip={}", quoted(&why))];
        if let Some(name) = &edge.import {
            style.push(format!("label={}", quoted(name)));
        }
        if edge.reason.is_inferred() {
            style.push("style=dashed".to_owned());
        }
        if edge.on_longest_path {
            style.push("penwidth=2.5, color=\"#c2570c\"".to_owned());
        }
        let _ = writeln!(text, "  t{dependency} -> t{waiter} [{}]", style.join(", "));
    }
    text.push_str("}\n");
    text
}

/// A text in quotes. Graphviz reads a backslash in a label as the beginning of something, and `&` as HTML does.
fn quoted(text: &str) -> String {
    format!("\"{}\"", one_line(text).replace('&', "&amp;").replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents::samples;

    #[test]
    fn arrows_tell_the_reason_and_the_longest_path() {
        insta::assert_snapshot!(dot(&samples::plan().into()));
    }

    #[test]
    fn a_name_cannot_leave_its_quotes() {
        assert_eq!(quoted("a&lt;\"\\\n"), r#""a&amp;lt;\"\\""#);
    }
}
