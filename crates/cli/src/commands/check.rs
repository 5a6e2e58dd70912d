//! `syncline check`: everything that is wrong with a repository's files, whichever branch they are for.

use std::collections::BTreeSet;

use syncline_core::diagnostic::{self, Diagnostic, Severity};
use syncline_core::manifest::{Manifest, TargetEntry};
use syncline_core::names::{BranchName, TargetKind};
use syncline_core::render::Outputs;

use crate::answer::{Answer, End};
use crate::arguments::{Check, Global, Output};
use crate::documents::CheckDocument;
use crate::draw::number_of;
use crate::failure::Failure;
use crate::paint::Paint;
use crate::problems::Problems;
use crate::reading::{Reading, branches};

pub(super) fn run(global: &Global, check: &Check) -> Result<Answer, Failure> {
    let mut reading = Reading::open(&check.place)?;
    let (manifest, found) = reading.manifest()?;
    let (problems, pipelines) = match &manifest {
        Some(manifest) => of_branches(&mut reading, manifest, found)?,
        None => {
            let mut problems = Problems::default();
            problems.add(None, found, reading.files());
            (problems, 0)
        }
    };
    let document = CheckDocument {
        repository: reading.repository.clone(),
        manifest: manifest.as_ref().map(|manifest| manifest.path.to_string()),
        branches: manifest.as_ref().map(branches).unwrap_or_default(),
        targets: manifest.as_ref().map_or(0, |manifest| manifest.targets.len()) + pipelines,
        errors: problems.count(Severity::Error),
        warnings: problems.count(Severity::Warning),
        diagnostics: problems.documents(),
    };
    let answer = match global.output {
        Output::Json => Answer::json(&document)?,
        Output::Text => Answer {
            aside: summary(&document, &problems, Paint::for_stderr(global.no_color)),
            ..Answer::text(problems.draw(Paint::for_stdout(global.no_color)))
        },
    };
    Ok(Answer { end: if document.errors > 0 { End::Badly } else { End::Well }, ..answer })
}

/// The problems of the manifest and of every branch. What is in the manifest or the working copy stands together, what
/// is in a branch's own files by branch.
///
/// With them, how many pipelines there are: the manifest alone does not tell.
fn of_branches(
    reading: &mut Reading,
    manifest: &Manifest,
    mut shared: Vec<Diagnostic>,
) -> Result<(Problems, usize), Failure> {
    let mut pipelines = 0;
    let is_manifest_good = !diagnostic::has_errors(&shared);
    let mut of_own_files: Vec<(BranchName, Vec<Diagnostic>)> = Vec::new();
    for branch in branches(manifest) {
        if !reading.has(manifest, &branch)? {
            shared.extend(missing_branch(manifest, &branch));
            continue;
        }
        let found = if is_manifest_good {
            reading.assemble(manifest, &branch)?.map_or_else(
                |errors| errors,
                |assembly| {
                    let kinds = assembly.targets.iter().map(|target| target.entry.kind);
                    pipelines += kinds.filter(|kind| *kind == TargetKind::ServicePipeline).count();
                    assembly.warnings
                },
            )
        } else {
            of_each_target(reading, manifest, &branch)?
        };
        let (in_shared, in_others) = reading.with_commit(manifest, &branch, found);
        shared.extend(in_shared);
        of_own_files.push((branch, in_others));
    }
    if is_manifest_good {
        shared.extend(unused_addons(reading, manifest)?);
    }
    let mut problems = Problems::default();
    problems.add(None, shared, reading.files());
    for (branch, found) in of_own_files {
        reading.add_of_branch(&branch, found, &mut problems);
    }
    Ok((problems, pipelines))
}

/// What is wrong with the files of each target, where the manifest is too bad for what holds between them: that would
/// blame a spec for a name that the manifest spells wrong. A spec that the manifest does not name is left out, since
/// `spec` may be what is misspelt there.
fn of_each_target(reading: &mut Reading, manifest: &Manifest, branch: &BranchName) -> Result<Vec<Diagnostic>, Failure> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    let is_named = |target: &TargetEntry| target.places.spec != target.places.name && target.spec != manifest.path;
    let of_branch = manifest.targets.iter().filter(|target| target.branch == *branch && is_named(target));
    for entry in of_branch.filter(|target| seen.insert(&target.name)) {
        found.extend(reading.prepare(manifest, entry, Outputs::Pending)?.err().unwrap_or_default());
    }
    Ok(found)
}

/// Addons that go to no environment: a workspace of Copilot's says nothing of where.
fn unused_addons(reading: &mut Reading, manifest: &Manifest) -> Result<Vec<Diagnostic>, Failure> {
    let of_manifest = manifest.targets.iter().filter(|target| target.kind == TargetKind::EnvironmentAddon);
    let known: Vec<String> = of_manifest.filter_map(|target| target.service.clone()).collect();
    let warning = |name: String| {
        let message = format!("the addon `{name}` in `copilot/` goes to no environment");
        Diagnostic::warning(&manifest.path, message)
            .help(format!("say which: `sync: addons: {{{name}: {{beta: {{branch: main}}}}}}`"))
    };
    Ok(reading.addons(&known)?.into_iter().map(warning).collect())
}

fn missing_branch(manifest: &Manifest, branch: &BranchName) -> Option<Diagnostic> {
    let first = manifest.targets.iter().find(|target| target.branch == *branch)?;
    let message = format!("there is no branch `{branch}` here, nor at `origin`, and `{}` is on it", first.name);
    let help = "`git fetch origin` brings it; without `--git` the working copy serves every branch";
    Some(Diagnostic::error(&manifest.path, message).at(first.places.name).help(help))
}

fn summary(document: &CheckDocument, problems: &Problems, paint: Paint) -> String {
    let size = format!(
        "{} on {}",
        number_of(document.targets, "target"),
        // `branchs` would be wrong.
        match document.branches.len() {
            1 => "1 branch".to_owned(),
            number => format!("{number} branches"),
        }
    );
    if problems.is_empty() {
        format!("{} no problems: {size}", paint.good("✓"))
    } else if document.errors == 0 {
        format!("\n{}: {size}", problems.summary(paint))
    } else {
        format!("\n{}", problems.summary(paint))
    }
}
