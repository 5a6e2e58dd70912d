//! What several targets of one repository are made from, read once.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::bundle::{self, Bundle, Infrastructure};
use crate::diagnostic::Diagnostic;
use crate::files::Files;
use crate::manifest::TargetEntry;
use crate::names::RepoPath;
use crate::spec::{self, Spec};

/// A spec that several targets may share.
pub(super) type SharedSpec = Arc<Spec>;

/// The specs and bundles that were read. It is good for one commit, since it goes by their paths.
#[derive(Debug, Default)]
pub struct Cache {
    specs: BTreeMap<RepoPath, Result<SharedSpec, Vec<Diagnostic>>>,
    bundles: BTreeMap<(Infrastructure, RepoPath), Arc<Bundle>>,
}

impl Cache {
    /// The spec in a file that was read.
    pub(super) fn spec(&mut self, path: &RepoPath, files: &mut Files) -> Result<SharedSpec, Vec<Diagnostic>> {
        if let Some(spec) = self.specs.get(path) {
            return spec.clone();
        }
        let spec = spec::read(path, files).map(Arc::new);
        self.specs.insert(path.clone(), spec.clone());
        spec
    }

    /// The bundle that renders a target. Nothing while files are wanted.
    pub(super) fn bundle(
        &mut self,
        entry: &TargetEntry,
        infrastructure: Infrastructure,
        manifest: &RepoPath,
        files: &mut Files,
    ) -> Option<Result<Arc<Bundle>, Vec<Diagnostic>>> {
        let folder = match bundle::folder(entry, manifest, files)? {
            Ok(folder) => folder,
            Err(error) => return Some(Err(vec![error])),
        };
        let key = (infrastructure, folder.path.clone());
        if let Some(bundle) = self.bundles.get(&key) {
            return Some(Ok(bundle.clone()));
        }
        Some(match bundle::read(entry, infrastructure, &folder, manifest, files)? {
            Ok(bundle) => {
                let bundle = Arc::new(bundle);
                self.bundles.insert(key, bundle.clone());
                Ok(bundle)
            }
            Err(errors) => Err(errors),
        })
    }
}
