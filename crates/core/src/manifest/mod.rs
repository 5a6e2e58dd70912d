//! The ops manifest: which targets there are, on which branch, what they wait for, what is published where.
//!
//! Two formats are read into one model: service first (`sync`) and branch first (`service-sync`); each has a file
//! of its own here. The model keeps places, since what is wrong with a name is often found only later. Specs
//! and templates are none of its business: see [`crate::recipe`].

mod branch_first;
mod dependencies;
mod service_first;
mod shape;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub(crate) use dependencies::cycle_error;
pub use dependencies::{Edge, Reason, dependencies};
pub use shape::json_schema;

use self::shape::KEYS;

use crate::diagnostic::{self, Diagnostic, Span};
use crate::files::{Entry, Files, Want};
use crate::names::{BranchName, RepoPath, RepositoryName, StackName, TargetKind, TargetName};
use crate::yaml::{self, Content, Node, Reader};

/// The names under which a manifest is looked for at the root of the repository, in this order.
pub const NAMES: [&str; 6] =
    ["syncline.yaml", "syncline.yml", ".proton-ops.yaml", ".proton-ops.yml", "proton-ops.yaml", "proton-ops.yml"];

/// What CloudFormation takes as the name of a stack: see [`StackName::is_valid`].
const STACK_NAMES: &str = "CloudFormation takes letters, digits and hyphens, a letter first, at most 128 characters";

/// The root keys of the formats: as Proton shipped it, branch first, and as it was before it was released.
const FORMATS: [&str; 3] = ["sync", "service-sync", "proton-sync"];

/// Where a spec is looked for when the manifest does not say.
pub const DEFAULT_SPEC: &str = "service-spec.yaml";

/// A manifest that was read.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The file it was read from.
    pub path: RepoPath,
    /// The prefix of stack names.
    pub app: String,
    /// Every target of every branch, in the order of the file.
    pub targets: Vec<TargetEntry>,
    /// Which branch is published to which.
    pub publish: Vec<Publish>,
    /// Environments that this repository does not deploy, by name: the stack that each is.
    pub existing_environments: BTreeMap<String, StackName>,
    /// What a sync deletes when its entry has left the manifest.
    pub prune: Prune,
    /// Every name that the file gives to something, also where the rest of its entry could not be read: what depends
    /// on such a name is not to blame.
    named: BTreeSet<String>,
}

/// What `prune: true` was written on: whose targets a sync deletes once their entries have left the manifest.
#[derive(Clone, Debug, Default)]
pub struct Prune {
    /// Under `sync`: any target's.
    pub all: bool,
    /// On these services: their instances' and pipelines'.
    pub services: BTreeSet<String>,
    /// In the branch-first format, on these branches: any target's that the branch deployed.
    pub branches: BTreeSet<BranchName>,
}

impl Prune {
    /// Whether a target is deleted when its entry has left the manifest.
    pub fn covers(&self, service: Option<&str>, branch: &BranchName) -> bool {
        self.all || service.is_some_and(|service| self.services.contains(service)) || self.branches.contains(branch)
    }

    /// Whether a push to a branch that the manifest does not map may still have something to delete.
    pub fn may_delete_on(&self, branch: &BranchName) -> bool {
        self.all || !self.services.is_empty() || self.branches.contains(branch)
    }
}

/// What the manifest says about one target.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TargetEntry {
    /// What it is called.
    pub name: TargetName,
    /// What it is.
    pub kind: TargetKind,
    /// The service that it is an instance of; nothing for an environment and in the branch-first format.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Its own name: the instance's within the service, the environment's.
    pub own_name: String,
    /// The branch that deploys it.
    pub branch: BranchName,
    /// Its spec.
    pub spec: RepoPath,
    /// The template bundle that renders it, where the manifest names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<BundleName>,
    /// Where the template bundles lie, where the manifest says so: a folder for services', or for environments'.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub templates: Option<RepoPath>,
    /// The stack that it is.
    pub stack: StackName,
    /// Whether the manifest names that stack, so that it is one that there is and is never created.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub adopts: bool,
    /// For a pipeline: the instances of its service, in the order of the manifest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub instances: Vec<PipelineInstance>,
    /// What it waits for, as written.
    #[serde(skip)]
    pub depends_on: Vec<DependsOn>,
    /// Where its entry stands, and where its spec is named.
    #[serde(skip)]
    pub places: Places,
}

