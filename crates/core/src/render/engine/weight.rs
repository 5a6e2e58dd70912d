//! What the values of a render weigh, and the limits on that: on each value, and on all that one render makes.

use minijinja::value::{ObjectRepr, Tuple, Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, State};

use super::{MAX_OUTPUT_BYTES, Render};

/// The filter that measures a value and lets it through. No template can name it.
pub(super) const MEASURE: &str = "%measure";

/// The filter that counts what is gone through, and lets it through.
pub(super) const LOOK: &str = "%look";

/// The filter that lets a value into a namespace.
pub(super) const KEEP: &str = "%keep";

/// The filter in the place of the operator `*`.
pub(super) const TIMES: &str = "%times";

/// What one value may weigh: its texts and those of all that is in it, in bytes, and [`ITEM`] for each thing in it.
const MAX_VALUE: usize = 2 * MAX_OUTPUT_BYTES;

/// What all values that one render makes may weigh together.
const MAX_MADE: usize = 64 * MAX_OUTPUT_BYTES;

/// How much one render may go through, in bytes of text and in items.
const MAX_READ: usize = 64 * MAX_OUTPUT_BYTES;

/// What a value weighs beside its text.
const ITEM: usize = 16;

/// How deep a value may be nested: what walks through it nests the engine's own calls as deep.
const MAX_DEPTH: usize = 100;

/// Adds the filters.
pub(super) fn add(engine: &mut Environment<'static>) {
    engine.add_filter(MEASURE, measure);
    engine.add_filter(LOOK, look);
    engine.add_filter(KEEP, |value: &Value| -> Result<Value, Error> {
        if is_namespace(value) { Err(within_another()) } else { Ok(value.clone()) }
    });
    engine.add_filter(TIMES, times);
}

/// Measures a value that was made. One that is made item by item as it is read is read here, once.
fn measure(state: &mut State, value: &Value) -> Result<Value, Error> {
    let value = match value.as_object().map(|object| object.repr()) {
        Some(ObjectRepr::Iterable) => {
            let items: Vec<Value> = value.try_iter()?.take(MAX_VALUE / ITEM + 1).collect();
            Value::from(items)
        }
        _ => value.clone(),
    };
    let weight = weigh(&value)?;
    Render::of(state).made(weight)?;
    Ok(value)
}

/// Counts a value's text or its items; what is in them counts where it was made, and what is made of it once more.
fn look(state: &mut State, value: &Value) -> Result<Value, Error> {
    if let Some(size) = value.as_bytes().map(<[u8]>::len).or_else(|| value.as_object()?.enumerator_len()) {
        let render = Render::of(state);
        render.read = render.read.saturating_add(size);
        if render.read > MAX_READ {
            return Err(Error::new(ErrorKind::OutOfFuel, "it goes through what is large too often"));
        }
    }
    Ok(value.clone())
}

/// `left * right`: numbers, or a text or list so many times.
fn times(state: &mut State, left: &Value, right: &Value) -> Result<Value, Error> {
    let (repeated, count) = if is_repeatable(left) { (left, right) } else { (right, left) };
    if !is_repeatable(repeated) {
        return product(left, right);
    }
    let count = match count.as_i64() {
        // As in Python, less than once is not at all.
        Some(count) => usize::try_from(count).unwrap_or(0),
        None if count.is_integer() => usize::MAX,
        None => return Err(impossible(left, right)),
    };
    let weight = match repeated.as_str() {
        Some(text) => text.len(),
        None => weigh(repeated)?,
    };
    let weight = weight.saturating_mul(count);
    limit(weight)?;
    Render::of(state).made(weight)?;
    if let Some(text) = repeated.as_str() {
        return Ok(Value::from(text.repeat(count)));
    }
    let items: Vec<Value> = repeated.try_iter()?.collect();
    let items: Vec<Value> = std::iter::repeat_n(items, count).flatten().collect();
    Ok(if repeated.is_tuple() { Value::from(Tuple::from(items)) } else { Value::from(items) })
}

fn is_repeatable(value: &Value) -> bool {
    matches!(value.kind(), ValueKind::String | ValueKind::Seq | ValueKind::Iterable)
}

fn product(left: &Value, right: &Value) -> Result<Value, Error> {
    let is_float = |value: &Value| value.kind() == ValueKind::Number && !value.is_integer();
    if is_float(left) || is_float(right) {
        return match (f64::try_from(left.clone()), f64::try_from(right.clone())) {
            (Ok(left), Ok(right)) => Ok(Value::from(left * right)),
            _ => Err(impossible(left, right)),
        };
    }
    match (i128::try_from(left.clone()), i128::try_from(right.clone())) {
        (Ok(left), Ok(right)) => left
            .checked_mul(right)
            .map(Value::from)
            .ok_or_else(|| Error::new(ErrorKind::InvalidOperation, format!("{left} * {right} is too large a number"))),
        _ => Err(impossible(left, right)),
    }
}

fn impossible(left: &Value, right: &Value) -> Error {
    if left.is_undefined() || right.is_undefined() {
        return Error::from(ErrorKind::UndefinedError);
    }
    let message = format!("tried to use * operator on unsupported types {} and {}", left.kind(), right.kind());
    Error::new(ErrorKind::InvalidOperation, message)
}

/// What a value weighs with all that is in it.
///
/// Errors: it weighs too much, is nested too deep, or holds a namespace, which could come to hold it.
pub(super) fn weigh(value: &Value) -> Result<usize, Error> {
    let mut weight = 0_usize;
    let mut open = vec![(value.clone(), 0)];
    while let Some((value, depth)) = open.pop() {
        weight = weight.saturating_add(ITEM);
        if let Some(bytes) = value.as_bytes() {
            weight = weight.saturating_add(bytes.len());
        }
        limit(weight)?;
        let Some(object) = value.as_object().filter(|_| !super::super::is_given(&value)) else { continue };
        if depth > 0 && is_namespace(&value) {
            return Err(within_another());
        }
        if depth > MAX_DEPTH {
            return Err(Error::new(ErrorKind::OutOfFuel, format!("a value is nested more than {MAX_DEPTH} deep")));
        }
        let Some(items) = object.try_iter() else { continue };
        let is_map = object.repr() == ObjectRepr::Map;
        for item in items {
            if is_map && let Some(value) = object.get_value(&item) {
                open.push((value, depth + 1));
            }
            open.push((item, depth + 1));
            limit(weight.saturating_add(open.len().saturating_mul(ITEM)))?;
        }
    }
    Ok(weight)
}

/// A namespace is the one value that can change: within another it could come to hold itself.
fn is_namespace(value: &Value) -> bool {
    value.as_object().is_some_and(|object| object.type_name().ends_with("::Namespace"))
}

fn within_another() -> Error {
    Error::new(ErrorKind::InvalidOperation, "a namespace cannot be within another value")
}

fn limit(weight: usize) -> Result<(), Error> {
    if weight <= MAX_VALUE {
        return Ok(());
    }
    Err(Error::new(ErrorKind::OutOfFuel, format!("a value is larger than {MAX_VALUE} bytes")))
}

/// Whether all that a render made is still within its limit.
pub(super) fn limit_made(weight: usize) -> Result<(), Error> {
    if weight <= MAX_MADE {
        return Ok(());
    }
    Err(Error::new(ErrorKind::OutOfFuel, format!("its values are larger than {MAX_MADE} bytes together")))
}
