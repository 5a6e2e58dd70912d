//! Where the manifest lies, and reading it from there.

use super::{Manifest, read};
use crate::diagnostic::{self, Diagnostic};
use crate::files::{Entry, Files, Want};
use crate::names::{RepoPath, RepositoryName};
use crate::yaml;

/// The names under which a manifest is looked for at the root of the repository, in this order.
pub const NAMES: [&str; 6] =
    ["syncline.yaml", "syncline.yml", ".proton-ops.yaml", ".proton-ops.yml", "proton-ops.yaml", "proton-ops.yml"];

/// Finds the manifest: at `configured` where a path was given, else under one of [`NAMES`]. Nothing while files are
/// wanted.
///
/// Errors: none is there, or two are.
pub fn locate(configured: Option<&RepoPath>, files: &mut Files) -> Option<Result<RepoPath, Diagnostic>> {
    if let Some(path) = configured {
        return Some(match files.want(Want::File(path.clone()))? {
            Entry::Text(_) | Entry::Unreadable(_) => Ok(path.clone()),
            Entry::Absent | Entry::Folder { .. } => Err(absent(path)),
        });
    }
    let found: Vec<&str> = match files.want(Want::Folder(RepoPath::root()))? {
        Entry::Folder { files, .. } => NAMES.into_iter().filter(|name| files.contains(*name)).collect(),
        _ => Vec::new(),
    };
    Some(match found.as_slice() {
        [name] => RepoPath::parse(name).ok_or_else(|| Diagnostic::error(&RepoPath::root(), "no manifest")),
        [] => Err(Diagnostic::error(&RepoPath::root(), format!("no manifest: looked for {}", yaml::list(&NAMES)))
            .help("add `syncline.yaml`, or name another path in the parameter `ManifestPath`")),
        // In the one that comes first, since a problem of the root has no name.
        several @ [first, ..] => {
            let place = RepoPath::parse(first).unwrap_or_else(RepoPath::root);
            let error = format!("more than one manifest: {}", yaml::list(several));
            Err(Diagnostic::error(&place, error).help("keep one of them"))
        }
    })
}

fn absent(path: &RepoPath) -> Diagnostic {
    Diagnostic::error(path, "there is no manifest here").help("add it, or correct the parameter that names its path")
}

/// Whether there is no manifest at all, as far as [`locate`] has looked.
pub fn is_absent(configured: Option<&RepoPath>, files: &Files) -> bool {
    match configured {
        Some(path) => matches!(files.get(path), Some(Entry::Absent | Entry::Folder { .. })),
        None => match files.get(&RepoPath::root()) {
            Some(Entry::Folder { files, .. }) => !NAMES.iter().any(|name| files.contains(*name)),
            other => matches!(other, Some(Entry::Absent)),
        },
    }
}

/// A manifest and its warnings, or what is wrong with it.
pub type Loaded = Result<(Manifest, Vec<Diagnostic>), Vec<Diagnostic>>;

/// Finds and reads the manifest. Nothing while files are wanted; see [`locate`] and [`read`].
pub fn load(configured: Option<&RepoPath>, repository: &RepositoryName, files: &mut Files) -> Option<Loaded> {
    let path = match locate(configured, files)? {
        Ok(path) => path,
        Err(error) => return Some(Err(vec![error])),
    };
    let (manifest, diagnostics) = match files.want(Want::File(path.clone()))? {
        Entry::Text(text) => read(&path, text, repository),
        Entry::Unreadable(why) => (None, vec![Diagnostic::unreadable(&path, why)]),
        Entry::Absent | Entry::Folder { .. } => (None, vec![absent(&path)]),
    };
    Some(match manifest {
        Some(manifest) if !diagnostic::has_errors(&diagnostics) => Ok((manifest, diagnostics)),
        _ => Err(diagnostics),
    })
}
