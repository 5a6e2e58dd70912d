//! What is to be deleted by hand: the targets that are meant and deployed, what still needs them, and which goes before
//! which.

use std::collections::{BTreeMap, BTreeSet};

use syncline_aws::stacks::Stacks;
use syncline_core::assembly::Assembly;
use syncline_core::manifest::{Manifest, TargetEntry};
use syncline_core::names::{BranchName, StackName, TargetKind, TargetName};
use syncline_core::plan::Known;
use syncline_core::removal::Doomed;

/// A target that is to be deleted, and the branch that deployed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Condemned {
    /// The branch.
    pub(crate) branch: BranchName,
    /// The target.
    pub(crate) doomed: Doomed,
}

/// A stack that needs what is to be deleted, and is not to be deleted itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct StillNeeded {
    /// What is to be deleted.
    pub(crate) target: TargetName,
    /// The name that it exports.
    pub(crate) export: String,
    /// The stack that imports it.
    pub(crate) importer: String,
}

/// What the files say of who lives where and needs whom; as far as they can be read.
#[derive(Clone, Debug, Default)]
pub(crate) struct FromFiles {
    /// The environments that instances live in.
    pub(crate) environments: BTreeMap<TargetName, String>,
    /// What each target waits for when it is deployed.
    pub(crate) depends_on: BTreeMap<TargetName, BTreeSet<TargetName>>,
    /// Pipelines, which no entry of the manifest is.
    pub(crate) pipelines: Vec<TargetEntry>,
}

impl Condemned {
    /// Whether it lives in an environment, or is the instance of that name.
    pub(crate) fn is_in(&self, environment: &str) -> bool {
        let is_named = self.doomed.kind == TargetKind::ServiceInstance
            && self.doomed.name.as_str().rsplit('/').next() == Some(environment);
        is_named || self.doomed.environment.as_deref() == Some(environment)
    }
}

impl FromFiles {
    /// Adds what a branch maps to.
    pub(crate) fn add(&mut self, assembly: &Assembly) {
        for target in &assembly.targets {
            let name = &target.entry.name;
            let waits_on = target.waits_on.iter().map(|&place| assembly.targets[place].entry.name.clone());
            self.depends_on.insert(name.clone(), waits_on.collect());
            match target.entry.kind {
                TargetKind::ServicePipeline => self.pipelines.push(target.entry.clone()),
                TargetKind::ServiceInstance => self
                    .environments
                    .extend(target.prepared.environment.iter().map(|environment| (name.clone(), environment.clone()))),
                TargetKind::Environment | TargetKind::EnvironmentAddon => {}
            }
        }
    }
}

/// Everything that the manifest asks for, and everything that a sync deployed and that is left; but no stack that the
/// manifest only names as one that others deploy, whoever deployed it once.
pub(crate) fn all(manifest: &Manifest, from_files: &FromFiles, known: &BTreeMap<TargetName, Known>) -> Vec<Condemned> {
    let entries = manifest.targets.iter().chain(&from_files.pipelines);
    let mut found: Vec<Condemned> = entries.map(of_entry).collect();
    for one in &mut found {
        // Whoever deployed it may be another branch than the one that the files name by now: its lease counts.
        if let Some(known) = known.get(&one.doomed.name).filter(|known| known.stack == one.doomed.stack) {
            one.branch = known.branch.clone();
        }
        if let Some(environment) = from_files.environments.get(&one.doomed.name) {
            one.doomed.environment = Some(environment.clone());
        }
    }
    for (name, known) in known {
        let is_there = |one: &Condemned| one.doomed.stack == known.stack;
        if !found.iter().any(is_there) {
            found.push(of_known(name, known));
        }
    }
    let only_named: BTreeSet<&StackName> = manifest.existing_environments.values().collect();
    found.retain(|one| !only_named.contains(&one.doomed.stack));
    found
}

fn of_entry(entry: &TargetEntry) -> Condemned {
    let environment = (entry.kind != TargetKind::ServicePipeline).then(|| entry.own_name.clone());
    Condemned {
        branch: entry.branch.clone(),
        doomed: Doomed {
            name: entry.name.clone(),
            kind: entry.kind,
            service: entry.service.clone(),
            stack: entry.stack.clone(),
            environment,
        },
    }
}

