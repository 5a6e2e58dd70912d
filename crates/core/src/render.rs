//! Jinja templates, as Proton rendered them: strict about what is missing, Python's string and mapping methods,
//! and a budget that no template can exceed.
//!
//! A template sees only what it is given. It can include nothing, read nothing and call nothing outside.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use minijinja::value::{Object, Value};
use minijinja::{Environment, UndefinedBehavior, context};
use serde::Deserialize;
use serde_json::Map;

use crate::diagnostic::{Diagnostic, Span};
use crate::names::RepoPath;

/// How many of minijinja's instructions one render may take. The largest real bundle seen takes under 20,000.
const FUEL: u64 = 5_000_000;

/// The longest result, in bytes: beyond it CloudFormation takes no template.
const MAX_OUTPUT_BYTES: usize = crate::stack::MAX_TEMPLATE_BYTES;

/// What an environment's stack gives to the instances in it.
#[derive(Clone, Debug)]
pub enum Outputs {
    /// Only CloudFormation knows them yet: a trial render puts a stand-in for each.
    Pending,
    /// Its outputs, by name.
    Known(BTreeMap<String, String>),
}

/// What the namespaces of a render hold, beside the inputs.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The environment's name.
    pub environment: String,
    /// Its outputs.
    pub outputs: Outputs,
    /// The account that the stack is in.
    pub account_id: String,
    /// The service's name: an instance's own name where it has no service.
    pub service: String,
    /// The connected repository.
    pub repository: String,
    /// The branch that is synced.
    pub branch: String,
    /// The instance's name.
    pub instance: String,
}

/// A rendered template.
#[derive(Clone, Debug)]
pub struct Rendered {
    /// The text.
    pub text: String,
    /// Whether it read an output of the environment.
    pub reads_outputs: bool,
}

/// Renders an environment's template.
pub fn environment(
    path: &RepoPath,
    template: &str,
    name: &str,
    inputs: &Map<String, serde_json::Value>,
) -> Result<Rendered, Diagnostic> {
    let scope = context! { environment => context! { name => name, inputs => to_value(path, inputs)? } };
    render(path, template, scope).map(|text| Rendered { text, reads_outputs: false })
}

/// Renders a service instance's template.
///
/// Errors: the first place where the template fails. With pending outputs, a failure after one was read is none: the
/// stand-in may be to blame; the text is then empty.
pub fn instance(
    path: &RepoPath,
    template: &str,
    around: &Surroundings,
    inputs: &Map<String, serde_json::Value>,
) -> Result<Rendered, Diagnostic> {
    let outputs = Arc::new(TrackedOutputs { outputs: around.outputs.clone(), read: AtomicBool::new(false) });
    let no_outputs: BTreeMap<String, String> = BTreeMap::new();
    let scope = context! {
        environment => context! {
            name => &around.environment,
            account_id => &around.account_id,
            outputs => Value::from_dyn_object(outputs.clone()),
        },
        service => context! {
            name => &around.service,
            repository_id => &around.repository,
            repository_connection_arn => "",
            branch_name => &around.branch,
        },
        service_instance => context! {
            name => &around.instance,
            inputs => to_value(path, inputs)?,
            components => context! { default => context! { name => "", outputs => no_outputs } },
        },
    };
    let result = render(path, template, scope);
    let reads_outputs = outputs.read.load(Ordering::Relaxed);
    match result {
        Ok(text) => Ok(Rendered { text, reads_outputs }),
        Err(_) if reads_outputs && matches!(around.outputs, Outputs::Pending) => {
            Ok(Rendered { text: String::new(), reads_outputs })
        }
        Err(error) => Err(error),
    }
}

/// Inputs as a template sees them, in their order.
fn to_value(path: &RepoPath, inputs: &Map<String, serde_json::Value>) -> Result<Value, Diagnostic> {
    Value::deserialize(inputs)
        .map_err(|error| Diagnostic::error(path, format!("the inputs cannot be rendered: {error}")))
}

fn render(path: &RepoPath, template: &str, scope: Value) -> Result<String, Diagnostic> {
    let mut engine = Environment::new();
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    engine.set_fuel(Some(FUEL));
    engine.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    let failed = |error: &minijinja::Error| {
        let reason =
            error.detail().map_or_else(|| error.kind().to_string(), |detail| format!("{}: {detail}", error.kind()));
        let diagnostic = Diagnostic::error(path, format!("the template does not render: {reason}"))
            .help("check the names against the schema and the inputs of the spec, or apply the filter `default`");
        match error.line().and_then(|line| line_span(template, line)) {
            Some(span) => diagnostic.at(span),
            None => diagnostic,
        }
    };
    let compiled = engine.template_from_str(template).map_err(|error| failed(&error))?;
    let text = compiled.render(scope).map_err(|error| failed(&error))?;
    if text.len() > MAX_OUTPUT_BYTES {
        return Err(Diagnostic::error(path, format!("renders to more than {MAX_OUTPUT_BYTES} bytes"))
            .help("split it into several stacks"));
    }
    Ok(text)
}

/// The place of a whole line, from 1.
fn line_span(text: &str, line: usize) -> Option<Span> {
    let start: usize = text.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).sum();
    let content = text.get(start..)?.lines().next()?;
    let indent = content.len() - content.trim_start().len();
    Some(Span { start: start + indent, end: start + content.trim_end().len(), line, column: indent + 1 })
}

/// The outputs of an environment, which note that they were read.
#[derive(Debug)]
struct TrackedOutputs {
    outputs: Outputs,
    read: AtomicBool,
}

impl Object for TrackedOutputs {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.read.store(true, Ordering::Relaxed);
        match &self.outputs {
            Outputs::Pending => Some(Value::from("pending")),
            Outputs::Known(outputs) => outputs.get(key.as_str()?).map(Value::from),
        }
    }
}
