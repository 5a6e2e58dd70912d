//! What a branch maps to at one commit: its targets, read and checked, and who waits for whom.
//!
//! What was deployed before, and so what is to be done, is none of its business: see [`crate::plan`].

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use crate::diagnostic::{self, Diagnostic, Span, nearest};
use crate::files::Files;
use crate::graph::Graph;
use crate::location::Location;
use crate::manifest::{
    Edge, Manifest, Publish, Reason, TargetEntry, WrittenPlaces, cycle_error, dependencies, steps, written_places,
};
use crate::names::{BranchName, StackName, TargetKind, TargetName};
use crate::recipe::{self, Cache, Context, Prepared};
use crate::render::Outputs;
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
    /// Whose outputs its template shows.
    pub outputs_from: Vec<OutputSource>,
}

/// A stack whose outputs a template shows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct OutputSource {
    /// The environment or the instance, as the render asks for it.
    pub name: String,
    /// Its stack.
    pub stack: StackName,
    /// Where that is; nothing for an instance of another branch, where only its last deployment says it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
}

/// Reads and checks everything that a branch maps to. Nothing while files are wanted: see [`Files`]. What was read stays in
/// `cache` from one round to the next.
///
/// Errors: every problem of every target of the branch, in file order.
pub fn assemble(
    manifest: &Manifest,
    branch: &BranchName,
    context: &Context,
    files: &mut Files,
    cache: &mut Cache,
) -> Option<Result<Assembly, Vec<Diagnostic>>> {
    let known = Names::new(manifest);
    let pipelines = known.pipelines(branch, context, files, cache);
    // Ask for all targets before stopping for the files of one, so that a round of reading serves them all.
    let entries = manifest.targets.iter().filter(|target| target.branch == *branch);
    let mut prepared: Vec<(Cow<'_, TargetEntry>, recipe::Preparation)> =
        entries.map(|entry| (Cow::Borrowed(entry), recipe::prepare(entry, context, files, cache))).collect();
    let mut diagnostics = Vec::new();
    for (pipeline, found) in pipelines? {
        diagnostics.extend(found);
        if let Some(pipeline) = pipeline {
            diagnostics.extend(known.check_pipeline(&pipeline));
            let preparation = recipe::prepare(&pipeline, context, files, cache);
            prepared.push((Cow::Owned(pipeline), preparation));
        }
    }
    if prepared.iter().any(|(_, preparation)| preparation.is_none()) {
        return None;
    }
    let mut targets: Vec<AssembledTarget> = Vec::with_capacity(prepared.len());
    let mut is_complete = true;
    for (entry, preparation) in prepared {
        match preparation? {
            Ok(prepared) => {
                let entry = prepared.told(entry).into_owned();
                let outputs_from =
                    known.output_sources(&entry, &prepared, &targets, &context.outputs, &mut diagnostics);
                diagnostics.extend(known.misspelt_environment(&entry, &prepared));
                targets.push(AssembledTarget { entry, prepared, waits_on: BTreeSet::new(), outputs_from });
            }
            Err(errors) => {
                is_complete = false;
                diagnostics.extend(errors);
            }
        }
    }
    let mut reader = Reader::new(&manifest.path);
    let written = dependencies(manifest, branch, &mut reader);
    diagnostics.append(&mut reader.diagnostics);
    let (edges, graph) = all_edges(written, &targets, &known, branch);
    let order = match graph.order() {
        Ok(order) => order,
        Err(cycles) => {
            is_complete = false;
            let written = written_places(&edges);
            diagnostics.extend(cycles.iter().filter_map(|cycle| unwritten_cycle(manifest, cycle, &targets, &written)));
            Vec::new()
        }
    };
    diagnostic::sort(&mut diagnostics);
    if !is_complete || diagnostic::has_errors(&diagnostics) {
        return Some(Err(diagnostics));
    }
    let longest_path = graph.longest_path(&order).into_iter().map(|index| targets[index].entry.name.clone()).collect();
    let publish = manifest.publish.iter().filter(|publish| publish.from == *branch).cloned().collect();
    let targets = in_order(targets, &graph, &order);
    Some(Ok(Assembly { targets, edges, publish, warnings: diagnostics, longest_path }))
}

impl Assembly {
    /// Where a target imports what no target of the branch exports there, so that it matters what else is exported. Not
    /// where a target exports under names that are not known before it is deployed.
    pub fn imports_from_elsewhere(&self) -> Vec<Location> {
        let mut found: Vec<Location> = Vec::new();
        for (target, _) in self.unmet() {
            let location = &target.prepared.location;
            let mut there = self.targets.iter().filter(|other| other.prepared.location.is_with(location));
            if !there.any(|other| other.prepared.exchange.exports_more)
                && !found.iter().any(|other| other.is_with(location))
            {
                found.push(location.clone());
            }
        }
        found
    }

    /// An error for each import in an account and region that neither a target of the branch exports there nor another
    /// stack. `exported` are the exports there; the region is `home` where the location says none.
    pub fn check_imports(&self, location: &Location, exported: &BTreeSet<String>, home: &str) -> Vec<Diagnostic> {
        let is_there = |target: &AssembledTarget| target.prepared.location.is_with(location);
        let own: BTreeSet<&str> = self
            .targets
            .iter()
            .filter(|target| is_there(target))
            .flat_map(|target| &target.prepared.exchange.exports)
            .map(String::as_str)
            .collect();
        let region = location.region_or(home);
        let mut errors = Vec::new();
        for (target, import) in self.unmet().filter(|(target, _)| is_there(target)) {
            let name = import.replace("${AWS::Region}", region);
            // The partition, say, only CloudFormation knows.
            if name.contains("${") || exported.contains(&name) {
                continue;
            }
            let known = exported.iter().map(String::as_str).chain(own.iter().copied());
            let help = match nearest(&name, known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "deploy the stack that exports it first, or correct the name".to_owned(),
            };
            let message = format!("`{}` imports `{name}`, which nothing exports", target.entry.name);
            errors.push(Diagnostic::error(&target.prepared.template, message).help(help));
        }
        diagnostic::sort(&mut errors);
        errors
    }

    /// Some of the targets, each after all of them that it waits for, be it over others that are not among them. Nothing is
    /// published when not all of a branch is deployed.
    pub fn only(&self, is_meant: impl Fn(&AssembledTarget) -> bool) -> Self {
        let mut places = vec![None; self.targets.len()];
        // Of each target, those that are meant and that it waits for without another one of them in between.
        let mut nearest: Vec<BTreeSet<usize>> = Vec::with_capacity(self.targets.len());
        let mut targets = Vec::new();
        for (place, target) in self.targets.iter().enumerate() {
            let waits_on: BTreeSet<usize> = target
                .waits_on
                .iter()
                .flat_map(|&other| match places[other] {
                    Some(meant) => BTreeSet::from([meant]),
                    None => nearest[other].clone(),
                })
                .collect();
            if is_meant(target) {
                places[place] = Some(targets.len());
                targets.push(AssembledTarget { waits_on: waits_on.clone(), ..target.clone() });
            }
            nearest.push(waits_on);
        }
        let names: BTreeSet<&TargetName> = targets.iter().map(|target| &target.entry.name).collect();
        let is_left = |edge: &&Edge| names.contains(&edge.waiter) && names.contains(&edge.dependency);
        Self {
            edges: self.edges.iter().filter(is_left).cloned().collect(),
            longest_path: self.longest_path.iter().filter(|name| names.contains(name)).cloned().collect(),
            publish: Vec::new(),
            warnings: self.warnings.clone(),
            targets,
        }
    }

    /// The imports that no target of the branch exports in the same account and region, with who imports them.
    fn unmet(&self) -> impl Iterator<Item = (&AssembledTarget, &String)> {
        let exports = self.targets.iter().flat_map(|target| {
            let exports = target.prepared.exchange.exports.iter();
            exports.map(|export| (target.prepared.location.site(), export))
        });
        let own: BTreeSet<_> = exports.collect();
        let imports = self
            .targets
            .iter()
            .flat_map(|target| target.prepared.exchange.required.iter().map(move |import| (target, import)));
        imports.filter(move |(target, import)| !own.contains(&(target.prepared.location.site(), *import)))
    }
}

/// The targets of a manifest, by what they are looked for.
struct Names<'m> {
    manifest: &'m Manifest,
    environments: HashMap<&'m str, &'m TargetEntry>,
    targets: HashMap<&'m str, &'m TargetEntry>,
    /// The instances of each service on all branches, in the order of the file.
    services: BTreeMap<&'m str, Vec<&'m TargetEntry>>,
    /// Instances without a service.
    alone: Vec<&'m TargetEntry>,
}

