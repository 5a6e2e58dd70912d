//! A repository read without AWS: its manifest, and what each branch maps to.
//!
//! This is the one place where the command line hands files to the core and says what a render may know.

use std::collections::{BTreeMap, HashSet};

use syncline_core::addons;
use syncline_core::assembly::{self, Assembly};
use syncline_core::diagnostic::{self, Diagnostic, nearest};
use syncline_core::files::{Files, Want};
use syncline_core::manifest::{self, Manifest, TargetEntry};
use syncline_core::names::{BranchName, CommitId, RepoPath, RepositoryName};
use syncline_core::recipe::{self, Before, Cache, Context, Prepared};
use syncline_core::render::Outputs;

use crate::arguments::Place;
use crate::draw::{listed, shell_line};
use crate::failure::Failure;
use crate::origin;
use crate::problems::Problems;
use crate::source::git::{self, Tree};
use crate::source::{Folder, Git, read_until};

/// What stands for the account's id where none was given.
pub(crate) const ANY_ACCOUNT: &str = "111122223333";

/// The files of a repository, as far as they were read.
pub(crate) struct Reading {
    /// The repository's name.
    pub(crate) repository: RepositoryName,
    /// Whether that name was typed, or is that of a connected repository; else the folder is called so.
    pub(crate) is_repository_known: bool,
    folder: Folder,
    shown: String,
    configured: Option<RepoPath>,
    account: String,
    before: Before,
    files: Files,
    git: Option<Git>,
    committed: BTreeMap<BranchName, Committed>,
}

struct Committed {
    tree: Tree,
    files: Files,
}

/// What was wanted, or what is wrong with the files that it is made from.
pub(crate) type Checked<T> = Result<T, Vec<Diagnostic>>;

impl Reading {
    /// Finds the folder, and Git's where that was asked for. Reads no file yet.
    pub(crate) fn open(place: &Place) -> Result<Self, Failure> {
        let folder = Folder::open(&place.folder)?;
        let configured = match &place.manifest {
            Some(path) => Some(RepoPath::parse(path).ok_or_else(|| {
                let help = "`--manifest` takes a path that starts at the root of the repository";
                Failure::usage(format!("`{path}` does not name a file in the repository"), help)
            })?),
            None => None,
        };
        let known = match &place.repository {
            Some(typed) => Some(origin::repository(Some(typed))?),
            None => origin::of_origin(folder.root()),
        };
        let is_repository_known = known.is_some();
        let repository = known.unwrap_or_else(|| origin::of_folder(folder.root()));
        let git = if place.git { Some(Git::open(folder.root())?) } else { None };
        Ok(Self {
            repository,
            is_repository_known,
            folder,
            shown: place.folder.display().to_string(),
            configured,
            account: place.account.clone().unwrap_or_else(|| ANY_ACCOUNT.to_owned()),
            before: Before::Unknown,
            files: Files::default(),
            git,
            committed: BTreeMap::new(),
        })
    }

    /// Reads the manifest of the working copy: the model, where it has the shape of one, and what is wrong with it.
    ///
    /// Errors: there is none.
    pub(crate) fn manifest(&mut self) -> Result<(Option<Manifest>, Vec<Diagnostic>), Failure> {
        let Self { folder, files, configured, repository, .. } = self;
        let read = |want: &Want| folder.read(want);
        let located = read_until(files, read, |files| manifest::locate(configured.as_ref(), files))?;
        if manifest::is_absent(configured.as_ref(), files) {
            return Err(self.no_manifest());
        }
        let path = match located {
            Ok(path) => path,
            Err(error) => return Ok((None, vec![error])),
        };
        let text = read_until(files, read, |files| files.want(Want::File(path.clone())).map(|_| ()))
            .map(|()| files.text(&path))?;
        Ok(match text {
            Some(text) => manifest::read(&path, text, repository),
            // What cannot be read is said in the core's words.
            None => match manifest::load(Some(&path), repository, files) {
                Some(Err(errors)) => (None, errors),
                _ => (None, Vec::new()),
            },
        })
    }

    /// Reads the manifest, and its warnings.
    ///
    /// Errors: it has an error.
    pub(crate) fn good_manifest(&mut self) -> Result<(Manifest, Vec<Diagnostic>), Failure> {
        match self.manifest()? {
            (Some(manifest), warnings) if !diagnostic::has_errors(&warnings) => Ok((manifest, warnings)),
            (_, problems) => {
                let mut found = Problems::default();
                found.add(None, problems, &self.files);
                Err(found.into())
            }
        }
    }

    fn no_manifest(&self) -> Failure {
        if let Some(path) = &self.configured {
            let help = "`--manifest` takes a path that starts at the root of the repository";
            return Failure::usage(format!("there is no file `{path}` in `{}`", self.shown), help);
        }
        let above = self
            .folder
            .root()
            .ancestors()
            .skip(1)
            .find(|folder| manifest::NAMES.iter().any(|name| folder.join(name).is_file()));
        let help = match above {
            Some(folder) => format!("there is one in `{}`: name that folder", folder.display()),
            None => "`syncline init` writes one; `--manifest PATH` names one that lies elsewhere".to_owned(),
        };
        Failure::usage(
            format!("there is no manifest in `{}`: looked for {}", self.shown, listed(manifest::NAMES)),
            help,
        )
    }

