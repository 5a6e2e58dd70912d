//! A target whose spec is a CloudFormation deployment file: its template is passed on as it is.

use super::{Context, Inputs, Preparation, Prepared, made_from};
use crate::diagnostic::Diagnostic;
use crate::exports::Exchange;
use crate::files::{Entry, Files, Want};
use crate::manifest::TargetEntry;
use crate::names::Digest;
use crate::spec::DeploymentFile;
use crate::stack::{self, StackRequest};

pub(super) fn prepare(entry: &TargetEntry, file: &DeploymentFile, context: &Context, files: &mut Files) -> Preparation {
    let template = match files.want(Want::File(file.template.clone()))? {
        Entry::Text(template) => template.clone(),
        Entry::Unreadable(why) => return Some(Err(vec![Diagnostic::unreadable(&file.template, why)])),
        Entry::Absent | Entry::Folder { .. } => {
            let error = Diagnostic::error(
                &entry.spec,
                format!("there is no template `{}` on branch `{}`", file.template, entry.branch),
            )
            .at(file.template_span)
            .help("`template-file-path` starts at the root of the repository");
            return Some(Err(vec![error]));
        }
    };
    if let Some(error) = stack::check_size(&file.template, template.len()) {
        return Some(Err(vec![error]));
    }
    let tree = files.tree(&file.template)?;
    let root = match &*tree {
        Ok(root) => root,
        Err(error) => return Some(Err(vec![error.clone()])),
    };
    let errors = stack::check(&file.template, root, false, &entry.spec, file.template_span, &file.parameters);
    if !errors.is_empty() {
        return Some(Err(errors));
    }
    let parameters = file.parameters.iter().map(|(name, (value, _))| (name.clone(), value.clone())).collect();
    let exchange = Exchange::of(root, &entry.stack, &context.account_id, &parameters);
    let request = StackRequest { stack: entry.stack.clone(), template, parameters, tags: file.tags.clone() };
    let prepared = Prepared {
        request,
        is_trial: false,
        keeps_unknown: false,
        inputs: Inputs::new(),
        environment: None,
        environment_span: None,
        shows: Default::default(),
        before: Default::default(),
        exchange,
        template: file.template.clone(),
        reads: Vec::new(),
        sources: Digest::new(""),
    };
    Some(Ok(made_from(prepared, entry, vec![entry.spec.clone(), file.template.clone()], files)))
}
