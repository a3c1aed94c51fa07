//! `run`: scenarios are run and judged, with every verdict on standard output and the worst of them as the exit code.

use std::collections::BTreeSet;

use firstseen_scenarios::report::{Detail, JsonReport, JunitReport, Page, Reporter, TextReport};
use firstseen_scenarios::{
    Collection, LiveWorld, Plan, RunEvent, Totals, Verdict, World, WorldError, catalog, find_rule, load_paths,
};

use crate::args::{Format, Global, RunArgs};
use crate::exit_code::Exit;
use crate::failure::Failure;
use crate::lab::Lab;
use crate::output::{Output, message};
use crate::progress::Progress;
use crate::recording::Recording;

pub(crate) fn run(args: &RunArgs, global: Global, output: &mut Output) -> Result<Exit, Failure> {
    let collection = if args.paths.is_empty() { catalog() } else { load_paths(&args.paths) };
    let (plans, problems) = select(collection, &args.only).plans(&find_rule);
    for problem in &problems {
        message(format!("firstseen: {problem}"));
    }
    let mut reporter = reporter(global, output.page());
    let lab = Lab::open(args.scratch.as_deref())?;
    let sensor = lab.choose(args.sensor)?;
    let said = sensor.to_string();
    let mut world = LiveWorld::new(&lab.scratch, |rules| Ok(lab.sensor(sensor.kind, rules)?));
    let mut exits = BTreeSet::new();
    if let Some(path) = &args.record {
        let recording = Recording::begin(path, &lab, &said, args.redact)?;
        let mut told = recording.reporter(reporter.as_mut());
        exits.insert(run_plans(&plans, said, &mut recording.world(&mut world), &mut told, output)?);
        drop(told);
        if let Err(failure) = recording.finish() {
            message(format!("firstseen: {}", failure.message));
            exits.insert(Exit::EnvironmentUnfit);
        }
    } else {
        exits.insert(run_plans(&plans, said, &mut world, reporter.as_mut(), output)?);
    }
    output.text(reporter.finish());
    let worst = worst(&exits);
    Ok(if problems.is_empty() || worst == Exit::Internal { worst } else { Exit::BadInput })
}

/// What writes the answer in the format that was asked for.
pub(crate) fn reporter(global: Global, page: Page) -> Box<dyn Reporter> {
    match global.format {
        Format::Text if global.verbose => Box::new(TextReport::new(Detail::Steps, page)),
        Format::Text => Box::new(TextReport::new(Detail::Scenarios, page)),
        Format::Json => Box::new(JsonReport::default()),
        Format::Junit => Box::new(JunitReport::default()),
    }
}

/// Runs plans one after the other, hands every event to the reporter, and returns the exit code of the worst.
pub(crate) fn run_plans(
    plans: &[Plan],
    sensor: String,
    world: &mut dyn World,
    reporter: &mut dyn Reporter,
    output: &mut Output,
) -> Result<Exit, Failure> {
    let progress = Progress::new(plans.iter().map(Plan::acts).sum());
    let mut tell = |event: RunEvent| {
        if let RunEvent::ActPerformed(_) = event {
            progress.step();
        }
        let text = reporter.event(&event);
        if !text.is_empty() {
            progress.suspend(|| {
                output.text(text);
                output.flush();
            });
        }
    };
    tell(RunEvent::RunStarted { scenarios: plans.len(), sensor });
    let mut totals = Totals::default();
    let mut exits = BTreeSet::new();
    for plan in plans {
        let outcome = firstseen_scenarios::run(plan, world, &mut tell).map_err(|error| unfit(plan, &error))?;
        totals.add(&outcome.verdict);
        exits.insert(exit_of(&outcome.verdict));
    }
    tell(RunEvent::RunFinished(totals));
    Ok(worst(&exits))
}

fn unfit(plan: &Plan, error: &WorldError) -> Failure {
    Failure::environment(format!("scenario '{}' cannot be watched here: {error}", plan.id))
}

pub(crate) fn exit_of(verdict: &Verdict) -> Exit {
    match verdict {
        Verdict::Pass => Exit::Proven,
        Verdict::Skipped { .. } => Exit::NothingRan,
        Verdict::Inconclusive { .. } => Exit::Inconclusive,
        Verdict::Fail { .. } => Exit::Failed,
        Verdict::Error { .. } => Exit::EnvironmentUnfit,
    }
}

/// One code for several verdicts. Skipped scenarios matter only where nothing else ran.
pub(crate) fn worst(exits: &BTreeSet<Exit>) -> Exit {
    const ORDER: [Exit; 5] = [Exit::Internal, Exit::Failed, Exit::Inconclusive, Exit::EnvironmentUnfit, Exit::Proven];
    ORDER.into_iter().find(|exit| exits.contains(exit)).unwrap_or(Exit::NothingRan)
}

/// Keeps the scenarios whose id contains one of the texts.
fn select(mut collection: Collection, only: &[String]) -> Collection {
    if !only.is_empty() {
        collection.scenarios.retain(|loaded| only.iter().any(|text| loaded.scenario.id.get_ref().contains(text)));
    }
    collection
}
