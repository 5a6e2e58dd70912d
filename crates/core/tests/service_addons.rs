//! What is asked for, kept and compared of services' addons, beyond what the cases show.

#![allow(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

#[allow(dead_code, reason = "each test uses a part of it")]
mod support;

use std::collections::{BTreeMap, BTreeSet};

use support::{Repository, planned};
use syncline_core::assembly::{self, Assembly};
use syncline_core::files::{Entry, Files, Want};
use syncline_core::location::Locations;
use syncline_core::manifest::{self, Manifest, TargetEntry};
use syncline_core::names::{BranchName, RepoPath, RepositoryName};
use syncline_core::recipe::{self, Before, Cache, Context, Prepared};
use syncline_core::render::Outputs;

const MANIFEST: &str = "
app: demo
sync:
  services:
    orders: {test: {branch: main, spec: spec.yaml}}
    mail: {test: {branch: main, spec: spec.yaml}}
";

fn repository() -> Repository {
    let files = [
        ("syncline.yaml", MANIFEST),
        ("spec.yaml", "template-file-path: template.yaml\n"),
        ("template.yaml", "Resources: {Queue: {Type: 'AWS::SQS::Queue'}}\n"),
        ("copilot/orders/manifest.yml", "name: orders\ntype: Backend Service\n"),
        ("copilot/orders/addons/a.yml", "Resources: {A: {Type: 'AWS::SNS::Topic'}}\n"),
        ("copilot/orders/addons/b.yml", "Resources: {B: {Type: 'AWS::SNS::Topic'}}\n"),
    ];
    files.map(|(path, text)| (path.to_owned(), text.to_owned())).into()
}

fn context() -> Context {
    Context {
        repository: "shop".to_owned(),
        account_id: "111122223333".to_owned(),
        locations: Locations::default(),
        manifest: path("syncline.yaml"),
        outputs: Outputs::Pending,
        before: Before::Unknown,
    }
}

fn path(text: &str) -> RepoPath {
    RepoPath::parse(text).unwrap()
}

fn manifest() -> Manifest {
    manifest::read(&path("syncline.yaml"), MANIFEST, &RepositoryName::new("shop")).0.unwrap()
}

fn assembled(repository: &Repository) -> Assembly {
    planned(repository, "main", &BTreeMap::new()).unwrap().0
}

fn prepared(assembly: &Assembly, name: &str) -> (TargetEntry, Prepared) {
    let target = assembly.targets.iter().find(|target| target.entry.name.as_str() == name).unwrap();
    (target.entry.clone(), target.prepared.clone())
}

/// What is asked for, round by round, while a question is answered from a repository.
fn rounds<T>(repository: &Repository, mut ask: impl FnMut(&mut Files) -> Option<T>) -> (T, Vec<Vec<String>>) {
    let (mut files, mut rounds) = (Files::default(), Vec::new());
    loop {
        if let Some(answer) = ask(&mut files) {
            return (answer, rounds);
        }
        let wanted = files.take_wanted();
        let mut paths: Vec<String> =
            wanted.iter().map(|(Want::File(path) | Want::Folder(path))| path.to_string()).collect();
        paths.sort();
        rounds.push(paths);
        for want in wanted {
            support::insert(repository, want, &mut files);
        }
    }
}

#[test]
fn only_an_instance_with_addons_is_told_its_app() {
    let assembly = assembled(&repository());
    assert_eq!(prepared(&assembly, "orders/test").0.app.as_deref(), Some("demo"));
    assert_eq!(prepared(&assembly, "mail/test").0.app, None);
}

#[test]
fn one_listing_tells_who_has_addons_and_each_round_asks_for_all_that_it_can() {
    let (manifest, context, mut cache) = (manifest(), context(), Cache::default());
    let branch = BranchName::new("main");
    let (_, asked) = rounds(&repository(), |files| assembly::assemble(&manifest, &branch, &context, files, &mut cache));
    assert_eq!(
        asked,
        [
            vec!["copilot", "spec.yaml"],
            vec!["copilot/orders/addons", "copilot/orders/manifest.yml", "template.yaml"],
            vec!["copilot/orders/addons/a.yml", "copilot/orders/addons/b.yml"],
        ]
    );
}

#[test]
fn a_target_without_addons_is_prepared_again_without_looking_for_some() {
    let (entry, _) = prepared(&assembled(&repository()), "mail/test");
    let (context, mut cache) = (context(), Cache::default());
    let (_, asked) = rounds(&repository(), |files| recipe::prepare(&entry, &context, files, &mut cache));
    assert_eq!(asked, [["spec.yaml"], ["template.yaml"]]);
}

