//! Runs `git` in one bare repository: arguments as a vector, no shell, no configuration but the repository's own.
//!
//! It takes names that [`super::names`] has checked and reports what Git said; which error of CodeCommit that is, its
//! callers decide.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result, bail, ensure};
use indexmap::IndexMap;
use lru::LruCache;

use super::names::{CommitId, RepositoryPath, is_object_id};

/// The tree without entries, which every repository knows.
pub(crate) const EMPTY_TREE: &str = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";

/// What `git update-ref` takes for "does not exist".
pub(crate) const NOTHING: &str = "0000000000000000000000000000000000000000";

/// How many answers and folders are remembered, and how large an answer may be: some 256 MB at the most, and where there are so
/// many, most are small.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(32_768).unwrap();
const LARGEST_REMEMBERED: usize = 8 * 1024;
/// A folder may be larger, since each file in it is looked for there.
const LARGEST_FOLDER: usize = 20_000;

/// What Git said of objects. Objects never change, and AWS starts no process to read one.
static KNOWN: LazyLock<Mutex<Known>> =
    LazyLock::new(|| Mutex::new(Known { answers: LruCache::new(REMEMBERED), folders: LruCache::new(REMEMBERED) }));

/// By repository and question, and by repository and tree.
struct Known {
    answers: LruCache<(PathBuf, String), Arc<[u8]>>,
    folders: LruCache<(PathBuf, String), Arc<Folder>>,
}

/// What is in a folder, by name and in Git's order.
pub(crate) type Folder = IndexMap<String, Entry>;

/// One bare repository.
#[derive(Debug, Clone)]
pub(crate) struct Git {
    folder: PathBuf,
}

/// An entry of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) mode: String,
    pub(crate) id: String,
    /// From the root of what was listed.
    pub(crate) path: String,
    /// A file's bytes, where they were counted.
    pub(crate) size: Option<usize>,
}

impl Entry {
    pub(crate) fn is_folder(&self) -> bool {
        self.mode == "040000"
    }

    pub(crate) fn is_submodule(&self) -> bool {
        self.mode == "160000"
    }

    /// CodeCommit's word for the mode of a file.
    pub(crate) fn file_mode(&self) -> &'static str {
        match self.mode.as_str() {
            "100755" => "EXECUTABLE",
            "120000" => "SYMLINK",
            _ => "NORMAL",
        }
    }
}

/// Git's own environment: nobody's configuration, no prompts, English.
pub(crate) fn environment() -> Vec<(&'static str, std::ffi::OsString)> {
    let mut environment: Vec<(&str, std::ffi::OsString)> = vec![
        ("GIT_CONFIG_NOSYSTEM", "1".into()),
        ("GIT_CONFIG_GLOBAL", "/dev/null".into()),
        ("GIT_TERMINAL_PROMPT", "0".into()),
        ("GIT_LITERAL_PATHSPECS", "1".into()),
        ("LC_ALL", "C".into()),
    ];
    if let Some(path) = std::env::var_os("PATH") {
        environment.push(("PATH", path));
    }
    environment
}

impl Git {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Makes a new, empty, bare repository in a folder that does not exist.
    pub(crate) fn create(folder: PathBuf) -> Result<Self> {
        fs::create_dir(&folder).with_context(|| format!("failed to create the folder `{}`", folder.display()))?;
        // One of that name may have been deleted.
        known().forget(&folder);
        let git = Self::new(folder);
        git.run(["init", "--quiet", "--bare", "--template=", "--initial-branch=main"])?;
        // Nothing goes on in the background once a push has been answered.
        git.run(["config", "receive.autogc", "false"])?;
        Ok(git)
    }

