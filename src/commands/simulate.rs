//! `simulate`: one act, without anybody watching, and what it really did.

use std::path::Path;
use std::time::Duration;

use firstseen_simulator::{Outcome, Plan, Request, Technique, run_alone, techniques};
use serde_json::json;

use crate::args::{Format, Global, SimulateArgs};
use crate::commands::json::FORMAT_VERSION;
use crate::exit_code::Exit;
use crate::failure::Failure;
use crate::lab::Lab;
use crate::output::Output;

/// Real time after which an act is killed.
const TIMEOUT: Duration = Duration::from_secs(20);

pub(crate) fn run(args: &SimulateArgs, global: Global, output: &mut Output) -> Result<Exit, Failure> {
    let technique = techniques::find(&args.technique)?;
    let request = Request { executable: args.executable.clone(), params: args.params.iter().cloned().collect() };
    let plan = technique.plan(&request)?;
    if args.dry_run {
        show_plan(technique, &plan, None, global, output);
        return Ok(Exit::Proven);
    }
    let lab = Lab::open(None)?;
    let scratch = &lab.scratch;
    if let Err(reason) = technique.available(scratch) {
        return Err(Failure::environment(format!("cannot do '{}' here: {reason}", technique.id)));
    }
    let outcome = run_alone(technique.prepare(&request, scratch)?, TIMEOUT)?;
    show_plan(technique, &plan, Some((&outcome, scratch.path())), global, output);
    Ok(if outcome.proof.is_ok() { Exit::Proven } else { Exit::Failed })
}

fn show_plan(technique: &Technique, plan: &Plan, done: Option<(&Outcome, &Path)>, global: Global, output: &mut Output) {
    let command = plan.command();
    let texts = |texts: &[std::ffi::OsString]| -> Vec<String> {
        texts.iter().map(|text| text.to_string_lossy().into_owned()).collect()
    };
    let argv = texts(&command.argv);
    let env: Vec<String> = command
        .env
        .iter()
        .map(|(name, value)| format!("{}={}", name.to_string_lossy(), value.to_string_lossy()))
        .collect();
    if global.format == Format::Json {
        output.json(&json!({
            "format_version": FORMAT_VERSION,
            "technique": technique.id,
            "program": command.program,
            "argv": argv,
            "env": env,
            "cwd": command.cwd,
            "files": plan.files.iter().map(|file| &file.path).collect::<Vec<_>>(),
            "done": done.is_some(),
            "proven": done.map(|(outcome, _)| outcome.proof.is_ok()),
            "shortfall": done.and_then(|(outcome, _)| outcome.proof.as_ref().err()).map(ToString::to_string),
            "report": done.map(|(outcome, _)| &outcome.report),
        }));
        return;
    }
    let title = if done.is_some() { "" } else { " (dry run: nothing is done)" };
    output.line(format!("{}: {}{title}", technique.id, technique.title));
    output.labelled("why", technique.reason);
    output.labelled("touches", technique.touches);
    output.labelled("undone", technique.undo);
    for file in &plan.files {
        output.labelled("file", &file.path.display().to_string());
    }
    output.labelled("program", &command.program.display().to_string());
    output.labelled("argv", &argv.join(" "));
    for variable in env {
        output.labelled("env", &variable);
    }
    let Some((outcome, scratch)) = done else { return };
    for call in &outcome.report.memory {
        output.labelled("did", &call.to_string());
    }
    for object in &outcome.report.objects {
        output.labelled("loaded", &format!("the preload object, into process {}", object.pid));
    }
    for ran in &outcome.report.ran {
        output.labelled("ran", &format!("the target, as process {}", ran.pid));
    }
    for line in outcome.report.complaints.lines() {
        output.labelled("stderr", line);
    }
    match &outcome.proof {
        Ok(()) => output.labelled("proof", "the worker's own report shows what the technique promises"),
        Err(shortfall) => output.labelled("not done", &shortfall.to_string()),
    }
    output.labelled("scratch", &format!("{} (removed)", scratch.display()));
}
