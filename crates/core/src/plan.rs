//! The plan: the targets of one branch at one revision, each with an action and what it waits on.
//!
//! Planning reads nothing and calls nothing: it is handed the manifest, the files that it asked for and what was last
//! deployed. Equal inputs give equal plans, byte for byte. Carrying a plan out takes no decision that is taken
//! here.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::diagnostic::{self, Diagnostic};
use crate::files::Files;
use crate::graph::Graph;
use crate::manifest::{Edge, Manifest, Publish, Reason, TargetEntry, cycle_error, dependencies};
use crate::names::{BranchName, Digest, RepoPath, StackName, TargetKind, TargetName, TargetNumber};
use crate::recipe::{self, Context, Prepared};
use crate::yaml::Reader;

/// What a branch maps to at one commit, read and checked, in deployment order.
#[derive(Clone, Debug)]
pub struct Assembly {
    /// The targets, each after all that it waits for.
    pub targets: Vec<AssembledTarget>,
    /// Who waits for whom, and why.
    pub edges: Vec<Edge>,
    /// The pull requests that follow when all is in step.
    pub publish: Vec<Publish>,
    /// What is worth a look.
    pub warnings: Vec<Diagnostic>,
    /// The longest chain of targets, which no sync can be shorter than.
    pub longest_path: Vec<TargetName>,
}

/// A target of an assembly.
#[derive(Clone, Debug)]
pub struct AssembledTarget {
    /// Its entry in the manifest.
    pub entry: TargetEntry,
    /// What its files ask for.
    pub prepared: Prepared,
    /// The places in [`Assembly::targets`] of those that it waits for.
    pub waits_on: BTreeSet<usize>,
}

/// Reads and checks everything that a branch maps to. Nothing while files are wanted: see [`Files`].
///
/// Errors: every problem of every target of the branch, in file order. `read` is the manifest and what was
/// found wrong with it.
pub fn assemble(
    manifest: &Manifest,
    branch: &BranchName,
    context: &Context,
    files: &mut Files,
) -> Option<Result<Assembly, Vec<Diagnostic>>> {
    let mut reader = Reader::new(&manifest.path);
    let mut edges = dependencies(manifest, branch, &mut reader);
    let mut diagnostics = reader.diagnostics;
    let entries: Vec<&TargetEntry> = manifest.targets.iter().filter(|target| target.branch == *branch).collect();
    // Ask for all targets before stopping for the files of one, so that a round of reading serves them all.
    let prepared: Vec<_> = entries.iter().map(|entry| recipe::prepare(entry, context, files)).collect();
    let mut targets: Vec<(&TargetEntry, Prepared)> = Vec::new();
    for (entry, prepared) in entries.into_iter().zip(prepared) {
        match prepared? {
            Ok(prepared) => targets.push((entry, prepared)),
            Err(errors) => diagnostics.extend(errors),
        }
    }
    for (entry, prepared) in &targets {
        match implied_environment(manifest, entry, prepared) {
            Ok(Some(environment)) if environment.branch == *branch => {
                let already = edges.iter().any(|edge| edge.waiter == entry.name && edge.dependency == environment.name);
                if !already {
                    edges.push(Edge {
                        waiter: entry.name.clone(),
                        dependency: environment.name.clone(),
                        reason: Reason::Environment,
                    });
                }
            }
            Ok(_) => {}
            Err(error) => diagnostics.push(error),
        }
    }
    let places: BTreeMap<&TargetName, usize> =
        targets.iter().enumerate().map(|(index, (entry, _))| (&entry.name, index)).collect();
    let mut graph = Graph::new(targets.len());
    for edge in &edges {
        // A target whose files are bad is not among them: its own error stands already.
        if let (Some(&waiter), Some(&dependency)) = (places.get(&edge.waiter), places.get(&edge.dependency)) {
            graph.add(waiter, dependency);
        }
    }
    let order = match graph.order() {
        Ok(order) => order,
        Err(cycle) => {
            let names: Vec<&TargetName> = cycle.iter().map(|&index| &targets[index].0.name).collect();
            // One that is written from end to end stands among what `dependencies` noted.
            let is_written = names.iter().enumerate().all(|(at, waiter)| {
                let next = names[(at + 1) % names.len()];
                edges.iter().any(|edge| {
                    edge.waiter == **waiter && edge.dependency == *next && matches!(edge.reason, Reason::Written(_))
                })
            });
            if !is_written {
                diagnostics.push(cycle_error(manifest, &names, &edges));
            }
            Vec::new()
        }
    };
    diagnostic::sort(&mut diagnostics);
    if diagnostic::has_errors(&diagnostics) {
        return Some(Err(diagnostics));
    }
    let longest_path = graph.longest_path(&order).into_iter().map(|index| targets[index].0.name.clone()).collect();
    let mut place_in_order = vec![0; order.len()];
    for (place, &index) in order.iter().enumerate() {
        place_in_order[index] = place;
    }
    let targets = order
        .iter()
        .map(|&index| AssembledTarget {
            entry: targets[index].0.clone(),
            prepared: targets[index].1.clone(),
            waits_on: graph.waits_on(index).iter().map(|&dependency| place_in_order[dependency]).collect(),
        })
        .collect();
    let publish = manifest.publish.iter().filter(|publish| publish.from == *branch).cloned().collect();
    Some(Ok(Assembly { targets, edges, publish, warnings: diagnostics, longest_path }))
}

