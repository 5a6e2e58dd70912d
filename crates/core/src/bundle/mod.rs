//! Template bundles: where their files lie in the repository, and what those files say.
//!
//! The layout is that of Proton's template sync. Rendering is not done here: see [`crate::render`].

mod schema;

use serde::Deserialize;

pub use schema::Schema;

use crate::diagnostic::{Diagnostic, Span};
use crate::files::{Entry, Files, Want};
use crate::manifest::{BundleName, TargetEntry};
use crate::names::{RepoPath, TargetKind};
use crate::yaml::list;

/// The largest template file of a bundle, in bytes: Proton's limit.
const MAX_TEMPLATE_BYTES: usize = 200 * 1024;
/// The largest schema of a bundle, in bytes: Proton's limit.
const MAX_SCHEMA_BYTES: usize = 50 * 1024;

/// A bundle whose files were read.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// What its inputs may be.
    pub schema: Schema,
    /// The file with the Jinja template.
    pub template_path: RepoPath,
    /// The template.
    pub template: String,
    /// Every file that was read for it.
    pub reads: Vec<RepoPath>,
}

/// A bundle, or why there is none. Nothing while files are wanted.
pub type Located = Option<Result<Bundle, Vec<Diagnostic>>>;

/// Finds and reads the bundle that renders a target. `manifest` is the file to blame for a wrong reference.
pub fn locate(entry: &TargetEntry, manifest: &RepoPath, files: &mut Files) -> Located {
    let folder = match folder(entry, manifest, files)? {
        Ok(folder) => folder,
        Err(error) => return Some(Err(vec![error])),
    };
    let infrastructure = match entry.kind {
        TargetKind::Environment => "infrastructure",
        TargetKind::ServiceInstance => "instance_infrastructure",
    };
    let paths = (folder.join(&format!("{infrastructure}/manifest.yaml")), folder.join("schema/schema.yaml"));
    let (Some(manifest_path), Some(schema_path)) = paths else { return Some(Err(Vec::new())) };
    let described = required(&manifest_path, &folder, manifest, entry.places.template, files);
    let schema = required(&schema_path, &folder, manifest, entry.places.template, files);
    let (described, schema_text) = match (described?, schema?) {
        (Ok(described), Ok(schema)) => (described, schema),
        (described, schema) => return Some(Err(described.err().into_iter().chain(schema.err()).collect())),
    };
    let template_path = match template_file(&manifest_path, &described) {
        Ok(path) => path,
        Err(error) => return Some(Err(vec![error])),
    };
    let template = match required(&template_path, &folder, &manifest_path, Span::default(), files)? {
        Ok(template) => template,
        Err(error) => return Some(Err(vec![error])),
    };
    let mut errors = Vec::new();
    if template.len() > MAX_TEMPLATE_BYTES {
        errors.push(
            Diagnostic::error(&template_path, format!("larger than {MAX_TEMPLATE_BYTES} bytes"))
                .help("split the template"),
        );
    }
    if schema_text.len() > MAX_SCHEMA_BYTES {
        errors.push(
            Diagnostic::error(&schema_path, format!("larger than {MAX_SCHEMA_BYTES} bytes")).help("shorten the schema"),
        );
    }
    let schema = match Schema::read(&schema_path, &schema_text, entry.kind) {
        Ok(schema) if errors.is_empty() => schema,
        Ok(_) => return Some(Err(errors)),
        Err(error) => {
            errors.push(error);
            return Some(Err(errors));
        }
    };
    let reads = vec![manifest_path, schema_path, template_path.clone()];
    Some(Ok(Bundle { schema, template_path, template, reads }))
}

/// The folder of templates for this kind of target.
fn templates_folder(kind: TargetKind) -> &'static str {
    match kind {
        TargetKind::Environment => "environment-templates",
        TargetKind::ServiceInstance => "service-templates",
    }
}

