//! What a name in a `depends_on` means on one branch: the targets that are waited for.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{DependsOn, Manifest, TargetEntry};
use crate::diagnostic::{Diagnostic, Span, nearest};
use crate::graph::Graph;
use crate::names::{BranchName, RepoPath, TargetName};
use crate::yaml::{Reader, list};

/// One target waits for another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Edge {
    /// The one that waits.
    pub waiter: TargetName,
    /// The one that is waited for.
    pub dependency: TargetName,
    /// Why.
    pub reason: Reason,
}

/// Why one target waits for another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The manifest says so, here.
    Written(Span),
    /// It lives in that environment.
    Environment,
    /// It is the pipeline of that instance's service.
    Pipeline,
    /// Its template imports what the other exports under this name.
    Import(String),
}

/// The most edges that `depends_on` may make. Of two services with many instances, each instance waits for each.
const MAX_EDGES: usize = 500_000;

/// The most names that the path of a cycle is told by.
const MAX_CYCLE: usize = 50;

/// The edges that the manifest's `depends_on` make on one branch.
///
/// Notes names that nothing bears, dependencies across branches and cycles, for the targets of EVERY branch: a
/// manifest is right or wrong as a whole. Edges come in the order of the file, each once.
pub fn dependencies(manifest: &Manifest, branch: &BranchName, reader: &mut Reader<'_>) -> Vec<Edge> {
    let written = check(manifest, reader);
    let of_branch = written.iter().filter(|written| manifest.targets[written.waiter].branch == *branch);
    of_branch.map(|written| written.edge(manifest)).collect()
}

/// Notes what is wrong with the `depends_on` of every branch.
pub(super) fn check(manifest: &Manifest, reader: &mut Reader<'_>) -> Vec<Written> {
    let written = written(manifest, reader);
    check_cycles(manifest, &written, reader);
    written
}

/// An edge that the manifest writes, between two of its targets.
pub(super) struct Written {
    waiter: usize,
    dependency: usize,
    span: Span,
}

impl Written {
    fn edge(&self, manifest: &Manifest) -> Edge {
        Edge {
            waiter: manifest.targets[self.waiter].name.clone(),
            dependency: manifest.targets[self.dependency].name.clone(),
            reason: Reason::Written(self.span),
        }
    }
}

/// Notes the cycles; of cycles that share a target, the first only.
fn check_cycles(manifest: &Manifest, written: &[Written], reader: &mut Reader<'_>) {
    let mut graph = Graph::new(manifest.targets.len());
    for edge in written {
        graph.add(edge.waiter, edge.dependency);
    }
    let Err(cycles) = graph.order() else { return };
    let edges: Vec<Edge> = written.iter().map(|written| written.edge(manifest)).collect();
    let places = written_places(&edges);
    for cycle in cycles {
        let names: Vec<&TargetName> = cycle.iter().map(|&index| &manifest.targets[index].name).collect();
        reader.diagnostics.push(cycle_error(&manifest.path, &names, &places));
    }
}

/// Where each edge is written that is.
pub(crate) type WrittenPlaces<'e> = HashMap<(&'e TargetName, &'e TargetName), Span>;

/// Where the written ones among some edges are written.
pub(crate) fn written_places(edges: &[Edge]) -> WrittenPlaces<'_> {
    let written = edges.iter().filter_map(|edge| match edge.reason {
        Reason::Written(span) => Some(((&edge.waiter, &edge.dependency), span)),
        _ => None,
    });
    written.collect()
}

/// The edges along a cycle: each target waits for the next, and the last for the first.
pub(crate) fn steps<'c, 'n>(
    cycle: &'c [&'n TargetName],
) -> impl Iterator<Item = (&'n TargetName, &'n TargetName)> + 'c {
    cycle.iter().enumerate().map(|(at, waiter)| (*waiter, cycle[(at + 1) % cycle.len()]))
}

/// The error for a cycle: the targets along it, each waiting for the next and the last for the first.
///
/// A path longer than [`MAX_CYCLE`] is cut in its middle.
pub(crate) fn cycle_error(manifest: &RepoPath, cycle: &[&TargetName], written: &WrittenPlaces<'_>) -> Diagnostic {
    let mut path: Vec<String> = cycle.iter().map(|name| format!("`{name}`")).collect();
    path.extend(path.first().cloned());
    if path.len() > MAX_CYCLE {
        let left_out = path.len() - MAX_CYCLE;
        path.splice(MAX_CYCLE / 2..MAX_CYCLE / 2 + left_out, [format!("({left_out} more)")]);
    }
    let error =
        Diagnostic::error(manifest, format!("dependency cycle: {}", path.join(" -> "))).help("remove one `depends_on`");
    match steps(cycle).filter_map(|step| written.get(&step)).min() {
        Some(span) => error.at(*span),
        None => error,
    }
}

