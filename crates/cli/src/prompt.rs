//! Questions to a person at a terminal. Whoever asks has another way for what runs without one.

use std::io::{self, IsTerminal as _};

use console::Term;
use dialoguer::theme::SimpleTheme;
use dialoguer::{Confirm, MultiSelect, Select};

use crate::failure::Failure;
use crate::source::folder::why;

/// Whether there is somebody to ask.
pub(crate) fn is_possible() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Asks a question that is answered with yes or no; Enter is no.
pub(crate) fn confirm(question: &str) -> Result<bool, Failure> {
    let asked = Confirm::with_theme(&SimpleTheme).with_prompt(question).default(false);
    asked.interact_on(&Term::stderr()).map_err(cannot_ask)
}

/// Asks for one of several; gives its place.
pub(crate) fn choose(question: &str, choices: &[String]) -> Result<usize, Failure> {
    let asked = Select::with_theme(&SimpleTheme).with_prompt(question).items(choices).default(0);
    asked.interact_on(&Term::stderr()).map_err(cannot_ask)
}

/// Asks for some of several; gives their places.
pub(crate) fn choose_some(question: &str, choices: &[String]) -> Result<Vec<usize>, Failure> {
    let question = format!("{question} (space marks, enter goes on)");
    let asked = MultiSelect::with_theme(&SimpleTheme).with_prompt(question).items(choices);
    asked.interact_on(&Term::stderr()).map_err(cannot_ask)
}

fn cannot_ask(dialoguer::Error::IO(error): dialoguer::Error) -> Failure {
    // A list that is chosen from hides it.
    let _ = Term::stderr().show_cursor();
    match error.kind() {
        io::ErrorKind::Interrupted => Failure::interrupted("interrupted: nothing was done"),
        _ => Failure::unexplained(format!("cannot ask: {}", why(&error))),
    }
}
