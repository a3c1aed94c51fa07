//! `detect`: a rule over recorded telemetry, every scheduled execution, alerts as they are raised.

use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::thread;

use firstseen_detector::engine::{AlertWriter, EngineError, ExecutionReport, Keep, RuleRunner};
use serde_json::json;

use crate::args::{DetectArgs, Format, Global};
use crate::commands::input;
use crate::commands::json::FORMAT_VERSION;
use crate::exit_code::Exit;
use crate::failure::Failure;
use crate::output::{Output, count, message};

/// So many rejected documents are named one by one.
const NAMED: usize = 20;

pub(crate) fn run(args: &DetectArgs, global: Global, output: &mut Output) -> Result<Exit, Failure> {
    let rule = input::rule(&args.rule)?;
    let mappings = input::mappings(args.mappings.as_deref())?;
    let (from, to) = (input::instant("from", args.from.as_deref())?, input::instant("to", args.to.as_deref())?);
    if from.zip(to).is_some_and(|(from, to)| from > to) {
        return Err(Failure::input("--from is later than --to: no execution lies between them"));
    }
    let mut runner = RuleRunner::new(&rule, &mappings, Keep::Matching).map_err(Failure::input)?;
    let workers = thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let mut buffer = Vec::new();
    let (telemetry, ingested) = runner.load(workers, |feed| {
        input::read(&args.input, args.host.as_deref(), &mut |line| {
            feed.push(input::with_index(line, args.index.as_deref(), &mut buffer));
            ControlFlow::Continue(())
        })
    });
    let telemetry = telemetry?;
    for rejected in ingested.rejected.iter().take(NAMED) {
        let place = telemetry.place(rejected.position);
        message(format!("firstseen: {place}: {}; the document is left out", rejected.reason));
    }
    if ingested.rejected.len() > NAMED {
        message(format!("firstseen: {} more documents are left out", ingested.rejected.len() - NAMED));
    }
    let unusable = telemetry.unusable + ingested.rejected.len() as u64;
    let mut tally = Tally::default();
    let (writer, mut line) = (AlertWriter::new(&rule), Vec::new());
    let ended = runner.replay(from, to, |runner, _, report| {
        tally.execution(&report);
        match report {
            Ok(report) if args.executions => show_execution(&report, global, output),
            Ok(report) => {
                for alert in report.created {
                    line.clear();
                    runner.write_alert(alert, &writer, &mut line);
                    output.bytes_line(&line);
                }
            }
            Err(error) => {
                tally.error.get_or_insert(error);
            }
        }
        if output.is_open() && tally.executions < input::MOST_EXECUTIONS { Ok(()) } else { Err(()) }
    });
    output.flush();
    if ended.is_ok() {
        tally.tell(ingested.read, ingested.kept);
    } else if output.is_open() {
        return Err(input::too_many_executions());
    }
    if let Some(error) = tally.error {
        return Err(Failure::input(error));
    }
    Ok(if unusable > 0 { Exit::BadInput } else { Exit::Proven })
}

/// What the executions came to.
#[derive(Default)]
struct Tally {
    executions: usize,
    alerts: usize,
    truncated: usize,
    lost: usize,
    error: Option<EngineError>,
}

impl Tally {
    fn execution(&mut self, report: &Result<ExecutionReport, EngineError>) {
        self.executions += 1;
        let Ok(report) = report else { return };
        self.alerts += report.created.len();
        self.lost += usize::from(report.lost.is_some());
        self.truncated += report.windows.iter().filter(|window| !window.warnings.is_empty()).count();
    }

    /// A summary on standard error, so that standard output holds alerts only.
    fn tell(&self, read: u64, kept: u64) {
        let truncated = match self.truncated {
            0 => String::new(),
            windows => format!(", {} with a warning (max_signals)", count(windows, "window")),
        };
        let why = if kept == 0 && read > 0 { " ('firstseen explain' says why)" } else { "" };
        message(format!(
            "firstseen: {}, {kept} in the rule's population{why}, {}, {}{truncated}",
            count(read, "document"),
            count(self.executions, "execution"),
            count(self.alerts, "alert")
        ));
    }
}

fn show_execution(report: &ExecutionReport, global: Global, output: &mut Output) {
    let sum = |pick: fn(&firstseen_detector::engine::WindowReport) -> usize| report.windows.iter().map(pick).sum();
    let (documents, combinations): (usize, usize) = (sum(|it| it.documents), sum(|it| it.combinations));
    let (new, created): (usize, usize) = (sum(|it| it.new), sum(|it| it.created));
    let warnings: Vec<&str> = report
        .windows
        .iter()
        .flat_map(|window| &window.warnings)
        .chain(&report.warnings)
        .map(firstseen_detector::engine::Warning::code)
        .collect();
    let at = report.execution.started_at;
    if global.format == Format::Json {
        output.json(&json!({
            "format_version": FORMAT_VERSION,
            "at": at,
            "windows": report.windows.len(),
            "documents": documents,
            "combinations": combinations,
            "new": new,
            "alerts": created,
            "warnings": warnings,
        }));
        return;
    }
    let warnings = if warnings.is_empty() { String::new() } else { format!("  {}", warnings.join(", ")) };
    output.line(format!(
        "{at}  {documents:>7} documents {combinations:>7} terms {new:>6} new {created:>5} alerts{warnings}"
    ));
}
