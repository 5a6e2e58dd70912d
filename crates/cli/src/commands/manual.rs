//! `syncline completions` and `syncline man`: what is made from the declared arguments alone.

use std::fs;

use clap::CommandFactory as _;

use crate::answer::Answer;
use crate::arguments::{Arguments, Completions, Man};
use crate::failure::Failure;
use crate::source::folder::why;

/// The script for a shell.
pub(super) fn completions(completions: &Completions) -> Answer {
    let mut script = Vec::new();
    clap_complete::generate(completions.shell, &mut Arguments::command(), "syncline", &mut script);
    Answer { is_verbatim: true, ..Answer::text(String::from_utf8_lossy(&script).into_owned()) }
}

/// The pages of all commands, in the place of older ones.
pub(super) fn man(man: &Man) -> Result<Answer, Failure> {
    let written = fs::create_dir_all(&man.folder)
        .and_then(|()| clap_mangen::generate_to(Arguments::command(), &man.folder))
        .map_err(|error| {
            let help = "name a folder, which is made where there is none";
            Failure::new(format!("cannot write to `{}`: {}", man.folder.display(), why(&error)), help)
        });
    written
        .map(|()| Answer { aside: format!("read one: man {}/syncline.1", man.folder.display()), ..Answer::default() })
}
