//! What is committed on a branch, read by the `git` program: one `git cat-file` for all of it.
//!
//! No shell is in between, and a branch reaches `git` only as a full reference, so that no name can be taken for an
//! option or for anything but a branch. Nothing is fetched, checked out or written.

use std::collections::BTreeSet;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use syncline_core::files::{Entry, Files, Want};
use syncline_core::names::{BranchName, CommitId, RepoPath};

use super::{Found, LEADS_OUT, too_large};
use crate::failure::Failure;

/// A folder in a Git repository.
#[derive(Debug)]
pub(crate) struct Git {
    /// The folder's path in the repository, empty for the root.
    prefix: String,
    folder: std::path::PathBuf,
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

/// What is committed on a branch, below the folder that the repository was opened at.
#[derive(Clone, Debug)]
pub(crate) struct Tree {
    /// The branch's commit.
    pub(crate) commit: CommitId,
    /// The commit of that branch at `origin`, where it comes after this one.
    pub(crate) newer: Option<CommitId>,
    id: String,
}

/// What `git cat-file` says of a name.
enum Object {
    File(u64),
    Folder(u64),
    Nothing,
    Unreadable(&'static str),
}

impl Git {
    /// Opens the repository that a folder is in.
    ///
    /// Errors: there is no `git`, or the folder is in no repository.
    pub(crate) fn open(folder: &Path) -> Result<Self, Failure> {
        let asked = git(folder).args(["rev-parse", "--show-prefix"]).output().map_err(no_git)?;
        if !asked.status.success() {
            let why = String::from_utf8_lossy(&asked.stderr);
            let why = why.lines().next().unwrap_or_default().trim_start_matches("fatal: ").to_owned();
            let help = "leave out `--git` to read the files as they lie there";
            return Err(Failure::usage(format!("git cannot read `{}`: {why}", folder.display()), help));
        }
        let prefix = String::from_utf8_lossy(&asked.stdout).trim_end_matches('\n').trim_end_matches('/').to_owned();
        let mut child = git(folder)
            .args(["cat-file", "--batch", "--follow-symlinks"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(no_git)?;
        let (Some(questions), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Failure::unexplained("git gave no way to talk to it"));
        };
        Ok(Self { prefix, folder: folder.to_owned(), child, questions, answers: BufReader::new(answers) })
    }

    /// What is committed on a branch: here, or else on that of `origin` as it was last fetched. Nothing where neither
    /// has the branch.
    pub(crate) fn branch(&self, branch: &BranchName) -> Result<Option<Tree>, Failure> {
        let commit_of = |place: &str| {
            let reference = format!("{place}/{branch}");
            self.ask(&["show-ref", "--verify", "--hash", "--", &reference])
        };
        let (here, there) = (commit_of("refs/heads")?, commit_of("refs/remotes/origin")?);
        let Some(commit) = here.as_ref().or(there.as_ref()) else { return Ok(None) };
        let path = format!("{commit}:{}", self.prefix);
        let tree = self.ask(&["rev-parse", "--verify", "--quiet", "--end-of-options", &path])?;
        let newer = there.as_ref().filter(|there| *there != commit && self.is_before(commit, there));
        // Without the folder there is a branch all the same, with nothing in it.
        let id = tree.unwrap_or_default();
        Ok(Some(Tree { commit: CommitId::new(commit), newer: newer.map(CommitId::new), id }))
    }

    /// Whether one commit is among those that another one comes after.
    fn is_before(&self, one: &str, other: &str) -> bool {
        let asked = git(&self.folder).args(["merge-base", "--is-ancestor", one, other]).output();
        asked.is_ok_and(|asked| asked.status.success())
    }

    /// Reads what is wanted.
    pub(crate) fn read(&mut self, tree: &Tree, want: &Want) -> Result<Found, Failure> {
        let (Want::File(path) | Want::Folder(path)) = want;
        if tree.id.is_empty() {
            return Ok(Found::Entry(Entry::Absent));
        }
        self.try_read(tree, path, matches!(want, Want::Folder(_)))
            .map_err(|error| Failure::unexplained(format!("git cannot read `{path}` at {}: {error}", tree.commit)))
    }

    fn try_read(&mut self, tree: &Tree, path: &RepoPath, is_folder_wanted: bool) -> io::Result<Found> {
        Ok(match self.object(tree, path)? {
            Object::File(size) if is_folder_wanted || size > Files::MAX_FILE_BYTES as u64 => {
                self.skip(size)?;
                Found::Entry(if is_folder_wanted { Entry::Absent } else { too_large() })
            }
            Object::File(size) => Found::Bytes(self.content(size)?),
            Object::Folder(size) if is_folder_wanted => {
                let content = self.content(size)?;
                Found::Entry(self.listing(tree, path, &content)?)
            }
            Object::Folder(size) => {
                self.skip(size)?;
                Found::Entry(Entry::Absent)
            }
            Object::Nothing => Found::Entry(Entry::Absent),
            Object::Unreadable(_) if is_folder_wanted => Found::Entry(Entry::Absent),
            Object::Unreadable(why) => Found::Entry(Entry::Unreadable(why.to_owned())),
        })
    }

    /// The names in a tree object, which is a row of `<mode> <name>\0<id>`.
    fn listing(&mut self, tree: &Tree, path: &RepoPath, content: &[u8]) -> io::Result<Entry> {
        let id_bytes = tree.id.len() / 2;
        let (mut files, mut folders, mut links) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        let mut rest = content;
        while let Some(end) = rest.iter().position(|&byte| byte == 0) {
            let (row, after) = rest.split_at(end);
            rest = after.get(1 + id_bytes..).unwrap_or_default();
            let Some((mode, name)) = std::str::from_utf8(row).ok().and_then(|row| row.split_once(' ')) else {
                continue;
            };
            match mode {
                "40000" => folders.insert(name.to_owned()),
                "120000" => links.insert(name.to_owned()),
                // Another repository's commit.
                "160000" => false,
                _ => files.insert(name.to_owned()),
            };
        }
        for name in links {
            let Some(link) = path.join(&name) else { continue };
            match self.object(tree, &link)? {
                Object::Folder(size) => {
                    self.skip(size)?;
                    folders.insert(name);
                }
                Object::File(size) => {
                    self.skip(size)?;
                    files.insert(name);
                }
                Object::Nothing | Object::Unreadable(_) => {
                    files.insert(name);
                }
            }
        }
        Ok(Entry::Folder { files, folders })
    }

    /// Asks what stands at a path. What is a file or a folder must be read or skipped next.
    fn object(&mut self, tree: &Tree, path: &RepoPath) -> io::Result<Object> {
        let colon = if path.as_str().is_empty() { "" } else { ":" };
        writeln!(self.questions, "{}{colon}{}", tree.id, path.as_str())?;
        self.questions.flush()?;
        let mut line = Vec::new();
        if self.answers.read_until(b'\n', &mut line)? == 0 {
            return Err(io::Error::other("`git cat-file` has ended"));
        }
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end_matches('\n');
        let words: Vec<&str> = line.split(' ').collect();
        let size = |text: &str| text.parse::<u64>().map_err(|_| io::Error::other(format!("it says `{line}`")));
        match words.as_slice() {
            [.., "missing" | "ambiguous" | "submodule"] => Ok(Object::Nothing),
            [kind @ ("symlink" | "dangling" | "loop" | "notdir"), length] => {
                self.skip(size(length)?)?;
                Ok(match *kind {
                    "symlink" => Object::Unreadable(LEADS_OUT),
                    "loop" => Object::Unreadable("too many levels of symbolic links"),
                    "dangling" => Object::Unreadable("a symbolic link that leads nowhere"),
                    _ => Object::Nothing,
                })
            }
            [_, "blob", length] => Ok(Object::File(size(length)?)),
            [_, "tree", length] => Ok(Object::Folder(size(length)?)),
            _ => Err(io::Error::other(format!("it says `{line}`"))),
        }
    }

    fn content(&mut self, size: u64) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        self.answers.by_ref().take(size).read_to_end(&mut content)?;
        self.skip_line_end()?;
        Ok(content)
    }

