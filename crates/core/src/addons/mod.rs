//! Addons in the layout of AWS Copilot: resources of an environment that live apart from any one service, and
//! resources of one service that are nested in its stack.
//!
//! `copilot/<name>/manifest.yml` says that a folder is an environment's, `copilot/<name>/addons/` holds its templates and
//! `addons.parameters.yml`. The set that Copilot shipped, `copilot/environments/addons/`, is the addon `environments`.
//! Which addon goes to which environment is the manifest's: see [`crate::manifest`]. Any other `copilot/<name>/addons/` is
//! that of the service of this name, see [`service`]; how it gets into the service's template, [`nested`].

mod merge;
pub mod nested;
mod outputs;
mod parameters;
pub mod service;

use std::collections::BTreeMap;

use crate::diagnostic::{Diagnostic, nearest};
use crate::files::{Entry, Files, Tree, Want};
use crate::manifest::TargetEntry;
use crate::names::RepoPath;
use crate::stack;
use crate::yaml::{self, Node, Reader, list};
use parameters::Declarations;

/// Where Copilot keeps everything.
const WORKSPACE: &str = "copilot";

/// The set of addons that has no manifest of its own.
pub const ENVIRONMENTS: &str = "environments";

/// The `type` in the manifest of an environment addon, and the value of the tag `copilot-workload-type`.
pub const TYPE: &str = "Environment Addons";

/// An addon whose files were read and checked, for one environment.
#[derive(Clone, Debug)]
pub struct Addon {
    /// The template: the one file as it is, or all files in one.
    pub template: String,
    /// The tree of the template.
    pub root: Node,
    /// Values of its parameters.
    pub parameters: BTreeMap<String, String>,
    /// The folder of its templates.
    pub folder: RepoPath,
    /// Every file that was read for it.
    pub reads: Vec<RepoPath>,
}

/// A template of an addon.
struct Part<'p> {
    path: &'p RepoPath,
    root: &'p Node,
}

/// The templates of a folder as one.
struct Merged {
    /// The one file as it is, or all files in one.
    template: String,
    /// The tree of the template.
    root: Node,
    /// The parameters that it declares.
    declared: Declarations,
    /// The file that gives values to them.
    values: Option<(RepoPath, Tree)>,
    /// Every file that was read.
    reads: Vec<RepoPath>,
    /// What is wrong with them.
    errors: Vec<Diagnostic>,
}

/// Reads the addon of an entry. `manifest` is the file to blame for a wrong reference. Nothing while files are wanted.
///
/// Errors: everything that is missing or wrong in its files, all conflicts between them among that.
pub fn read(entry: &TargetEntry, manifest: &RepoPath, files: &mut Files) -> Option<Result<Addon, Vec<Diagnostic>>> {
    let name = entry.service.as_deref().unwrap_or_default();
    let Some(folder) = RepoPath::parse(&format!("{WORKSPACE}/{name}")) else {
        let error = Diagnostic::error(manifest, format!("`{name}` does not name a folder in `{WORKSPACE}/`"));
        return Some(Err(vec![error.at(entry.places.name).help("name the addon as its folder is named")]));
    };
    let described = match describe(name, &folder, entry, manifest, files)? {
        Ok(described) => described,
        Err(errors) => return Some(Err(errors)),
    };
    let merged = match read_merged(name, &folder, described, files)? {
        Ok(merged) => merged,
        Err(errors) => return Some(Err(errors)),
    };
    let Merged { template, root, declared, values, reads, mut errors } = merged;
    let own = reserved(name, entry.app.as_deref().unwrap_or_default(), &entry.own_name);
    let given = parameters::given(values.as_ref(), &own, &declared, parameters::text, &mut errors);
    let mut parameters: BTreeMap<String, String> = given.into_iter().map(|(name, (_, text))| (name, text)).collect();
    parameters.extend(passed_down(own, &declared));
    parameters::check_given(&declared, |name| parameters.contains_key(name), &mut errors);
    Some(if errors.is_empty() { Ok(Addon { template, root, parameters, folder, reads }) } else { Err(errors) })
}

