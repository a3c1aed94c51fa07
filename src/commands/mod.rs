//! The verbs, one file each.

mod cleanup;
mod demo;
mod detect;
mod doctor;
mod explain;
mod input;
mod json;
mod lint;
mod list;
mod matrix;
mod replay;
mod run;
mod show;
mod simulate;

use crate::args::{Cli, Format, Verb};
use crate::exit_code::Exit;
use crate::failure::Failure;
use crate::output::Output;

/// Does what was asked.
pub(crate) fn run(cli: &Cli, output: &mut Output) -> Result<Exit, Failure> {
    let global = cli.global;
    let has_cases = matches!(cli.verb, Verb::Run(_) | Verb::Replay(_) | Verb::Matrix(_));
    if global.format == Format::Junit && !has_cases {
        return Err(Failure::input("--format junit: only run, replay and matrix have a JUnit form; use text or json"));
    }
    match &cli.verb {
        Verb::Demo(args) => demo::run(args, global, output),
        Verb::Run(args) => run::run(args, global, output),
        Verb::Matrix(args) => matrix::run(args, global, output),
        Verb::Replay(args) => replay::run(args, global, output),
        Verb::Cleanup => cleanup::run(global, output),
        Verb::List => list::run(global, output),
        Verb::Show(args) => show::run(args, global, output),
        Verb::Lint(args) => lint::run(args, global, output),
        Verb::Simulate(args) => simulate::run(args, global, output),
        Verb::Detect(args) => detect::run(args, global, output),
        Verb::Explain(args) => explain::run(args, global, output),
        Verb::Doctor => doctor::run(global, output),
    }
}
