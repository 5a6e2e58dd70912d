//! `syncline plan` as text: the targets in deployment order, and what follows.

use super::{Columns, cell, kind, number_of, one_line, stack_at};
use crate::documents::PlanDocument;
use crate::paint::Paint;

/// The targets, the longest path and the pull requests.
pub(crate) fn plan(document: &PlanDocument, paint: Paint) -> String {
    let branch = one_line(document.branch.as_str());
    let source = match &document.commit {
        Some(commit) => format!("commit {}", commit.short()),
        None => "the files as they lie here".to_owned(),
    };
    let count = number_of(document.targets.len(), "target");
    let mut sections = vec![format!("branch {branch} of {}, {source}: {count}", document.repository)];
    if !document.targets.is_empty() {
        sections.push(targets(document, paint));
    }
    let mut lines = Vec::new();
    if document.longest_path.len() > 1 {
        let names: Vec<String> = document.longest_path.iter().map(|name| one_line(name.as_str())).collect();
        lines.push(format!("longest path: {}", names.join(" -> ")));
    }
    for publish in &document.publish {
        let (from, to) = (one_line(publish.from.as_str()), one_line(publish.to.as_str()));
        lines.push(format!("publish: when all is in step, a pull request from {from} to {to}"));
    }
    if !lines.is_empty() {
        sections.push(lines.join("\n"));
    }
    sections.join("\n\n")
}

fn targets(document: &PlanDocument, paint: Paint) -> String {
    let mut targets = Columns::new(paint, &["#", "TARGET", "KIND", "STACK", "WAITS ON"]);
    for (place, target) in document.targets.iter().enumerate() {
        let waits: Vec<String> = target
            .waits_on
            .iter()
            .map(|wait| format!("{} ({})", wait.target, wait.reason.with_name(wait.import.as_ref())))
            .collect();
        targets.row(vec![
            cell(place.to_string()),
            cell(target.target.as_str()),
            cell(kind(target.kind)),
            cell(stack_at(&target.stack, &target.location)),
            cell(waits.join(", ")),
        ]);
    }
    targets.draw()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents::samples;

    #[test]
    fn each_target_says_what_it_waits_on_and_why() {
        insta::assert_snapshot!(plan(&samples::plan(), Paint::OFF));
    }

    #[test]
    fn a_branch_without_targets_is_only_published() {
        let mut document = samples::plan();
        (document.targets, document.longest_path) = (Vec::new(), Vec::new());
        insta::assert_snapshot!(plan(&document, Paint::OFF), @r"
        branch main of shop, the files as they lie here: 0 targets

        publish: when all is in step, a pull request from main to prod
        ");
    }

    #[test]
    fn the_document_is_stable() {
        insta::assert_snapshot!(serde_json::to_string_pretty(&samples::plan()).unwrap());
    }
}
