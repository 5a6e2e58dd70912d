//! What a plan does with each target, given what the syncs before left behind.
//!
//! The repository is one of deployment files: `web` waits for `api`, `api` for `db`; `job` waits for nothing.

#![allow(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

mod support;

use std::collections::BTreeMap;

use support::Repository;
use syncline_core::diagnostic::Diagnostic;
use syncline_core::location::Location;
use syncline_core::manifest::{self, Manifest};
use syncline_core::names::{BranchName, Digest, RepoPath, RepositoryName, StackName, TargetName, TargetNumber};
use syncline_core::plan::{Action, Known, Plan, stacks_left};

const MANIFEST: &str = "
sync:
  services:
    web:
      depends_on: api
      beta: {branch: main, spec: web.yaml}
      prod: {branch: prod, spec: web.yaml}
    api:
      depends_on: db
      beta: {branch: main, spec: api.yaml}
      prod: {branch: prod, spec: api.yaml}
    db:
      beta: {branch: main, spec: db.yaml}
      prod: {branch: prod, spec: db.yaml}
    job:
      beta: {branch: main, spec: job.yaml}
";

fn repository() -> Repository {
    let mut repository = Repository::from([("syncline.yaml".to_owned(), MANIFEST.to_owned())]);
    for service in ["web", "api", "db", "job"] {
        let (spec, template): (&str, &str) = match service {
            "web" => ("web.yaml", "web.template"),
            "api" => ("api.yaml", "api.template"),
            "db" => ("db.yaml", "db.template"),
            _ => ("job.yaml", "job.template"),
        };
        repository.insert(spec.to_owned(), format!("template-file-path: {template}\n"));
        repository
            .insert(template.to_owned(), format!("Resources: {{Topic: {{Type: 'AWS::SNS::Topic'}}}} # {service}\n"));
    }
    repository
}

/// Plans a push to `main`.
fn planned(repository: &Repository, known: &BTreeMap<TargetName, Known>) -> Plan {
    support::planned(repository, "main", known).unwrap().1
}

fn known_after(plan: &Plan) -> BTreeMap<TargetName, Known> {
    support::known_after(plan, "main")
}

fn name(name: &str) -> TargetName {
    TargetName::new(name)
}

/// The targets that are deployed, in order, each with the names of those it waits on.
fn deployed(plan: &Plan) -> Vec<(&str, Vec<&str>)> {
    let name_of = |number: &TargetNumber| plan.targets[number.0 as usize].name.as_str();
    plan.worked_on().map(|target| (target.name.as_str(), target.waits_on.iter().map(name_of).collect())).collect()
}

/// What must hold of any plan: numbers are places, and the two directions of waiting agree and join what is deployed.
fn check_shape(plan: &Plan) {
    for (place, target) in plan.targets.iter().enumerate() {
        assert_eq!(target.number.0 as usize, place);
        for dependency in &target.waits_on {
            let dependency = &plan.targets[dependency.0 as usize];
            assert!(dependency.number < target.number);
            assert_eq!((dependency.action, target.action), (Action::Deploy, Action::Deploy));
            assert!(dependency.dependents.contains(&target.number));
        }
        for dependent in &target.dependents {
            assert!(plan.targets[dependent.0 as usize].waits_on.contains(&target.number));
        }
    }
}

#[test]
fn with_nothing_known_all_is_deployed() {
    let plan = planned(&repository(), &BTreeMap::new());
    check_shape(&plan);
    assert_eq!(
        deployed(&plan),
        [("db/beta", vec![]), ("api/beta", vec!["db/beta"]), ("web/beta", vec!["api/beta"]), ("job/beta", vec![])]
    );
    assert!(plan.targets.iter().all(|target| !target.was_in_step));
    assert_eq!(plan.unmanaged, []);
}

#[test]
fn with_all_in_step_all_is_kept_and_nothing_waits() {
    let repository = repository();
    let known = known_after(&planned(&repository, &BTreeMap::new()));
    let plan = planned(&repository, &known);
    check_shape(&plan);
    assert_eq!(plan.kept().count(), 4);
    assert!(plan.targets.iter().all(|target| target.waits_on.is_empty() && target.dependents.is_empty()));
    assert!(plan.targets.iter().all(|target| target.was_in_step));
}

#[test]
fn a_change_deploys_its_target_and_everything_downstream() {
    let mut repository = repository();
    let known = known_after(&planned(&repository, &BTreeMap::new()));
    repository.insert("api.template".to_owned(), "Resources: {Queue: {Type: 'AWS::SQS::Queue'}}\n".to_owned());
    let plan = planned(&repository, &known);
    check_shape(&plan);
    assert_eq!(deployed(&plan), [("api/beta", vec![]), ("web/beta", vec!["api/beta"])]);
    let kept: Vec<&str> = plan.kept().map(|target| target.name.as_str()).collect();
    assert_eq!(kept, ["db/beta", "job/beta"]);
    assert!(plan.targets.iter().all(|target| target.was_in_step), "each was in step before this change");
}

