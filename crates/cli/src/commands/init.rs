//! `syncline init`: writes a manifest and a small example, and overwrites nothing.
//!
//! What was not given is asked for on a terminal, each with the default that is taken anywhere else.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use syncline_core::manifest;

use crate::answer::Answer;
use crate::arguments::{Global, Init, Output};
use crate::draw::{number_of, shell_line};
use crate::example::{self, Names};
use crate::failure::Failure;
use crate::paint::Paint;
use crate::source::folder::why;
use crate::source::git;
use crate::{interrupt, prompt};

/// What was written.
#[derive(Debug, Serialize)]
struct InitDocument {
    folder: String,
    app: String,
    branch: String,
    next: String,
    written: Vec<&'static str>,
}

pub(super) fn run(global: &Global, init: &Init) -> Result<Answer, Failure> {
    // Nobody should answer questions in vain.
    refuse_to_overwrite(&init.folder)?;
    let names = names(global, init)?;
    write(&init.folder, &names)?;
    let folder = init.folder.display().to_string();
    let written: Vec<&str> = example::paths().collect();
    if global.output == Output::Json {
        let Names { app, branch, next } = names;
        return Answer::json(&InitDocument { folder, app, branch, next, written });
    }
    let paint = Paint::for_stderr(global.no_color);
    let at = (init.folder != Path::new(".")).then_some(folder.as_str());
    let on = ["-b", names.branch.as_str()];
    let mut follow_ups = vec![
        (shell_line(["syncline", "check"].into_iter().chain(at)), "to see that nothing is wrong with it".to_owned()),
        (
            shell_line(["syncline", "plan"].into_iter().chain(at).chain(on)),
            "to see what a push would deploy".to_owned(),
        ),
    ];
    let in_folder = |words: &[&str]| {
        let folder = at.into_iter().flat_map(|folder| ["-C", folder]);
        shell_line(["git"].into_iter().chain(folder).chain(words.iter().copied()))
    };
    let make = if git::is_there(&init.folder) { next_branch(&init.folder, &names, in_folder) } else { Vec::new() };
    if !make.is_empty() {
        follow_ups.push((make.join(" && "), format!("to have a branch that `{}` is published to", names.branch)));
    }
    let push = [["add", "."].as_slice(), &["commit"], &["push"]].map(in_folder).join(" && ");
    follow_ups.push((push, "to deploy it, once the repository is connected".to_owned()));
    Ok(Answer {
        aside: format!("{} wrote {}", paint.good("✓"), number_of(written.len(), "file")),
        follow_ups,
        ..Answer::text(written.join("\n"))
    })
}

/// What makes the branch that is deployed next, unless it is at `origin`: as it was before anything was written, since a pull
/// request needs one to go to, and something to bring. A repository without a commit can have no branch. The branch that is
/// deployed first is pushed first: CodeCommit makes it the default branch, from which the manifest is read.
fn next_branch(folder: &Path, Names { branch, next, .. }: &Names, git: impl Fn(&[&str]) -> String) -> Vec<String> {
    let is_at_origin = |branch: &str| git::has(folder, &format!("refs/remotes/origin/{branch}"));
    let mut make = Vec::new();
    if is_at_origin(next) {
        return make;
    }
    if git::commit(folder).is_none() {
        make.push(git(&["commit", "--allow-empty", "-m", "Begin"]));
    }
    if !is_at_origin(branch) {
        make.push(git(&["push", "origin", branch]));
    }
    if !git::has(folder, &format!("refs/heads/{next}")) {
        make.push(git(&["branch", next]));
    }
    make.push(git(&["push", "origin", next]));
    make
}

