//! What each kind of template is given, and what comes of it: Proton's namespaces over the engine.

mod engine;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use minijinja::context;
use minijinja::value::{Enumerator, Object, Value};
use serde::Deserialize;

use crate::diagnostic::Diagnostic;
use crate::names::{RepoPath, TargetName};
use crate::recipe::Inputs;

/// The outputs of the stacks that templates show.
#[derive(Clone, Debug)]
pub enum Outputs {
    /// Only CloudFormation knows them yet: a trial render puts a stand-in for each.
    Pending,
    /// By the name of the environment or instance that they are of; a stack that is not among them has none.
    Known(BTreeMap<String, BTreeMap<String, String>>),
}

/// What the namespaces of every service's templates hold.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'s> {
    /// The account of an environment that is not in one of its own.
    pub account_id: &'s str,
    /// The accounts of environments that are in one of their own.
    pub accounts: &'s BTreeMap<String, String>,
    /// The service's name: an instance's own name where it has no service.
    pub service: &'s str,
    /// The connected repository.
    pub repository: &'s str,
    /// The branch that is synced.
    pub branch: &'s str,
}

/// An instance as its service's pipeline sees it.
#[derive(Clone, Debug)]
pub struct ShownInstance {
    /// Its name.
    pub name: String,
    /// Its target, under which its outputs are known.
    pub target: TargetName,
    /// The environment that it lives in.
    pub environment: String,
    /// Its inputs.
    pub inputs: Inputs,
}

/// A rendered template.
#[derive(Clone, Debug, Default)]
pub struct Rendered {
    /// The text; empty where a trial came to no end.
    pub text: String,
    /// Whose outputs it showed: the names of environments and instances.
    pub shows: BTreeSet<String>,
    /// Whether stand-ins were shown, so that this is not what CloudFormation will be given.
    pub is_trial: bool,
}

impl Rendered {
    /// A trial that came to no end.
    pub(crate) fn trial() -> Self {
        Self { is_trial: true, ..Self::default() }
    }
}

/// A template that does not render.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The first place where it fails.
    pub error: Box<Diagnostic>,
    /// Whether it would fail there whatever stood in the place of a stand-in.
    pub is_certain: bool,
}

impl Failure {
    /// A trial that came to no end, where there are stand-ins that may be to blame.
    pub(crate) fn unless_of(self, stand_ins: bool) -> Result<Rendered, Vec<Diagnostic>> {
        if stand_ins && !self.is_certain { Ok(Rendered::trial()) } else { Err(vec![*self.error]) }
    }
}

impl From<Diagnostic> for Failure {
    fn from(error: Diagnostic) -> Self {
        Self { error: Box::new(error), is_certain: true }
    }
}

/// A template's file and its text.
type Template<'t> = (&'t RepoPath, &'t str);

/// Renders an environment's template.
///
/// Errors: the first place where the template fails.
pub fn environment(path: &RepoPath, template: &str, name: &str, inputs: &Inputs) -> Result<Rendered, Failure> {
    let values = to_value(path, inputs)?;
    // Older bundles show inputs without `inputs`; what stands first is what a name means.
    let own = context! { name => name, inputs => &values };
    let scope = context! { environment => context! { ..own, ..values } };
    engine::render(path, template, scope).map(|text| Rendered { text, ..Rendered::default() })
}

/// Renders a service instance's template. `own` are the instance's name and its environment's.
///
/// Errors: the first place where the template fails. With pending outputs, one after an output was read is none unless it
/// is certain: the stand-in may be to blame; the text is then empty.
pub fn instance(
    (path, template): (&RepoPath, &str),
    around: &Surroundings<'_>,
    (name, environment): (&str, &str),
    inputs: &Inputs,
    outputs: &Outputs,
) -> Result<Rendered, Failure> {
    let log = OutputLog::new(outputs);
    let values = to_value(path, inputs)?;
    let environment = log.environment(environment, around);
    let own = context! {
        name => name,
        inputs => &values,
        environment => &environment,
        components => Value::from_object(NoComponents),
    };
    let scope = context! {
        environment => environment,
        // Older bundles show these three without their namespaces: the service's name, inputs, outputs.
        service_name => around.service,
        service => service(around),
        service_instance => context! { ..own, ..values },
    };
    log.render((path, template), scope)
}

/// Renders a pipeline's template. Errors as for an instance's.
pub fn pipeline(
    (path, template): (&RepoPath, &str),
    around: &Surroundings<'_>,
    instances: &[ShownInstance],
    inputs: &Inputs,
    outputs: &Outputs,
) -> Result<Rendered, Failure> {
    let log = OutputLog::new(outputs);
    let values = to_value(path, inputs)?;
    let mut shown = Vec::with_capacity(instances.len());
    for instance in instances {
        let values = to_value(path, &instance.inputs)?;
        let own = context! {
            name => &instance.name,
            inputs => &values,
            // Before Proton was released, inputs were shown under this name.
            spec => &values,
            outputs => log.outputs(instance.target.as_str()),
            environment => log.environment(&instance.environment, around),
        };
        shown.push(context! { ..own, ..values });
    }
    let own = context! { inputs => &values };
    let scope = context! {
        service_name => around.service,
        service => service(around),
        service_instances => shown,
        pipeline => context! { ..own, ..values },
    };
    log.render((path, template), scope)
}

