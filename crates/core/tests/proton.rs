//! What a Proton service's targets are rendered with that only the syncs before know: values that are kept, and
//! instances on other branches.

#![allow(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

mod support;

use std::collections::BTreeMap;

use serde_json::json;
use support::{Repository, known_after, planned};
use syncline_core::assembly::Assembly;
use syncline_core::diagnostic::Diagnostic;
use syncline_core::names::TargetName;
use syncline_core::plan::Action;

const BUNDLE: &str = "service-templates/web/v1";
const DESCRIBED: &str = "infrastructure: {templates: [{file: t.yaml, rendering_engine: jinja}]}\n";

fn repository() -> Repository {
    Repository::from([
        (
            "proton-ops.yaml".to_owned(),
            "sync: {services: {web: {beta: {branch: main, spec: s.yaml}, prod: {branch: prod, spec: s.yaml}}}}\n".to_owned(),
        ),
        ("s.yaml".to_owned(), spec("80")),
        (
            format!("{BUNDLE}/schema/schema.yaml"),
            "schema:\n  service_input_type: S\n  types:\n    S: {type: object, properties: {port: {type: number}, tag: {type: string, default: latest}}}\n".to_owned(),
        ),
        (format!("{BUNDLE}/instance_infrastructure/manifest.yaml"), DESCRIBED.to_owned()),
        (
            format!("{BUNDLE}/instance_infrastructure/t.yaml"),
            "Resources: {A: {Type: 'AWS::SNS::Topic', Name: 'p{{ service_instance.inputs.port }}'}}\n".to_owned(),
        ),
        (format!("{BUNDLE}/pipeline_infrastructure/manifest.yaml"), DESCRIBED.to_owned()),
        (
            format!("{BUNDLE}/pipeline_infrastructure/t.yaml"),
            "Resources:\n  P: {Type: 'AWS::SNS::Topic'}\n{% for i in service_instances %}  D{{ loop.index }}: {Type: 'AWS::SNS::Topic', Name: {{ i.name }}-{{ i.inputs.port }}}\n{% endfor %}".to_owned(),
        ),
    ])
}

/// Two instances, `beta` with this port and `prod` with its own.
fn spec(port: &str) -> String {
    format!(
        "proton: ServiceSpec\ninstances:\n  - {{name: beta, environment: b, spec: {{port: {port}}}}}\n  - {{name: prod, environment: p, spec: {{port: 443}}}}\n"
    )
}

fn template<'a>(assembly: &'a Assembly, target: &str) -> &'a str {
    let found = assembly.targets.iter().find(|found| found.entry.name.as_str() == target).unwrap();
    assert!(!found.prepared.is_trial);
    &found.prepared.request.template
}

#[test]
fn a_value_is_kept_as_it_was_deployed() {
    let mut repository = repository();
    let (_, plan) = planned(&repository, "main", &BTreeMap::new()).unwrap();
    let known = known_after(&plan, "main");
    assert_eq!(known[&TargetName::new("web/beta")].inputs.as_ref().unwrap()["port"], json!(80));

    repository.insert("s.yaml".to_owned(), spec("\"${Proton::CURRENT_VAL}\""));
    let (assembly, plan) = planned(&repository, "main", &known).unwrap();
    assert!(template(&assembly, "web/beta").contains("p80"));
    let beta = &plan.targets[0];
    assert_eq!((beta.name.as_str(), &beta.inputs["port"]), ("web/beta", &json!(80)));
    assert_eq!(beta.before.keys().map(TargetName::as_str).collect::<Vec<_>>(), ["web/beta"]);

    // In step with that, it is kept.
    let known = known_after(&plan, "main");
    let (_, plan) = planned(&repository, "main", &known).unwrap();
    assert!(plan.targets.iter().all(|target| target.action == Action::Keep), "{plan:?}");
}

#[test]
fn a_value_that_was_never_deployed_cannot_be_kept() {
    let mut repository = repository();
    repository.insert("s.yaml".to_owned(), spec("\"${Proton::CURRENT_VAL}\""));
    let errors = planned(&repository, "main", &BTreeMap::new()).unwrap_err();
    let lines: Vec<String> = errors.iter().map(Diagnostic::one_line).collect();
    assert_eq!(
        lines,
        [
            "s.yaml:3:47: error: input `port` keeps its current value, and none was deployed by Syncline; help: write the value once; after that sync `${Proton::CURRENT_VAL}` keeps it"
        ]
    );
}

#[test]
fn a_pipeline_shows_an_instance_of_another_branch_once_it_was_deployed() {
    let mut repository = repository();
    let (assembly, plan) = planned(&repository, "main", &BTreeMap::new()).unwrap();
    assert!(!template(&assembly, "web/pipeline").contains("D2"), "prod was never deployed");
    let mut known = known_after(&plan, "main");

    let (_, prod) = planned(&repository, "prod", &known).unwrap();
    assert_eq!(prod.targets.iter().map(|target| target.name.as_str()).collect::<Vec<_>>(), ["web/prod"]);
    assert_eq!(prod.unmanaged, [], "the pipeline goes with the first instance, on main");
    known.extend(known_after(&prod, "prod"));

    // `prod` is shown as it was deployed, not as this branch's spec has it.
    repository.insert("s.yaml".to_owned(), spec("80").replace("443", "8443"));
    let (assembly, plan) = planned(&repository, "main", &known).unwrap();
    assert!(template(&assembly, "web/pipeline").contains("D2: {Type: 'AWS::SNS::Topic', Name: prod-443}"));
    let pipeline = plan.targets.iter().find(|target| target.name.as_str() == "web/pipeline").unwrap();
    assert_eq!(pipeline.action, Action::Deploy);
    assert_eq!(pipeline.before.keys().map(TargetName::as_str).collect::<Vec<_>>(), ["web/prod"]);
    let known = [known, known_after(&plan, "main")].into_iter().flatten().collect();
    let (_, plan) = planned(&repository, "main", &known).unwrap();
    assert!(plan.targets.iter().all(|target| target.action == Action::Keep), "{plan:?}");
}

#[test]
fn the_order_in_which_a_table_gives_inputs_back_changes_nothing() {
    let repository = repository();
    let (_, plan) = planned(&repository, "main", &BTreeMap::new()).unwrap();
    let mut known = known_after(&plan, "main");
    let (_, prod) = planned(&repository, "prod", &known).unwrap();
    known.extend(known_after(&prod, "prod"));
    let (_, first) = planned(&repository, "main", &known).unwrap();
    let inputs = known.get_mut(&TargetName::new("web/prod")).unwrap().inputs.as_mut().unwrap();
    assert_eq!(inputs.keys().collect::<Vec<_>>(), ["port", "tag"]);
    *inputs = inputs.clone().into_iter().rev().collect();
    let (_, second) = planned(&repository, "main", &known).unwrap();
    let sources =
        |plan: &syncline_core::plan::Plan| plan.targets.iter().map(|target| target.sources.clone()).collect::<Vec<_>>();
    assert_eq!(sources(&first), sources(&second));
}
