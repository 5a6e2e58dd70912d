//! The JSON Schema for editors and the readers are of one mind: what is read, the schema takes, and a key that is not
//! known to one is not known to the other.

#![allow(clippy::unwrap_used, reason = "a helper of a test may fail the test")]

use std::fs;
use std::path::{Path, PathBuf};

use syncline_core::diagnostic;
use syncline_core::manifest::{self, NAMES};
use syncline_core::names::{RepoPath, RepositoryName};
use syncline_core::yaml;

/// The manifests of all cases and examples.
fn manifests() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = [root.join("tests/cases"), root.join("../../examples")];
    let folders = folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()));
    let mut found: Vec<PathBuf> =
        folders.flat_map(|folder| NAMES.map(|name| folder.join(name))).filter(|path| path.is_file()).collect();
    found.sort();
    found
}

#[test]
fn the_schema_takes_what_is_read_and_no_key_that_is_not() {
    let schema = manifest::json_schema();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let path = RepoPath::parse("syncline.yaml").unwrap();
    let (mut taken, mut refused) = (0, 0);
    for manifest in manifests() {
        let Ok(text) = fs::read_to_string(&manifest) else { continue };
        let Ok(tree) = yaml::parse(&path, &text) else { continue };
        let document = tree.to_json();
        let (_, problems) = manifest::read(&path, &text, &RepositoryName::new("shop"));
        let errors: Vec<String> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
        if !diagnostic::has_errors(&problems) {
            assert!(errors.is_empty(), "{}: {errors:#?}", manifest.display());
            taken += 1;
        } else if problems.iter().any(|problem| problem.message.starts_with("unknown key")) {
            assert!(!errors.is_empty(), "{} has an unknown key", manifest.display());
            refused += 1;
        }
    }
    assert!(taken > 50 && refused > 3, "{taken} taken, {refused} refused");
}
