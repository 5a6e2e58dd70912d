//! Plans every little repository under `tests/cases/` and compares what comes of it with what the case expects:
//! a plan and its stacks, or the errors as a person sees them.
//!
//! `UPDATE_CASES=1` writes the expected files instead of comparing them. What was known before a sync, and so what
//! is kept, is not tried here: see `tests/plan.rs`.

#![allow(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use serde::Deserialize;
use syncline_core::assembly::{self, AssembledTarget, Assembly};
use syncline_core::diagnostic::{self, Diagnostic, Span};
use syncline_core::files::{Entry, Files, Want};
use syncline_core::manifest::{self, Manifest, Reason};
use syncline_core::names::{BranchName, RepoPath, RepositoryName};
use syncline_core::plan::{Action, Plan};
use syncline_core::recipe::{Before, Cache, Context};
use syncline_core::render::Outputs;

/// More rounds of reading than any repository needs: manifest, spec, templates folder, bundle, version, template.
const MAX_ROUNDS: usize = 12;

/// What `case.yaml` may say.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Case {
    /// The branch that was pushed.
    branch: String,
    /// The name of the repository.
    repository: String,
    /// Where the manifest lies, as the parameter says it.
    manifest: Option<String>,
}

impl Default for Case {
    fn default() -> Self {
        Self { branch: "main".to_owned(), repository: "shop".to_owned(), manifest: None }
    }
}

#[test]
fn every_case_gives_what_it_expects() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let update = env::var_os("UPDATE_CASES").is_some_and(|value| value != "0");
    let mut folders: Vec<PathBuf> =
        fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    folders.sort();
    assert!(!folders.is_empty(), "no cases");
    let mut failed = Vec::new();
    for folder in &folders {
        let name = folder.file_name().unwrap().to_string_lossy();
        let (actual, mut problems) = outcome(folder);
        if update {
            write_expected(folder, &actual);
        }
        problems.extend(compare(&read_expected(folder), &actual));
        println!("{} {name}", if problems.is_empty() { "ok    " } else { "FAILED" });
        if !problems.is_empty() {
            failed.push(format!("=== {name}\n{}", problems.join("\n")));
        }
    }
    assert!(
        failed.is_empty(),
        "{} of {} cases failed; UPDATE_CASES=1 takes what came as what is expected\n\n{}",
        failed.len(),
        folders.len(),
        failed.join("\n\n")
    );
}

/// What comes of a case: the name of each expected file with its text; and what is wrong with it in any case.
fn outcome(folder: &Path) -> (BTreeMap<String, String>, Vec<String>) {
    let case: Case = match fs::read_to_string(folder.join("case.yaml")) {
        Ok(text) => serde_yaml::from_str(&text).unwrap(),
        Err(_) => Case::default(),
    };
    let mut files = Files::default();
    let result = planned(folder, &case, &mut files);
    let diagnostics = match &result {
        Ok((_, _, assembly)) => &assembly.warnings,
        Err(problems) => problems,
    };
    let mut bad: Vec<String> = diagnostics.iter().filter_map(|problem| bad_manners(problem, &files)).collect();
    if result.is_err() != diagnostic::has_errors(diagnostics) {
        bad.push("refused without an error, or planned with one".to_owned());
    }
    let actual = match &result {
        Err(problems) => {
            let drawn = diagnostic::draw(problems, &files, false);
            BTreeMap::from([("expected.errors.txt".to_owned(), format!("{drawn}\n"))])
        }
        Ok((manifest, plan, assembly)) => {
            let mut expected =
                BTreeMap::from([("expected.plan.txt".to_owned(), plan_text(manifest, plan, assembly, &files))]);
            for target in &assembly.targets {
                let name = target.entry.name.as_str().replace('/', "-");
                expected.insert(format!("expected.{name}.stack.yaml"), stack_text(target, &files));
                if let Some(addons) = &target.prepared.request.addons {
                    expected.insert(format!("expected.{name}.addons.yaml"), addons.clone());
                }
            }
            expected
        }
    };
    (actual, bad)
}