/// The edges of all branches, each once, in the order of the file.
fn written(manifest: &Manifest, reader: &mut Reader<'_>) -> Vec<Written> {
    let mut names = Names::new(manifest);
    let mut edges = Vec::new();
    // For each target, the last one of which it was noted that it waits for it.
    let mut last_waiter = vec![usize::MAX; manifest.targets.len()];
    for (waiter, target) in manifest.targets.iter().enumerate() {
        for written in &target.depends_on {
            if edges.len() > MAX_EDGES {
                reader.error(
                    written.span,
                    format!("more than {MAX_EDGES} dependencies"),
                    "let fewer instances wait for each other: each instance of a service waits for each of the other",
                );
                return edges;
            }
            for dependency in names.on_branch_of(target, written, reader) {
                if std::mem::replace(&mut last_waiter[dependency], waiter) != waiter {
                    edges.push(Written { waiter, dependency, span: written.span });
                }
            }
        }
    }
    edges
}

struct Names<'m> {
    manifest: &'m Manifest,
    /// The places of the targets.
    targets: HashMap<&'m str, usize>,
    /// The places of the instances of each service on each branch.
    services: HashMap<&'m str, BTreeMap<&'m BranchName, Vec<usize>>>,
    /// The advice for each unknown name: it may stand in very many places.
    advice: BTreeMap<&'m str, String>,
}

impl<'m> Names<'m> {
    fn new(manifest: &'m Manifest) -> Self {
        let mut services: HashMap<&str, BTreeMap<&BranchName, Vec<usize>>> = HashMap::new();
        let mut targets = HashMap::with_capacity(manifest.targets.len());
        for (place, target) in manifest.targets.iter().enumerate() {
            targets.insert(target.name.as_str(), place);
            if let Some(service) = &target.service {
                services.entry(service).or_default().entry(&target.branch).or_default().push(place);
            }
        }
        Self { manifest, targets, services, advice: BTreeMap::new() }
    }

    fn on_branch_of(&mut self, target: &TargetEntry, written: &'m DependsOn, reader: &mut Reader<'_>) -> Vec<usize> {
        let name = written.name.as_str();
        let branch = &target.branch;
        if let Some(instances) = self.services.get(name) {
            let Some(here) = instances.get(branch) else {
                reader.warning(
                    written.span,
                    format!("service `{name}` has no instance on branch `{branch}`, so `{}` waits for nothing", target.name),
                    format!("give `{name}` an instance on `{branch}`, or move this `depends_on` to the instances that need it"),
                );
                return Vec::new();
            };
            return here.clone();
        }
        let place = self.targets.get(name);
        match place.map(|&place| (place, &self.manifest.targets[place])) {
            Some((place, other)) if other.branch == *branch => vec![place],
            Some((_, other)) if written.on_service => {
                reader.warning(
                    written.span,
                    format!(
                        "`{name}` is on branch `{}`, so `{}` on `{branch}` does not wait for it",
                        other.branch, target.name
                    ),
                    "move this `depends_on` to the instances that need it",
                );
                Vec::new()
            }
            Some((_, other)) => {
                reader.error(
                    written.span,
                    format!("`{}` is on branch `{branch}`, but `{name}` is on `{}`", target.name, other.branch),
                    "dependencies hold within a branch: name a target of the same branch",
                );
                Vec::new()
            }
            // It is in the file, but what it is could not be read, or there is nothing of it: that was noted there.
            None if self.manifest.named.contains(name) => Vec::new(),
            None => {
                let help = self.advice_for(name);
                let waiter = match &target.service {
                    Some(service) if written.on_service => format!("service `{service}`"),
                    _ => format!("`{}`", target.name),
                };
                reader.error(written.span, format!("{waiter} depends on `{name}`, which is not in the manifest"), help);
                Vec::new()
            }
        }
    }

    /// What to do about a name that nothing bears. With very many such names only the first are compared with what there
    /// is: each costs time.
    fn advice_for(&mut self, name: &'m str) -> String {
        const MAX_COMPARED: usize = 100;
        if let Some(advice) = self.advice.get(name) {
            return advice.clone();
        }
        if self.advice.len() >= MAX_COMPARED {
            return "name a service, an instance as `service/instance`, or an environment".to_owned();
        }
        let known: BTreeSet<&str> = self
            .targets
            .keys()
            .chain(self.services.keys())
            .copied()
            .chain(self.manifest.existing_environments.keys().map(String::as_str))
            .collect();
        let advice = match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("known here: {}", list(&known.into_iter().take(20).collect::<Vec<_>>())),
        };
        self.advice.insert(name, advice.clone());
        advice
    }
}
