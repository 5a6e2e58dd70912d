//! What is meant by a command that works by hand: one branch, and some of its targets. What was not said is asked for at a
//! terminal.

use std::collections::BTreeSet;

use syncline_core::assembly::{AssembledTarget, Assembly};
use syncline_core::diagnostic::nearest;
use syncline_core::manifest::{Manifest, TargetEntry};
use syncline_core::names::{BranchName, TargetKind};

use super::ending::Typed;
use crate::arguments::Deploy;
use crate::draw::{listed, one_of};
use crate::failure::Failure;
use crate::prompt;
use crate::reading::Reading;

/// What was said, or answered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Said {
    /// Addons, services, environments.
    pub(crate) names: Vec<String>,
    /// The environment.
    pub(crate) environment: Option<String>,
    /// The branch.
    pub(crate) branch: Option<String>,
    /// Everything.
    pub(crate) all: bool,
    /// What was chosen from a list.
    chosen: Option<BTreeSet<(String, TargetKind)>>,
}

/// The error for a name that nothing goes by.
pub(crate) fn no_such_name(manifest: &Manifest, name: &str) -> Failure {
    if let Some(stack) = manifest.existing_environments.get(name) {
        let error = format!("environment `{name}` is only named here, as stack {stack}: others deploy it");
        return Failure::usage(error, "`--env NAME` deploys what is in it");
    }
    let mut known: Vec<&str> = manifest.targets.iter().map(TargetEntry::goes_by).collect();
    known.dedup();
    Failure::usage(format!("there is no addon, service or environment `{name}`"), one_of(name, known))
}

/// The error where nothing was said and there is no terminal to ask at.
fn nothing_named(environments: &[String]) -> Failure {
    let known = listed(environments);
    let help = format!("`--env NAME` with `--all`, or with `--name NAME` for some of it; there is {known}");
    Failure::usage("nothing was named to deploy, and there is no terminal to ask at", help)
}

/// Whether a target goes by a name, or is called so itself: `orders`, `orders/beta`.
fn is_called(entry: &TargetEntry, name: &str) -> bool {
    entry.goes_by() == name || entry.name.as_str() == name
}

impl Said {
    /// What was typed.
    pub(crate) fn new(deploy: &Deploy) -> Self {
        Self {
            names: deploy.names.clone(),
            environment: deploy.env.clone(),
            branch: deploy.branch.clone(),
            all: deploy.all,
            chosen: None,
        }
    }

    /// What would be typed to mean the same.
    pub(crate) fn typed(&self, deploy: &Deploy) -> Typed {
        let mut typed = Typed::new(&["deploy"], &deploy.place, &deploy.hand);
        let chosen: BTreeSet<String> = self.chosen.iter().flatten().map(|(name, _)| name.clone()).collect();
        typed.options("-n", &self.names);
        typed.options("-n", &chosen.into_iter().collect::<Vec<_>>());
        typed.options("-e", self.environment.as_slice());
        typed.options("-b", self.branch.as_slice());
        typed.flag("--all", self.all);
        typed
    }

    /// The branch that is meant. An environment that is asked for is noted as if it had been said.
    pub(crate) fn branch(&mut self, reading: &mut Reading, manifest: &Manifest) -> Result<BranchName, Failure> {
        for name in &self.names {
            if !manifest.targets.iter().any(|entry| is_called(entry, name)) {
                return Err(no_such_name(manifest, name));
            }
        }
        if self.branch.is_some() {
            return reading.choose(manifest, self.branch.as_deref());
        }
        let is_named =
            |entry: &&TargetEntry| self.names.is_empty() || self.names.iter().any(|name| is_called(entry, name));
        let of_name: Vec<&TargetEntry> = manifest.targets.iter().filter(is_named).collect();
        if let Some(environment) = &self.environment {
            let here: Vec<&TargetEntry> =
                of_name.iter().copied().filter(|entry| entry.own_name == *environment).collect();
            return match branches(&here).as_slice() {
                [only] => Ok((*only).clone()),
                [] => self.branch_by_spec(environment, reading, manifest, &of_name),
                several => {
                    let error = format!("`{environment}` is deployed from several branches");
                    Err(Failure::usage(error, format!("name one of {}: `--branch NAME`", listed(several))))
                }
            };
        }
        if let [only] = branches(&of_name).as_slice() {
            return Ok((*only).clone());
        }
        if prompt::is_possible() {
            let environments = environments(&of_name);
            let place = prompt::choose("Which environment?", &environments)?;
            self.environment = environments.get(place).cloned();
            return self.branch(reading, manifest);
        }
        if self.names.is_empty() && !self.all {
            return Err(nothing_named(&environments(&of_name)));
        }
        if self.names.is_empty() {
            return reading.choose(manifest, None);
        }
        let verb = if self.names.len() == 1 { "is" } else { "are" };
        let error = format!("{} {verb} in several environments", listed(&self.names));
        Err(Failure::usage(error, format!("name one of {}: `--env NAME`", listed(environments(&of_name)))))
    }

