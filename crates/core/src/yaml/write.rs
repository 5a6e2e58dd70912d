//! A tree as text again, in block style: for what was put together from several files.

use std::fmt::Write as _;

use super::{Content, Node};

/// The text of a document. Tags, the quotes of texts and the order of mappings are kept; comments are not in a tree.
pub fn write(node: &Node) -> String {
    let mut out = String::new();
    value(node, 0, &mut out);
    out.trim_start_matches('\n').to_owned()
}

/// What stands behind `key:` or `-`, whose column is `indent` less two, down to the end of its last line.
fn value(node: &Node, indent: usize, out: &mut String) {
    let tag = node.tag.as_ref().map(|tag| format!(" {tag}")).unwrap_or_default();
    match &node.content {
        Content::Scalar { text, plain } => scalar(&tag, text, *plain, indent, out),
        Content::Sequence(items) if items.is_empty() => {
            let _ = writeln!(out, "{tag} []");
        }
        Content::Mapping(entries) if entries.is_empty() => {
            let _ = writeln!(out, "{tag} {{}}");
        }
        Content::Sequence(items) => {
            let _ = writeln!(out, "{tag}");
            for item in items {
                let _ = write!(out, "{:indent$}-", "");
                inside(item, indent, out);
            }
        }
        Content::Mapping(entries) => {
            let _ = writeln!(out, "{tag}");
            for (name, item) in entries {
                let _ = write!(out, "{:indent$}{}:", "", key(name));
                value(item, indent + 2, out);
            }
        }
    }
}

/// An item of a list. The first line of a mapping stands beside the dash.
fn inside(item: &Node, indent: usize, out: &mut String) {
    let mut text = String::new();
    value(item, indent + 2, &mut text);
    let is_beside = item.tag.is_none() && matches!(&item.content, Content::Mapping(entries) if !entries.is_empty());
    if is_beside {
        let _ = write!(out, " {}", text.trim_start());
    } else {
        out.push_str(&text);
    }
}

fn key(node: &Node) -> String {
    match &node.content {
        Content::Scalar { text, plain: true } if !text.contains('\n') => text.clone(),
        _ => quoted(&node.key_text()),
    }
}

fn scalar(tag: &str, text: &str, plain: bool, indent: usize, out: &mut String) {
    let is_one_line = !text.contains('\n');
    if plain && is_one_line {
        let space = if text.is_empty() { "" } else { " " };
        let _ = writeln!(out, "{tag}{space}{text}");
    } else if !is_one_line && fits_a_block(text) {
        let chomp = if text.ends_with('\n') { "" } else { "-" };
        let _ = writeln!(out, "{tag} |{chomp}");
        for line in text.lines() {
            let indent = if line.is_empty() { 0 } else { indent };
            let _ = writeln!(out, "{:indent$}{line}", "");
        }
    } else {
        let _ = writeln!(out, "{tag} {}", quoted(text));
    }
}

/// Whether a text is the same again when it is read from a literal block: with no blank where a block begins, and with
/// no more than one newline at its end.
fn fits_a_block(text: &str) -> bool {
    let is_plain = |character: char| character == '\n' || character == '\t' || !character.is_control();
    !text.starts_with([' ', '\n', '\t'])
        && !text.ends_with("\n\n")
        && text.chars().all(|character| is_plain(character) && !"\u{feff}\u{85}\u{2028}\u{2029}".contains(character))
}

/// A text in double quotes, as JSON has it, which YAML reads alike.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::names::RepoPath;
    use crate::yaml::{parse, same};

    #[test]
    fn what_is_written_is_read_as_the_same() {
        let documents = [
            "a: 1\nb: 'x'\nc: \"\"\nd:\ne: ~\nf: {}\ng: []\n",
            "R:\n  - a: 1\n    b: [x, 'y', {z: !Ref Q}]\n  - - nested\n    - - deeper\n  - {}\n  - !Sub '${A}: b'\n",
            "X: !Join ['', [a, !GetAtt B.C, !If [D, {E: f}, !Ref 'AWS::NoValue']]]\nY: !Transform {Name: T, Parameters: {}}\n",
            "script: |\n  #!/bin/sh\n  if x; then\n    echo \"${A}\"\n\n  fi\nno-end: |-\n  a\n  b\nfolded: >\n  a\n  b\n\n  c\nkept: |+\n  a\n\n",
            "'quoted key': 'it''s'\n\"a: b\": c\n? [odd]\n: key\nblank: \"  a\\n b\"\nodd: \"\\u0001\\n\"\nnumber: '01'\nyes: 'yes'\n",
            "- 1\n- 2\n",
            "alone",
            "Description: plain text that\n  goes on\nUrl: http://x/y#z\n",
        ];
        let path = RepoPath::parse("x.yaml").unwrap();
        for document in documents {
            let node = parse(&path, document).unwrap();
            let written = write(&node);
            let again = parse(&path, &written).unwrap_or_else(|error| panic!("{error:?}\n{written}"));
            assert!(same(&node, &again), "{document}\n---\n{written}");
        }
    }

    #[test]
    fn what_is_written_of_any_file_of_the_cases_and_examples_is_read_as_the_same() {
        let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut folders = vec![crate_folder.join("tests/cases"), crate_folder.join("../../examples")];
        let mut compared = 0;
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let file = entry.unwrap().path();
                if file.is_dir() {
                    folders.push(file);
                    continue;
                }
                let Ok(text) = fs::read_to_string(&file) else { continue };
                let path = RepoPath::parse("x.yaml").unwrap();
                let Ok(node) = parse(&path, &text) else { continue };
                let again = parse(&path, &write(&node)).unwrap_or_else(|error| panic!("{}: {error:?}", file.display()));
                assert!(same(&node, &again), "{}", file.display());
                compared += 1;
            }
        }
        assert!(compared > 500, "{compared}");
    }
}
