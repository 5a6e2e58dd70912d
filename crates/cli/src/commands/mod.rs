//! The commands, one module each. A command reads what it needs, makes a document of it and gives it as text or JSON.
//!
//! `check`, `plan`, `render`, `package`, `graph`, `init` and `schema` work on files: they start no runtime and make no client of AWS.

mod check;
mod delete;
mod deploy;
mod env;
mod graph;
mod history;
mod hold;
mod init;
mod manual;
mod package;
mod plan;
mod render;
mod show;
mod status;
mod watch;

use std::fmt::Display;

pub(crate) use env::Listed;

use syncline_aws::table::Table;
use syncline_core::lease::Lease;
use syncline_core::names::{BranchName, RepositoryName, SyncId};
use time::OffsetDateTime;

use crate::answer::Answer;
use crate::arguments::{App, Arguments, Command, Connected, Env, Installation, Scope, Svc};
use crate::documents::SyncDocument;
use crate::draw::shell_line;
use crate::failure::Failure;
use crate::{connection, interrupt, origin};

/// Runs what was typed.
pub(crate) fn run(arguments: &Arguments) -> Result<Answer, Failure> {
    let global = &arguments.global;
    match &arguments.command {
        Command::Check(check) => check::run(global, check),
        Command::Plan(plan) => plan::run(global, plan),
        Command::Render(render) => render::run(global, render),
        Command::Package(package) => package::run(global, package),
        Command::Env(Env::Ls(ls)) => env::ls(global, ls),
        Command::Env(Env::Delete(delete)) => wait_for(delete::environment(global, delete)),
        Command::Svc(Svc::Delete(delete)) => wait_for(delete::service(global, delete)),
        Command::App(App::Delete(delete)) => wait_for(delete::app(global, delete)),
        Command::Graph(graph) => graph::run(global, graph),
        Command::Init(init) => init::run(global, init),
        Command::Completions(completions) => Ok(manual::completions(completions)),
        Command::Man(man) => manual::man(man),
        Command::Schema => Answer::json(&syncline_core::manifest::json_schema()),
        Command::Deploy(deploy) => wait_for(deploy::run(global, deploy)),
        Command::Status(status) if status.watch => wait_for(watch::run(global, status)),
        Command::Status(status) => wait_for(status::run(global, status)),
        Command::Pause(pause) => wait_for(hold::pause(global, pause)),
        Command::Resume(resume) => wait_for(hold::resume(global, resume)),
        Command::Resolve(resolve) => wait_for(hold::resolve(global, resolve)),
        Command::History(history) => wait_for(history::run(global, history)),
        Command::Show(show) => wait_for(show::run(global, show)),
    }
}

/// Runs a command that asks AWS.
fn wait_for(command: impl Future<Output = Result<Answer, Failure>>) -> Result<Answer, Failure> {
    interrupt::listen()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answer = runtime.block_on(command);
    // A request that is still under way when Ctrl-C ends a command is nothing to wait for.
    runtime.shutdown_background();
    answer
}

/// A repository's history, or one branch's.
struct Reader {
    table: Table,
    repository: RepositoryName,
    branch: Option<BranchName>,
}

impl Reader {
    /// Finds out which repository is meant before it asks AWS for anything.
    async fn open(installation: &Installation, scope: &Scope) -> Result<Self, Failure> {
        let repository = origin::repository(scope.connected.repository.as_deref())?;
        let branch = scope.branch.as_deref().map(BranchName::new);
        Ok(Self { table: connection::table(installation).await?, repository, branch })
    }

    /// All of a repository, for a command that writes: what it writes is kept as long as the installation says.
    async fn open_to_write(installation: &Installation, connected: &Connected) -> Result<Self, Failure> {
        let repository = origin::repository(connected.repository.as_deref())?;
        Ok(Self { table: connection::table_to_write(installation).await?, repository, branch: None })
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
        Failure::usage(
            format!("there is no sync of {what}"),
            "check the name; a push to a branch that the manifest mentions starts the first one",
        )
    }

    /// The options that name this repository and branch again.
    fn options(&self) -> String {
        let branch = self.branch.iter().flat_map(|branch| ["-b", branch.as_str()]);
        shell_line(["-r", self.repository.as_str()].into_iter().chain(branch))
    }
}

/// Everything about a sync, as it is now.
pub(crate) async fn read_sync(table: &Table, sync: &SyncId) -> Result<Option<SyncDocument>, syncline_aws::Error> {
    let whole = table.whole_sync(sync).await?;
    Ok(whole.map(|(record, targets, kept, publishes)| SyncDocument::new(record, targets, kept, publishes)))
}

fn no_such_sync(sync: impl Display) -> Failure {
    let help = "`syncline history` lists those that there are; old ones expire";
    Failure::usage(format!("there is no sync `{sync}`"), help)
}

/// The present time. The only place that reads the clock.
pub(crate) fn now() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}
