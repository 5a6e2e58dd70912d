//! The ops manifest: which targets there are, on which branch, what they wait for, what is published where.
//!
//! Two formats are read into one model: service first (`sync`) and branch first (`service-sync`); each has a file
//! of its own here. The model keeps places, since what is wrong with a name is often found only later. Specs
//! and templates are none of its business: see [`crate::recipe`].

mod branch_first;
mod checks;
mod dependencies;
mod entries;
mod locate;
mod service_first;
mod shape;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub use dependencies::{Edge, Reason, dependencies};
pub(crate) use dependencies::{WrittenPlaces, cycle_error, steps, written_places};
pub use entries::DEFAULT_SPEC;
pub use locate::{Loaded, NAMES, is_absent, load, locate};
pub use shape::json_schema;

use self::checks::{check_app, check_limits, check_names};
use self::entries::TemplateFolders;

use crate::diagnostic::{self, Diagnostic, Span};
use crate::location::{Location, Locations};
use crate::names::{BranchName, RepoPath, RepositoryName, StackName, TargetKind, TargetName};
use crate::yaml::{self, Node, Reader};

/// The root keys of the formats: as Proton shipped it, branch first, and as it was before it was released.
const FORMATS: [&str; 3] = ["sync", "service-sync", "proton-sync"];

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
    /// Where environments are that are not where Syncline is.
    pub locations: Locations,
    /// What the file says of services' pipelines, by service.
    pub pipelines: BTreeMap<String, Pipeline>,
    /// What a sync deletes when its entry has left the manifest.
    pub prune: Prune,
    /// Every name that the file gives to something, also where the rest of its entry could not be read: what depends
    /// on such a name is not to blame.
    named: BTreeSet<String>,
}

/// What the manifest says of a service's pipeline. Whether there is one is otherwise the bundle's to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pipeline {
    /// It is that existing stack, named here.
    Adopts(StackName, Span),
    /// There is to be none.
    Off,
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
    /// The app, where its stack is told of it: an environment addon's, and an instance's whose service has addons. An
    /// instance in a manifest that was just read has it in any case; see [`crate::recipe::Prepared::told`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app: Option<String>,
    /// The service that it is an instance of, or the addon; nothing for an environment and in the branch-first format.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Its own name: the instance's within the service, the environment's; of an addon the environment that it is in.
    pub own_name: String,
    /// The branch that deploys it.
    pub branch: BranchName,
    /// The environment that the manifest says an instance lives in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
    /// Where its stack is, as far as the manifest says so; once its spec was read, where it is.
    #[serde(default, skip_serializing_if = "Location::is_home")]
    pub location: Location,
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
    /// For a pipeline: the environments elsewhere that it is shown nothing of on the word of a spec, since another branch decides
    /// on them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub not_shown: BTreeSet<String>,
    /// For a pipeline: the accounts of environments that are not in Syncline's own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub accounts: BTreeMap<String, String>,
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

    /// The name that people call it by, wherever it is deployed to: the service's or the addon's, else its own.
    pub fn goes_by(&self) -> &str {
        self.service.as_deref().unwrap_or(&self.own_name)
    }
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
    /// The environment that the manifest says it lives in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<String>,
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
    /// The environment that it lives in, or its name where none is named.
    pub environment: Span,
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
    /// The name as written: a service, `service/instance`, an addon, `addon/environment`, an environment, an instance.
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

impl Manifest {
    /// Whether a push to this branch does anything.
    pub fn maps(&self, branch: &BranchName) -> bool {
        self.targets.iter().any(|target| target.branch == *branch)
            || self.publish.iter().any(|publish| publish.from == *branch)
    }

    /// The same manifest, in which nothing is elsewhere that is in Syncline's own account and region.
    #[must_use]
    pub fn relative_to(mut self, account: &str, region: &str) -> Self {
        for target in &mut self.targets {
            target.location = std::mem::take(&mut target.location).relative_to(account, region);
        }
        self.locations = self.locations.relative_to(account, region);
        self
    }

    /// What to do about an environment that the manifest does not have; nothing where it has it.
    fn unknown_environment(&self, name: &str) -> Option<String> {
        let deployed = self.targets.iter().filter(|target| target.kind == TargetKind::Environment);
        let known: BTreeSet<&str> = deployed
            .map(|target| target.own_name.as_str())
            .chain(self.existing_environments.keys().map(String::as_str))
            .chain(self.locations.names())
            .collect();
        if known.contains(name) || self.named.contains(name) {
            return None;
        }
        Some(match diagnostic::nearest(name, known) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "add it under `environments`".to_owned(),
        })
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
        locations: Locations::default(),
        pipelines: BTreeMap::new(),
        prune: Prune::default(),
        named: BTreeSet::new(),
    };
    let templates = TemplateFolders::read(root, reader);
    let mut formats = entries.iter().filter(|(key, _)| key.text().is_some_and(|key| FORMATS.contains(&key)));
    match (formats.next(), formats.next()) {
        (Some((format, content)), None) => {
            let name = format.text().unwrap_or_default();
            let mut known = vec!["app", "templates", name];
            if name == "service-sync" {
                known.push("environments");
            }
            reader.known_keys(entries, "the manifest", &known);
            match name {
                "service-sync" => {
                    if let Some(environments) = root.get("environments") {
                        service_first::read_environments(environments, &templates, &mut manifest, reader);
                    }
                    branch_first::read(content, &templates, &mut manifest, reader);
                }
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
    locate_targets(&mut manifest, reader);
    check_app(root, &manifest, reader);
    check_names(&manifest, reader);
    check_limits(&manifest, reader);
    // With a good manifest this is for `dependencies`, whose findings stand beside those in specs and templates.
    if diagnostic::has_errors(&reader.diagnostics) {
        dependencies::check(&manifest, reader);
    }
    Some(manifest)
}

/// Notes where targets are that live in environments, as far as the manifest says so.
fn locate_targets(manifest: &mut Manifest, reader: &mut Reader<'_>) {
    for at in 0..manifest.targets.len() {
        let target = &manifest.targets[at];
        let environment = match target.kind {
            TargetKind::EnvironmentAddon => &target.own_name,
            TargetKind::ServiceInstance => {
                let Some(environment) = &target.environment else { continue };
                if let Some(help) = manifest.unknown_environment(environment) {
                    let message = format!("environment `{environment}` is not in the manifest");
                    reader.error(target.places.environment, message, help);
                }
                environment
            }
            TargetKind::Environment | TargetKind::ServicePipeline => continue,
        };
        let location = manifest.locations.of(environment).cloned().unwrap_or_default();
        manifest.targets[at].location = location;
    }
}

fn app_name(root: &Node, repository: &RepositoryName, reader: &mut Reader<'_>) -> String {
    match root.get("app") {
        Some(app) => reader.text(app, "`app`").unwrap_or_default().to_owned(),
        // A repository's name may hold what a stack's name may not.
        None => repository.as_str().replace(['_', '.'], "-"),
    }
}
