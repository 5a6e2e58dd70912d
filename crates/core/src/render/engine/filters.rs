//! Jinja's filters that minijinja has not, or has otherwise than Jinja; each bounded in what it makes.

use minijinja::value::{Kwargs, Rest, Value, ValueKind, ValueOrKwargs, from_args};
use minijinja::{Environment, Error, ErrorKind, State};
use serde_json::Value as Json;

use super::{MAX_OUTPUT_BYTES, python, weight};

/// Every filter that a template may use, for whoever misspells one.
pub(super) const NAMES: [&str; 54] = [
    "abs",
    "attr",
    "batch",
    "capitalize",
    "center",
    "count",
    "d",
    "default",
    "dictsort",
    "e",
    "escape",
    "filesizeformat",
    "first",
    "float",
    "format",
    "groupby",
    "indent",
    "int",
    "items",
    "join",
    "last",
    "length",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "pprint",
    "proton_cfn_ecs_task_definition_formatted_env_vars",
    "proton_cfn_iam_policy_arns",
    "proton_cfn_lambda_function_formatted_env_vars",
    "proton_cfn_sanitize",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "safe",
    "select",
    "selectattr",
    "slice",
    "sort",
    "string",
    "striptags",
    "sum",
    "title",
    "tojson",
    "trim",
    "truncate",
    "unique",
    "upper",
    "urlencode",
    "wordcount",
    "wordwrap",
];

/// Adds them.
pub(super) fn add(engine: &mut Environment<'static>) {
    engine.add_filter("batch", batch);
    engine.add_filter("slice", slice);
    engine.add_filter("format", format);
    engine.add_filter("truncate", truncate);
    engine.add_filter("tojson", tojson);
    engine.add_filter("default", default);
    engine.add_filter("d", default);
    engine.add_filter("center", |text: &str, width: Option<usize>| -> Result<String, Error> {
        let width = width.unwrap_or(80);
        bounded(width)?;
        Ok(centred(text, width, " "))
    });
    engine.add_filter("title", title);
    engine.add_filter("int", int);
    engine.add_filter("float", float);
    engine.add_filter("indent", indent);
    engine.add_filter("join", join);
    engine.add_filter("string", |value: &Value| python::text(value));
    engine.add_filter("replace", replace);
    engine.add_filter("wordcount", minijinja_contrib::filters::wordcount);
    engine.add_filter("wordwrap", wordwrap);
    engine.add_filter("striptags", minijinja_contrib::filters::striptags);
    engine.add_filter("filesizeformat", minijinja_contrib::filters::filesizeformat);
}

/// An error where a text of so many characters would be too long for any result.
pub(super) fn bounded(length: usize) -> Result<(), Error> {
    if length <= MAX_OUTPUT_BYTES {
        return Ok(());
    }
    Err(Error::new(ErrorKind::InvalidOperation, format!("a text of {length} characters is too long")))
}

/// An error where a text with values put into it, in either style of Python's, could be too long.
pub(super) fn bounded_format(text: &str, arguments: &[Value]) -> Result<(), Error> {
    /// The longest number without a width.
    const NUMBER: usize = 400;
    let numbers = text.split(|character: char| !character.is_ascii_digit()).filter(|digits| !digits.is_empty());
    let widest = numbers.map(|digits| digits.parse().unwrap_or(usize::MAX)).max().unwrap_or(0);
    let mut longest = NUMBER;
    for argument in arguments {
        longest = longest.max(weight::weigh(argument)?);
    }
    let fields = text.matches(['%', '{']).count();
    bounded(fields.saturating_mul(longest.saturating_add(widest)).saturating_add(text.len()))
}

/// Jinja's filter: values put into a text by `%`.
fn format(state: &mut State, text: &Value, arguments: Rest<ValueOrKwargs>) -> Result<Value, Error> {
    let values: Vec<Value> = arguments.iter().map(|argument| Value::clone(argument)).collect();
    bounded_format(text.as_str().unwrap_or_default(), &values)?;
    minijinja::filters::format(state, text, arguments)
}

