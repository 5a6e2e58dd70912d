//! The names and numbers that the parts of Syncline pass to each other, each a type of its own.
//!
//! A name is checked where it enters, in the manifest and for an event; its type says what it names, and its copies share one
//! text. This module does not know where names come from.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

macro_rules! text_newtype {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Wraps a text that is known to be such a name.
            pub fn new(text: impl Into<String>) -> Self {
                Self(Arc::from(text.into()))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

text_newtype!(
    /// The name of a connected repository, as CodeCommit has it: `[\w.-]{1,100}`.
    RepositoryName
);
text_newtype!(
    /// A branch, without `refs/heads/`.
    BranchName
);
text_newtype!(
    /// A full commit id, 40 hexadecimal digits.
    CommitId
);
text_newtype!(
    /// Identifies one sync: a ULID. The ids of a branch are in the order in which its syncs had, or were promised, the lease.
    SyncId
);
text_newtype!(
    /// What a target is called in the manifest, on screen and in the history: `front-end/beta` for an
    /// instance of a service, `front-end/pipeline` for its pipeline, `beta` for an environment, the instance's own name in the branch-first format.
    TargetName
);
text_newtype!(
    /// The name of a CloudFormation stack: at most [`StackName::MAX_LENGTH`] characters, `[A-Za-z][A-Za-z0-9-]*`.
    StackName
);
text_newtype!(
    /// The SHA-256 of something, in lower-case hexadecimal: equal digests mean equal things.
    Digest
);

impl StackName {
    /// CloudFormation's limit on the name of a stack, in characters.
    ///
    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html>
    pub const MAX_LENGTH: usize = 128;

    /// The name of the stack that is made of these parts: `<app>-<part>-<part>`.
    pub fn of(app: &str, parts: &[&str]) -> Self {
        let mut name = app.to_owned();
        for part in parts {
            name.push('-');
            name.push_str(part);
        }
        Self::new(name)
    }

    /// Whether CloudFormation accepts this name.
    pub fn is_valid(&self) -> bool {
        let mut characters = self.0.chars();
        self.0.len() <= Self::MAX_LENGTH
            && characters.next().is_some_and(|first| first.is_ascii_alphabetic())
            && characters.all(|other| other.is_ascii_alphanumeric() || other == '-')
    }
}

impl TargetName {
    /// The longest name, in bytes: it is part of keys, and DynamoDB's sort keys have at most 1,024 bytes.
    ///
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html>
    pub const MAX_BYTES: usize = 512;
}

impl BranchName {
    /// Whether Git allows this name, as far as it matters to keys, events and references.
    ///
    /// <https://git-scm.com/docs/git-check-ref-format>; CodeCommit takes at most 256 characters.
    pub fn is_valid(&self) -> bool {
        let name = self.as_str();
        (1..=256).contains(&name.len())
            && !name.starts_with(['-', '/'])
            && !name.starts_with("refs/heads/")
            && !name.ends_with(['/', '.'])
            && !name.split('/').any(|part| part.is_empty() || part.starts_with('.') || part.ends_with(".lock"))
            && !name.contains("..")
            && !name.contains("@{")
            && name != "@"
            && !name.chars().any(|character| character.is_control() || " ~^:?*[\\".contains(character))
    }
}

impl RepositoryName {
    /// Whether CodeCommit allows this name, and so whether it may become part of a key in the table.
    pub fn is_valid(&self) -> bool {
        (1..=100).contains(&self.0.len())
            && self.0.chars().all(|character| character.is_ascii_alphanumeric() || "_.-".contains(character))
    }
}

impl CommitId {
    /// Whether this is a full commit id.
    pub fn is_valid(&self) -> bool {
        self.0.len() == 40 && self.0.chars().all(|digit| digit.is_ascii_hexdigit())
    }

    /// What stands for a commit where there is none: Git's null id.
    pub fn none() -> Self {
        Self::new("0".repeat(40))
    }

    /// The first eight digits, for people.
    pub fn short(&self) -> &str {
        if *self == Self::none() { "no commit" } else { self.0.get(..8).unwrap_or(&self.0) }
    }
}

/// The place of a target in its plan, from 0 in deployment order. It stands for the target wherever a set of
/// targets is stored, since a set of small numbers is what DynamoDB stores and changes cheapest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TargetNumber(pub u32);

impl fmt::Display for TargetNumber {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)
    }
}

/// A path inside a repository: relative to its root, `/` between its parts, no `.` or `..` in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RepoPath(String);

impl RepoPath {
    /// The root of the repository.
    pub fn root() -> Self {
        Self(String::new())
    }

    /// Reads a path as people write it: `x`, `./x` and `/x` all name `x` at the root.
    ///
    /// Errors: nothing where the path leaves the repository (`..`), is empty, or holds a control character
    /// or a backslash.
    pub fn parse(text: &str) -> Option<Self> {
        if text.chars().any(|character| character.is_control() || character == '\\') {
            return None;
        }
        // Most are written as they are meant.
        if text.split('/').all(|part| !matches!(part, "" | "." | "..")) {
            return Some(Self(text.to_owned()));
        }
        let mut parts: Vec<&str> = Vec::new();
        for part in text.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    parts.pop()?;
                }
                other => parts.push(other),
            }
        }
        (!parts.is_empty()).then(|| Self(parts.join("/")))
    }

    /// The path of `name` in this folder. `name` is a plain file or folder name, or a relative path; nothing
    /// where the result would leave the repository.
    pub fn join(&self, name: &str) -> Option<Self> {
        Self::parse(&format!("{}/{name}", self.0))
    }

    /// The folder that holds this path.
    pub fn parent(&self) -> Self {
        Self(self.0.rsplit_once('/').map_or_else(String::new, |(folder, _)| folder.to_owned()))
    }

    /// The path as text, without a slash at the front.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RepoPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.0.is_empty() { "/" } else { &self.0 })
    }
}

/// What kind of stack a target is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TargetKind {
    /// An environment that the repository itself deploys.
    Environment,
    /// An instance of a service.
    ServiceInstance,
    /// The pipeline of a service.
    ServicePipeline,
    /// An addon in an environment.
    EnvironmentAddon,
}

impl fmt::Display for TargetKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Environment => "environment",
            Self::ServiceInstance => "service instance",
            Self::ServicePipeline => "service pipeline",
            Self::EnvironmentAddon => "environment addon",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_ways_to_write_a_path_are_one() {
        for text in ["a/spec.yaml", "./a/spec.yaml", "/a/spec.yaml", "a//./spec.yaml", "b/../a/spec.yaml"] {
            assert_eq!(RepoPath::parse(text).unwrap().as_str(), "a/spec.yaml", "{text}");
        }
    }

    #[test]
    fn a_path_cannot_leave_the_repository() {
        for text in ["", "/", ".", "..", "../x", "a/../../x", "a\\b", "a\nb"] {
            assert_eq!(RepoPath::parse(text), None, "{text:?}");
        }
        let folder = RepoPath::parse("environments").unwrap();
        assert_eq!(folder.join("../templates/x.yaml").unwrap().as_str(), "templates/x.yaml");
        assert_eq!(folder.join("../../x"), None);
    }

    #[test]
    fn stack_names_follow_cloudformation() {
        assert!(StackName::new("shop-front-end-beta").is_valid());
        for text in ["", "1shop", "-shop", "shop_x", "shop.x", &"a".repeat(129)] {
            assert!(!StackName::new(text).is_valid(), "{text}");
        }
    }
}
