//! A bundle's schema: which inputs there are, what they may be, what they are when nobody says.
//!
//! Proton's schemas are OpenAPI 3.0 documents; their property keywords are those of JSON Schema's draft 4.
//! Defaults of properties inside a property of type object are not filled in.

use std::collections::BTreeSet;
use std::sync::Arc;

use jsonschema::error::ValidationErrorKind;
use jsonschema::{ValidationError, Validator};
use serde_json::{Map, Value, json};

use super::{Infrastructure, openapi};
use crate::diagnostic::{Diagnostic, Span, nearest};
use crate::files::Files;
use crate::names::RepoPath;
use crate::yaml::{self, Content, Node, list, place};

/// The input type of one of a bundle's infrastructures.
#[derive(Clone, Debug)]
pub struct Schema {
    /// The file that it was read from.
    path: RepoPath,
    /// The key of a spec that gives the inputs.
    key: &'static str,
    /// The type; nothing where the bundle takes no inputs.
    input_type: Option<InputType>,
}

/// How many values that an input may have are named where it has another.
const MAX_LISTED: usize = 20;

/// A type as JSON Schema, and what checks values against it.
#[derive(Clone, Debug)]
struct InputType {
    schema: Value,
    validator: Arc<Validator>,
}

/// That a value is none of the few that it may be.
fn listed(error: &ValidationError<'_>, options: Option<&Vec<Value>>) -> Option<String> {
    let options = options.filter(|options| options.len() <= MAX_LISTED)?;
    let options: Vec<String> = options.iter().map(ToString::to_string).collect();
    Some(format!("{} is not one of {}", error.instance(), options.join(", ")))
}

/// What a template can do with a value that is not known yet; nothing where any text will do.
fn stand_in(property: &Value) -> Option<Value> {
    let first = property.get("enum").and_then(|values| values.get(0));
    let of_type = match property.get("type").and_then(Value::as_str) {
        Some("number" | "integer") => property.get("minimum").cloned().unwrap_or(json!(1)),
        Some("boolean") => json!(false),
        Some("array") => json!([]),
        Some("object") => json!({}),
        _ => return first.cloned(),
    };
    property.get("default").or(first).cloned().or(Some(of_type))
}

/// A key that is most likely this one: other keys that mean nothing are met in real schemas.
fn misspelt<'s>(schema: &'s Node, key: &str) -> Option<&'s Node> {
    const KEYS: [&str; 5] = ["format", "types", "environment_input_type", "service_input_type", "pipeline_input_type"];
    let Content::Mapping(entries) = &schema.content else { return None };
    let mut keys = entries.iter().map(|(key, _)| key);
    keys.find(|other| other.text().is_some_and(|text| !KEYS.contains(&text) && nearest(text, [key]).is_some()))
}

impl Schema {
    /// A schema that takes whatever it is given.
    pub(super) fn without_inputs(path: &RepoPath) -> Self {
        Self { path: path.clone(), key: "spec", input_type: None }
    }

    /// Reads `schema.yaml`, which was read as a file, and finds the input type of one
    /// infrastructure.
    pub(super) fn read(
        path: &RepoPath,
        files: &mut Files,
        infrastructure: Infrastructure,
    ) -> Result<Self, Vec<Diagnostic>> {
        let Some(tree) = files.tree(path) else { return Err(vec![Diagnostic::unreadable(path, "not read")]) };
        let root = (*tree).as_ref().map_err(|error| vec![error.clone()])?;
        let repeated = yaml::repeated_keys(path, root);
        if !repeated.is_empty() {
            return Err(repeated);
        }
        Self::of(path, root, infrastructure).map_err(|error| vec![error])
    }

    fn of(path: &RepoPath, root: &Node, infrastructure: Infrastructure) -> Result<Self, Diagnostic> {
        let schema = root.get("schema").ok_or_else(|| {
            Diagnostic::error(path, "the bundle's schema has no `schema`")
                .at(root.span)
                .help("start it with `schema: {format: {openapi: \"3.0.0\"}, …}`")
        })?;
        let key = infrastructure.input_type();
        let Some(named) = schema.get(key).filter(|named| !named.is_null()) else {
            return match misspelt(schema, key) {
                Some(other) => Err(Diagnostic::error(
                    path,
                    format!("unknown key `{}` in a bundle's schema", other.text().unwrap_or_default()),
                )
                .at(other.span)
                .help(format!("did you mean `{key}`?"))),
                None => Ok(Self::without_inputs(path)),
            };
        };
        let name = named.text().unwrap_or_default();
        let types = schema.get("types");
        let Some(found) = types.and_then(|types| types.get(name)) else {
            let known: Vec<&str> = match types.map(|types| &types.content) {
                Some(Content::Mapping(entries)) => entries.iter().filter_map(|(key, _)| key.text()).collect(),
                _ => Vec::new(),
            };
            let help = match nearest(name, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None if known.is_empty() => format!("add it: `types: {{{name}: {{type: object, properties: …}}}}`"),
                None => format!("known here: {}", list(&known)),
            };
            return Err(Diagnostic::error(path, format!("`{key}` names `{name}`, which is not under `types`"))
                .at(named.span)
                .help(help));
        };
        let mut input_type = openapi::to_json_schema(&found.to_json());
        if let Some(object) = input_type.as_object_mut() {
            object.entry("additionalProperties").or_insert(json!(false));
        }
        let validator = jsonschema::draft4::new(&input_type).map_err(|error| {
            let pointer = error.instance_path().to_string();
            let parts: Vec<&str> = pointer.split('/').skip(1).collect();
            let help = match parts.last() {
                Some(&"type") => "a type is `string`, `number`, `integer`, `boolean`, `array` or `object`",
                _ => "use the keywords of OpenAPI 3.0's schema objects",
            };
            Diagnostic::error(path, format!("type `{name}` is not a schema: {error}"))
                .at(place(found, &parts, false).unwrap_or(found.span))
                .help(help)
        })?;
        let input_type = InputType { schema: input_type, validator: Arc::new(validator) };
        let key = if infrastructure == Infrastructure::Pipeline { "pipeline" } else { "spec" };
        Ok(Self { path: path.clone(), key, input_type: Some(input_type) })
    }

