//! The plan: the targets of one branch at one revision, each with an action and what it waits on.
//!
//! Planning reads nothing and calls nothing: it is handed what the branch maps to and what was last deployed. Equal
//! inputs give equal plans, byte for byte. Carrying a plan out takes no decision that is taken here.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::assembly::{AssembledTarget, Assembly, OutputSource};
use crate::diagnostic::Diagnostic;
use crate::graph::Graph;
use crate::location::Location;
use crate::manifest::{Manifest, Publish, TargetEntry};
use crate::names::{BranchName, Digest, RepoPath, StackName, TargetKind, TargetName, TargetNumber};
use crate::recipe::{Before, Inputs};
use crate::stack::{feed, finish};

/// What is known of a target from the syncs before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The sources of its last successful sync.
    pub sources: Option<Digest>,
    /// The stack that it was.
    pub stack: StackName,
    /// Where that is.
    pub location: Location,
    /// The stack that it was in its last successful sync, and where; nothing before that.
    pub deployed: Option<(StackName, Location)>,
    /// Whether its last sync left it in step.
    pub in_step: bool,
    /// The branch that deployed it.
    pub branch: BranchName,
    /// What it is.
    pub kind: TargetKind,
    /// The service that it is an instance or the pipeline of.
    pub service: Option<String>,
    /// The targets that it waited for in its last successful sync.
    pub depends_on: BTreeSet<TargetName>,
    /// The inputs that it was last deployed with; nothing before its first successful sync.
    pub inputs: Option<Inputs>,
}

impl Known {
    /// The stack that there is of it, and where: as it was last deployed, or else as it was last to be.
    pub fn there(&self) -> (&StackName, &Location) {
        self.deployed.as_ref().map_or((&self.stack, &self.location), |(stack, location)| (stack, location))
    }

    /// Whether its stack is the one that an entry asks for.
    pub(crate) fn is_at(&self, entry: &TargetEntry) -> bool {
        self.stack == entry.stack && self.location.is_with(&entry.location)
    }
}

/// The inputs that every target was last deployed with.
pub fn before(known: &BTreeMap<TargetName, Known>) -> Before {
    let deployed = known.iter().filter_map(|(name, known)| Some((name.clone(), known.inputs.clone()?)));
    Before::Known(deployed.collect())
}

/// What is to be done with a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Render it, and deploy it unless just that is deployed.
    Deploy,
    /// Nothing: its sources are those of its last successful sync, and nothing that it waits for changes.
    Keep,
    /// Delete its stack: its entry left the manifest, which says `prune`.
    Delete,
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
    /// The service that it is an instance or the pipeline of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The stack that it is.
    pub stack: StackName,
    /// Where that is.
    #[serde(default, skip_serializing_if = "Location::is_home")]
    pub location: Location,
    /// What is to be done.
    pub action: Action,
    /// The targets to be worked on that it waits for.
    pub waits_on: BTreeSet<TargetNumber>,
    /// The targets that wait for it.
    pub dependents: BTreeSet<TargetNumber>,
    /// All that it depends on on its branch, also what is left as it is.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub depends_on: BTreeSet<TargetName>,
    /// The stacks whose outputs its template shows.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outputs_from: Vec<OutputSource>,
    /// The inputs that its template is rendered with.
    #[serde(default, skip_serializing_if = "Inputs::is_empty")]
    pub inputs: Inputs,
    /// What its inputs keep, or its template shows, of what was deployed before.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub before: BTreeMap<TargetName, Inputs>,
    /// Whether the sync before left it in step, so that what was deployed then is what is there.
    pub was_in_step: bool,
    /// Whether others show its outputs, so that they are to be kept.
    pub outputs_wanted: bool,
    /// The files that it is made from.
    pub reads: Vec<RepoPath>,
    /// The digest of its sources.
    pub sources: Digest,
}

impl PlannedTarget {
    /// A target that is to be deleted, and waits for nothing yet.
    pub(crate) fn deletion(
        number: TargetNumber,
        name: TargetName,
        kind: TargetKind,
        service: Option<String>,
        (stack, location): (StackName, Location),
    ) -> Self {
        Self {
            location,
            number,
            name,
            kind,
            service,
            stack,
            action: Action::Delete,
            waits_on: BTreeSet::new(),
            dependents: BTreeSet::new(),
            depends_on: BTreeSet::new(),
            outputs_from: Vec::new(),
            inputs: Inputs::new(),
            before: BTreeMap::new(),
            was_in_step: false,
            outputs_wanted: false,
            reads: Vec::new(),
            sources: Digest::new(""),
        }
    }
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
    /// Tells whether two plans of one commit are one walk: which target has which number, what is done with it, and what it waits
    /// on. Whatever else they say of a target holds for whoever has read it.
    pub fn digest(&self) -> Digest {
        let mut hash = Sha256::new();
        for target in &self.targets {
            feed(&mut hash, target.name.as_str());
            feed(&mut hash, &format!("{:?} {:?}", target.action, target.waits_on));
        }
        finish(hash)
    }

