//! The graph in the language of Mermaid, which GitHub and GitLab draw in a Markdown file.

use std::fmt::Write as _;

use crate::documents::GraphDocument;
use crate::draw::{kind, one_line};

/// The graph. A dotted arrow is one that nobody wrote; a thick one is a step of the longest path.
pub(crate) fn mermaid(document: &GraphDocument) -> String {
    let of = one_line(&format!("{}, branch {}", document.repository, document.branch));
    let mut text = String::from("flowchart LR\n");
    let _ = writeln!(
        text,
        "  %% {of}; dotted arrows: not written, from environment, pipeline or import; thick arrows: the longest path"
    );
    for (place, node) in document.targets.iter().enumerate() {
        let (name, class) = (escape(node.target.as_str()), kind(node.kind));
        // An environment is a round box.
        let (open, close) = if class == "environment" { ("([", "])") } else { ("[", "]") };
        let _ = writeln!(text, "  t{place}{open}\"{name}\"{close}:::{class}");
    }
    for edge in &document.edges {
        let (dependency, waiter) = edge.places;
        let arrow = if edge.reason.is_inferred() { "-.->" } else { "-->" };
        let label = edge.import.as_ref().map(|name| format!("|\"{}\"|", escape(name))).unwrap_or_default();
        let _ = writeln!(text, "  t{dependency} {arrow}{label} t{waiter}");
    }
    // Mermaid counts arrows as they come.
    let on_longest_path = document.edges.iter().enumerate().filter(|(_, edge)| edge.on_longest_path);
    let steps: Vec<String> = on_longest_path.map(|(place, _)| place.to_string()).collect();
    if !steps.is_empty() {
        let _ = writeln!(text, "  linkStyle {} stroke:#c2570c,stroke-width:3px", steps.join(","));
    }
    text.push_str("  classDef environment fill:#dbeafe,stroke:#2563eb,color:#0b1f44\n");
    text.push_str("  classDef environment_addon fill:#dcfce7,stroke:#16a34a,color:#052e16\n");
    text.push_str("  classDef service_pipeline fill:#ede9fe,stroke:#7c3aed,color:#2e1065\n");
    text.push_str("  classDef service_instance fill:#f1f5f9,stroke:#475569,color:#0f172a\n");
    text
}

/// Mermaid reads `#name;` as a character; quotes end a text, and angle brackets begin HTML.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for character in one_line(text).chars() {
        match character {
            '"' | '#' | '&' | '<' | '>' | '`' | '\\' | ';' => {
                let _ = write!(escaped, "#{};", u32::from(character));
            }
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents::samples;

    #[test]
    fn arrows_tell_the_reason_and_the_longest_path() {
        insta::assert_snapshot!(mermaid(&samples::plan().into()));
    }

    #[test]
    fn a_name_cannot_leave_its_quotes() {
        assert_eq!(escape("a\"]\n<b>#1;"), "a#34;] #60;b#62;#35;1#59;");
    }
}