/// Fails where anything stands where a file would be written, or where a second manifest would come to be.
fn refuse_to_overwrite(folder: &Path) -> Result<(), Failure> {
    let exists = |path: &str| fs::symlink_metadata(folder.join(path)).is_ok();
    let mut in_the_way: Vec<String> =
        manifest::NAMES.iter().filter(|name| exists(name)).map(|name| (*name).to_owned()).collect();
    for path in example::paths() {
        // A folder on the way may be a file, or a link that leads elsewhere.
        let above = Path::new(path).ancestors().skip(1).filter(|above| !above.as_os_str().is_empty());
        for above in above {
            let is_other = fs::symlink_metadata(folder.join(above)).is_ok_and(|found| !found.is_dir());
            if is_other {
                in_the_way.push(above.display().to_string());
            }
        }
        if exists(path) {
            in_the_way.push(path.to_owned());
        }
    }
    in_the_way.sort();
    in_the_way.dedup();
    if in_the_way.is_empty() {
        return Ok(());
    }
    let error = format!(
        "nothing was written, since this is in the way in `{}`:\n  {}",
        folder.display(),
        in_the_way.join("\n  ")
    );
    Err(Failure::new(
        error,
        "`syncline check` looks at what there is; another folder takes the example: `syncline init DIR`",
    ))
}

fn names(global: &Global, init: &Init) -> Result<Names, Failure> {
    let is_asking = !init.yes && global.output == Output::Text && prompt::is_possible();
    if is_asking {
        interrupt::listen()?;
    }
    let app = Question::new("App, with which stack names begin", init.app.as_deref(), example::check_app);
    let app = app.answer(&default_app(&init.folder), is_asking)?;
    let first = Question::new("Branch that is deployed first", init.branch.as_deref(), example::check_branch);
    let branch = first.answer(&default_branch(&init.folder), is_asking)?;
    let next = Question {
        taken: Some(&branch),
        ..Question::new("Branch that is deployed next", init.next.as_deref(), example::check_branch)
    };
    let next = next.answer("prod", is_asking)?;
    Ok(Names { app, branch, next })
}

fn default_app(folder: &Path) -> String {
    // A folder that is yet to be made has a name too.
    let absolute = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
    example::app_from(&absolute.file_name().unwrap_or_default().to_string_lossy())
}

fn default_branch(folder: &Path) -> String {
    git::checked_out(folder).map_or_else(|| "main".to_owned(), |branch| branch.to_string())
}

/// Something that may have been given.
struct Question<'q> {
    text: &'q str,
    given: Option<&'q str>,
    check: fn(&str) -> Result<(), String>,
    /// What was answered before, and is no answer here.
    taken: Option<&'q str>,
}

impl<'q> Question<'q> {
    fn new(text: &'q str, given: Option<&'q str>, check: fn(&str) -> Result<(), String>) -> Self {
        Self { text, given, check, taken: None }
    }

    fn check(&self, answer: &str) -> Result<(), String> {
        if self.taken == Some(answer) {
            return Err("that one is deployed first; name another".to_owned());
        }
        (self.check)(answer)
    }

    fn answer(&self, default: &str, is_asking: bool) -> Result<String, Failure> {
        if is_asking && self.given.is_none() {
            return prompt::line(self.text, default, |answer| self.check(answer));
        }
        let answer = self.given.unwrap_or(default);
        match self.check(answer) {
            Ok(()) => Ok(answer.to_owned()),
            Err(why) => Err(Failure::usage(format!("`{answer}` cannot be taken: {why}"), "see `syncline init --help`")),
        }
    }
}

fn write(folder: &Path, names: &Names) -> Result<(), Failure> {
    for (path, text) in example::files(names) {
        let place = folder.join(path);
        write_new(&place, &text)
            .map_err(|error| Failure::unexplained(format!("cannot write `{}`: {}", place.display(), why(&error))))?;
    }
    Ok(())
}

fn write_new(place: &PathBuf, text: &str) -> io::Result<()> {
    if let Some(folder) = place.parent() {
        fs::create_dir_all(folder)?;
    }
    OpenOptions::new().write(true).create_new(true).open(place)?.write_all(text.as_bytes())
}
