//! What a command answers with, and the one place that prints it.

use std::io::{self, Write as _};
use std::process::ExitCode;

use serde::Serialize;

use crate::failure::Failure;
use crate::interrupt;
use crate::source::folder::why;

/// A command's answer.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// For standard output.
    pub(crate) text: String,
    /// Whether the text is a file of somebody's, and so printed byte for byte.
    pub(crate) is_verbatim: bool,
    /// What is worth saying beside it, for standard error.
    pub(crate) aside: String,
    /// What a person may want to do next, for standard error: a command, and what it is for.
    pub(crate) follow_ups: Vec<(String, String)>,
    /// How what was followed ended.
    pub(crate) end: End,
}

/// How what a command followed ended: its exit status.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum End {
    /// Well.
    #[default]
    Well,
    /// Not well.
    Badly,
    /// By Ctrl-C.
    Interrupted,
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
    pub(crate) fn print(&self) -> Result<ExitCode, Failure> {
        let mut stdout = io::stdout().lock();
        let written = match (self.text.as_str(), self.is_verbatim) {
            ("", _) => Ok(()),
            (text, true) => stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()),
            (text, false) => writeln!(stdout, "{}", text.trim_end()),
        };
        match written {
            // Whoever reads may have read enough, as in `syncline history | head`.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                return Err(Failure::unexplained(format!("cannot write to standard output: {}", why(&error))));
            }
            _ => {}
        }
        let mut stderr = io::stderr().lock();
        if !self.aside.is_empty() {
            let _ = writeln!(stderr, "{}", self.aside.trim_end());
        }
        if !self.follow_ups.is_empty() {
            let _ = writeln!(stderr, "\n{}", follow_up_lines(&self.follow_ups));
        }
        Ok(match self.end {
            End::Well => ExitCode::SUCCESS,
            End::Badly => ExitCode::FAILURE,
            End::Interrupted => ExitCode::from(interrupt::STATUS),
        })
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