/// The bundle's folder: the one that the manifest names, else the one that bears the service's name, else the
/// only one there is.
fn folder(entry: &TargetEntry, manifest: &RepoPath, files: &mut Files) -> Option<Result<RepoPath, Diagnostic>> {
    let templates = templates_folder(entry.kind);
    let wrong = |message: String, help: String| {
        Some(Err(Diagnostic::error(manifest, message).at(entry.places.template).help(help)))
    };
    let BundleName { name, major } = match &entry.template {
        Some(bundle) => bundle.clone(),
        None => {
            let root = RepoPath::parse(templates)?;
            let names: Vec<String> = match files.want(Want::Folder(root))? {
                Entry::Folder { folders, .. } => folders.iter().cloned().collect(),
                _ => Vec::new(),
            };
            let own = entry.service.as_deref().unwrap_or(&entry.own_name);
            let name = match names.as_slice() {
                names if names.iter().any(|name| name == own) => own.to_owned(),
                [only] => only.clone(),
                [] => {
                    return wrong(
                        format!("`{}` needs a template bundle, and `{templates}/` holds none", entry.name),
                        format!(
                            "add one at `{templates}/{own}/v1/`, or let the spec be a CloudFormation deployment file"
                        ),
                    );
                }
                several => {
                    return wrong(
                        format!("`{}` does not say which template bundle renders it", entry.name),
                        format!("add `template: name@major`, one of {}", list(several)),
                    );
                }
            };
            BundleName { name, major: None }
        }
    };
    let bundle = RepoPath::parse(&format!("{templates}/{name}"))?;
    let major = match major {
        Some(major) => major,
        None => {
            let versions: Vec<u32> = match files.want(Want::Folder(bundle.clone()))? {
                Entry::Folder { folders, .. } => {
                    folders.iter().filter_map(|folder| folder.strip_prefix('v')?.parse().ok()).collect()
                }
                _ => Vec::new(),
            };
            match versions.into_iter().max() {
                Some(major) => major,
                None => {
                    return wrong(
                        format!("template bundle `{name}` has no version"),
                        format!("add it at `{bundle}/v1/`"),
                    );
                }
            }
        }
    };
    Some(
        bundle
            .join(&format!("v{major}"))
            .ok_or_else(|| Diagnostic::error(manifest, format!("`{name}` does not name a folder"))),
    )
}

/// The text of a file that the bundle must have; blamed on `blame` where it is missing.
fn required(
    path: &RepoPath,
    folder: &RepoPath,
    blame: &RepoPath,
    span: Span,
    files: &mut Files,
) -> Option<Result<String, Diagnostic>> {
    Some(match files.want(Want::File(path.clone()))? {
        Entry::Text(text) => Ok(text.clone()),
        Entry::Unreadable(why) => Err(Diagnostic::error(path, format!("cannot be read: {why}"))),
        Entry::Absent | Entry::Folder { .. } => {
            let error = Diagnostic::error(blame, format!("template bundle `{folder}` has no `{path}`"));
            Err(if span == Span::default() { error } else { error.at(span) }
                .help("add the file, or name another bundle under `template`"))
        }
    })
}

#[derive(Deserialize)]
struct Described {
    infrastructure: Infrastructure,
}

#[derive(Deserialize)]
struct Infrastructure {
    templates: Vec<TemplateFile>,
}

#[derive(Deserialize)]
struct TemplateFile {
    file: String,
    #[serde(alias = "engine")]
    rendering_engine: String,
    #[serde(default)]
    template_language: Option<String>,
}

/// The template that a bundle's manifest.yaml names.
fn template_file(path: &RepoPath, text: &str) -> Result<RepoPath, Diagnostic> {
    let described: Described = serde_yaml::from_str(text)
        .map_err(|error| Diagnostic::error(path, format!("not a bundle manifest: {error}")).help("write `infrastructure: templates: [{file: cloudformation.yaml, rendering_engine: jinja, template_language: cloudformation}]`"))?;
    let [template] = described.infrastructure.templates.as_slice() else {
        return Err(Diagnostic::error(
            path,
            format!("names {} templates, and must name one", described.infrastructure.templates.len()),
        )
        .help("keep one entry under `templates`"));
    };
    if template.rendering_engine != "jinja" {
        return Err(Diagnostic::error(
            path,
            format!("rendering engine `{}` is not supported", template.rendering_engine),
        )
        .help("only `jinja` templates for CloudFormation are rendered here"));
    }
    if let Some(language) = template.template_language.as_deref().filter(|language| *language != "cloudformation") {
        return Err(Diagnostic::error(path, format!("template language `{language}` is not supported"))
            .help("only `cloudformation` is"));
    }
    path.parent()
        .join(&template.file)
        .ok_or_else(|| Diagnostic::error(path, format!("`{}` does not name a file in the repository", template.file)))
}
