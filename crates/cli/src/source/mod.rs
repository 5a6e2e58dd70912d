//! Where a repository's files come from without AWS: the working copy, or what is committed on a branch.
//!
//! The core says which files it wants; [`read_until`] has them read, each once and nothing beyond.

pub(crate) mod folder;
pub(crate) mod git;

use syncline_core::files::{Entry, Files, Want};

pub(crate) use folder::Folder;
pub(crate) use git::Git;

use crate::failure::Failure;

/// What a source found at a path.
pub(crate) enum Found {
    /// A file's bytes, no more than one beyond the limit.
    Bytes(Vec<u8>),
    /// Anything else.
    Entry(Entry),
}

/// Asks `step` for its result, having `read` read what it wants, until it has one.
pub(crate) fn read_until<T>(
    files: &mut Files,
    mut read: impl FnMut(&Want) -> Result<Found, Failure>,
    mut step: impl FnMut(&mut Files) -> Option<T>,
) -> Result<T, Failure> {
    loop {
        if let Some(result) = step(files) {
            return Ok(result);
        }
        let wanted = files.take_wanted();
        if wanted.is_empty() {
            return Err(Failure::unexplained("more files are needed, and none is named"));
        }
        for want in wanted {
            let found = read(&want)?;
            let (Want::File(path) | Want::Folder(path)) = want;
            match found {
                Found::Bytes(bytes) => files.insert_bytes(path, bytes),
                Found::Entry(entry) => files.insert(path, entry),
            }
        }
    }
}

/// Why a file that is too large was not read, in the words of [`Files::insert_bytes`].
fn too_large() -> Entry {
    Entry::Unreadable(format!("larger than {} bytes", Files::MAX_FILE_BYTES))
}

/// What is said of a link that leads out of the repository.
const LEADS_OUT: &str = "a symbolic link that leads out of the repository";

#[cfg(test)]
mod tests {
    use syncline_core::names::RepoPath;

    use super::*;

    #[test]
    fn a_file_too_large_is_told_in_the_same_words_whether_it_was_read_or_not() {
        let path = RepoPath::parse("x").unwrap();
        let mut files = Files::default();
        files.insert_bytes(path.clone(), vec![b' '; Files::MAX_FILE_BYTES + 1]);
        assert_eq!(files.get(&path), Some(&too_large()));
    }

    #[test]
    fn a_file_is_read_once() {
        let want = Want::File(RepoPath::parse("x").unwrap());
        let mut reads = 0;
        let read = |_: &Want| {
            reads += 1;
            Ok(Found::Bytes(b"text".to_vec()))
        };
        let mut files = Files::default();
        let text = read_until(&mut files, read, |files| {
            files.want(want.clone()).cloned()?;
            files.want(want.clone()).cloned()
        });
        assert_eq!(text.unwrap(), Entry::Text("text".to_owned()));
        assert_eq!(reads, 1);
    }
}