/// What the function Begin does with the files of a commit.
fn planned(folder: &Path, case: &Case, files: &mut Files) -> Result<(Manifest, Plan, Assembly), Vec<Diagnostic>> {
    let configured = case.manifest.as_deref().map(|path| RepoPath::parse(path).unwrap());
    let repository = RepositoryName::new(case.repository.as_str());
    let branch = BranchName::new(case.branch.as_str());
    let (manifest, mut warnings) =
        read_until(folder, files, |files| manifest::load(configured.as_ref(), &repository, files))?;
    let context = Context {
        repository: case.repository.clone(),
        account_id: "111122223333".to_owned(),
        locations: manifest.locations.clone(),
        manifest: manifest.path.clone(),
        outputs: Outputs::Pending,
        before: Before::Unknown,
    };
    let mut cache = Cache::default();
    let assembled =
        read_until(folder, files, |files| assembly::assemble(&manifest, &branch, &context, files, &mut cache));
    let mut assembly = assembled.map_err(|mut problems| {
        problems.extend(warnings.clone());
        diagnostic::sort(&mut problems);
        problems
    })?;
    assembly.warnings.append(&mut warnings);
    diagnostic::sort(&mut assembly.warnings);
    let plan = Plan::new(&assembly, &branch, &manifest, &BTreeMap::new());
    assert!(plan.targets.iter().all(|target| target.action == Action::Deploy), "nothing is known, yet one is kept");
    let mut cache = Cache::default();
    let again = read_until(folder, &mut Files::default(), |files| {
        assembly::assemble(&manifest, &branch, &context, files, &mut cache)
    });
    let again = again.map(|assembly| Plan::new(&assembly, &branch, &manifest, &BTreeMap::new()));
    assert_eq!(serde_json::to_vec(&again.unwrap()).unwrap(), serde_json::to_vec(&plan).unwrap(), "another plan");
    Ok((manifest, plan, assembly))
}

/// Reads what is asked for, until the answer is there.
fn read_until<T>(folder: &Path, files: &mut Files, mut ask: impl FnMut(&mut Files) -> Option<T>) -> T {
    for _ in 0..MAX_ROUNDS {
        if let Some(answer) = ask(files) {
            return answer;
        }
        let wanted = files.take_wanted();
        assert!(!wanted.is_empty(), "no answer, and nothing is wanted");
        for Want::File(path) | Want::Folder(path) in wanted {
            insert(folder, path, files);
        }
    }
    panic!("no answer after {MAX_ROUNDS} rounds of reading");
}

fn insert(folder: &Path, path: RepoPath, files: &mut Files) {
    let place = folder.join(path.as_str());
    if place.is_file() {
        files.insert_bytes(path, fs::read(place).unwrap());
        return;
    }
    let Ok(listing) = fs::read_dir(&place) else { return files.insert(path, Entry::Absent) };
    let (mut names, mut folders) = (BTreeSet::new(), BTreeSet::new());
    for entry in listing {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if entry.path().is_dir() {
            folders.insert(name);
        } else if place != *folder || !is_of_case(&name) {
            names.insert(name);
        }
    }
    files.insert(path, Entry::Folder { files: names, folders });
}

/// Whether a file at the root of a case is not one of its repository.
fn is_of_case(name: &str) -> bool {
    name == "case.yaml" || name.starts_with("expected.")
}

/// What a diagnostic lacks: a message that is the end of "failed to …", advice, a place that there is.
fn bad_manners(problem: &Diagnostic, files: &Files) -> Option<String> {
    let says = |what: &str| Some(format!("{what}: {}", problem.one_line()));
    if problem.message.is_empty() || problem.message.ends_with('.') || problem.message.starts_with(char::is_uppercase) {
        return says("a message with a capital or a full stop");
    }
    if problem.help.as_deref().is_none_or(|help| help.is_empty() || help.ends_with('.')) {
        return says("no advice");
    }
    let Span { start, end, line, column } = problem.span?;
    let Some(text) = files.text(&problem.path) else { return says("a place in a file that was not read") };
    let (Some(before), Some(_)) = (text.get(..start), text.get(start..end)) else {
        return says("a place beyond the file");
    };
    let on_its_line = before.rsplit('\n').next().unwrap_or_default().trim_start_matches('\u{feff}').chars().count();
    if (before.matches('\n').count() + 1, on_its_line + 1) != (line, column) {
        return says("a line or column that is not that of the place");
    }
    None
}

