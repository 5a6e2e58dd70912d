//! What to do next with a stack, from the state that it is in.
//!
//! The happy path looks at nothing: Deploy writes, and looks only when CloudFormation refuses the write or when
//! it enters a second time ([`first_move`], [`after_refusal`]). Then [`after_look`] decides from the stack's status and
//! from whose operation came last.

use serde::{Deserialize, Serialize};

use crate::names::{StackName, SyncId, TargetNumber};

/// What CloudFormation says of a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackView {
    /// Its status, as CloudFormation spells it.
    pub status: String,
    /// The client request token of the operation that came last, where it had one.
    pub last_token: Option<String>,
    /// The first resource that failed in that operation, and why.
    pub first_failure: Option<String>,
}

/// Why CloudFormation refused a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Create: there is such a stack.
    AlreadyExists,
    /// Update: there is no such stack.
    DoesNotExist,
    /// Update: it is as it should be.
    NoUpdates,
    /// Its state does not allow this.
    WrongState,
}

/// Where a target is to get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// Its stack is in step; it is created where there is none.
    InStep,
    /// Its stack is in step, and it is one that there is: the manifest names it, so none is created in its place.
    InStepAdopted,
    /// Its stack is gone.
    Gone,
}

/// What Deploy does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Move {
    /// Create the stack, then wait for its event.
    Create,
    /// Update the stack, then wait for its event.
    Update,
    /// Delete what a failed creation left, which holds nothing, then wait for its event and create.
    DeleteFailedCreation,
    /// Delete the stack, then wait for its event.
    Delete,
    /// Describe the stack.
    Look,
    /// Somebody's operation is in progress: wait for its event.
    Wait,
    /// It is in step, by our operation.
    Deployed,
    /// It was in step already.
    Unchanged,
    /// There is no such stack any more, or never was.
    Gone,
    /// It is not in step, for this reason.
    Fail(String),
}

/// The first move. `entered_before`: this target entered Deploy in this sync already, so an operation of ours may be
/// under way or done. `known_to_exist`: a sync before deployed it.
pub fn first_move(goal: Goal, entered_before: bool, known_to_exist: bool) -> Move {
    match (goal, entered_before, known_to_exist) {
        (_, true, _) => Move::Look,
        (Goal::Gone, false, _) => Move::Delete,
        (Goal::InStepAdopted, false, _) | (Goal::InStep, false, true) => Move::Update,
        (Goal::InStep, false, false) => Move::Create,
    }
}

/// The move after CloudFormation refused one.
pub fn after_refusal(goal: Goal, refusal: Refusal, stack: &StackName) -> Move {
    match refusal {
        Refusal::NoUpdates => Move::Unchanged,
        Refusal::DoesNotExist => without_stack(goal, stack),
        Refusal::AlreadyExists | Refusal::WrongState => Move::Look,
    }
}

/// The move where there is no such stack.
fn without_stack(goal: Goal, stack: &StackName) -> Move {
    match goal {
        Goal::InStep => Move::Create,
        Goal::InStepAdopted => Move::Fail(format!(
            "there is no stack `{stack}`, which the manifest names under `stack`; correct the name, or remove `stack` to have a new stack made"
        )),
        Goal::Gone => Move::Gone,
    }
}

/// The move after a look. `view` is nothing where there is no such stack; `operation` names this target's operations in
/// this sync.
pub fn after_look(goal: Goal, view: Option<&StackView>, operation: &Operation, stack: &StackName) -> Move {
    match (goal, view) {
        (_, None) => without_stack(goal, stack),
        (_, Some(view)) if view.status == "DELETE_COMPLETE" => without_stack(goal, stack),
        (Goal::InStep | Goal::InStepAdopted, Some(view)) => towards_in_step(goal, view, operation, stack),
        (Goal::Gone, Some(view)) => towards_gone(view, operation, stack),
    }
}

