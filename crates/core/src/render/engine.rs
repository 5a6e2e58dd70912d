//! The template engine: Jinja 2 as Proton had it, strict about what is missing, with Python's string and mapping
//! methods, and a budget that no template can exceed.
//!
//! It knows nothing of what a template is given: see [`super`] for that. A template can include nothing, read nothing
//! and call nothing outside.

use std::ops::Range;

use minijinja::value::{Kwargs, Rest, Value, from_args};
use minijinja::{Environment, ErrorKind, UndefinedBehavior};

use crate::diagnostic::{Diagnostic, Span};
use crate::names::RepoPath;

/// How many of minijinja's instructions one render may take. The largest real bundle seen takes under 20,000.
const FUEL: u64 = 5_000_000;

/// The longest result, in bytes: beyond it CloudFormation takes no template.
const MAX_OUTPUT_BYTES: usize = crate::stack::MAX_TEMPLATE_BYTES;

/// Renders a template with what it is given.
///
/// Errors: the first place where it fails.
pub(super) fn render(path: &RepoPath, template: &str, scope: Value) -> Result<String, Diagnostic> {
    let mut engine = Environment::new();
    engine.set_debug(false);
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    engine.set_fuel(Some(FUEL));
    engine.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    engine.add_filter("truncate", truncate);
    let compiled = engine.template_from_str(template).map_err(|error| failure(path, template, &error))?;
    let text = compiled.render(scope).map_err(|error| failure(path, template, &error))?;
    if text.len() > MAX_OUTPUT_BYTES {
        return Err(Diagnostic::error(path, format!("renders to more than {MAX_OUTPUT_BYTES} bytes"))
            .help("split it into several stacks"));
    }
    Ok(text)
}

/// What a failed render says to a person, at its place in the template.
fn failure(path: &RepoPath, template: &str, error: &minijinja::Error) -> Diagnostic {
    let place = error.range().and_then(|range| range_span(template, whole_path(template, range)));
    let span = place.or_else(|| line_span(template, error.line()?));
    let shown = place.and_then(|span| template.get(span.start..span.end)).filter(|text| !text.contains('\n'));
    let reason = match (error.kind(), error.detail(), shown) {
        (ErrorKind::UndefinedError, None, Some(expression)) => format!("`{expression}` is undefined"),
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
        ErrorKind::OutOfFuel => "let its loops run less often",
        ErrorKind::SyntaxError if is_reference => {
            "put `{{resolve:…}}` between `{% raw %}` and `{% endraw %}`: it is CloudFormation's, not Jinja's"
        }
        ErrorKind::SyntaxError => "check the Jinja tags on this line and those that they belong to",
        kind if is_unknown(kind) => {
            "check its spelling: Jinja's own are there, and the methods of Python's strings, lists and mappings"
        }
        _ => "check the values that are used here",
    };
    let diagnostic = Diagnostic::error(path, format!("the template does not render: {reason}")).help(help);
    match span {
        Some(span) => diagnostic.at(span),
        None => diagnostic,
    }
}

/// Whether the name of something that a template calls is not known; the detail says of what.
fn is_unknown(kind: ErrorKind) -> bool {
    use ErrorKind::{UnknownFilter, UnknownFunction, UnknownMethod, UnknownTest};
    matches!(kind, UnknownFilter | UnknownFunction | UnknownMethod | UnknownTest)
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

/// Jinja's filter: at most `length` characters, or up to `leeway` more where nothing need be cut; cut words are
/// dropped unless `killwords`.
fn truncate(text: &str, positional: Rest<Value>, named: Kwargs) -> Result<String, minijinja::Error> {
    let (length, killwords, end, leeway): (Option<usize>, Option<bool>, Option<String>, Option<usize>) =
        from_args(&positional)?;
    let length = length.or(named.get("length")?).unwrap_or(255);
    let killwords = killwords.or(named.get("killwords")?).unwrap_or(false);
    let end = end.or(named.get("end")?).unwrap_or_else(|| "...".to_owned());
    let leeway = leeway.or(named.get("leeway")?).unwrap_or(5);
    named.assert_all_used()?;
    if text.chars().count() <= length.saturating_add(leeway) {
        return Ok(text.to_owned());
    }
    let Some(room) = length.checked_sub(end.chars().count()) else {
        let message = format!("`truncate` to {length} characters has no room for `{end}`");
        return Err(minijinja::Error::new(ErrorKind::InvalidOperation, message));
    };
    let cut: String = text.chars().take(room).collect();
    let kept = if killwords { cut.as_str() } else { cut.rsplit_once(' ').map_or(cut.as_str(), |(words, _)| words) };
    Ok(format!("{kept}{end}"))
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