impl TargetEntry {
    /// The own name of a service's pipeline.
    pub const PIPELINE: &str = "pipeline";
}

/// An instance of a service, as the service's pipeline refers to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PipelineInstance {
    /// Its target.
    pub name: TargetName,
    /// Its own name.
    pub own_name: String,
    /// Its spec.
    pub spec: RepoPath,
    /// Whether it is deployed from the pipeline's branch.
    pub is_here: bool,
}

/// Where the parts of an entry stand in the manifest.
#[derive(Clone, Copy, Debug, Default)]
pub struct Places {
    /// The target's name.
    pub name: Span,
    /// Its branch.
    pub branch: Span,
    /// Its spec, or its name where the spec is the default.
    pub spec: Span,
    /// Its template, or its name where none is named.
    pub template: Span,
    /// Its stack, or its name where none is named.
    pub stack: Span,
}

/// A template bundle by name and major version: `lb-web@1`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BundleName {
    /// The folder under the templates folder.
    pub name: String,
    /// The major version; nothing when the manifest does not say: the highest there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub major: Option<u32>,
}

impl BundleName {
    fn parse(text: &str) -> Option<Self> {
        let (name, major) = match text.split_once('@') {
            Some((name, major)) => (name, Some(major.trim_start_matches('v').parse().ok()?)),
            None => (text, None),
        };
        let is_plain = !name.is_empty()
            && name.chars().all(|character| character.is_ascii_alphanumeric() || "_-.".contains(character))
            && !name.starts_with('.');
        is_plain.then(|| Self { name: name.to_owned(), major })
    }
}

/// One name in a `depends_on`.
#[derive(Clone, Debug)]
pub struct DependsOn {
    /// The name as written: a service, `service/instance`, an environment, an instance.
    pub name: String,
    /// Where it stands.
    pub span: Span,
    /// Written on a service, and so meant for each of its instances on whichever branch.
    pub on_service: bool,
}

/// A pull request from one branch to another, once everything on the first is in step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Publish {
    /// The branch that was synced.
    pub from: BranchName,
    /// The branch that the pull request goes to.
    pub to: BranchName,
    /// Where it stands.
    #[serde(skip)]
    pub span: Span,
}

/// Finds the manifest: at `configured` where a path was given, else under one of [`NAMES`]. Nothing while files are
/// wanted.
///
/// Errors: none is there, or two are.
pub fn locate(configured: Option<&RepoPath>, files: &mut Files) -> Option<Result<RepoPath, Diagnostic>> {
    if let Some(path) = configured {
        return Some(match files.want(Want::File(path.clone()))? {
            Entry::Text(_) | Entry::Unreadable(_) => Ok(path.clone()),
            Entry::Absent | Entry::Folder { .. } => Err(absent(path)),
        });
    }
    let found: Vec<&str> = match files.want(Want::Folder(RepoPath::root()))? {
        Entry::Folder { files, .. } => NAMES.into_iter().filter(|name| files.contains(*name)).collect(),
        _ => Vec::new(),
    };
    Some(match found.as_slice() {
        [name] => RepoPath::parse(name).ok_or_else(|| Diagnostic::error(&RepoPath::root(), "no manifest")),
        [] => Err(Diagnostic::error(&RepoPath::root(), format!("no manifest: looked for {}", yaml::list(&NAMES)))
            .help("add `syncline.yaml`, or name another path in the parameter `ManifestPath`")),
        several => {
            Err(Diagnostic::error(&RepoPath::root(), format!("more than one manifest: {}", yaml::list(several)))
                .help("keep one of them"))
        }
    })
}

fn absent(path: &RepoPath) -> Diagnostic {
    Diagnostic::error(path, "there is no manifest here").help("add it, or correct the parameter that names its path")
}

