//! `demo`: both rules of the lab over 21 virtual days, told step by step.

use firstseen_scenarios::report::{JsonReport, Reporter, StoryReport};
use firstseen_scenarios::{LiveWorld, catalog, find_rule};

use crate::args::{DemoArgs, Format, Global};
use crate::commands::run::run_plans;
use crate::exit_code::Exit;
use crate::failure::Failure;
use crate::lab::Lab;
use crate::output::Output;

/// The scenarios of the story.
const STORY: [&str; 2] = ["rwx.21-days", "preload.21-days"];

pub(crate) fn run(args: &DemoArgs, global: Global, output: &mut Output) -> Result<Exit, Failure> {
    let mut collection = catalog();
    collection.scenarios.retain(|loaded| STORY.contains(&loaded.scenario.id.get_ref().as_str()));
    collection.scenarios.sort_by_key(|loaded| STORY.iter().position(|id| loaded.scenario.id.get_ref() == id));
    let (plans, problems) = collection.plans(&find_rule);
    if let Some(problem) = problems.first() {
        return Err(Failure { exit: Exit::Internal, message: problem.to_string() });
    }
    let mut reporter: Box<dyn Reporter> = match global.format {
        Format::Json => Box::new(JsonReport::default()),
        _ => Box::new(StoryReport::new(output.page())),
    };
    let lab = Lab::open(None)?;
    let sensor = lab.choose(args.sensor)?;
    let mut world = LiveWorld::new(&lab.scratch, |rules| Ok(lab.sensor(sensor.kind, rules)?));
    let exit = run_plans(&plans, sensor.to_string(), &mut world, reporter.as_mut(), output)?;
    output.text(reporter.finish());
    Ok(exit)
}