/// Jinja's filter: the items in lists of so many each.
fn batch(state: &State, items: Value, count: usize, fill: Option<Value>) -> Result<Value, Error> {
    bounded(count)?;
    minijinja::filters::batch(state, items, count, fill)
}

/// Jinja's filter: the items in so many lists.
fn slice(state: &State, items: Value, count: usize, fill: Option<Value>) -> Result<Value, Error> {
    bounded(count)?;
    minijinja::filters::slice(state, items, count, fill)
}

/// A text in the middle of `width` characters. Where the room is odd, Python leaves the larger half on the left if the
/// width is odd too.
pub(super) fn centred(text: &str, width: usize, fill: &str) -> String {
    let room = width.saturating_sub(text.chars().count());
    let left = room / 2 + (room & width & 1);
    format!("{}{text}{}", fill.repeat(left), fill.repeat(room - left))
}

/// `old` replaced by `new`, at most `count` times.
pub(super) fn replaced(text: &str, old: &str, new: &str, count: Option<&Value>) -> Result<Value, Error> {
    let most = count.and_then(|count| count.as_usize()).unwrap_or(usize::MAX);
    let found = if old.is_empty() { text.chars().count() + 1 } else { text.matches(old).count() }.min(most);
    bounded(text.len().saturating_add(found.saturating_mul(new.len())))?;
    Ok(text.replacen(old, new, most).into())
}

/// Jinja's filter: a text with another in the place of a part.
fn replace(value: &Value, old: &str, new: &Value, count: Option<Value>, named: Kwargs) -> Result<Value, Error> {
    let count = count.or(named.get("count")?);
    named.assert_all_used()?;
    replaced(&python::text(value), old, &python::text(new), count.as_ref())
}

/// Jinja's filter, whose arguments may stand in their order too.
fn wordwrap(value: &Value, positional: Rest<Value>, named: Kwargs) -> Result<Value, Error> {
    const NAMES: [&str; 4] = ["width", "break_long_words", "wrapstring", "break_on_hyphens"];
    let mut arguments: Vec<(&str, Value)> = NAMES.into_iter().zip(positional.iter().cloned()).collect();
    for name in NAMES {
        arguments.extend(named.get::<Option<Value>>(name)?.map(|value| (name, value)));
    }
    named.assert_all_used()?;
    let text = python::text(value);
    let between = arguments.iter().find(|(name, _)| *name == "wrapstring").and_then(|(_, between)| between.as_str());
    bounded(text.len().saturating_mul(between.map_or(1, str::len)))?;
    minijinja_contrib::filters::wordwrap(value, arguments.into_iter().collect())
}

/// Jinja's filter: at most `length` characters, or up to `leeway` more where nothing need be cut; cut words are
/// dropped unless `killwords`.
fn truncate(text: &str, positional: Rest<Value>, named: Kwargs) -> Result<String, Error> {
    let (length, killwords, end, leeway): (Option<usize>, Option<bool>, Option<String>, Option<usize>) =
        from_args(&positional)?;
    let length = length.or(named.get("length")?).unwrap_or(255);
    let killwords = killwords.or(named.get("killwords")?).unwrap_or(false);
    let end = end.or(named.get("end")?).unwrap_or_else(|| "...".to_owned());
    let leeway = leeway.or(named.get("leeway")?).unwrap_or(5);
    named.assert_all_used()?;
    let Some(room) = length.checked_sub(end.chars().count()) else {
        let message = format!("`truncate` to {length} characters has no room for `{end}`");
        return Err(Error::new(ErrorKind::InvalidOperation, message));
    };
    if text.chars().count() <= length.saturating_add(leeway) {
        return Ok(text.to_owned());
    }
    let cut: String = text.chars().take(room).collect();
    let kept = if killwords { cut.as_str() } else { cut.rsplit_once(' ').map_or(cut.as_str(), |(words, _)| words) };
    Ok(format!("{kept}{end}"))
}

