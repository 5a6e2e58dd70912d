//! What people hold by hand: while it is held, no sync begins with a target that it covers.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::names::{BranchName, TargetName};

/// What is held.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Held {
    /// All of a repository.
    Everything,
    /// What a branch deploys.
    Branch(BranchName),
    /// One target.
    Target(TargetName),
}

/// Something that is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// What it is.
    pub what: Held,
    /// The ARN of whoever holds it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Since when, in RFC 3339.
    pub at: String,
}

impl Held {
    /// Whether it covers a target that a branch deploys.
    pub fn covers(&self, branch: &BranchName, target: &TargetName) -> bool {
        match self {
            Self::Everything => true,
            Self::Branch(held) => held == branch,
            Self::Target(held) => held == target,
        }
    }

    /// The command that lets it go on, as a shell takes it.
    pub fn resume_command(&self) -> String {
        match self {
            Self::Everything => "syncline resume --all".to_owned(),
            Self::Branch(branch) => format!("syncline resume --branch {}", word(branch.as_str())),
            Self::Target(target) => format!("syncline resume {}", word(target.as_str())),
        }
    }
}

/// A name as one word of a shell: a branch may be called `$(anything)`.
fn word(name: &str) -> String {
    shlex::try_quote(name).map(Cow::into_owned).unwrap_or_default()
}

impl fmt::Display for Held {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everything => formatter.write_str("everything"),
            Self::Branch(branch) => write!(formatter, "branch `{branch}`"),
            Self::Target(target) => write!(formatter, "target `{target}`"),
        }
    }
}

impl Hold {
    /// What to say of a target that it covers.
    pub fn explain(&self) -> String {
        let Self { what, by, reason, at } = self;
        format!("{what} was paused by {by} at {at}: {reason}; `{}` lets it go on", what.resume_command())
    }
}

/// The first hold that covers a target, if any does: those of everything before those of branches before those of targets.
pub fn holding<'h>(holds: &'h [Hold], branch: &BranchName, target: &TargetName) -> Option<&'h Hold> {
    holds.iter().filter(|hold| hold.what.covers(branch, target)).min_by(|one, other| one.what.cmp(&other.what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_that_lets_it_go_on_runs_as_it_is_written() {
        let branch = |name: &str| Held::Branch(BranchName::new(name)).resume_command();
        assert_eq!(Held::Everything.resume_command(), "syncline resume --all");
        assert_eq!(branch("release/1.0"), "syncline resume --branch release/1.0");
        assert_eq!(branch("$(anything)"), "syncline resume --branch '$(anything)'");
        assert_eq!(Held::Target(TargetName::new("web/beta")).resume_command(), "syncline resume web/beta");
    }

    #[test]
    fn the_widest_hold_that_covers_a_target_is_told() {
        let hold =
            |what: Held| Hold { what, by: "arn".to_owned(), reason: "a freeze".to_owned(), at: "now".to_owned() };
        let (main, web) = (BranchName::new("main"), TargetName::new("web/beta"));
        let of_target = hold(Held::Target(web.clone()));
        let of_branch = hold(Held::Branch(main.clone()));
        assert_eq!(holding(&[of_target.clone(), of_branch.clone()], &main, &web), Some(&of_branch));
        assert_eq!(holding(&[of_target.clone(), of_branch], &BranchName::new("prod"), &web), Some(&of_target));
        assert_eq!(holding(&[of_target], &main, &TargetName::new("api/beta")), None);
        let all = hold(Held::Everything);
        assert!(
            holding(std::slice::from_ref(&all), &main, &web)
                .unwrap()
                .explain()
                .starts_with("everything was paused by arn")
        );
    }
}
