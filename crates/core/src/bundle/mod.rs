//! Template bundles: where their files lie in the repository, and what those files say.
//!
//! The layout is that of Proton's template sync. Rendering is not done here: see [`crate::render`].

mod described;
mod schema;

pub use schema::Schema;

use crate::diagnostic::{Diagnostic, Span, nearest};
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
    let (name, folder) = match folder(entry, manifest, files)? {
        Ok(found) => found,
        Err(error) => return Some(Err(vec![error])),
    };
    let infrastructure = match entry.kind {
        TargetKind::Environment => "infrastructure",
        TargetKind::ServiceInstance => "instance_infrastructure",
    };
    let paths = (folder.join(&format!("{infrastructure}/manifest.yaml")), folder.join("schema/schema.yaml"));
    let (Some(manifest_path), Some(schema_path)) = paths else { return Some(Err(Vec::new())) };
    let place = (manifest, entry.places.template, "add the file, or name another bundle under `template`");
    let described = required(&manifest_path, &folder, entry, place, files);
    let schema = required(&schema_path, &folder, entry, place, files);
    let (described, schema_text) = match (described?, schema?) {
        (Ok(described), Ok(schema)) => (described, schema),
        (Err(described), Err(schema)) => {
            // Both are missing: most likely there is no such bundle at all.
            let no_bundle = absent_bundle(entry, &name, &folder, manifest, files)?;
            return Some(Err(no_bundle.map_or_else(|| vec![described, schema], |error| vec![error])));
        }
        (described, schema) => return Some(Err(described.err().into_iter().chain(schema.err()).collect())),
    };
    let (template_path, template_span) = match described::template_file(&manifest_path, &described) {
        Ok(found) => found,
        Err(errors) => return Some(Err(errors)),
    };
    let place = (&manifest_path, template_span, "add the file, or correct `file`");
    let template = match required(&template_path, &folder, entry, place, files)? {
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

/// The bundle's name and folder: the one that the manifest names, else the one that bears the service's name, else the
/// only one there is.
fn folder(
    entry: &TargetEntry,
    manifest: &RepoPath,
    files: &mut Files,
) -> Option<Result<(String, RepoPath), Diagnostic>> {
    let templates = templates_folder(entry.kind);
    let wrong = |message: String, help: String| {
        Some(Err(Diagnostic::error(manifest, message).at(entry.places.template).help(help)))
    };
    let BundleName { name, major } = match &entry.template {
        Some(bundle) => bundle.clone(),
        None => {
            let names = folders(templates, files)?;
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
    let major = match major {
        Some(major) => major,
        None => match versions(&format!("{templates}/{name}"), files)?.last() {
            Some(highest) => *highest,
            // Whatever is missing of it is said of the first version.
            None => 1,
        },
    };
    Some(match RepoPath::parse(&format!("{templates}/{name}/v{major}")) {
        Some(folder) => Ok((name, folder)),
        None => Err(Diagnostic::error(manifest, format!("`{name}` does not name a folder"))
            .at(entry.places.template)
            .help("rename the folder of that bundle")),
    })
}

/// Why there is no such bundle; nothing where its folder is there.
fn absent_bundle(
    entry: &TargetEntry,
    name: &str,
    folder: &RepoPath,
    manifest: &RepoPath,
    files: &mut Files,
) -> Option<Option<Diagnostic>> {
    if matches!(files.want(Want::Folder(folder.clone()))?, Entry::Folder { .. }) {
        return Some(None);
    }
    let templates = templates_folder(entry.kind);
    let wrong = |message: String, help: String| {
        Some(Some(Diagnostic::error(manifest, message).at(entry.places.template).help(help)))
    };
    let versions = versions(&format!("{templates}/{name}"), files)?;
    if !versions.is_empty() {
        let known: Vec<String> = versions.iter().map(|major| format!("{name}@{major}")).collect();
        return wrong(
            format!("there is no `{folder}/` on branch `{}`", entry.branch),
            format!("of this template bundle there is {}", list(&known)),
        );
    }
    let names = folders(templates, files)?;
    if names.iter().any(|known| known == name) {
        return wrong(
            format!("template bundle `{name}` has no version on branch `{}`", entry.branch),
            format!("add it at `{folder}/`"),
        );
    }
    let help = match nearest(name, names.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None if names.is_empty() => format!("add it at `{folder}/`"),
        None => format!("add it at `{folder}/`, or name one of {}", list(&names)),
    };
    wrong(format!("there is no template bundle `{name}` in `{templates}/` on branch `{}`", entry.branch), help)
}

/// The folders in a folder; none where there is no such folder.
fn folders(path: &str, files: &mut Files) -> Option<Vec<String>> {
    let Some(path) = RepoPath::parse(path) else { return Some(Vec::new()) };
    Some(match files.want(Want::Folder(path))? {
        Entry::Folder { folders, .. } => folders.iter().cloned().collect(),
        _ => Vec::new(),
    })
}

/// The major versions of a bundle, the highest last.
fn versions(bundle: &str, files: &mut Files) -> Option<Vec<u32>> {
    let folders = folders(bundle, files)?;
    let mut versions: Vec<u32> = folders.iter().filter_map(|name| name.strip_prefix('v')?.parse().ok()).collect();
    versions.sort_unstable();
    Some(versions)
}

/// The text of a file that the bundle must have; blamed on a place in another file where it is missing.
fn required(
    path: &RepoPath,
    folder: &RepoPath,
    entry: &TargetEntry,
    (blame, span, help): (&RepoPath, Span, &str),
    files: &mut Files,
) -> Option<Result<String, Diagnostic>> {
    Some(match files.want(Want::File(path.clone()))? {
        Entry::Text(text) => Ok(text.clone()),
        Entry::Unreadable(why) => Err(Diagnostic::unreadable(path, why)),
        Entry::Absent | Entry::Folder { .. } => {
            let branch = &entry.branch;
            let message = format!("there is no `{path}` on branch `{branch}`, which template bundle `{folder}` needs");
            Err(Diagnostic::error(blame, message).at(span).help(help))
        }
    })
}