fn of_known(name: &TargetName, known: &Known) -> Condemned {
    let own_name = name.as_str().rsplit('/').next().unwrap_or_default();
    Condemned {
        branch: known.branch.clone(),
        doomed: Doomed {
            name: name.clone(),
            kind: known.kind,
            service: known.service.clone(),
            stack: known.stack.clone(),
            // An instance may be called otherwise than the environment that it lives in.
            environment: matches!(known.kind, TargetKind::Environment | TargetKind::EnvironmentAddon)
                .then(|| own_name.to_owned()),
        },
    }
}

/// Those whose stacks are there.
pub(crate) async fn deployed(
    stacks: &Stacks,
    condemned: Vec<Condemned>,
) -> Result<Vec<Condemned>, syncline_aws::Error> {
    let mut there = Vec::new();
    for one in condemned {
        let status = stacks.status(&one.doomed.stack).await?;
        if status.is_some_and(|status| status != "DELETE_COMPLETE") {
            there.push(one);
        }
    }
    Ok(there)
}

/// Who needs whom, as CloudFormation and the history know it: places, the first before the second. And what still needs
/// something that is to go.
pub(crate) async fn needs(
    stacks: &Stacks,
    condemned: &[Condemned],
    from_files: &FromFiles,
    known: &BTreeMap<TargetName, Known>,
) -> Result<(BTreeSet<(usize, usize)>, BTreeSet<StillNeeded>), syncline_aws::Error> {
    let of_stack: BTreeMap<&str, usize> =
        condemned.iter().enumerate().map(|(place, one)| (one.doomed.stack.as_str(), place)).collect();
    let of_name: BTreeMap<&TargetName, usize> =
        condemned.iter().enumerate().map(|(place, one)| (&one.doomed.name, place)).collect();
    let (mut needs, mut still_needed) = (BTreeSet::new(), BTreeSet::new());
    for (export, exporter) in stacks.exporters().await? {
        let exporter = stack_of(&exporter);
        // CloudFormation begins the name of a nested stack with that of the stack that it lies in.
        let may_be_nested =
            of_stack.keys().any(|stack| exporter.strip_prefix(stack).is_some_and(|rest| rest.starts_with('-')));
        let exporting = match of_stack.get(exporter) {
            None if may_be_nested => place_of_root(stacks, &of_stack, exporter).await?,
            known => known.copied(),
        };
        let Some(exporting) = exporting else { continue };
        for importer in stacks.importers(&export).await? {
            let importing = match of_stack.get(importer.as_str()) {
                None => place_of_root(stacks, &of_stack, &importer).await?,
                known => known.copied(),
            };
            match importing {
                // A stack that takes what another one in it exports needs nobody else.
                Some(importing) if importing == exporting => {}
                Some(importing) => drop(needs.insert((importing, exporting))),
                None => {
                    let target = condemned[exporting].doomed.name.clone();
                    still_needed.insert(StillNeeded { target, export: export.clone(), importer });
                }
            }
        }
    }
    for (place, one) in condemned.iter().enumerate() {
        let name = &one.doomed.name;
        let deployed = known.get(name).into_iter().flat_map(|known| &known.depends_on);
        let dependencies = deployed.chain(from_files.depends_on.get(name).into_iter().flatten());
        needs.extend(dependencies.filter_map(|name| Some((place, *of_name.get(name)?))));
    }
    Ok((needs, still_needed))
}

/// The place of the stack that a nested one lies in, where that is among those that go.
async fn place_of_root(
    stacks: &Stacks,
    of_stack: &BTreeMap<&str, usize>,
    nested: &str,
) -> Result<Option<usize>, syncline_aws::Error> {
    let root = stacks.root(&StackName::new(nested)).await?;
    Ok(root.and_then(|root| of_stack.get(root.as_str()).copied()))
}

/// The name of a stack in its id, `arn:…:stack/<name>/<unique id>`.
fn stack_of(id: &str) -> &str {
    id.split('/').nth(1).unwrap_or(id)
}

/// What of an environment is in the way of its deletion: services that are deployed in it.
pub(crate) fn in_the_way<'c>(all: &'c [Condemned], environment: &str, own: &StackName) -> Vec<&'c Condemned> {
    let is_in_it = |one: &&Condemned| {
        let may_be = one.doomed.environment.as_deref().is_none_or(|name| name == environment);
        may_be && one.doomed.kind == TargetKind::ServiceInstance && one.doomed.stack != *own
    };
    all.iter().filter(is_in_it).collect()
}