/// Jinja's filter: keys sorted, a blank behind commas and colons, ASCII alone, and no character that HTML knows.
fn tojson(value: &Value, indent: Option<usize>, named: Kwargs) -> Result<String, Error> {
    let indent = indent.or(named.get("indent")?);
    named.assert_all_used()?;
    let wrong = |error: serde_json::Error| {
        Error::new(ErrorKind::BadSerialization, format!("it cannot be written as JSON: {error}"))
    };
    if value.is_undefined() {
        return Err(Error::from(ErrorKind::UndefinedError));
    }
    let document = serde_json::to_value(value).map_err(wrong)?;
    let indent = indent.unwrap_or_default();
    bounded(indent.saturating_mul(100))?;
    let mut out = String::new();
    write_json(&document, indent, 0, &mut out)?;
    Ok(out)
}

fn write_json(value: &Json, indent: usize, depth: usize, out: &mut String) -> Result<(), Error> {
    bounded(out.len())?;
    let line = |out: &mut String, depth: usize, place: usize| {
        if place > 0 {
            out.push_str(if indent > 0 { "," } else { ", " });
        }
        if indent > 0 {
            out.push('\n');
            out.push_str(&" ".repeat(indent * depth));
        }
    };
    match value {
        Json::Array(items) if !items.is_empty() => {
            out.push('[');
            for (place, item) in items.iter().enumerate() {
                line(out, depth + 1, place);
                write_json(item, indent, depth + 1, out)?;
            }
            line(out, depth, 0);
            out.push(']');
        }
        Json::Object(entries) if !entries.is_empty() => {
            let mut sorted: Vec<(&String, &Json)> = entries.iter().collect();
            sorted.sort_by_key(|(key, _)| *key);
            out.push('{');
            for (place, (key, item)) in sorted.into_iter().enumerate() {
                line(out, depth + 1, place);
                write_text(key, out);
                out.push_str(": ");
                write_json(item, indent, depth + 1, out)?;
            }
            line(out, depth, 0);
            out.push('}');
        }
        Json::String(text) => write_text(text, out),
        other => out.push_str(&other.to_string()),
    }
    Ok(())
}

fn write_text(text: &str, out: &mut String) {
    for character in Json::from(text).to_string().chars() {
        match character {
            '<' | '>' | '&' | '\'' | '\u{7f}'.. => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
            other => out.push(other),
        }
    }
}

/// Jinja's filter: what stands for a value that is missing, with `boolean` also for one that is false.
fn default(value: &Value, positional: Rest<Value>, named: Kwargs) -> Result<Value, Error> {
    let (other, lax): (Option<Value>, Option<bool>) = from_args(&positional)?;
    let other = other.or(named.get("default_value")?).unwrap_or_else(|| Value::from(""));
    let lax = lax.or(named.get("boolean")?).unwrap_or(false);
    named.assert_all_used()?;
    Ok(if value.is_undefined() || (lax && !value.is_true()) { other } else { value.clone() })
}

/// Jinja's filter: each word with a capital, the rest small.
fn title(text: &str) -> String {
    let mut begins = true;
    text.chars()
        .flat_map(|letter| -> Vec<char> {
            let cased = if begins { letter.to_uppercase().collect() } else { letter.to_lowercase().collect() };
            begins = letter.is_whitespace() || "-([{<".contains(letter);
            cased
        })
        .collect()
}

