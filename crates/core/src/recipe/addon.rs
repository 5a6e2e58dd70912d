//! An addon in an environment: its templates as one, with the parameters and tags that Copilot gave it.

use std::collections::BTreeMap;

use super::{Context, Inputs, Preparation, Prepared, made_from};
use crate::addons;
use crate::exports::Exchange;
use crate::files::Files;
use crate::manifest::TargetEntry;
use crate::names::Digest;
use crate::stack::StackRequest;

pub(super) fn prepare(entry: &TargetEntry, context: &Context, files: &mut Files) -> Preparation {
    let addon = match addons::read(entry, &context.manifest, files)? {
        Ok(addon) => addon,
        Err(errors) => return Some(Err(errors)),
    };
    let tags = [
        ("copilot-application", entry.app.as_deref().unwrap_or_default()),
        ("copilot-environment", entry.own_name.as_str()),
        ("copilot-workload-type", addons::TYPE),
    ];
    let request = StackRequest {
        stack: entry.stack.clone(),
        template: addon.template,
        parameters: addon.parameters,
        tags: tags.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        addons: None,
    };
    let prepared = Prepared {
        exchange: Exchange::of(
            &addon.root,
            &entry.stack,
            entry.location.account_or(&context.account_id),
            &request.parameters,
        ),
        request,
        is_trial: false,
        keeps_unknown: false,
        inputs: Inputs::new(),
        environment: Some(entry.own_name.clone()),
        environment_span: None,
        location: entry.location.clone(),
        shows: Default::default(),
        before: BTreeMap::new(),
        template: addon.folder,
        reads: Vec::new(),
        sources: Digest::new(""),
    };
    Some(Ok(made_from(prepared, entry, addon.reads, files)))
}
