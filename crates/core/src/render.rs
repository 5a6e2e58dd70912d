//! Jinja templates, as Proton rendered them: strict about what is missing, Python's string and mapping methods,
//! and a budget that no template can exceed.
//!
//! A template sees only what it is given. It can include nothing, read nothing and call nothing outside.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use minijinja::value::{Kwargs, Object, Rest, Value, from_args};
use minijinja::{Environment, ErrorKind, UndefinedBehavior, context};
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
    let values = to_value(path, inputs)?;
    // Older bundles show inputs without `inputs`; what stands first is what a name means.
    let own = context! { name => name, inputs => &values };
    let scope = context! { environment => context! { ..own, ..values } };
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
    Value::deserialize(inputs).map_err(|error| {
        Diagnostic::error(path, format!("the inputs cannot be rendered: {error}"))
            .help("simplify the inputs of the spec")
    })
}

fn render(path: &RepoPath, template: &str, scope: Value) -> Result<String, Diagnostic> {
    let mut engine = Environment::new();
    engine.set_debug(false);
    engine.set_undefined_behavior(UndefinedBehavior::Strict);
    engine.set_fuel(Some(FUEL));
    engine.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    engine.add_filter("truncate", truncate);
    let compiled = engine.template_from_str(template).map_err(|error| failure(path, template, &error))?;
    let text = compiled.render(scope).map_err(|error| failure(path, template, &error))?;
    if text.len() > MAX_OUTPUT_BYTES {
        return Err(Diagnostic::error(path, format!("renders to more than {MAX_OUTPUT_BYTES} bytes"))
            .help("split it into several stacks"));
    }
    Ok(text)
}

/// What a failed render says to a person, at its place in the template.
fn failure(path: &RepoPath, template: &str, error: &minijinja::Error) -> Diagnostic {
    let place = error.range().and_then(|range| range_span(template, whole_path(template, range)));
    let span = place.or_else(|| line_span(template, error.line()?));
    let shown = place.and_then(|span| template.get(span.start..span.end)).filter(|text| !text.contains('\n'));
    let reason = match (error.kind(), error.detail(), shown) {
        (ErrorKind::UndefinedError, None, Some(expression)) => format!("`{expression}` is undefined"),
        (ErrorKind::OutOfFuel, ..) => format!("it takes more than {FUEL} steps"),
        (kind, Some(detail), _) if is_unknown(kind) => detail.to_owned(),
        (kind, Some(detail), _) => format!("{kind}: {detail}"),
        (kind, None, _) => kind.to_string(),
    };
    let is_reference =
        span.and_then(|span| template.lines().nth(span.line - 1)).is_some_and(|line| line.contains("{{resolve:"));
    let help = match error.kind() {
        ErrorKind::UndefinedError => {
            "check the name against the bundle's schema and the inputs of the spec, or apply the filter `default`"
        }
        ErrorKind::OutOfFuel => "let its loops run less often",
        ErrorKind::SyntaxError if is_reference => {
            "put `{{resolve:…}}` between `{% raw %}` and `{% endraw %}`: it is CloudFormation's, not Jinja's"
        }
        ErrorKind::SyntaxError => "check the Jinja tags on this line and those that they belong to",
        kind if is_unknown(kind) => {
            "check its spelling: Jinja's own are there, and the methods of Python's strings, lists and mappings"
        }
        _ => "check the values that are used here",
    };
    let diagnostic = Diagnostic::error(path, format!("the template does not render: {reason}")).help(help);
    match span {
        Some(span) => diagnostic.at(span),
        None => diagnostic,
    }
}

/// Whether the name of something that a template calls is not known; the detail says of what.
fn is_unknown(kind: ErrorKind) -> bool {
    use ErrorKind::{UnknownFilter, UnknownFunction, UnknownMethod, UnknownTest};
    matches!(kind, UnknownFilter | UnknownFunction | UnknownMethod | UnknownTest)
}

/// The engine gives the last steps of a path, `.inputs.x`: the whole of it says more.
fn whole_path(template: &str, range: Range<usize>) -> Range<usize> {
    if !template.get(range.clone()).is_some_and(|text| text.starts_with('.')) {
        return range;
    }
    let before = &template[..range.start];
    let is_step = |character: char| character.is_ascii_alphanumeric() || "_.".contains(character);
    before.trim_end_matches(is_step).len()..range.end
}

/// Jinja's filter: at most `length` characters, or up to `leeway` more where nothing need be cut; cut words are
/// dropped unless `killwords`.
fn truncate(text: &str, positional: Rest<Value>, named: Kwargs) -> Result<String, minijinja::Error> {
    let (length, killwords, end, leeway): (Option<usize>, Option<bool>, Option<String>, Option<usize>) =
        from_args(&positional)?;
    let length = length.or(named.get("length")?).unwrap_or(255);
    let killwords = killwords.or(named.get("killwords")?).unwrap_or(false);
    let end = end.or(named.get("end")?).unwrap_or_else(|| "...".to_owned());
    let leeway = leeway.or(named.get("leeway")?).unwrap_or(5);
    named.assert_all_used()?;
    if text.chars().count() <= length.saturating_add(leeway) {
        return Ok(text.to_owned());
    }
    let Some(room) = length.checked_sub(end.chars().count()) else {
        let message = format!("`truncate` to {length} characters has no room for `{end}`");
        return Err(minijinja::Error::new(ErrorKind::InvalidOperation, message));
    };
    let cut: String = text.chars().take(room).collect();
    let kept = if killwords { cut.as_str() } else { cut.rsplit_once(' ').map_or(cut.as_str(), |(words, _)| words) };
    Ok(format!("{kept}{end}"))
}

/// The place of a range of bytes.
fn range_span(text: &str, range: Range<usize>) -> Option<Span> {
    let before = text.get(..range.start)?;
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    text.get(range.clone())?;
    Some(Span {
        start: range.start,
        end: range.end,
        line: before.matches('\n').count() + 1,
        column: before[line_start..].chars().count() + 1,
    })
}

/// The place of a whole line, from 1.
fn line_span(text: &str, line: usize) -> Option<Span> {
    let start: usize = text.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).sum();
    let content = text.get(start..)?.lines().next()?;
    let indent = content.len() - content.trim_start().len();
    range_span(text, start + indent..start + content.trim_end().len())
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