/// Jinja's filter: a whole number, or `default` where it is none.
fn int(value: &Value, positional: Rest<Value>, named: Kwargs) -> Result<Value, Error> {
    let (default, base): (Option<Value>, Option<u32>) = from_args(&positional)?;
    let default = default.or(named.get("default")?).unwrap_or_else(|| Value::from(0));
    let base = base.or(named.get("base")?).unwrap_or(10);
    named.assert_all_used()?;
    let found = match value.as_str() {
        Some(text) => {
            let plain = text.trim().replace('_', "");
            let (sign, digits) = plain.strip_prefix('-').map_or((1, plain.as_str()), |digits| (-1, digits));
            let prefix = match base {
                16 => "0x",
                8 => "0o",
                2 => "0b",
                _ => "",
            };
            let digits = digits.to_lowercase();
            let digits = digits.strip_prefix(prefix).unwrap_or(&digits);
            let whole = (2..=36).contains(&base).then(|| i64::from_str_radix(digits, base).ok()).flatten();
            whole.map(|number| Value::from(sign * number)).or_else(|| whole_part(plain.parse().ok()?))
        }
        None if value.is_integer() => Some(value.clone()),
        None if value.kind() == ValueKind::Bool => Some(Value::from(i64::from(value.is_true()))),
        None => whole_part(f64::try_from(value.clone()).unwrap_or(f64::NAN)),
    };
    Ok(found.unwrap_or(default))
}

fn whole_part(number: f64) -> Option<Value> {
    #[allow(clippy::cast_possible_truncation, reason = "it was looked at that it fits")]
    (number.abs() < 9e18).then(|| Value::from(number as i64))
}

/// Jinja's filter: a number, or `default` where it is none.
fn float(value: &Value, default: Option<f64>) -> f64 {
    let found = match value.as_str() {
        Some(text) => text.trim().replace('_', "").parse().ok(),
        None if value.kind() == ValueKind::Bool => Some(f64::from(u8::from(value.is_true()))),
        None => f64::try_from(value.clone()).ok(),
    };
    found.unwrap_or_else(|| default.unwrap_or(0.0))
}

/// Jinja's filter: each line but the first moved in.
fn indent(text: &str, positional: Rest<Value>, named: Kwargs) -> Result<String, Error> {
    let (width, first, blank): (Option<Value>, Option<bool>, Option<bool>) = from_args(&positional)?;
    let width = width.or(named.get("width")?).unwrap_or_else(|| Value::from(4));
    let first = first.or(named.get("first")?).unwrap_or(false);
    let blank = blank.or(named.get("blank")?).unwrap_or(false);
    named.assert_all_used()?;
    let margin = match width.as_str() {
        Some(margin) => margin.to_owned(),
        None => {
            let width =
                width.as_usize().ok_or_else(|| Error::new(ErrorKind::InvalidOperation, "`indent` takes a width"))?;
            bounded(width)?;
            " ".repeat(width)
        }
    };
    let lines: Vec<&str> = text.split('\n').collect();
    bounded(text.len().saturating_add(lines.len().saturating_mul(margin.len())))?;
    let moved: Vec<String> = lines
        .iter()
        .enumerate()
        .map(|(place, line)| {
            let is_moved = if place == 0 { first } else { blank || !line.is_empty() };
            if is_moved { format!("{margin}{line}") } else { (*line).to_owned() }
        })
        .collect();
    Ok(moved.join("\n"))
}

/// Jinja's filter: items, or an attribute of each, with a text between.
fn join(items: &Value, positional: Rest<Value>, named: Kwargs) -> Result<String, Error> {
    let (between, attribute): (Option<Value>, Option<Value>) = from_args(&positional)?;
    let between = python::text(&between.or(named.get("d")?).unwrap_or_else(|| Value::from("")));
    let attribute: Option<Value> = attribute.or(named.get("attribute")?);
    named.assert_all_used()?;
    joined(items, &between, attribute.as_ref())
}

/// Items, or an attribute of each, with a text between.
pub(super) fn joined(items: &Value, between: &str, attribute: Option<&Value>) -> Result<String, Error> {
    if items.is_undefined() {
        return Err(Error::from(ErrorKind::UndefinedError));
    }
    let mut out = String::new();
    for (place, item) in items.try_iter()?.enumerate() {
        let item = match attribute {
            Some(attribute) => item.get_item(attribute)?,
            None => item,
        };
        if item.is_undefined() {
            return Err(Error::from(ErrorKind::UndefinedError));
        }
        if place > 0 {
            out.push_str(between);
        }
        out.push_str(&python::text(&item));
        bounded(out.len())?;
    }
    Ok(out)
}