impl<'m> Names<'m> {
    fn new(manifest: &'m Manifest) -> Self {
        let mut names = Self {
            manifest,
            environments: HashMap::new(),
            targets: HashMap::new(),
            services: BTreeMap::new(),
            alone: Vec::new(),
        };
        for target in &manifest.targets {
            names.targets.insert(target.name.as_str(), target);
            match (target.kind, &target.service) {
                (TargetKind::Environment, _) => {
                    names.environments.insert(&target.own_name, target);
                }
                (TargetKind::EnvironmentAddon, _) => {}
                (_, Some(service)) => names.services.entry(service).or_default().push(target),
                (_, None) => names.alone.push(target),
            }
        }
        names
    }

    /// The pipelines that a branch deploys, and what is worth a look. Nothing while files are wanted.
    fn pipelines(
        &self,
        branch: &BranchName,
        context: &Context,
        files: &mut Files,
        cache: &mut Cache,
    ) -> Option<Vec<(Option<TargetEntry>, Vec<Diagnostic>)>> {
        let with_service = self.services.values().filter(|instances| instances[0].branch == *branch);
        let alone = self.alone.iter().filter(|instance| instance.branch == *branch);
        let groups: Vec<Vec<&TargetEntry>> =
            with_service.cloned().chain(alone.map(|instance| vec![*instance])).collect();
        // Collected before it is asked whether each is there: a round of reading serves them all.
        let found: Vec<_> = groups
            .iter()
            .map(|instances| recipe::pipeline_of(self.manifest, instances, context, files, cache))
            .collect();
        found.into_iter().collect()
    }

