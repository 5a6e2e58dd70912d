//! Where a sync that is followed is shown: drawn over and over on a terminal, line after line anywhere else.
//!
//! What the lines say is decided in [`crate::draw::progress`].

use std::env;
use std::io::{self, Write};
use std::time::Duration;

use console::Term;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use time::OffsetDateTime;

use crate::arguments::Output;
use crate::documents::SyncDocument;
use crate::draw::progress;
use crate::paint::Paint;

/// A screen to follow a sync on.
#[derive(Debug)]
pub(crate) enum Screen {
    /// One frame on standard error, drawn over and over.
    Drawn(ProgressBar, Paint),
    /// Lines on standard output, where they are what was asked for.
    Lines(Paint),
    /// Lines on standard error, since standard output is for the document.
    LinesAside(Paint),
}

impl Screen {
    /// The screen for this output. A pipeline's log is no terminal, whatever it says.
    pub(crate) fn new(output: Output, no_color: bool) -> Self {
        let is_dumb = env::var_os("TERM").is_some_and(|value| value == "dumb");
        let is_pipeline = env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false");
        let is_terminal = Term::stderr().is_term() && (output == Output::Json || Term::stdout().is_term());
        if is_terminal && !is_pipeline && !is_dumb {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            bar.set_style(ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_spinner()));
            return Self::Drawn(bar, Paint::for_stderr(no_color));
        }
        match output {
            Output::Text => Self::Lines(Paint::for_stdout(no_color)),
            Output::Json => Self::LinesAside(Paint::for_stderr(no_color)),
        }
    }

    /// Says something that is no part of the sync.
    pub(crate) fn say(&self, line: &str) {
        match self {
            Self::Drawn(bar, _) => bar.set_message(line.to_owned()),
            Self::Lines(_) | Self::LinesAside(_) => eprintln!("{line}"),
        }
    }

    /// Says again what is waited for, and for how long it has been: once a minute where lines stay.
    pub(crate) fn wait(&self, what: &str, elapsed: Duration) {
        let so_far = format!("○ {what} ({} s so far)", elapsed.as_secs());
        match self {
            Self::Drawn(bar, _) => bar.set_message(so_far),
            Self::Lines(_) | Self::LinesAside(_) if elapsed.as_secs() == 0 => eprintln!("○ {what}"),
            Self::Lines(_) | Self::LinesAside(_) if elapsed.as_secs().is_multiple_of(60) => eprintln!("{so_far}"),
            Self::Lines(_) | Self::LinesAside(_) => {}
        }
    }

    /// Shows the sync as it is now, and was at the last look.
    pub(crate) fn show(&self, before: Option<&SyncDocument>, now: &SyncDocument, moment: OffsetDateTime) {
        match self {
            Self::Drawn(bar, paint) => {
                let (rows, columns) = Term::stderr().size();
                // A line of the terminal's full width may wrap, and one in its last row lets it scroll.
                let room = (usize::from(columns).saturating_sub(1).max(20), usize::from(rows).saturating_sub(1));
                bar.set_message(progress::frame(now, moment, room, *paint));
            }
            Self::Lines(paint) => {
                let mut stdout = io::stdout().lock();
                for change in progress::changes(before, now, moment) {
                    let _ = writeln!(stdout, "{}", change.line(*paint));
                }
                let _ = stdout.flush();
            }
            Self::LinesAside(paint) => {
                for change in progress::changes(before, now, moment) {
                    eprintln!("{}", change.line(*paint));
                }
            }
        }
    }

    /// Leaves the last frame standing.
    pub(crate) fn leave(&self) {
        if let Self::Drawn(bar, _) = self {
            bar.abandon();
        }
    }

    /// Takes the last frame away.
    pub(crate) fn clear(&self) {
        if let Self::Drawn(bar, _) = self {
            bar.finish_and_clear();
        }
    }
}
