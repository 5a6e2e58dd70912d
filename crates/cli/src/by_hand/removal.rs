//! What is to be deleted by hand: the targets that are meant and deployed, who deployed them, what still needs them, and which
//! goes before which.

use std::collections::{BTreeMap, BTreeSet};

use syncline_aws::Error;
use syncline_aws::all_stacks::AllStacks;
use syncline_aws::stacks::Stacks;
use syncline_core::assembly::Assembly;
use syncline_core::location::Location;
use syncline_core::manifest::{Manifest, TargetEntry};
use syncline_core::names::{BranchName, RepositoryName, StackName, TargetKind, TargetName};
use syncline_core::plan::Known;
use syncline_core::removal::{Doomed, Needs};

use super::account::Account;
use super::owner::{DeployedBy, TargetStack, deployers};

/// A target that is to be deleted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Condemned {
    /// The target.
    pub(crate) doomed: Doomed,
    /// Whether the manifest names its stack: it was there before Syncline.
    pub(crate) is_adopted: bool,
}

impl Condemned {
    /// Its stack, to ask who deployed it.
    pub(crate) fn target_stack(&self) -> TargetStack {
        let Doomed { name, stack, location, .. } = &self.doomed;
        TargetStack { target: name.clone(), stack: stack.clone(), location: location.clone() }
    }
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
    /// Where instances are that are not where Syncline is.
    pub(crate) locations: BTreeMap<TargetName, Location>,
    /// What each target waits for when it is deployed.
    pub(crate) depends_on: BTreeMap<TargetName, BTreeSet<TargetName>>,
    /// Pipelines, which no entry of the manifest is.
    pub(crate) pipelines: Vec<TargetEntry>,
    /// The branches whose files have errors.
    pub(crate) unread: BTreeSet<BranchName>,
}

impl FromFiles {
    /// Adds what a branch maps to.
    pub(crate) fn add(&mut self, assembly: &Assembly) {
        for target in &assembly.targets {
            let name = &target.entry.name;
            let waits_on = target.waits_on.iter().map(|&place| assembly.targets[place].entry.name.clone());
            self.depends_on.insert(name.clone(), waits_on.collect());
            self.locations.insert(name.clone(), target.entry.location.clone());
            match target.entry.kind {
                TargetKind::ServicePipeline => self.pipelines.push(target.entry.clone()),
                TargetKind::ServiceInstance => self
                    .environments
                    .extend(target.prepared.environment.iter().map(|environment| (name.clone(), environment.clone()))),
                TargetKind::Environment | TargetKind::EnvironmentAddon => {}
            }
        }
    }

    fn condemned(&self, entry: &TargetEntry, manifest: &Manifest) -> Condemned {
        let named = match entry.kind {
            TargetKind::ServicePipeline => None,
            // It may be called otherwise than the environment that it lives in, which only its spec says, if anything does.
            TargetKind::ServiceInstance
                if self.unread.contains(&entry.branch) || !is_environment(manifest, &entry.own_name) =>
            {
                None
            }
            _ => Some(entry.own_name.clone()),
        };
        Condemned {
            doomed: Doomed {
                branch: entry.branch.clone(),
                name: entry.name.clone(),
                kind: entry.kind,
                service: entry.service.clone(),
                stack: entry.stack.clone(),
                location: self.locations.get(&entry.name).unwrap_or(&entry.location).clone(),
                environment: self.environments.get(&entry.name).cloned().or(named),
            },
            is_adopted: entry.adopts,
        }
    }
}

/// Everything that the manifest asks for, and everything that a sync deployed and that is left; but no stack that the
/// manifest only names as one that others deploy, whoever deployed it once.
pub(crate) fn all(manifest: &Manifest, from_files: &FromFiles, known: &BTreeMap<TargetName, Known>) -> Vec<Condemned> {
    let entries = manifest.targets.iter().chain(&from_files.pipelines);
    let mut found: Vec<Condemned> = entries.map(|entry| from_files.condemned(entry, manifest)).collect();
    for one in found.iter_mut().map(|one| &mut one.doomed) {
        // Whoever deployed it may be another branch than the one that the files name by now: its lease counts.
        if let Some(known) = known.get(&one.name).filter(|known| *known.there().0 == one.stack) {
            one.branch = known.branch.clone();
            // And they may say by now that it is elsewhere, where nobody has deployed it yet.
            one.location = known.there().1.clone();
        }
    }
    for (name, known) in known {
        if !found.iter().any(|one| one.doomed.stack == *known.there().0) {
            found.push(of_known(name, known));
        }
    }
    let only_named: BTreeSet<&StackName> = manifest.existing_environments.values().collect();
    found.retain(|one| !only_named.contains(&one.doomed.stack));
    found
}

/// Whether a manifest has an environment of that name, its own or one that others deploy.
fn is_environment(manifest: &Manifest, name: &str) -> bool {
    let is_named = |entry: &TargetEntry| entry.kind == TargetKind::Environment && entry.own_name == name;
    manifest.existing_environments.contains_key(name) || manifest.targets.iter().any(is_named)
}

