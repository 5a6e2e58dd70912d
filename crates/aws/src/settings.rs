//! What a function is told by its environment: by `infra/template.yaml`, and by Lambda.

use std::env;

use crate::Error;

/// The value of a variable that must be there.
pub fn required(variable: &'static str) -> Result<String, Error> {
    match env::var(variable) {
        Ok(value) if !value.is_empty() => Ok(value),
        _ => Err(Error::Misconfigured { variable, problem: "is not set".to_owned() }),
    }
}

/// The value of a variable; nothing where it is not set or empty.
pub fn optional(variable: &str) -> Option<String> {
    env::var(variable).ok().filter(|value| !value.is_empty())
}

/// The number in a variable that must be there.
pub fn number(variable: &'static str) -> Result<u64, Error> {
    required(variable)?.parse().map_err(|_| Error::Misconfigured { variable, problem: "is not a number".to_owned() })
}

/// The values in a variable, separated by commas.
pub fn list(variable: &str) -> Vec<String> {
    optional(variable)
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|value| !value.is_empty())
        .map(str::to_owned)
        .collect()
}
