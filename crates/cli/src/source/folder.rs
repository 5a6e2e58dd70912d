//! The working copy: files as they lie in a folder.
//!
//! Nothing outside the folder is read, whatever links point there, and no file that is larger than the limit. What is
//! no regular file (a pipe, a device) is not opened, since that may wait for ever. `.git` is not looked into.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Component, Path, PathBuf};

use syncline_core::files::{Entry, Files, Want};
use syncline_core::names::RepoPath;

use super::{Found, LEADS_OUT, too_large};
use crate::failure::Failure;

/// A folder that is a repository's root.
#[derive(Debug)]
pub(crate) struct Folder {
    /// Without links, so that what lies in it begins with it.
    root: PathBuf,
}

impl Folder {
    /// Errors: there is no such folder.
    pub(crate) fn open(folder: &Path) -> Result<Self, Failure> {
        let help = "name the folder that holds the manifest, or leave it out for this one";
        let shown = folder.display();
        match fs::canonicalize(folder) {
            Ok(root) if root.is_dir() => Ok(Self { root }),
            Ok(_) => Err(Failure::usage(format!("`{shown}` is not a folder"), help)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(Failure::usage(format!("there is no folder `{shown}`"), help))
            }
            Err(error) => Err(Failure::usage(format!("cannot read the folder `{shown}`: {}", why(&error)), help)),
        }
    }

    /// The root, without links.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Reads what is wanted.
    ///
    /// Errors: a folder that is there and cannot be read, which must not pass for an empty one.
    pub(crate) fn read(&self, want: &Want) -> Result<Found, Failure> {
        match want {
            Want::File(path) => Ok(self.file(path)),
            Want::Folder(path) => self.listing(path).map(Found::Entry),
        }
    }

    fn file(&self, path: &RepoPath) -> Found {
        let read = || -> Result<Found, Entry> {
            let place = self.resolve(path)?;
            let unreadable = |error: io::Error| Entry::Unreadable(why(&error));
            let metadata = fs::metadata(&place).map_err(unreadable)?;
            if metadata.is_dir() {
                return Err(Entry::Absent);
            }
            if !metadata.is_file() {
                return Err(Entry::Unreadable("not a file".to_owned()));
            }
            let limit = Files::MAX_FILE_BYTES as u64;
            if metadata.len() > limit {
                return Err(too_large());
            }
            let mut bytes = Vec::new();
            // It may have grown since.
            File::open(&place).and_then(|file| file.take(limit + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
            Ok(Found::Bytes(bytes))
        };
        read().unwrap_or_else(Found::Entry)
    }

    fn listing(&self, path: &RepoPath) -> Result<Entry, Failure> {
        let failed = |why: &str| {
            let help = "make it readable; what is in a folder that cannot be read is not known";
            Failure::new(format!("cannot read the folder `{path}`: {why}"), help)
        };
        let place = match self.resolve(path) {
            Ok(place) if place.is_dir() => place,
            Ok(_) | Err(Entry::Absent) => return Ok(Entry::Absent),
            Err(Entry::Unreadable(why)) => return Err(failed(&why)),
            Err(other) => return Ok(other),
        };
        let (mut files, mut folders) = (BTreeSet::new(), BTreeSet::new());
        for entry in fs::read_dir(place).map_err(|error| failed(&why(&error)))? {
            let entry = entry.map_err(|error| failed(&why(&error)))?;
            // A name that is not UTF-8 cannot be written in a manifest either.
            let Ok(name) = entry.file_name().into_string() else { continue };
            if is_git(OsStr::new(&name)) {
                continue;
            }
            if entry.path().is_dir() {
                folders.insert(name)
            } else {
                files.insert(name)
            };
        }
        Ok(Entry::Folder { files, folders })
    }

    /// The place of a path, without links; or what stands there instead.
    fn resolve(&self, path: &RepoPath) -> Result<PathBuf, Entry> {
        let place = self.root.join(path.as_str());
        let resolved = fs::canonicalize(&place).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory if fs::symlink_metadata(&place).is_err() => {
                Entry::Absent
            }
            io::ErrorKind::NotFound => Entry::Unreadable("a symbolic link that leads nowhere".to_owned()),
            _ => Entry::Unreadable(why(&error)),
        })?;
        let Ok(inside) = resolved.strip_prefix(&self.root) else {
            return Err(Entry::Unreadable(LEADS_OUT.to_owned()));
        };
        let is_in_git = |part: Component<'_>| matches!(part, Component::Normal(name) if is_git(name));
        if inside.components().next().is_some_and(is_in_git) { Err(Entry::Absent) } else { Ok(resolved) }
    }
}

/// Whether this is Git's own folder, on a file system that may not know letters' case.
fn is_git(name: &OsStr) -> bool {
    name.eq_ignore_ascii_case(".git")
}

/// An error of the system, as the end of a sentence.
pub(crate) fn why(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut characters = text.chars();
    characters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(characters).collect()
}

#[cfg(unix)]
#[cfg(test)]
#[path = "folder_tests.rs"]
mod tests;
