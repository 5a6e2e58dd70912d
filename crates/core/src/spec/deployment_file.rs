//! CloudFormation deployment files, the format of CloudFormation's own Git sync: a template, its parameters, tags.
//!
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/git-sync-concepts-terms.html>

use std::collections::BTreeMap;

use serde_json::Value;

use crate::diagnostic::Span;
use crate::names::RepoPath;
use crate::yaml::{Node, Reader};

/// The most parameters, and the most tags, that a deployment file may give.
const MAX_ENTRIES: usize = 50;

/// A deployment file that was read.
#[derive(Clone, Debug)]
pub struct DeploymentFile {
    /// The template, from the root of the repository.
    pub template: RepoPath,
    /// Where the template is named.
    pub template_span: Span,
    /// Values of the template's parameters, each with the place of the parameter's name.
    pub parameters: BTreeMap<String, (String, Span)>,
    /// Tags of the stack.
    pub tags: BTreeMap<String, String>,
}

pub(super) fn read(root: &Node, reader: &mut Reader<'_>) -> Option<DeploymentFile> {
    let entries = reader.mapping(root, "the deployment file")?;
    reader.known_keys(entries, "a deployment file", &["template-file-path", "parameters", "tags"]);
    let node = root.get("template-file-path")?;
    let template = reader.repo_path(node, "`template-file-path`");
    let parameters = values(root, "parameters", reader);
    let tags = values(root, "tags", reader).into_iter().map(|(key, (value, _))| (key, value)).collect();
    Some(DeploymentFile { template: template?, template_span: node.span, parameters, tags })
}

fn values(root: &Node, key: &str, reader: &mut Reader<'_>) -> BTreeMap<String, (String, Span)> {
    let Some(node) = root.get(key).filter(|node| !node.is_null()) else { return BTreeMap::new() };
    let entries = reader.mapping(node, &format!("`{key}`")).unwrap_or_default();
    if entries.len() > MAX_ENTRIES {
        reader.error(
            node.span,
            format!("{} {key}, more than {MAX_ENTRIES}", entries.len()),
            "move some of them into the template as defaults",
        );
    }
    let mut read = BTreeMap::new();
    for (name, value) in entries {
        let span = name.span;
        let Some(name) = reader.text(name, "a name") else { continue };
        match scalar_or_list(value) {
            Some(text) => {
                read.insert(name.to_owned(), (text, span));
            }
            None => reader.error(
                value.span,
                format!("`{name}` must be a value or a list of values, not {}", value.kind()),
                "CloudFormation takes text here: put JSON or YAML in quotes",
            ),
        }
    }
    read
}

/// A value as CloudFormation takes it: text as written; a list joined with commas, as its list parameters want it.
fn scalar_or_list(node: &Node) -> Option<String> {
    use crate::yaml::Content;
    match &node.content {
        Content::Scalar { text, .. } if !node.is_null() => Some(text.clone()),
        Content::Sequence(items) => {
            let texts: Option<Vec<&str>> = items.iter().map(Node::text).collect();
            texts.map(|texts| texts.join(","))
        }
        Content::Scalar { .. } => (node.to_json() == Value::Null).then(String::new),
        Content::Mapping(_) => None,
    }
}