fn of_known(name: &TargetName, known: &Known) -> Condemned {
    let own_name = name.as_str().rsplit('/').next().unwrap_or_default();
    Condemned {
        doomed: Doomed {
            branch: known.branch.clone(),
            name: name.clone(),
            kind: known.kind,
            service: known.service.clone(),
            stack: known.there().0.clone(),
            location: known.there().1.clone(),
            // An instance may be called otherwise than the environment that it lives in.
            environment: matches!(known.kind, TargetKind::Environment | TargetKind::EnvironmentAddon)
                .then(|| own_name.to_owned()),
        },
        is_adopted: false,
    }
}

/// Those whose stacks are there, in the same order, and who deployed each.
pub(crate) async fn deployed(
    account: &Account,
    repository: &RepositoryName,
    known: &BTreeMap<TargetName, Known>,
    condemned: &[Condemned],
) -> Result<Vec<(Condemned, DeployedBy)>, Error> {
    let asked: Vec<TargetStack> = condemned.iter().map(Condemned::target_stack).collect();
    let found = deployers(account, repository, known, &asked).await?;
    Ok(condemned.iter().zip(found).filter_map(|(one, by)| Some((one.clone(), by?))).collect())
}

/// Who needs whom, as CloudFormation, the files and the history know it. And what still needs something that is to go.
pub(crate) async fn needs(
    stacks: &AllStacks,
    repository: &RepositoryName,
    condemned: &[Condemned],
    from_files: &FromFiles,
    known: &BTreeMap<TargetName, Known>,
) -> Result<(Needs, BTreeSet<StillNeeded>), Error> {
    let of_name: BTreeMap<&TargetName, usize> =
        condemned.iter().enumerate().map(|(place, one)| (&one.doomed.name, place)).collect();
    let (mut needs, mut still_needed) = (Needs::default(), BTreeSet::new());
    let mut locations: Vec<&Location> = Vec::new();
    for one in condemned {
        if !locations.iter().any(|location| location.is_with(&one.doomed.location)) {
            locations.push(&one.doomed.location);
        }
    }
    for location in locations {
        let there = stacks.at(location, repository).await?;
        imports_at(&there, location, condemned, &mut needs, &mut still_needed).await?;
    }
    for (place, one) in condemned.iter().enumerate() {
        let name = &one.doomed.name;
        let deployed = known.get(name).into_iter().flat_map(|known| &known.depends_on);
        let dependencies = deployed.chain(from_files.depends_on.get(name).into_iter().flatten());
        needs.said.extend(dependencies.filter_map(|name| Some((place, *of_name.get(name)?))));
    }
    Ok((needs, still_needed))
}

/// Who imports from whom in one account and region.
async fn imports_at(
    stacks: &Stacks,
    location: &Location,
    condemned: &[Condemned],
    needs: &mut Needs,
    still_needed: &mut BTreeSet<StillNeeded>,
) -> Result<(), Error> {
    let there = condemned.iter().enumerate().filter(|(_, one)| one.doomed.location.is_with(location));
    let of_stack: BTreeMap<&str, usize> = there.map(|(place, one)| (one.doomed.stack.as_str(), place)).collect();
    for (export, exporter) in stacks.exporters().await? {
        let exporter = exporter.as_str();
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
                Some(importing) => drop(needs.imports.insert((importing, exporting))),
                None => {
                    let target = condemned[exporting].doomed.name.clone();
                    still_needed.insert(StillNeeded { target, export: export.clone(), importer });
                }
            }
        }
    }
    Ok(())
}

/// The targets that stay and that depend on what is to go, as far as the history knows: pairs of both.
pub(crate) fn left_behind(
    condemned: &[Condemned],
    known: &BTreeMap<TargetName, Known>,
) -> BTreeSet<(TargetName, TargetName)> {
    let going: BTreeSet<&TargetName> = condemned.iter().map(|one| &one.doomed.name).collect();
    let staying = known.iter().filter(|(name, _)| !going.contains(name));
    let pairs = staying.flat_map(|(name, known)| known.depends_on.iter().map(move |needed| (name, needed)));
    pairs.filter(|(_, needed)| going.contains(needed)).map(|(name, needed)| (name.clone(), needed.clone())).collect()
}

/// The place of the stack that a nested one lies in, where that is among those that go.
async fn place_of_root(
    stacks: &Stacks,
    of_stack: &BTreeMap<&str, usize>,
    nested: &str,
) -> Result<Option<usize>, Error> {
    let root = stacks.root(&StackName::new(nested)).await?;
    Ok(root.and_then(|root| of_stack.get(root.as_str()).copied()))
}

/// What of an environment is in the way of its deletion: services that may be in it.
pub(crate) fn in_the_way<'c>(all: &'c [Condemned], environment: &Doomed) -> Vec<&'c Condemned> {
    let is_in_it = |one: &&Condemned| {
        let may_be = one.doomed.environment.as_deref().is_none_or(|name| name == environment.goes_by());
        may_be && one.doomed.kind == TargetKind::ServiceInstance && one.doomed.stack != environment.stack
    };
    all.iter().filter(is_in_it).collect()
}