    /// The values of a spec and the schema's defaults, in schema order; a property with neither is left out.
    /// Defaults are taken as they are: real bundles have some that are not of their property's type.
    ///
    /// `given` are the values, `node` is where they are written, and `unknown` the JSON pointers of those that a
    /// stand-in takes the place of, whose fit is not checked.
    ///
    /// Errors: each input that is missing, surplus or wrong, at its place in the spec `path`, or at `owner` where
    /// there is no such place.
    pub fn inputs(
        &self,
        given: &Map<String, Value>,
        unknown: &BTreeSet<String>,
        node: Option<&Node>,
        path: &RepoPath,
        owner: Span,
    ) -> Result<Map<String, Value>, Vec<Diagnostic>> {
        let Some(InputType { schema, validator }) = &self.input_type else { return Ok(given.clone()) };
        let no_properties = Map::new();
        let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&no_properties);
        let mut inputs = Map::new();
        for (name, property) in properties {
            let is_unknown = unknown.contains(&format!("/{}", name.replace('~', "~0").replace('/', "~1")));
            let stand_in = if is_unknown { stand_in(property) } else { None };
            let value = stand_in.as_ref().or_else(|| given.get(name)).or_else(|| property.get("default"));
            inputs.extend(value.map(|value| (name.clone(), value.clone())));
        }
        let mut errors = Vec::new();
        for (name, value) in given {
            if properties.contains_key(name) {
                continue;
            }
            if schema.get("additionalProperties") == Some(&Value::Bool(false)) {
                let place = node.and_then(|node| place(node, &[name], true)).unwrap_or(owner);
                let help = match nearest(name, properties.keys().map(String::as_str)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None if properties.is_empty() => "remove it: the bundle's schema has no inputs".to_owned(),
                    None => format!("the bundle's schema has {}", list(&properties.keys().collect::<Vec<_>>())),
                };
                errors.push(
                    Diagnostic::error(path, format!("the template bundle has no input `{name}`")).at(place).help(help),
                );
            } else {
                inputs.insert(name.clone(), value.clone());
            }
        }
        let document = Value::Object(inputs);
        for error in validator.iter_errors(&document) {
            let pointer = error.instance_path().to_string();
            let parts: Vec<&str> = pointer.split('/').skip(1).collect();
            let is_checked = parts.first().is_none_or(|name| given.contains_key(*name)) && !unknown.contains(&pointer);
            if is_checked {
                errors.push(self.misfit(&error, &parts, node, path, owner));
            }
        }
        match document {
            Value::Object(inputs) if errors.is_empty() => Ok(inputs),
            _ => Err(errors),
        }
    }

    /// Inputs in the order of the schema, for such as have lost it: those that it has, then the rest by name.
    pub(crate) fn in_order(&self, inputs: &Map<String, Value>) -> Map<String, Value> {
        let properties = self.input_type.as_ref().and_then(|input_type| input_type.schema.get("properties"));
        let known = properties.and_then(Value::as_object).into_iter().flat_map(|properties| properties.keys());
        let rest: BTreeSet<&String> = inputs.keys().collect();
        let mut ordered = Map::new();
        for name in known.chain(rest) {
            if let Some(value) = inputs.get(name) {
                ordered.entry(name.clone()).or_insert_with(|| value.clone());
            }
        }
        ordered
    }

    /// The error for one input that does not fit. `parts` is the way to it from the inputs.
    fn misfit(
        &self,
        error: &ValidationError<'_>,
        parts: &[&str],
        given: Option<&Node>,
        path: &RepoPath,
        owner: Span,
    ) -> Diagnostic {
        let schema = &self.path;
        let at = |of: &[&str]| given.and_then(|node| place(node, of, false)).unwrap_or(owner);
        match (error.kind(), parts) {
            (ValidationErrorKind::Required { property }, parts) => {
                let missing: Vec<&str> = parts.iter().copied().chain(property.as_str()).collect();
                // The inputs as a whole have no line of their own: their owner's says whose they are.
                let span = if parts.is_empty() { owner } else { at(parts) };
                Diagnostic::error(path, format!("input `{}` is missing", missing.join(".")))
                    .at(span)
                    .help(format!("give it under `{}`: `{schema}` requires it", self.key))
            }
            (_, []) => Diagnostic::error(path, format!("the inputs do not fit the schema: {error}"))
                .at(owner)
                .help(format!("see `{schema}` for what they may be")),
            (kind, parts) => {
                let is_bare_number = matches!(kind, ValidationErrorKind::Type { .. })
                    && matches!(error.instance().as_ref(), Value::Number(_) | Value::Bool(_))
                    && error.to_string().ends_with("is not of type \"string\"");
                let help = if is_bare_number {
                    "put the value in quotes: YAML takes it for a number or a boolean without".to_owned()
                } else {
                    format!("see `{schema}` for what it may be")
                };
                let misfit = match kind {
                    ValidationErrorKind::Enum { options } => listed(error, options.as_array()),
                    _ => None,
                };
                let misfit = misfit.unwrap_or_else(|| error.to_string());
                Diagnostic::error(path, format!("input `{}` does not fit the schema: {misfit}", parts.join(".")))
                    .at(at(parts))
                    .help(help)
            }
        }
    }
}
