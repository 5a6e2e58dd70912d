//! The command `syncline-local`: starts, stops and shows the local AWS.
//!
//! It prints what it did and where things are; data goes to standard output, the rest to standard error, and errors are
//! printed in one place, at the end of `main`. It deploys nothing.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use clap::{Args, Parser, Subcommand, ValueEnum};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use syncline_local::{LocalAws, Options, Running, State};
use tokio::signal::unix::{SignalKind, signal};

/// Ports that are taken if they are free, so that a clone's address outlives a restart.
const PREFERRED_PORTS: [u16; 2] = [4566, 4567];

/// How long `up` and `down` wait for the process in the background.
const PATIENCE: Duration = Duration::from_secs(70);

/// A local AWS for trying and testing Syncline: an emulator, and a CodeCommit over real Git.
///
/// A stand-in on 127.0.0.1. It needs no account, and nothing leaves this machine.
#[derive(Debug, Parser)]
#[command(name = "syncline-local", version)]
struct Cli {
    #[command(subcommand)]
    command: Subcommands,
}

#[derive(Debug, Subcommand)]
enum Subcommands {
    /// Start the local AWS in the background
    Up(Start),
    /// Run the local AWS in the foreground, until Ctrl-C
    Serve(Start),
    /// Stop the local AWS that runs in the background
    Down(Place),
    /// Show whether the local AWS runs, and where
    Status {
        #[command(flatten)]
        place: Place,
        /// How to show it
        #[arg(long, value_enum, default_value = "text")]
        output: Output,
    },
    /// Print the environment in which AWS clients reach it: `eval "$(syncline-local env)"`
    Env(Place),
}

#[derive(Debug, Args)]
struct Place {
    /// Folder for repositories, state and logs
    #[arg(long, value_name = "FOLDER", default_value = ".local")]
    state_dir: PathBuf,
}

#[derive(Debug, Args)]
struct Start {
    #[command(flatten)]
    place: Place,
    /// Folder with the emulator in it
    #[arg(long, value_name = "FOLDER", env = "SYNCLINE_TOOLS", default_value = ".tools")]
    tools_dir: PathBuf,
    /// Port of the emulator [default: 4566 if it is free]
    #[arg(long)]
    port: Option<u16>,
    /// Port of CodeCommit [default: 4567 if it is free]
    #[arg(long)]
    codecommit_port: Option<u16>,
    /// Keep the emulator's state over a restart
    #[arg(long)]
    persist: bool,
    /// Let every role do everything
    #[arg(long)]
    no_iam: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Output {
    Text,
    Json,
}

/// An error and, where there is some, advice.
struct Failure {
    error: anyhow::Error,
    help: Option<String>,
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self { error: error.into(), help: None }
    }
}

fn fail<T>(message: String, help: impl Into<String>) -> Result<T, Failure> {
    Err(Failure { error: anyhow!(message), help: Some(help.into()) })
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Subcommands::Up(start) => up(&start),
        Subcommands::Serve(start) => serve(&start),
        Subcommands::Down(place) => down(&place.state_dir),
        Subcommands::Status { place, output } => status(&place.state_dir, output),
        Subcommands::Env(place) => env(&place.state_dir),
    };
    let Err(failure) = done else { return ExitCode::SUCCESS };
    eprintln!("error: {:#}", failure.error);
    if let Some(help) = failure.help {
        eprintln!("help: {help}");
    }
    ExitCode::FAILURE
}

fn up(start: &Start) -> Result<(), Failure> {
    let folder = &start.place.state_dir;
    if let Some(running) = State::running(folder)? {
        eprintln!("✓ the local AWS is up already");
        show(folder, &running);
        return Ok(());
    }
    installed(start)?;
    fs::create_dir_all(folder).with_context(|| format!("failed to create the folder `{}`", folder.display()))?;
    let log = folder.join("local.log");
    let file = File::create(&log).with_context(|| format!("failed to write `{}`", log.display()))?;
    eprintln!("● starting the local AWS …");
    let mut command = Command::new(std::env::current_exe().context("failed to find this program")?);
    command.arg("serve").arg("--state-dir").arg(folder).arg("--tools-dir").arg(&start.tools_dir);
    for (name, port) in [("--port", start.port), ("--codecommit-port", start.codecommit_port)] {
        if let Some(port) = port {
            command.arg(name).arg(port.to_string());
        }
    }
    for (name, on) in [("--persist", start.persist), ("--no-iam", start.no_iam)] {
        if on {
            command.arg(name);
        }
    }
    // A process group of its own, which Ctrl-C in this terminal does not reach.
    command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file).process_group(0);
    let mut child = command.spawn().context("failed to start `syncline-local serve`")?;
    let started = Instant::now();
    loop {
        if let Some(running) = State::running(folder)? {
            eprintln!("✓ the local AWS is up");
            show(folder, &running);
            return Ok(());
        }
        if child.try_wait()?.is_some() {
            return Err(told_by(&log));
        }
        if started.elapsed() > PATIENCE {
            let message = format!("the local AWS is not up after {} s", PATIENCE.as_secs());
            return fail(message, format!("see `{}`", log.display()));
        }
        sleep(Duration::from_millis(50));
    }
}

