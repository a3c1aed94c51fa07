//! `doctor`: which sensors work here and, for each that does not, why and what to do.

use firstseen_detector::audit::AuditRule;
use firstseen_detector::rule;
use firstseen_detector::sensor::SensorKind;
use firstseen_detector::sensor::doctor::{Weight, examine};
use serde_json::{Value as Json, json};

use crate::args::{Format, Global};
use crate::commands::json::FORMAT_VERSION;
use crate::exit_code::Exit;
use crate::failure::Failure;
use crate::output::Output;

pub(crate) fn run(global: Global, output: &mut Output) -> Result<Exit, Failure> {
    let doctor = examine(&needed());
    let exit = if doctor.is_fit() { Exit::Proven } else { Exit::EnvironmentUnfit };
    if global.format == Format::Json {
        let mut report = serde_json::to_value(&doctor).unwrap_or_default();
        if let Json::Object(report) = &mut report {
            report.insert("format_version".to_owned(), json!(FORMAT_VERSION));
            report.insert("fit".to_owned(), json!(doctor.is_fit()));
        }
        output.json(&report);
        return Ok(exit);
    }
    for sensor in &doctor.sensors {
        let state = if sensor.works { "\u{1b}[32mworks\u{1b}[0m" } else { "\u{1b}[31mdoes not work here\u{1b}[0m" };
        output.line(format!("{} sensor: {state}", name(sensor.kind)));
        output.labelled("because", &sensor.reason);
        if let Some(fix) = &sensor.fix {
            for (number, line) in fix.lines().enumerate() {
                output.labelled(if number == 0 { "fix" } else { "" }, line);
            }
        }
        if global.verbose {
            for (name, value) in &sensor.facts {
                output.labelled("fact", &format!("{name}: {value}"));
            }
        }
    }
    for finding in &doctor.findings {
        let weight = match finding.weight {
            Weight::Blocks => "blocks every run",
            Weight::Limits => "limits runs",
        };
        output.line(format!("{}: {weight}", finding.subject));
        output.labelled("because", &finding.what);
        output.labelled("fix", &finding.fix);
    }
    Ok(exit)
}

/// The audit rules of the lab's own detection rules.
fn needed() -> Vec<AuditRule> {
    let rules = rule::builtin().iter().filter_map(|(name, text)| rule::load_text(name, text).ok()).flatten();
    rules.flat_map(|rule| rule.audit_rules()).filter_map(|line| AuditRule::parse(&line).ok()).collect()
}

fn name(kind: SensorKind) -> &'static str {
    match kind {
        SensorKind::Audit => "audit",
        SensorKind::Trace => "trace",
    }
}
