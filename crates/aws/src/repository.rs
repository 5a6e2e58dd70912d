//! CodeCommit: branches' heads, files at a commit, comments, pull requests.

use std::collections::BTreeSet;

use aws_sdk_codecommit::Client;
use aws_sdk_codecommit::types::{BlobMetadata, MergeOptionTypeEnum, PullRequestStatusEnum, Target};
use syncline_core::files::{Entry, Files, Want};
use syncline_core::names::{BranchName, CommitId, RepoPath, RepositoryName};
use syncline_core::publish::Text;
use syncline_core::snapshot::Change;

use crate::error::from_sdk;
use crate::lazy::{Lazy, lazily};
use crate::{Error, SdkConfig, in_batches};

/// CodeCommit's limit on a comment, in characters.
///
/// <https://docs.aws.amazon.com/codecommit/latest/userguide/limits.html>
const MAX_COMMENT: usize = 10_240;

/// How many pages of differences are read. A commit that changes so many files is read as a whole.
const MAX_DIFFERENCE_PAGES: usize = 8;

/// The repositories of an account and region.
#[derive(Clone, Debug)]
pub struct Repositories {
    client: Lazy<Client>,
}

impl Repositories {
    /// Those in the account and region of the configuration.
    pub fn new(configuration: &SdkConfig) -> Self {
        Self { client: lazily(configuration, Client::new) }
    }

    /// The repository of that name.
    pub fn named(&self, name: RepositoryName) -> Repository {
        Repository { client: self.client.clone(), name }
    }
}

/// One connected repository.
#[derive(Clone, Debug)]
pub struct Repository {
    client: Lazy<Client>,
    name: RepositoryName,
}

/// A pull request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullRequest {
    /// Its id.
    pub id: String,
    /// Its description.
    pub description: String,
    /// Whether it is open.
    pub is_open: bool,
}

impl Repository {
    /// Its name.
    pub fn name(&self) -> &RepositoryName {
        &self.name
    }

    /// The default branch; nothing where the repository is empty.
    pub async fn default_branch(&self) -> Result<Option<BranchName>, Error> {
        let found = self
            .client
            .get_repository()
            .repository_name(self.name.as_str())
            .send()
            .await
            .map_err(from_sdk("codecommit:GetRepository"))?;
        Ok(found.repository_metadata().and_then(|data| data.default_branch()).map(BranchName::new))
    }