    /// What is wrong with the name or the stack of a pipeline, which the manifest alone does not tell.
    fn check_pipeline(&self, pipeline: &TargetEntry) -> Option<Diagnostic> {
        let stack = &pipeline.stack;
        let error = |message: String, help: &str| {
            Diagnostic::error(&self.manifest.path, message).at(pipeline.places.stack).help(help)
        };
        if self.targets.contains_key(pipeline.name.as_str()) {
            return Some(error(
                format!("`{}` is both an instance and the service's pipeline", pipeline.name),
                "rename the instance, or remove `pipeline` from its spec",
            ));
        }
        if let Some(other) = self.manifest.targets.iter().find(|target| target.stack == *stack) {
            return Some(error(
                format!("`{}` and `{}` would be one stack, `{stack}`", pipeline.name, other.name),
                "rename one of them, or set the `stack` of the one in the manifest",
            ));
        }
        (!stack.is_valid()).then(|| {
            error(format!("`{stack}` cannot be the name of a stack"), "rename the service; at most 128 characters")
        })
    }

    /// A warning where a spec names an environment that the manifest has under another spelling.
    fn misspelt_environment(&self, entry: &TargetEntry, prepared: &Prepared) -> Option<Diagnostic> {
        let name = prepared.environment.as_deref()?;
        let existing = &self.manifest.existing_environments;
        let is_known = self.environments.contains_key(name)
            || existing.contains_key(name)
            || self.manifest.locations.of(name).is_some();
        if is_known || prepared.shows.contains(name) {
            return None;
        }
        let known = self.environments.keys().copied().chain(existing.keys().map(String::as_str));
        let known = known.chain(self.manifest.locations.names());
        let near = nearest(name, known.collect::<BTreeSet<_>>())?;
        let warning = Diagnostic::warning(&entry.spec, format!("environment `{name}` is not in the manifest"));
        Some(warning.at(prepared.environment_span?).help(format!("did you mean `{near}`?")))
    }

