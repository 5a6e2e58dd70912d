//! What can be typed: every command, flag and environment variable.
//!
//! It only declares. Defaults that have to be looked up (the table, the repository) are looked up elsewhere.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// GitOps for CloudFormation in your own AWS account.
///
/// `check`, `plan`, `render`, `package`, `graph` and `init` work on the files here and need no AWS. `status`, `history` and
/// `show` read Syncline's table, `pause`, `resume` and `resolve` write to it; `deploy` and the `delete` commands work on stacks
/// with your own credentials. Region and credentials come from the environment, as in every AWS tool.
#[derive(Debug, Parser)]
#[command(name = "syncline", version, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Args, Debug)]
#[command(next_help_heading = "Options of every command")]
pub(crate) struct Global {
    /// How to show it: json is one document on standard output
    #[arg(long, global = true, value_enum, value_name = "FORMAT", default_value = "text")]
    pub(crate) output: Output,
    /// Never colour, not even on a terminal; NO_COLOR does the same
    #[arg(long, global = true)]
    pub(crate) no_color: bool,
}

/// How an answer is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people, and for grep.
    Text,
    /// For programs.
    Json,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Say everything that is wrong with a repository's files
    Check(Check),
    /// Show what a branch would deploy, in which order, and what waits on what
    Plan(Plan),
    /// Show a target's template and parameters as CloudFormation would get them
    Render(Render),
    /// Write a stack's template and parameters as files, for a pipeline
    Package(Package),
    /// Deploy addons, services or environments by hand, from the files here
    #[command(after_help = DEPLOY_EXAMPLES)]
    Deploy(Deploy),
    /// Draw what waits on what
    Graph(Graph),
    /// Write a manifest and a small example to start from
    Init(Init),
    /// Print the JSON Schema of a manifest, for an editor
    Schema,
    /// Print what a shell completes; its documentation says where it wants that
    Completions(Completions),
    /// Write the pages of `man`
    Man(Man),
    /// List environments and their addons, or delete them
    #[command(subcommand)]
    Env(Env),
    /// Delete services
    #[command(subcommand)]
    Svc(Svc),
    /// Delete everything
    #[command(subcommand)]
    App(App),
    /// Show the present state of every target, or follow a sync until it is over
    Status(Status),
    /// Hold a target, a branch or everything: no sync begins with it until it is resumed
    Pause(Pause),
    /// Let go on what was paused
    Resume(Resume),
    /// Accept what somebody changed by hand on a target's stack, so that the next sync takes over
    Resolve(Resolve),
    /// Show past syncs, newest first
    History(History),
    /// Show everything about one sync
    Show(Show),
}

/// What people type.
const DEPLOY_EXAMPLES: &str = "\
Examples:
  syncline deploy                       asks for the environment, then what
  syncline deploy -n eventbus -e beta   one addon, service or environment
  syncline deploy --all -e beta --diff  only shows how the files differ from what is deployed
  syncline deploy --all -e beta --yes   asks nothing, for a pipeline

docs/deploying-by-hand.md says what it does, and what your credentials must allow.";

/// Syncline's own stack, where nobody names another.
pub(crate) const DEFAULT_STACK: &str = "syncline";

/// What CloudFormation may do for a template, where nobody says otherwise.
pub(crate) const DEFAULT_CAPABILITIES: &str = "CAPABILITY_NAMED_IAM,CAPABILITY_AUTO_EXPAND";

/// What a command takes that works on stacks by hand.
#[derive(Args, Clone, Debug)]
pub(crate) struct Hand {
    /// Syncline's own stack, for the lease and the history. Without Syncline in the account there are none
    #[arg(long, value_name = "NAME", env = "SYNCLINE_STACK", hide_env_values = true, default_value = DEFAULT_STACK)]
    pub(crate) stack: String,
    /// The bucket for templates of more than 51,200 bytes [default: Syncline's]
    #[arg(long, value_name = "NAME")]
    pub(crate) s3_bucket: Option<String>,
    /// What CloudFormation may do for a template
    #[arg(
        long,
        value_name = "NAME",
        value_delimiter = ',',
        default_value = DEFAULT_CAPABILITIES
    )]
    pub(crate) capabilities: Vec<String>,
    /// Ask nothing
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Show every resource while it is worked on, not only those that have a description
    #[arg(long)]
    pub(crate) verbose: bool,
}