    /// The commit that a branch points at; nothing where there is no such branch.
    pub async fn head(&self, branch: &BranchName) -> Result<Option<CommitId>, Error> {
        let found =
            self.client.get_branch().repository_name(self.name.as_str()).branch_name(branch.as_str()).send().await;
        match found.map_err(from_sdk("codecommit:GetBranch")) {
            Ok(output) => Ok(output.branch().and_then(|branch| branch.commit_id()).map(CommitId::new)),
            Err(error) if error.code() == Some("BranchDoesNotExistException") => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The paths at which two commits differ; nothing where there are too many to be told, one of them is none that is ever
    /// read, or one of the two commits is not there any more.
    pub async fn differences(&self, before: &CommitId, after: &CommitId) -> Result<Option<Vec<Change>>, Error> {
        let mut pages = self
            .client
            .get_differences()
            .repository_name(self.name.as_str())
            .before_commit_specifier(before.as_str())
            .after_commit_specifier(after.as_str())
            .into_paginator()
            .send();
        let mut changes = Vec::new();
        for _ in 0..MAX_DIFFERENCE_PAGES {
            let Some(page) = pages.next().await else { return Ok(Some(changes)) };
            let page = match page.map_err(from_sdk("codecommit:GetDifferences")) {
                Err(error) if error.code() == Some("CommitDoesNotExistException") => return Ok(None),
                page => page?,
            };
            for difference in page.differences() {
                let (before, after) = (difference.before_blob(), difference.after_blob());
                let mut paths: Vec<_> = before.into_iter().chain(after).filter_map(BlobMetadata::path).collect();
                let comes_or_goes = paths.len() < 2 || paths[0] != paths[1];
                paths.dedup();
                for path in paths {
                    // It is in the list of its folder all the same.
                    let Some(path) = RepoPath::parse(path) else { return Ok(None) };
                    changes.push(Change { path, comes_or_goes });
                }
            }
        }
        Ok(None)
    }

    /// Reads what is wanted at a commit, side by side.
    pub async fn read(&self, commit: &CommitId, wanted: BTreeSet<Want>, files: &mut Files) -> Result<(), Error> {
        let reads = wanted.into_iter().map(|want| async move {
            match want {
                Want::File(path) => self.file(commit, &path).await.map(|entry| (path, entry)),
                Want::Folder(path) => self.folder(commit, &path).await.map(|entry| (path, entry)),
            }
        });
        for (path, entry) in in_batches(reads).await? {
            match entry {
                Read::Bytes(bytes) => files.insert_bytes(path, bytes),
                Read::Entry(entry) => files.insert(path, entry),
            }
        }
        Ok(())
    }

    /// Asks `step` for its result, reading at `commit` what it wants, until it has one.
    pub async fn read_until<T>(
        &self,
        commit: &CommitId,
        files: &mut Files,
        mut step: impl FnMut(&mut Files) -> Option<T>,
    ) -> Result<T, Error> {
        loop {
            if let Some(result) = step(files) {
                return Ok(result);
            }
            let wanted = files.take_wanted();
            if wanted.is_empty() {
                return Err(Error::damaged("repository", "more files are needed, and none is named"));
            }
            self.read(commit, wanted, files).await?;
        }
    }

    async fn file(&self, commit: &CommitId, path: &RepoPath) -> Result<Read, Error> {
        let found = self
            .client
            .get_file()
            .repository_name(self.name.as_str())
            .commit_specifier(commit.as_str())
            .file_path(path.as_str())
            .send()
            .await;
        match found.map_err(from_sdk("codecommit:GetFile")) {
            Ok(output) => Ok(Read::Bytes(output.file_content.into_inner())),
            Err(error) => match error.code() {
                Some("FileDoesNotExistException" | "PathDoesNotExistException" | "InvalidPathException") => {
                    Ok(Read::Entry(Entry::Absent))
                }
                Some("FileTooLargeException") => Ok(Read::Entry(Entry::Unreadable("larger than 6 MB".to_owned()))),
                _ => Err(error),
            },
        }
    }

    async fn folder(&self, commit: &CommitId, path: &RepoPath) -> Result<Read, Error> {
        let found = self
            .client
            .get_folder()
            .repository_name(self.name.as_str())
            .commit_specifier(commit.as_str())
            .folder_path(if path.as_str().is_empty() { "/" } else { path.as_str() })
            .send()
            .await;
        match found.map_err(from_sdk("codecommit:GetFolder")) {
            Ok(output) => Ok(Read::Entry(Entry::Folder {
                files: output.files().iter().filter_map(|file| file.relative_path().map(str::to_owned)).collect(),
                folders: output
                    .sub_folders()
                    .iter()
                    .filter_map(|folder| folder.relative_path().map(str::to_owned))
                    .collect(),
            })),
            Err(error) => match error.code() {
                Some("FolderDoesNotExistException" | "PathDoesNotExistException" | "InvalidPathException") => {
                    Ok(Read::Entry(Entry::Absent))
                }
                _ => Err(error),
            },
        }
    }

    /// Puts a comment on a commit, once for each `token`.
    pub async fn comment(&self, commit: &CommitId, text: &str, token: &str) -> Result<(), Error> {
        let text: String = if text.chars().count() > MAX_COMMENT {
            text.chars()
                .take(MAX_COMMENT - 60)
                .chain("\n… cut; the whole is in the history of the sync".chars())
                .collect()
        } else {
            text.to_owned()
        };
        self.client
            .post_comment_for_compared_commit()
            .repository_name(self.name.as_str())
            .after_commit_id(commit.as_str())
            .content(text)
            .client_request_token(token)
            .send()
            .await
            .map_err(from_sdk("codecommit:PostCommentForComparedCommit"))?;
        Ok(())
    }

    /// Whether merging `source` into `destination` would bring anything.
    pub async fn has_something_to_merge(&self, source: &CommitId, destination: &CommitId) -> Result<bool, Error> {
        let differences = self
            .client
            .get_differences()
            .repository_name(self.name.as_str())
            .before_commit_specifier(destination.as_str())
            .after_commit_specifier(source.as_str())
            .max_results(1)
            .send()
            .await
            .map_err(from_sdk("codecommit:GetDifferences"))?;
        if differences.differences().is_empty() {
            return Ok(false);
        }
        // Different, but it may be the destination that is ahead: then the source is where they parted.
        let merge = self
            .client
            .get_merge_conflicts()
            .repository_name(self.name.as_str())
            .source_commit_specifier(source.as_str())
            .destination_commit_specifier(destination.as_str())
            .merge_option(MergeOptionTypeEnum::ThreeWayMerge)
            .max_conflict_files(1)
            .send()
            .await
            .map_err(from_sdk("codecommit:GetMergeConflicts"))?;
        Ok(merge.base_commit_id() != Some(source.as_str()))
    }

    /// A pull request by its id; nothing where there is none.
    pub async fn pull_request(&self, id: &str) -> Result<Option<PullRequest>, Error> {
        let found = self.client.get_pull_request().pull_request_id(id).send().await;
        match found.map_err(from_sdk("codecommit:GetPullRequest")) {
            Ok(output) => Ok(output.pull_request().and_then(read_pull_request)),
            Err(error) if error.code() == Some("PullRequestDoesNotExistException") => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Opens a pull request, once for each `token`.
    pub async fn open_pull_request(
        &self,
        from: &BranchName,
        to: &BranchName,
        text: &Text,
        token: &str,
    ) -> Result<PullRequest, Error> {
        let target = Target::builder()
            .repository_name(self.name.as_str())
            .source_reference(from.as_str())
            .destination_reference(to.as_str())
            .build()
            .map_err(|error| Error::damaged("pull request", error))?;
        let output = self
            .client
            .create_pull_request()
            .title(&text.title)
            .description(&text.description)
            .targets(target)
            .client_request_token(token)
            .send()
            .await
            .map_err(from_sdk("codecommit:CreatePullRequest"))?;
        output
            .pull_request()
            .and_then(read_pull_request)
            .ok_or_else(|| Error::damaged("pull request", "CreatePullRequest answered without one"))
    }

    /// Gives a pull request a new description.
    pub async fn describe_pull_request(&self, id: &str, description: &str) -> Result<(), Error> {
        self.client
            .update_pull_request_description()
            .pull_request_id(id)
            .description(description)
            .send()
            .await
            .map_err(from_sdk("codecommit:UpdatePullRequestDescription"))?;
        Ok(())
    }
}

/// What a read of CodeCommit gave.
enum Read {
    Bytes(Vec<u8>),
    Entry(Entry),
}

fn read_pull_request(found: &aws_sdk_codecommit::types::PullRequest) -> Option<PullRequest> {
    Some(PullRequest {
        id: found.pull_request_id()?.to_owned(),
        description: found.description().unwrap_or_default().to_owned(),
        is_open: found.pull_request_status() == Some(&PullRequestStatusEnum::Open),
    })
}
