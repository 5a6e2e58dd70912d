//! Proton's specs: a service's instances and pipeline, an environment, each with the inputs of its template bundle.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::diagnostic::Span;
use crate::yaml::{Content, Node, Reader};

/// A service spec: several instances, of which an entry of the manifest uses one.
#[derive(Clone, Debug)]
pub struct ServiceSpec {
    /// The instances, in the order of the file.
    pub instances: Vec<InstanceSpec>,
    /// Where the list of instances stands.
    pub instances_span: Span,
    /// Where it says that it is a service spec.
    pub span: Span,
    /// Where its pipeline stands; nothing where it has none.
    pub pipeline_span: Option<Span>,
    /// The pipeline's inputs as written; nothing where it has none.
    pub pipeline: Option<Node>,
}

impl ServiceSpec {
    /// The instance of that name.
    pub fn instance(&self, name: &str) -> Option<&InstanceSpec> {
        self.instances.iter().find(|instance| instance.name == name)
    }
}

/// One instance of a service spec.
#[derive(Clone, Debug)]
pub struct InstanceSpec {
    /// Its name, which the manifest refers to.
    pub name: String,
    /// The environment that it runs in.
    pub environment: Option<String>,
    /// Where that environment is named; where the instance stands, when none is.
    pub environment_span: Span,
    /// Its inputs as written, for places; nothing where it has none.
    pub inputs: Option<Node>,
    /// Where it stands.
    pub span: Span,
}

/// An environment spec.
#[derive(Clone, Debug)]
pub struct EnvironmentSpec {
    /// Its inputs as written; nothing where it has none.
    pub inputs: Option<Node>,
    /// Where it says that it is an environment spec.
    pub span: Span,
}

/// The inputs of an instance or an environment as JSON, in the order of the file.
pub fn values(inputs: Option<&Node>) -> Map<String, Value> {
    match inputs.map(Node::to_json) {
        Some(Value::Object(values)) => values,
        _ => Map::new(),
    }
}

pub(super) fn read_service(root: &Node, reader: &mut Reader<'_>) -> Option<ServiceSpec> {
    let entries = reader.mapping(root, "the service spec")?;
    reader.known_keys(entries, "a service spec", &["proton", "pipeline", "instances"]);
    let Some(list) = root.get("instances") else {
        reader.error(
            root.span,
            "the service spec has no `instances`",
            "list them: `instances: [{name: beta, environment: beta}]`",
        );
        return None;
    };
    let Content::Sequence(items) = &list.content else {
        reader.error(
            list.span,
            format!("`instances` must be a list, not {}", list.kind()),
            "start each instance with `- name: …`",
        );
        return None;
    };
    let instances: Vec<InstanceSpec> = items.iter().filter_map(|item| read_instance(item, reader)).collect();
    let mut names = BTreeMap::new();
    for instance in &instances {
        if let Some(line) = names.insert(&instance.name, instance.span.line) {
            reader.error(
                instance.span,
                format!("two instances are called `{}`", instance.name),
                format!("the other stands in line {line}: rename one of them"),
            );
        }
    }
    let pipeline = entries.iter().find(|(key, _)| key.text() == Some("pipeline"));
    Some(ServiceSpec {
        instances,
        instances_span: list.span,
        span: kind_span(root),
        pipeline_span: pipeline.map(|(key, _)| key.span),
        pipeline: pipeline.and_then(|(_, value)| inputs(value, "`pipeline`", reader)),
    })
}

fn read_instance(node: &Node, reader: &mut Reader<'_>) -> Option<InstanceSpec> {
    let entries = reader.mapping(node, "an instance")?;
    reader.known_keys(entries, "an instance", &["name", "environment", "spec"]);
    let Some(name) = node.get("name") else {
        reader.error(node.span, "an instance has no `name`", "give it the name that the manifest uses");
        return None;
    };
    let name = reader.text(name, "`name`")?.to_owned();
    let (environment, environment_span) = match node.get("environment") {
        Some(environment) => (reader.text(environment, "`environment`").map(str::to_owned), environment.span),
        None => (None, node.span),
    };
    Some(InstanceSpec {
        name,
        environment,
        environment_span,
        inputs: node.get("spec").and_then(|spec| inputs(spec, "`spec`", reader)),
        span: node.span,
    })
}

/// Where a spec says what kind it is.
fn kind_span(root: &Node) -> Span {
    root.get("proton").map_or(root.span, |kind| kind.span)
}

pub(super) fn read_environment(root: &Node, reader: &mut Reader<'_>) -> Option<EnvironmentSpec> {
    let entries = reader.mapping(root, "the environment spec")?;
    reader.known_keys(entries, "an environment spec", &["proton", "spec"]);
    Some(EnvironmentSpec {
        inputs: root.get("spec").and_then(|spec| inputs(spec, "`spec`", reader)),
        span: kind_span(root),
    })
}

/// The inputs under a node; nothing where it is empty.
fn inputs(node: &Node, what: &str, reader: &mut Reader<'_>) -> Option<Node> {
    if node.is_null() {
        return None;
    }
    reader.mapping(node, what)?;
    Some(node.clone())
}
