//! Specs: what a target's own file says. Three kinds, told apart by their content and not by their name.
//!
//! A Proton service spec, a Proton environment spec, and a CloudFormation deployment file. Whether inputs fit a
//! template bundle's schema is not decided here: see [`crate::recipe`].

mod deployment_file;
mod proton;

pub use deployment_file::DeploymentFile;
pub use proton::{EnvironmentSpec, InstanceSpec, ServiceSpec, values};

use crate::diagnostic::{self, Diagnostic, nearest};
use crate::files::Files;
use crate::names::RepoPath;
use crate::yaml::{self, Node, Reader};

/// The longest spec that Proton took, in characters.
///
/// <https://docs.aws.amazon.com/proton/latest/APIReference/API_CreateServiceInstance.html>
pub const MAX_CHARACTERS: usize = 51_200;

/// A spec that was read.
#[derive(Clone, Debug)]
pub enum Spec {
    /// `proton: ServiceSpec`.
    Service(ServiceSpec),
    /// `proton: EnvironmentSpec`.
    Environment(EnvironmentSpec),
    /// A CloudFormation deployment file: `template-file-path`, `parameters`, `tags`.
    DeploymentFile(DeploymentFile),
}

/// Reads a spec of any kind, from a file that was read. Gives every problem in file order; a spec only when there is no
/// error.
pub fn read(path: &RepoPath, files: &mut Files) -> Result<Spec, Vec<Diagnostic>> {
    if files.text(path).is_some_and(|text| text.len() > MAX_CHARACTERS && text.chars().count() > MAX_CHARACTERS) {
        return Err(vec![
            Diagnostic::error(path, format!("longer than {MAX_CHARACTERS} characters"))
                .help("split the spec: one file an instance"),
        ]);
    }
    let Some(tree) = files.tree(path) else { return Err(vec![Diagnostic::unreadable(path, "not read")]) };
    let root = (*tree).as_ref().map_err(|error| vec![error.clone()])?;
    let mut reader = Reader::new(path);
    let spec = read_root(root, &mut reader);
    let mut diagnostics = reader.diagnostics;
    diagnostics.extend(yaml::repeated_keys(path, root));
    diagnostic::sort(&mut diagnostics);
    match spec {
        Some(spec) if !diagnostic::has_errors(&diagnostics) => Ok(spec),
        _ => Err(diagnostics),
    }
}

fn read_root(root: &Node, reader: &mut Reader<'_>) -> Option<Spec> {
    const HELP: &str = "start it with `proton: ServiceSpec` or `proton: EnvironmentSpec`, or name a template under `template-file-path`";
    if root.is_null() {
        reader.error(root.span, "the spec is empty", HELP);
        return None;
    }
    let entries = reader.mapping(root, "the spec")?;
    if root.get("template-file-path").is_some() {
        return deployment_file::read(root, reader).map(Spec::DeploymentFile);
    }
    match root.get("proton") {
        Some(kind) => match kind.text() {
            Some("ServiceSpec") => proton::read_service(root, reader).map(Spec::Service),
            Some("EnvironmentSpec") => proton::read_environment(root, reader).map(Spec::Environment),
            other => {
                let written = other.unwrap_or_default();
                let help = match nearest(written, ["ServiceSpec", "EnvironmentSpec"]) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => HELP.to_owned(),
                };
                reader.error(kind.span, format!("unknown kind of spec `{written}`"), help);
                None
            }
        },
        None => {
            const MESSAGE: &str = "neither a Proton spec nor a CloudFormation deployment file";
            let near = entries.iter().find_map(|(key, _)| {
                let near = match key.text()? {
                    name if name.starts_with("template") => "template-file-path",
                    name => nearest(name, ["template-file-path", "proton"])?,
                };
                Some((key.span, near))
            });
            match near {
                Some((span, near)) => reader.error(span, MESSAGE, format!("did you mean `{near}`?")),
                None => reader.error(root.span, MESSAGE, HELP),
            }
            None
        }
    }
}
