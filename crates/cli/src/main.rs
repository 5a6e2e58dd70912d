//! The command `syncline`: what a person asks of Syncline at a terminal, and a pipeline in a script.
//!
//! `main` is wiring: it reads the arguments, runs one command, prints its answer, and is the only place that prints an
//! error or picks the exit status: 0 when all is well, 1 when the command failed or the sync that it followed did not
//! succeed, 2 when it was not understood. What a command says is decided in `draw`, what it knows in `documents`, both
//! pure; each command is a module of `commands`.

mod answer;
mod arguments;
mod commands;
mod connection;
mod documents;
mod draw;
mod failure;
mod origin;
mod paint;
mod screen;
mod times;

use std::process::ExitCode;

use clap::Parser;

use crate::answer::Answer;
use crate::arguments::Arguments;
use crate::failure::Failure;
use crate::paint::Paint;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(answer) => answer.print(),
        Err(failure) => {
            failure.print(Paint::for_stderr(arguments.global.no_color));
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<Answer, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answer = runtime.block_on(commands::run(arguments));
    // A request that is still under way when Ctrl-C ends a command is nothing to wait for.
    runtime.shutdown_background();
    answer
}
