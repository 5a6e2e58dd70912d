//! The shape of a manifest as Rust types: what keys there are, and what each is for.
//!
//! The readers take the keys that they know from here, and so does the JSON Schema that editors use ([`json_schema`]); a
//! key that is added here is known to both. Nothing is ever read into these types: the readers keep places.

#![expect(dead_code, reason = "the types are only described")]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings};

/// The ops manifest of a repository that Syncline deploys: which target follows which branch.
///
/// One of `sync` (service first), `service-sync` (branch first) and `proton-sync` (as it was before its release).
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, title = "Syncline manifest")]
pub(super) struct Manifest {
    /// The prefix of stack names. Default: the repository's name.
    app: Option<String>,
    /// Where template bundles lie. Default: `service-templates` and `environment-templates`.
    templates: Option<Templates>,
    /// What is deployed, service first.
    sync: Option<Sync>,
    /// What is deployed, branch first.
    #[schemars(rename = "service-sync")]
    service_sync: Option<BTreeMap<String, Branch>>,
    /// With `service-sync`: the environments, by name: those that this repository deploys, and by their stacks those that
    /// there are.
    environments: Option<Named<Environment>>,
    /// What is deployed, as it was written before the format was released.
    #[schemars(rename = "proton-sync")]
    proton_sync: Option<Prerelease>,
}

/// Where template bundles lie: one folder, or one for each kind.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Templates {
    /// The folder of both kinds.
    Both(String),
    /// A folder for each kind.
    Each(TemplateFolders),
}

/// Where template bundles lie, by what they render.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct TemplateFolders {
    /// The folder of service bundles.
    services: Option<String>,
    /// The folder of environment bundles.
    environments: Option<String>,
}

/// What is deployed from which branch, and published where.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Sync {
    /// The services, by name.
    services: Option<Named<ServiceEntry>>,
    /// The environments, by name: those that this repository deploys, and by their stacks those that there are.
    environments: Option<Named<Environment>>,
    /// The environment addons, by name: which of them goes to which environment.
    addons: Option<Named<AddonEntry>>,
    /// The pull requests that follow once everything on a branch is in step.
    publish: Option<OneOrMany<Publish>>,
    /// Whether a sync deletes what has left the manifest. Default: it is left alone.
    prune: Option<bool>,
}

/// A service as it may be written.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum ServiceEntry {
    Map(Box<Service>),
    List(Vec<Service>),
    Nothing(()),
}

/// A service: its own keys, and each other key an instance of it.
#[derive(JsonSchema)]
pub(super) struct Service {
    /// What each of its instances waits for, on whichever branch: services, `service/instance`, environments.
    depends_on: Option<OneOrMany<String>>,
    /// The same in another spelling.
    #[schemars(rename = "depends-on")]
    depends_on_hyphen: Option<OneOrMany<String>>,
    /// The template bundle that renders its instances: `name@major`.
    template: Option<String>,
    /// Whether a sync deletes its instances when they have left the manifest.
    prune: Option<bool>,
    /// The existing stack that is its pipeline, or `false` to have none. Default: what the bundle renders.
    pipeline: Option<PipelineEntry>,
    /// Its instances.
    #[schemars(flatten)]
    instances: BTreeMap<String, Instance>,
}

/// What may stand under `pipeline` in a service: an instance may bear that name.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum PipelineEntry {
    IsThere(bool),
    Stack(PipelineStack),
    Instance(Instance),
}

/// A pipeline that there is.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
struct PipelineStack {
    /// The existing stack that it is, which is updated in place.
    stack: String,
}

/// An instance of a service.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Instance {
    /// The branch that it follows.
    branch: String,
    /// Its spec, from the root of the repository. Default: `service-spec.yaml`.
    spec: Option<String>,
    /// The existing stack that it is, which is updated in place. Default: a stack named `<app>-<service>-<instance>`.
    stack: Option<String>,
    /// The environment that it lives in. Default: the one that its spec names.
    environment: Option<String>,
    /// What it waits for.
    depends_on: Option<OneOrMany<String>>,
    /// The same in another spelling.
    #[schemars(rename = "depends-on")]
    depends_on_hyphen: Option<OneOrMany<String>>,
}

/// An environment. With nothing but `stack` and where it is, it is one that there is and that others deploy.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Environment {
    /// The branch that it follows.
    branch: Option<String>,
    /// Its spec, from the root of the repository. Default: `service-spec.yaml`.
    spec: Option<String>,
    /// The template bundle that renders it: `name@major`.
    template: Option<String>,
    /// The existing stack that it is. Default: a stack named `<app>-<environment>`.
    stack: Option<String>,
    /// The account that it is in, with all that lives in it: twelve digits. Default: Syncline's own.
    account: Option<Account>,
    /// The region that it is in. Default: Syncline's own.
    region: Option<String>,
    /// The role that Syncline works with there, by name or ARN. Default, in another account: `syncline`.
    role: Option<String>,
    /// What it waits for.
    depends_on: Option<OneOrMany<String>>,
    /// The same in another spelling.
    #[schemars(rename = "depends-on")]
    depends_on_hyphen: Option<OneOrMany<String>>,
}