/// What `serve` said before it ended in the background.
fn told_by(log: &Path) -> Failure {
    let text = fs::read_to_string(log).unwrap_or_default();
    let (error, help) = text.split_once("\nhelp: ").unwrap_or((&text, ""));
    let error = error.trim().trim_start_matches("error: ");
    let error = if error.is_empty() { "the local AWS ended at start" } else { error };
    let help = if help.is_empty() { format!("see `{}`", log.display()) } else { help.trim().to_owned() };
    Failure { error: anyhow!("{error}"), help: Some(help) }
}

fn serve(start: &Start) -> Result<(), Failure> {
    installed(start)?;
    let folder = &start.place.state_dir;
    if State::is_claimed(folder)? {
        let help = "`syncline-local status` shows it, `syncline-local down` stops it";
        return fail(format!("a local AWS runs on `{}` already", folder.display()), help);
    }
    let mut options = Options::new(folder, &start.tools_dir);
    options.enforce_iam = !start.no_iam;
    options.persist = start.persist;
    options.gateway_port = port(start.port, PREFERRED_PORTS[0], "--port")?;
    options.codecommit_port = port(start.codecommit_port, PREFERRED_PORTS[1], "--codecommit-port")?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let local = tokio::select! {
            local = LocalAws::start(options) => local?,
            // What has been started so far ends with the future that started it.
            _ = interrupt.recv() => return Ok(()),
            _ = terminate.recv() => return Ok(()),
        };
        eprintln!("✓ the local AWS is up: {}, CodeCommit: {}", local.endpoint(), local.codecommit_endpoint());
        let ended = tokio::select! {
            _ = interrupt.recv() => false,
            _ = terminate.recv() => false,
            () = local.emulator_ended() => true,
        };
        let log = local.emulator_log();
        local.stop().await;
        if ended {
            return fail("the emulator ended by itself".to_owned(), format!("see `{}`", log.display()));
        }
        eprintln!("✓ stopped");
        Ok(())
    })
}

fn down(folder: &Path) -> Result<(), Failure> {
    let Some(running) = State::running(folder)? else {
        eprintln!("○ no local AWS runs on `{}`", folder.display());
        return Ok(());
    };
    let pid = i32::try_from(running.pid).ok().and_then(Pid::from_raw).context("the state file names no process")?;
    kill_process(pid, Signal::TERM).with_context(|| format!("failed to stop process {}", running.pid))?;
    let started = Instant::now();
    while State::is_claimed(folder)? {
        if started.elapsed() > PATIENCE {
            let message = format!("process {} does not end", running.pid);
            return fail(message, format!("see `{}`", folder.join("local.log").display()));
        }
        sleep(Duration::from_millis(50));
    }
    eprintln!("✓ stopped CodeCommit (process {}) and the emulator (process {})", running.pid, running.emulator_pid);
    Ok(())
}

fn status(folder: &Path, output: Output) -> Result<(), Failure> {
    let running = State::running(folder)?;
    match (output, running) {
        (Output::Text, Some(running)) => {
            println!("● up");
            show(folder, &running);
        }
        (Output::Text, None) => println!("○ down (`syncline-local up` starts it)"),
        (Output::Json, running) => {
            let status = if running.is_some() { "up" } else { "down" };
            println!("{:#}", json!({ "status": status, "stateDir": folder, "running": running }));
        }
    }
    Ok(())
}

fn env(folder: &Path) -> Result<(), Failure> {
    let Some(running) = State::running(folder)? else {
        return fail(format!("no local AWS runs on `{}`", folder.display()), "`syncline-local up` starts it");
    };
    for (name, value) in running.environment() {
        println!("export {name}='{}'", value.replace('\'', r"'\''"));
    }
    Ok(())
}

fn show(folder: &Path, running: &Running) {
    println!("AWS         {}", running.endpoint);
    println!("CodeCommit  {}", running.codecommit_endpoint);
    println!("state       {}", folder.display());
    eprintln!();
    eprintln!("Recommended follow-up actions:");
    let place =
        if folder == Path::new(".local") { String::new() } else { format!(" --state-dir {}", folder.display()) };
    eprintln!("  eval \"$(syncline-local env{place})\"    so that aws, sam and git in this shell use it");
    eprintln!("  syncline-local down{place}              to stop it");
}

fn installed(start: &Start) -> Result<(), Failure> {
    let tools = start.tools_dir.display();
    if Options::new(&start.place.state_dir, &start.tools_dir).emulator_is_installed() {
        return Ok(());
    }
    let help = format!(
        "`python3 -m venv {tools}/emulator && {tools}/emulator/bin/pip install ministack==1.5.33 aws-sam-translator` \
         installs it; `--tools-dir` or `SYNCLINE_TOOLS` names another folder"
    );
    fail(format!("the emulator is not installed in `{tools}`"), help)
}

/// The port to use: the given one, which must be free, or the preferred one if it is.
fn port(given: Option<u16>, preferred: u16, option: &str) -> Result<Option<u16>, Failure> {
    let is_free = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    match given {
        Some(port) if !is_free(port) => fail(
            format!("port {port} of 127.0.0.1 is in use"),
            format!("choose another with `{option}`, or leave it out"),
        ),
        Some(port) => Ok(Some(port)),
        None => Ok(Some(preferred).filter(|port| is_free(*port))),
    }
}
