//! The operations that write a commit onto a branch without a clone: PutFile and CreateCommit.
//!
//! Not here: copying from a `sourceFile` and keeping empty folders.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::error::{ApiError, Result, refuse};
use super::files::LARGEST_FILE;
use super::git::{Entry, Git, NOTHING};
use super::merges::{Person, commit_tree};
use super::names::{BranchName, CommitId, RepositoryName, RepositoryPath};
use super::references::{Change, move_reference};
use super::service::Service;

/// The input of PutFile.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct PutFileInput {
    repository_name: String,
    branch_name: String,
    file_content: Option<String>,
    file_path: String,
    file_mode: Option<String>,
    parent_commit_id: Option<String>,
    commit_message: Option<String>,
    name: Option<String>,
    email: Option<String>,
}

/// The input of CreateCommit.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct CreateCommitInput {
    repository_name: String,
    branch_name: String,
    parent_commit_id: Option<String>,
    author_name: Option<String>,
    email: Option<String>,
    commit_message: Option<String>,
    put_files: Vec<FileInput>,
    delete_files: Vec<FileInput>,
    set_file_modes: Vec<FileInput>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct FileInput {
    file_path: String,
    file_mode: Option<String>,
    file_content: Option<String>,
    source_file: Option<Value>,
}

/// What a commit does to one path.
struct Edit {
    path: RepositoryPath,
    before: Option<Entry>,
    /// Mode and blob, or nothing if the file goes.
    after: Option<(String, String)>,
}

impl Edit {
    fn changes_something(&self) -> bool {
        let before = self.before.as_ref().map(|entry| (&entry.mode, &entry.id));
        before != self.after.as_ref().map(|(mode, id)| (mode, id))
    }

    fn told(&self) -> Value {
        let (mode, id) = match (&self.after, &self.before) {
            (Some((mode, id)), _) => (mode.as_str(), id.as_str()),
            (None, Some(before)) => (before.mode.as_str(), before.id.as_str()),
            (None, None) => ("100644", NOTHING),
        };
        let mode = if mode == "100755" { "EXECUTABLE" } else { "NORMAL" };
        json!({ "absolutePath": self.path.as_str(), "blobId": id, "fileMode": mode })
    }
}

pub(crate) fn put_file(service: &Service, input: PutFileInput) -> Result<Value> {
    let (name, git) = service.repository(&input.repository_name)?;
    let branch = BranchName::parse(&input.branch_name)?;
    let Some(content) = input.file_content else {
        return refuse("FileContentRequiredException", "the file's content is required");
    };
    let file = FileInput {
        file_path: input.file_path,
        file_mode: input.file_mode,
        file_content: Some(content),
        source_file: None,
    };
    let _lock = service.lock(&name);
    let parent = parent_of(&git, &branch, input.parent_commit_id.as_deref())?;
    let edit = put(&git, parent.as_ref(), &file)?;
    if !edit.changes_something() {
        let message = format!("`{}` has this content already", edit.path.as_str());
        return refuse("SameFileContentException", message);
    }
    let message = input.commit_message.unwrap_or_default();
    let author = Person::new(input.name, input.email);
    let edits = [edit];
    let (commit, tree) = write(service, &name, &git, &branch, parent.as_ref(), &edits, &message, &author)?;
    let blob = edits[0].after.as_ref().map(|(_, id)| id);
    Ok(json!({ "commitId": commit.as_str(), "treeId": tree, "blobId": blob }))
}

pub(crate) fn create_commit(service: &Service, input: CreateCommitInput) -> Result<Value> {
    let (name, git) = service.repository(&input.repository_name)?;
    let branch = BranchName::parse(&input.branch_name)?;
    let files = || input.put_files.iter().chain(&input.delete_files).chain(&input.set_file_modes);
    if files().next().is_none() {
        return refuse("FileEntryRequiredException", "at least one file is required");
    }
    let mut paths: Vec<&str> = files().map(|file| file.file_path.as_str()).collect();
    paths.sort_unstable();
    if paths.windows(2).any(|pair| pair[0] == pair[1]) {
        return refuse("SamePathRequestException", "a path is named twice");
    }
    let _lock = service.lock(&name);
    let parent = parent_of(&git, &branch, input.parent_commit_id.as_deref())?;
    let mut edits = Vec::new();
    for file in &input.put_files {
        edits.push(put(&git, parent.as_ref(), file)?);
    }
    for file in &input.delete_files {
        edits.push(Edit { after: None, ..existing(&git, parent.as_ref(), file)? });
    }
    for file in &input.set_file_modes {
        let mut edit = existing(&git, parent.as_ref(), file)?;
        edit.after = edit.before.as_ref().map(|entry| (entry.mode.clone(), entry.id.clone()));
        if let Some((mode, _)) = &mut edit.after {
            *mode = git_mode(file.file_mode.as_deref())?.to_owned();
        }
        edits.push(edit);
    }
    if !edits.iter().any(Edit::changes_something) {
        return refuse("NoChangeException", "the commit would change nothing");
    }
    let message = input.commit_message.clone().unwrap_or_default();
    let author = Person::new(input.author_name.clone(), input.email.clone());
    let (commit, tree) = write(service, &name, &git, &branch, parent.as_ref(), &edits, &message, &author)?;
    let told = |condition: fn(&Edit) -> bool| edits.iter().filter(|e| condition(e)).map(Edit::told).collect::<Vec<_>>();
    Ok(json!({
        "commitId": commit.as_str(),
        "treeId": tree,
        "filesAdded": told(|edit| edit.before.is_none()),
        "filesUpdated": told(|edit| edit.before.is_some() && edit.after.is_some() && edit.changes_something()),
        "filesDeleted": told(|edit| edit.after.is_none()),
    }))
}

