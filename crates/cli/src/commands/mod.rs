//! The commands, one module each. A command reads what it needs, makes a document of it and gives it as text or JSON.

mod history;
mod show;
mod status;
mod watch;

use std::fmt::Display;

use syncline_aws::table::Table;
use syncline_core::lease::Lease;
use syncline_core::names::{BranchName, RepositoryName, SyncId};
use time::OffsetDateTime;

use crate::answer::Answer;
use crate::arguments::{Arguments, Command, Scope};
use crate::documents::SyncDocument;
use crate::failure::Failure;
use crate::{connection, origin};

/// Runs what was typed.
pub(crate) async fn run(arguments: &Arguments) -> Result<Answer, Failure> {
    let global = &arguments.global;
    match &arguments.command {
        Command::Status(status) if status.watch => watch::run(global, status).await,
        Command::Status(status) => status::run(global, status).await,
        Command::History(history) => history::run(global, history).await,
        Command::Show(show) => show::run(global, show).await,
    }
}

/// A repository's history, or one branch's.
struct Reader {
    table: Table,
    repository: RepositoryName,
    branch: Option<BranchName>,
}

impl Reader {
    /// Finds out which repository is meant before it asks AWS for anything.
    async fn open(global: &crate::arguments::Global, scope: &Scope) -> Result<Self, Failure> {
        let repository = origin::repository(scope.repository.as_deref())?;
        let branch = scope.branch.as_deref().map(BranchName::new);
        Ok(Self { table: connection::table(global).await?, repository, branch })
    }

    /// The leases of the branches that are meant.
    async fn leases(&self) -> Result<Vec<(BranchName, Lease)>, Failure> {
        let mut leases = self.table.leases(&self.repository).await?;
        leases.retain(|(branch, _)| self.branch.as_ref().is_none_or(|meant| meant == branch));
        Ok(leases)
    }

    /// What to say where there is no sync at all.
    fn no_sync(&self) -> Failure {
        let what = match &self.branch {
            Some(branch) => format!("branch `{branch}` of repository `{}`", self.repository),
            None => format!("repository `{}`", self.repository),
        };
        Failure::new(
            format!("there is no sync of {what}"),
            "check the name; a push to a branch that the manifest mentions starts the first one",
        )
    }

    /// The options that name this repository and branch again.
    fn options(&self) -> String {
        let branch = self.branch.as_ref().map(|branch| format!(" -b {branch}")).unwrap_or_default();
        format!("-r {}{branch}", self.repository)
    }
}

/// Everything about a sync, as it is now.
async fn read_sync(table: &Table, sync: &SyncId) -> Result<Option<SyncDocument>, syncline_aws::Error> {
    let whole = table.whole_sync(sync).await?;
    Ok(whole.map(|(record, targets, kept, publishes)| SyncDocument::new(record, targets, kept, publishes)))
}

fn no_such_sync(sync: impl Display) -> Failure {
    let help = "`syncline history` lists those that there are; old ones expire";
    Failure::new(format!("there is no sync `{sync}`"), help)
}

/// The present time. The only place that reads the clock.
fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}
