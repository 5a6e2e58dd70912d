//! What each fuzz target does with its bytes, and what must hold whatever they are: a diagnostic has a message, advice
//! and a place that there is; reading twice says the same; what is drawn is drawn.
//!
//! The fuzzers and the test that replays their corpus (`crates/core/tests/fuzz_corpus.rs`) share it.

#![allow(dead_code, reason = "each fuzz target uses one of them")]

use std::collections::{BTreeMap, BTreeSet};

use syncline_core::assembly;
use syncline_core::diagnostic::{self, Diagnostic};
use syncline_core::files::{Entry, Files, Want};
use syncline_core::manifest;
use syncline_core::names::{BranchName, RepoPath, RepositoryName};
use syncline_core::plan::Plan;
use syncline_core::recipe::{Before, Cache, Context};
use syncline_core::render::Outputs;
use syncline_core::stack;

const MANIFEST: &str = "sync: {environments: {e: {stack: E}}, services: {web: {i: {branch: main, spec: s.yaml}}}}\n";
const SPEC: &str = "proton: ServiceSpec\ninstances: [{name: i, environment: e, spec: {a: 1, b: [x], c: {d: true}}}]\n";
const SCHEMA: &str = "schema: {format: {openapi: 3.0.0}, service_input_type: T, types: {T: {type: object, additionalProperties: true}}}\n";
const DESCRIBED: &str = "infrastructure: {templates: [{file: t.yaml, rendering_engine: jinja}]}\n";
const TEMPLATE: &str = "Resources: {A: {Type: T, P: '{{ service_instance.inputs }}'}}\n";
const BUNDLE: &str = "service-templates/web/v1";

type Repository = BTreeMap<String, Vec<u8>>;

fn repository() -> Repository {
    [
        ("syncline.yaml".to_owned(), MANIFEST),
        ("s.yaml".to_owned(), SPEC),
        (format!("{BUNDLE}/schema/schema.yaml"), SCHEMA),
        (format!("{BUNDLE}/instance_infrastructure/manifest.yaml"), DESCRIBED),
        (format!("{BUNDLE}/instance_infrastructure/t.yaml"), TEMPLATE),
    ]
    .map(|(path, text)| (path, text.as_bytes().to_vec()))
    .into()
}

/// A manifest.
pub(crate) fn manifest(data: &[u8]) {
    let mut repository = repository();
    repository.insert("syncline.yaml".to_owned(), data.to_vec());
    check(&repository);
}

/// A spec of any kind.
pub(crate) fn spec(data: &[u8]) {
    let mut repository = repository();
    repository.insert("s.yaml".to_owned(), data.to_vec());
    check(&repository);
}

/// A schema; behind a line `---`, the spec that it is for.
pub(crate) fn schema(data: &[u8]) {
    let mut repository = repository();
    let (schema, spec) = halves(data);
    repository.insert(format!("{BUNDLE}/schema/schema.yaml"), schema);
    repository.extend(spec.map(|spec| ("s.yaml".to_owned(), spec)));
    check(&repository);
}

/// A template; behind a line `---`, the spec whose inputs it shows.
pub(crate) fn render(data: &[u8]) {
    let mut repository = repository();
    let (template, spec) = halves(data);
    repository.insert(format!("{BUNDLE}/instance_infrastructure/t.yaml"), template);
    repository.extend(spec.map(|spec| ("s.yaml".to_owned(), spec)));
    check(&repository);
}

/// A file of addons; behind a line `---` each, another one, the values of parameters, and the template of the service that the
/// addons are nested in. They are an environment's and the service's at once.
pub(crate) fn addons(data: &[u8]) {
    const MANIFEST: &str = "app: shop\nsync:\n  environments: {e: {stack: E}}\n  addons: {bus: {e: {branch: main}}}\n  services: {web: {e: {branch: main, spec: s.yaml}}}\n";
    let mut repository = Repository::from([
        ("syncline.yaml".to_owned(), MANIFEST.into()),
        ("s.yaml".to_owned(), b"template-file-path: t.yaml\n".to_vec()),
        ("t.yaml".to_owned(), b"Resources: {A: {Type: T}}\n".to_vec()),
        ("copilot/bus/manifest.yml".to_owned(), b"name: bus\ntype: Environment Addons\n".to_vec()),
    ]);
    let (first, mut rest) = halves(data);
    for folder in ["bus", "web"] {
        repository.insert(format!("copilot/{folder}/addons/a.yml"), first.clone());
    }
    for name in ["b.yml", "addons.parameters.yml", ""] {
        let Some(data) = rest else { break };
        let (part, behind) = halves(&data);
        if name.is_empty() {
            repository.insert("t.yaml".to_owned(), part);
        } else {
            for folder in ["bus", "web"] {
                repository.insert(format!("copilot/{folder}/addons/{name}"), part.clone());
            }
        }
        rest = behind;
    }
    check(&repository);
}

