//! From a tree to a model: what the readers of every format have in common.

use super::{Content, Node};
use crate::diagnostic::{Diagnostic, Span, nearest};
use crate::names::RepoPath;

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
    pub(crate) fn one_or_many<'n>(&self, node: &'n Node) -> Vec<&'n Node> {
        match &node.content {
            Content::Sequence(items) => items.iter().collect(),
            _ => vec![node],
        }
    }

    /// A path inside the repository.
    pub(crate) fn repo_path(&mut self, node: &Node, what: &str) -> Option<RepoPath> {
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
    pub(crate) fn known_keys(&mut self, entries: &[(Node, Node)], what: &str, known: &[impl AsRef<str>]) {
        for (key, _) in entries {
            let name = key.text().unwrap_or_default();
            if known.iter().any(|known| known.as_ref() == name) {
                continue;
            }
            let help = match nearest(name, known.iter().map(AsRef::as_ref)) {
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
