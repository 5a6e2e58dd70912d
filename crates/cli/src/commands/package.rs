//! `syncline package`: a stack's template and parameters as files, for a pipeline that deploys them.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::json;
use syncline_core::manifest::{Manifest, TargetEntry};
use syncline_core::names::{StackName, TargetName};
use syncline_core::stack::ADDONS_TEMPLATE_URL;

use super::render;
use crate::answer::Answer;
use crate::arguments::{Global, Output, Package};
use crate::by_hand::selection;
use crate::documents::RenderDocument;
use crate::draw::{self, listed};
use crate::failure::Failure;
use crate::paint::Paint;
use crate::reading::Reading;
use crate::source::folder::why;

/// What was written.
#[derive(Debug, Serialize)]
struct PackageDocument {
    target: TargetName,
    stack: StackName,
    files: Vec<String>,
}

pub(super) fn run(global: &Global, package: &Package) -> Result<Answer, Failure> {
    let given = package.outputs.env_outputs.as_deref().map(render::read_outputs).transpose()?;
    let mut reading = Reading::open(&package.place)?;
    let (manifest, _) = reading.good_manifest()?;
    let entry = find(&manifest, &package.name, package.env.as_deref())?.clone();
    let is_account_unknown = package.place.account.is_none();
    let document = render::rendered(&mut reading, &manifest, &entry, given.as_ref(), is_account_unknown)?;
    let Some(folder) = &package.output_dir else { return render::answer(global, document) };
    let aside = draw::render::aside(&document, Paint::for_stderr(global.no_color));
    let files = write(folder, &entry, &document)?;
    match global.output {
        Output::Json => Answer::json(&PackageDocument { target: document.target, stack: document.stack, files }),
        Output::Text => Ok(Answer { aside, ..Answer::text(files.join("\n")) }),
    }
}

/// The target of a name in an environment: an addon's, a service's instance, or the environment itself.
fn find<'m>(manifest: &'m Manifest, name: &str, environment: Option<&str>) -> Result<&'m TargetEntry, Failure> {
    let of_name: Vec<&TargetEntry> = manifest.targets.iter().filter(|entry| entry.goes_by() == name).collect();
    if of_name.is_empty() {
        return Err(selection::no_such_name(manifest, name));
    }
    let is_meant = |entry: &&&TargetEntry| environment.is_none_or(|environment| entry.own_name == environment);
    match of_name.iter().filter(is_meant).collect::<Vec<_>>().as_slice() {
        [only] => Ok(only),
        found => {
            let known = listed(of_name.iter().map(|entry| entry.own_name.as_str()));
            let error = match environment {
                Some(environment) if found.is_empty() => format!("`{name}` is not in environment `{environment}`"),
                _ => format!("`{name}` is in several environments"),
            };
            Err(Failure::usage(error, format!("name one of {known}: `--env NAME`")))
        }
    }
}

/// What the names of the files begin with.
fn file_name(entry: &TargetEntry) -> String {
    match &entry.service {
        Some(name) => format!("{name}-{}", entry.own_name),
        None => entry.own_name.clone(),
    }
}

/// Writes the files, in the place of older ones.
fn write(folder: &Path, entry: &TargetEntry, document: &RenderDocument) -> Result<Vec<String>, Failure> {
    let name = file_name(entry);
    let mut parameters = document.parameters.clone();
    // Whoever uploads the addons' template puts its place there, as with Copilot's files.
    parameters.extend(document.addons.as_ref().map(|_| (ADDONS_TEMPLATE_URL.to_owned(), String::new())));
    let parameters = json!({ "Parameters": parameters, "Tags": document.tags });
    let mut files = vec![
        (folder.join(format!("{name}.stack.yml")), document.template.clone()),
        (folder.join(format!("{name}.params.json")), format!("{parameters:#}\n")),
    ];
    if let Some(addons) = &document.addons {
        files.push((folder.join(format!("{}.addons.stack.yml", entry.goes_by())), addons.clone()));
    }
    let failed = |place: &PathBuf, error: &std::io::Error| {
        let help = "`--output-dir` takes a folder, which is made where there is none";
        Failure::new(format!("cannot write `{}`: {}", place.display(), why(error)), help)
    };
    fs::create_dir_all(folder).map_err(|error| failed(&folder.to_owned(), &error))?;
    for (place, text) in &files {
        fs::write(place, text).map_err(|error| failed(place, &error))?;
    }
    Ok(files.iter().map(|(place, _)| place.display().to_string()).collect())
}
