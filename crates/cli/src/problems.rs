//! What is wrong, or worth a look, in a repository's files: drawn for people, counted, and as documents.

use std::fmt::Write as _;

use serde::Serialize;
use syncline_core::diagnostic::{self, Diagnostic, Severity};
use syncline_core::files::Files;
use syncline_core::names::{BranchName, CommitId};

use crate::documents::sync::DiagnosticDocument;
use crate::draw::number_of;
use crate::paint::Paint;

/// Problems, with the files that they are in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Problems {
    groups: Vec<Group>,
}

/// The problems of files that were read together.
#[derive(Clone, Debug)]
struct Group {
    /// The branch and its commit that the files were read at; nothing for the working copy.
    place: Option<(BranchName, CommitId)>,
    diagnostics: Vec<Diagnostic>,
    files: Files,
}

/// A problem, and where its file was read.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct ProblemDocument {
    #[serde(flatten)]
    problem: DiagnosticDocument,
    /// The branch whose commit the file was read at; `null` for the working copy.
    branch: Option<BranchName>,
    /// That commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    commit: Option<CommitId>,
}

impl Problems {
    /// Adds what was found in some files, in the order of files and places, each once.
    pub(crate) fn add(
        &mut self,
        place: Option<(BranchName, CommitId)>,
        mut diagnostics: Vec<Diagnostic>,
        files: &Files,
    ) {
        diagnostic::sort(&mut diagnostics);
        if !diagnostics.is_empty() {
            self.groups.push(Group { place, diagnostics, files: files.clone() });
        }
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// How many there are of one severity.
    pub(crate) fn count(&self, severity: Severity) -> usize {
        let all = self.groups.iter().flat_map(|group| &group.diagnostics);
        all.filter(|diagnostic| diagnostic.severity == severity).count()
    }

    /// Each with its line and a mark under the place.
    pub(crate) fn draw(&self, paint: Paint) -> String {
        let mut text = String::new();
        for group in &self.groups {
            if !text.is_empty() {
                text.push_str("\n\n");
            }
            if let Some((branch, commit)) = &group.place {
                let place = format!("as committed on branch `{branch}` at {}:", commit.short());
                let _ = write!(text, "{}\n\n", paint.note(&place));
            }
            text.push_str(&diagnostic::draw(&group.diagnostics, &group.files, paint.is_on));
        }
        text
    }

    /// `✗ 3 errors, 1 warning`.
    pub(crate) fn summary(&self, paint: Paint) -> String {
        let (errors, warnings) = (self.count(Severity::Error), self.count(Severity::Warning));
        let sign = if errors > 0 { paint.bad("✗") } else { paint.good("✓") };
        let errors = if errors > 0 { number_of(errors, "error") } else { "no errors".to_owned() };
        match warnings {
            0 => format!("{sign} {errors}"),
            _ => format!("{sign} {errors}, {}", number_of(warnings, "warning")),
        }
    }

    /// As documents.
    pub(crate) fn documents(&self) -> Vec<ProblemDocument> {
        let of_group = |group: &Group| -> Vec<ProblemDocument> {
            let problems = group.diagnostics.iter().map(DiagnosticDocument::from);
            let (branch, commit) = group.place.clone().unzip();
            problems
                .map(|problem| ProblemDocument { problem, branch: branch.clone(), commit: commit.clone() })
                .collect()
        };
        self.groups.iter().flat_map(of_group).collect()
    }
}

#[cfg(test)]
mod tests {
    use syncline_core::names::RepoPath;

    use super::*;

    fn problems() -> Problems {
        let path = RepoPath::parse("orders/spec.yaml").unwrap();
        let mut files = Files::default();
        files.insert_text(path.clone(), "proton: ServiceSpec\n");
        let span = diagnostic::Span { start: 8, end: 19, line: 1, column: 9 };
        let error = Diagnostic::error(&path, "one thing").at(span).help("mend it");
        let mut problems = Problems::default();
        problems.add(None, vec![Diagnostic::warning(&path, "another"), error.clone(), error.clone()], &files);
        let place = |branch: &str| Some((BranchName::new(branch), CommitId::new("b".repeat(40))));
        problems.add(place("prod"), vec![error], &files);
        problems.add(place("main"), Vec::new(), &files);
        problems
    }

    #[test]
    fn each_is_drawn_once_under_its_branch() {
        insta::assert_snapshot!(format!("{}\n\n{}", problems().draw(Paint::OFF), problems().summary(Paint::OFF)));
    }

    #[test]
    fn the_documents_are_stable() {
        insta::assert_snapshot!(serde_json::to_string_pretty(&problems().documents()).unwrap());
    }
}
