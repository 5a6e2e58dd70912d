//! Carries the core's moves out on a stack, until it waits for an operation's end or has settled.
//!
//! Which move comes next is decided in `syncline_core::deployment`; a Deploy function and a command line that deploys by
//! hand make them alike, through here.

use std::collections::BTreeMap;

use syncline_core::deployment::{Goal, Move, Operation, after_look, after_refusal, first_move};
use syncline_core::names::StackName;
use syncline_core::stack::StackRequest;
use syncline_core::status::{Outcome, TargetStatus};
use tracing::info;

use crate::Error;
use crate::stacks::Stacks;
use crate::templates::Sources;

/// How many moves one entry makes at the most. The longest sensible chain is four: update, there is no such stack;
/// create, there is one meanwhile; look; update.
const MAX_MOVES: usize = 8;

/// What an entry comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reached {
    /// An operation is under way: enter again when it has ended.
    Waits,
    /// The target has settled.
    Settled(Outcome),
}

/// Where an entry begins.
#[derive(Clone, Copy, Debug)]
pub struct Entered {
    /// It entered before in this sync, so an operation of ours may be under way or done.
    pub before: bool,
    /// A sync before deployed the stack.
    pub known_to_exist: bool,
}

/// A stack to be brought in step.
#[derive(Clone, Copy, Debug)]
pub struct Deployment<'d> {
    /// What is asked for.
    pub request: &'d StackRequest,
    /// What it is made from, as CloudFormation is given it.
    pub sources: &'d Sources,
    /// Whether the manifest names the stack, so that none is created in its place.
    pub is_adopted: bool,
    /// Whether the stack's outputs are to be told.
    pub outputs_wanted: bool,
}

impl Stacks {
    /// Moves a stack towards what is asked for.
    ///
    /// Errors: what AWS refuses for good too; that is the target's outcome, which the caller words.
    pub async fn bring_in_step(
        &self,
        deployment: Deployment<'_>,
        operation: &Operation,
        entered: Entered,
    ) -> Result<Reached, Error> {
        let Deployment { request, sources, is_adopted, outputs_wanted } = deployment;
        let goal = if is_adopted { Goal::InStepAdopted } else { Goal::InStep };
        let mut next = first_move(goal, entered.before, entered.known_to_exist);
        let mut outputs = None;
        let in_step = |status, outputs: Option<BTreeMap<String, String>>, foreign| {
            let outputs = outputs.filter(|_| outputs_wanted);
            let deployed = Some(request.digest());
            Reached::Settled(Outcome { deployed, outputs, foreign, ..Outcome::of(status) })
        };
        for _ in 0..MAX_MOVES {
            info!(sync = %operation.sync, target = %operation.target, stack = %request.stack, r#move = ?next, "move");
            let accepted = match next {
                Move::Create => self.create(request, sources, operation).await?,
                Move::Update => self.update(request, sources, operation).await?,
                Move::DeleteFailedCreation => self.delete(&request.stack, operation).await?,
                Move::Look => {
                    let found = self.look(&request.stack).await?;
                    next = after_look(goal, found.as_ref().map(|found| &found.view), operation, &request.stack);
                    outputs = found.map(|found| found.outputs);
                    continue;
                }
                Move::Wait => return Ok(Reached::Waits),
                Move::Deployed => return Ok(in_step(TargetStatus::Succeeded, outputs, None)),
                Move::Unchanged => {
                    if outputs_wanted && outputs.is_none() {
                        outputs = self.outputs(&request.stack).await?;
                    }
                    // Whoever made it what it is: from now on it is ours to change.
                    let newest = self.newest_operation(&request.stack).await?;
                    return Ok(in_step(TargetStatus::Unchanged, outputs, newest.map(|newest| newest.id)));
                }
                Move::Delete | Move::Gone => {
                    return Err(Error::damaged("move", "a deletion on the way to a deployment"));
                }
                Move::Fail(reason) => return Ok(Reached::Settled(Outcome::failed(reason))),
            };
            next = match accepted {
                Ok(()) => return Ok(Reached::Waits),
                Err(refusal) => after_refusal(goal, refusal, &request.stack),
            };
        }
        Ok(changed_under_every_move(&request.stack))
    }

    /// Moves a stack towards being gone. `reason` says why, where it comes to that.
    pub async fn take_away(
        &self,
        stack: &StackName,
        operation: &Operation,
        entered_before: bool,
        reason: &str,
    ) -> Result<Reached, Error> {
        let mut next = first_move(Goal::Gone, entered_before, true);
        let mut is_sent = false;
        for _ in 0..MAX_MOVES {
            info!(sync = %operation.sync, target = %operation.target, %stack, r#move = ?next, "move");
            next = match next {
                // A look may be a moment behind what was accepted: the end of the operation will say.
                Move::Delete if is_sent => return Ok(Reached::Waits),
                Move::Delete => match self.delete(stack, operation).await? {
                    // Deleting what is not there is accepted, and no event follows: so look at once.
                    Ok(()) => {
                        is_sent = true;
                        Move::Look
                    }
                    Err(refusal) => after_refusal(Goal::Gone, refusal, stack),
                },
                Move::Look => {
                    let found = self.look(stack).await?;
                    after_look(Goal::Gone, found.as_ref().map(|found| &found.view), operation, stack)
                }
                Move::Wait => return Ok(Reached::Waits),
                Move::Gone => return Ok(Reached::Settled(Outcome::because(TargetStatus::Succeeded, reason))),
                Move::Fail(reason) => return Ok(Reached::Settled(Outcome::failed(reason))),
                other => return Err(Error::damaged("move", format!("{other:?} on the way to a deletion"))),
            };
        }
        Ok(changed_under_every_move(stack))
    }
}

fn changed_under_every_move(stack: &StackName) -> Reached {
    Reached::Settled(Outcome::failed(format!("stack `{stack}` changed under every move; try again")))
}
