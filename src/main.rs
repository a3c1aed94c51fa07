//! The `firstseen` command: reads what was typed, calls one verb, turns its answer into text and an exit code.
//!
//! Only this crate prints and exits; the libraries return values.

mod args;
mod commands;
mod exit_code;
mod failure;
mod lab;
mod output;
mod progress;
mod recording;
mod signals;

use std::process::ExitCode;

use clap::Parser;

use crate::args::Cli;
use crate::exit_code::Exit;
use crate::output::{Output, message};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to standard output and are no error; a closed pipe there is none either.
            let _ = error.print();
            return if error.use_stderr() { Exit::BadInput } else { Exit::Proven }.into();
        }
    };
    signals::install();
    let mut output = Output::new();
    let answer = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| commands::run(&cli, &mut output)));
    signals::wait_for_the_end();
    let exit = match answer {
        Ok(Ok(exit)) => exit,
        Ok(Err(failure)) => {
            output.flush();
            message(format!("firstseen: {}", failure.message));
            failure.exit
        }
        // The panic hook has said what and where.
        Err(_) => {
            message("firstseen: this is a defect; what was begun is undone. Please report it with the lines above.");
            Exit::Internal
        }
    };
    match output.finish() {
        Ok(()) => exit.into(),
        Err(error) => {
            message(format!(
                "firstseen: cannot write the answer to standard output: {error}; send it to a place that has room"
            ));
            Exit::EnvironmentUnfit.into()
        }
    }
}
