//! The statements of the templates' policies, and the page that says why each is needed.

use std::collections::BTreeSet;
use std::path::Path;

/// The templates, what the page has before the names of their resources, and how many statements of each need no name: who may
/// assume a role, and who may put events on a bus.
const TEMPLATES: [(&str, &str, usize); 3] = [
    ("infra/template.yaml", "", 2),
    ("infra/target/roles.yaml", "target/", 2),
    ("infra/target/events.yaml", "target/", 1),
];

/// Resource and statement, for each `Sid` in a template. Only its shape is read: resources are indented by two.
fn statements(template: &str, prefix: &str) -> BTreeSet<(String, String)> {
    let mut resource = "";
    let mut found = BTreeSet::new();
    for line in template.lines() {
        let is_resource = line.starts_with("  ") && !line.starts_with("   ") && line.ends_with(':');
        if is_resource {
            resource = line.trim().trim_end_matches(':');
        }
        if let Some((_, sid)) = line.split_once("Sid: ") {
            found.insert((format!("{prefix}{resource}"), sid.split([',', ' ']).next().unwrap().to_owned()));
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
    let mut all = BTreeSet::new();
    for (path, prefix, unnamed) in TEMPLATES {
        let template = read(path);
        all.extend(statements(&template, prefix));
        // One without a name could not be looked up.
        assert_eq!(template.matches("Effect: ").count(), template.matches("Sid: ").count() + unnamed, "{path}");
    }
    assert!(all.len() > 40, "{all:?}");
    assert_eq!(all, explained(&read("docs/security.md")));
}