/// Reads the templates of a folder and merges them. Nothing while files are wanted.
///
/// Errors: a file that cannot be read, for then there is nothing to merge; all else stands in [`Merged::errors`].
fn read_merged(
    name: &str,
    folder: &RepoPath,
    described: Option<RepoPath>,
    files: &mut Files,
) -> Option<Result<Merged, Vec<Diagnostic>>> {
    let Contents { templates, values } = match contents(folder, files)? {
        Ok(contents) => contents,
        Err(error) => return Some(Err(vec![error])),
    };
    let reads: Vec<RepoPath> = described.into_iter().chain(templates.iter().cloned()).chain(values.clone()).collect();
    // Asked for all before one is looked at: a round of reading serves them all.
    let absent = reads.iter().filter(|path| files.want(Want::File((*path).clone())).is_none()).count();
    if absent > 0 {
        return None;
    }
    let unreadable = reads.iter().filter_map(|path| match files.get(path) {
        Some(Entry::Unreadable(why)) => Some(Diagnostic::unreadable(path, why)),
        Some(Entry::Text(_)) => None,
        _ => Some(Diagnostic::unreadable(path, "not a file")),
    });
    let mut errors: Vec<Diagnostic> = unreadable.collect();
    let mut trees = Vec::new();
    for path in &templates {
        let Some(tree) = files.tree(path) else { continue };
        match &*tree {
            Ok(root) => trees.push((path, root.clone())),
            Err(error) => errors.push(error.clone()),
        }
    }
    if !errors.is_empty() {
        return Some(Err(errors));
    }
    let parts: Vec<Part<'_>> = trees.iter().map(|(path, root)| Part { path, root }).collect();
    for part in &parts {
        errors.extend(yaml::repeated_keys(part.path, part.root));
    }
    let root = merge::merged(&parts, &mut errors);
    let template = match templates.as_slice() {
        [only] => files.text(only).unwrap_or_default().to_owned(),
        _ => yaml::write(&root),
    };
    if root.get("Resources").is_none() && errors.is_empty() {
        let error = Diagnostic::error(parts.first()?.path, format!("addon `{name}` has no `Resources`"));
        let error = error.at(parts.first()?.root.span);
        errors.push(error.help("a CloudFormation template declares at least one resource"));
    }
    errors.extend(stack::check_size(folder, template.len()));
    let declared = parameters::declared(&parts);
    let values = values.and_then(|path| files.tree(&path).map(|tree| (path, tree)));
    Some(Ok(Merged { template, root, declared, values, reads, errors }))
}

/// The names of the addons that there are, whether or not they go to an environment. Nothing while files are wanted.
///
/// Errors: what cannot be read; nobody knows then whether it is one.
pub fn names(files: &mut Files) -> Option<Result<Vec<String>, Vec<Diagnostic>>> {
    let workspace = RepoPath::parse(WORKSPACE)?;
    let folders = match files.want(Want::Folder(workspace.clone()))? {
        Entry::Folder { folders, .. } => folders.clone(),
        Entry::Unreadable(why) => return Some(Err(vec![Diagnostic::unreadable(&workspace, why)])),
        _ => return Some(Ok(Vec::new())),
    };
    let wants: Vec<(String, Want)> = folders
        .into_iter()
        .filter_map(|name| {
            let folder = workspace.join(&name)?;
            let want = if name == ENVIRONMENTS {
                Want::Folder(folder.join("addons")?)
            } else {
                Want::File(folder.join("manifest.yml")?)
            };
            Some((name, want))
        })
        .collect();
    // Asked for all before one is looked at: a round of reading serves them all.
    let absent = wants.iter().filter(|(_, want)| files.want(want.clone()).is_none()).count();
    if absent > 0 {
        return None;
    }
    let (mut names, mut errors) = (Vec::new(), Vec::new());
    for (name, Want::File(path) | Want::Folder(path)) in wants {
        match files.get(&path) {
            Some(Entry::Folder { .. }) => names.push(name),
            Some(Entry::Unreadable(why)) => errors.push(Diagnostic::unreadable(&path, why)),
            Some(Entry::Text(_)) => match &*files.tree(&path)? {
                Ok(root) if root.get("type").and_then(Node::text) == Some(TYPE) => names.push(name),
                Ok(_) => {}
                Err(error) => errors.push(error.clone()),
            },
            _ => {}
        }
    }
    Some(if errors.is_empty() { Ok(names) } else { Err(errors) })
}

/// The values that are passed down and that the templates declare a parameter for.
fn passed_down(own: BTreeMap<&'static str, String>, declared: &Declarations) -> impl Iterator<Item = (String, String)> {
    own.into_iter().filter(|(name, _)| declared.contains_key(*name)).map(|(name, value)| (name.to_owned(), value))
}

/// The parameters that are passed down, with their values.
fn reserved(name: &str, app: &str, environment: &str) -> BTreeMap<&'static str, String> {
    let mut own = BTreeMap::from([("App", app.to_owned()), ("Env", environment.to_owned())]);
    if name != ENVIRONMENTS {
        own.insert("Name", name.to_owned());
    }
    own
}

