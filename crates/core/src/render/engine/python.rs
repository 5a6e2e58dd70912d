//! Values as Python has them: as text, and the methods of its strings and mappings.

use minijinja::value::{Kwargs, Rest, Value, ValueKind, from_args};
use minijinja::{Error, ErrorKind, State};

/// A value as `str` makes it: what `{{ … }}` prints. Collections minijinja prints as Python does, floats it does not.
pub(super) fn text(value: &Value) -> String {
    if value.kind() == ValueKind::Number { number(value) } else { value.to_string() }
}

/// A number: a float as Python prints it, which is the shortest that reads back the same, with an exponent where it is
/// very large or very small.
fn number(value: &Value) -> String {
    match f64::try_from(value.clone()) {
        Ok(float) if !value.is_integer() => {
            let size = float.abs();
            if float.is_nan() {
                "nan".to_owned()
            } else if float.is_infinite() {
                if float > 0.0 { "inf".to_owned() } else { "-inf".to_owned() }
            } else if size != 0.0 && !(1e-4..1e16).contains(&size) {
                // Rust writes 1e-5 and 1e16, Python 1e-05 and 1e+16.
                let text = format!("{float:e}");
                let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
                let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |rest| ('-', rest));
                format!("{digits}e{sign}{exponent:0>2}")
            } else {
                let text = float.to_string();
                if text.contains('.') { text } else { format!("{text}.0") }
            }
        }
        _ => value.to_string(),
    }
}

/// A method of a string, a list or a mapping that templates call as in Python.
pub(super) fn method(state: &mut State, value: &Value, name: &str, arguments: &[Value]) -> Result<Value, Error> {
    let text = value.as_str();
    match (text, name) {
        (Some(text), "zfill" | "ljust" | "rjust" | "center") => pad(text, name, arguments),
        (Some(text), "swapcase") => Ok(text
            .chars()
            .flat_map(|letter| -> Vec<char> {
                if letter.is_uppercase() { letter.to_lowercase().collect() } else { letter.to_uppercase().collect() }
            })
            .collect::<String>()
            .into()),
        (Some(text), "removeprefix" | "removesuffix" | "partition" | "rpartition") => part(text, name, arguments),
        (Some(text), "split" | "rsplit") => split(text, name == "rsplit", arguments),
        (Some(text), "replace") if arguments.len() >= 2 => {
            super::filters::replaced(text, &arguments[0].to_string(), &self::text(&arguments[1]), arguments.get(2))
        }
        (Some(text), "join") => {
            let items = arguments.first().ok_or_else(|| missing(name, "what to join"))?;
            super::filters::joined(items, text, None).map(Value::from)
        }
        (Some(text), "format") => {
            super::filters::bounded_format(text, arguments)?;
            minijinja_contrib::pycompat::unknown_method_callback(state, value, name, arguments)
        }
        _ => minijinja_contrib::pycompat::unknown_method_callback(state, value, name, arguments),
    }
}

/// `zfill`, `ljust`, `rjust`, `center`.
fn pad(text: &str, name: &str, arguments: &[Value]) -> Result<Value, Error> {
    let width = arguments.first().and_then(|width| width.as_usize()).ok_or_else(|| missing(name, "a width"))?;
    super::filters::bounded(width)?;
    let fill = match arguments.get(1).and_then(Value::as_str) {
        _ if name == "zfill" => "0",
        Some(fill) => fill,
        None => " ",
    };
    let room = width.saturating_sub(text.chars().count());
    Ok(match name {
        "ljust" => format!("{text}{}", fill.repeat(room)),
        "rjust" => format!("{}{text}", fill.repeat(room)),
        "zfill" => {
            let (sign, digits) = text.split_at(usize::from(text.starts_with(['-', '+'])));
            format!("{sign}{}{digits}", fill.repeat(room))
        }
        _ => super::filters::centred(text, width, fill),
    }
    .into())
}

/// `split` and `rsplit`, at a text or at white space, at most so often.
fn split(text: &str, from_the_right: bool, arguments: &[Value]) -> Result<Value, Error> {
    let (positional, named): (Rest<Value>, Kwargs) = from_args(arguments)?;
    let (at, most): (Option<Value>, Option<i64>) = from_args(&positional)?;
    let at = at.or(named.get("sep")?).filter(|at: &Value| !at.is_none());
    let most = usize::try_from(most.or(named.get("maxsplit")?).unwrap_or(-1)).unwrap_or(usize::MAX - 1);
    named.assert_all_used()?;
    let count = most.saturating_add(1);
    let mut parts: Vec<&str> = match at.as_ref().map(|at| at.as_str().unwrap_or_default()) {
        Some("") => return Err(Error::new(ErrorKind::InvalidOperation, "an empty separator")),
        Some(at) if from_the_right => text.rsplitn(count, at).collect(),
        Some(at) => text.splitn(count, at).collect(),
        None => words(text, most, from_the_right),
    };
    if from_the_right {
        parts.reverse();
    }
    Ok(parts.into_iter().map(Value::from).collect())
}

/// The words of a text; once it was parted so often, the rest is one. From the right they come last first.
fn words(text: &str, most: usize, from_the_right: bool) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let found = if from_the_right { rest.rfind(char::is_whitespace) } else { rest.find(char::is_whitespace) };
        match found.filter(|_| parts.len() < most) {
            Some(at) if from_the_right => {
                let (before, word) = rest.split_at(at);
                parts.push(word.trim_start());
                rest = before.trim_end();
            }
            Some(at) => {
                let (word, after) = rest.split_at(at);
                parts.push(word);
                rest = after.trim_start();
            }
            None => {
                parts.push(rest);
                break;
            }
        }
    }
    parts
}

fn part(text: &str, name: &str, arguments: &[Value]) -> Result<Value, Error> {
    let other = arguments.first().and_then(Value::as_str).ok_or_else(|| missing(name, "a text"))?;
    let three = |found: Option<(&str, &str)>, none: [&str; 3]| match found {
        Some((before, after)) => vec![before.to_owned(), other.to_owned(), after.to_owned()],
        None => none.map(str::to_owned).to_vec(),
    };
    Ok(match name {
        "removeprefix" => text.strip_prefix(other).unwrap_or(text).into(),
        "removesuffix" => text.strip_suffix(other).unwrap_or(text).into(),
        "partition" => three(text.split_once(other), [text, "", ""]).into(),
        _ => three(text.rsplit_once(other), ["", "", text]).into(),
    })
}

fn missing(name: &str, what: &str) -> Error {
    Error::new(ErrorKind::MissingArgument, format!("`{name}` takes {what}"))
}
