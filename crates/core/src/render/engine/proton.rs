//! Proton's own filters.
//!
//! <https://docs.aws.amazon.com/proton/latest/userguide/jinja-filters.html>

use minijinja::value::{Kwargs, Value};
use minijinja::{Environment, Error, ErrorKind, State};

use super::block::Block;
use super::{Render, python};

/// Adds them. What they print is kept with the render until it is known where it stands.
pub(super) fn add(engine: &mut Environment<'static>) {
    engine.add_filter(
        "proton_cfn_ecs_task_definition_formatted_env_vars",
        |state: &mut State, value: &Value, raw: Option<bool>, named: Kwargs| -> Result<Value, Error> {
            let variables = variables(value, raw, &named)?;
            let entries =
                variables.into_iter().map(|(name, value)| vec![("Name".to_owned(), name), ("Value".to_owned(), value)]);
            Ok(Render::of(state).blocks.add(Block::Entries(entries.collect())))
        },
    );
    engine.add_filter(
        "proton_cfn_lambda_function_formatted_env_vars",
        |state: &mut State, value: &Value, raw: Option<bool>, named: Kwargs| -> Result<Value, Error> {
            let variables = variables(value, raw, &named)?;
            Ok(Render::of(state).blocks.add(Block::Mapping(variables)))
        },
    );
    engine.add_filter("proton_cfn_iam_policy_arns", |state: &mut State, value: &Value| -> Result<Value, Error> {
        let values = entries(value)?.into_iter().map(|(_, value)| value);
        let items = values.filter(|value| is_policy_arn(value)).collect();
        Ok(Render::of(state).blocks.add(Block::Items(items)))
    });
    engine.add_filter("proton_cfn_sanitize", |value: &Value| -> Result<Value, Error> {
        if value.is_undefined() {
            return Err(Error::from(ErrorKind::UndefinedError));
        }
        let text = python::text(value);
        if is_plain(&text) || is_arn(&text) {
            return Ok(Value::from(text));
        }
        let message = format!("illegal characters in `{text}`: it must match `^[a-zA-Z0-9_-]*$` or be an ARN");
        Err(Error::new(ErrorKind::InvalidOperation, message))
    });
}

/// The entries of a mapping as names and values; with `raw=False`, values of plain characters alone.
fn variables(value: &Value, raw: Option<bool>, named: &Kwargs) -> Result<Vec<(String, String)>, Error> {
    let raw = raw.or(named.get("raw")?).unwrap_or(true);
    named.assert_all_used()?;
    let entries = entries(value)?;
    match entries.iter().find(|(_, value)| !raw && !is_plain(value)) {
        Some((name, value)) => {
            let message =
                format!("illegal characters in the value of `{name}`, `{value}`: it must match `^[a-zA-Z0-9_-]*$`");
            Err(Error::new(ErrorKind::InvalidOperation, message))
        }
        None => Ok(entries),
    }
}

/// The entries of a mapping, or of a list, whose values have no names.
fn entries(value: &Value) -> Result<Vec<(String, String)>, Error> {
    if value.is_undefined() {
        return Err(Error::from(ErrorKind::UndefinedError));
    }
    let is_mapping = value.as_object().is_some_and(|object| object.repr() == minijinja::value::ObjectRepr::Map);
    let mut entries = Vec::new();
    for item in value.try_iter()? {
        if is_mapping {
            entries.push((python::text(&item), python::text(&value.get_item(&item)?)));
        } else {
            entries.push((String::new(), python::text(&item)));
        }
    }
    Ok(entries)
}

/// `^[a-zA-Z0-9_-]*$`
fn is_plain(text: &str) -> bool {
    text.chars().all(|character| character.is_ascii_alphanumeric() || "_-".contains(character))
}

/// `arn:partition:service:region:account:resource`, of characters that cannot end a value in YAML or JSON.
fn is_arn(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let is_safe = |character: char| character.is_ascii_alphanumeric() || "_-:/.*+=,@".contains(character);
    parts.len() == 6
        && parts[0] == "arn"
        && !parts[1].is_empty()
        && !parts[2].is_empty()
        && !parts[5].is_empty()
        && text.chars().all(is_safe)
}

/// `^arn:[a-zA-Z-]+:iam::\d{12}:policy/`
fn is_policy_arn(text: &str) -> bool {
    let mut parts = text.splitn(6, ':');
    let mut next = || parts.next().unwrap_or_default();
    let (arn, partition, service, region, account, resource) = (next(), next(), next(), next(), next(), next());
    arn == "arn"
        && !partition.is_empty()
        && partition.chars().all(|character| character.is_ascii_alphabetic() || character == '-')
        && (service, region) == ("iam", "")
        && account.len() == 12
        && account.bytes().all(|digit| digit.is_ascii_digit())
        && resource.starts_with("policy/")
}