#[test]
fn a_change_of_the_spec_alone_is_a_change() {
    let mut repository = repository();
    let known = known_after(&planned(&repository, &BTreeMap::new()));
    repository.insert("web.yaml".to_owned(), "template-file-path: web.template\ntags: {team: shop}\n".to_owned());
    assert_eq!(deployed(&planned(&repository, &known)), [("web/beta", vec![])]);
}

#[test]
fn a_file_that_nothing_reads_changes_nothing() {
    let mut repository = repository();
    let known = known_after(&planned(&repository, &BTreeMap::new()));
    repository.insert("README.md".to_owned(), "A shop.\n".to_owned());
    assert_eq!(deployed(&planned(&repository, &known)), []);
}

#[test]
fn what_failed_before_is_deployed_again() {
    let repository = repository();
    let mut known = known_after(&planned(&repository, &BTreeMap::new()));
    known.get_mut(&name("api/beta")).unwrap().in_step = false;
    let plan = planned(&repository, &known);
    check_shape(&plan);
    assert_eq!(deployed(&plan), [("api/beta", vec![]), ("web/beta", vec!["api/beta"])]);
    let was_in_step: Vec<bool> = plan.targets.iter().map(|target| target.was_in_step).collect();
    assert_eq!(was_in_step, [true, false, true, true]);
}

#[test]
fn what_never_succeeded_is_deployed() {
    let repository = repository();
    let mut known = known_after(&planned(&repository, &BTreeMap::new()));
    known.get_mut(&name("job/beta")).unwrap().sources = None;
    assert_eq!(deployed(&planned(&repository, &known)), [("job/beta", vec![])]);
}

#[test]
fn other_sources_are_deployed_even_where_they_are_older_ones() {
    let repository = repository();
    let mut known = known_after(&planned(&repository, &BTreeMap::new()));
    known.get_mut(&name("job/beta")).unwrap().sources = Some(Digest::new("of another commit"));
    assert_eq!(deployed(&planned(&repository, &known)), [("job/beta", vec![])]);
}

#[test]
fn another_stack_is_deployed() {
    let repository = repository();
    let mut known = known_after(&planned(&repository, &BTreeMap::new()));
    known.get_mut(&name("job/beta")).unwrap().stack = StackName::new("shop-job-old");
    let plan = planned(&repository, &known);
    assert_eq!(deployed(&plan), [("job/beta", vec![])]);
    assert!(!plan.targets[3].was_in_step, "the stack that it is now was never deployed");
}

#[test]
fn another_stack_in_the_manifest_is_deployed() {
    let mut repository = repository();
    let known = known_after(&planned(&repository, &BTreeMap::new()));
    let manifest = MANIFEST
        .replace("spec: db.yaml}", "spec: db.yaml, stack: old-db}")
        .replace("prod: {branch: prod, spec: db.yaml, stack: old-db}", "prod: {branch: prod, spec: db.yaml}");
    repository.insert("syncline.yaml".to_owned(), manifest);
    let plan = planned(&repository, &known);
    check_shape(&plan);
    assert_eq!(deployed(&plan), [("db/beta", vec![]), ("api/beta", vec!["db/beta"]), ("web/beta", vec!["api/beta"])]);
    assert_eq!(plan.targets[0].stack, StackName::new("old-db"));
}

#[test]
fn a_target_that_left_the_manifest_is_listed_and_left_alone() {
    let mut repository = repository();
    let mut known = known_after(&planned(&repository, &BTreeMap::new()));
    let of_prod = Known { branch: BranchName::new("prod"), ..known[&name("job/beta")].clone() };
    known.insert(name("gone/prod"), of_prod.clone());
    // It is in the manifest still, though on another branch than the one that deployed it.
    known.insert(name("web/prod"), Known { branch: BranchName::new("main"), ..of_prod });
    repository.insert(
        "syncline.yaml".to_owned(),
        MANIFEST.replace("    job:\n      beta: {branch: main, spec: job.yaml}\n", ""),
    );
    let plan = planned(&repository, &known);
    check_shape(&plan);
    assert_eq!(plan.unmanaged, [name("job/beta")]);
    assert_eq!(plan.targets.len(), 3);
    assert_eq!(deployed(&plan), []);
}

/// What is deleted, in order, each with the names of those it waits on.
fn deleted(plan: &Plan) -> Vec<(&str, Vec<&str>)> {
    let name_of = |number: &TargetNumber| plan.targets[number.0 as usize].name.as_str();
    let targets = plan.targets.iter().filter(|target| target.action == Action::Delete);
    targets.map(|target| (target.name.as_str(), target.waits_on.iter().map(name_of).collect())).collect()
}

