//! The statuses of a sync and of a target in it, and which may follow which. The words are Proton's where it had one.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::location::Location;

/// The status of a sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SyncStatus {
    /// Waits for the lease of its branch.
    Queued,
    /// Holds the lease; its execution starts.
    Initiated,
    /// Its plan is stored and carried out.
    InProgress,
    /// Every target is in step.
    Succeeded,
    /// A target is not, or the input was bad.
    Failed,
    /// A newer commit took its place before it began.
    Superseded,
    /// Stopped by hand.
    Cancelled,
}

impl SyncStatus {
    /// Whether nothing follows.
    pub fn is_terminal(self) -> bool {
        !matches!(self, Self::Queued | Self::Initiated | Self::InProgress)
    }

    /// The word as stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "QUEUED",
            Self::Initiated => "INITIATED",
            Self::InProgress => "IN_PROGRESS",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Superseded => "SUPERSEDED",
            Self::Cancelled => "CANCELLED",
        }
    }

    /// The statuses from which this one may follow. A write of this status is conditional on one of them.
    pub fn may_follow(self) -> &'static [SyncStatus] {
        match self {
            Self::Queued => &[],
            Self::Initiated | Self::Superseded => &[Self::Queued],
            Self::InProgress => &[Self::Initiated],
            Self::Succeeded => &[Self::InProgress],
            Self::Failed | Self::Cancelled => &[Self::Queued, Self::Initiated, Self::InProgress],
        }
    }
}

impl fmt::Display for SyncStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// The status of a target in a sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TargetStatus {
    /// Waits for others.
    Pending,
    /// Its stack is looked at or worked on.
    Deploying,
    /// Its stack is in step, after an operation.
    Succeeded,
    /// Its stack was in step already.
    Unchanged,
    /// Its stack is not in step.
    Failed,
    /// Not touched, since something that it waits for failed, or since the sync was stopped.
    Skipped,
    /// Not touched, since it is held, or since others changed its stack.
    Blocked,
}

impl TargetStatus {
    /// Whether nothing follows in this sync.
    pub fn is_terminal(self) -> bool {
        !matches!(self, Self::Pending | Self::Deploying)
    }

    /// Whether the stack is in step with the sync's commit.
    pub fn is_in_step(self) -> bool {
        matches!(self, Self::Succeeded | Self::Unchanged)
    }

    /// The word as stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Deploying => "DEPLOYING",
            Self::Succeeded => "SUCCEEDED",
            Self::Unchanged => "UNCHANGED",
            Self::Failed => "FAILED",
            Self::Skipped => "SKIPPED",
            Self::Blocked => "BLOCKED",
        }
    }
}

impl fmt::Display for TargetStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// How a target ended in a sync.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Outcome {
    /// A terminal status.
    pub status: TargetStatus,
    /// Why, where it is not in step: the first resource that failed, the target that it waited for in vain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The digest of what was deployed, where the target is in step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployed: Option<crate::names::Digest>,
    /// The stack's outputs, where others need them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outputs: Option<std::collections::BTreeMap<String, String>>,
    /// The id of a change to the stack that was not Syncline's and that was found: what blocks the target, or where that is in
    /// step all the same, what it has been since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub foreign: Option<String>,
    /// When its stack was worked on, where an event told of the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worked: Option<Worked>,
}

/// When CloudFormation worked on a stack, as it was seen from here.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Worked {
    /// When it was asked to, in RFC 3339.
    pub asked_at: String,
    /// When the end was heard of, in RFC 3339.
    pub heard_at: String,
}

impl Outcome {
    /// An outcome with a reason.
    pub fn because(status: TargetStatus, reason: impl Into<String>) -> Self {
        Self { reason: Some(reason.into()), ..Self::of(status) }
    }

    /// An outcome of which nothing else is to be said.
    pub fn of(status: TargetStatus) -> Self {
        Self { status, reason: None, deployed: None, outputs: None, foreign: None, worked: None }
    }

    /// The same, whose reason says where its stack is, where that is not where Syncline is: a command that it advises is to be
    /// typed there.
    #[must_use]
    pub fn at(self, location: &Location) -> Self {
        let place = format!(" (in {location})");
        let reason = match self.reason {
            Some(reason) if !location.is_home() && !reason.ends_with(&place) => Some(reason + &place),
            reason => reason,
        };
        Self { reason, ..self }
    }

    /// A failure.
    pub fn failed(reason: impl Into<String>) -> Self {
        Self::because(TargetStatus::Failed, reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_and_an_item_have_one_word_for_a_status() {
        use {SyncStatus as S, TargetStatus as T};
        for status in [S::Queued, S::Initiated, S::InProgress, S::Succeeded, S::Failed, S::Superseded, S::Cancelled] {
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
        for status in [T::Pending, T::Deploying, T::Succeeded, T::Unchanged, T::Failed, T::Skipped, T::Blocked] {
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
    }
}