    fn skip(&mut self, size: u64) -> io::Result<()> {
        io::copy(&mut self.answers.by_ref().take(size), &mut io::sink())?;
        self.skip_line_end()
    }

    fn skip_line_end(&mut self) -> io::Result<()> {
        self.answers.read_exact(&mut [0])
    }

    fn ask(&self, arguments: &[&str]) -> Result<Option<String>, Failure> {
        let output = git(&self.folder).args(arguments).stderr(Stdio::null()).output().map_err(no_git)?;
        let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Ok((output.status.success() && !text.is_empty()).then_some(text))
    }
}

impl Drop for Git {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether a folder is in a Git repository.
pub(crate) fn is_there(folder: &Path) -> bool {
    git(folder).args(["rev-parse", "--git-dir"]).output().is_ok_and(|output| output.status.success())
}

/// The branch that is checked out in a folder, where there is one.
pub(crate) fn checked_out(folder: &Path) -> Option<BranchName> {
    let output = git(folder).args(["symbolic-ref", "--quiet", "HEAD"]).output().ok()?;
    let name = String::from_utf8(output.stdout).ok()?;
    let name = name.trim_end_matches('\n').strip_prefix("refs/heads/")?;
    output.status.success().then(|| BranchName::new(name))
}

/// The commit that is checked out in a folder.
pub(crate) fn commit(folder: &Path) -> Option<CommitId> {
    let output = git(folder).args(["rev-parse", "--verify", "--quiet", "HEAD"]).output().ok()?;
    let id = CommitId::new(String::from_utf8(output.stdout).ok()?.trim());
    id.is_valid().then_some(id)
}

/// Whether a folder's repository has a reference, such as `refs/heads/main`.
pub(crate) fn has(folder: &Path, reference: &str) -> bool {
    let output = git(folder).args(["show-ref", "--verify", "--quiet", "--", reference]).output();
    output.is_ok_and(|output| output.status.success())
}

/// Whether the files in a folder differ from what is checked out; without Git nobody knows, so they may.
pub(crate) fn has_changes(folder: &Path) -> bool {
    let output = git(folder).args(["status", "--porcelain", "--", "."]).output();
    output.map_or(true, |output| !output.status.success() || !output.stdout.is_empty())
}

/// The program `git` in a folder, which asks nobody anything.
pub(crate) fn git(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).env("GIT_TERMINAL_PROMPT", "0").stdin(Stdio::null());
    command
}

fn no_git(error: io::Error) -> Failure {
    let help = "install Git, or leave out `--git` to read the files as they lie there";
    Failure::new(format!("cannot run `git`: {}", super::folder::why(&error)), help)
}

#[cfg(test)]
#[path = "git_tests.rs"]
mod tests;
