//! Template bundles: where their files lie in the repository, and what those files say.
//!
//! The layout is that of Proton's template sync. Rendering is not done here: see [`crate::render`].

mod described;
mod openapi;
mod schema;

pub use schema::Schema;

use crate::diagnostic::{Diagnostic, Span, nearest};
use crate::files::{Entry, Files, Want};
use crate::manifest::{BundleName, TargetEntry};
use crate::names::{RepoPath, TargetKind};
use crate::yaml::list;

/// The largest bundle, in bytes, as far as it is read here: Proton's limit.
///
/// <https://docs.aws.amazon.com/proton/latest/userguide/ag-limits.html>, as the two below.
const MAX_BUNDLE_BYTES: usize = 5 * 1024 * 1024;
/// The largest template file of a bundle, in bytes: Proton's limit.
const MAX_TEMPLATE_BYTES: usize = 200 * 1024;
/// The largest schema of a bundle, in bytes: Proton's limit.
const MAX_SCHEMA_BYTES: usize = 50 * 1024;

/// Where a bundle lies.
#[derive(Clone, Debug)]
pub struct Folder {
    /// The bundle's name.
    pub name: String,
    /// The folder of its major version.
    pub path: RepoPath,
}

/// A bundle whose files were read.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// What its inputs may be.
    pub schema: Schema,
    /// For a pipeline: what the inputs of its service's instances may be.
    pub instance_schema: Schema,
    /// The file with the Jinja template.
    pub template_path: RepoPath,
    /// The template.
    pub template: String,
    /// Every file that was read for it.
    pub reads: Vec<RepoPath>,
}

/// What a bundle's template renders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Infrastructure {
    /// An environment.
    Environment,
    /// An instance of a service.
    Instance,
    /// A service's pipeline.
    Pipeline,
}

impl Infrastructure {
    /// The folder in a bundle that holds the template.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Environment => "infrastructure",
            Self::Instance => "instance_infrastructure",
            Self::Pipeline => "pipeline_infrastructure",
        }
    }

    /// The key of a bundle's schema that names its input type.
    fn input_type(self) -> &'static str {
        match self {
            Self::Environment => "environment_input_type",
            Self::Instance => "service_input_type",
            Self::Pipeline => "pipeline_input_type",
        }
    }
}

/// Reads the bundle that renders a target, in its folder: see [`folder`]. `manifest` is the file to blame for a wrong
/// reference. Nothing while files are wanted.
///
/// Errors: what is missing, too large or wrong in the bundle.
pub fn read(
    entry: &TargetEntry,
    infrastructure: Infrastructure,
    Folder { name, path: folder }: &Folder,
    manifest: &RepoPath,
    files: &mut Files,
) -> Option<Result<Bundle, Vec<Diagnostic>>> {
    let templates = infrastructure.folder();
    let place = (manifest, entry.places.template, "add the file, or name another bundle under `template`");
    let described = required(
        [&format!("{templates}/manifest.yaml"), &format!("{templates}/manifest.yml")],
        folder,
        entry,
        place,
        files,
    );
    let schema = required(["schema/schema.yaml", "schema/schema.yml"], folder, entry, place, files);
    let (manifest_path, schema_path) = match (described?, schema?) {
        (Ok(described), Ok(schema)) => (described, schema),
        (Err(described), Err(schema)) => {
            // Both are missing: most likely there is no such bundle at all.
            let no_bundle = absent_bundle(entry, name, folder, manifest, files)?;
            return Some(Err(no_bundle.map_or_else(|| vec![described, schema], |error| vec![error])));
        }
        (described, schema) => return Some(Err(described.err().into_iter().chain(schema.err()).collect())),
    };
    let (template_path, template_span) = match described::template_file(&manifest_path, files) {
        Ok(found) => found,
        Err(errors) => return Some(Err(errors)),
    };
    let place = (&manifest_path, template_span, "add the file, or correct `file`");
    let template_path = match required_at(&template_path, folder, entry, place, files)? {
        Ok(path) => path,
        Err(error) => return Some(Err(vec![error])),
    };
    let template = files.text(&template_path).unwrap_or_default().to_owned();
    let mut errors = Vec::new();
    if template.len() > MAX_TEMPLATE_BYTES {
        errors.push(
            Diagnostic::error(&template_path, format!("larger than {MAX_TEMPLATE_BYTES} bytes"))
                .help("split the template"),
        );
    }
    let schema_bytes = files.text(&schema_path).map_or(0, str::len);
    if schema_bytes > MAX_SCHEMA_BYTES {
        errors.push(
            Diagnostic::error(&schema_path, format!("larger than {MAX_SCHEMA_BYTES} bytes")).help("shorten the schema"),
        );
    }
    let reads = vec![manifest_path, schema_path.clone(), template_path.clone()];
    let bytes: usize = reads.iter().filter_map(|path| files.text(path)).map(str::len).sum();
    if bytes > MAX_BUNDLE_BYTES && errors.is_empty() {
        errors.push(
            Diagnostic::error(&template_path, format!("the bundle is larger than {MAX_BUNDLE_BYTES} bytes"))
                .help("split the bundle"),
        );
    }
    if !errors.is_empty() {
        return Some(Err(errors));
    }
    let instance_schema = match infrastructure {
        Infrastructure::Pipeline => Schema::read(&schema_path, files, Infrastructure::Instance),
        Infrastructure::Environment | Infrastructure::Instance => Ok(Schema::without_inputs(&schema_path)),
    };
    Some(match (Schema::read(&schema_path, files, infrastructure), instance_schema) {
        (Ok(schema), Ok(instance_schema)) => Ok(Bundle { schema, instance_schema, template_path, template, reads }),
        (schema, instance_schema) => Err(schema.err().into_iter().chain(instance_schema.err()).flatten().collect()),
    })
}