    /// Makes the plan. `known` is what the syncs before left behind, of all targets of the repository.
    pub fn new(
        assembly: &Assembly,
        branch: &BranchName,
        manifest: &Manifest,
        known: &BTreeMap<TargetName, Known>,
    ) -> Self {
        let outputs_wanted: BTreeSet<&str> = assembly
            .targets
            .iter()
            .flat_map(|target| target.outputs_from.iter().map(|source| source.name.as_str()))
            .collect();
        let mut targets: Vec<PlannedTarget> = Vec::with_capacity(assembly.targets.len());
        for (place, target) in assembly.targets.iter().enumerate() {
            let waits_on: BTreeSet<TargetNumber> = target
                .waits_on
                .iter()
                .filter(|&&dependency| targets[dependency].action == Action::Deploy)
                .map(|&dependency| number(dependency))
                .collect();
            let before = known.get(&target.entry.name).filter(|known| known.in_step && known.is_at(&target.entry));
            let is_same = before.is_some_and(|known| known.sources.as_ref() == Some(&target.prepared.sources));
            let action = if is_same && waits_on.is_empty() { Action::Keep } else { Action::Deploy };
            targets.push(PlannedTarget {
                number: number(place),
                name: target.entry.name.clone(),
                kind: target.entry.kind,
                service: target.entry.service.clone(),
                stack: target.entry.stack.clone(),
                location: target.entry.location.clone(),
                action,
                waits_on,
                dependents: BTreeSet::new(),
                depends_on: target.waits_on.iter().map(|&place| assembly.targets[place].entry.name.clone()).collect(),
                outputs_from: target.outputs_from.iter().map(|source| located(source, known)).collect(),
                inputs: target.prepared.inputs.clone(),
                before: target.prepared.before.clone(),
                was_in_step: before.is_some(),
                outputs_wanted: outputs_wanted.contains(target.entry.name.as_str()),
                reads: target.prepared.reads.clone(),
                sources: target.prepared.sources.clone(),
            });
        }
        let (pruned, unmanaged) = left_behind(&targets, branch, manifest, known);
        delete(&mut targets, &pruned, known);
        link_dependents(&mut targets);
        Self { targets, publish: assembly.publish.clone(), unmanaged }
    }

    /// The targets to be worked on: deployed or deleted.
    pub fn worked_on(&self) -> impl Iterator<Item = &PlannedTarget> {
        self.targets.iter().filter(|target| target.action != Action::Keep)
    }

    /// The targets that are in step already.
    pub fn kept(&self) -> impl Iterator<Item = &PlannedTarget> {
        self.targets.iter().filter(|target| target.action == Action::Keep)
    }
}

/// A warning for each target that was deployed as another stack than it is now, where nothing else in the manifest is that
/// stack: it is left alone, and is nobody's from now on.
pub fn stacks_left(assembly: &Assembly, manifest: &Manifest, known: &BTreeMap<TargetName, Known>) -> Vec<Diagnostic> {
    let mut warnings = Vec::new();
    for AssembledTarget { entry, .. } in &assembly.targets {
        let Some((stack, location)) = known.get(&entry.name).and_then(|known| known.deployed.as_ref()) else {
            continue;
        };
        let is_it = *stack == entry.stack && location.is_with(&entry.location);
        let is_others = manifest.targets.iter().any(|other| other.name != entry.name && other.stack == *stack)
            || manifest.existing_environments.values().any(|other| other == stack);
        if is_it || is_others {
            continue;
        }
        let message = format!(
            "`{}` was stack `{stack}` in {location}; that stays as it is, and is nobody's from now on",
            entry.name
        );
        // No command: wherever it is typed, a stack of the same name may be another one.
        let help = "look at it there, and delete it once nothing needs it";
        warnings.push(Diagnostic::warning(&manifest.path, message).at(entry.places.stack).help(help));
    }
    warnings
}