/// The commit that is built on: the branch's head, which the caller must know. None in a repository without branches.
fn parent_of(git: &Git, branch: &BranchName, given: Option<&str>) -> Result<Option<CommitId>> {
    let given = given.filter(|id| !id.is_empty());
    let Some(head) = git.commit(&branch.reference())? else {
        if git.references()?.is_empty() {
            return Ok(None);
        }
        return refuse("BranchDoesNotExistException", format!("branch `{}` does not exist", branch.as_str()));
    };
    match given {
        None => refuse("ParentCommitIdRequiredException", "the id of the branch's head is required"),
        Some(id) => {
            let invalid =
                |_| ApiError::new("InvalidParentCommitIdException", format!("`{id}` is not a full commit id"));
            let id = CommitId::parse(id).map_err(invalid)?;
            if id == head {
                Ok(Some(head))
            } else if git.commit(id.as_str())?.is_none() {
                refuse("ParentCommitDoesNotExistException", format!("commit `{}` does not exist", id.as_str()))
            } else {
                let message = format!("branch `{}` is at `{}` by now", branch.as_str(), head.as_str());
                refuse("ParentCommitIdOutdatedException", message)
            }
        }
    }
}

fn put(git: &Git, parent: Option<&CommitId>, file: &FileInput) -> Result<Edit> {
    let path = RepositoryPath::file(&file.file_path)?;
    let Some(content) = &file.file_content else {
        let what =
            if file.source_file.is_some() { "a source file is not supported here" } else { "content is required" };
        return refuse("SourceFileOrContentRequiredException", format!("`{}`: {what}", path.as_str()));
    };
    let decoded = STANDARD.decode(content);
    let content = decoded.map_err(|error| ApiError::new("SerializationException", error.to_string()))?;
    if content.len() as u64 > LARGEST_FILE {
        let message = format!("`{}` has {} bytes, more than {LARGEST_FILE}", path.as_str(), content.len());
        return refuse("FileContentSizeLimitExceededException", message);
    }
    let before = match parent {
        Some(parent) => git.entry(parent.as_str(), &path)?,
        None => None,
    };
    if before.as_ref().is_some_and(Entry::is_folder) {
        let message = format!("`{}` is a folder", path.as_str());
        return refuse("FileNameConflictsWithDirectoryNameException", message);
    }
    let mode = match (&file.file_mode, &before) {
        (None, Some(before)) => before.mode.clone(),
        (mode, _) => git_mode(mode.as_deref())?.to_owned(),
    };
    let blob = git.write_blob(&content)?;
    Ok(Edit { path, before, after: Some((mode, blob)) })
}

fn existing(git: &Git, parent: Option<&CommitId>, file: &FileInput) -> Result<Edit> {
    let path = RepositoryPath::file(&file.file_path)?;
    let before = match parent {
        Some(parent) => git.entry(parent.as_str(), &path)?.filter(|entry| !entry.is_folder()),
        None => None,
    };
    if before.is_none() {
        return refuse("FileDoesNotExistException", format!("the file `{}` does not exist", path.as_str()));
    }
    Ok(Edit { path, before, after: None })
}

fn git_mode(mode: Option<&str>) -> Result<&'static str> {
    match mode {
        None | Some("NORMAL") => Ok("100644"),
        Some("EXECUTABLE") => Ok("100755"),
        Some("SYMLINK") => Ok("120000"),
        Some(other) => refuse("InvalidFileModeException", format!("`{other}` is not a file mode")),
    }
}

/// Writes the tree and the commit, moves the branch and publishes that.
#[expect(clippy::too_many_arguments, reason = "what a commit consists of, used by the two operations above only")]
fn write(
    service: &Service,
    name: &RepositoryName,
    git: &Git,
    branch: &BranchName,
    parent: Option<&CommitId>,
    edits: &[Edit],
    message: &str,
    author: &Person,
) -> Result<(CommitId, String)> {
    let tree = write_tree(git, parent, edits)?;
    let parents: Vec<&CommitId> = parent.into_iter().collect();
    let commit = commit_tree(git, &tree, &parents, message, author)?;
    let change = Change {
        reference: branch.reference(),
        old: parent.map(|parent| parent.as_str().to_owned()),
        new: Some(commit.as_str().to_owned()),
    };
    move_reference(service, name, git, change)?;
    Ok((commit, tree))
}

fn write_tree(git: &Git, parent: Option<&CommitId>, edits: &[Edit]) -> Result<String> {
    let folder = tempfile::tempdir()?;
    let index = folder.path().join("index");
    if let Some(parent) = parent {
        git.run_with_index(&index, &["read-tree", parent.as_str()], b"")?;
    }
    let line = |edit: &Edit| match &edit.after {
        Some((mode, id)) => format!("{mode} {id}\t{}\0", edit.path.as_str()),
        None => format!("0 {NOTHING}\t{}\0", edit.path.as_str()),
    };
    let lines: String = edits.iter().map(line).collect();
    let conflict = |error: anyhow::Error| {
        // The one thing that Git refuses here, as every path and every object has been checked.
        ApiError::new("DirectoryNameConflictsWithFileNameException", format!("{error:#}"))
    };
    git.run_with_index(&index, &["update-index", "-z", "--index-info"], lines.as_bytes()).map_err(conflict)?;
    Ok(git.run_with_index(&index, &["write-tree"], b"")?)
}
