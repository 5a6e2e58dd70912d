//! The addons of one service: which files they are, what the templates declare and what `addons.parameters.yml` gives.
//!
//! They lie in `copilot/<service>/addons/`, unless `copilot/<service>/manifest.yml` says that the folder is an
//! environment's addon.

use std::collections::BTreeMap;

use super::parameters::{self, Declarations};
use super::{ENVIRONMENTS, Merged, TYPE, WORKSPACE, read_merged, reserved};
use crate::diagnostic::{Diagnostic, Span};
use crate::files::{Entry, Files, Want};
use crate::manifest::TargetEntry;
use crate::names::{RepoPath, TargetKind};
use crate::yaml::Node;

/// The addons of a service, whose files were read, for one instance.
#[derive(Clone, Debug)]
pub struct ServiceAddons {
    /// The template: the one file as it is, or all files in one.
    pub template: String,
    /// The tree of the template.
    pub root: Node,
    /// The folder of the templates.
    pub folder: RepoPath,
    /// Every file that was read for them.
    pub reads: Vec<RepoPath>,
    /// The parameters that the templates declare.
    pub(super) declared: Declarations,
    /// The values that are passed down.
    pub(super) own: BTreeMap<&'static str, String>,
    /// The values of the file of parameters, each with its place there.
    pub(super) given: BTreeMap<String, (Span, Node)>,
    /// The file of parameters.
    pub(super) values: Option<RepoPath>,
    /// What is wrong with the files: said with what is wrong between them and the service's template.
    pub(super) errors: Vec<Diagnostic>,
}

/// The addons of a service, or why there is nothing to say of them; none where it has none. Nothing while files are wanted.
pub type Lookup = Option<Result<Option<ServiceAddons>, Vec<Diagnostic>>>;

/// Reads the addons of the service that a target is an instance of. An instance that is not told its app has none: see
/// [`TargetEntry::app`].
///
/// Errors: a file or a folder that cannot be read, which is never taken for one that is not there. What else is wrong, all
/// conflicts between the files among that, [`super::nested::nest`] says.
pub fn read(entry: &TargetEntry, files: &mut Files) -> Lookup {
    let (TargetKind::ServiceInstance, Some(service), Some(app)) = (entry.kind, &entry.service, &entry.app) else {
        return Some(Ok(None));
    };
    let Folder { path, described } = match find(service, files)? {
        Ok(Some(folder)) => folder,
        Ok(None) => return Some(Ok(None)),
        Err(error) => return Some(Err(vec![error])),
    };
    let merged = match read_merged(service, &path, described, files)? {
        Ok(merged) => merged,
        Err(errors) => return Some(Err(errors)),
    };
    let Merged { template, root, declared, values, reads, mut errors } = merged;
    let own = reserved(service, app, &entry.own_name);
    let given = parameters::given(values.as_ref(), &own, &declared, parameters::nested, &mut errors);
    let values = values.map(|(path, _)| path);
    let folder = path.join("addons")?;
    Some(Ok(Some(ServiceAddons { template, root, folder, reads, declared, own, given, values, errors })))
}

/// The folder of a service that has addons.
struct Folder {
    /// `copilot/<service>`.
    path: RepoPath,
    /// Copilot's manifest in it, where there is one.
    described: Option<RepoPath>,
}

/// The folder of a service, where it holds addons of the service. Nothing while files are wanted.
fn find(service: &str, files: &mut Files) -> Option<Result<Option<Folder>, Diagnostic>> {
    // The set of the environments, whatever a service is called.
    if service == ENVIRONMENTS {
        return Some(Ok(None));
    }
    let workspace = RepoPath::parse(WORKSPACE)?;
    match files.want(Want::Folder(workspace.clone()))? {
        Entry::Folder { folders, .. } if folders.contains(service) => {}
        Entry::Unreadable(why) => return Some(Err(Diagnostic::unreadable(&workspace, why))),
        _ => return Some(Ok(None)),
    }
    let path = workspace.join(service)?;
    let (addons, manifest) = (path.join("addons")?, path.join("manifest.yml")?);
    // Both are asked for before one is looked at: a round of reading serves them both.
    let is_listed = files.want(Want::Folder(addons.clone())).is_some();
    let is_described = files.want(Want::File(manifest.clone())).is_some();
    if !is_listed || !is_described {
        return None;
    }
    match files.get(&addons)? {
        Entry::Folder { .. } => {}
        Entry::Unreadable(why) => return Some(Err(Diagnostic::unreadable(&addons, why))),
        Entry::Absent | Entry::Text(_) => return Some(Ok(None)),
    }
    match files.get(&manifest)? {
        Entry::Text(_) => {}
        Entry::Unreadable(why) => return Some(Err(Diagnostic::unreadable(&manifest, why))),
        Entry::Absent | Entry::Folder { .. } => return Some(Ok(Some(Folder { path, described: None }))),
    }
    Some(match &*files.tree(&manifest)? {
        Ok(root) if root.get("type").and_then(Node::text) == Some(TYPE) => Ok(None),
        Ok(_) => Ok(Some(Folder { path, described: Some(manifest) })),
        Err(error) => Err(error.clone()),
    })
}
