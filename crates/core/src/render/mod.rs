//! What each kind of template is given, and what comes of it: Proton's namespaces over the engine.

mod engine;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use minijinja::context;
use minijinja::value::{Object, Value};
use serde::Deserialize;
use serde_json::Map;

use crate::diagnostic::Diagnostic;
use crate::names::RepoPath;

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
    let values = to_value(path, inputs)?;
    // Older bundles show inputs without `inputs`; what stands first is what a name means.
    let own = context! { name => name, inputs => &values };
    let scope = context! { environment => context! { ..own, ..values } };
    engine::render(path, template, scope).map(|text| Rendered { text, reads_outputs: false })
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
    let values = to_value(path, inputs)?;
    let surroundings = TrackedEnvironment {
        name: around.environment.clone(),
        account_id: around.account_id.clone(),
        outputs: outputs.clone(),
    };
    let own = context! {
        name => &around.instance,
        inputs => &values,
        components => context! { default => context! { name => "", outputs => no_outputs } },
    };
    let scope = context! {
        environment => Value::from_object(surroundings),
        // Older bundles show these three without their namespaces: the service's name, inputs, outputs.
        service_name => &around.service,
        service => context! {
            name => &around.service,
            repository_id => &around.repository,
            repository_connection_arn => "",
            branch_name => &around.branch,
        },
        service_instance => context! { ..own, ..values },
    };
    let result = engine::render(path, template, scope);
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
    Value::deserialize(inputs).map_err(|error| {
        Diagnostic::error(path, format!("the inputs cannot be rendered: {error}"))
            .help("simplify the inputs of the spec")
    })
}

/// An environment as an instance's template sees it.
#[derive(Debug)]
struct TrackedEnvironment {
    name: String,
    account_id: String,
    outputs: Arc<TrackedOutputs>,
}

impl Object for TrackedEnvironment {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str()? {
            "name" => Some(Value::from(&self.name)),
            "account_id" => Some(Value::from(&self.account_id)),
            "outputs" => Some(Value::from_dyn_object(self.outputs.clone())),
            // An instance never sees these.
            "inputs" => None,
            // Older bundles show outputs without `outputs`.
            _ => self.outputs.get_value(key),
        }
    }
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
