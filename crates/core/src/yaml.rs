//! YAML with positions: the one place that parses what a person wrote.
//!
//! A document becomes a tree of [`Node`]s, each with its place in the text, so that a check can say where
//! it is not satisfied. Scalars keep their text; what a scalar means (a number, a boolean) is decided by
//! whoever reads it, or by [`Node::to_json`]. Anchors are expanded within a budget, so that no file is
//! larger in memory than it looks.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span as ParserSpan, Tag};
use serde_json::Value;

use crate::diagnostic::{Diagnostic, Span, nearest};
use crate::names::RepoPath;

/// The most nodes that one document may expand to. A manifest of 10,000 instances has some 100,000.
const MAX_NODES: usize = 1_000_000;

/// The deepest nesting that is read. Real files stay under 20.
const MAX_DEPTH: usize = 100;

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
            Content::Mapping(entries) => {
                Value::Object(entries.iter().map(|(key, value)| (key.key_text(), value.to_json())).collect())
            }
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

    fn key_text(&self) -> String {
        match &self.content {
            Content::Scalar { text, .. } => text.clone(),
            _ => self.to_json().to_string(),
        }
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
        return text.strip_prefix('+').unwrap_or(text).parse::<i64>().ok().map(Value::from);
    }
    let is_float = unsigned.bytes().any(|byte| byte.is_ascii_digit())
        && unsigned.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte));
    is_float.then(|| text.parse::<f64>().ok()).flatten().map(Value::from)
}

/// Parses a file that holds one document.
///
/// Errors: one diagnostic at the place where the text stops being YAML, or where it goes beyond what is read
/// (nesting deeper than 100, more than a million nodes once anchors are expanded, a second document).
pub fn parse(path: &RepoPath, text: &str) -> Result<Node, Diagnostic> {
    let text_without_mark = text.strip_prefix('\u{feff}').unwrap_or(text);
    let places = Places::new(text_without_mark, text.len() - text_without_mark.len());
    let mut builder = Builder { path, anchors: BTreeMap::new(), nodes: 0 };
    let mut open: Vec<Open> = Vec::new();
    let mut root: Option<Node> = None;
    for event in Parser::new_from_str(text_without_mark) {
        let (event, span) = event.map_err(|error| {
            let at = places.at(error.marker(), error.marker());
            Diagnostic::error(path, format!("not valid YAML: {}", error.info()))
                .at(at)
                .help("check the indentation and the quotes on this line and the one above it")
        })?;
        let span = places.span(&span);
        let finished = match event {
            Event::Scalar(value, style, anchor, tag) => {
                let content = Content::Scalar { text: value.into_owned(), plain: style == ScalarStyle::Plain };
                Some((anchor, Node { span, tag: tag_text(tag.as_deref()), content }))
            }
            Event::Alias(anchor) => Some((0, builder.expand(anchor, span)?)),
            Event::SequenceStart(anchor, tag) => {
                builder.check_depth(open.len(), span)?;
                open.push(Open::new(anchor, span, tag_text(tag.as_deref()), false));
                None
            }
            Event::MappingStart(anchor, tag) => {
                builder.check_depth(open.len(), span)?;
                open.push(Open::new(anchor, span, tag_text(tag.as_deref()), true));
                None
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(ended) => Some(builder.close(ended, span)?),
                None => None,
            },
            Event::DocumentStart(_) if root.is_some() => {
                return Err(Diagnostic::error(path, "a second document in one file")
                    .at(span)
                    .help("keep one document a file"));
            }
            _ => None,
        };
        if let Some((anchor, node)) = finished {
            builder.count(1, node.span)?;
            if anchor != 0 {
                builder.anchors.insert(anchor, (node.clone(), size(&node)));
            }
            match open.last_mut() {
                Some(parent) => parent.children.push(node),
                None => root = Some(node),
            }
        }
    }
    Ok(root.unwrap_or(Node {
        span: places.at_start(),
        tag: None,
        content: Content::Scalar { text: String::new(), plain: true },
    }))
}

fn tag_text(tag: Option<&Tag>) -> Option<String> {
    tag.map(|tag| {
        if tag.is_yaml_core_schema() { format!("!!{}", tag.suffix) } else { format!("{}{}", tag.handle, tag.suffix) }
    })
}

