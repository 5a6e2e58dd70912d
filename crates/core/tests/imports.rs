//! Whether what a branch imports is exported, by its own targets or by what is deployed.

#![allow(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

#[allow(dead_code, reason = "each test uses a part of it")]
mod support;

use std::collections::{BTreeMap, BTreeSet};

use support::{Repository, planned};

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
    assert!(assembly.imports_from_elsewhere());
    let exported = BTreeSet::from(["shared-eu-west-1".to_owned()]);
    assert_eq!(assembly.check_imports(&exported, "eu-west-1"), []);
    let errors: Vec<String> =
        assembly.check_imports(&exported, "eu-west-2").iter().map(|error| error.one_line()).collect();
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
    assert!(!assembly.imports_from_elsewhere());
}
