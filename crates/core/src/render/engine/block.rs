//! What Proton's filters print: a piece of YAML that fits the place where it stands.
//!
//! A filter does not know where its result goes, and AWS's documentation puts it among the items of a list, at their
//! column. So a mark is printed, and once all is rendered the mark is replaced: by lines at the column of the mark where it
//! begins a line, in flow style where it stands behind something, and by an empty collection only where the key above
//! would else have no value at all.

use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectRepr, Value};
use serde_json::{Value as Json, json};

/// What begins and ends a mark: characters that no text may hold.
const BEGIN: char = '\u{fdd0}';
const END: char = '\u{fdd1}';

/// What a filter made.
#[derive(Clone, Debug)]
pub(super) enum Block {
    /// A list of mappings.
    Entries(Vec<Vec<(String, String)>>),
    /// A mapping.
    Mapping(Vec<(String, String)>),
    /// A list of texts.
    Items(Vec<String>),
}

/// The blocks of one render, each with the number that its mark bears.
#[derive(Debug, Default)]
pub(super) struct Blocks(Vec<Block>);

impl Blocks {
    /// Keeps a block, and gives it as a value: the collection that it is, which prints its mark.
    pub(super) fn add(&mut self, block: Block) -> Value {
        self.0.push(block.clone());
        Value::from_object(Numbered { number: self.0.len() - 1, block })
    }

    /// A rendered text with each mark replaced.
    pub(super) fn place(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, marked)) = rest.split_once(BEGIN) {
            out.push_str(before);
            let Some((number, after)) = marked.split_once(END) else {
                rest = marked;
                break;
            };
            if let Some(block) = number.parse::<usize>().ok().and_then(|number| self.0.get(number)) {
                block.write(&mut out, after);
            }
            rest = after;
        }
        out.push_str(rest);
        out
    }
}

impl Block {
    fn write(&self, out: &mut String, after: &str) {
        let line = &out[out.rfind('\n').map_or(0, |newline| newline + 1)..];
        let begins_a_line = line.chars().all(|character| character == ' ');
        let column = line.chars().count();
        let lines = self.lines();
        if !begins_a_line || (lines.is_empty() && is_only_value(out, after, column)) {
            out.push_str(&self.to_json().to_string());
        } else {
            out.push_str(&lines.join(&format!("\n{}", " ".repeat(column))));
        }
    }

    /// The lines in block style.
    fn lines(&self) -> Vec<String> {
        match self {
            Self::Entries(entries) => entries
                .iter()
                .flat_map(|entry| {
                    entry.iter().enumerate().map(|(place, (key, value))| {
                        format!("{} {key}: {}", if place == 0 { '-' } else { ' ' }, scalar(value))
                    })
                })
                .collect(),
            Self::Mapping(entries) => {
                entries.iter().map(|(key, value)| format!("{}: {}", scalar(key), scalar(value))).collect()
            }
            Self::Items(items) => items.iter().map(|item| format!("- {}", scalar(item))).collect(),
        }
    }

    fn to_json(&self) -> Json {
        let mapping = |entries: &[(String, String)]| {
            Json::Object(entries.iter().map(|(key, value)| (key.clone(), json!(value))).collect())
        };
        match self {
            Self::Entries(entries) => entries.iter().map(|entry| mapping(entry)).collect(),
            Self::Mapping(entries) => mapping(entries),
            Self::Items(items) => json!(items),
        }
    }
}

/// Whether the key above has nothing but this: no item before it or behind it.
fn is_only_value(before: &str, after: &str, column: usize) -> bool {
    let above = before.lines().rev().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    let below = after.lines().skip(1).find(|line| !line.trim().is_empty());
    let is_beside = |line: &str| line.chars().take_while(|character| *character == ' ').count() == column;
    above.is_some_and(|line| line.ends_with(':')) && !below.is_some_and(is_beside)
}

/// A text as a YAML scalar: in quotes where it would mean something else without.
fn scalar(text: &str) -> String {
    let is_one_line = !text.contains(['\n', '\r']);
    match serde_yaml::to_string(text) {
        Ok(written) if is_one_line => written.trim_end().to_owned(),
        _ => json!(text).to_string(),
    }
}

/// A block as a template sees it.
#[derive(Debug)]
pub(super) struct Numbered {
    number: usize,
    block: Block,
}

impl Object for Numbered {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        match self.block {
            Block::Mapping(_) => ObjectRepr::Map,
            Block::Entries(_) | Block::Items(_) => ObjectRepr::Seq,
        }
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let mapping = |entries: &Vec<(String, String)>| Value::from_pairs(entries.iter().cloned());
        match &self.block {
            Block::Entries(entries) => entries.get(key.as_usize()?).map(mapping),
            Block::Items(items) => items.get(key.as_usize()?).map(Value::from),
            Block::Mapping(entries) => {
                entries.iter().find(|(name, _)| key.as_str() == Some(name)).map(|(_, value)| Value::from(value))
            }
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        match &self.block {
            Block::Entries(entries) => Enumerator::Seq(entries.len()),
            Block::Items(items) => Enumerator::Seq(items.len()),
            Block::Mapping(entries) => Enumerator::Values(entries.iter().map(|(name, _)| Value::from(name)).collect()),
        }
    }

    fn render(self: &Arc<Self>, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{BEGIN}{}{END}", self.number)
    }
}