/// Whether there is no manifest at all, as far as [`locate`] has looked.
pub fn is_absent(configured: Option<&RepoPath>, files: &Files) -> bool {
    match configured {
        Some(path) => matches!(files.get(path), Some(Entry::Absent | Entry::Folder { .. })),
        None => match files.get(&RepoPath::root()) {
            Some(Entry::Folder { files, .. }) => !NAMES.iter().any(|name| files.contains(*name)),
            other => matches!(other, Some(Entry::Absent)),
        },
    }
}

/// A manifest and its warnings, or what is wrong with it.
pub type Loaded = Result<(Manifest, Vec<Diagnostic>), Vec<Diagnostic>>;

/// Finds and reads the manifest. Nothing while files are wanted; see [`locate`] and [`read`].
pub fn load(configured: Option<&RepoPath>, repository: &RepositoryName, files: &mut Files) -> Option<Loaded> {
    let path = match locate(configured, files)? {
        Ok(path) => path,
        Err(error) => return Some(Err(vec![error])),
    };
    let (manifest, diagnostics) = match files.want(Want::File(path.clone()))? {
        Entry::Text(text) => read(&path, text, repository),
        Entry::Unreadable(why) => (None, vec![Diagnostic::unreadable(&path, why)]),
        Entry::Absent | Entry::Folder { .. } => (None, vec![absent(&path)]),
    };
    Some(match manifest {
        Some(manifest) if !diagnostic::has_errors(&diagnostics) => Ok((manifest, diagnostics)),
        _ => Err(diagnostics),
    })
}

impl Manifest {
    /// Whether a push to this branch does anything.
    pub fn maps(&self, branch: &BranchName) -> bool {
        self.targets.iter().any(|target| target.branch == *branch)
            || self.publish.iter().any(|publish| publish.from == *branch)
    }

    /// The first instance of a service in the file, whose branch deploys the service's pipeline.
    pub fn first_instance(&self, service: Option<&str>) -> Option<&TargetEntry> {
        self.targets.iter().find(|target| {
            target.kind == TargetKind::ServiceInstance
                && target.service.is_some()
                && target.service.as_deref() == service
        })
    }

    /// The branches that a push to does something, in the order of their names.
    pub fn branches(&self) -> BTreeSet<&BranchName> {
        let deploying = self.targets.iter().map(|target| &target.branch);
        deploying.chain(self.publish.iter().map(|publish| &publish.from)).collect()
    }
}

/// Reads a manifest.
///
/// Gives the model where the file has the shape of a manifest, and every problem in file order. With an error
/// among them the model is good for further checks, not for deploying.
pub fn read(path: &RepoPath, text: &str, repository: &RepositoryName) -> (Option<Manifest>, Vec<Diagnostic>) {
    let root = match yaml::parse(path, text) {
        Ok(root) => root,
        Err(error) => return (None, vec![error]),
    };
    let mut reader = Reader::new(path);
    let manifest = read_root(&root, repository, &mut reader);
    let mut diagnostics = reader.diagnostics;
    diagnostics.extend(yaml::repeated_keys(path, &root));
    diagnostic::sort(&mut diagnostics);
    (manifest, diagnostics)
}

