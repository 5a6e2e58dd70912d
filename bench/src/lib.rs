//! Repositories of any size for the benchmarks, in memory, and what reads them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use syncline_core::assembly::{self, Assembly};
use syncline_core::diagnostic::Diagnostic;
use syncline_core::files::{Entry, Files, Want};
use syncline_core::manifest::{self, Manifest};
use syncline_core::names::{BranchName, RepoPath, RepositoryName};
use syncline_core::plan::Plan;
use syncline_core::recipe::{Before, Cache, Context};
use syncline_core::render::Outputs;

/// How many instances a service has.
const INSTANCES: usize = 5;

/// How many services stand in one chain.
const CHAIN: usize = 10;

/// What renders the instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// CloudFormation deployment files, which share ten templates.
    DeploymentFiles,
    /// Proton specs of five instances each, with one template bundle.
    Bundle,
}

/// Files by their paths.
pub type Repository = BTreeMap<String, String>;

/// A repository of so many instances, all on `main`. Services stand in chains of ten; the last instance of each waits for
/// its first besides.
pub fn repository(instances: usize, kind: Kind) -> Repository {
    let mut repository = Repository::new();
    let mut manifest = String::from("app: shop\nsync:\n  services:\n");
    for service in 0..instances.div_ceil(INSTANCES) {
        let _ = writeln!(manifest, "    s{service}:");
        if service % CHAIN != 0 {
            let _ = writeln!(manifest, "      depends_on: s{}", service - 1);
        }
        for instance in 0..INSTANCES.min(instances - service * INSTANCES) {
            let besides =
                if instance + 1 == INSTANCES { format!(", depends_on: s{service}/i0") } else { String::new() };
            let _ = writeln!(manifest, "      i{instance}: {{branch: main, spec: specs/s{service}.yaml{besides}}}");
        }
        repository.insert(format!("specs/s{service}.yaml"), spec(service, kind));
    }
    repository.insert("syncline.yaml".to_owned(), manifest);
    for template in 0..10 {
        repository.insert(
            format!("templates/t{template}.yaml"),
            format!("Parameters: {{Size: {{Type: Number}}}}\nResources:\n  Q{template}:\n    Type: AWS::SQS::Queue\n    Properties: {{VisibilityTimeout: !Ref Size}}\n"),
        );
    }
    let bundle = "service-templates/web/v1";
    repository.insert(format!("{bundle}/schema/schema.yaml"), SCHEMA.to_owned());
    repository.insert(
        format!("{bundle}/instance_infrastructure/manifest.yaml"),
        "infrastructure:\n  templates:\n    - file: t.yaml\n      rendering_engine: jinja\n".to_owned(),
    );
    repository.insert(format!("{bundle}/instance_infrastructure/t.yaml"), TEMPLATE.to_owned());
    repository
}

const SCHEMA: &str = "schema:
  format: {openapi: '3.0.0'}
  service_input_type: Input
  types:
    Input:
      type: object
      properties:
        size: {type: number, minimum: 1, default: 1}
        label: {type: string, default: none}
";

const TEMPLATE: &str = "Resources:
  Queue:
    Type: AWS::SQS::Queue
    Properties:
      QueueName: {{ service.name }}-{{ service_instance.name }}
      VisibilityTimeout: {{ service_instance.inputs.size }}
      Tags: [{Key: label, Value: {{ service_instance.inputs.label }}}]
";

fn spec(service: usize, kind: Kind) -> String {
    match kind {
        Kind::DeploymentFiles => {
            format!("template-file-path: templates/t{}.yaml\nparameters: {{Size: {service}}}\n", service % 10)
        }
        Kind::Bundle => {
            let instance =
                |number: usize| format!("  - {{name: i{number}, environment: e, spec: {{size: {}}}}}\n", service + 1);
            format!("proton: ServiceSpec\ninstances:\n{}", (0..INSTANCES).map(instance).collect::<String>())
        }
    }
}

/// A manifest in which nothing is right: each entry has an unknown key, waits for a name that nothing bears, or for one
/// that waits for it.
pub fn wrong_manifest(instances: usize) -> String {
    let mut manifest = String::from("app: shop\nsync:\n  services:\n");
    for number in 0..instances {
        let partner = number ^ 1;
        let _ = writeln!(
            manifest,
            "    s{number}:\n      depends_on: [s{partner}, nowhere-{number}]\n      i: {{branch: main, spek: x.yaml}}"
        );
    }
    manifest
}

/// Reads the manifest of a text.
pub fn read_manifest(text: &str) -> (Option<Manifest>, Vec<Diagnostic>) {
    let path = RepoPath::parse("syncline.yaml").unwrap_or_else(RepoPath::root);
    manifest::read(&path, text, &RepositoryName::new("shop"))
}

/// Reads, checks and plans `main` of a repository.
///
/// Errors: what is wrong with it.
pub fn plan(repository: &Repository, manifest: &Manifest) -> Result<(Assembly, Plan), Vec<Diagnostic>> {
    let context = Context {
        repository: "shop".to_owned(),
        account_id: "111122223333".to_owned(),
        locations: manifest.locations.clone(),
        manifest: manifest.path.clone(),
        outputs: Outputs::Pending,
        before: Before::Unknown,
    };
    let branch = BranchName::new("main");
    let mut files = Files::default();
    let mut cache = Cache::default();
    let assembly = loop {
        if let Some(assembled) = assembly::assemble(manifest, &branch, &context, &mut files, &mut cache) {
            break assembled?;
        }
        for want in files.take_wanted() {
            read(repository, want, &mut files);
        }
    };
    let plan = Plan::new(&assembly, &branch, manifest, &BTreeMap::new());
    Ok((assembly, plan))
}

fn read(repository: &Repository, want: Want, files: &mut Files) {
    match want {
        Want::File(path) => match repository.get(path.as_str()) {
            Some(text) => files.insert_text(path, text.clone()),
            None => files.insert(path, Entry::Absent),
        },
        Want::Folder(path) => {
            let (mut inside, mut folders) = (BTreeSet::new(), BTreeSet::new());
            let prefix = format!("{path}/");
            for below in repository.range(prefix.clone()..).map_while(|(name, _)| name.strip_prefix(&prefix)) {
                match below.split_once('/') {
                    Some((folder, _)) => folders.insert(folder.to_owned()),
                    None => inside.insert(below.to_owned()),
                };
            }
            let entry = if inside.is_empty() && folders.is_empty() {
                Entry::Absent
            } else {
                Entry::Folder { files: inside, folders }
            };
            files.insert(path, entry);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repositories_are_what_they_should_be() {
        for kind in [Kind::DeploymentFiles, Kind::Bundle] {
            let repository = repository(103, kind);
            let (manifest, problems) = read_manifest(&repository["syncline.yaml"]);
            assert_eq!(problems, []);
            let (assembly, plan) = plan(&repository, &manifest.unwrap()).unwrap();
            assert_eq!(plan.targets.len(), 103);
            assert!(assembly.edges.len() > 300 && assembly.longest_path.len() >= CHAIN, "{}", assembly.edges.len());
        }
        assert!(read_manifest(&wrong_manifest(10)).1.len() >= 20);
    }
}
