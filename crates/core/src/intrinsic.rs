//! CloudFormation's functions as a template calls them, in the short form and in the long one.

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
