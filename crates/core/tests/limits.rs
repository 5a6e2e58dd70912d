//! What is too large is refused with a place and advice, whatever else is in it.

#![allow(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

#[allow(dead_code, reason = "each test uses a part of it")]
mod support;

use std::collections::BTreeMap;

use support::{Repository, planned};
use syncline_core::files::Files;
use syncline_core::manifest;
use syncline_core::names::{BranchName, RepoPath, RepositoryName};
use syncline_core::yaml::Reader;

const BUNDLE: &str = "service-templates/web/v1";

fn repository() -> Repository {
    let files = [
        ("syncline.yaml", "sync: {services: {web: {beta: {branch: main, spec: s.yaml}}}}\n"),
        ("s.yaml", "proton: ServiceSpec\ninstances: [{name: beta, environment: e}]\n"),
        ("service-templates/web/v1/schema/schema.yaml", "schema: {format: {openapi: '3.0.0'}, types: {}}\n"),
        (
            "service-templates/web/v1/instance_infrastructure/manifest.yaml",
            "infrastructure: {templates: [{file: t.yaml, rendering_engine: jinja}]}\n",
        ),
        ("service-templates/web/v1/instance_infrastructure/t.yaml", "Resources: {A: {Type: 'AWS::SNS::Topic'}}\n"),
    ];
    files.into_iter().map(|(path, text)| (path.to_owned(), text.to_owned())).collect()
}

/// The one error of a repository in which a file has this text.
fn error_with(path: &str, text: String) -> String {
    let mut repository = repository();
    assert!(planned(&repository, "main", &BTreeMap::new()).is_ok());
    repository.insert(path.to_owned(), text);
    let errors = planned(&repository, "main", &BTreeMap::new()).unwrap_err();
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].help.is_some());
    errors[0].one_line()
}

/// A comment of so many characters.
fn comment(characters: usize) -> String {
    format!("# {}\n", "é".repeat(characters))
}

#[test]
fn a_spec_has_at_most_51_200_characters() {
    let spec = repository()["s.yaml"].clone();
    let fits = format!("{spec}{}", comment(51_200 - spec.len() - 3));
    let mut with = repository();
    with.insert("s.yaml".to_owned(), fits.clone());
    assert!(planned(&with, "main", &BTreeMap::new()).is_ok(), "characters count, not bytes");
    assert!(error_with("s.yaml", format!("{fits}#")).contains("s.yaml: error: longer than 51200 characters"));
}

#[test]
fn a_bundles_template_has_at_most_200_kib_and_its_schema_50() {
    let template = format!("{BUNDLE}/instance_infrastructure/t.yaml");
    let text = format!("{}{}", repository()[&template], comment(200 * 1024));
    assert!(error_with(&template, text).contains("larger than 204800 bytes"));
    let schema = format!("{BUNDLE}/schema/schema.yaml");
    let text = format!("{}{}", repository()[&schema], comment(50 * 1024));
    assert!(error_with(&schema, text).contains("larger than 51200 bytes"));
}

#[test]
fn a_manifest_may_be_long_and_any_file_has_an_end() {
    let manifest = repository()["syncline.yaml"].clone();
    let mut with = repository();
    with.insert("syncline.yaml".to_owned(), format!("{manifest}{}", comment(1 << 20)));
    assert!(planned(&with, "main", &BTreeMap::new()).is_ok());

    let brackets = format!("[{}]", "a,".repeat(2_000_000));
    assert!(error_with("s.yaml", "a: 1".to_owned()).contains("neither a Proton spec"));
    assert!(
        error_with(&format!("{BUNDLE}/instance_infrastructure/manifest.yaml"), brackets)
            .contains("more than 400000 commas")
    );

    let path = RepoPath::parse("x").unwrap();
    let mut files = Files::default();
    files.insert_bytes(path.clone(), vec![b' '; Files::MAX_FILE_BYTES + 1]);
    assert!(files.text(&path).is_none());
}

#[test]
fn a_deployment_file_has_at_most_50_parameters_and_50_tags() {
    for key in ["parameters", "tags"] {
        let many: String = (0..51).map(|number| format!("  k{number}: v\n")).collect();
        let mut with = repository();
        with.insert("s.yaml".to_owned(), format!("template-file-path: t.yaml\n{key}:\n{many}"));
        with.insert("t.yaml".to_owned(), "Resources: {A: {Type: 'AWS::SNS::Topic'}}\n".to_owned());
        let errors = planned(&with, "main", &BTreeMap::new()).unwrap_err();
        assert!(errors[0].message.starts_with(&format!("51 {key}, more than 50")), "{errors:?}");
    }
}

#[test]
fn a_template_for_cloudformation_has_at_most_a_million_bytes() {
    let mut with = repository();
    with.insert("s.yaml".to_owned(), "template-file-path: t.yaml\n".to_owned());
    with.insert("t.yaml".to_owned(), format!("Resources: {{A: {{Type: 'AWS::SNS::Topic'}}}}\n{}", comment(1 << 20)));
    let errors = planned(&with, "main", &BTreeMap::new()).unwrap_err();
    assert!(errors[0].message.contains("larger than 1000000 bytes"), "{errors:?}");
}

#[test]
fn dependencies_between_all_instances_of_two_services_have_an_end() {
    let instances: String =
        (0..720).map(|number| format!("      i{number}: {{branch: main, spec: s.yaml}}\n")).collect();
    let manifest = format!("sync:\n  services:\n    a:\n      depends_on: b\n{instances}    b:\n{instances}");
    let path = RepoPath::parse("syncline.yaml").unwrap();
    let (manifest, problems) = manifest::read(&path, &manifest, &RepositoryName::new("shop"));
    assert_eq!(problems, []);
    let mut reader = Reader::new(&path);
    let edges = manifest::dependencies(&manifest.unwrap(), &BranchName::new("main"), &mut reader);
    assert!(edges.len() < 501_000, "{}", edges.len());
    assert!(reader.diagnostics.iter().any(|error| error.message == "more than 500000 dependencies"));
}