    fn command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new("git");
        command.env_clear().envs(environment()).env("GIT_DIR", &self.folder).current_dir(&self.folder).args(arguments);
        command
    }

    /// Runs Git and returns whatever it did.
    pub(crate) fn output<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
        environment: &[(&str, &OsStr)],
        input: &[u8],
    ) -> Result<Output> {
        let mut command = self.command(arguments);
        command.envs(environment.iter().copied());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().context("failed to run `git`")?;
        let mut stdin = child.stdin.take().context("git has no standard input")?;
        // Git may answer, or give up, before it has read everything: write beside reading, and do not mind.
        let output = std::thread::scope(|scope| {
            scope.spawn(move || {
                let _ = stdin.write_all(input);
            });
            child.wait_with_output()
        });
        output.context("failed to run `git`")
    }

    /// Runs Git, which must succeed, and returns what it printed.
    fn bytes<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
        environment: &[(&str, &OsStr)],
        input: &[u8],
    ) -> Result<Vec<u8>> {
        let output = self.output(arguments, environment, input)?;
        ensure!(output.status.success(), "git: {}", String::from_utf8_lossy(&output.stderr).trim());
        Ok(output.stdout)
    }

    fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Result<String> {
        Ok(String::from_utf8_lossy(&self.bytes(arguments, &[], b"")?).trim_end().to_owned())
    }

    /// Runs Git with an index of its own in `index` and text to read.
    pub(crate) fn run_with_index(&self, index: &Path, arguments: &[&str], input: &[u8]) -> Result<String> {
        let bytes = self.bytes(arguments, &[("GIT_INDEX_FILE", index.as_os_str())], input)?;
        Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
    }

    /// Every branch and tag with the object that it names, in the order of their full names.
    pub(crate) fn references(&self) -> Result<BTreeMap<String, String>> {
        let text = self.run(["for-each-ref", "--format=%(objectname) %(refname)", "refs/heads", "refs/tags"])?;
        let pair = |line: &str| line.split_once(' ').map(|(id, name)| (name.to_owned(), id.to_owned()));
        Ok(text.lines().filter_map(pair).collect())
    }

    /// The answer to a question about an object, asked once, unless it is large.
    fn once(&self, question: String, ask: impl FnOnce() -> Result<Vec<u8>>) -> Result<Arc<[u8]>> {
        let key = (self.folder.clone(), question);
        if let Some(answer) = known().answers.get(&key) {
            return Ok(answer.clone());
        }
        let answer: Arc<[u8]> = ask()?.into();
        if answer.len() <= LARGEST_REMEMBERED {
            known().answers.put(key, answer.clone());
        }
        Ok(answer)
    }

    /// The commit that a full reference or an object id leads to.
    pub(crate) fn commit(&self, reference_or_id: &str) -> Result<Option<CommitId>> {
        if !is_object_id(reference_or_id) {
            return self.find_commit(reference_or_id);
        }
        // One that is not there may be pushed yet.
        let key = (self.folder.clone(), format!("commit {reference_or_id}"));
        if let Some(known) = known().answers.get(&key) {
            return Ok(Some(CommitId::trusted(String::from_utf8_lossy(known).into_owned())));
        }
        let found = self.find_commit(reference_or_id)?;
        if let Some(id) = &found {
            known().answers.put(key, id.as_str().as_bytes().into());
        }
        Ok(found)
    }

    fn find_commit(&self, reference_or_id: &str) -> Result<Option<CommitId>> {
        let expression = format!("{reference_or_id}^{{commit}}");
        let output = self.output(["rev-parse", "--verify", "--quiet", "--end-of-options", &expression], &[], b"")?;
        let id = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Ok((output.status.success() && !id.is_empty()).then(|| CommitId::trusted(id)))
    }

    /// The reference that HEAD names, whether it exists or not.
    pub(crate) fn head(&self) -> Result<String> {
        self.run(["symbolic-ref", "HEAD"])
    }

    pub(crate) fn set_head(&self, reference: &str) -> Result<()> {
        self.run(["symbolic-ref", "HEAD", reference]).map(drop)
    }

    /// Moves, creates or deletes a reference, if it still names `old`. Says whether it did.
    pub(crate) fn update_reference(&self, reference: &str, new: Option<&str>, old: Option<&str>) -> Result<bool> {
        let old = old.unwrap_or(NOTHING);
        let arguments = match new {
            Some(new) => vec!["update-ref", reference, new, old],
            None => vec!["update-ref", "-d", reference, old],
        };
        Ok(self.output(arguments, &[], b"")?.status.success())
    }

    /// The tree of a commit.
    pub(crate) fn tree(&self, commit: &CommitId) -> Result<String> {
        let expression = format!("{}^{{tree}}", commit.as_str());
        let tree = self.once(format!("tree {}", commit.as_str()), || {
            self.bytes(["rev-parse", "--verify", "--end-of-options", &expression], &[], b"")
        })?;
        Ok(String::from_utf8_lossy(&tree).trim_end().to_owned())
    }

    /// What is at a path of a tree or commit.
    pub(crate) fn entry(&self, tree: &str, path: &RepositoryPath) -> Result<Option<Entry>> {
        let mut tree = tree.to_owned();
        let (folders, name) = path.as_str().rsplit_once('/').unwrap_or(("", path.as_str()));
        for folder in folders.split('/').filter(|folder| !folder.is_empty()) {
            match self.list(&tree)?.get(folder).filter(|entry| entry.is_folder()) {
                Some(found) => tree = found.id.clone(),
                None => return Ok(None),
            }
        }
        let found = self.list(&tree)?.get(name).cloned();
        Ok(found.map(|entry| Entry { path: path.as_str().to_owned(), ..entry }))
    }

    /// What is in a tree or commit, one level deep. Whoever lists a folder reads its files next, so one process reads them all.
    pub(crate) fn list(&self, tree: &str) -> Result<Arc<Folder>> {
        let key = (self.folder.clone(), tree.to_owned());
        if let Some(folder) = known().folders.get(&key) {
            return Ok(folder.clone());
        }
        let folder = Arc::new(listed(&self.bytes(["ls-tree", "-z", "--long", "--full-tree", tree], &[], b"")?));
        self.remember_small_blobs(&folder)?;
        if folder.len() <= LARGEST_FOLDER {
            known().folders.put(key, folder.clone());
        }
        Ok(folder)
    }

    /// Remembers the blobs of a folder that are small and not known yet.
    fn remember_small_blobs(&self, folder: &Folder) -> Result<()> {
        let key = |id: &str| (self.folder.clone(), format!("blob {id}"));
        let small = |entry: &&Entry| entry.size.is_some_and(|size| size <= LARGEST_REMEMBERED);
        let known_now = known();
        let unknown = |id: &&str| !known_now.answers.contains(&key(id));
        let ids: Vec<&str> = folder.values().filter(small).map(|entry| entry.id.as_str()).filter(unknown).collect();
        drop(known_now);
        if ids.is_empty() {
            return Ok(());
        }
        let told = self.bytes(["cat-file", "--batch"], &[], (ids.join("\n") + "\n").as_bytes())?;
        let mut rest = told.as_slice();
        while let Some(end) = rest.iter().position(|&byte| byte == b'\n') {
            let head = String::from_utf8_lossy(&rest[..end]).into_owned();
            let [id, "blob", size] = head.split(' ').collect::<Vec<_>>()[..] else {
                bail!("git told of an object what was not understood: `{head}`");
            };
            let size: usize = size.parse().context("git told no size")?;
            let content = rest.get(end + 1..end + 1 + size).context("git told less than it said")?;
            known().answers.put(key(id), content.into());
            rest = rest.get(end + 2 + size..).unwrap_or_default();
        }
        Ok(())
    }

    /// A blob's size, if there is such a blob.
    pub(crate) fn blob_size(&self, id: &str) -> Result<Option<u64>> {
        if let Some(known) = known().answers.get(&(self.folder.clone(), format!("blob {id}"))) {
            return Ok(Some(known.len() as u64));
        }
        let bytes = self.bytes(["cat-file", "--batch-check"], &[], format!("{id}\n").as_bytes())?;
        let text = String::from_utf8_lossy(&bytes);
        match text.split_whitespace().collect::<Vec<_>>()[..] {
            [_, "blob", size] => Ok(Some(size.parse().context("git told no size")?)),
            _ => Ok(None),
        }
    }

    pub(crate) fn blob(&self, id: &str) -> Result<Vec<u8>> {
        Ok(self.once(format!("blob {id}"), || self.bytes(["cat-file", "blob", id], &[], b""))?.to_vec())
    }

    pub(crate) fn write_blob(&self, content: &[u8]) -> Result<String> {
        let id = self.bytes(["hash-object", "-w", "--stdin"], &[], content)?;
        Ok(String::from_utf8_lossy(&id).trim().to_owned())
    }

    /// The raw text of a commit.
    pub(crate) fn commit_text(&self, id: &CommitId) -> Result<String> {
        Ok(String::from_utf8_lossy(&self.bytes(["cat-file", "commit", id.as_str()], &[], b"")?).into_owned())
    }

    /// What differs between two trees or commits, as pairs of (before, after) in the order of their paths.
    pub(crate) fn differences(&self, before: &str, after: &str) -> Result<Vec<(Option<Entry>, Option<Entry>)>> {
        let bytes = self.bytes(["diff-tree", "-r", "-z", "--no-renames", "--raw", before, after], &[], b"")?;
        let text = String::from_utf8_lossy(&bytes);
        let mut fields = text.split('\0');
        let mut differences = Vec::new();
        while let (Some(line), Some(path)) = (fields.next(), fields.next()) {
            let words: Vec<&str> = line.strip_prefix(':').unwrap_or_default().split(' ').collect();
            let &[old_mode, new_mode, old, new, _] = words.as_slice() else {
                bail!("git told a difference that was not understood: `{line}`");
            };
            let entry = |mode: &str, id: &str| {
                (mode != "000000").then(|| Entry { mode: mode.into(), id: id.into(), path: path.into(), size: None })
            };
            differences.push((entry(old_mode, old), entry(new_mode, new)));
        }
        Ok(differences)
    }
}

impl Known {
    fn forget(&mut self, folder: &Path) {
        forget(&mut self.answers, folder);
        forget(&mut self.folders, folder);
    }
}

fn forget<T>(known: &mut LruCache<(PathBuf, String), T>, folder: &Path) {
    let gone: Vec<_> = known.iter().map(|(key, _)| key).filter(|(of, _)| of == folder).cloned().collect();
    gone.iter().for_each(|key| drop(known.pop(key)));
}

fn known() -> MutexGuard<'static, Known> {
    KNOWN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The lines of `git ls-tree -z --long`: mode, kind, id, size or `-`, a tab, path.
fn listed(bytes: &[u8]) -> Folder {
    let text = String::from_utf8_lossy(bytes);
    let entry = |line: &str| {
        let (head, path) = line.split_once('\t')?;
        let mut head = head.split_ascii_whitespace();
        let (mode, id) = (head.next()?.to_owned(), head.nth(1)?.to_owned());
        let size = head.next().and_then(|size| size.parse().ok());
        Some((path.to_owned(), Entry { mode, id, path: path.to_owned(), size }))
    };
    text.split('\0').filter_map(entry).collect()
}
