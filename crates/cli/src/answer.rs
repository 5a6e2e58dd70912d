//! What a command answers with, and the one place that prints it.

use std::io::{self, Write};
use std::process::ExitCode;

use serde::Serialize;

use crate::failure::Failure;

/// A command's answer.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// For standard output.
    pub(crate) text: String,
    /// What a person may want to do next, for standard error: a command, and what it is for.
    pub(crate) follow_ups: Vec<(String, String)>,
    /// Whether what was followed did not end well.
    pub(crate) is_unsuccessful: bool,
}

impl Answer {
    /// Text that says all.
    pub(crate) fn text(text: String) -> Self {
        Self { text, ..Self::default() }
    }

    /// One JSON document.
    pub(crate) fn json(document: &impl Serialize) -> Result<Self, Failure> {
        Ok(Self::text(serde_json::to_string_pretty(document)?))
    }

    /// Prints it, and gives the exit status.
    pub(crate) fn print(&self) -> ExitCode {
        if !self.text.is_empty() {
            // Whoever reads may have read enough, as in `syncline history | head`.
            let _ = writeln!(io::stdout().lock(), "{}", self.text.trim_end());
        }
        if !self.follow_ups.is_empty() {
            eprintln!("\n{}", follow_up_lines(&self.follow_ups));
        }
        if self.is_unsuccessful { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }
}

/// The follow-up actions as lines, what they are for in one column.
fn follow_up_lines(follow_ups: &[(String, String)]) -> String {
    let width = follow_ups.iter().map(|(command, _)| command.chars().count()).max().unwrap_or_default();
    let lines: Vec<String> =
        follow_ups.iter().map(|(command, purpose)| format!("  {command:width$}  {purpose}")).collect();
    format!("Recommended follow-up actions:\n{}", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follow_ups_stand_in_two_columns() {
        let follow_ups = [("git push".to_owned(), "to sync again".to_owned()), ("x".to_owned(), "y".to_owned())];
        insta::assert_snapshot!(follow_up_lines(&follow_ups), @r"
        Recommended follow-up actions:
          git push  to sync again
          x         y
        ");
    }
}