    /// The branch that is meant: the one that was typed, else the only one, else the one that is checked out.
    pub(crate) fn choose(&self, manifest: &Manifest, typed: Option<&str>) -> Result<BranchName, Failure> {
        let known = branches(manifest);
        let one_of = || format!("name one of those that the manifest has: {}", listed(&known));
        if let Some(typed) = typed {
            let branch = BranchName::new(typed);
            return if manifest.maps(&branch) {
                Ok(branch)
            } else {
                let near = nearest(typed, known.iter().map(BranchName::as_str));
                let help = near.map_or_else(one_of, |near| format!("did you mean `{near}`?"));
                Err(Failure::usage(format!("nothing is deployed from branch `{typed}`"), help))
            };
        }
        match known.as_slice() {
            [] => Err(Failure::new("the manifest maps no branch", "say which under `branch` of a target")),
            [only] => Ok(only.clone()),
            _ => match git::checked_out(self.folder.root()) {
                Some(branch) if manifest.maps(&branch) => Ok(branch),
                Some(branch) => {
                    let error =
                        format!("no branch was named, and nothing is deployed from `{branch}`, which is checked out");
                    Err(Failure::usage(error, format!("`--branch NAME`: {}", one_of())))
                }
                None => {
                    let error = "no branch was named, and the manifest has several";
                    Err(Failure::usage(error, format!("`--branch NAME`: {}", one_of())))
                }
            },
        }
    }

    /// Whether a branch's files can be read: always without Git.
    pub(crate) fn has(&mut self, manifest: &Manifest, branch: &BranchName) -> Result<bool, Failure> {
        let Some(git) = &self.git else { return Ok(true) };
        if !self.committed.contains_key(branch) {
            let Some(tree) = git.branch(branch)? else { return Ok(false) };
            if let Some(newer) = &tree.newer {
                eprintln!("{}", behind(branch, &tree.commit, newer, self.checked_out().as_ref() == Some(branch)));
            }
            let mut files = Files::default();
            // The manifest is the working copy's, and its lines are drawn beside those of the branch.
            if let Some(text) = self.files.text(&manifest.path) {
                files.insert_text(manifest.path.clone(), text);
            }
            self.committed.insert(branch.clone(), Committed { tree, files });
        }
        Ok(true)
    }

    /// The commit that a branch's files are read at; nothing for the working copy.
    pub(crate) fn commit(&self, branch: &BranchName) -> Option<&CommitId> {
        self.committed.get(branch).map(|committed| &committed.tree.commit)
    }

    /// Reads and checks everything that a branch maps to.
    pub(crate) fn assemble(&mut self, manifest: &Manifest, branch: &BranchName) -> Result<Checked<Assembly>, Failure> {
        let context = self.context(manifest, Outputs::Pending);
        let mut cache = Cache::default();
        self.read(manifest, branch, |files| assembly::assemble(manifest, branch, &context, files, &mut cache))
    }

    /// Reads and checks one target.
    pub(crate) fn prepare(
        &mut self,
        manifest: &Manifest,
        entry: &TargetEntry,
        outputs: Outputs,
    ) -> Result<Checked<Prepared>, Failure> {
        let context = self.context(manifest, outputs);
        let mut cache = Cache::default();
        self.read(manifest, &entry.branch, |files| recipe::prepare(entry, &context, files, &mut cache))
    }

    /// The pipeline of a service, where it has one.
    pub(crate) fn pipeline(&mut self, manifest: &Manifest, service: &str) -> Result<Option<TargetEntry>, Failure> {
        let Some(first) = manifest.first_instance(Some(service)) else { return Ok(None) };
        let context = self.context(manifest, Outputs::Pending);
        let mut cache = Cache::default();
        let of_service = |target: &&TargetEntry| target.service.as_deref() == Some(service);
        let instances: Vec<&TargetEntry> = manifest.targets.iter().filter(of_service).collect();
        let found = self.read(manifest, &first.branch, |files| {
            recipe::pipeline_of(manifest, &instances, &context, files, &mut cache)
        });
        found.map(|(pipeline, _)| pipeline)
    }

    /// The environment addons in the working copy that are not among those that are known.
    pub(crate) fn addons(&mut self, known: &[String]) -> Result<Vec<String>, Failure> {
        let Self { folder, files, .. } = self;
        let found = read_until(files, |want| folder.read(want), addons::names)?;
        let names = found.map_err(|errors| {
            let mut problems = Problems::default();
            problems.add(None, errors, &self.files);
            Failure::from(problems)
        })?;
        Ok(names.into_iter().filter(|name| !known.contains(name)).collect())
    }

    fn context(&self, manifest: &Manifest, outputs: Outputs) -> Context {
        Context {
            repository: self.repository.to_string(),
            account_id: self.account.clone(),
            locations: manifest.locations.clone(),
            manifest: manifest.path.clone(),
            outputs,
            before: self.before.clone(),
        }
    }

