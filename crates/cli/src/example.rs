//! The example that `syncline init` writes: files that lie beside this one, with the names that were asked for.

use syncline_core::names::StackName;

/// The files, by their paths in the repository.
const FILES: [(&str, &str); 10] = [
    ("syncline.yaml", include_str!("example/files/syncline.yaml")),
    ("environments/beta.yaml", include_str!("example/files/environments/beta.yaml")),
    ("environments/prod.yaml", include_str!("example/files/environments/prod.yaml")),
    ("hello/spec.yaml", include_str!("example/files/hello/spec.yaml")),
    (
        "environment-templates/base/v1/schema/schema.yaml",
        include_str!("example/files/environment-templates/base/v1/schema/schema.yaml"),
    ),
    (
        "environment-templates/base/v1/infrastructure/manifest.yaml",
        include_str!("example/files/environment-templates/base/v1/infrastructure/manifest.yaml"),
    ),
    (
        "environment-templates/base/v1/infrastructure/cloudformation.yaml",
        include_str!("example/files/environment-templates/base/v1/infrastructure/cloudformation.yaml"),
    ),
    (
        "service-templates/queue/v1/schema/schema.yaml",
        include_str!("example/files/service-templates/queue/v1/schema/schema.yaml"),
    ),
    (
        "service-templates/queue/v1/instance_infrastructure/manifest.yaml",
        include_str!("example/files/service-templates/queue/v1/instance_infrastructure/manifest.yaml"),
    ),
    (
        "service-templates/queue/v1/instance_infrastructure/cloudformation.yaml",
        include_str!("example/files/service-templates/queue/v1/instance_infrastructure/cloudformation.yaml"),
    ),
];

/// The longest app's name: CloudFormation's limit on a stack's, less the longest ending in the example, `-hello-beta`.
const LONGEST_APP: usize = StackName::MAX_LENGTH - "-hello-beta".len();

/// The names in the example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Names {
    /// What stack names begin with.
    pub(crate) app: String,
    /// The branch that is deployed first.
    pub(crate) branch: String,
    /// The branch that is deployed next.
    pub(crate) next: String,
}

/// The paths of the files.
pub(crate) fn paths() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|(path, _)| *path)
}

/// The files with these names in them.
pub(crate) fn files(names: &Names) -> Vec<(&'static str, String)> {
    let written = |text: &str| {
        let branches =
            text.replace("FIRST_BRANCH", &in_yaml(&names.branch)).replace("NEXT_BRANCH", &in_yaml(&names.next));
        branches.replace("APP_NAME", &names.app)
    };
    FILES.iter().map(|(path, text)| (*path, written(text))).collect()
}

/// A branch's name as YAML reads it back: in quotes unless it is plain.
fn in_yaml(text: &str) -> String {
    const WORDS: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let is_plain = text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.chars().all(|character| character.is_ascii_alphanumeric() || "/_.-".contains(character))
        && !WORDS.contains(&text.to_ascii_lowercase().as_str());
    if is_plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

/// What is wrong with an app's name.
pub(crate) fn check_app(name: &str) -> Result<(), String> {
    if name.len() > LONGEST_APP {
        return Err(format!("longer than {LONGEST_APP} characters"));
    }
    if !StackName::new(name).is_valid() {
        return Err("a stack's name begins with it: letters, digits and hyphens, a letter first".to_owned());
    }
    Ok(())
}

/// What is wrong with a branch's name, as far as Git would say it of any.
pub(crate) fn check_branch(name: &str) -> Result<(), String> {
    let is_bad = name.is_empty()
        || name == "@"
        || name.starts_with('-')
        || name.ends_with(['.', '/'])
        || ["..", "@{", "//"].iter().any(|part| name.contains(part))
        || name.split('/').any(|part| part.is_empty() || part.starts_with('.') || part.ends_with(".lock"))
        || name.chars().any(|one| one.is_control() || one.is_whitespace() || "~^:?*[\\".contains(one));
    if is_bad { Err("Git takes no branch of that name".to_owned()) } else { Ok(()) }
}

/// An app's name made from a folder's: what no stack's name takes becomes a hyphen.
pub(crate) fn app_from(folder: &str) -> String {
    let plain: String = folder.chars().map(|one| if one.is_ascii_alphanumeric() { one } else { '-' }).collect();
    let parts: Vec<&str> = plain.split('-').filter(|part| !part.is_empty()).collect();
    let name = parts.join("-");
    let name = name.trim_start_matches(|one: char| !one.is_ascii_alphabetic());
    let name: String = name.chars().take(LONGEST_APP).collect();
    if name.is_empty() { "my-app".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    use super::*;

    fn below(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { below(&path, found) } else { found.push(path) }
        }
    }

    #[test]
    fn every_file_of_the_example_is_written() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/example/files");
        let mut found = Vec::new();
        below(&root, &mut found);
        let found: BTreeSet<PathBuf> = found.iter().map(|path| path.strip_prefix(&root).unwrap().to_owned()).collect();
        assert_eq!(found, paths().map(PathBuf::from).collect());
    }

    #[test]
    fn branches_are_read_back_as_they_are_called() {
        for name in ["main", "release/1.0", "yes", "1.0", "a#b", "a'b", "é", "{x}", "!x", "null"] {
            let read: String = serde_yaml::from_str(&in_yaml(name)).unwrap();
            assert_eq!(read, name);
        }
    }

    #[test]
    fn names_are_checked_and_made_valid() {
        for (folder, app) in
            [("shop", "shop"), ("My shop_2!", "My-shop-2"), ("123", "my-app"), ("1-a", "a"), ("", "my-app")]
        {
            assert_eq!(app_from(folder), app, "{folder}");
            assert_eq!(check_app(&app_from(folder)), Ok(()));
        }
        assert!(check_app("1a").is_err() && check_app("").is_err() && check_app(&"a".repeat(118)).is_err());
        for bad in ["", "-x", "a b", "a..b", "a/", "/a", "a~1", "a.lock", "a\n"] {
            assert!(check_branch(bad).is_err(), "{bad:?}");
        }
        assert!(["main", "feature/x", "a.b"].iter().all(|name| check_branch(name).is_ok()));
    }
}
