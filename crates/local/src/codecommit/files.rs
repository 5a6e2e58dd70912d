//! The operations that read: commits, files, folders, blobs and differences.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::error::{ApiError, Result, refuse};
use super::git::{EMPTY_TREE, Entry, Git};
use super::names::{CommitId, RepositoryPath, is_object_id};
use super::references::resolve;
use super::service::Service;

/// CodeCommit's limit for the content of one file over the API.
pub(crate) const LARGEST_FILE: u64 = 6 * 1024 * 1024;

/// As many differences as CodeCommit puts on a page.
const PAGE: usize = 100;

/// The input of the operations that read.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ReadInput {
    repository_name: String,
    commit_id: String,
    commit_specifier: String,
    blob_id: String,
    file_path: String,
    folder_path: Option<String>,
    before_commit_specifier: String,
    after_commit_specifier: String,
    before_path: String,
    after_path: String,
    // This operation alone has capitals.
    #[serde(rename = "MaxResults")]
    max_results: Option<i64>,
    #[serde(rename = "NextToken")]
    next_token: Option<String>,
}

pub(crate) fn get_commit(service: &Service, input: ReadInput) -> Result<Value> {
    let (_, git) = service.repository(&input.repository_name)?;
    let id = CommitId::parse(&input.commit_id)?;
    match git.commit(id.as_str())? {
        // A tag object leads to a commit, but is none.
        Some(found) if found == id => Ok(json!({ "commit": commit(&git, &id)? })),
        _ => refuse("CommitIdDoesNotExistException", format!("commit `{}` does not exist", id.as_str())),
    }
}

/// A commit as the API tells it.
fn commit(git: &Git, id: &CommitId) -> Result<Value> {
    let text = git.commit_text(id)?;
    let (head, message) = text.split_once("\n\n").unwrap_or((&text, ""));
    let mut fields = Map::new();
    let mut parents = Vec::new();
    for line in head.lines() {
        match line.split_once(' ') {
            Some(("tree", tree)) => drop(fields.insert("treeId".into(), json!(tree))),
            Some(("parent", parent)) => parents.push(parent),
            Some((who @ ("author" | "committer"), signature)) => drop(fields.insert(who.into(), person(signature))),
            _ => {}
        }
    }
    let mut commit = json!({ "commitId": id.as_str(), "parents": parents, "message": message, "additionalData": "" });
    if let Some(object) = commit.as_object_mut() {
        object.extend(fields);
    }
    Ok(commit)
}

/// `Ada <ada@example.com> 1700000000 +0100`
fn person(signature: &str) -> Value {
    let (name, rest) = signature.split_once(" <").unwrap_or((signature, ""));
    let (email, date) = rest.split_once("> ").unwrap_or((rest, ""));
    json!({ "name": name, "email": email, "date": date })
}

pub(crate) fn get_file(service: &Service, input: ReadInput) -> Result<Value> {
    let (_, git) = service.repository(&input.repository_name)?;
    let path = RepositoryPath::file(&input.file_path)?;
    let commit = resolve(&git, &input.commit_specifier)?;
    let file = git.entry(commit.as_str(), &path)?.filter(|entry| !entry.is_folder() && !entry.is_submodule());
    let Some(file) = file else {
        let message = format!("the file `{}` does not exist at commit `{}`", path.as_str(), commit.as_str());
        return refuse("FileDoesNotExistException", message);
    };
    let content = read(&git, &file.id)?;
    Ok(json!({
        "commitId": commit.as_str(),
        "blobId": file.id,
        "filePath": path.as_str(),
        "fileMode": file.file_mode(),
        "fileSize": content.len(),
        "fileContent": STANDARD.encode(content),
    }))
}

pub(crate) fn get_blob(service: &Service, input: ReadInput) -> Result<Value> {
    let (_, git) = service.repository(&input.repository_name)?;
    match input.blob_id.as_str() {
        "" => refuse("BlobIdRequiredException", "a blob id is required"),
        id if !is_object_id(id) => refuse("InvalidBlobIdException", format!("`{id}` is not a full blob id")),
        id => Ok(json!({ "content": STANDARD.encode(read(&git, id)?) })),
    }
}

fn read(git: &Git, blob: &str) -> Result<Vec<u8>> {
    match git.blob_size(blob)? {
        None => refuse("BlobIdDoesNotExistException", format!("blob `{blob}` does not exist")),
        Some(size) if size > LARGEST_FILE => {
            refuse("FileTooLargeException", format!("the file has {size} bytes, more than {LARGEST_FILE}"))
        }
        Some(_) => Ok(git.blob(blob)?),
    }
}

