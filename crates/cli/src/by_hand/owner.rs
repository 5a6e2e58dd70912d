//! Whose a stack is: who deployed it last, as its last operation and the history tell.

use std::collections::BTreeMap;

use syncline_aws::stacks::NewestOperation;
use syncline_aws::{Error, side_by_side};
use syncline_core::location::Location;
use syncline_core::names::{RepositoryName, StackName, TargetName};
use syncline_core::plan::Known;

use super::account::{Account, CONCURRENCY};
use crate::draw::shell_line;
use crate::failure::Failure;

/// Who deployed a stack last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum DeployedBy {
    /// Syncline, from this repository as far as is known.
    Us,
    /// Syncline, from another repository.
    Other(RepositoryName),
    /// Nobody that is known here: a stack of that name.
    Unknown,
}

/// A target's stack, whose owner is asked for.
#[derive(Clone, Debug)]
pub(crate) struct TargetStack {
    /// The target.
    pub(crate) target: TargetName,
    /// Its stack.
    pub(crate) stack: StackName,
    /// Where that is.
    pub(crate) location: Location,
}

impl TargetStack {
    /// Whether the history of this repository has that stack as the target's.
    fn is_known(&self, known: &BTreeMap<TargetName, Known>) -> bool {
        known.get(&self.target).is_some_and(|known| *known.there().0 == self.stack)
    }
}

/// Who deployed each of some stacks last, in the same order; nothing for one that is not there.
pub(crate) async fn deployers(
    account: &Account,
    repository: &RepositoryName,
    known: &BTreeMap<TargetName, Known>,
    asked: &[TargetStack],
) -> Result<Vec<Option<DeployedBy>>, Error> {
    side_by_side(CONCURRENCY, asked.iter().map(|one| deployer(account, repository, one, one.is_known(known)))).await
}

/// Who deployed a stack last, by its last operation; nothing where there is no such stack.
async fn deployer(
    account: &Account,
    repository: &RepositoryName,
    TargetStack { target, stack, location }: &TargetStack,
    is_known: bool,
) -> Result<Option<DeployedBy>, Error> {
    let stacks = account.stacks.at(location, repository).await?;
    let newest = stacks.newest_operation(stack).await?;
    if newest.as_ref().is_some_and(NewestOperation::is_gone) {
        return Ok(None);
    }
    let (syncline, record) = match (&account.syncline, newest.as_ref().and_then(|newest| newest.sync.as_ref())) {
        (Some(syncline), Some(sync)) => (syncline, syncline.table.sync(sync).await?),
        // Without a history the token is all that tells.
        (None, Some(_)) => return Ok(Some(DeployedBy::Us)),
        (_, None) => return Ok(Some(if is_known { DeployedBy::Us } else { DeployedBy::Unknown })),
    };
    Ok(Some(match record {
        Some(record) if record.repository != *repository => {
            // Somebody may have said that this repository takes over from that operation.
            let head = syncline.table.head(repository, target).await?;
            let accepted = head.and_then(|head| head.accepted);
            let is_accepted = accepted.is_some() && accepted == newest.map(|newest| newest.id);
            if is_accepted { DeployedBy::Us } else { DeployedBy::Other(record.repository) }
        }
        Some(_) => DeployedBy::Us,
        // A record expires, the head of what is deployed does not.
        None if is_known => DeployedBy::Us,
        None => DeployedBy::Unknown,
    }))
}

/// Errors: another repository deployed one of these stacks last. `done` is what is so not done with them: `deployed`.
pub(crate) fn check_ours<'a>(
    repository: &RepositoryName,
    known: &BTreeMap<TargetName, Known>,
    found: impl IntoIterator<Item = (&'a TargetStack, &'a DeployedBy)>,
    done: &str,
) -> Result<(), Failure> {
    for (asked, by) in found {
        let DeployedBy::Other(other) = by else { continue };
        let TargetStack { target, stack, .. } = asked;
        let error = format!(
            "nothing was {done}: stack {stack} was deployed last from repository `{other}`, not from `{repository}`"
        );
        let take_over = if asked.is_known(known) {
            let words = ["syncline", "resolve", target.as_str(), "-r", repository.as_str(), "--reason", "TEXT"];
            format!("`{}` lets it take the stack over", shell_line(words))
        } else {
            "a push of it takes the stack over".to_owned()
        };
        let help = format!(
            "correct `-r` if `{repository}` is not what you meant, or work from the files of `{other}`; if the stack is to be `{repository}`'s, {take_over}"
        );
        return Err(Failure::new(error, help));
    }
    Ok(())
}
