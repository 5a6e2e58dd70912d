//! `syncline plan`: what a branch would deploy, in which order, and what waits on what.

use syncline_core::manifest::Manifest;
use syncline_core::names::BranchName;

use crate::answer::Answer;
use crate::arguments::{Global, Output, Place, Plan};
use crate::documents::PlanDocument;
use crate::draw;
use crate::failure::Failure;
use crate::paint::Paint;
use crate::problems::Problems;
use crate::reading::Reading;

pub(super) fn run(global: &Global, plan: &Plan) -> Result<Answer, Failure> {
    let (document, warnings) = planned(&plan.place, plan.branch.as_deref())?;
    let answer = match global.output {
        Output::Json => Answer::json(&document)?,
        Output::Text => Answer {
            aside: aside(&warnings, Paint::for_stderr(global.no_color)),
            ..Answer::text(draw::plan::plan(&document, Paint::for_stdout(global.no_color)))
        },
    };
    Ok(answer)
}

/// Reads what a branch maps to, with what is worth a look.
pub(super) fn planned(place: &Place, branch: Option<&str>) -> Result<(PlanDocument, Problems), Failure> {
    let mut reading = Reading::open(place)?;
    let (manifest, in_manifest) = reading.good_manifest()?;
    let branch: BranchName = reading.choose(&manifest, branch)?;
    let assembled = reading.assemble(&manifest, &branch)?;
    let mut found = in_manifest;
    let assembly = match assembled {
        Ok(assembly) => assembly,
        Err(errors) => {
            found.extend(errors);
            return Err(reading.problems(&manifest, &branch, found).into());
        }
    };
    found.extend(assembly.warnings.iter().cloned());
    let warnings = reading.problems(&manifest, &branch, found);
    let document = document(&reading, branch, &manifest, &assembly, &warnings);
    Ok((document, warnings))
}

fn document(
    reading: &Reading,
    branch: BranchName,
    manifest: &Manifest,
    assembly: &syncline_core::assembly::Assembly,
    warnings: &Problems,
) -> PlanDocument {
    let commit = reading.commit(&branch).cloned();
    PlanDocument::new(reading.repository.clone(), branch, commit, manifest, assembly, warnings.documents())
}

/// Warnings, for standard error.
pub(super) fn aside(warnings: &Problems, paint: Paint) -> String {
    if warnings.is_empty() { String::new() } else { format!("\n{}", warnings.draw(paint)) }
}
