//! From a file's text to a tree of nodes, each with its place, within a budget that no file can exceed.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use saphyr_parser::{Event, Parser, ScalarStyle, Span as ParserSpan, Tag};

use super::{Content, Node};
use crate::diagnostic::{Diagnostic, Span};
use crate::names::RepoPath;

/// The most nodes that one document may expand to. A manifest of 10,000 instances has some 100,000.
const MAX_NODES: usize = 1_000_000;

/// The most commas and opening brackets in a text. A collection in brackets is held by the parser as a whole before it
/// says anything of it, at some 300 bytes for each.
const MAX_BRACKETS: usize = 400_000;

/// The most text that one document may expand to, in bytes: what it holds itself is at most
/// [`crate::files::Files::MAX_FILE_BYTES`].
const MAX_TEXT_BYTES: usize = 4 * crate::files::Files::MAX_FILE_BYTES;

/// The deepest nesting that is read. Real files stay under 20.
const MAX_DEPTH: usize = 100;

/// Parses a file that holds one document.
///
/// Errors: one diagnostic at the place where the text stops being YAML, or where it goes beyond what is read
/// (nesting deeper than 100, a million nodes or 24 MiB of text once aliases are expanded, a second document). A key twice
/// in one mapping is none: see [`repeated_keys`].
pub fn parse(path: &RepoPath, text: &str) -> Result<Node, Diagnostic> {
    if text.bytes().filter(|byte| b",[{".contains(byte)).count() > MAX_BRACKETS {
        let error = Diagnostic::error(path, format!("more than {MAX_BRACKETS} commas and brackets"));
        return Err(error.at(Span { line: 1, column: 1, ..Span::default() }).help("divide the file"));
    }
    let text_without_mark = text.strip_prefix('\u{feff}').unwrap_or(text);
    let places = Places::new(text_without_mark, text.len() - text_without_mark.len());
    let mut builder = Builder { path, anchors: BTreeMap::new(), held: Size::default() };
    let mut open: Vec<Open> = Vec::new();
    let mut root: Option<Node> = None;
    for event in Parser::new_from_str(text_without_mark) {
        let (event, span) = event.map_err(|error| {
            if let Some(conflict) = conflict(path, text) {
                return conflict;
            }
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
            Event::SequenceEnd | Event::MappingEnd => open.pop().map(|ended| Builder::close(ended, span)),
            Event::DocumentStart(_) if root.is_some() => {
                return Err(Diagnostic::error(path, "a second document in one file")
                    .at(span)
                    .help("keep one document a file"));
            }
            _ => None,
        };
        if let Some((anchor, node)) = finished {
            builder.count(own_size(&node), node.span)?;
            if anchor != 0 {
                let size = size(&node);
                // The copy that is kept for its aliases.
                builder.count(size, node.span)?;
                builder.anchors.insert(anchor, (node.clone(), size));
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

/// The error for a file in which Git left both sides of a merge, at the first of them.
fn conflict(path: &RepoPath, text: &str) -> Option<Diagnostic> {
    let mut start = 0;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        if line.starts_with("<<<<<<< ") {
            let place = Span { start, end: start + line.trim_end().len(), line: index + 1, column: 1 };
            let error = Diagnostic::error(path, "not valid YAML: both sides of a merge are left in it");
            return Some(error.at(place).help("keep what is right of the lines up to the one with `>>>>>>>`"));
        }
        start += line.len();
    }
    None
}

fn tag_text(tag: Option<&Tag>) -> Option<String> {
    tag.map(|tag| {
        if tag.is_yaml_core_schema() { format!("!!{}", tag.suffix) } else { format!("{}{}", tag.handle, tag.suffix) }
    })
}

/// What a tree takes.
#[derive(Clone, Copy, Debug, Default)]
struct Size {
    nodes: usize,
    text: usize,
}

impl Size {
    fn add(&mut self, other: Self) {
        self.nodes = self.nodes.saturating_add(other.nodes);
        self.text = self.text.saturating_add(other.text);
    }
}

fn own_size(node: &Node) -> Size {
    let tag = node.tag.as_ref().map_or(0, String::len);
    let text = match &node.content {
        Content::Scalar { text, .. } => text.len(),
        Content::Sequence(_) | Content::Mapping(_) => 0,
    };
    Size { nodes: 1, text: tag + text }
}

/// What a tree takes with everything in it. Nesting is bounded, so this may recurse.
fn size(node: &Node) -> Size {
    let mut whole = own_size(node);
    match &node.content {
        Content::Scalar { .. } => {}
        Content::Sequence(items) => items.iter().for_each(|item| whole.add(size(item))),
        Content::Mapping(entries) => {
            for (key, value) in entries {
                whole.add(size(key));
                whole.add(size(value));
            }
        }
    }
    whole
}

/// An error for each key that stands twice in one mapping, in the order of the file.
pub(crate) fn repeated_keys(path: &RepoPath, root: &Node) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    note_repeated_keys(path, root, &mut found);
    found
}

fn note_repeated_keys(path: &RepoPath, node: &Node, found: &mut Vec<Diagnostic>) {
    match &node.content {
        Content::Scalar { .. } => {}
        Content::Sequence(items) => items.iter().for_each(|item| note_repeated_keys(path, item, found)),
        Content::Mapping(entries) => {
            let mut seen: HashMap<Cow<'_, str>, usize> = HashMap::with_capacity(entries.len());
            for (key, value) in entries {
                let name = key.key_text();
                if let Some(first) = seen.get(&name) {
                    found.push(
                        Diagnostic::error(path, format!("`{name}` stands twice in one mapping"))
                            .at(key.span)
                            .help(format!("keep this one or the one in line {first}")),
                    );
                } else {
                    seen.insert(name, key.span.line);
                }
                note_repeated_keys(path, value, found);
            }
        }
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
    anchors: BTreeMap<usize, (Node, Size)>,
    held: Size,
}

impl Builder<'_> {
    fn count(&mut self, more: Size, span: Span) -> Result<(), Diagnostic> {
        self.held.add(more);
        let message = if self.held.nodes > MAX_NODES {
            format!("more than {MAX_NODES} values once its aliases are expanded")
        } else if self.held.text > MAX_TEXT_BYTES {
            format!("more than {MAX_TEXT_BYTES} bytes once its aliases are expanded")
        } else {
            return Ok(());
        };
        Err(Diagnostic::error(self.path, message).at(span).help("write the values out, or use fewer aliases"))
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

    fn close(ended: Open, end: Span) -> (usize, Node) {
        // A block collection's end event stands behind trailing blank lines: a mark covers its first line only.
        let span = Span { end: end.end.max(ended.span.end), ..ended.span };
        let content = if ended.is_mapping {
            let mut entries: Vec<(Node, Node)> = Vec::with_capacity(ended.children.len() / 2);
            let mut children = ended.children.into_iter();
            while let (Some(key), Some(value)) = (children.next(), children.next()) {
                entries.push((key, value));
            }
            merge(&mut entries);
            Content::Mapping(entries)
        } else {
            Content::Sequence(ended.children)
        };
        (ended.anchor, Node { span, tag: ended.tag, content })
    }
}

/// YAML 1.1's merge key: `<<: *defaults` stands for the entries of that mapping (or of a list of them) that the mapping
/// does not have itself.
fn merge(entries: &mut Vec<(Node, Node)>) {
    let is_merge = |key: &Node| matches!(&key.content, Content::Scalar { text, plain: true } if text == "<<");
    let Some(at) = entries.iter().position(|(key, _)| is_merge(key)) else { return };
    let sources = match &entries[at].1.content {
        Content::Mapping(_) => vec![entries[at].1.clone()],
        Content::Sequence(items) if items.iter().all(|item| matches!(item.content, Content::Mapping(_))) => {
            items.clone()
        }
        // It merges nothing: whoever reads the mapping finds a key that it does not know.
        _ => return,
    };
    entries.remove(at);
    let mut known: HashSet<String> = entries.iter().map(|(key, _)| key.key_text().into_owned()).collect();
    for source in sources {
        let Content::Mapping(merged) = source.content else { continue };
        for (key, value) in merged {
            if known.insert(key.key_text().into_owned()) {
                entries.push((key, value));
            }
        }
    }
}

/// Turns the parser's character positions into byte positions.
struct Places {
    /// The byte of each character; empty where all characters are one byte.
    bytes: Vec<usize>,
    length: usize,
    /// Bytes before the text that the parser sees.
    offset: usize,
    /// Behind the last character that is not blank: what is amiss at the end of the file is shown there.
    last: Span,
}

impl Places {
    fn new(text: &str, offset: usize) -> Self {
        let bytes = if text.is_ascii() { Vec::new() } else { text.char_indices().map(|(byte, _)| byte).collect() };
        let content = text.trim_end();
        let line_start = content.rfind('\n').map_or(0, |newline| newline + 1);
        let last = Span {
            start: content.len() + offset,
            end: content.len() + offset,
            line: content.bytes().filter(|byte| *byte == b'\n').count() + 1,
            column: content[line_start..].chars().count() + 1,
        };
        Self { bytes, length: text.len(), offset, last }
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
        if from > self.last.start {
            return self.last;
        }
        Span { start: from, end: self.byte(end.index()).max(from), line: start.line().max(1), column: start.col() + 1 }
    }

    fn span(&self, span: &ParserSpan) -> Span {
        self.at(&span.start, &span.end)
    }

    fn at_start(&self) -> Span {
        Span { start: self.offset, end: self.offset, line: 1, column: 1 }
    }
}