fn service(around: &Surroundings<'_>) -> Value {
    context! {
        name => around.service,
        repository_id => around.repository,
        repository_connection_arn => "",
        branch_name => around.branch,
    }
}

/// Inputs as a template sees them, in their order.
fn to_value(path: &RepoPath, inputs: &Inputs) -> Result<Value, Diagnostic> {
    Value::deserialize(inputs).map_err(|error| {
        Diagnostic::error(path, format!("the inputs cannot be rendered: {error}"))
            .help("simplify the inputs of the spec")
    })
}

/// The outputs that a render may show, and whose of them it did.
struct OutputLog<'o> {
    outputs: &'o Outputs,
    read: Arc<Mutex<BTreeSet<String>>>,
    offered: std::cell::RefCell<BTreeSet<String>>,
}

impl<'o> OutputLog<'o> {
    fn new(outputs: &'o Outputs) -> Self {
        Self { outputs, read: Arc::default(), offered: std::cell::RefCell::default() }
    }

    /// The outputs of an environment or an instance.
    fn outputs(&self, of: &str) -> Value {
        self.offered.borrow_mut().insert(of.to_owned());
        Value::from_dyn_object(self.tracked(of))
    }

    /// An environment as a service's templates see it.
    fn environment(&self, name: &str, around: &Surroundings<'_>) -> Value {
        self.offered.borrow_mut().insert(name.to_owned());
        Value::from_object(ShownEnvironment {
            name: name.to_owned(),
            account_id: around.accounts.get(name).map_or(around.account_id, String::as_str).to_owned(),
            outputs: self.tracked(name),
        })
    }

    fn tracked(&self, of: &str) -> Arc<TrackedOutputs> {
        let outputs = match self.outputs {
            Outputs::Pending => None,
            Outputs::Known(all) => Some(all.get(of).cloned().unwrap_or_default()),
        };
        Arc::new(TrackedOutputs { of: of.to_owned(), outputs, read: self.read.clone() })
    }

    fn render(self, (path, template): Template<'_>, scope: Value) -> Result<Rendered, Failure> {
        let result = engine::render(path, template, scope);
        let shows = std::mem::take(&mut *self.read.lock().unwrap_or_else(PoisonError::into_inner));
        let is_trial = !shows.is_empty() && matches!(self.outputs, Outputs::Pending);
        match result {
            Ok(text) => Ok(Rendered { text, shows, is_trial }),
            // What it would have shown behind the failure is not known: all that it could.
            Err(failure) if is_trial && !failure.is_certain => {
                Ok(Rendered { shows: self.offered.take(), ..Rendered::trial() })
            }
            Err(error) => Err(error),
        }
    }
}

/// Whether a value is one of ours, which says what it holds only where a template asks.
fn is_given(value: &Value) -> bool {
    value.downcast_object_ref::<TrackedOutputs>().is_some() || value.downcast_object_ref::<ShownEnvironment>().is_some()
}

/// The components that are attached to an instance: none. Whichever a template asks for is there, without a name and
/// with no outputs, as Proton had it for its `default` one.
#[derive(Debug)]
struct NoComponents;

impl Object for NoComponents {
    fn get_value(self: &Arc<Self>, _: &Value) -> Option<Value> {
        let no_outputs: BTreeMap<String, String> = BTreeMap::new();
        Some(context! { outputs => no_outputs })
    }
}

/// An environment as a service's templates see it.
#[derive(Debug)]
struct ShownEnvironment {
    name: String,
    account_id: String,
    outputs: Arc<TrackedOutputs>,
}

impl Object for ShownEnvironment {
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

/// The outputs of an environment or an instance, which note that they were read. Nothing while they are pending.
#[derive(Debug)]
struct TrackedOutputs {
    of: String,
    outputs: Option<BTreeMap<String, String>>,
    read: Arc<Mutex<BTreeSet<String>>>,
}

impl TrackedOutputs {
    fn note(&self) {
        self.read.lock().unwrap_or_else(PoisonError::into_inner).insert(self.of.clone());
    }
}

impl Object for TrackedOutputs {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.note();
        match &self.outputs {
            None => Some(Value::from("pending")),
            Some(outputs) => outputs.get(key.as_str()?).map(Value::from),
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        self.note();
        match &self.outputs {
            // Which there will be is not known: what goes through them fails, as a trial may.
            None => Enumerator::NonEnumerable,
            Some(outputs) => Enumerator::Values(outputs.keys().map(Value::from).collect()),
        }
    }
}
