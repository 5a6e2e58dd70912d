//! What the two formats have in common: the keys of an entry, lists that mean the same as maps.

use super::shape::KEYS;
use super::{BundleName, DependsOn};
use crate::diagnostic::Span;
use crate::names::{BranchName, RepoPath, StackName};
use crate::yaml::{Content, Node, Reader};

/// Where a spec is looked for when the manifest does not say.
pub const DEFAULT_SPEC: &str = "service-spec.yaml";

/// Where template bundles lie: `templates: DIR`, or `templates: {services: DIR, environments: DIR}`.
#[derive(Clone, Debug, Default)]
pub(super) struct TemplateFolders {
    pub(super) services: Option<RepoPath>,
    pub(super) environments: Option<RepoPath>,
}

impl TemplateFolders {
    pub(super) fn read(root: &Node, reader: &mut Reader<'_>) -> Self {
        let Some(node) = root.get("templates") else { return Self::default() };
        let Content::Mapping(entries) = &node.content else {
            let folder = reader.repo_path(node, "`templates`");
            return Self { services: folder.clone(), environments: folder };
        };
        reader.known_keys(entries, "`templates`", &KEYS.template_folders);
        let mut folder = |key: &str| node.get(key).and_then(|node| reader.repo_path(node, &format!("`{key}`")));
        Self { services: folder("services"), environments: folder("environments") }
    }
}

/// The entries of a mapping, or of a list of mappings, which means the same.
pub(super) fn named_entries<'n>(node: &'n Node, what: &str, reader: &mut Reader<'_>) -> Vec<(&'n Node, &'n Node)> {
    match &node.content {
        Content::Sequence(items) => items
            .iter()
            .flat_map(|item| reader.mapping(item, &format!("an entry of {what}")).unwrap_or_default())
            .map(|(key, value)| (key, value))
            .collect(),
        _ if node.is_null() => Vec::new(),
        _ => reader.mapping(node, what).unwrap_or_default().iter().map(|(key, value)| (key, value)).collect(),
    }
}

/// The value of a `prune`.
pub(super) fn read_prune(node: &Node, reader: &mut Reader<'_>) -> bool {
    match node.to_json() {
        serde_json::Value::Bool(prune) => prune,
        _ => {
            reader.error(
                node.span,
                format!("`prune` must be `true` or `false`, not {}", node.kind()),
                "write `prune: true` to let a sync delete what has left the manifest",
            );
            false
        }
    }
}

/// The keys of an entry, its spec and what it waits for: what the formats have in common.
pub(super) struct EntryReader<'r, 'a> {
    pub(super) reader: &'r mut Reader<'a>,
    pub(super) app: &'r str,
}

impl EntryReader<'_, '_> {
    pub(super) fn depends_on(&mut self, node: &Node, on_service: bool) -> Vec<DependsOn> {
        ["depends_on", "depends-on"]
            .iter()
            .filter_map(|key| node.get(key).map(|value| (key, value)))
            .flat_map(|(key, value)| self.names(key, value, on_service))
            .collect()
    }

    /// The names under one `depends_on`, however that is spelt.
    pub(super) fn names(&mut self, key: &str, value: &Node, on_service: bool) -> Vec<DependsOn> {
        self.reader
            .texts(value, &format!("`{key}`"))
            .into_iter()
            .map(|(name, node)| DependsOn { name: name.to_owned(), span: node.span, on_service })
            .collect()
    }

    pub(super) fn spec(&mut self, entry: &Node, default: Span) -> (RepoPath, Span) {
        let fallback = || RepoPath::parse(DEFAULT_SPEC).unwrap_or_else(RepoPath::root);
        let Some(node) = entry.get("spec") else { return (fallback(), default) };
        let path = self.reader.repo_path(node, "`spec`");
        if path.as_ref() == Some(self.reader.path()) {
            self.reader.error(
                node.span,
                "`spec` names the manifest itself",
                "name the file with `proton: ServiceSpec` or `template-file-path`",
            );
        }
        (path.unwrap_or_else(fallback), node.span)
    }

    pub(super) fn template(&mut self, entry: &Node, default: Span) -> (Option<BundleName>, Span) {
        entry.get("template").map_or((None, default), |node| self.bundle(node))
    }

    /// The bundle that a `template` names.
    pub(super) fn bundle(&mut self, node: &Node) -> (Option<BundleName>, Span) {
        let Some(text) = self.reader.text(node, "`template`") else { return (None, node.span) };
        let name = BundleName::parse(text);
        if name.is_none() {
            self.reader.error(
                node.span,
                format!("`{text}` does not name a template bundle"),
                "write `name@major`, as in `lb-web@1`",
            );
        }
        (name, node.span)
    }

    /// The branch of what is called `what` in a message.
    pub(super) fn branch(&mut self, what: &str, key: &Node, entry: &Node) -> Option<(BranchName, Span)> {
        match entry.get("branch") {
            Some(node) => self.reader.text(node, "`branch`").map(|name| (BranchName::new(name), node.span)),
            None => {
                self.reader.error(
                    key.span,
                    format!("{what} has no `branch`"),
                    "say which branch deploys it: `branch: main`",
                );
                None
            }
        }
    }

    /// The stack, and where it is named; the default place where it is not.
    pub(super) fn stack(&mut self, entry: &Node, parts: &[&str], default: Span) -> (StackName, Span) {
        let written = entry.get("stack").and_then(|node| Some((self.reader.text(node, "`stack`")?, node.span)));
        match written {
            Some((name, span)) => (StackName::new(name), span),
            None => (StackName::of(self.app, parts), default),
        }
    }
}
