//! CloudFormation's functions as a template calls them, in the short form and in the long one.

use crate::diagnostic::Span;
use crate::yaml::{Content, Node};

/// The function that a node calls, in its short form (`!Sub …`) or its long one (`Fn::Sub: …`), and its argument.
pub(crate) fn function(node: &Node) -> Option<(&str, &Node)> {
    if let Some(name) = node.tag.as_deref().and_then(|tag| tag.strip_prefix('!')).filter(|name| !name.starts_with('!'))
    {
        return Some((name, node));
    }
    long_form(node)
}

/// The function of a mapping with one key, and its argument.
pub(crate) fn long_form(node: &Node) -> Option<(&str, &Node)> {
    match &node.content {
        Content::Mapping(entries) => match entries.as_slice() {
            [(key, argument)] => {
                let key = key.text()?;
                let name = if key == "Ref" { key } else { key.strip_prefix("Fn::")? };
                Some((name, argument))
            }
            _ => None,
        },
        _ => None,
    }
}

/// What a template names elsewhere in it: `Queue`, or `Queue.Arn` with an attribute.
pub(crate) struct Reference {
    /// The name, with dots before what is named of it.
    pub(crate) name: String,
    /// Where it stands.
    pub(crate) span: Span,
}

/// What a node names by `Ref`, `GetAtt` and `Sub`, in the order of the file.
pub(crate) fn references(node: &Node) -> Vec<Reference> {
    let mut found = Vec::new();
    find_references(node, &mut found);
    found
}

fn find_references(node: &Node, found: &mut Vec<Reference>) {
    match function(node) {
        Some(("Ref", argument)) => found.extend(named(argument.text().map(str::to_owned), argument)),
        Some(("GetAtt", argument)) => found.extend(named(attribute(argument), argument)),
        Some(("Sub", argument)) => find_variables(argument, found),
        _ => {}
    }
    match &node.content {
        Content::Scalar { .. } => {}
        Content::Sequence(items) => items.iter().for_each(|item| find_references(item, found)),
        Content::Mapping(entries) => entries.iter().for_each(|(_, value)| find_references(value, found)),
    }
}

fn named(name: Option<String>, node: &Node) -> Option<Reference> {
    Some(Reference { name: name?, span: node.span })
}

/// What the argument of a `GetAtt` names: `Queue.Arn`, or `[Queue, Arn]`.
fn attribute(argument: &Node) -> Option<String> {
    match &argument.content {
        Content::Scalar { text, .. } => Some(text.clone()),
        Content::Sequence(items) => match items.as_slice() {
            [resource, attribute] if attribute.tag.is_none() => {
                Some(format!("{}.{}", resource.text()?, attribute.text()?))
            }
            _ => None,
        },
        Content::Mapping(_) => None,
    }
}

/// The variables in the text of a `Sub`, but for those that it gives itself.
fn find_variables(argument: &Node, found: &mut Vec<Reference>) {
    let (text, own) = match &argument.content {
        Content::Sequence(items) => match items.as_slice() {
            [text, own] => (text, Some(own)),
            _ => return,
        },
        _ => (argument, None),
    };
    let mut rest = text.text().unwrap_or_default();
    while let Some((name, behind)) = rest.split_once("${").and_then(|(_, after)| after.split_once('}')) {
        // Written with `!` to keep it from being replaced.
        if !name.starts_with('!') && own.is_none_or(|own| own.get(name).is_none()) {
            found.extend(named(Some(name.to_owned()), text));
        }
        rest = behind;
    }
}