fn halves(data: &[u8]) -> (Vec<u8>, Option<Vec<u8>>) {
    const BETWEEN: &[u8] = b"\n---\n";
    match data.windows(BETWEEN.len()).position(|window| window == BETWEEN) {
        Some(at) => (data[..at].to_vec(), Some(data[at + BETWEEN.len()..].to_vec())),
        None => (data.to_vec(), None),
    }
}

/// Reads, checks and plans every branch, twice.
fn check(repository: &Repository) {
    let first = outcome(repository);
    assert_eq!(first, outcome(repository), "read twice, it is another");
}

fn outcome(repository: &Repository) -> Vec<String> {
    let mut files = Files::default();
    let loaded = read_until(repository, &mut files, |files| manifest::load(None, &RepositoryName::new("shop"), files));
    let manifest = match loaded {
        Ok((manifest, warnings)) => {
            mannered(&warnings, &files);
            manifest
        }
        Err(errors) => return mannered(&errors, &files),
    };
    let context = Context {
        repository: "shop".to_owned(),
        account_id: "111122223333".to_owned(),
        locations: manifest.locations.clone(),
        manifest: manifest.path.clone(),
        outputs: Outputs::Pending,
        before: Before::Unknown,
    };
    let branches: BTreeSet<BranchName> = manifest.branches().into_iter().cloned().collect();
    let mut all = Vec::new();
    for branch in branches.iter().take(3) {
        let mut cache = Cache::default();
        let assembled = read_until(repository, &mut files, |files| {
            assembly::assemble(&manifest, branch, &context, files, &mut cache)
        });
        match assembled {
            Ok(assembly) => {
                all.extend(mannered(&assembly.warnings, &files));
                for target in assembly.targets.iter().filter(|target| !target.prepared.is_trial) {
                    let request = &target.prepared.request;
                    for template in [Some(&request.template), request.addons.as_ref()].into_iter().flatten() {
                        assert_eq!(stack::say_the_same(template, template), Some(true), "no template: {template}");
                    }
                }
                let plan = Plan::new(&assembly, branch, &manifest, &BTreeMap::new());
                all.push(serde_json::to_string(&plan).unwrap_or_default());
            }
            Err(errors) => {
                assert!(diagnostic::has_errors(&errors), "refused without an error");
                all.extend(mannered(&errors, &files));
            }
        }
    }
    all
}

/// What the diagnostics say, once it was looked at that they say it well.
fn mannered(diagnostics: &[Diagnostic], files: &Files) -> Vec<String> {
    for found in diagnostics {
        assert!(!found.message.is_empty() && found.help.is_some(), "{found:?}");
        if let Some(span) = found.span {
            let text = files.text(&found.path).unwrap_or_else(|| panic!("{found:?} is in no file"));
            assert!(text.get(span.start..span.end).is_some(), "{found:?} is at no place of its file");
        }
    }
    assert!(diagnostics.is_empty() || !diagnostic::draw(diagnostics, files, false).is_empty());
    diagnostics.iter().map(Diagnostic::one_line).collect()
}

fn read_until<T>(repository: &Repository, files: &mut Files, mut ask: impl FnMut(&mut Files) -> Option<T>) -> T {
    loop {
        if let Some(answer) = ask(files) {
            return answer;
        }
        let wanted = files.take_wanted();
        assert!(!wanted.is_empty(), "no answer, and nothing is wanted");
        for want in wanted {
            match want {
                Want::File(path) => match repository.get(path.as_str()) {
                    Some(bytes) => files.insert_bytes(path, bytes.clone()),
                    None => files.insert(path, Entry::Absent),
                },
                Want::Folder(path) => {
                    let entry = folder(repository, &path);
                    files.insert(path, entry);
                }
            }
        }
    }
}

fn folder(repository: &Repository, path: &RepoPath) -> Entry {
    let prefix = if path.as_str().is_empty() { String::new() } else { format!("{path}/") };
    let (mut files, mut folders) = (BTreeSet::new(), BTreeSet::new());
    for below in repository.keys().filter_map(|name| name.strip_prefix(&prefix)) {
        match below.split_once('/') {
            Some((folder, _)) => folders.insert(folder.to_owned()),
            None => files.insert(below.to_owned()),
        };
    }
    if files.is_empty() && folders.is_empty() { Entry::Absent } else { Entry::Folder { files, folders } }
}
