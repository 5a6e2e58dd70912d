//! What the two formats have in common: the keys of an entry, lists that mean the same as maps.

use super::shape::KEYS;
use super::{BundleName, DependsOn};
use crate::diagnostic::Span;
use crate::location::Location;
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

    /// The environment that an entry says it lives in, and where that is said; the default place where it is not.
    pub(super) fn environment(&mut self, entry: &Node, default: Span) -> (Option<String>, Span) {
        let Some(node) = entry.get("environment") else { return (None, default) };
        (self.reader.text(node, "`environment`").map(str::to_owned), node.span)
    }

    /// Where an environment is.
    pub(super) fn location(&mut self, entry: &Node) -> Location {
        let mut location = Location::default();
        if let Some((account, span)) = self.scalar(entry, "account") {
            if is_account(account) {
                location.account = Some(account.to_owned());
            } else {
                let help = "write its twelve digits: `account: '111122223333'`";
                self.reader.error(span, format!("`{account}` is no account"), help);
            }
        }
        if let Some((region, span)) = self.scalar(entry, "region") {
            if is_region(region) {
                location.region = Some(region.to_owned());
            } else {
                self.reader.error(
                    span,
                    format!("`{region}` is no region"),
                    "write it as AWS does: `region: eu-west-1`",
                );
            }
        }
        if let Some((role, span)) = self.scalar(entry, "role") {
            self.role(role, span, &mut location);
            if location.role.is_some() && location.account.is_none() && entry.get("account").is_none() {
                let help =
                    "say of which account it is: `account: '111122223333'`; in Syncline's own account none is assumed";
                self.reader.error(span, "a role is named, and no account", help);
            }
        }
        location
    }

    /// The role that is named, and the account in its ARN.
    fn role(&mut self, role: &str, span: Span, location: &mut Location) {
        let name = match role.strip_prefix("arn:").and_then(|rest| rest.split_once(":iam::")) {
            Some((_, rest)) => {
                let Some((account, name)) = rest.split_once(":role/").filter(|(account, _)| is_account(account)) else {
                    let help = "write `arn:aws:iam::111122223333:role/syncline`, or the role's name alone";
                    self.reader.error(span, format!("`{role}` is not the ARN of a role"), help);
                    return;
                };
                if let Some(other) = location.account.as_ref().filter(|other| *other != account) {
                    let message = format!("the role is of account {account}, and the environment of account {other}");
                    self.reader.error(span, message, "name a role of that account, or leave `account` out");
                    return;
                }
                location.account = Some(account.to_owned());
                name
            }
            None => role,
        };
        let may_be = name.starts_with(Location::ROLE)
            && name.len() <= Location::MAX_ROLE_LENGTH
            && name.chars().all(|character| character.is_ascii_alphanumeric() || "_+=,.@-".contains(character));
        if may_be {
            location.role = Some(name.to_owned());
        } else {
            let help = format!(
                "Syncline assumes only roles whose names begin with `{}` and have at most {} characters: make one with infra/target/roles.yaml",
                Location::ROLE,
                Location::MAX_ROLE_LENGTH
            );
            self.reader.error(span, format!("`{name}` is no role that Syncline may assume"), help);
        }
    }

    fn scalar<'n>(&mut self, entry: &'n Node, key: &str) -> Option<(&'n str, Span)> {
        let node = entry.get(key)?;
        Some((self.reader.text(node, &format!("`{key}`"))?, node.span))
    }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `eu-west-1`, `us-gov-east-1`: words of small letters, and a number.
fn is_region(text: &str) -> bool {
    let mut parts: Vec<&str> = text.split('-').collect();
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let is_word = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    parts.pop().is_some_and(is_number) && parts.len() >= 2 && text.len() <= 32 && parts.iter().all(is_word)
}