fn size(node: &Node) -> usize {
    1 + match &node.content {
        Content::Scalar { .. } => 0,
        Content::Sequence(items) => items.iter().map(size).sum(),
        Content::Mapping(entries) => entries.iter().map(|(key, value)| size(key) + size(value)).sum(),
    }
}

/// A collection whose end was not reached yet.
struct Open {
    anchor: usize,
    span: Span,
    tag: Option<String>,
    is_mapping: bool,
    children: Vec<Node>,
}

impl Open {
    fn new(anchor: usize, span: Span, tag: Option<String>, is_mapping: bool) -> Self {
        Self { anchor, span, tag, is_mapping, children: Vec::new() }
    }
}

struct Builder<'a> {
    path: &'a RepoPath,
    anchors: BTreeMap<usize, (Node, usize)>,
    nodes: usize,
}

impl Builder<'_> {
    fn count(&mut self, nodes: usize, span: Span) -> Result<(), Diagnostic> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes <= MAX_NODES {
            return Ok(());
        }
        Err(Diagnostic::error(self.path, format!("more than {MAX_NODES} values once its aliases are expanded"))
            .at(span)
            .help("write the values out, or use fewer aliases"))
    }

    fn check_depth(&self, depth: usize, span: Span) -> Result<(), Diagnostic> {
        if depth < MAX_DEPTH {
            return Ok(());
        }
        Err(Diagnostic::error(self.path, format!("nested deeper than {MAX_DEPTH} levels"))
            .at(span)
            .help("flatten this structure"))
    }

    fn expand(&mut self, anchor: usize, span: Span) -> Result<Node, Diagnostic> {
        let Some((node, size)) = self.anchors.get(&anchor).map(|(node, size)| (node.clone(), *size)) else {
            return Err(Diagnostic::error(self.path, "an alias inside the value that it names")
                .at(span)
                .help("a value cannot contain itself: write the value out"));
        };
        self.count(size, span)?;
        Ok(Node { span, ..node })
    }

    fn close(&self, ended: Open, end: Span) -> Result<(usize, Node), Diagnostic> {
        // A block collection's end event stands behind trailing blank lines: a mark covers its first line only.
        let span = Span { end: end.end.max(ended.span.end), ..ended.span };
        let content = if ended.is_mapping {
            let mut entries: Vec<(Node, Node)> = Vec::with_capacity(ended.children.len() / 2);
            let mut seen: BTreeMap<String, usize> = BTreeMap::new();
            let mut children = ended.children.into_iter();
            while let (Some(key), Some(value)) = (children.next(), children.next()) {
                let name = key.key_text();
                if let Some(first) = seen.insert(name.clone(), key.span.line) {
                    return Err(Diagnostic::error(self.path, format!("`{name}` stands twice in one mapping"))
                        .at(key.span)
                        .help(format!("keep this one or the one in line {first}")));
                }
                entries.push((key, value));
            }
            Content::Mapping(entries)
        } else {
            Content::Sequence(ended.children)
        };
        Ok((ended.anchor, Node { span, tag: ended.tag, content }))
    }
}

/// Turns the parser's character positions into byte positions.
struct Places {
    /// The byte of each character; empty where all characters are one byte.
    bytes: Vec<usize>,
    length: usize,
    /// Bytes before the text that the parser sees.
    offset: usize,
}

impl Places {
    fn new(text: &str, offset: usize) -> Self {
        let bytes = if text.is_ascii() { Vec::new() } else { text.char_indices().map(|(byte, _)| byte).collect() };
        Self { bytes, length: text.len(), offset }
    }

    fn byte(&self, character: usize) -> usize {
        let byte = if self.bytes.is_empty() {
            character.min(self.length)
        } else {
            self.bytes.get(character).copied().unwrap_or(self.length)
        };
        byte + self.offset
    }

    fn at(&self, start: &saphyr_parser::Marker, end: &saphyr_parser::Marker) -> Span {
        let from = self.byte(start.index());
        Span { start: from, end: self.byte(end.index()).max(from), line: start.line().max(1), column: start.col() + 1 }
    }

    fn span(&self, span: &ParserSpan) -> Span {
        self.at(&span.start, &span.end)
    }

    fn at_start(&self) -> Span {
        Span { start: self.offset, end: self.offset, line: 1, column: 1 }
    }
}

