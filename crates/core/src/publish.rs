//! The pull request that takes a commit to the next branch: what it says.

use std::fmt::Write as _;

use crate::manifest::Publish;
use crate::names::{CommitId, SyncId, TargetName};

/// CodeCommit's limit on a pull request's title, in characters.
const MAX_TITLE: usize = 150;
/// CodeCommit's limit on a pull request's description, in characters.
const MAX_DESCRIPTION: usize = 10_240;

/// What a pull request says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// Its title.
    pub title: String,
    /// Its description.
    pub description: String,
}

/// The text of the pull request for one publish, after the sync of `commit`: which targets were deployed, which were
/// in step already.
pub fn text(
    publish: &Publish,
    commit: &CommitId,
    sync: &SyncId,
    deployed: &[TargetName],
    unchanged: &[TargetName],
) -> Text {
    let title: String = format!("Publish {} to {}", publish.from, publish.to).chars().take(MAX_TITLE).collect();
    let mut description = format!(
        "Every target of `{}` is in step with commit {}. Merging takes it to `{}`.\n\nSync {sync}\n",
        publish.from,
        commit.short(),
        publish.to
    );
    section(&mut description, "Deployed", deployed);
    section(&mut description, "Unchanged", unchanged);
    Text { title, description }
}

/// A list of targets, cut with a count where it would grow beyond what CodeCommit takes.
fn section(description: &mut String, heading: &str, names: &[TargetName]) {
    if names.is_empty() {
        return;
    }
    let _ = write!(description, "\n{heading}:\n");
    for (at, name) in names.iter().enumerate() {
        let line = format!("- {name}\n");
        if description.chars().count() + line.chars().count() > MAX_DESCRIPTION - 100 {
            let _ = writeln!(description, "- and {} more", names.len() - at);
            return;
        }
        description.push_str(&line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::BranchName;

    #[test]
    fn a_description_of_any_number_of_targets_fits() {
        let names: Vec<TargetName> =
            (0..2_000).map(|number| TargetName::new(format!("service-{number}/prod"))).collect();
        let publish = Publish { from: BranchName::new("main"), to: BranchName::new("prod"), span: Default::default() };
        let text = text(&publish, &CommitId::new("a".repeat(40)), &SyncId::new("01J"), &names, &names);
        assert!(text.description.chars().count() <= MAX_DESCRIPTION);
        assert!(text.description.contains("more"));
        assert_eq!(text.title, "Publish main to prod");
    }
}