/// `syncline deploy`.
#[derive(Args, Debug)]
pub(crate) struct Deploy {
    #[command(flatten)]
    pub(crate) place: Place,
    /// An addon, a service or an environment; may be given several times
    #[arg(short, long = "name", value_name = "NAME")]
    pub(crate) names: Vec<String>,
    /// The environment
    #[arg(short, long, value_name = "NAME")]
    pub(crate) env: Option<String>,
    /// Everything of the environment, or of the branch
    #[arg(long, conflicts_with = "names")]
    pub(crate) all: bool,
    /// The branch [default: the environment's; the one that is checked out]
    #[arg(short, long, value_name = "NAME")]
    pub(crate) branch: Option<String>,
    /// Only show how the files differ from what is deployed
    #[arg(long, conflicts_with = "yes")]
    pub(crate) diff: bool,
    #[command(flatten)]
    pub(crate) hand: Hand,
}

/// Which Syncline is asked.
#[derive(Args, Clone, Debug)]
pub(crate) struct Installation {
    /// Syncline's table [default: the output `TableName` of Syncline's own stack]
    #[arg(long, value_name = "NAME", env = "SYNCLINE_TABLE", hide_env_values = true)]
    pub(crate) table: Option<String>,
    /// Syncline's own stack
    #[arg(long, value_name = "NAME", env = "SYNCLINE_STACK", hide_env_values = true, default_value = DEFAULT_STACK)]
    pub(crate) stack: String,
}

/// Which repository is meant.
#[derive(Args, Clone, Debug)]
pub(crate) struct Connected {
    /// Connected repository [default: that of the Git remote `origin` here]
    #[arg(short, long, value_name = "NAME")]
    pub(crate) repository: Option<String>,
}

/// Which repository and branch is meant.
#[derive(Args, Clone, Debug)]
pub(crate) struct Scope {
    #[command(flatten)]
    pub(crate) connected: Connected,
    /// Only this branch [default: all]
    #[arg(short, long, value_name = "NAME")]
    pub(crate) branch: Option<String>,
}

/// `syncline status`.
#[derive(Args, Debug)]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) installation: Installation,
    #[command(flatten)]
    pub(crate) scope: Scope,
    /// Follow the sync that runs, or else the newest, until it is over; exit status 0 if it succeeded, 1 if not
    #[arg(long)]
    pub(crate) watch: bool,
    /// Show every resource of what is deployed, not only those that have a description
    #[arg(long, requires = "watch")]
    pub(crate) verbose: bool,
    /// How long to wait for a sync to begin that is newer than this command, where none runs
    #[arg(long, value_name = "SECONDS", default_value_t = 0, requires = "watch")]
    pub(crate) wait: u64,
    /// Follow the sync of this commit: its id, or what it begins with
    #[arg(long, value_name = "ID", requires = "watch", value_parser = commit)]
    pub(crate) commit: Option<String>,
}

/// What is paused or resumed.
#[derive(Args, Debug)]
pub(crate) struct What {
    /// The target, as `syncline status` names it
    #[arg(value_name = "TARGET")]
    pub(crate) target: Option<String>,
    #[command(flatten)]
    pub(crate) installation: Installation,
    #[command(flatten)]
    pub(crate) connected: Connected,
    /// Everything that this branch deploys
    #[arg(short, long, value_name = "NAME")]
    pub(crate) branch: Option<String>,
    /// Everything of the repository
    #[arg(long)]
    pub(crate) all: bool,
}

/// `syncline pause`.
#[derive(Args, Debug)]
pub(crate) struct Pause {
    #[command(flatten)]
    pub(crate) what: What,
    /// Why, for the history and for whoever runs into it
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub(crate) reason: String,
}

/// `syncline resume`.
#[derive(Args, Debug)]
pub(crate) struct Resume {
    #[command(flatten)]
    pub(crate) what: What,
    /// Why, for the history
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub(crate) reason: Option<String>,
}

/// `syncline resolve`.
#[derive(Args, Debug)]
pub(crate) struct Resolve {
    /// The target, as `syncline status` names it
    #[arg(value_name = "TARGET")]
    pub(crate) target: String,
    #[command(flatten)]
    pub(crate) installation: Installation,
    #[command(flatten)]
    pub(crate) connected: Connected,
    /// Why it may be taken over, for the history
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub(crate) reason: String,
}

