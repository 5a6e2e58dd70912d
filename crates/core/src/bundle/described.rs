//! A bundle's manifest.yaml: which file is the template, and what renders it.
//!
//! Keys that are not known here are let be: bundles were written for tools that knew others.

use crate::diagnostic::{Diagnostic, Span};
use crate::files::Files;
use crate::names::RepoPath;
use crate::yaml::{self, Content, Node, Reader};

const SHAPE: &str = "write `infrastructure: templates: [{file: cloudformation.yaml, rendering_engine: jinja, template_language: cloudformation}]`";

const KEYS: [&str; 3] = ["file", "rendering_engine", "template_language"];

/// The template that a bundle's manifest.yaml names, and where it names it.
pub(super) fn template_file(path: &RepoPath, files: &mut Files) -> Result<(RepoPath, Span), Vec<Diagnostic>> {
    let Some(tree) = files.tree(path) else { return Err(vec![Diagnostic::unreadable(path, "not read")]) };
    let root = (*tree).as_ref().map_err(|error| vec![error.clone()])?;
    let mut reader = Reader::new(path);
    reader.diagnostics = yaml::repeated_keys(path, root);
    match read(root, &mut reader) {
        Some(found) if reader.diagnostics.is_empty() => Ok(found),
        _ => Err(reader.diagnostics),
    }
}

fn read(root: &Node, reader: &mut Reader<'_>) -> Option<(RepoPath, Span)> {
    let templates = root.get("infrastructure").and_then(|infrastructure| infrastructure.get("templates"));
    let Some(Node { content: Content::Sequence(templates), span, .. }) = templates else {
        reader.error(root.span, "the bundle's manifest has no list `templates` under `infrastructure`", SHAPE);
        return None;
    };
    let [template] = templates.as_slice() else {
        reader.error(
            *span,
            format!("the bundle's manifest names {} templates, and must name one", templates.len()),
            "keep one entry under `templates`",
        );
        return None;
    };
    let entries = reader.mapping(template, "an entry of `templates`")?;
    match template.get("rendering_engine").or_else(|| template.get("engine")) {
        Some(engine) if engine.text() == Some("jinja") => {}
        Some(engine) => {
            let engine_name = reader.text(engine, "`rendering_engine`")?;
            reader.error(
                engine.span,
                format!("rendering engine `{engine_name}` is not supported"),
                "only Jinja templates for CloudFormation are rendered here: `rendering_engine: jinja`",
            );
            return None;
        }
        None => {
            let unknown: Vec<(Node, Node)> = entries
                .iter()
                .filter(|(key, _)| crate::diagnostic::nearest(key.text().unwrap_or_default(), KEYS).is_some())
                .cloned()
                .collect();
            reader.known_keys(&unknown, "an entry of `templates`", &KEYS);
            reader.error(template.span, "the template has no `rendering_engine`", SHAPE);
        }
    }
    match template.get("template_language") {
        Some(language) if language.text() != Some("cloudformation") => {
            let name = reader.text(language, "`template_language`")?;
            reader.error(
                language.span,
                format!("template language `{name}` is not supported"),
                "only CloudFormation is: `template_language: cloudformation`",
            );
        }
        _ => {}
    }
    let Some(file) = template.get("file") else {
        reader.error(template.span, "the template has no `file`", SHAPE);
        return None;
    };
    let name = reader.text(file, "`file`")?;
    let found = reader.path().parent().join(name);
    if found.is_none() {
        reader.error(
            file.span,
            format!("`{name}` does not name a file in the repository"),
            "write the name of a file beside this one",
        );
    }
    Some((found?, file.span))
}