/// The manifest of an addon, checked; none for the set that has none. Nothing while files are wanted.
fn describe(
    name: &str,
    folder: &RepoPath,
    entry: &TargetEntry,
    manifest: &RepoPath,
    files: &mut Files,
) -> Option<Result<Option<RepoPath>, Vec<Diagnostic>>> {
    if name == ENVIRONMENTS {
        return Some(Ok(None));
    }
    let path = entry.spec.clone();
    match files.want(Want::File(path.clone()))? {
        Entry::Text(_) => {}
        Entry::Unreadable(why) => return Some(Err(vec![Diagnostic::unreadable(&path, why)])),
        Entry::Absent | Entry::Folder { .. } => {
            let known = match files.want(Want::Folder(RepoPath::parse(WORKSPACE)?))? {
                Entry::Folder { folders, .. } => folders.iter().cloned().collect(),
                Entry::Unreadable(why) => return Some(Err(vec![Diagnostic::unreadable(folder, why)])),
                _ => Vec::new(),
            };
            let help = match nearest(name, known.iter().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("add it, with `name: {name}` and `type: {TYPE}`"),
            };
            let message = format!("there is no addon `{name}`: no file `{path}` on branch `{}`", entry.branch);
            return Some(Err(vec![Diagnostic::error(manifest, message).at(entry.places.spec).help(help)]));
        }
    }
    let tree = files.tree(&path)?;
    let root = match &*tree {
        Ok(root) => root,
        Err(error) => return Some(Err(vec![error.clone()])),
    };
    let mut reader = Reader::new(&path);
    check_described(name, root, &mut reader);
    Some(if reader.diagnostics.is_empty() { Ok(Some(path)) } else { Err(reader.diagnostics) })
}

fn check_described(name: &str, root: &Node, reader: &mut Reader<'_>) {
    let Some(keys) = reader.mapping(root, "the manifest of an addon") else { return };
    match root.get("type").and_then(Node::text) {
        Some(TYPE) => reader.known_keys(keys, "the manifest of an addon", &["name", "type"]),
        Some(other) => reader.error(
            root.get("type").map_or(root.span, |kind| kind.span),
            format!("`{name}` is a `{other}`, not `{TYPE}`"),
            "name an addon under `addons` in the manifest; what else Copilot deployed is a service here",
        ),
        None => reader.error(root.span, "no `type` in the manifest of an addon", format!("add `type: {TYPE}`")),
    }
    match root.get("name") {
        Some(written) if written.text() == Some(name) => {}
        Some(written) => reader.error(
            written.span,
            format!("an addon in the folder `{name}` must bear its name"),
            format!("write `name: {name}`, or rename the folder"),
        ),
        None => reader.error(root.span, "no `name` in the manifest of an addon", format!("add `name: {name}`")),
    }
}

/// What the folder of an addon holds.
struct Contents {
    /// The templates, in the order of their names.
    templates: Vec<RepoPath>,
    /// The file that gives values to their parameters.
    values: Option<RepoPath>,
}

/// What the folder of an addon holds. Nothing while files are wanted.
///
/// Errors: there is no such folder, it cannot be read, or it holds none.
fn contents(folder: &RepoPath, files: &mut Files) -> Option<Result<Contents, Diagnostic>> {
    let addons = folder.join("addons")?;
    let names = match files.want(Want::Folder(addons.clone()))? {
        Entry::Folder { files, .. } => files.clone(),
        Entry::Unreadable(why) => return Some(Err(Diagnostic::unreadable(&addons, why))),
        Entry::Absent | Entry::Text(_) => {
            let error = Diagnostic::error(&addons, "there is no such folder, which holds the templates of the addon");
            return Some(Err(error.help("add it, with at least one CloudFormation template, `template.yml`")));
        }
    };
    let is_yaml = |name: &&String| name.ends_with(".yml") || name.ends_with(".yaml");
    let (values, templates): (Vec<_>, Vec<_>) =
        names.iter().filter(is_yaml).partition(|name| parameters::FILES.contains(&name.as_str()));
    let paths = |names: Vec<&String>| names.into_iter().filter_map(|name| addons.join(name)).collect::<Vec<_>>();
    if let [_, other] = values.as_slice() {
        let error = Diagnostic::error(&addons.join(other)?, format!("both {} are there", list(&parameters::FILES)));
        return Some(Err(error.help("keep one of the two")));
    }
    if templates.is_empty() {
        let error = Diagnostic::error(&addons, "no template in this folder");
        return Some(Err(error.help("add at least one CloudFormation template, `template.yml`")));
    }
    Some(Ok(Contents { templates: paths(templates), values: paths(values).pop() }))
}
