//! The command `syncline`: what a person asks of Syncline at a terminal, and a pipeline in a script.
//!
//! `main` is wiring: it reads the arguments, runs one command, prints its answer, and is the only place that prints an
//! error or picks the exit status: 0 when all is well, 1 when the command failed, the files have errors or the sync that
//! it followed did not succeed, 2 when it was not understood or names what there is not, 130 after Ctrl-C. What a command
//! says is decided in `draw`, what it knows in `documents`, both pure; each command is a module of `commands`.

mod answer;
mod arguments;
mod by_hand;
mod commands;
mod connection;
mod documents;
mod draw;
mod example;
mod failure;
mod interrupt;
mod origin;
mod paint;
mod problems;
mod prompt;
mod reading;
mod resources;
mod screen;
mod source;
mod times;

use std::process::ExitCode;

use clap::Parser;

use crate::arguments::Arguments;
use crate::paint::Paint;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = commands::run(&arguments);
    // Output that cannot be written is a failure like any other.
    match result.and_then(|answer| answer.print()) {
        Ok(status) => status,
        Err(failure) => failure.print(arguments.global.output, Paint::for_stderr(arguments.global.no_color)),
    }
}
