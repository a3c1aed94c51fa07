//! What `detect` and `explain` are given: a rule, mappings, telemetry.

use std::fs;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use firstseen_detector::audit::{Accounts, ReassemblerConfig};
use firstseen_detector::ecs::{Flavour, HostInfo, Mappings, NormaliseOptions, Schema, parse_date};
use firstseen_detector::rule::{self, Rule};
use firstseen_detector::sensor::files::{Item, ReadOptions, Report, Source};
use firstseen_detector::time::Millis;

use crate::commands::show::builtin;
use crate::failure::Failure;
use crate::output::message;

/// A built-in rule by id or name, or the one rule of a file.
pub(crate) fn rule(name: &str) -> Result<Rule, Failure> {
    if let Some((_, _, rule)) = builtin(name) {
        return Ok(rule);
    }
    let path = Path::new(name);
    if !path.exists() {
        let known: Vec<&str> = rule::builtin().iter().map(|(name, _)| *name).collect();
        return Err(Failure::input(format!(
            "no rule '{name}': neither a file nor a built-in rule ({})",
            known.join(", ")
        )));
    }
    let mut rules = rule::load(path).map_err(Failure::input)?;
    match rules.len() {
        1 => Ok(rules.remove(0)),
        number => Err(Failure::input(format!("'{name}' holds {number} rules; give a file with one"))),
    }
}

/// The mappings of a file, or ECS with keywords for everything that it does not name.
pub(crate) fn mappings(path: Option<&Path>) -> Result<Mappings, Failure> {
    let Some(path) = path else { return Ok(Schema::known().mappings().with_dynamic_keywords()) };
    let cannot = |error: &dyn std::fmt::Display| Failure::input(format!("mappings '{}': {error}", path.display()));
    let text = fs::read(path).map_err(|error| cannot(&error))?;
    let object = serde_json::from_slice(&text).map_err(|error| cannot(&error))?;
    Mappings::from_json(&object).map_err(|error| cannot(&error))
}

/// An instant as it is typed: ISO 8601 or milliseconds since the epoch.
pub(crate) fn instant(option: &str, text: Option<&str>) -> Result<Option<Millis>, Failure> {
    let Some(text) = text else { return Ok(None) };
    let wrong = || {
        Failure::input(format!("--{option} '{text}' is no time; write 2026-11-22T08:22:44Z or milliseconds since 1970"))
    };
    parse_date(text).map(Some).ok_or_else(wrong)
}

/// Hands every document of the files to `line`, as a line of NDJSON; events of audit logs become documents of the named
/// host first. Returns how many lines could not be used; each file's first ones are named on standard error.
pub(crate) fn read(
    paths: &[PathBuf],
    host: Option<&str>,
    line: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
) -> Result<u64, Failure> {
    // Ids of another machine must not get the names of this one.
    let accounts = host.is_none().then(Accounts::of_this_machine);
    let host = host.map_or_else(HostInfo::of_this_machine, HostInfo::named);
    let normalise = NormaliseOptions {
        host: Some(&host),
        accounts: accounts.as_ref(),
        ..NormaliseOptions::bare(Flavour::AuditdManager)
    };
    let options = ReadOptions { normalise, reassembler: ReassemblerConfig::default() };
    let mut unusable = 0;
    let mut buffer = Vec::new();
    for path in paths {
        let source = Source::open(path).map_err(Failure::input)?;
        let report = source.read(&options, &mut |item| match item {
            Item::Json { text, .. } => line(text),
            Item::Document(document) => {
                buffer.clear();
                match serde_json::to_writer(&mut buffer, &document) {
                    Ok(()) => line(&buffer),
                    Err(_) => ControlFlow::Continue(()),
                }
            }
        });
        unusable += tell(path, &report);
    }
    Ok(unusable)
}

fn tell(path: &Path, report: &Report) -> u64 {
    let path = path.display();
    for bad in &report.first_malformed {
        message(format!("firstseen: {path}:{}: {}; the line is left out", bad.line, bad.reason));
    }
    let more = report.malformed.saturating_sub(report.first_malformed.len() as u64);
    if more > 0 {
        message(format!("firstseen: {path}: {more} more lines are no telemetry and are left out"));
    }
    if let Some(failure) = &report.failure {
        message(format!("firstseen: {failure}; the {} lines before it are used", report.lines));
    }
    report.malformed + u64::from(report.failure.is_some())
}

/// A line with the index that it does not name itself.
pub(crate) fn with_index<'b>(line: &'b [u8], index: Option<&str>, buffer: &'b mut Vec<u8>) -> &'b [u8] {
    let Some(index) = index else { return line };
    if memchr::memmem::find(line, b"\"_source\"").is_some() {
        return line;
    }
    buffer.clear();
    buffer.extend_from_slice(b"{\"_index\":");
    buffer.extend_from_slice(serde_json::Value::from(index).to_string().as_bytes());
    buffer.extend_from_slice(b",\"_source\":");
    buffer.extend_from_slice(line);
    buffer.push(b'}');
    buffer
}