    /// From now on the account is known, and what was deployed before.
    pub(crate) fn now_in(&mut self, account: &str, before: Before) {
        account.clone_into(&mut self.account);
        self.before = before;
    }

    /// The commit that the files are of: the branch's where they are read as committed, else the one that is checked out; the
    /// null id outside of Git.
    pub(crate) fn commit_here(&self, branch: &BranchName) -> CommitId {
        let here = || git::commit(self.folder.root()).unwrap_or_else(CommitId::none);
        self.commit(branch).cloned().unwrap_or_else(here)
    }

    /// The connected repository that the Git remote `origin` names, where another one was typed.
    pub(crate) fn other_origin(&self) -> Option<RepositoryName> {
        origin::of_origin(self.folder.root()).filter(|origin| *origin != self.repository)
    }

    /// The branch that is checked out.
    pub(crate) fn checked_out(&self) -> Option<BranchName> {
        git::checked_out(self.folder.root())
    }

    /// Whether the files are in a Git repository.
    pub(crate) fn is_in_git(&self) -> bool {
        git::is_there(self.folder.root())
    }

    /// Whether the files differ from that commit.
    pub(crate) fn has_changes(&self, branch: &BranchName) -> bool {
        self.commit(branch).is_none() && git::has_changes(self.folder.root())
    }

    fn read<T>(
        &mut self,
        manifest: &Manifest,
        branch: &BranchName,
        step: impl FnMut(&mut Files) -> Option<T>,
    ) -> Result<T, Failure> {
        if !self.has(manifest, branch)? {
            let help = format!("`git fetch origin` brings it; without `--git` the working copy serves `{branch}` too");
            return Err(Failure::usage(format!("there is no branch `{branch}` here, nor at `origin`"), help));
        }
        match (&mut self.git, self.committed.get_mut(branch)) {
            (Some(git), Some(Committed { tree, files })) => read_until(files, |want| git.read(tree, want), step),
            _ => read_until(&mut self.files, |want| self.folder.read(want), step),
        }
    }

    /// Problems, with the files that they are in. Those in the manifest are the working copy's.
    pub(crate) fn problems(&self, manifest: &Manifest, branch: &BranchName, diagnostics: Vec<Diagnostic>) -> Problems {
        let mut problems = Problems::default();
        let (in_manifest, in_others) = self.with_commit(manifest, branch, diagnostics);
        problems.add(None, in_manifest, &self.files);
        self.add_of_branch(branch, in_others, &mut problems);
        problems
    }

    /// Problems in the working copy, with those in the manifest of a branch that is read as committed; and those in files of
    /// that branch. The first say which commit was looked in.
    pub(crate) fn with_commit(
        &self,
        manifest: &Manifest,
        branch: &BranchName,
        diagnostics: Vec<Diagnostic>,
    ) -> (Vec<Diagnostic>, Vec<Diagnostic>) {
        let Some(commit) = self.commit(branch) else { return (diagnostics, Vec::new()) };
        let (mut in_manifest, in_others): (Vec<_>, Vec<_>) =
            diagnostics.into_iter().partition(|problem| problem.path == manifest.path);
        for problem in in_manifest.iter_mut().filter(|problem| problem.message.contains("there is no ")) {
            let place = format!("on branch `{branch}`");
            problem.message = problem.message.replace(&place, &format!("{place} at {}", commit.short()));
        }
        (in_manifest, in_others)
    }

    /// Adds problems in files of a branch that is read as committed.
    pub(crate) fn add_of_branch(&self, branch: &BranchName, diagnostics: Vec<Diagnostic>, problems: &mut Problems) {
        if let Some(Committed { tree, files }) = self.committed.get(branch) {
            problems.add(Some((branch.clone(), tree.commit.clone())), diagnostics, files);
        }
    }

    /// The files of the working copy.
    pub(crate) fn files(&self) -> &Files {
        &self.files
    }
}

/// What to say where a branch here is behind that of `origin`, and how to catch up.
fn behind(branch: &BranchName, commit: &CommitId, newer: &CommitId, is_checked_out: bool) -> String {
    let (here, there) = (format!("refs/heads/{branch}"), format!("refs/remotes/origin/{branch}"));
    let catch_up = if is_checked_out {
        shell_line(["git", "merge", "--ff-only", &there])
    } else {
        shell_line(["git", "update-ref", &here, &there])
    };
    format!(
        "! branch `{branch}` is read as it is here, at {}; at `origin` it is ahead, at {}: `{catch_up}` catches up",
        commit.short(),
        newer.short()
    )
}

/// The branches that a manifest maps, in the order of the file.
pub(crate) fn branches(manifest: &Manifest) -> Vec<BranchName> {
    let of_targets = manifest.targets.iter().map(|target| &target.branch);
    let all = of_targets.chain(manifest.publish.iter().map(|publish| &publish.from));
    let mut seen = HashSet::new();
    all.filter(|branch| seen.insert(*branch)).cloned().collect()
}