fn towards_gone(view: &StackView, operation: &Operation, stack: &StackName) -> Move {
    let is_ours = view.last_token.as_deref() == Some(operation.token("delete").as_str());
    match (view.status.as_str(), is_ours) {
        (status, _) if status.ends_with("_IN_PROGRESS") && status != "REVIEW_IN_PROGRESS" => Move::Wait,
        // It was refused in the end: `DELETE_FAILED`, or what the stack was before.
        (status, true) => {
            let reason = view.first_failure.clone().unwrap_or_else(|| "no resource event says why".to_owned());
            Move::Fail(format!(
                "{reason} (stack `{stack}` is {status} and was to be deleted); mend what it says and try again"
            ))
        }
        (_, false) => Move::Delete,
    }
}

fn towards_in_step(goal: Goal, view: &StackView, operation: &Operation, stack: &StackName) -> Move {
    let is_ours = view.last_token.as_deref().is_some_and(|token| operation.is_token_of(token));
    let failure = || {
        let reason = view.first_failure.clone().unwrap_or_else(|| "no resource event says why".to_owned());
        Move::Fail(format!("{reason} (stack `{stack}` is {})", view.status))
    };
    match (view.status.as_str(), is_ours) {
        ("REVIEW_IN_PROGRESS", _) => Move::Fail(format!(
            "stack `{stack}` is REVIEW_IN_PROGRESS: a change set was made for it and never executed; delete the stack, or execute the change set, and try again"
        )),
        (status, _) if status.ends_with("_IN_PROGRESS") => Move::Wait,
        ("CREATE_COMPLETE" | "UPDATE_COMPLETE" | "IMPORT_COMPLETE", true) => Move::Deployed,
        ("ROLLBACK_COMPLETE" | "UPDATE_ROLLBACK_COMPLETE", true) => failure(),
        (
            "CREATE_COMPLETE"
            | "UPDATE_COMPLETE"
            | "UPDATE_ROLLBACK_COMPLETE"
            | "IMPORT_COMPLETE"
            | "IMPORT_ROLLBACK_COMPLETE",
            false,
        ) => Move::Update,
        ("ROLLBACK_COMPLETE", false) if goal == Goal::InStep => Move::DeleteFailedCreation,
        ("UPDATE_ROLLBACK_FAILED", _) => {
            with_remedy(view, stack, &format!("aws cloudformation continue-update-rollback --stack-name {stack}"))
        }
        ("UPDATE_FAILED", _) => {
            with_remedy(view, stack, &format!("aws cloudformation rollback-stack --stack-name {stack}"))
        }
        (_, _) => with_remedy(view, stack, &format!("aws cloudformation delete-stack --stack-name {stack}")),
    }
}

/// A state that CloudFormation lets nobody update from: says what gets the stack out of it.
fn with_remedy(view: &StackView, stack: &StackName, command: &str) -> Move {
    let reason = view.first_failure.as_ref().map_or_else(String::new, |failure| format!(" ({failure})"));
    Move::Fail(format!(
        "stack `{stack}` is {}{reason}, which no update leads out of; mend what it says, run `{command}`, and try again",
        view.status
    ))
}

/// Names the operations of one target in one sync: CloudFormation's client request tokens are made from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// The sync.
    pub sync: SyncId,
    /// The target.
    pub target: TargetNumber,
}

impl Operation {
    /// The token of one verb, `create`, `update` or `delete`. CloudFormation takes a repeated token for the same
    /// request. At most 128 characters, `[a-zA-Z0-9][-a-zA-Z0-9]*`.
    pub fn token(&self, verb: &str) -> String {
        format!("{}{verb}", self.prefix())
    }

    /// The name of the target's execution. At most 80 characters.
    pub fn execution_name(&self) -> String {
        format!("{}-{}", self.sync, self.target)
    }

    fn is_token_of(&self, token: &str) -> bool {
        token.strip_prefix(&self.prefix()).is_some_and(|verb| verb == "create" || verb == "update")
    }

    fn prefix(&self) -> String {
        format!("syncline-{}-{}-", self.sync, self.target)
    }
}

/// Whether a client request token names an operation of a sync, on whichever target.
pub fn is_of_sync(token: &str, sync: &SyncId) -> bool {
    sync_of(token).as_ref() == Some(sync)
}

/// The sync that a client request token names, where it is one of Syncline's: `syncline-<sync>-<target>-<verb>`.
pub fn sync_of(token: &str) -> Option<SyncId> {
    let sync = token.strip_prefix("syncline-")?.split('-').next()?;
    (!sync.is_empty()).then(|| SyncId::new(sync))
}

