//! Documents as text: tables that grep well, and lines.
//!
//! Every function here is pure: the present time and whether to colour are handed in, and nothing is printed. A table
//! has no borders and no wrapping, one line a row, two spaces between columns and `—` where there is nothing.

pub(crate) mod difference;
pub(crate) mod environments;
pub(crate) mod graph;
pub(crate) mod history;
pub(crate) mod plan;
pub(crate) mod progress;
pub(crate) mod render;
pub(crate) mod status;
pub(crate) mod sync;

use std::collections::BTreeMap;
use std::fmt::Display;

use comfy_table::{Cell, Color, Table, presets};
use syncline_core::diagnostic::nearest;
use syncline_core::location::Location;
use syncline_core::names::{StackName, TargetKind};
use syncline_core::status::TargetStatus;

use crate::paint::Paint;

/// What stands where there is nothing.
const NOTHING: &str = "—";

/// A table in the making.
struct Columns {
    table: Table,
    paint: Paint,
}

impl Columns {
    fn new(paint: Paint, headings: &[&str]) -> Self {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_header(headings);
        if paint.is_on {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        Self { table, paint }
    }

    fn row(&mut self, cells: Vec<Cell>) {
        self.table.add_row(cells);
    }

    fn draw(mut self) -> String {
        for column in self.table.column_iter_mut() {
            column.set_padding((0, 2));
        }
        // A coloured cell ends in a reset, behind which no blank is left to trim.
        debug_assert!(self.paint.is_on || !self.table.trim_fmt().contains('\u{1b}'));
        self.table.trim_fmt()
    }
}

/// A cell, on one line.
fn cell(text: impl AsRef<str>) -> Cell {
    let text = one_line(text.as_ref());
    Cell::new(if text.is_empty() { NOTHING.to_owned() } else { text })
}

/// A cell that may have nothing in it.
fn cell_or_nothing(text: Option<impl AsRef<str>>) -> Cell {
    text.map_or_else(|| Cell::new(NOTHING), cell)
}

fn coloured(text: &str, color: Color) -> Cell {
    cell(text).fg(color)
}

/// A text from elsewhere, such as CloudFormation's reasons, on one line and without control characters.
pub(crate) fn one_line(text: &str) -> String {
    let plain: String = text.chars().map(|one| if is_obeyed(one) { ' ' } else { one }).collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether a terminal obeys a character in place of showing it: controls, and those that turn the direction of writing, with
/// which a text can be made to look like another one.
pub(crate) fn is_obeyed(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A kind as one word, as in the documents.
fn kind(kind: TargetKind) -> String {
    kind.to_string().replace(' ', "_")
}

/// Words as a shell takes them, for a command that a person may type: a branch may be called `$(anything)`.
pub(crate) fn shell_line<W: AsRef<str>>(words: impl IntoIterator<Item = W>) -> String {
    let quote = |word: W| shlex::try_quote(word.as_ref()).map(|quoted| quoted.into_owned()).unwrap_or_default();
    words.into_iter().map(quote).collect::<Vec<_>>().join(" ")
}

/// A stack, and where it is where that is not where Syncline is: `shop-prod (account 111122223333, eu-west-1)`.
pub(crate) fn stack_at(stack: &StackName, location: &Location) -> String {
    if location.is_with(&Location::default()) { stack.to_string() } else { format!("{stack} ({location})") }
}

/// What starts a sync where nothing is to be pushed.
pub(crate) const PUSH_NOTHING: &str = "git commit --allow-empty && git push";

/// A command of the AWS CLI about a stack.
pub(crate) fn stack_command(verb: &str, stack: &StackName, location: &Location) -> String {
    let region = location.region.as_ref().map(|region| format!(" --region {region}")).unwrap_or_default();
    format!("aws cloudformation {verb} --stack-name {stack}{region}")
}

/// `4 succeeded, 2 unchanged`.
fn counts(counts: &BTreeMap<TargetStatus, u32>) -> String {
    // What is done comes first, what is not comes last.
    let order = [
        TargetStatus::Succeeded,
        TargetStatus::Unchanged,
        TargetStatus::Failed,
        TargetStatus::Skipped,
        TargetStatus::Blocked,
        TargetStatus::Deploying,
        TargetStatus::Pending,
    ];
    let parts: Vec<String> = order
        .iter()
        .filter_map(|status| counts.get(status).filter(|count| **count > 0).map(|count| (status, count)))
        .map(|(status, count)| format!("{count} {}", status.as_str().to_ascii_lowercase()))
        .collect();
    if parts.is_empty() { "no targets".to_owned() } else { parts.join(", ") }
}

pub(crate) use syncline_core::diagnostic::number_of;

/// What to type in the place of a name that there is not.
pub(crate) fn one_of<'n>(typed: &str, known: impl IntoIterator<Item = &'n str> + Clone) -> String {
    match nearest(typed, known.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there is {}", listed(known)),
    }
}

/// "`a`, `b` and `c`", for messages; of many only the first.
pub(crate) fn listed<T: Display>(names: impl IntoIterator<Item = T>) -> String {
    const MOST: usize = 12;
    let names: Vec<String> = names.into_iter().map(|name| format!("`{}`", one_line(&name.to_string()))).collect();
    match names.as_slice() {
        [] => "none".to_owned(),
        [only] => only.clone(),
        names if names.len() > MOST => format!("{} and {} more", names[..MOST].join(", "), names.len() - MOST),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_elsewhere_stays_on_its_line() {
        assert_eq!(one_line("a\n  b\t\u{1b}[31mc "), "a b [31mc");
        assert_eq!(one_line("a\u{202e}b"), "a b");
    }

    #[test]
    fn a_name_is_one_word_of_a_shell() {
        assert_eq!(shell_line(["syncline", "plan", "-b", "main"]), "syncline plan -b main");
        assert_eq!(shell_line(["-b", "$(reboot);`x`'y"]), r#"-b '$(reboot);`x`'"'y""#);
    }

    #[test]
    fn counts_name_what_is_done_first() {
        let some = BTreeMap::from([
            (TargetStatus::Pending, 3),
            (TargetStatus::Succeeded, 4),
            (TargetStatus::Unchanged, 2),
            (TargetStatus::Blocked, 0),
        ]);
        assert_eq!(counts(&some), "4 succeeded, 2 unchanged, 3 pending");
        assert_eq!(counts(&BTreeMap::new()), "no targets");
    }

    #[test]
    fn a_colour_does_not_move_the_columns() {
        let draw = |is_on: bool| {
            let mut columns = Columns::new(Paint { is_on }, &["STATUS", "NEXT"]);
            columns.row(vec![coloured("FAILED", Color::Red), cell("x")]);
            columns.row(vec![cell("IN_PROGRESS"), cell_or_nothing(None::<&str>)]);
            columns.draw()
        };
        assert_eq!(draw(false), "STATUS       NEXT\nFAILED       x\nIN_PROGRESS  —");
        assert_eq!(console::strip_ansi_codes(&draw(true)), draw(false));
        assert!(draw(true).contains("\u{1b}["));
    }
}