    /// The stacks whose outputs a target's template shows; what is not known is an error, unless its outputs are. `assembled`
    /// are the targets of its branch before it.
    fn output_sources(
        &self,
        entry: &TargetEntry,
        prepared: &Prepared,
        assembled: &[AssembledTarget],
        outputs: &Outputs,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Vec<OutputSource> {
        let mut sources = Vec::with_capacity(prepared.shows.len());
        for name in &prepared.shows {
            let stack = match (self.environments.get(name.as_str()), self.manifest.existing_environments.get(name)) {
                (Some(environment), _) => Some(&environment.stack),
                (None, Some(stack)) => Some(stack),
                (None, None) => self.targets.get(name.as_str()).map(|target| &target.stack),
            };
            match (stack, outputs) {
                (Some(stack), _) => {
                    let here = assembled.iter().find(|target| target.entry.name.as_str() == name);
                    let location = match (here, self.targets.get(name.as_str())) {
                        (Some(here), _) => Some(here.entry.location.clone()),
                        // Its spec may say it, and that is another branch's.
                        (None, Some(target)) if target.kind == TargetKind::ServiceInstance => None,
                        (None, Some(target)) => Some(target.location.clone()),
                        (None, None) => Some(self.manifest.locations.of(name).cloned().unwrap_or_default()),
                    };
                    sources.push(OutputSource { name: name.clone(), stack: stack.clone(), location });
                }
                (None, Outputs::Known(known)) if known.contains_key(name) => {}
                (None, _) => diagnostics.push(unknown_source(entry, prepared.environment_span, name)),
            }
        }
        sources
    }
}

/// The error for a template that shows outputs of an environment that nobody knows.
fn unknown_source(entry: &TargetEntry, span: Option<Span>, environment: &str) -> Diagnostic {
    let (message, help) = if environment.is_empty() {
        (
            format!("the template of `{}` shows outputs of its environment, and it has none", entry.name),
            "say which: `environment: …`, the name of one that is in the manifest".to_owned(),
        )
    } else {
        (
            format!(
                "the template of `{}` shows outputs of environment `{environment}`, which is not in the manifest",
                entry.name
            ),
            format!(
                "add it under `environments`, where it exists already by its stack: `{environment}: {{stack: NAME}}`"
            ),
        )
    };
    let error = Diagnostic::error(&entry.spec, message).help(help);
    match span {
        Some(span) => error.at(span),
        None => error,
    }
}

/// What is written, and what follows from what the targets are, each pair once; and the graph of it.
fn all_edges(
    written: Vec<Edge>,
    targets: &[AssembledTarget],
    known: &Names<'_>,
    branch: &BranchName,
) -> (Vec<Edge>, Graph) {
    let mut places: HashMap<&TargetName, usize> = HashMap::with_capacity(targets.len());
    let mut exporters: HashMap<_, &TargetName> = HashMap::new();
    for (place, target) in targets.iter().enumerate() {
        places.insert(&target.entry.name, place);
        for export in &target.prepared.exchange.exports {
            exporters.entry((target.prepared.location.site(), export.as_str())).or_insert(&target.entry.name);
        }
    }
    let mut graph = Graph::new(targets.len());
    // A target whose files are bad is not among them: its own error stands already.
    for edge in &written {
        if let (Some(&waiter), Some(&dependency)) = (places.get(&edge.waiter), places.get(&edge.dependency)) {
            graph.add(waiter, dependency);
        }
    }
    let mut edges = written;
    for (waiter, AssembledTarget { entry, prepared, .. }) in targets.iter().enumerate() {
        let mut add = |dependency: &TargetName, reason| {
            let place = places.get(dependency);
            if place.is_none_or(|&place| graph.add(waiter, place)) {
                edges.push(Edge { waiter: entry.name.clone(), dependency: dependency.clone(), reason });
            }
        };
        let environment = prepared.environment.as_deref().and_then(|name| known.environments.get(name));
        if let Some(environment) = environment.filter(|environment| environment.branch == *branch) {
            add(&environment.name, Reason::Environment);
        }
        for instance in entry.instances.iter().filter(|instance| instance.is_here) {
            add(&instance.name, Reason::Pipeline);
        }
        for import in &prepared.exchange.imports {
            let exporter = exporters.get(&(prepared.location.site(), import.as_str()));
            if let Some(exporter) = exporter.filter(|exporter| **exporter != &entry.name) {
                add(exporter, Reason::Import(import.clone()));
            }
        }
    }
    (edges, graph)
}

/// The error for a cycle. One that is written from end to end stands among what `dependencies` noted.
fn unwritten_cycle(
    manifest: &Manifest,
    cycle: &[usize],
    targets: &[AssembledTarget],
    written: &WrittenPlaces<'_>,
) -> Option<Diagnostic> {
    let names: Vec<&TargetName> = cycle.iter().map(|&index| &targets[index].entry.name).collect();
    let is_written = steps(&names).all(|step| written.contains_key(&step));
    (!is_written).then(|| cycle_error(&manifest.path, &names, written))
}

/// The targets in deployment order, each with the places of those that it waits for.
fn in_order(targets: Vec<AssembledTarget>, graph: &Graph, order: &[usize]) -> Vec<AssembledTarget> {
    let mut place_in_order = vec![0; order.len()];
    for (place, &index) in order.iter().enumerate() {
        place_in_order[index] = place;
    }
    let mut ordered: Vec<(usize, AssembledTarget)> = targets
        .into_iter()
        .enumerate()
        .map(|(index, mut target)| {
            target.waits_on = graph.waits_on(index).iter().map(|&dependency| place_in_order[dependency]).collect();
            (place_in_order[index], target)
        })
        .collect();
    ordered.sort_by_key(|(place, _)| *place);
    ordered.into_iter().map(|(_, target)| target).collect()
}