fn plan_text(manifest: &Manifest, plan: &Plan, assembly: &Assembly, files: &Files) -> String {
    let mut text = String::new();
    for (target, assembled) in plan.targets.iter().zip(&assembly.targets) {
        let action = match target.action {
            Action::Deploy => "deploy",
            Action::Keep => "keep",
            Action::Delete => "delete",
        };
        let _ = writeln!(text, "{} {}: {}, stack {}, {action}", target.number, target.name, target.kind, target.stack);
        if !target.location.is_home() {
            let role = target.location.role.as_ref().map(|role| format!(", as {role}")).unwrap_or_default();
            let _ = writeln!(text, "    in {}{role}", target.location);
        }
        let waits: Vec<_> = assembly.edges.iter().filter(|edge| edge.waiter == target.name).collect();
        assert_eq!(waits.len(), assembled.waits_on.len(), "an edge without a reason");
        for edge in waits {
            let reason = match &edge.reason {
                Reason::Written(span) => format!("written at {}:{}:{}", manifest.path, span.line, span.column),
                Reason::Environment => "environment".to_owned(),
                Reason::Pipeline => "pipeline".to_owned(),
                Reason::Import(name) => format!("imports {name}"),
            };
            let _ = writeln!(text, "    waits on {} ({reason})", edge.dependency);
        }
        for source in &target.outputs_from {
            let elsewhere = source.location.as_ref().filter(|location| !location.is_home());
            let at = elsewhere.map(|location| format!(", in {location}")).unwrap_or_default();
            let _ = writeln!(text, "    shows outputs of {}{at}", source.name);
        }
    }
    for publish in &plan.publish {
        let _ = writeln!(text, "publish {} -> {}", publish.from, publish.to);
    }
    let path: Vec<&str> = assembly.longest_path.iter().map(|name| name.as_str()).collect();
    if path.is_empty() {
        text.push_str("no targets\n");
    } else {
        let _ = writeln!(text, "longest path: {}", path.join(" -> "));
    }
    if !assembly.warnings.is_empty() {
        let _ = writeln!(text, "\n{}", diagnostic::draw(&assembly.warnings, files, false));
    }
    text
}

/// The stack that a target asks for. A template that no bundle rendered must be the file, byte for byte, unless addons
/// were nested in it.
fn stack_text(target: &AssembledTarget, files: &Files) -> String {
    let request = &target.prepared.request;
    let mut text = format!("stack: {}\n", request.stack);
    for (heading, values) in [("parameters", &request.parameters), ("tags", &request.tags)] {
        if !values.is_empty() {
            let _ = writeln!(text, "{heading}:");
            for (key, value) in values {
                let _ = writeln!(text, "  {key}: {}", serde_json::to_string(value).unwrap());
            }
        }
    }
    let is_the_file = |template| files.text(template) == Some(request.template.as_str());
    match target.prepared.reads.as_slice() {
        [_spec, template] => {
            assert!(is_the_file(template), "{template} was changed on its way");
            let _ = writeln!(text, "template-file: {template}");
        }
        [_spec, template, ..] if request.addons.is_some() && is_the_file(template) => {
            let _ = writeln!(text, "template-file: {template}");
        }
        _ => {
            let chomp = if request.template.ends_with('\n') { "" } else { "-" };
            let _ = writeln!(text, "template: |2{chomp}");
            for line in request.template.lines() {
                let _ = writeln!(text, "{}", format!("  {line}").trim_end());
            }
        }
    }
    text
}

fn read_expected(folder: &Path) -> BTreeMap<String, String> {
    fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name().into_string().unwrap(), entry.path()))
        .filter(|(name, _)| name.starts_with("expected."))
        .map(|(name, path)| (name, fs::read_to_string(path).unwrap()))
        .collect()
}

fn write_expected(folder: &Path, actual: &BTreeMap<String, String>) {
    for name in read_expected(folder).keys().filter(|name| !actual.contains_key(*name)) {
        fs::remove_file(folder.join(name)).unwrap();
    }
    for (name, text) in actual {
        fs::write(folder.join(name), text).unwrap();
    }
}

fn compare(expected: &BTreeMap<String, String>, actual: &BTreeMap<String, String>) -> Vec<String> {
    let names: BTreeSet<&String> = expected.keys().chain(actual.keys()).collect();
    let mut problems = Vec::new();
    for name in names {
        match (expected.get(name), actual.get(name)) {
            (Some(expected), Some(actual)) if expected == actual => {}
            (Some(expected), Some(actual)) => {
                problems.push(format!("--- {name}, expected:\n{expected}--- {name}, came:\n{actual}"));
            }
            (None, Some(actual)) => problems.push(format!("--- {name} is not there; came:\n{actual}")),
            (Some(_), None) => problems.push(format!("--- {name} is there, but nothing came of it")),
            (None, None) => {}
        }
    }
    problems
}