#[test]
fn what_is_prepared_again_from_what_the_plan_kept_is_the_same() {
    let (entry, planned) = prepared(&assembled(&repository()), "orders/test");
    let kept: TargetEntry = serde_json::from_str(&serde_json::to_string(&entry).unwrap()).unwrap();
    let (context, mut cache) = (context(), Cache::default());
    let (again, _) = rounds(&repository(), |files| recipe::prepare(&kept, &context, files, &mut cache));
    let again = again.unwrap();
    assert_eq!(again.request, planned.request);
    assert_eq!(again.sources, planned.sources);
    assert!(again.request.addons.is_some());
}

#[test]
fn every_file_of_the_addons_is_a_source_and_theirs_alone() {
    let before = assembled(&repository());
    let added = "copilot/orders/addons/c.yml".to_owned();
    for changed in repository().into_keys().filter(|path| path.starts_with("copilot/")).chain([added]) {
        let mut repository = repository();
        repository.entry(changed.clone()).or_insert("Resources: {C: {Type: T}}\n".to_owned()).push_str("# Changed\n");
        let after = assembled(&repository);
        let sources = |assembly: &Assembly, name: &str| prepared(assembly, name).1.sources;
        assert_ne!(sources(&before, "orders/test"), sources(&after, "orders/test"), "{changed}");
        assert_eq!(sources(&before, "mail/test"), sources(&after, "mail/test"), "{changed}");
    }
}

#[test]
fn a_folder_that_cannot_be_read_is_not_one_without_addons() {
    let (manifest, context) = (manifest(), context());
    for folder in ["copilot", "copilot/orders/addons"] {
        let mut cache = Cache::default();
        let (assembled, _) = rounds(&repository(), |files| {
            files.insert(path(folder), Entry::Unreadable("no permission".to_owned()));
            assembly::assemble(&manifest, &BranchName::new("main"), &context, files, &mut cache)
        });
        let errors: Vec<String> = assembled.unwrap_err().iter().map(|error| error.one_line()).collect();
        assert!(errors[0].starts_with(&format!("{folder}: error: cannot be read: no permission")), "{errors:?}");
        assert_eq!(errors.len(), 1);
    }
}

#[test]
fn an_export_by_the_nested_stacks_name_is_not_known() {
    let mut repository = repository();
    let template = |name: &str| {
        format!("Resources: {{A: {{Type: T}}}}\nOutputs: {{O: {{Value: 1, Export: {{Name: !Sub '{name}'}}}}}}\n")
    };
    repository.insert("copilot/orders/addons/a.yml".to_owned(), template("${AWS::StackName}-x"));
    let exchange = prepared(&assembled(&repository), "orders/test").1.exchange;
    assert_eq!((exchange.exports, exchange.exports_more), (BTreeSet::new(), true));
    repository.insert("copilot/orders/addons/a.yml".to_owned(), template("${AWS::AccountId}-x"));
    let exchange = prepared(&assembled(&repository), "orders/test").1.exchange;
    assert_eq!((exchange.exports, exchange.exports_more), (BTreeSet::from(["111122223333-x".to_owned()]), false));
}

#[test]
fn the_merged_template_has_the_limit_of_a_template() {
    let mut repository = repository();
    let long = |name: &str| format!("Resources: {{{name}: {{Type: T, X: {}}}}}\n", "x".repeat(600_000));
    repository.insert("copilot/orders/addons/a.yml".to_owned(), long("A"));
    repository.insert("copilot/orders/addons/b.yml".to_owned(), long("B"));
    let errors = planned(&repository, "main", &BTreeMap::new()).unwrap_err();
    assert!(errors[0].one_line().contains("larger than 1000000 bytes"), "{errors:?}");
}

#[test]
fn the_digest_of_a_request_has_the_addons_only_where_there_are_some() {
    let mut request = prepared(&assembled(&repository()), "mail/test").1.request;
    // As it was before there were service addons.
    assert_eq!(request.digest().as_str(), "d85bc5f6a786fcd5e5aea9277ee7aec9a4176ac06e3a1cc87b79e44c33f53550");
    assert!(!serde_json::to_string(&request).unwrap().contains("addons"));
    let without = request.digest();
    request.addons = Some("Resources: {}\n".to_owned());
    assert_ne!(request.digest(), without);
}
