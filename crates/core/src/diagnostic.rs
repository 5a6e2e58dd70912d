//! What is wrong with a person's file: where, what, and what to do about it.
//!
//! A check knows the place and says it in a [`Diagnostic`]; how it is drawn is [`draw`]'s job alone. Nothing
//! here reads files: whoever draws hands in the texts.

use std::fmt::Write as _;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde::{Deserialize, Serialize};

use crate::files::Files;
use crate::names::RepoPath;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Nothing is deployed.
    Error,
    /// Worth a look; the sync goes on.
    Warning,
}

/// A stretch of a file. Orders by place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
    /// The line of the first byte, from 1.
    pub line: usize,
    /// The column of the first byte in characters, from 1.
    pub column: usize,
}

/// One problem, at its place.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Diagnostic {
    /// Whether it stops the sync.
    pub severity: Severity,
    /// What is wrong, as the end of "failed to …": lower case, names in backticks, no full stop.
    pub message: String,
    /// The file.
    pub path: RepoPath,
    /// The place in the file; nothing where the file as a whole is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span: Option<Span>,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error in a file as a whole.
    pub fn error(path: &RepoPath, message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, message: message.into(), path: path.clone(), span: None, help: None }
    }

    /// A warning about a file as a whole.
    pub fn warning(path: &RepoPath, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(path, message) }
    }

    /// An error about a file that is there and cannot be read: `why`.
    pub fn unreadable(path: &RepoPath, why: &str) -> Self {
        Self::error(path, format!("cannot be read: {why}")).help("save it as text in UTF-8, of at most 6 MiB")
    }

    /// The same at a place.
    pub fn at(mut self, span: Span) -> Self {
        self.span = Some(span);
        self
    }

    /// The same with advice.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Everything in one line: `path:line:column: error: message; help: advice`. For a history and a log.
    pub fn one_line(&self) -> String {
        let mut text = self.path.to_string();
        if let Some(span) = self.span {
            let _ = write!(text, ":{}:{}", span.line, span.column);
        }
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let _ = write!(text, ": {severity}: {}", self.message);
        if let Some(help) = &self.help {
            let _ = write!(text, "; help: {help}");
        }
        text
    }
}

/// Puts diagnostics into the order of the files and of the places in them, and drops what is said twice.
pub fn sort(diagnostics: &mut Vec<Diagnostic>) {
    diagnostics
        .sort_by(|a, b| (&a.path, a.span, a.severity, &a.message).cmp(&(&b.path, b.span, b.severity, &b.message)));
    diagnostics.dedup();
}

/// Whether any of them stops the sync.
pub fn has_errors(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
}

/// Draws the diagnostics as compilers do: the message, the line with a mark under the place, the advice.
/// `files` supplies the lines; a file that is not among them is named without its line. `colour` is for a
/// terminal.
pub fn draw(diagnostics: &[Diagnostic], files: &Files, colour: bool) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let mut drawn = Vec::with_capacity(diagnostics.len());
    for diagnostic in diagnostics {
        let level = match diagnostic.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let text = files.text(&diagnostic.path);
        let place = match (text, diagnostic.span) {
            (Some(text), Some(span)) => Some((span.line, line_of(text, clamp(span, text)))),
            _ => None,
        };
        let title = if place.is_some() {
            diagnostic.message.clone()
        } else {
            format!("{}: {}", diagnostic.path, diagnostic.message)
        };
        let mut group: Group<'_> = Group::with_title(level.primary_title(title.as_str()));
        if let Some((number, (line, range))) = place {
            group = group.element(
                Snippet::source(line)
                    .line_start(number)
                    .path(diagnostic.path.as_str())
                    .annotation(AnnotationKind::Primary.span(range)),
            );
        }
        if let Some(help) = &diagnostic.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        drawn.push(renderer.render(&[group]));
    }
    drawn.join("\n\n")
}

/// A span never reaches beyond its text, nor over the end of its first line: a mark is one line long. It is at least one
/// character wide, where there is one.
fn clamp(span: Span, text: &str) -> std::ops::Range<usize> {
    let start = floor(text, span.start);
    let end = floor(text, span.end).max(start);
    let line_end = text[start..end].find('\n').map_or(end, |offset| start + offset);
    let one_wide = start + text[start..].chars().next().map_or(0, char::len_utf8);
    start..line_end.max(one_wide)
}

/// The last boundary between characters that is not behind this byte.
fn floor(text: &str, byte: usize) -> usize {
    (0..=byte.min(text.len())).rev().find(|byte| text.is_char_boundary(*byte)).unwrap_or(0)
}

/// The line that a range is in, and the range within it. The drawer reads all that it is given, so it is given no more.
fn line_of(text: &str, range: std::ops::Range<usize>) -> (&str, std::ops::Range<usize>) {
    let start = text[..range.start].rfind('\n').map_or(0, |newline| newline + 1);
    let end = text[range.start..].find('\n').map_or(text.len(), |newline| range.start + newline + 1);
    (&text[start..end.max(range.end)], range.start - start..range.end - start)
}

/// `1 problem`, `2 problems`.
pub fn number_of(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// The known name nearest to what somebody wrote, where one is near enough to be meant.
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = written.chars().count();
    known
        .into_iter()
        .filter_map(|candidate| {
            let other = candidate.chars().count();
            let most = 1.max(length.min(other) / 3);
            // Names whose lengths differ by more are further apart than that: no need to compare them.
            if length.abs_diff(other) > most {
                return None;
            }
            let distance = strsim::damerau_levenshtein(written, candidate);
            (distance <= most).then_some((distance, candidate))
        })
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_is_near() {
        assert_eq!(nearest("brnach", ["branch", "spec"]), Some("branch"));
        assert_eq!(nearest("brnch", ["branch", "spec"]), Some("branch"));
        assert_eq!(nearest("colour", ["branch", "spec"]), None);
    }

    #[test]
    fn a_mark_is_whole_characters_wide() {
        let text = "a: \u{feff}x\n";
        let at = |start, end| clamp(Span { start, end, line: 1, column: 4 }, text);
        assert_eq!(at(3, 3), 3..6);
        assert_eq!(at(4, 5), 3..6);
        assert_eq!(at(99, 99), 8..8);
    }

    #[test]
    fn a_drawing_shows_the_line_and_a_mark() {
        let path = RepoPath::parse("syncline.yaml").unwrap();
        let mut files = Files::default();
        files.insert_text(path.clone(), "sync:\n  servces: {}\n");
        let diagnostic = Diagnostic::error(&path, "unknown key `servces`")
            .at(Span { start: 8, end: 15, line: 2, column: 3 })
            .help("did you mean `services`?");
        let drawn = draw(std::slice::from_ref(&diagnostic), &files, false);
        insta::assert_snapshot!(drawn);
        assert_eq!(
            diagnostic.one_line(),
            "syncline.yaml:2:3: error: unknown key `servces`; help: did you mean `services`?"
        );
    }
}
