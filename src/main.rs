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
    let mut output = Output::new();
    let exit = match Cli::try_parse() {
        Ok(cli) => answer(&cli, &mut output),
        Err(error) if error.use_stderr() => {
            let _ = error.print();
            Exit::BadInput
        }
        Err(help) => {
            output.text(help.render().ansi().to_string());
            Exit::Proven
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

fn answer(cli: &Cli, output: &mut Output) -> Exit {
    let answer = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        signals::install()?;
        commands::run(cli, output)
    }));
    signals::wait_for_the_end();
    match answer {
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
    }
}
