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
    let mut file = rule::read_file(path);
    if let Some(error) = file.errors.into_iter().next() {
        return Err(Failure::input(error));
    }
    for warning in &file.warnings {
        message(format!("firstseen: {warning}"));
    }
    match file.rules.len() {
        1 => Ok(file.rules.remove(0).rule),
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
) -> Result<Telemetry, Failure> {
    // Ids of another machine must not get the names of this one.
    let accounts = host.is_none().then(Accounts::of_this_machine);
    let host = host.map_or_else(HostInfo::of_this_machine, HostInfo::named);
    let normalise = NormaliseOptions {
        host: Some(&host),
        accounts: accounts.as_ref(),
        ..NormaliseOptions::bare(Flavour::AuditdManager)
    };
    let options = ReadOptions { normalise, reassembler: ReassemblerConfig::default() };
    let mut telemetry = Telemetry { files: paths.to_vec(), ..Telemetry::default() };
    let mut buffer = Vec::new();
    for (file, path) in paths.iter().enumerate() {
        let source = Source::open(path).map_err(Failure::input)?;
        let report = source.read(&options, &mut |item| match item {
            Item::Json { line: number, text } => {
                telemetry.given(file, number);
                line(text)
            }
            Item::Document(document) => {
                telemetry.given(file, 0);
                buffer.clear();
                match serde_json::to_writer(&mut buffer, &document) {
                    Ok(()) => line(&buffer),
                    Err(_) => ControlFlow::Continue(()),
                }
            }
        });
        telemetry.unusable += tell(path, &report);
    }
    Ok(telemetry)
}

/// What was read: how much of it was no use, and where each document stood.
#[derive(Default)]
pub(crate) struct Telemetry {
    /// Lines that are no telemetry, and files that broke off.
    pub(crate) unusable: u64,
    documents: u64,
    files: Vec<PathBuf>,
    /// Documents that stand in consecutive lines: the number of the first, its file and its line, 0 in an audit log.
    runs: Vec<(u64, usize, u64)>,
}

impl Telemetry {
    fn given(&mut self, file: usize, line: u64) {
        self.documents += 1;
        let number = self.documents;
        let goes_on =
            |(first, of, start): &(u64, usize, u64)| *of == file && (line == 0 || start + (number - first) == line);
        if !self.runs.last().is_some_and(goes_on) {
            self.runs.push((number, file, line));
        }
    }

    /// `docs.ndjson:12` of the document with this number, from 1; the file alone if it is an audit log.
    pub(crate) fn place(&self, number: u64) -> String {
        let behind = self.runs.partition_point(|(first, ..)| *first <= number);
        match self.runs[..behind].last() {
            Some((_, file, 0)) => self.files[*file].display().to_string(),
            Some((first, file, line)) => format!("{}:{}", self.files[*file].display(), line + (number - first)),
            None => format!("document {number}"),
        }
    }
}

/// So many executions are run at most: 190 years of every five minutes.
pub(crate) const MOST_EXECUTIONS: usize = 20_000_000;

/// A document's clock was wrong, most likely.
pub(crate) fn too_many_executions() -> Failure {
    Failure::input(format!(
        "more than {MOST_EXECUTIONS} executions lie between the first and the last document: look for a document with a wrong \
         time, or narrow the time with detect --from and --to"
    ))
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
        message(format!("firstseen: {failure}"));
    }
    report.malformed + u64::from(report.failure.is_some())
}

/// A line with the index that it does not name itself.
pub(crate) fn with_index<'b>(line: &'b [u8], index: Option<&str>, buffer: &'b mut Vec<u8>) -> &'b [u8] {
    let Some(index) = index else { return line };
    let has = |key: &[u8]| memchr::memmem::find(line, key).is_some();
    let (is_hit, inside) = (has(b"\"_source\""), line.trim_ascii_start().strip_prefix(b"{").unwrap_or_default());
    if is_hit && has(b"\"_index\"") {
        return line;
    }
    buffer.clear();
    buffer.extend_from_slice(b"{\"_index\":");
    buffer.extend_from_slice(serde_json::Value::from(index).to_string().as_bytes());
    if is_hit {
        buffer.push(b',');
        buffer.extend_from_slice(inside);
        return buffer;
    }
    buffer.extend_from_slice(b",\"_source\":");
    buffer.extend_from_slice(line);
    buffer.push(b'}');
    buffer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_document_keeps_its_file_and_line() {
        let mut telemetry =
            Telemetry { files: ["a.ndjson", "b.log", "c.ndjson"].map(Into::into).into(), ..Default::default() };
        for (file, line) in [(0, 1), (0, 2), (0, 4), (1, 0), (1, 0), (2, 1), (2, 3), (2, 4)] {
            telemetry.given(file, line);
        }
        let places: Vec<String> = (1..=8).map(|number| telemetry.place(number)).collect();
        let [one, two, four] = ["a.ndjson:1", "a.ndjson:2", "a.ndjson:4"];
        assert_eq!(places, [one, two, four, "b.log", "b.log", "c.ndjson:1", "c.ndjson:3", "c.ndjson:4"]);
        assert_eq!(telemetry.runs.len(), 5);
    }

    #[test]
    fn only_documents_without_an_index_get_one() {
        let named = |line: &str| {
            let mut buffer = Vec::new();
            String::from_utf8(with_index(line.as_bytes(), Some("i"), &mut buffer).to_vec()).expect("text")
        };
        assert_eq!(named(r#"{"a":1}"#), r#"{"_index":"i","_source":{"a":1}}"#);
        assert_eq!(named(r#" {"_id":"x","_source":{}}"#), r#"{"_index":"i","_id":"x","_source":{}}"#);
        assert_eq!(named(r#"{"_index":"own","_source":{}}"#), r#"{"_index":"own","_source":{}}"#);
    }
}
