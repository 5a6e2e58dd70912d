//! Which repository is meant where none was typed: that of the Git remote `origin`, if CodeCommit has it.
//!
//! It runs `git config` and nothing else. A folder that is read without AWS has a name in any case: see [`of_folder`].

use std::path::Path;

use syncline_core::names::RepositoryName;

use crate::failure::Failure;
use crate::source::git::git;

/// The repository that was typed, or that of the remote `origin` of the current folder.
pub(crate) fn repository(typed: Option<&str>) -> Result<RepositoryName, Failure> {
    if let Some(typed) = typed {
        let name = RepositoryName::new(typed);
        return if name.is_valid() {
            Ok(name)
        } else {
            let help = "a CodeCommit repository's name has up to 100 letters, digits and `.`, `_`, `-`";
            Err(Failure::usage(format!("`{typed}` is no repository's name"), help))
        };
    }
    let help = "name the connected repository with `-r NAME`";
    let Some(url) = origin_url(Path::new(".")) else {
        return Err(Failure::new("no repository was named, and there is no Git remote `origin` here", help));
    };
    repository_in(&url).ok_or_else(|| {
        let error = "no repository was named, and the Git remote `origin` here is not a CodeCommit repository";
        Failure::new(error, help)
    })
}

/// The repository that a folder is the root of, by its Git remote `origin`, where CodeCommit has that.
pub(crate) fn of_origin(root: &Path) -> Option<RepositoryName> {
    // A folder inside a Git repository is not the one that its origin names.
    root.join(".git").exists().then(|| repository_in(&origin_url(root)?)).flatten()
}

/// A name for a repository that is known by nothing but its folder: that one's, with a hyphen for whatever CodeCommit would
/// not take.
pub(crate) fn of_folder(root: &Path) -> RepositoryName {
    let name = root.file_name().unwrap_or_default().to_string_lossy();
    let is_allowed = |character: char| character.is_ascii_alphanumeric() || "_.-".contains(character);
    let name: String = name.chars().map(|one| if is_allowed(one) { one } else { '-' }).take(100).collect();
    RepositoryName::new(if name.is_empty() { "repository".to_owned() } else { name })
}

fn origin_url(folder: &Path) -> Option<String> {
    let output = git(folder).args(["config", "--get", "remote.origin.url"]).output().ok()?;
    let url = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !url.is_empty()).then_some(url)
}

/// The repository in a CodeCommit URL: `…/v1/repos/<name>` (HTTPS, SSH and the local AWS), or what
/// git-remote-codecommit reads, `codecommit::<region>://[<profile>@]<name>` and `codecommit://[<profile>@]<name>`.
fn repository_in(url: &str) -> Option<RepositoryName> {
    let name = if url.starts_with("codecommit::") || url.starts_with("codecommit://") {
        let (_, rest) = url.split_once("://")?;
        rest.rsplit_once('@').map_or(rest, |(_, name)| name)
    } else {
        url.split_once("/v1/repos/")?.1
    };
    let name = RepositoryName::new(name.trim_end_matches('/'));
    name.is_valid().then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_a_codecommit_url_names_the_repository() {
        for url in [
            "https://git-codecommit.us-east-1.amazonaws.com/v1/repos/shop",
            "https://git-codecommit.us-east-1.amazonaws.com/v1/repos/shop/",
            "ssh://APKA@git-codecommit.us-east-1.amazonaws.com/v1/repos/shop",
            "http://127.0.0.1:4567/v1/repos/shop",
            "codecommit::us-east-1://shop",
            "codecommit::us-east-1://work@shop",
            "codecommit://shop",
        ] {
            assert_eq!(repository_in(url), Some(RepositoryName::new("shop")), "{url}");
        }
    }

    #[test]
    fn a_folder_has_a_name_that_codecommit_would_take() {
        for (folder, name) in [("/work/shop", "shop"), ("/work/my shop!", "my-shop-"), ("/", "repository")] {
            assert_eq!(of_folder(Path::new(folder)), RepositoryName::new(name), "{folder}");
        }
    }

    #[test]
    fn other_remotes_name_none() {
        for url in ["git@example.com:team/shop.git", "https://example.com/shop", "../shop", "codecommit://", ""] {
            assert_eq!(repository_in(url), None, "{url}");
        }
    }
}