/// `syncline history`.
#[derive(Args, Debug)]
pub(crate) struct History {
    #[command(flatten)]
    pub(crate) installation: Installation,
    #[command(flatten)]
    pub(crate) scope: Scope,
    /// How many syncs to show
    #[arg(long, value_name = "NUMBER", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) limit: u16,
}

/// `syncline show`.
#[derive(Args, Debug)]
pub(crate) struct Show {
    /// The sync's id, or `latest`
    #[arg(value_name = "SYNC")]
    pub(crate) sync: String,
    #[command(flatten)]
    pub(crate) installation: Installation,
    #[command(flatten)]
    pub(crate) scope: Scope,
}

/// Where a repository's files are read.
#[derive(Args, Clone, Debug)]
pub(crate) struct Place {
    /// The repository's root
    #[arg(value_name = "DIR", default_value = ".")]
    pub(crate) folder: PathBuf,
    /// The manifest's path in the repository [default: `syncline.yaml` or `.proton-ops.yaml` at its root]
    #[arg(long, value_name = "PATH")]
    pub(crate) manifest: Option<String>,
    /// Read each branch's specs and templates as they are committed on that branch, here or else at `origin`. Without
    /// it the working copy serves every branch. The manifest is always that of the working copy
    #[arg(long)]
    pub(crate) git: bool,
    /// The repository's name, with which stack names begin unless the manifest has `app` [default: that of the Git
    /// remote `origin` if CodeCommit has it, else the folder's]
    #[arg(short, long, value_name = "NAME")]
    pub(crate) repository: Option<String>,
    /// The account that is deployed to, for templates that show it
    #[arg(long, value_name = "ID", value_parser = account)]
    pub(crate) account: Option<String>,
}

/// `syncline check`.
#[derive(Args, Debug)]
pub(crate) struct Check {
    #[command(flatten)]
    pub(crate) place: Place,
}

/// `syncline plan`.
#[derive(Args, Debug)]
pub(crate) struct Plan {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The branch [default: the only one in the manifest, or the one that is checked out]
    #[arg(short, long, value_name = "NAME")]
    pub(crate) branch: Option<String>,
}

/// `syncline render`.
#[derive(Args, Debug)]
pub(crate) struct Render {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The target, as `syncline plan` names it
    #[arg(short, long, value_name = "NAME")]
    pub(crate) target: String,
    /// The branch [default: the target's]
    #[arg(short, long, value_name = "NAME")]
    pub(crate) branch: Option<String>,
    #[command(flatten)]
    pub(crate) outputs: GivenOutputs,
}

/// Outputs that a template shows.
#[derive(Args, Debug)]
pub(crate) struct GivenOutputs {
    /// A YAML or JSON file with the outputs of the target's environment, which only AWS knows: a mapping from names to
    /// values, or what `aws cloudformation describe-stacks --query 'Stacks[0].Outputs'` prints. For a pipeline, which may
    /// show outputs of several stacks, such a mapping under the name of each environment and instance
    #[arg(long, value_name = "FILE")]
    pub(crate) env_outputs: Option<PathBuf>,
}

/// `syncline package`.
#[derive(Args, Debug)]
pub(crate) struct Package {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The addon, the service or the environment
    #[arg(short, long, value_name = "NAME")]
    pub(crate) name: String,
    /// The environment that it is in, or the service's instance [default: the only one]
    #[arg(short, long, value_name = "NAME")]
    pub(crate) env: Option<String>,
    /// The folder for `<name>-<env>.stack.yml` and `<name>-<env>.params.json` [default: the template is printed]
    #[arg(long, value_name = "DIR")]
    pub(crate) output_dir: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) outputs: GivenOutputs,
}

/// `syncline env`.
#[derive(Debug, Subcommand)]
pub(crate) enum Env {
    /// List the environments, or the addons that go into them
    Ls(EnvLs),
    /// Delete an environment with its addons, or addons alone; refused while anything still needs them
    Delete(EnvDelete),
}

/// `syncline env delete`.
#[derive(Args, Debug)]
pub(crate) struct EnvDelete {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The environment
    #[arg(short, long, value_name = "NAME", visible_short_alias = 'e', visible_alias = "env")]
    pub(crate) name: Option<String>,
    /// Only this addon, of one environment or of all; may be given several times
    #[arg(long, value_name = "NAME")]
    pub(crate) addons: Vec<String>,
    #[command(flatten)]
    pub(crate) hand: Hand,
}

/// `syncline svc`.
#[derive(Debug, Subcommand)]
pub(crate) enum Svc {
    /// Delete services, of one environment or of all
    Delete(SvcDelete),
}