/// A source of outputs, which the history knows the place of where nobody else does.
fn located(source: &OutputSource, known: &BTreeMap<TargetName, Known>) -> OutputSource {
    let known = known.get(&TargetName::new(source.name.as_str())).map(|known| known.there().1);
    let location = source.location.as_ref().or(known).cloned().unwrap_or_default();
    OutputSource { location: Some(location), ..source.clone() }
}

/// The targets that this branch deployed and that are no longer asked for: those to be deleted, and those left alone.
fn left_behind(
    asked_for: &[PlannedTarget],
    branch: &BranchName,
    manifest: &Manifest,
    known: &BTreeMap<TargetName, Known>,
) -> (Vec<TargetName>, Vec<TargetName>) {
    let managed: BTreeSet<&TargetName> =
        manifest.targets.iter().map(|target| &target.name).chain(asked_for.iter().map(|target| &target.name)).collect();
    // No two targets are one stack, so a target that was renamed but kept its stack has not left.
    let stacks: BTreeSet<&StackName> = manifest
        .targets
        .iter()
        .map(|target| &target.stack)
        .chain(manifest.existing_environments.values())
        .chain(asked_for.iter().map(|target| &target.stack))
        .collect();
    let is_elsewhere = |known: &Known| {
        // A pipeline goes with its service's first instance, to whichever branch that is on.
        known.kind == TargetKind::ServicePipeline
            && manifest.first_instance(known.service.as_deref()).is_some_and(|first| first.branch != *branch)
    };
    let left =
        known.iter().filter(|(name, known)| known.branch == *branch && !managed.contains(name) && !is_elsewhere(known));
    let (mut pruned, mut unmanaged) = (Vec::new(), Vec::new());
    for (name, known) in left {
        let is_pruned = manifest.prune.covers(known.service.as_deref(), branch) && !stacks.contains(known.there().0);
        if is_pruned { pruned.push(name.clone()) } else { unmanaged.push(name.clone()) }
    }
    (pruned, unmanaged)
}

/// Adds the targets to be deleted, each after everything that depended on it: what is deleted too, and what no longer
/// depends on it once it is deployed.
fn delete(targets: &mut Vec<PlannedTarget>, pruned: &[TargetName], known: &BTreeMap<TargetName, Known>) {
    let places: BTreeMap<&TargetName, usize> = pruned.iter().enumerate().map(|(place, name)| (name, place)).collect();
    let mut graph = Graph::new(pruned.len());
    for (place, name) in pruned.iter().enumerate() {
        let dependencies = known.get(name).into_iter().flat_map(|known| &known.depends_on);
        for &dependency in dependencies.filter_map(|dependency| places.get(dependency)) {
            graph.add(dependency, place);
        }
    }
    let mut waits_on: Vec<BTreeSet<TargetNumber>> = vec![BTreeSet::new(); pruned.len()];
    for target in targets.iter().filter(|target| target.action == Action::Deploy) {
        let dependencies = known.get(&target.name).into_iter().flat_map(|known| &known.depends_on);
        for &place in dependencies.filter_map(|dependency| places.get(dependency)) {
            waits_on[place].insert(target.number);
        }
    }
    // What was deployed at different times may have depended on each other in a circle; then nobody waits.
    let (graph, order) = match graph.order() {
        Ok(order) => (graph, order),
        Err(_) => (Graph::new(pruned.len()), (0..pruned.len()).collect()),
    };
    let first = targets.len();
    let mut numbers = vec![TargetNumber(0); pruned.len()];
    for (at, &place) in order.iter().enumerate() {
        numbers[place] = number(first + at);
    }
    for &place in &order {
        let name = &pruned[place];
        let Some(known) = known.get(name) else { continue };
        let (stack, location) = known.there();
        let mut waits_on = std::mem::take(&mut waits_on[place]);
        waits_on.extend(graph.waits_on(place).iter().map(|&other| numbers[other]));
        let service = known.service.clone();
        targets.push(PlannedTarget {
            waits_on,
            ..PlannedTarget::deletion(
                numbers[place],
                name.clone(),
                known.kind,
                service,
                (stack.clone(), location.clone()),
            )
        });
    }
}

/// Notes with each target who waits for it. What is kept waits for nothing.
fn link_dependents(targets: &mut [PlannedTarget]) {
    let waits: Vec<(TargetNumber, TargetNumber)> = targets
        .iter()
        .flat_map(|target| target.waits_on.iter().map(|dependency| (*dependency, target.number)))
        .collect();
    for (dependency, waiter) in waits {
        targets[dependency.0 as usize].dependents.insert(waiter);
    }
}

fn number(place: usize) -> TargetNumber {
    TargetNumber(u32::try_from(place).unwrap_or(u32::MAX))
}
