//! Whether what a branch imports is exported, by its own targets or by what is deployed.

#![allow(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

#[allow(dead_code, reason = "each test uses a part of it")]
mod support;

use std::collections::{BTreeMap, BTreeSet};

use support::{Repository, planned};
use syncline_core::location::Location;

#[test]
fn an_import_is_exported_by_the_branch_or_by_another_stack() {
    let mut repository = Repository::new();
    let template = |import: &str, export: &str| {
        format!(
            "Resources: {{T: {{Type: T, Properties: {{X: !ImportValue {import}}}}}}}\nOutputs: {{O: {{Value: 1, Export: {{Name: {export}}}}}}}\n"
        )
    };
    repository.insert(
        "syncline.yaml".to_owned(),
        "sync: {services: {a: {i: {branch: main, spec: a.yaml}}, b: {i: {branch: main, spec: b.yaml}}}}\n".to_owned(),
    );
    for (name, import, export) in [("a", "shared-${AWS::Region}", "from-a"), ("b", "from-a", "from-b")] {
        repository.insert(format!("{name}.yaml"), format!("template-file-path: {name}-template.yaml\n"));
        let import = format!("{{'Fn::Sub': '{import}'}}");
        repository.insert(format!("{name}-template.yaml"), template(&import, export));
    }
    let (assembly, _) = planned(&repository, "main", &BTreeMap::new()).unwrap();
    assert_eq!(assembly.imports_from_elsewhere(), [Location::default()]);
    let exported = BTreeSet::from(["shared-eu-west-1".to_owned()]);
    assert_eq!(assembly.check_imports(&Location::default(), &exported, "eu-west-1"), []);
    let errors: Vec<String> = assembly
        .check_imports(&Location::default(), &exported, "eu-west-2")
        .iter()
        .map(|error| error.one_line())
        .collect();
    assert_eq!(
        errors,
        [
            "a-template.yaml: error: `a/i` imports `shared-eu-west-2`, which nothing exports; help: did you mean `shared-eu-west-1`?"
        ]
    );

    // Under which names `b` exports is not known before it is deployed: one may be what `a` imports.
    let unknown = template("from-a", "!GetAtt T.Name");
    repository.insert("b-template.yaml".to_owned(), unknown);
    let (assembly, _) = planned(&repository, "main", &BTreeMap::new()).unwrap();
    assert_eq!(assembly.imports_from_elsewhere(), []);
}

#[test]
fn what_is_exported_in_one_region_is_not_there_in_another() {
    let mut repository = Repository::new();
    let manifest = |of_b: &str| {
        format!(
            "sync: {{environments: {{eu: {{region: eu-west-1}}}}, services: {{a: {{i: {{branch: main, spec: a.yaml, environment: eu}}}}, b: {{i: {{branch: main, spec: b.yaml{of_b}}}}}}}}}\n"
        )
    };
    for (name, template) in [
        ("a", "Resources: {T: {Type: T, Properties: {X: !ImportValue from-b}}}\n"),
        ("b", "Resources: {T: {Type: T}}\nOutputs: {O: {Value: 1, Export: {Name: from-b}}}\n"),
    ] {
        repository.insert(format!("{name}.yaml"), format!("template-file-path: {name}-template.yaml\n"));
        repository.insert(format!("{name}-template.yaml"), template.to_owned());
    }
    repository.insert("syncline.yaml".to_owned(), manifest(""));
    let (assembly, _) = planned(&repository, "main", &BTreeMap::new()).unwrap();
    assert!(assembly.edges.is_empty(), "nobody waits for what is not there: {:?}", assembly.edges);
    let eu = Location { region: Some("eu-west-1".to_owned()), ..Location::default() };
    assert_eq!(assembly.imports_from_elsewhere(), std::slice::from_ref(&eu));
    let errors = assembly.check_imports(&eu, &BTreeSet::new(), "us-east-1");
    assert!(errors[0].one_line().contains("`a/i` imports `from-b`, which nothing exports"), "{errors:?}");

    // Beside each other, under whichever roles, one waits for the other.
    repository.insert("syncline.yaml".to_owned(), manifest(", environment: eu"));
    let (assembly, _) = planned(&repository, "main", &BTreeMap::new()).unwrap();
    assert_eq!((assembly.edges.len(), assembly.imports_from_elsewhere()), (1, Vec::new()));
}