/// What a stack's status event means for the target that waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventMeaning {
    /// Our operation succeeded.
    Deployed,
    /// Something ended: Deploy looks.
    LookAgain,
    /// Nothing ended.
    Nothing,
}

/// Reads a stack status event.
pub fn read_event(status: &str, token: Option<&str>, operation: &Operation) -> EventMeaning {
    let is_ours = token.is_some_and(|token| operation.is_token_of(token));
    match status {
        "CREATE_COMPLETE" | "UPDATE_COMPLETE" if is_ours => EventMeaning::Deployed,
        status if status.ends_with("_IN_PROGRESS") => EventMeaning::Nothing,
        _ => EventMeaning::LookAgain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_its_sync() {
        let operation = Operation { sync: SyncId::new("01J8Z3"), target: TargetNumber(7) };
        assert_eq!(sync_of(&operation.token("update")), Some(operation.sync));
        assert_eq!(sync_of("Console-UpdateStack-0b1c"), None);
    }

    fn operation() -> Operation {
        Operation { sync: SyncId::new("01J"), target: TargetNumber(3) }
    }

    fn look(status: &str, token: Option<String>) -> Move {
        let view = StackView { status: status.into(), last_token: token, first_failure: Some("`Topic`: no".into()) };
        after_look(Goal::InStep, Some(&view), &operation(), &StackName::new("shop-api"))
    }

    #[test]
    fn an_adopted_stack_is_updated_and_never_made_nor_deleted() {
        let stack = StackName::new("shop-api");
        let goal = Goal::InStepAdopted;
        assert_eq!(first_move(goal, false, false), Move::Update);
        for lost in [after_refusal(goal, Refusal::DoesNotExist, &stack), after_look(goal, None, &operation(), &stack)] {
            let Move::Fail(reason) = lost else { panic!("{lost:?}") };
            assert!(reason.starts_with("there is no stack `shop-api`"), "{reason}");
        }
        let view = |status: &str| StackView { status: status.into(), last_token: None, first_failure: None };
        assert_eq!(after_look(goal, Some(&view("UPDATE_COMPLETE")), &operation(), &stack), Move::Update);
        assert!(matches!(after_look(goal, Some(&view("ROLLBACK_COMPLETE")), &operation(), &stack), Move::Fail(_)));
    }

    #[test]
    fn a_deletion_ends_when_the_stack_is_gone_or_cloudformation_gave_up() {
        let stack = StackName::new("shop-api");
        assert_eq!(first_move(Goal::Gone, false, true), Move::Delete);
        assert_eq!(first_move(Goal::Gone, true, true), Move::Look);
        assert_eq!(after_look(Goal::Gone, None, &operation(), &stack), Move::Gone);
        assert_eq!(after_refusal(Goal::Gone, Refusal::DoesNotExist, &stack), Move::Gone);
        let ours = Some(operation().token("delete"));
        let cases = [
            ("CREATE_COMPLETE", None, "Delete"),
            ("ROLLBACK_COMPLETE", None, "Delete"),
            ("REVIEW_IN_PROGRESS", None, "Delete"),
            ("DELETE_FAILED", None, "Delete"),
            ("UPDATE_IN_PROGRESS", None, "Wait"),
            ("DELETE_IN_PROGRESS", ours.clone(), "Wait"),
            ("DELETE_FAILED", ours.clone(), "Fail"),
            ("UPDATE_COMPLETE", ours.clone(), "Fail"),
            ("DELETE_COMPLETE", ours, "Gone"),
        ];
        for (status, last_token, expected) in cases {
            let view = StackView { status: status.into(), last_token, first_failure: None };
            let found = format!("{:?}", after_look(Goal::Gone, Some(&view), &operation(), &stack));
            assert!(found.starts_with(expected), "{status}: {found}, expected {expected}");
        }
    }

    #[test]
    fn every_state_of_a_stack_has_its_move() {
        let ours = Some(operation().token("update"));
        let cases = [
            ("CREATE_COMPLETE", "Update", "Deployed"),
            ("UPDATE_COMPLETE", "Update", "Deployed"),
            ("UPDATE_ROLLBACK_COMPLETE", "Update", "Fail"),
            ("ROLLBACK_COMPLETE", "DeleteFailedCreation", "Fail"),
            ("IMPORT_COMPLETE", "Update", "Deployed"),
            ("IMPORT_ROLLBACK_COMPLETE", "Update", "Fail"),
            ("DELETE_COMPLETE", "Create", "Create"),
            ("CREATE_IN_PROGRESS", "Wait", "Wait"),
            ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "Wait", "Wait"),
            ("UPDATE_ROLLBACK_IN_PROGRESS", "Wait", "Wait"),
            ("DELETE_IN_PROGRESS", "Wait", "Wait"),
            ("REVIEW_IN_PROGRESS", "Fail", "Fail"),
            ("CREATE_FAILED", "Fail", "Fail"),
            ("ROLLBACK_FAILED", "Fail", "Fail"),
            ("UPDATE_FAILED", "Fail", "Fail"),
            ("UPDATE_ROLLBACK_FAILED", "Fail", "Fail"),
            ("DELETE_FAILED", "Fail", "Fail"),
            ("IMPORT_ROLLBACK_FAILED", "Fail", "Fail"),
            ("A_STATE_OF_TOMORROW", "Fail", "Fail"),
        ];
        for (status, foreign, own) in cases {
            for (token, expected) in [(None, foreign), (ours.clone(), own)] {
                let found = format!("{:?}", look(status, token));
                assert!(found.starts_with(expected), "{status}: {found}, expected {expected}");
            }
        }
    }

    #[test]
    fn a_failure_names_the_resource_and_a_stuck_stack_its_remedy() {
        let Move::Fail(reason) = look("UPDATE_ROLLBACK_COMPLETE", Some(operation().token("update"))) else { panic!() };
        assert_eq!(reason, "`Topic`: no (stack `shop-api` is UPDATE_ROLLBACK_COMPLETE)");
        let Move::Fail(reason) = look("UPDATE_ROLLBACK_FAILED", None) else { panic!() };
        assert!(reason.contains("aws cloudformation continue-update-rollback --stack-name shop-api"), "{reason}");
        let Move::Fail(reason) = look("DELETE_FAILED", None) else { panic!() };
        assert!(reason.contains("aws cloudformation delete-stack --stack-name shop-api"), "{reason}");
    }

    #[test]
    fn our_deletion_is_not_our_deployment() {
        assert_eq!(look("CREATE_COMPLETE", Some(operation().token("delete"))), Move::Update);
        assert_eq!(
            read_event("DELETE_COMPLETE", Some(&operation().token("delete")), &operation()),
            EventMeaning::LookAgain
        );
    }

    #[test]
    fn an_event_of_another_sync_is_not_ours() {
        let older = Operation { sync: SyncId::new("01H"), ..operation() };
        assert_eq!(read_event("UPDATE_COMPLETE", Some(&older.token("update")), &operation()), EventMeaning::LookAgain);
        let similar = Operation { target: TargetNumber(31), ..operation() };
        assert_eq!(
            read_event("UPDATE_COMPLETE", Some(&similar.token("update")), &operation()),
            EventMeaning::LookAgain
        );
        assert_eq!(
            read_event("UPDATE_COMPLETE", Some(&operation().token("update")), &operation()),
            EventMeaning::Deployed
        );
        assert_eq!(
            read_event("UPDATE_IN_PROGRESS", Some(&operation().token("update")), &operation()),
            EventMeaning::Nothing
        );
    }

    #[test]
    fn a_token_tells_its_sync() {
        let token = operation().token("delete");
        assert!(is_of_sync(&token, &SyncId::new("01J")));
        assert!(!is_of_sync(&token, &SyncId::new("01")) && !is_of_sync("somebody-else", &SyncId::new("01J")));
    }

    #[test]
    fn tokens_and_names_stay_within_the_limits() {
        let longest = Operation { sync: SyncId::new("0".repeat(26)), target: TargetNumber(u32::MAX) };
        assert!(longest.token("update").len() <= 128);
        assert!(longest.execution_name().len() <= 80);
    }
}
