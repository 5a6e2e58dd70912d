//! What a failed render says to a person, at its place in the template.

use std::ops::Range;

use minijinja::ErrorKind;

use super::super::Failure;
use super::{FUEL, filters};
use crate::diagnostic::{Diagnostic, Span, nearest};
use crate::names::RepoPath;

/// What a failed render says to a person, at its place in the template.
pub(super) fn failure(path: &RepoPath, template: &str, error: &minijinja::Error) -> Failure {
    let place = error.range().and_then(|range| range_span(template, whole_path(template, range)));
    let span = place.or_else(|| line_span(template, error.line()?));
    let shown = place.and_then(|span| template.get(span.start..span.end)).filter(|text| !text.contains('\n'));
    let reason = match (error.kind(), error.detail(), shown) {
        // Of a filter, the engine gives the place of its name.
        (ErrorKind::UndefinedError, None, Some(filter)) if place.is_some_and(|span| is_filter(template, span)) => {
            format!("what `{filter}` is applied to is undefined")
        }
        (ErrorKind::UndefinedError, None, Some(expression)) if expression.contains(char::is_whitespace) => {
            format!("something is undefined in `{expression}`")
        }
        (ErrorKind::UndefinedError, None, Some(expression)) => format!("`{expression}` is undefined"),
        (ErrorKind::OutOfFuel, Some(detail), _) => detail.to_owned(),
        (ErrorKind::OutOfFuel, ..) => format!("it takes more than {FUEL} steps"),
        (kind, Some(detail), _) if is_unknown(kind) => detail.to_owned(),
        (kind, Some(detail), _) => format!("{kind}: {detail}"),
        (kind, None, _) => kind.to_string(),
    };
    let is_reference =
        span.and_then(|span| template.lines().nth(span.line - 1)).is_some_and(|line| line.contains("{{resolve:"));
    let help = match error.kind() {
        ErrorKind::UndefinedError => {
            "check the name against the bundle's schema and the inputs of the spec, or apply the filter `default`"
        }
        ErrorKind::OutOfFuel => "let its loops run less often, or make less in them",
        ErrorKind::SyntaxError if is_reference => {
            "put `{{resolve:…}}` between `{% raw %}` and `{% endraw %}`: it is CloudFormation's, not Jinja's"
        }
        ErrorKind::SyntaxError => "check the Jinja tags on this line and those that they belong to",
        ErrorKind::UnknownFilter => match nearest_filter(error) {
            Some(near) => &format!("did you mean `{near}`?"),
            None => CHECK_SPELLING,
        },
        kind if is_unknown(kind) => CHECK_SPELLING,
        _ => "check the values that are used here",
    };
    let diagnostic = Diagnostic::error(path, format!("the template does not render: {reason}")).help(help);
    let is_certain = match error.kind() {
        ErrorKind::SyntaxError | ErrorKind::UnknownFilter | ErrorKind::UnknownTest | ErrorKind::UnknownFunction => true,
        ErrorKind::UndefinedError => shown.is_some_and(|path| is_absent_for_certain(template, path)),
        _ => false,
    };
    let error = match span {
        Some(span) => diagnostic.at(span),
        None => diagnostic,
    };
    Failure { error: Box::new(error), is_certain }
}

/// Whether what is undefined is a name or an input that is not there, and no part of a value, which a stand-in may lack;
/// nor something that the template set itself.
fn is_absent_for_certain(template: &str, path: &str) -> bool {
    let parts: Vec<&str> = path.split('.').map(str::trim).collect();
    let is_name =
        |part: &&str| !part.is_empty() && part.chars().all(|character| character.is_alphanumeric() || character == '_');
    let is_short = matches!(parts.as_slice(), [_] | [_, _] | [_, "inputs", _]);
    is_short && parts.iter().all(is_name) && !names_set(template).any(|name| name == parts[0])
}

/// The words in a template's tags that may be names which it sets.
fn names_set(template: &str) -> impl Iterator<Item = &str> {
    template.split("{%").skip(1).flat_map(|tag| {
        let tag = tag.split("%}").next().unwrap_or_default().trim_start_matches(['-', '+']).trim_start();
        let names = match tag.split_whitespace().next() {
            Some("set") => tag.split('=').next(),
            Some("for") => tag.split(" in ").next(),
            Some("with" | "macro" | "call" | "filter") => Some(tag),
            _ => None,
        };
        let is_part = |character: char| character.is_alphanumeric() || character == '_';
        names.unwrap_or_default().split(move |character| !is_part(character))
    })
}

const CHECK_SPELLING: &str =
    "check its spelling: Jinja's own are there, and the methods of Python's strings, lists and mappings";

/// What to write instead of a filter that is not known: the detail names it.
fn nearest_filter(error: &minijinja::Error) -> Option<&'static str> {
    let written = error.detail()?.split_whitespace().nth(1)?;
    nearest(written, filters::NAMES)
}

/// Whether the name of something that a template calls is not known; the detail says of what.
fn is_unknown(kind: ErrorKind) -> bool {
    use ErrorKind::{UnknownFilter, UnknownFunction, UnknownMethod, UnknownTest};
    matches!(kind, UnknownFilter | UnknownFunction | UnknownMethod | UnknownTest)
}

/// Whether a filter's name stands here.
fn is_filter(template: &str, span: Span) -> bool {
    template.get(..span.start).is_some_and(|before| before.trim_end().ends_with('|'))
}

/// The engine gives the last steps of a path, `.inputs.x`: the whole of it says more.
fn whole_path(template: &str, range: Range<usize>) -> Range<usize> {
    if !template.get(range.clone()).is_some_and(|text| text.starts_with('.')) {
        return range;
    }
    let before = &template[..range.start];
    let is_step = |character: char| character.is_ascii_alphanumeric() || "_.".contains(character);
    before.trim_end_matches(is_step).len()..range.end
}

/// The place of a range of bytes.
fn range_span(text: &str, range: Range<usize>) -> Option<Span> {
    let before = text.get(..range.start)?;
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    text.get(range.clone())?;
    Some(Span {
        start: range.start,
        end: range.end,
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
    })
}

/// The place of a whole line, from 1.
fn line_span(text: &str, line: usize) -> Option<Span> {
    let start: usize = text.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).sum();
    let content = text.get(start..)?.lines().next()?;
    let indent = content.len() - content.trim_start().len();
    range_span(text, start + indent..start + content.trim_end().len())
}

/// The longest stretch between the beginning of a tag and its end, in bytes. In a text in quotes an end may come too
/// soon, which makes it shorter than it is by no more than its beginning.
pub(super) fn longest_tag(template: &str) -> Option<Range<usize>> {
    let mut longest: Option<Range<usize>> = None;
    let mut from = 0;
    while let Some(start) = ["{{", "{%"].iter().filter_map(|open| template[from..].find(open)).min().map(|at| from + at)
    {
        let close = if template[start..].starts_with("{{") { "}}" } else { "%}" };
        let end = template[start..].find(close).map_or(template.len(), |at| start + at);
        if longest.as_ref().is_none_or(|longest| longest.len() < end - start) {
            longest = Some(start..end);
        }
        from = end.max(start + 2).min(template.len());
    }
    longest
}

/// A diagnostic at a range of bytes.
pub(super) fn at(template: &str, range: Range<usize>, diagnostic: Diagnostic) -> Diagnostic {
    match range_span(template, range) {
        Some(span) => diagnostic.at(span),
        None => diagnostic,
    }
}
