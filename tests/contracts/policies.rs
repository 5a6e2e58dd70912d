//! The statements of the template's policies, and the page that says why each is needed.

use std::collections::BTreeSet;
use std::path::Path;

/// Resource and statement, for each `Sid` in the template. Only its shape is read: resources are indented by two.
fn statements(template: &str) -> BTreeSet<(String, String)> {
    let mut resource = "";
    let mut found = BTreeSet::new();
    for line in template.lines() {
        let is_resource = line.starts_with("  ") && !line.starts_with("   ") && line.ends_with(':');
        if is_resource {
            resource = line.trim().trim_end_matches(':');
        }
        if let Some((_, sid)) = line.split_once("Sid: ") {
            found.insert((resource.to_owned(), sid.split([',', ' ']).next().unwrap().to_owned()));
        }
    }
    found
}

/// The first two cells of each row of the page's table of roles.
fn explained(page: &str) -> BTreeSet<(String, String)> {
    let section = page.split_once("## What each role may do").unwrap().1.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| ") && line.contains('`'));
    let cells = rows.map(|row| row.split('|').map(|cell| cell.trim().trim_matches('`').to_owned()).collect::<Vec<_>>());
    cells.map(|cells| (cells[1].clone(), cells[2].clone())).collect()
}

#[test]
fn each_statement_of_each_policy_has_a_reason() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap();
    let (template, page) = (read("infra/template.yaml"), read("docs/security.md"));
    let statements = statements(&template);
    assert!(statements.len() > 30, "{statements:?}");
    assert_eq!(statements, explained(&page));
    // One without a name could not be looked up: each `Effect` has one, but for who may assume a role.
    let named = template.matches("Sid: ").count();
    let assumed = template.matches("Action: sts:AssumeRole").count();
    assert_eq!(template.matches("Effect: ").count(), named + assumed);
}