/// The manifest with only `db`, and `web` without its dependency.
const SMALLER: &str = "
sync:
  services:
    web:
      beta: {branch: main, spec: web.yaml}
      prod: {branch: prod, spec: web.yaml}
    db:
      beta: {branch: main, spec: db.yaml}
";

#[test]
fn what_left_a_manifest_that_prunes_is_deleted_after_all_that_depended_on_it() {
    let mut repository = repository();
    let mut known = known_after(&planned(&repository, &BTreeMap::new()));
    for prod in ["api/prod", "db/prod"] {
        known.insert(name(prod), Known { branch: BranchName::new("prod"), ..known[&name("db/beta")].clone() });
    }
    // `web` is deployed again, and no longer depends on `api`; `api` and `job` have left.
    repository.insert("web.template".to_owned(), "Resources: {Queue: {Type: 'AWS::SQS::Queue'}}\n".to_owned());
    repository.insert("syncline.yaml".to_owned(), SMALLER.replace("  services:", "  prune: true\n  services:"));
    let plan = planned(&repository, &known);
    assert_eq!(deleted(&plan), [("api/beta", vec!["web/beta"]), ("job/beta", vec![])]);
    assert_eq!(plan.unmanaged, []);
    let web = plan.targets.iter().find(|target| target.name == name("web/beta")).unwrap();
    assert_eq!(web.dependents.len(), 1, "the deletion waits for it");
    assert!(plan.targets.iter().enumerate().all(|(place, target)| target.number.0 as usize == place));

    // All of them leave: those that depend go first.
    repository.insert("syncline.yaml".to_owned(), "sync: {prune: true, services: {}}\n".to_owned());
    let plan = planned(&repository, &known);
    assert_eq!(
        deleted(&plan),
        [("web/beta", vec![]), ("api/beta", vec!["web/beta"]), ("db/beta", vec!["api/beta"]), ("job/beta", vec![])]
    );
    let bytes = serde_json::to_vec(&plan).unwrap();
    assert_eq!(serde_json::from_slice::<Plan>(&bytes).unwrap(), plan, "a plan survives being stored");
}

#[test]
fn prune_on_a_service_deletes_what_left_that_service_alone() {
    let mut repository = repository();
    let known = known_after(&planned(&repository, &BTreeMap::new()));
    let manifest = SMALLER.replace("    db:", "    api: {prune: true}\n    db:");
    repository.insert("syncline.yaml".to_owned(), manifest);
    let plan = planned(&repository, &known);
    assert_eq!(deleted(&plan), [("api/beta", vec![])]);
    assert_eq!(plan.unmanaged, [name("job/beta")]);
}

#[test]
fn a_target_that_took_another_name_but_kept_its_stack_is_not_deleted() {
    let mut repository = repository();
    let known = known_after(&planned(&repository, &BTreeMap::new()));
    let manifest = MANIFEST.replace("  services:", "  prune: true\n  services:").replace(
        "    job:\n      beta: {branch: main, spec: job.yaml}",
        "    work:\n      beta: {branch: main, spec: job.yaml, stack: shop-job-beta}",
    );
    repository.insert("syncline.yaml".to_owned(), manifest);
    let plan = planned(&repository, &known);
    assert_eq!(deleted(&plan), []);
    assert_eq!(plan.unmanaged, [name("job/beta")]);
}

#[test]
fn deletions_that_depended_on_each_other_at_different_times_still_have_an_order() {
    let mut repository = repository();
    let mut known = known_after(&planned(&repository, &BTreeMap::new()));
    known.get_mut(&name("db/beta")).unwrap().depends_on.insert(name("web/beta"));
    repository.insert("syncline.yaml".to_owned(), "sync: {prune: true, services: {}}\n".to_owned());
    assert_eq!(deleted(&planned(&repository, &known)).len(), 4);
}

#[test]
fn a_new_target_is_deployed_beside_those_that_are_kept() {
    let mut repository = repository();
    let mut known = known_after(&planned(&repository, &BTreeMap::new()));
    known.remove(&name("web/beta"));
    assert_eq!(deployed(&planned(&repository, &known)), [("web/beta", vec![])]);
    repository.insert("job.template".to_owned(), "Resources: {}\n".to_owned());
    assert_eq!(deployed(&planned(&repository, &known)), [("web/beta", vec![]), ("job/beta", vec![])]);
}

#[test]
fn files_written_on_windows_mean_the_same() {
    let mut repository = repository();
    for text in repository.values_mut() {
        *text = format!("\u{feff}{}", text.replace('\n', "\r\n"));
    }
    let plan = planned(&repository, &BTreeMap::new());
    check_shape(&plan);
    assert_eq!(plan.worked_on().count(), 4);
}