/// `syncline svc delete`.
#[derive(Args, Debug)]
pub(crate) struct SvcDelete {
    #[command(flatten)]
    pub(crate) place: Place,
    /// A service; may be given several times
    #[arg(short, long = "name", value_name = "NAME")]
    pub(crate) names: Vec<String>,
    /// Only in this environment
    #[arg(short, long, value_name = "NAME")]
    pub(crate) env: Option<String>,
    #[command(flatten)]
    pub(crate) hand: Hand,
}

/// `syncline app`.
#[derive(Debug, Subcommand)]
pub(crate) enum App {
    /// Delete everything that the manifest asks for or ever asked for: services, then addons, then environments
    Delete(AppDelete),
}

/// `syncline app delete`.
#[derive(Args, Debug)]
pub(crate) struct AppDelete {
    #[command(flatten)]
    pub(crate) place: Place,
    #[command(flatten)]
    pub(crate) hand: Hand,
}

/// `syncline env ls`.
#[derive(Args, Debug)]
pub(crate) struct EnvLs {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The addons in place of the environments
    #[arg(long)]
    pub(crate) addons: bool,
    /// Those that the files here have, deployed or not; needs no AWS
    #[arg(long)]
    pub(crate) local: bool,
    /// One line of JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `syncline graph`.
#[derive(Args, Debug)]
pub(crate) struct Graph {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The branch [default: the only one in the manifest, or the one that is checked out]
    #[arg(short, long, value_name = "NAME")]
    pub(crate) branch: Option<String>,
    /// In which language it is drawn
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "mermaid")]
    pub(crate) format: Drawing,
}

/// In which language a graph is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Drawing {
    /// For Markdown, as GitHub and GitLab show it
    Mermaid,
    /// For Graphviz
    Dot,
    /// A picture
    Svg,
}

/// `syncline completions`.
#[derive(Args, Debug)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    pub(crate) shell: clap_complete::Shell,
}

/// `syncline man`.
#[derive(Args, Debug)]
pub(crate) struct Man {
    /// The folder for the pages, one a command
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
}

/// `syncline init`.
#[derive(Args, Debug)]
pub(crate) struct Init {
    /// The repository's root
    #[arg(value_name = "DIR", default_value = ".")]
    pub(crate) folder: PathBuf,
    /// What stack names begin with [default: the folder's name]
    #[arg(long, value_name = "NAME")]
    pub(crate) app: Option<String>,
    /// The branch that is deployed first [default: the one that is checked out, else main]
    #[arg(short, long, value_name = "NAME")]
    pub(crate) branch: Option<String>,
    /// The branch that is deployed next, after a pull request [default: prod]
    #[arg(long, value_name = "NAME")]
    pub(crate) next: Option<String>,
    /// Ask nothing, not even on a terminal
    #[arg(short, long)]
    pub(crate) yes: bool,
}

fn account(text: &str) -> Result<String, String> {
    if text.len() == 12 && text.chars().all(|digit| digit.is_ascii_digit()) {
        Ok(text.to_owned())
    } else {
        Err("an account's id has 12 digits".to_owned())
    }
}

/// Something is to be said: whoever reads the history wants to know why.
fn reason(text: &str) -> Result<String, String> {
    if text.trim().is_empty() { Err("say why, in a few words".to_owned()) } else { Ok(text.to_owned()) }
}

/// The least that a commit is named by.
const SHORTEST_COMMIT: usize = 4;

fn commit(text: &str) -> Result<String, String> {
    let is_id = (SHORTEST_COMMIT..=40).contains(&text.len()) && text.chars().all(|digit| digit.is_ascii_hexdigit());
    if is_id {
        Ok(text.to_ascii_lowercase())
    } else {
        Err(format!("a commit id is {SHORTEST_COMMIT} to 40 hexadecimal digits; `git rev-parse HEAD` prints one"))
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_declaration_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn wait_and_commit_are_for_watching() {
        for flags in [["--wait", "30"], ["--commit", "a1b2c3d4"]] {
            let typed = ["syncline", "status", "-r", "shop"].into_iter().chain(flags);
            assert!(Arguments::try_parse_from(typed.clone()).is_err());
            assert!(Arguments::try_parse_from(typed.chain(["--watch"])).is_ok());
        }
        assert!(Arguments::try_parse_from(["syncline", "status", "--watch", "--commit", "HEAD"]).is_err());
    }
}