fn read_root(root: &Node, repository: &RepositoryName, reader: &mut Reader<'_>) -> Option<Manifest> {
    if root.is_null() {
        reader.error(
            root.span,
            "the manifest is empty",
            "say under `sync: services:` what is to be deployed from which branch",
        );
        return None;
    }
    let entries = reader.mapping(root, "the manifest")?;
    if let Some(kind) = root.get("proton").and_then(Node::text) {
        reader.error(
            root.span,
            format!("this is a spec (`proton: {kind}`), not a manifest"),
            "name this file under `spec:` in a manifest of its own",
        );
        return None;
    }
    let mut manifest = Manifest {
        path: reader.path().clone(),
        app: app_name(root, repository, reader),
        publish: Vec::new(),
        targets: Vec::new(),
        existing_environments: BTreeMap::new(),
        prune: Prune::default(),
        named: BTreeSet::new(),
    };
    let templates = TemplateFolders::read(root, reader);
    let mut formats = entries.iter().filter(|(key, _)| key.text().is_some_and(|key| FORMATS.contains(&key)));
    match (formats.next(), formats.next()) {
        (Some((format, content)), None) => {
            let name = format.text().unwrap_or_default();
            reader.known_keys(entries, "the manifest", &["app", "templates", name]);
            match name {
                "service-sync" => branch_first::read(content, &templates, &mut manifest, reader),
                "proton-sync" => service_first::read_prerelease(content, &templates, &mut manifest, reader),
                _ => service_first::read(content, &templates, &mut manifest, reader),
            }
        }
        (Some((first, _)), Some((second, _))) => {
            let (first, second_name) = (first.text().unwrap_or_default(), second.text().unwrap_or_default());
            reader.error(
                second.span,
                format!("both `{first}` and `{second_name}` in one manifest"),
                "keep one of the two formats",
            );
            return None;
        }
        (None, _) => {
            reader.known_keys(entries, "the manifest", &["app", "templates", "sync", "service-sync"]);
            reader.error(
                root.span,
                "neither `sync` nor `service-sync` in the manifest",
                "say under `sync: services:` what is to be deployed from which branch",
            );
            return None;
        }
    }
    check_app(root, &manifest, reader);
    check_names(&manifest, reader);
    check_limits(&manifest, reader);
    // With a good manifest this is for `dependencies`, whose findings stand beside those in specs and templates.
    if diagnostic::has_errors(&reader.diagnostics) {
        dependencies::check(&manifest, reader);
    }
    Some(manifest)
}

fn app_name(root: &Node, repository: &RepositoryName, reader: &mut Reader<'_>) -> String {
    match root.get("app") {
        Some(app) => reader.text(app, "`app`").unwrap_or_default().to_owned(),
        // A repository's name may hold what a stack's name may not.
        None => repository.as_str().replace(['_', '.'], "-"),
    }
}

/// The app's name can begin the name of a stack, where one is made from it.
fn check_app(root: &Node, manifest: &Manifest, reader: &mut Reader<'_>) {
    let is_used = manifest.targets.iter().any(|target| !target.adopts);
    if !is_used || StackName::new(manifest.app.as_str()).is_valid() {
        return;
    }
    let app = &manifest.app;
    match root.get("app") {
        Some(node) if node.text().is_some() => {
            reader.error(node.span, format!("`{app}` cannot begin the name of a stack"), STACK_NAMES);
        }
        Some(_) => {}
        None => reader.error(
            root.span,
            format!("the repository's name, `{app}`, cannot begin the name of a stack"),
            format!("say what does: `app: my-app`; {STACK_NAMES}"),
        ),
    }
}

/// Stack names are valid, and neither a target's name nor a stack is used twice.
fn check_names(manifest: &Manifest, reader: &mut Reader<'_>) {
    let mut names: BTreeMap<&TargetName, &TargetEntry> = BTreeMap::new();
    let mut stacks: BTreeMap<&StackName, &TargetEntry> = BTreeMap::new();
    let is_app_valid = StackName::new(manifest.app.as_str()).is_valid();
    for target in &manifest.targets {
        let span = target.places.name;
        let is_adopted = target.adopts;
        // A bad `app` is said once: see `check_app`.
        if !target.stack.is_valid() && (is_adopted || is_app_valid) {
            let help = if is_adopted {
                "name a stack that there is"
            } else {
                "rename it here, or name the stack that it is already under `stack`"
            };
            reader.error(
                target.places.stack,
                format!("`{}` cannot be the name of a stack", target.stack),
                format!("{help}; {STACK_NAMES}"),
            );
        }
        if let Some(first) = names.insert(&target.name, target) {
            let line = first.places.name.line;
            reader.error(
                span,
                format!("two targets are called `{}`", target.name),
                format!("the other stands in line {line}: rename one of them"),
            );
        } else if let Some(first) = stacks.insert(&target.stack, target) {
            let (line, name) = (first.places.name.line, &first.name);
            reader.error(
                span,
                format!("`{}` and `{name}` would be one stack, `{}`", target.name, target.stack),
                format!("`{name}` stands in line {line}: rename one of them, or name the stack that it is already under `stack`"),
            );
        }
        if target.kind == TargetKind::Environment && manifest.existing_environments.contains_key(&target.own_name) {
            reader.error(
                span,
                format!("environment `{}` is both deployed here and named as one that there is", target.name),
                "keep one of the two entries",
            );
        }
    }
}