/// An account's id: in quotes or without.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Account {
    Text(String),
    Number(u64),
}

/// An environment addon as it may be written.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum AddonEntry {
    Map(Box<Addon>),
    List(Vec<Addon>),
    Nothing(()),
}

/// An environment addon, `copilot/<name>/`: its own keys, and each other key an environment that it goes to.
#[derive(JsonSchema)]
pub(super) struct Addon {
    /// What it waits for in each environment: services, `service/instance`, addons, environments.
    depends_on: Option<OneOrMany<String>>,
    /// The same in another spelling.
    #[schemars(rename = "depends-on")]
    depends_on_hyphen: Option<OneOrMany<String>>,
    /// Whether a sync deletes its stacks when they have left the manifest.
    prune: Option<bool>,
    /// The environments that it goes to.
    #[schemars(flatten)]
    environments: BTreeMap<String, AddonIn>,
}

/// An addon in an environment.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct AddonIn {
    /// The branch that it follows.
    branch: String,
    /// The existing stack that it is. Default: a stack named `<app>-<environment>-<addon>`.
    stack: Option<String>,
    /// What it waits for.
    depends_on: Option<OneOrMany<String>>,
    /// The same in another spelling.
    #[schemars(rename = "depends-on")]
    depends_on_hyphen: Option<OneOrMany<String>>,
}

/// A pull request from one branch to another.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Publish {
    /// The branch that was synced.
    from: String,
    /// The branch that the pull request goes to.
    to: String,
}

/// The format before its release: services without a `services` around them, or as in `sync`.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Prerelease {
    Sync(Box<Sync>),
    Services(Named<ServiceEntry>),
}

/// What happens when somebody pushes to a branch.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct Branch {
    /// The service instances that follow the branch.
    sync: Option<OneOrMany<SyncEntry>>,
    /// The pull requests that follow.
    publish: Option<OneOrMany<PublishTo>>,
    /// Whether a sync deletes what this branch deployed and what has left the manifest.
    prune: Option<bool>,
}

/// A service instance that follows a branch.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct SyncEntry {
    /// The instance.
    to: String,
    /// Its spec, from the root of the repository. Default: `service-spec.yaml`.
    spec: Option<String>,
    /// What it waits for.
    depends_on: Option<OneOrMany<String>>,
    /// The same in another spelling.
    #[schemars(rename = "depends-on")]
    depends_on_hyphen: Option<OneOrMany<String>>,
    /// The template bundle that renders it: `name@major`.
    template: Option<String>,
    /// The existing stack that it is. Default: a stack named `<app>-<instance>`.
    stack: Option<String>,
    /// The environment that it lives in. Default: the one that its spec names.
    environment: Option<String>,
}

/// A pull request from the branch that this stands under.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(super) struct PublishTo {
    /// The branch that the pull request goes to.
    to: String,
}

/// By name, or as a list of such mappings, which means the same.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum Named<T> {
    Map(BTreeMap<String, T>),
    List(Vec<BTreeMap<String, T>>),
    Nothing(()),
}

/// One, or a list.
#[derive(JsonSchema)]
#[schemars(untagged)]
enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

/// The keys of each part of a manifest.
pub(super) struct Keys {
    pub(super) template_folders: Vec<String>,
    pub(super) sync: Vec<String>,
    pub(super) service: Vec<String>,
    pub(super) instance: Vec<String>,
    pub(super) environment: Vec<String>,
    pub(super) addon: Vec<String>,
    pub(super) addon_in: Vec<String>,
    pub(super) publish: Vec<String>,
    pub(super) branch: Vec<String>,
    pub(super) sync_entry: Vec<String>,
    pub(super) publish_to: Vec<String>,
}

/// The keys that the readers know.
pub(super) static KEYS: LazyLock<Keys> = LazyLock::new(|| Keys {
    template_folders: keys::<TemplateFolders>(),
    sync: keys::<Sync>(),
    service: keys::<Service>(),
    instance: keys::<Instance>(),
    environment: keys::<Environment>(),
    addon: keys::<Addon>(),
    addon_in: keys::<AddonIn>(),
    publish: keys::<Publish>(),
    branch: keys::<Branch>(),
    sync_entry: keys::<SyncEntry>(),
    publish_to: keys::<PublishTo>(),
});

fn keys<T: JsonSchema>() -> Vec<String> {
    let schema = T::json_schema(&mut generator());
    let properties = schema.get("properties").and_then(|properties| properties.as_object());
    properties.map(|properties| properties.keys().cloned().collect()).unwrap_or_default()
}

fn generator() -> SchemaGenerator {
    SchemaSettings::draft07().into_generator()
}

/// The JSON Schema of a manifest, draft 7, for editors. Whatever the readers accept, it accepts.
pub fn json_schema() -> serde_json::Value {
    let schema: Schema = generator().into_root_schema_for::<Manifest>();
    schema.to_value()
}
