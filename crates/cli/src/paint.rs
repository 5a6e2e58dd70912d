//! Signs and colours: one sign and one colour for each status, and colour only where it is wanted.
//!
//! Nothing is said by colour alone: with colour off the same signs and words stand there.

use std::env;

use comfy_table::Color;
use console::{Style, Term};
use syncline_core::status::{SyncStatus, TargetStatus};

/// Whether to colour what goes to one stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Paint {
    /// Whether to colour.
    pub(crate) is_on: bool,
}

impl Paint {
    /// Without colour.
    #[cfg(test)]
    pub(crate) const OFF: Self = Self { is_on: false };

    /// For standard output.
    pub(crate) fn for_stdout(no_color: bool) -> Self {
        Self::on_terminal(no_color, &Term::stdout())
    }

    /// For standard error.
    pub(crate) fn for_stderr(no_color: bool) -> Self {
        Self::on_terminal(no_color, &Term::stderr())
    }

    fn on_terminal(no_color: bool, terminal: &Term) -> Self {
        // As <https://no-color.org> has it: set and not empty.
        let is_refused = no_color || env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let is_dumb = env::var_os("TERM").is_some_and(|value| value == "dumb");
        Self { is_on: !is_refused && !is_dumb && terminal.is_term() }
    }

    fn apply(self, style: Style, text: &str) -> String {
        style.force_styling(self.is_on).apply_to(text).to_string()
    }

    /// Something that went wrong.
    pub(crate) fn bad(self, text: &str) -> String {
        self.apply(Style::new().red().bold(), text)
    }

    /// Something that is well.
    pub(crate) fn good(self, text: &str) -> String {
        self.apply(Style::new().green(), text)
    }

    /// Advice.
    pub(crate) fn note(self, text: &str) -> String {
        self.apply(Style::new().cyan(), text)
    }

    /// A target's sign.
    pub(crate) fn sign(self, status: TargetStatus) -> String {
        let (sign, style) = match status {
            TargetStatus::Pending => ("○", Style::new().dim()),
            TargetStatus::Deploying => ("●", Style::new().cyan()),
            TargetStatus::Succeeded => ("✓", Style::new().green()),
            TargetStatus::Unchanged => ("○", Style::new().green()),
            TargetStatus::Failed => ("✗", Style::new().red()),
            TargetStatus::Skipped => ("—", Style::new().yellow()),
            TargetStatus::Blocked => ("—", Style::new().magenta()),
        };
        self.apply(style, sign)
    }

    /// A sync's sign.
    pub(crate) fn sync_sign(self, status: SyncStatus) -> String {
        let (sign, style) = match status {
            SyncStatus::Queued => ("○", Style::new().dim()),
            SyncStatus::Initiated | SyncStatus::InProgress => ("●", Style::new().cyan()),
            SyncStatus::Succeeded => ("✓", Style::new().green()),
            SyncStatus::Failed => ("✗", Style::new().red()),
            SyncStatus::Superseded | SyncStatus::Cancelled => ("—", Style::new().yellow()),
        };
        self.apply(style, sign)
    }
}

/// The colour of a target's status in a table.
pub(crate) fn target_color(status: TargetStatus) -> Color {
    match status {
        TargetStatus::Pending => Color::DarkGrey,
        TargetStatus::Deploying => Color::Cyan,
        TargetStatus::Succeeded | TargetStatus::Unchanged => Color::Green,
        TargetStatus::Failed => Color::Red,
        TargetStatus::Skipped => Color::Yellow,
        TargetStatus::Blocked => Color::Magenta,
    }
}

/// The colour of a sync's status in a table.
pub(crate) fn sync_color(status: SyncStatus) -> Color {
    match status {
        SyncStatus::Queued => Color::DarkGrey,
        SyncStatus::Initiated | SyncStatus::InProgress => Color::Cyan,
        SyncStatus::Succeeded => Color::Green,
        SyncStatus::Failed => Color::Red,
        SyncStatus::Superseded | SyncStatus::Cancelled => Color::Yellow,
    }
}