/// The environment target that an instance lives in, where the manifest has it.
fn implied_environment<'m>(
    manifest: &'m Manifest,
    entry: &TargetEntry,
    prepared: &Prepared,
) -> Result<Option<&'m TargetEntry>, Diagnostic> {
    let wrong = |message: String, help: &str| {
        let error = Diagnostic::error(&entry.spec, message).help(help);
        match prepared.environment_span {
            Some(span) => error.at(span),
            None => error,
        }
    };
    let Some(name) = &prepared.environment else {
        if prepared.reads_outputs {
            return Err(wrong(
                format!("the template of `{}` shows outputs of its environment, and it has none", entry.name),
                "say which: `environment: …`, the name of one that is in the manifest",
            ));
        }
        return Ok(None);
    };
    let found =
        manifest.targets.iter().find(|target| target.kind == TargetKind::Environment && target.own_name == *name);
    if found.is_none() && prepared.reads_outputs {
        return Err(wrong(
            format!(
                "the template of `{}` shows outputs of environment `{name}`, which is not in the manifest",
                entry.name
            ),
            "add it to the manifest under `sync: environments:`, or show an input in place of the output",
        ));
    }
    Ok(found)
}

/// What is known of a target from the syncs before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The sources of its last successful sync.
    pub sources: Option<Digest>,
    /// The stack that it was.
    pub stack: StackName,
    /// Whether its last sync left it in step.
    pub in_step: bool,
    /// The branch that deployed it.
    pub branch: BranchName,
}

/// What is to be done with a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Render it, and deploy it unless just that is deployed.
    Deploy,
    /// Nothing: its sources are those of its last successful sync, and nothing that it waits for changes.
    Keep,
}

/// A target of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedTarget {
    /// Its place in the plan.
    pub number: TargetNumber,
    /// What it is called.
    pub name: TargetName,
    /// What it is.
    pub kind: TargetKind,
    /// The stack that it is.
    pub stack: StackName,
    /// What is to be done.
    pub action: Action,
    /// The targets to be deployed that it waits for.
    pub waits_on: BTreeSet<TargetNumber>,
    /// The targets that wait for it.
    pub dependents: BTreeSet<TargetNumber>,
    /// The environment target whose outputs its template shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outputs_from: Option<TargetName>,
    /// Whether the sync before left it in step, so that what was deployed then is what is there.
    pub was_in_step: bool,
    /// Whether others show its outputs, so that they are to be kept.
    pub outputs_wanted: bool,
    /// The files that it is made from.
    pub reads: Vec<RepoPath>,
    /// The digest of its sources.
    pub sources: Digest,
}

/// The targets of one branch at one revision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The targets, in deployment order: a target's number is its place here.
    pub targets: Vec<PlannedTarget>,
    /// The pull requests that follow when all is in step.
    pub publish: Vec<Publish>,
    /// Targets that this branch deployed once and that the manifest no longer has. They are left alone.
    pub unmanaged: Vec<TargetName>,
}

impl Plan {
    /// Makes the plan. `known` is what the syncs before left behind, of all targets of the repository.
    pub fn new(
        assembly: &Assembly,
        branch: &BranchName,
        manifest: &Manifest,
        known: &BTreeMap<TargetName, Known>,
    ) -> Self {
        let outputs_wanted: BTreeSet<&str> =
            assembly.targets.iter().filter_map(|target| outputs_from(&target.prepared)).collect();
        let mut targets: Vec<PlannedTarget> = Vec::with_capacity(assembly.targets.len());
        for (place, target) in assembly.targets.iter().enumerate() {
            let number = number(place);
            let waits_on: BTreeSet<TargetNumber> = target
                .waits_on
                .iter()
                .filter(|&&dependency| targets[dependency].action == Action::Deploy)
                .map(|&dependency| self::number(dependency))
                .collect();
            let before =
                known.get(&target.entry.name).filter(|known| known.in_step && known.stack == target.entry.stack);
            let is_same = before.is_some_and(|known| known.sources.as_ref() == Some(&target.prepared.sources));
            let action = if is_same && waits_on.is_empty() { Action::Keep } else { Action::Deploy };
            if action == Action::Deploy {
                for dependency in &waits_on {
                    targets[dependency.0 as usize].dependents.insert(number);
                }
            }
            targets.push(PlannedTarget {
                number,
                name: target.entry.name.clone(),
                kind: target.entry.kind,
                stack: target.entry.stack.clone(),
                action,
                waits_on,
                dependents: BTreeSet::new(),
                outputs_from: outputs_from(&target.prepared).map(TargetName::new),
                was_in_step: before.is_some(),
                outputs_wanted: outputs_wanted.contains(target.entry.name.as_str()),
                reads: target.prepared.reads.clone(),
                sources: target.prepared.sources.clone(),
            });
        }
        let managed: BTreeSet<&TargetName> = manifest.targets.iter().map(|target| &target.name).collect();
        let unmanaged = known
            .iter()
            .filter(|(name, known)| known.branch == *branch && !managed.contains(name))
            .map(|(name, _)| name.clone())
            .collect();
        Self { targets, publish: assembly.publish.clone(), unmanaged }
    }

    /// The targets to be deployed.
    pub fn deployed(&self) -> impl Iterator<Item = &PlannedTarget> {
        self.targets.iter().filter(|target| target.action == Action::Deploy)
    }

    /// The targets that are in step already.
    pub fn kept(&self) -> impl Iterator<Item = &PlannedTarget> {
        self.targets.iter().filter(|target| target.action == Action::Keep)
    }
}

/// The environment whose outputs a template shows. An environment's name is its target's name.
fn outputs_from(prepared: &Prepared) -> Option<&str> {
    prepared.environment.as_deref().filter(|_| prepared.reads_outputs)
}

fn number(place: usize) -> TargetNumber {
    TargetNumber(u32::try_from(place).unwrap_or(u32::MAX))
}
