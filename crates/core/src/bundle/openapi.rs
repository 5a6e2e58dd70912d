//! OpenAPI 3.0's schema objects as JSON Schema, as far as Proton's bundles use them.
//!
//! The two differ in `nullable`, and in what they make of words that are for people: those are left out, so that an odd
//! one makes no schema invalid. <https://spec.openapis.org/oas/v3.0.3#schema-object>

use serde_json::{Map, Value, json};

/// The words that say nothing of a value, `discriminator` and its like among them.
const FOR_PEOPLE: [&str; 8] =
    ["title", "description", "example", "examples", "externalDocs", "deprecated", "xml", "discriminator"];

/// A schema object as JSON Schema of draft 4. Its defaults stay where they are.
pub(super) fn to_json_schema(schema: &Value) -> Value {
    let Value::Object(entries) = schema else { return schema.clone() };
    let mut result = Map::new();
    for (key, value) in entries {
        if FOR_PEOPLE.contains(&key.as_str()) || key.starts_with("x-") {
            continue;
        }
        let translated = match (key.as_str(), value) {
            ("properties", Value::Object(properties)) => {
                Value::Object(properties.iter().map(|(name, schema)| (name.clone(), to_json_schema(schema))).collect())
            }
            ("items" | "not" | "additionalProperties", schema) => to_json_schema(schema),
            ("allOf" | "anyOf" | "oneOf", Value::Array(schemas)) => schemas.iter().map(to_json_schema).collect(),
            // On a property, as an older JSON Schema had it. OpenAPI knows the list alone, and an empty one says nothing.
            ("required", Value::Bool(_)) => continue,
            ("required", Value::Array(names)) if names.is_empty() => continue,
            ("required" | "properties" | "nullable", Value::Null) => continue,
            // Of a dialect that is not known here: it is not checked, and CloudFormation has the last word.
            ("pattern", Value::String(pattern)) if !is_known(pattern) => continue,
            (_, other) => other.clone(),
        };
        result.insert(key.clone(), translated);
    }
    if result.remove("nullable") == Some(Value::Bool(true)) {
        if let Some(Value::String(kind)) = result.get("type") {
            let kinds = json!([kind, "null"]);
            result.insert("type".to_owned(), kinds);
        }
        if let Some(Value::Array(values)) = result.get_mut("enum") {
            values.push(Value::Null);
        }
    }
    Value::Object(result)
}

/// Whether a pattern can be checked.
fn is_known(pattern: &str) -> bool {
    jsonschema::draft4::new(&json!({ "pattern": pattern })).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_says_nothing_of_a_value_is_left_out_and_nullable_becomes_a_type() {
        let schema = json!({
            "type": "object", "title": 1, "required": [],
            "properties": {
                "description": {"type": "string", "description": null, "required": true, "nullable": true, "default": "x"},
                "ports": {"type": "array", "items": {"type": "number", "example": 80}}
            }
        });
        assert_eq!(
            to_json_schema(&schema),
            json!({
                "type": "object",
                "properties": {
                    "description": {"type": ["string", "null"], "default": "x"},
                    "ports": {"type": "array", "items": {"type": "number"}}
                }
            })
        );
    }
}