/// The folder of templates for this kind of target.
fn templates_folder(entry: &TargetEntry) -> &str {
    match (&entry.templates, entry.kind) {
        (Some(folder), _) => folder.as_str(),
        (None, TargetKind::Environment) => "environment-templates",
        (None, _) => "service-templates",
    }
}

/// The bundle's folder: the one that the manifest names, else the one that bears the service's name, else the only one
/// there is. Nothing while files are wanted.
///
/// Errors: none or several could be meant.
pub fn folder(entry: &TargetEntry, manifest: &RepoPath, files: &mut Files) -> Option<Result<Folder, Diagnostic>> {
    let templates = templates_folder(entry);
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
    let inside = folders(&format!("{templates}/{name}"), files)?;
    let versions = versions_among(&inside);
    // One that was never versioned lies in its own folder.
    let is_bare = versions.is_empty() && inside.iter().any(|folder| folder == "schema");
    if is_bare
        && major.is_none_or(|major| major == 1)
        && let Some(path) = RepoPath::parse(&format!("{templates}/{name}"))
    {
        return Some(Ok(Folder { name, path }));
    }
    // Where there is none, whatever is missing of it is said of the first version.
    let major = major.or(versions.last().copied()).unwrap_or(1);
    Some(match RepoPath::parse(&format!("{templates}/{name}/v{major}")) {
        Some(path) => Ok(Folder { name, path }),
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
    let templates = templates_folder(entry);
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
    Some(versions_among(&folders(bundle, files)?))
}

fn versions_among(folders: &[String]) -> Vec<u32> {
    let mut versions: Vec<u32> = folders.iter().filter_map(|name| name.strip_prefix('v')?.parse().ok()).collect();
    versions.sort_unstable();
    versions
}

/// Where to blame a missing file of a bundle: a place in another file, and advice.
type Blame<'b> = (&'b RepoPath, Span, &'b str);

/// The first of these files of a bundle that is there; an error for the first where none is.
fn required(
    names: [&str; 2],
    folder: &RepoPath,
    entry: &TargetEntry,
    blame: Blame<'_>,
    files: &mut Files,
) -> Option<Result<RepoPath, Diagnostic>> {
    let [usual, other] = names.map(|name| folder.join(name).unwrap_or_else(|| folder.clone()));
    Some(match required_at(&usual, folder, entry, blame, files)? {
        Err(error) if matches!(files.get(&usual), Some(Entry::Absent)) => {
            required_at(&other, folder, entry, blame, files)?.map_err(|_| error)
        }
        found => found,
    })
}

/// A file that the bundle must have; blamed on a place in another file where it is missing.
fn required_at(
    path: &RepoPath,
    folder: &RepoPath,
    entry: &TargetEntry,
    (blame, span, help): Blame<'_>,
    files: &mut Files,
) -> Option<Result<RepoPath, Diagnostic>> {
    Some(match files.want(Want::File(path.clone()))? {
        Entry::Text(_) => Ok(path.clone()),
        Entry::Unreadable(why) => Err(Diagnostic::unreadable(path, why)),
        Entry::Absent | Entry::Folder { .. } => {
            let branch = &entry.branch;
            let message = format!("there is no `{path}` on branch `{branch}`, which template bundle `{folder}` needs");
            Err(Diagnostic::error(blame, message).at(span).help(help))
        }
    })
}
