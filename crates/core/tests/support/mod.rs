//! A repository in memory, and what a sync of it leaves behind.

#![allow(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

use std::collections::{BTreeMap, BTreeSet};

use syncline_core::assembly::{self, Assembly};
use syncline_core::diagnostic::Diagnostic;
use syncline_core::files::{Entry, Files, Want};
use syncline_core::manifest;
use syncline_core::names::{BranchName, RepositoryName, TargetName};
use syncline_core::plan::{self, Action, Known, Plan};
use syncline_core::recipe::{Cache, Context};
use syncline_core::render::Outputs;

/// Files by their paths.
pub(crate) type Repository = BTreeMap<String, String>;

/// Reads what is asked for, until the answer is there.
fn read_until<T>(repository: &Repository, files: &mut Files, mut ask: impl FnMut(&mut Files) -> Option<T>) -> T {
    loop {
        if let Some(answer) = ask(files) {
            return answer;
        }
        let wanted = files.take_wanted();
        assert!(!wanted.is_empty(), "no answer, and nothing is wanted");
        for want in wanted {
            insert(repository, want, files);
        }
    }
}

/// Reads what is wanted.
pub(crate) fn insert(repository: &Repository, want: Want, files: &mut Files) {
    let (path, entry) = match want {
        Want::File(path) => {
            let entry = repository.get(path.as_str()).map_or(Entry::Absent, |text| Entry::Text(text.clone()));
            (path, entry)
        }
        Want::Folder(path) => {
            let entry = folder(repository, path.as_str());
            (path, entry)
        }
    };
    files.insert(path, entry);
}

fn folder(repository: &Repository, path: &str) -> Entry {
    let prefix = if path.is_empty() { String::new() } else { format!("{path}/") };
    let (mut files, mut folders) = (BTreeSet::new(), BTreeSet::new());
    for below in repository.keys().filter_map(|name| name.strip_prefix(&prefix)) {
        match below.split_once('/') {
            Some((folder, _)) => folders.insert(folder.to_owned()),
            None => files.insert(below.to_owned()),
        };
    }
    if files.is_empty() && folders.is_empty() { Entry::Absent } else { Entry::Folder { files, folders } }
}

/// Reads, checks and plans a push to a branch, as Begin does.
pub(crate) fn planned(
    repository: &Repository,
    branch: &str,
    known: &BTreeMap<TargetName, Known>,
) -> Result<(Assembly, Plan), Vec<Diagnostic>> {
    let mut files = Files::default();
    let name = RepositoryName::new("shop");
    let (manifest, _) = read_until(repository, &mut files, |files| manifest::load(None, &name, files))?;
    let context = Context {
        repository: name.to_string(),
        account_id: "111122223333".to_owned(),
        locations: manifest.locations.clone(),
        manifest: manifest.path.clone(),
        outputs: Outputs::Pending,
        before: plan::before(known),
    };
    let branch = BranchName::new(branch);
    let mut cache = Cache::default();
    let assembly = read_until(repository, &mut files, |files| {
        assembly::assemble(&manifest, &branch, &context, files, &mut cache)
    })?;
    let plan = Plan::new(&assembly, &branch, &manifest, known);
    Ok((assembly, plan))
}

/// What is known after a sync of a branch in which everything of a plan went well.
pub(crate) fn known_after(plan: &Plan, branch: &str) -> BTreeMap<TargetName, Known> {
    let stays = plan.targets.iter().filter(|target| target.action != Action::Delete);
    stays
        .map(|target| {
            let known = Known {
                sources: Some(target.sources.clone()),
                stack: target.stack.clone(),
                location: target.location.clone(),
                deployed: Some((target.stack.clone(), target.location.clone())),
                in_step: true,
                branch: BranchName::new(branch),
                kind: target.kind,
                service: target.service.clone(),
                depends_on: target.depends_on.clone(),
                inputs: Some(target.inputs.clone()),
            };
            (target.name.clone(), known)
        })
        .collect()
}
