//! The names that come from outside, checked before anything else sees them.
//!
//! Whatever has one of these types cannot leave the data folder and cannot be taken for an option or an expression by
//! `git`: repository names are one path segment, references begin with `refs/`, commit ids are hexadecimal, and paths
//! are relative and only ever follow a `--`.

use super::error::{ApiError, Result, refuse};

/// A repository's name: letters, digits, `.`, `_` and `-`, at most 100 of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RepositoryName(String);

impl RepositoryName {
    pub(crate) fn parse(name: &str) -> Result<Self> {
        if name.is_empty() {
            return refuse("RepositoryNameRequiredException", "a repository name is required");
        }
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        // AWS takes a name of dots; here it would be a folder's, and nobody has one.
        let only_dots = name.chars().all(|c| c == '.');
        if name.len() > 100 || !name.chars().all(legal) || name.ends_with(".git") || only_dots {
            return refuse("InvalidRepositoryNameException", format!("`{name}` is not a valid repository name"));
        }
        Ok(Self(name.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A branch's name, as `git check-ref-format --branch` would have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BranchName(String);

impl BranchName {
    pub(crate) fn parse(name: &str) -> Result<Self> {
        if name.is_empty() {
            return refuse("BranchNameRequiredException", "a branch name is required");
        }
        if name.len() > 256 || !is_reference_name(name) {
            return refuse("InvalidBranchNameException", format!("`{name}` is not a valid branch name"));
        }
        Ok(Self(name.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// `refs/heads/…`
    pub(crate) fn reference(&self) -> String {
        format!("refs/heads/{}", self.0)
    }
}

/// Whether a name may stand behind `refs/heads/`, by the rules of `git check-ref-format`.
pub(crate) fn is_reference_name(name: &str) -> bool {
    let legal = |c: char| !c.is_control() && !" ~^:?*[\\".contains(c);
    let component = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with(".lock");
    !name.starts_with('-')
        && !name.ends_with('.')
        && name != "@"
        && !name.contains("..")
        && !name.contains("@{")
        && name.chars().all(legal)
        && name.split('/').all(component)
}

/// An object's full id.
pub(crate) fn is_object_id(text: &str) -> bool {
    text.len() == 40 && text.chars().all(|c| c.is_ascii_hexdigit())
}

/// A full commit id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CommitId(String);

impl CommitId {
    /// The id that Git itself gave.
    pub(crate) fn trusted(id: String) -> Self {
        debug_assert!(is_object_id(&id));
        Self(id)
    }

    pub(crate) fn parse(id: &str) -> Result<Self> {
        match id {
            "" => refuse("CommitIdRequiredException", "a commit id is required"),
            id if is_object_id(id) => Ok(Self(id.to_ascii_lowercase())),
            id => refuse("InvalidCommitIdException", format!("`{id}` is not a full commit id")),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// A file's or folder's path from the repository's root, without a slash at either end. Empty for the root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RepositoryPath(String);

impl RepositoryPath {
    /// A file's path.
    pub(crate) fn file(path: &str) -> Result<Self> {
        let parsed = Self::folder(path)?;
        if parsed.is_root() {
            return refuse("PathRequiredException", "a path is required");
        }
        Ok(parsed)
    }

    /// A folder's path; `/` and the empty path are the root.
    pub(crate) fn folder(path: &str) -> Result<Self> {
        let inner = path.strip_prefix('/').unwrap_or(path);
        let inner = inner.strip_suffix('/').unwrap_or(inner);
        let legal = |part: &str| {
            !matches!(part, "" | "." | "..")
                && !part.eq_ignore_ascii_case(".git")
                && !part.chars().any(char::is_control)
        };
        if !inner.is_empty() && (inner.len() > 4096 || !inner.split('/').all(legal)) {
            return Err(ApiError::new("InvalidPathException", format!("`{path}` is not a valid path")));
        }
        Ok(Self(inner.to_owned()))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a path of the repository is this one or inside it.
    pub(crate) fn contains(&self, path: &str) -> bool {
        self.is_root() || path.strip_prefix(&self.0).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_name_is_one_harmless_path_segment() {
        for legal in ["web", "my.repo_1-x", "-x", "a..b"] {
            assert!(RepositoryName::parse(legal).is_ok(), "{legal}");
        }
        for hostile in [".", "..", "...", "../x", "a/b", "x.git", "a b", "a\0b", "ä", "--upload-pack=touch x"] {
            let error = RepositoryName::parse(hostile).expect_err(hostile);
            assert_eq!(error.name, "InvalidRepositoryNameException");
        }
        assert!(RepositoryName::parse(&"x".repeat(101)).is_err());
    }

    #[test]
    fn a_branch_name_is_no_option_and_no_expression() {
        for legal in ["main", "feature/x", "release-1.0", "@home"] {
            assert!(BranchName::parse(legal).is_ok(), "{legal}");
        }
        for hostile in
            ["-x", "--upload-pack=x", "../x", "a..b", "a/../../b", "/a", "a/", "a//b", "a~1", "a^", "a:b", "@{-1}", "@"]
        {
            assert!(BranchName::parse(hostile).is_err(), "{hostile}");
        }
    }

    #[test]
    fn a_path_stays_in_the_repository() {
        assert_eq!(RepositoryPath::file("/a/b").ok().map(|p| p.0), Some("a/b".to_owned()));
        assert!(RepositoryPath::folder("/").is_ok_and(|p| p.is_root()));
        // A file may well be called this; it never stands where an option could.
        assert!(RepositoryPath::file("-x").is_ok());
        for hostile in ["../x", "a/../../b", "a/./b", ".git/config", "a//b", "a\nb", "//etc/passwd"] {
            assert!(RepositoryPath::file(hostile).is_err(), "{hostile}");
        }
        let folder = RepositoryPath::folder("ab").expect("a path");
        assert!(folder.contains("ab/c") && folder.contains("ab") && !folder.contains("abc"));
    }
}