pub(crate) fn get_folder(service: &Service, input: ReadInput) -> Result<Value> {
    let (_, git) = service.repository(&input.repository_name)?;
    let Some(path) = &input.folder_path else {
        return refuse("PathRequiredException", "a folder path is required");
    };
    let path = RepositoryPath::folder(path)?;
    let commit = resolve(&git, &input.commit_specifier)?;
    let tree = if path.is_root() {
        git.tree(&commit)?
    } else {
        let folder = git.entry(commit.as_str(), &path)?.filter(Entry::is_folder);
        let missing = || {
            let message = format!("the folder `{}` does not exist at commit `{}`", path.as_str(), commit.as_str());
            ApiError::new("FolderDoesNotExistException", message)
        };
        folder.ok_or_else(missing)?.id
    };
    let (mut folders, mut files, mut links, mut modules) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for entry in git.list(&tree)?.values() {
        let absolute = if path.is_root() { entry.path.clone() } else { format!("{}/{}", path.as_str(), entry.path) };
        let mut shown = json!({ "absolutePath": absolute, "relativePath": entry.path });
        if entry.is_folder() {
            shown["treeId"] = json!(entry.id);
            folders.push(shown);
        } else if entry.is_submodule() {
            shown["commitId"] = json!(entry.id);
            modules.push(shown);
        } else {
            shown["blobId"] = json!(entry.id);
            shown["fileMode"] = json!(entry.file_mode());
            if entry.file_mode() == "SYMLINK" { &mut links } else { &mut files }.push(shown);
        }
    }
    Ok(json!({
        "commitId": commit.as_str(),
        "folderPath": path.as_str(),
        "treeId": tree,
        "subFolders": folders,
        "files": files,
        "symbolicLinks": links,
        "subModules": modules,
    }))
}

pub(crate) fn get_differences(service: &Service, input: ReadInput) -> Result<Value> {
    let (_, git) = service.repository(&input.repository_name)?;
    if input.after_commit_specifier.is_empty() {
        return refuse("CommitRequiredException", "afterCommitSpecifier is required");
    }
    let after = resolve(&git, &input.after_commit_specifier)?;
    let before = match input.before_commit_specifier.as_str() {
        "" => EMPTY_TREE.to_owned(),
        specifier => resolve(&git, specifier)?.as_str().to_owned(),
    };
    let before_path = RepositoryPath::folder(&input.before_path)?;
    let after_path = RepositoryPath::folder(&input.after_path)?;
    for path in [&before_path, &after_path] {
        let exists =
            path.is_root() || git.entry(&before, path)?.is_some() || git.entry(after.as_str(), path)?.is_some();
        if !exists {
            return refuse("PathDoesNotExistException", format!("the path `{}` does not exist", path.as_str()));
        }
    }
    // A path that is given for one side holds for the other as well.
    let wanted = |path: &str| match (before_path.is_root(), after_path.is_root()) {
        (true, true) => true,
        (true, false) => after_path.contains(path),
        (false, true) => before_path.contains(path),
        (false, false) => before_path.contains(path) || after_path.contains(path),
    };
    let differences: Vec<Value> = git
        .differences(&before, after.as_str())?
        .into_iter()
        .filter(|pair| pair.0.iter().chain(&pair.1).any(|entry| wanted(&entry.path)))
        .map(difference)
        .collect();
    let (page, next) = page(&differences, input.max_results, input.next_token.as_deref(), PAGE)?;
    let mut answer = json!({ "differences": page });
    if let Some(next) = next {
        answer["NextToken"] = json!(next);
    }
    Ok(answer)
}

fn difference((before, after): (Option<Entry>, Option<Entry>)) -> Value {
    let blob = |entry: &Entry| json!({ "blobId": entry.id, "path": entry.path, "mode": entry.mode });
    let kind = match (&before, &after) {
        (None, _) => "A",
        (_, None) => "D",
        _ => "M",
    };
    let mut difference = json!({ "changeType": kind });
    if let Some(before) = &before {
        difference["beforeBlob"] = blob(before);
    }
    if let Some(after) = &after {
        difference["afterBlob"] = blob(after);
    }
    difference
}

/// One page of a list and the token for the next. A token is the place that it goes on from.
pub(crate) fn page<'a, T>(
    list: &'a [T],
    max_results: Option<i64>,
    next_token: Option<&str>,
    largest: usize,
) -> Result<(&'a [T], Option<String>)> {
    let size = match max_results {
        None => largest,
        Some(size) if size > 0 => usize::try_from(size).unwrap_or(largest).min(largest),
        Some(_) => return refuse("InvalidMaxResultsException", "maxResults must be greater than 0"),
    };
    let start =
        match next_token {
            None | Some("") => 0,
            Some(token) => token.parse::<usize>().ok().filter(|start| *start <= list.len()).ok_or_else(|| {
                ApiError::new("InvalidContinuationTokenException", "the continuation token is not valid")
            })?,
        };
    let end = (start + size).min(list.len());
    Ok((&list[start..end], (end < list.len()).then(|| end.to_string())))
}
