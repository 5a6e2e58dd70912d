//! The resources of the stacks that are worked on, as far as they were looked at: what is shown below each target.

use std::collections::BTreeMap;

use syncline_aws::stacks::ResourceEvent;
use syncline_core::names::StackName;
use syncline_core::stack;
use syncline_core::status::TargetStatus;

use crate::documents::SyncDocument;
use crate::documents::sync::ResourceDocument;

/// How many stacks are looked at side by side: CloudFormation allows few such questions in a second.
pub(crate) const MOST_LOOKS: usize = 2;

/// What is known of them.
#[derive(Debug, Default)]
pub(crate) struct Resources {
    descriptions: BTreeMap<StackName, BTreeMap<String, String>>,
    found: BTreeMap<StackName, Vec<ResourceDocument>>,
    /// Whose turn it was last.
    last: Option<StackName>,
}

impl Resources {
    /// Notes the template of a stack, which says how its resources are called.
    pub(crate) fn describe(&mut self, stack: &StackName, template: &str) {
        self.descriptions.insert(stack.clone(), stack::descriptions(template));
    }

    /// Whether the template of a stack was noted.
    pub(crate) fn is_described(&self, stack: &StackName) -> bool {
        self.descriptions.contains_key(stack)
    }

    /// The stack that is to be looked at next: of those that are worked on, each in its turn.
    pub(crate) fn next(&mut self, document: &SyncDocument) -> Option<StackName> {
        let mut worked_on: Vec<&StackName> = document
            .targets
            .iter()
            .filter(|target| target.status == TargetStatus::Deploying)
            .filter_map(|target| target.stack.as_ref())
            .collect();
        worked_on.sort();
        let after = worked_on.iter().find(|stack| self.last.as_ref().is_none_or(|last| **stack > last));
        self.last = after.or(worked_on.first()).map(|stack| (*stack).clone());
        self.last.clone()
    }

    /// Notes what happened to a stack's resources, oldest first.
    pub(crate) fn tell(&mut self, stack: &StackName, events: Vec<ResourceEvent>) {
        let descriptions = self.descriptions.get(stack);
        let mut found: Vec<ResourceDocument> = Vec::new();
        for event in events {
            let failed = event.status.ends_with("_FAILED").then_some(event.reason).flatten();
            match found.iter_mut().find(|known| known.resource == event.resource) {
                Some(known) => {
                    known.status = event.status;
                    known.changed_at = event.at;
                    // What failed first is why; undoing it comes after.
                    known.reason = known.reason.take().or(failed);
                }
                None => found.push(ResourceDocument {
                    description: descriptions.and_then(|texts| texts.get(&event.resource)).cloned(),
                    resource: event.resource,
                    kind: event.kind,
                    status: event.status,
                    reason: failed,
                    began_at: event.at.clone(),
                    changed_at: event.at,
                }),
            }
        }
        self.found.insert(stack.clone(), found);
    }

    /// Puts the resources of each target below it: those that have a description or failed, or all of them.
    pub(crate) fn add_to(&self, document: &mut SyncDocument, all: bool) {
        for target in &mut document.targets {
            let Some(found) = target.stack.as_ref().and_then(|stack| self.found.get(stack)) else { continue };
            let shown = found.iter().filter(|one| all || one.description.is_some() || one.reason.is_some());
            target.resources = shown.cloned().collect();
        }
    }
}
