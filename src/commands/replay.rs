//! `replay`: a recorded run is judged again, from its raw records to its verdicts. Nothing is done on this machine.

use std::fs::File;

use firstseen_scenarios::Plan;
use firstseen_scenarios::bundle::{Bundle, ReplayWorld};

use crate::args::{Global, ReplayArgs};
use crate::commands::run::{reporter, run_plans};
use crate::exit_code::Exit;
use crate::failure::Failure;
use crate::output::Output;

pub(crate) fn run(args: &ReplayArgs, global: Global, output: &mut Output) -> Result<Exit, Failure> {
    let name = args.bundle.display();
    let file = File::open(&args.bundle)
        .map_err(|error| Failure::input(format!("cannot open the bundle '{name}': {error}")))?;
    let bundle = Bundle::read(file).map_err(|error| Failure::input(format!("{name}: {error}")))?;
    let plans: Result<Vec<Plan>, _> = bundle.scenarios.iter().map(|scenario| scenario.plan()).collect();
    let plans = plans.map_err(|problems| {
        let problems: Vec<String> = problems.iter().map(|problem| format!("{name}: {problem}")).collect();
        Failure::input(problems.join("\n"))
    })?;
    let mut reporter = reporter(global, output.page());
    let mut world = ReplayWorld::all(&bundle);
    let exit = run_plans(&plans, format!("recorded: {}", bundle.sensor), &mut world, reporter.as_mut(), output)?;
    output.text(reporter.finish());
    Ok(exit)
}