#[test]
fn equal_inputs_give_equal_bytes() {
    let mut repository = repository();
    let known = known_after(&planned(&repository, &BTreeMap::new()));
    repository.insert("db.template".to_owned(), "Resources: {Queue: {Type: 'AWS::SQS::Queue'}}\n".to_owned());
    for known in [BTreeMap::new(), known] {
        let bytes = || serde_json::to_vec(&planned(&repository, &known)).unwrap();
        assert_eq!(bytes(), bytes());
        let read: Plan = serde_json::from_slice(&bytes()).unwrap();
        assert_eq!(serde_json::to_vec(&read).unwrap(), bytes(), "a plan survives being stored");
    }
}

#[test]
fn what_is_chosen_waits_for_what_is_chosen_over_what_is_not() {
    let (assembly, _) = support::planned(&repository(), "main", &BTreeMap::new()).unwrap();
    let chosen = assembly.only(|target| ["web/beta", "db/beta"].contains(&target.entry.name.as_str()));
    let waits: Vec<(&str, Vec<usize>)> = chosen
        .targets
        .iter()
        .map(|target| (target.entry.name.as_str(), target.waits_on.iter().copied().collect()))
        .collect();
    assert_eq!(waits, [("db/beta", vec![]), ("web/beta", vec![0])]);
    assert!(chosen.edges.is_empty(), "the edges between them are those that are written");
}

fn at(region: &str) -> Location {
    Location { region: Some(region.to_owned()), ..Location::default() }
}

/// What is said of stacks that were left, with what the syncs before deployed.
fn left(repository: &Repository, known: &BTreeMap<TargetName, Known>) -> Vec<String> {
    let (assembly, _) = support::planned(repository, "main", known).unwrap();
    let (manifest, _) = read_manifest(repository);
    stacks_left(&assembly, &manifest, known).iter().map(|warning| warning.one_line()).collect()
}

fn read_manifest(repository: &Repository) -> (Manifest, Vec<Diagnostic>) {
    let path = RepoPath::parse("syncline.yaml").unwrap();
    let (manifest, problems) = manifest::read(&path, &repository["syncline.yaml"], &RepositoryName::new("shop"));
    (manifest.unwrap(), problems)
}

#[test]
fn a_stack_that_a_target_was_is_said_to_be_left_unless_somebody_else_is_it() {
    let mut repository = repository();
    let mut known = known_after(&planned(&repository, &BTreeMap::new()));
    assert_eq!(left(&repository, &known), [] as [&str; 0]);
    // It was to move to a region where nobody let it, and is back: it never left.
    known.get_mut(&name("db/beta")).unwrap().location = at("us-west-2");
    assert_eq!(left(&repository, &known), [] as [&str; 0]);
    known.get_mut(&name("db/beta")).unwrap().deployed = Some((StackName::new("shop-db-beta"), at("eu-west-1")));
    assert!(
        left(&repository, &known)[0].contains("`db/beta` was stack `shop-db-beta` in eu-west-1; that stays as it is")
    );
    known.get_mut(&name("db/beta")).unwrap().deployed = Some((StackName::new("legacy"), Location::default()));
    assert_eq!(left(&repository, &known).len(), 1);
    // Another branch's target is it by now, or an environment that others deploy.
    let prod = "prod: {branch: prod, spec: db.yaml, stack: legacy}";
    repository.insert("syncline.yaml".to_owned(), MANIFEST.replace("prod: {branch: prod, spec: db.yaml}", prod));
    assert_eq!(left(&repository, &known), [] as [&str; 0]);
    let existing = MANIFEST.replace("sync:", "sync:\n  environments: {old: {stack: legacy}}");
    repository.insert("syncline.yaml".to_owned(), existing);
    assert_eq!(left(&repository, &known), [] as [&str; 0]);
}

#[test]
fn what_is_pruned_is_the_stack_that_there_is() {
    let mut repository = repository();
    let mut known = known_after(&planned(&repository, &BTreeMap::new()));
    // Its last sync was to move it, and failed.
    let job = known.get_mut(&name("job/beta")).unwrap();
    (job.in_step, job.location) = (false, at("us-west-2"));
    job.deployed = Some((StackName::new("shop-job-beta"), at("eu-west-1")));
    repository.insert("syncline.yaml".to_owned(), SMALLER.replace("  services:", "  prune: true\n  services:"));
    let plan = planned(&repository, &known);
    let job = plan.targets.iter().find(|target| target.name == name("job/beta")).unwrap();
    assert_eq!((job.action, &job.location), (Action::Delete, &at("eu-west-1")));
}
