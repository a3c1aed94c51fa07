//! `matrix`: every technique is done, and each rule says what it makes of it; a verdict that changed is a failure.

use std::collections::BTreeSet;
use std::path::Path;

use firstseen_detector::rule;
use firstseen_scenarios::matrix::{Matrix, MatrixOutcome, json, load_matrix, matrix, page_with, run_matrix, table};
use firstseen_scenarios::report::{Detail, JunitReport, Reporter};
use firstseen_scenarios::{LiveWorld, RunEvent, Totals};
use firstseen_simulator::{Technique, techniques};

use crate::args::{Format, Global, MatrixArgs};
use crate::commands::run::{exit_of, worst};
use crate::exit_code::Exit;
use crate::failure::Failure;
use crate::lab::Lab;
use crate::output::Output;
use crate::progress::Progress;

pub(crate) fn run(args: &MatrixArgs, global: Global, output: &mut Output) -> Result<Exit, Failure> {
    let matrix = load(args.table.as_deref())?;
    let wanted = |it: &Technique| args.only.is_empty() || args.only.iter().any(|text| it.id.contains(text.as_str()));
    if !techniques::all().any(wanted) {
        return Err(nothing_selected(&args.only));
    }
    let page = args.write_docs.as_deref().map(read).transpose()?;

    let lab = Lab::open(args.scratch.as_deref())?;
    let chosen = lab.choose(args.sensor)?;
    let sensor = chosen.to_string();
    let mut world = LiveWorld::new(&lab.scratch, |rules| Ok(lab.sensor(chosen.kind, rules)?));
    let progress = Progress::new(techniques::all().filter(|it| wanted(it)).count() * matrix.columns.len());
    let mut judged = Vec::new();
    let outcome = run_matrix(&matrix, &wanted, &mut world, &mut |event| {
        if let RunEvent::ScenarioJudged(_) = event {
            progress.step();
            judged.push(event);
        }
    });
    drop(progress);
    let outcome =
        outcome.map_err(|error| Failure::environment(format!("the matrix cannot be watched here: {error}")))?;

    match global.format {
        Format::Text => {
            let detail = if global.verbose { Detail::Steps } else { Detail::Scenarios };
            output.line(format!("sensor: {sensor}\n"));
            output.text(table(&matrix, &outcome, detail, output.page()));
        }
        Format::Json => output.json(&json(&matrix, &outcome, &sensor)),
        Format::Junit => output.text(junit(judged, sensor)),
    }
    if let (Some(path), Some(page)) = (&args.write_docs, page) {
        write(path, &page, &matrix, &outcome)?;
    }
    let exits: BTreeSet<Exit> = outcome.judgements().map(|judged| exit_of(&judged.verdict)).collect();
    Ok(worst(&exits))
}

/// The table of this file, or the built-in one.
fn load(path: Option<&Path>) -> Result<Matrix, Failure> {
    let loaded = match path {
        Some(path) => load_matrix(&path.display().to_string(), &read(path)?),
        None => matrix(),
    };
    let exit = if path.is_some() { Exit::BadInput } else { Exit::Internal };
    loaded.map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        Failure { exit, message: lines.join("\nfirstseen: ") }
    })
}

fn nothing_selected(only: &[String]) -> Failure {
    let ids = || techniques::all().map(|it| it.id);
    let near = only.iter().find_map(|text| rule::nearest(text, ids()));
    let hint = near.map(|id| format!(" (did you mean '{id}'?)")).unwrap_or_default();
    let message = format!("no technique has '{}' in its id{hint}; 'firstseen list' lists them", only.join("' or '"));
    Failure { exit: Exit::NothingRan, message }
}

fn junit(events: Vec<RunEvent>, sensor: String) -> String {
    let mut reporter = JunitReport::default();
    let mut totals = Totals::default();
    let mut text = reporter.event(&RunEvent::RunStarted { scenarios: events.len(), sensor });
    for event in events {
        if let RunEvent::ScenarioJudged(outcome) = &event {
            totals.add(&outcome.verdict);
        }
        text.push_str(&reporter.event(&event));
    }
    text.push_str(&reporter.event(&RunEvent::RunFinished(totals)));
    text.push_str(&reporter.finish());
    text
}

fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| Failure::input(format!("cannot read {}: {error}", path.display())))
}

fn write(path: &Path, page: &str, matrix: &Matrix, outcome: &MatrixOutcome) -> Result<(), Failure> {
    let page =
        page_with(page, matrix, outcome).map_err(|error| Failure::input(format!("{}: {error}", path.display())))?;
    std::fs::write(path, page)
        .map_err(|error| Failure::environment(format!("cannot write {}: {error}", path.display())))
}
