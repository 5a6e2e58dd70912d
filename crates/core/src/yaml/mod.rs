//! YAML with positions: the one place that parses what a person wrote.
//!
//! A document becomes a tree of [`Node`]s, each with its place in the text, so that a check can say where
//! it is not satisfied. Scalars keep their text; what a scalar means (a number, a boolean) is decided by
//! whoever reads it, or by [`Node::to_json`]. Anchors are expanded within a budget, so that no file is
//! larger in memory than it looks.

mod parse;
mod reader;
mod write;

use std::borrow::Cow;

pub use parse::parse;
pub(crate) use parse::repeated_keys;
pub use reader::{Reader, list};
use serde_json::Value;
pub use write::write;

use crate::diagnostic::Span;

/// A node of a document and its place.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where it stands.
    pub span: Span,
    /// A tag as written, `!Sub` for one; nothing for an untagged node.
    pub tag: Option<String>,
    /// What it is.
    pub content: Content,
}

/// What a node is.
#[derive(Clone, Debug)]
pub enum Content {
    /// A scalar's text; `plain` when it is written without quotes, so that it may mean a number or null.
    Scalar {
        /// The text.
        text: String,
        /// Written without quotes.
        plain: bool,
    },
    /// A list.
    Sequence(Vec<Node>),
    /// A mapping, in the order of the file.
    Mapping(Vec<(Node, Node)>),
}

impl Node {
    /// The text of a scalar that is not null.
    pub fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Scalar { text, .. } if !self.is_null() => Some(text),
            _ => None,
        }
    }

    /// Whether this is YAML's null: `~`, `null`, or nothing at all.
    pub fn is_null(&self) -> bool {
        matches!(&self.content, Content::Scalar { text, plain: true }
            if matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"))
    }

    /// The value of a key of a mapping.
    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.content {
            Content::Mapping(entries) => {
                entries.iter().find(|(name, _)| name.text() == Some(key)).map(|(_, value)| value)
            }
            _ => None,
        }
    }

    /// What it is called in a message: `a mapping`, `a list`, `nothing`, `a value`.
    pub fn kind(&self) -> &'static str {
        match &self.content {
            Content::Mapping(_) => "a mapping",
            Content::Sequence(_) => "a list",
            Content::Scalar { .. } if self.is_null() => "nothing",
            Content::Scalar { .. } => "a value",
        }
    }

    /// The node as JSON, plain scalars by YAML 1.2's core schema, mappings in the order of the file.
    pub fn to_json(&self) -> Value {
        match &self.content {
            Content::Sequence(items) => Value::Array(items.iter().map(Self::to_json).collect()),
            Content::Mapping(entries) => Value::Object(
                entries.iter().map(|(key, value)| (key.key_text().into_owned(), value.to_json())).collect(),
            ),
            Content::Scalar { text, plain: false } => Value::String(text.clone()),
            Content::Scalar { text, plain: true } => match (self.tag.as_deref(), text.as_str()) {
                (Some("!!str"), _) => Value::String(text.clone()),
                (_, "" | "~" | "null" | "Null" | "NULL") => Value::Null,
                (_, "true" | "True" | "TRUE") => Value::Bool(true),
                (_, "false" | "False" | "FALSE") => Value::Bool(false),
                _ => number(text).unwrap_or_else(|| Value::String(text.clone())),
            },
        }
    }

    /// A mapping's key as text.
    fn key_text(&self) -> Cow<'_, str> {
        match &self.content {
            Content::Scalar { text, .. } => Cow::Borrowed(text),
            _ => Cow::Owned(self.to_json().to_string()),
        }
    }
}

/// Whether two nodes say the same, wherever they stand, with mappings in any order.
pub(crate) fn same(one: &Node, other: &Node) -> bool {
    if one.tag != other.tag {
        return false;
    }
    match (&one.content, &other.content) {
        (Content::Scalar { .. }, Content::Scalar { .. }) => one.to_json() == other.to_json(),
        (Content::Sequence(ones), Content::Sequence(others)) => {
            ones.len() == others.len() && ones.iter().zip(others).all(|(one, other)| same(one, other))
        }
        (Content::Mapping(ones), Content::Mapping(others)) => {
            let is_in_others = |(key, value): &(Node, Node)| {
                others.iter().any(|(other, content)| same_text(key, other) && same(value, content))
            };
            ones.len() == others.len() && ones.iter().all(is_in_others)
        }
        _ => false,
    }
}

fn same_text(one: &Node, other: &Node) -> bool {
    one.key_text() == other.key_text()
}

/// Where the value (or the key) under a path of keys and indexes stands.
pub(crate) fn place(node: &Node, parts: &[&str], of_key: bool) -> Option<Span> {
    let [part, rest @ ..] = parts else { return Some(node.span) };
    match &node.content {
        Content::Mapping(entries) => {
            let (key, value) = entries.iter().find(|(key, _)| key.text() == Some(part))?;
            if rest.is_empty() && of_key { Some(key.span) } else { place(value, rest, of_key) }
        }
        Content::Sequence(items) => place(items.get(part.parse::<usize>().ok()?)?, rest, of_key),
        Content::Scalar { .. } => None,
    }
}