/// Names stay within what the table and the state machines take.
fn check_limits(manifest: &Manifest, reader: &mut Reader<'_>) {
    for target in &manifest.targets {
        let (name, span) = (&target.name, target.places.name);
        if name.as_str().len() > TargetName::MAX_BYTES {
            let help = format!("shorten it to at most {} bytes", TargetName::MAX_BYTES);
            reader.error(span, format!("the name of `{}…` is too long", shortened(name.as_str())), help);
        }
        if name.as_str().chars().any(char::is_control) {
            reader.error(span, "a control character in the name of a target", "write letters, digits and hyphens");
        }
    }
    let branches = manifest.targets.iter().map(|target| (&target.branch, target.places.branch));
    let published =
        manifest.publish.iter().flat_map(|publish| [&publish.from, &publish.to].map(|branch| (branch, publish.span)));
    for (branch, span) in branches.chain(published) {
        if !branch.is_valid() {
            reader.error(
                span,
                format!("`{}` cannot be the name of a branch", shortened(branch.as_str())),
                "write it as `git branch` shows it, without `refs/heads/`",
            );
        }
    }
}

/// What a message quotes of a name that may be of any length.
fn shortened(name: &str) -> String {
    name.chars().filter(|character| !character.is_control()).take(60).collect()
}

/// Where template bundles lie: `templates: DIR`, or `templates: {services: DIR, environments: DIR}`.
#[derive(Clone, Debug, Default)]
struct TemplateFolders {
    services: Option<RepoPath>,
    environments: Option<RepoPath>,
}

impl TemplateFolders {
    fn read(root: &Node, reader: &mut Reader<'_>) -> Self {
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
fn named_entries<'n>(node: &'n Node, what: &str, reader: &mut Reader<'_>) -> Vec<(&'n Node, &'n Node)> {
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
fn read_prune(node: &Node, reader: &mut Reader<'_>) -> bool {
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
struct EntryReader<'r, 'a> {
    reader: &'r mut Reader<'a>,
    app: &'r str,
}

impl EntryReader<'_, '_> {
    fn depends_on(&mut self, node: &Node, on_service: bool) -> Vec<DependsOn> {
        ["depends_on", "depends-on"]
            .iter()
            .filter_map(|key| node.get(key).map(|value| (key, value)))
            .flat_map(|(key, value)| self.names(key, value, on_service))
            .collect()
    }

    /// The names under one `depends_on`, however that is spelt.
    fn names(&mut self, key: &str, value: &Node, on_service: bool) -> Vec<DependsOn> {
        self.reader
            .texts(value, &format!("`{key}`"))
            .into_iter()
            .map(|(name, node)| DependsOn { name: name.to_owned(), span: node.span, on_service })
            .collect()
    }

    fn spec(&mut self, entry: &Node, default: Span) -> (RepoPath, Span) {
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

    fn template(&mut self, entry: &Node, default: Span) -> (Option<BundleName>, Span) {
        entry.get("template").map_or((None, default), |node| self.bundle(node))
    }

    /// The bundle that a `template` names.
    fn bundle(&mut self, node: &Node) -> (Option<BundleName>, Span) {
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
    fn branch(&mut self, what: &str, key: &Node, entry: &Node) -> Option<(BranchName, Span)> {
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
    fn stack(&mut self, entry: &Node, parts: &[&str], default: Span) -> (StackName, Span) {
        let written = entry.get("stack").and_then(|node| Some((self.reader.text(node, "`stack`")?, node.span)));
        match written {
            Some((name, span)) => (StackName::new(name), span),
            None => (StackName::of(self.app, parts), default),
        }
    }
}
