//! Questions to a person at a terminal. Whoever asks has another way for what runs without one.

use std::fmt;
use std::io::{self, IsTerminal as _};

use console::Term;
use dialoguer::theme::Theme;
use dialoguer::{Confirm, Input, MultiSelect, Select};

use crate::failure::Failure;
use crate::interrupt;
use crate::source::folder::why;

/// Questions as they are written: each ends as it ends.
struct AsWritten;

impl Theme for AsWritten {
    fn format_prompt(&self, f: &mut dyn fmt::Write, prompt: &str) -> fmt::Result {
        f.write_str(prompt)
    }

    fn format_select_prompt_selection(&self, f: &mut dyn fmt::Write, prompt: &str, chosen: &str) -> fmt::Result {
        write!(f, "{prompt} {chosen}")
    }

    fn format_multi_select_prompt_selection(
        &self,
        f: &mut dyn fmt::Write,
        prompt: &str,
        chosen: &[&str],
    ) -> fmt::Result {
        write!(f, "{prompt} {}", chosen.join(", "))
    }
}

/// Whether there is somebody to ask.
pub(crate) fn is_possible() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks a question that is answered with yes or no; Enter is no.
pub(crate) fn confirm(question: &str) -> Result<bool, Failure> {
    asked(|| Confirm::with_theme(&AsWritten).with_prompt(question).default(false).interact_on(&Term::stderr()))
}

/// Asks for one of several; gives its place.
pub(crate) fn choose(question: &str, choices: &[String]) -> Result<usize, Failure> {
    asked(|| {
        Select::with_theme(&AsWritten).with_prompt(question).items(choices).default(0).interact_on(&Term::stderr())
    })
}

/// Asks for some of several; gives their places.
pub(crate) fn choose_some(question: &str, choices: &[String]) -> Result<Vec<usize>, Failure> {
    let question = format!("{question} (space marks, enter goes on)");
    asked(|| MultiSelect::with_theme(&AsWritten).with_prompt(question).items(choices).interact_on(&Term::stderr()))
}

/// Asks for a line that passes a check; Enter is the default.
pub(crate) fn line(
    question: &str,
    default: &str,
    check: impl Fn(&str) -> Result<(), String>,
) -> Result<String, Failure> {
    asked(|| {
        Input::<String>::with_theme(&AsWritten)
            .with_prompt(question)
            .default(default.to_owned())
            .validate_with(|answer: &String| check(answer))
            .interact_text_on(&Term::stderr())
    })
}

/// Asks, so that Ctrl-C meanwhile ends the command with a word.
fn asked<T>(ask: impl FnOnce() -> dialoguer::Result<T>) -> Result<T, Failure> {
    let _asking = interrupt::asking();
    ask().map_err(|dialoguer::Error::IO(error)| {
        // A list that is chosen from hides it.
        let _ = Term::stderr().show_cursor();
        match error.kind() {
            io::ErrorKind::Interrupted => interrupt::of_question(),
            _ => Failure::unexplained(format!("cannot ask: {}", why(&error))),
        }
    })
}