/// A plain scalar as a number, by YAML 1.2's core schema.
fn number(text: &str) -> Option<Value> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if let Some(digits) = text.strip_prefix("0x") {
        return i64::from_str_radix(digits, 16).ok().map(Value::from);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return i64::from_str_radix(digits, 8).ok().map(Value::from);
    }
    if !unsigned.starts_with(|first: char| first.is_ascii_digit() || first == '.') {
        return None;
    }
    if unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        // What begins with a zero is an octal number to one reader of YAML and a decimal one to another, and to whoever
        // wrote it most likely an account id or a version: it stays text.
        if unsigned.len() > 1 && unsigned.starts_with('0') {
            return None;
        }
        return text.strip_prefix('+').unwrap_or(text).parse::<i64>().ok().map(Value::from);
    }
    let is_float = unsigned.bytes().any(|byte| byte.is_ascii_digit())
        && unsigned.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte));
    is_float.then(|| text.parse::<f64>().ok()).flatten().map(Value::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Diagnostic;
    use crate::names::RepoPath;

    fn read(text: &str) -> Result<Node, Diagnostic> {
        parse(&RepoPath::parse("x.yaml").unwrap(), text)
    }

    #[test]
    fn places_count_bytes_and_characters() {
        let node = read("ä: ö\nb: c\n").unwrap();
        let value = node.get("b").unwrap();
        assert_eq!((value.span.line, value.span.column, value.span.start, value.span.end), (2, 4, 10, 11));
        let node = read("\u{feff}b: c").unwrap();
        assert_eq!(node.get("b").unwrap().span.start, 6);
    }

    #[test]
    fn scalars_mean_what_the_core_schema_says() {
        let json = read("{a: 1, b: '1', c: true, d: ~, e: 1.5, f: yes, g: 0x10, h: 1.2.3, i: -3, j: 08, k: +, l: .}")
            .unwrap()
            .to_json();
        assert_eq!(
            json.to_string(),
            r#"{"a":1,"b":"1","c":true,"d":null,"e":1.5,"f":"yes","g":16,"h":"1.2.3","i":-3,"j":"08","k":"+","l":"."}"#
        );
    }

    #[test]
    fn tags_are_kept() {
        assert_eq!(read("a: !Sub x").unwrap().get("a").unwrap().tag.as_deref(), Some("!Sub"));
    }

    #[test]
    fn a_key_twice_is_an_error_at_the_second_wherever_it_stands() {
        let path = RepoPath::parse("x.yaml").unwrap();
        let root = read("a: 1\nb: [{c: 2, c: 3}]\na: 3\n").unwrap();
        let lines: Vec<String> = repeated_keys(&path, &root).iter().map(Diagnostic::one_line).collect();
        assert_eq!(
            lines,
            [
                "x.yaml:2:12: error: `c` stands twice in one mapping; help: keep this one or the one in line 2",
                "x.yaml:3:1: error: `a` stands twice in one mapping; help: keep this one or the one in line 1"
            ]
        );
    }

    #[test]
    fn a_merge_key_gives_what_the_mapping_does_not_have_itself() {
        let root = read("d: &d {x: 1, y: 2}\ne: &e {x: 3, z: 4}\nf: {<<: [*d, *e], y: 5}\n").unwrap();
        assert_eq!(root.get("f").unwrap().to_json().to_string(), r#"{"y":5,"x":1,"z":4}"#);
        let root = read("a: {<<: 1}").unwrap();
        assert!(root.get("a").unwrap().get("<<").is_some());
    }

    #[test]
    fn an_alias_bomb_is_refused() {
        let mut text = String::from("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
        for level in 1..10 {
            let previous = format!("*a{}", level - 1);
            text.push_str(&format!("a{level}: &a{level} [{}]\n", vec![previous; 10].join(",")));
        }
        assert!(read(&text).unwrap_err().message.contains("aliases"));
    }

    #[test]
    fn an_alias_bomb_of_one_long_text_is_refused() {
        let text = format!("a: &a {}\nb: [{}]\n", "x".repeat(100_000), vec!["*a"; 100_000].join(","));
        assert!(read(&text).unwrap_err().message.contains("aliases"));
    }

    #[test]
    fn nesting_and_broken_text_are_refused_with_a_place() {
        let deep = (0..150).map(|level| format!("{}a:\n", " ".repeat(level))).collect::<String>();
        assert!(read(&deep).unwrap_err().message.contains("nested deeper"));
        assert!(read(&"[".repeat(5000)).unwrap_err().span.is_some());
        let error = read("a: b\n  c: d\n").unwrap_err();
        assert!(error.span.is_some(), "{error:?}");
        assert!(read("a: 1\n---\nb: 2\n").unwrap_err().message.contains("second document"));
        assert!(read("a: &x [*x]").is_err());
    }
}