/// Reads a file's tree into a model and collects every problem on the way.
///
/// The methods return nothing where the shape is wrong, having noted why, so that a reader goes on to the next
/// field and the person sees all problems at once.
pub struct Reader<'a> {
    path: &'a RepoPath,
    /// What was found so far.
    pub diagnostics: Vec<Diagnostic>,
}

impl<'a> Reader<'a> {
    /// A reader of the file at `path`.
    pub fn new(path: &'a RepoPath) -> Self {
        Self { path, diagnostics: Vec::new() }
    }

    /// The file that is read.
    pub fn path(&self) -> &'a RepoPath {
        self.path
    }

    /// Notes an error at a node.
    pub fn error(&mut self, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.diagnostics.push(Diagnostic::error(self.path, message).at(span).help(help));
    }

    /// Notes a warning at a node.
    pub fn warning(&mut self, span: Span, message: impl Into<String>, help: impl Into<String>) {
        self.diagnostics.push(Diagnostic::warning(self.path, message).at(span).help(help));
    }

    /// The entries of a mapping. `what` names it in the message: `` `sync` ``.
    pub fn mapping<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n [(Node, Node)]> {
        match &node.content {
            Content::Mapping(entries) => Some(entries),
            _ => {
                self.error(
                    node.span,
                    format!("{what} must be a mapping, not {}", node.kind()),
                    format!("write {what} as `key: value` lines"),
                );
                None
            }
        }
    }

    /// Text that must be there.
    pub fn text<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n str> {
        let text = node.text();
        if text.is_none() {
            self.error(
                node.span,
                format!("{what} must be text, not {}", node.kind()),
                format!("give {what} one value"),
            );
        }
        text
    }

    /// A scalar, or a list of scalars, each with its node: what a `depends_on` holds.
    pub fn texts<'n>(&mut self, node: &'n Node, what: &str) -> Vec<(&'n str, &'n Node)> {
        match &node.content {
            Content::Sequence(items) => {
                items.iter().filter_map(|item| self.text(item, what).map(|text| (text, item))).collect()
            }
            _ => match node.text() {
                Some(text) => vec![(text, node)],
                None => {
                    self.error(
                        node.span,
                        format!("{what} must be one value or a list of values, not {}", node.kind()),
                        format!("write {what} as `a` or as `[a, b]`, or remove it"),
                    );
                    Vec::new()
                }
            },
        }
    }

    /// One mapping, or a list of mappings.
    pub fn one_or_many<'n>(&self, node: &'n Node) -> Vec<&'n Node> {
        match &node.content {
            Content::Sequence(items) => items.iter().collect(),
            _ => vec![node],
        }
    }

    /// A path inside the repository.
    pub fn repo_path(&mut self, node: &Node, what: &str) -> Option<RepoPath> {
        let text = self.text(node, what)?;
        let path = RepoPath::parse(text);
        if path.is_none() {
            self.error(
                node.span,
                format!("{what} `{text}` does not name a file in the repository"),
                "write a path from the root of the repository, without `..` that leaves it",
            );
        }
        path
    }

    /// Notes every key of the mapping that is not among `known`, with the nearest that is.
    pub fn known_keys(&mut self, entries: &[(Node, Node)], what: &str, known: &[&str]) {
        for (key, _) in entries {
            let name = key.text().unwrap_or_default();
            if known.contains(&name) {
                continue;
            }
            let help = match nearest(name, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known here: {}", list(known)),
            };
            self.error(key.span, format!("unknown key `{name}` in {what}"), help);
        }
    }
}

/// Names in backticks, with commas.
pub fn list<T: AsRef<str>>(names: &[T]) -> String {
    names.iter().map(|name| format!("`{}`", name.as_ref())).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

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
            r#"{"a":1,"b":"1","c":true,"d":null,"e":1.5,"f":"yes","g":16,"h":"1.2.3","i":-3,"j":8,"k":"+","l":"."}"#
        );
    }

    #[test]
    fn tags_are_kept() {
        assert_eq!(read("a: !Sub x").unwrap().get("a").unwrap().tag.as_deref(), Some("!Sub"));
    }

    #[test]
    fn a_key_twice_is_an_error_at_the_second() {
        let error = read("a: 1\nb: 2\na: 3\n").unwrap_err();
        assert_eq!(
            error.one_line(),
            "x.yaml:3:1: error: `a` stands twice in one mapping; help: keep this one or the one in line 1"
        );
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