    /// The branch of the instances that live in an environment, which only their specs say.
    fn branch_by_spec(
        &self,
        environment: &str,
        reading: &mut Reading,
        manifest: &Manifest,
        of_name: &[&TargetEntry],
    ) -> Result<BranchName, Failure> {
        let mut found = Vec::new();
        for branch in branches(of_name) {
            if let Ok(assembly) = reading.assemble(manifest, branch)? {
                let is_named = |target: &AssembledTarget| of_name.iter().any(|entry| entry.name == target.entry.name);
                found.extend(assembly.targets.iter().any(|one| is_named(one) && self.is_here(one)).then_some(branch));
            }
        }
        match found.as_slice() {
            [only] => Ok((*only).clone()),
            [] => Err(self.not_in(environment, of_name)),
            several => {
                let error = format!("what is in `{environment}` is deployed from several branches");
                Err(Failure::usage(error, format!("name one of {}: `--branch NAME`", listed(several))))
            }
        }
    }

    fn not_in(&self, environment: &str, of_name: &[&TargetEntry]) -> Failure {
        let known = environments(of_name);
        let help = match nearest(environment, known.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("name one of {}: `--env NAME`", listed(&known)),
        };
        let error = match self.names.as_slice() {
            [] => format!("there is no environment `{environment}`"),
            [name] => format!("`{name}` is not in environment `{environment}`"),
            names => format!("{} are not in environment `{environment}`", listed(names)),
        };
        Failure::usage(error, help)
    }

    /// The targets of a branch that are meant.
    pub(crate) fn targets(&mut self, assembly: &Assembly) -> Result<Assembly, Failure> {
        let here: Vec<&AssembledTarget> = assembly.targets.iter().filter(|target| self.is_here(target)).collect();
        if let Some(environment) = self.environment.as_ref().filter(|_| here.is_empty()) {
            let known: BTreeSet<&str> =
                assembly.targets.iter().filter_map(|one| one.prepared.environment.as_deref()).collect();
            let error = format!("nothing of that branch is in environment `{environment}`");
            return Err(Failure::usage(
                error,
                format!("it deploys to {}; correct `--env` or `--branch`", listed(known)),
            ));
        }
        if let Some(missing) = self.names.iter().find(|name| !here.iter().any(|target| is_called(&target.entry, name)))
        {
            let error = format!("`{missing}` is not deployed from that branch, or not in that environment");
            let known = listed(here.iter().map(|target| target.entry.goes_by()).collect::<BTreeSet<_>>());
            return Err(Failure::usage(error, format!("there is {known}; correct `--env` or `--branch`")));
        }
        let meant: BTreeSet<(String, TargetKind)> = if self.all {
            here.iter().map(|target| identity(&target.entry)).collect()
        } else if !self.names.is_empty() {
            let named = here.iter().filter(|target| self.names.iter().any(|name| is_called(&target.entry, name)));
            named.map(|target| identity(&target.entry)).collect()
        } else if let Some(chosen) = &self.chosen {
            chosen.clone()
        } else if prompt::is_possible() {
            self.chosen.insert(ask_which(&here)?).clone()
        } else {
            let entries = here.iter().map(|target| &target.entry);
            let entries: Vec<_> = entries.filter(|entry| entry.kind != TargetKind::ServicePipeline).collect();
            return Err(nothing_named(&environments(&entries)));
        };
        if meant.is_empty() {
            return Err(Failure::usage("nothing was chosen to deploy", "mark what you mean with the space bar"));
        }
        let is_meant = |target: &AssembledTarget| {
            let by_name = self.names.is_empty() || self.names.iter().any(|name| is_called(&target.entry, name));
            self.is_here(target) && by_name && meant.contains(&identity(&target.entry))
        };
        Ok(assembly.only(is_meant))
    }

    /// Whether a target lives in the environment that was said.
    fn is_here(&self, target: &AssembledTarget) -> bool {
        self.environment.as_ref().is_none_or(|environment| {
            target.entry.own_name == *environment || target.prepared.environment.as_ref() == Some(environment)
        })
    }
}

/// A service and an environment may go by one name.
fn identity(entry: &TargetEntry) -> (String, TargetKind) {
    (entry.goes_by().to_owned(), entry.kind)
}

/// Asks which are meant, listing each with its kind.
fn ask_which(here: &[&AssembledTarget]) -> Result<BTreeSet<(String, TargetKind)>, Failure> {
    let mut choices: Vec<(String, TargetKind)> = Vec::new();
    for target in here {
        let choice = identity(&target.entry);
        if !choices.contains(&choice) {
            choices.push(choice);
        }
    }
    let labels: Vec<String> = choices.iter().map(|(name, kind)| format!("{name} ({kind})")).collect();
    let chosen = prompt::choose_some("What is to be deployed?", &labels)?;
    Ok(chosen.into_iter().filter_map(|place| choices.get(place).cloned()).collect())
}

fn branches<'e>(entries: &[&'e TargetEntry]) -> Vec<&'e BranchName> {
    let mut branches: Vec<&BranchName> = Vec::new();
    for entry in entries {
        if !branches.contains(&&entry.branch) {
            branches.push(&entry.branch);
        }
    }
    branches
}

fn environments(entries: &[&TargetEntry]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for entry in entries {
        if !names.contains(&entry.own_name) {
            names.push(entry.own_name.clone());
        }
    }
    names
}
