//! `X.yaml`, lines of one event per test, with `X.json.golden`: the events as go-libaudit describes them.

use std::collections::BTreeMap;
use std::path::Path;

use firstseen_detector::audit::{AuditEvent, AuditRecord, RecordType};
use firstseen_detector::ecs::{CoalescedEvent, Warnings};
use serde_json::{Value, json};

use crate::{CaseResult, difference, files};

use super::{auparse, read, read_json, short_name};

pub(super) fn run(folder: &Path) -> Vec<CaseResult> {
    files(folder, ".yaml").iter().flat_map(|file| run_file(file)).collect()
}

fn run_file(file: &Path) -> Vec<CaseResult> {
    let name = short_name(file);
    let inputs = read(file).and_then(|text| tests(&text));
    let (inputs, golden) = match (inputs, read_json(&file.with_extension("json.golden"))) {
        (Ok(inputs), Ok(Value::Array(golden))) => (inputs, golden),
        (inputs, golden) => {
            let reason = inputs.err().or(golden.err()).unwrap_or_else(|| "the golden file is no list".to_owned());
            return vec![CaseResult::new(name, Err(reason))];
        }
    };
    if inputs.len() != golden.len() {
        let reason = format!("{} tests, {} golden events", inputs.len(), golden.len());
        return vec![CaseResult::new(name, Err(reason))];
    }
    let result = |expected: &Value| {
        let test = expected["test_name"].as_str().unwrap_or_default();
        let outcome = match inputs.get(test) {
            Some(lines) => describe(lines, test).and_then(|got| difference(expected, &got)),
            None => Err("no input of that name".to_owned()),
        };
        CaseResult::new(format!("{name}: {test}"), outcome)
    };
    golden.iter().map(result).collect()
}

fn describe(lines: &[String], test: &str) -> Result<Value, String> {
    let mut event = AuditEvent::default();
    for line in lines {
        let record = AuditRecord::parse_line(line).map_err(|error| format!("{line}: {error}"))?;
        if record.record_type != RecordType::EOE {
            event.push(&record);
        }
    }
    let coalesced = CoalescedEvent::of(&event, Warnings::Kept).map_err(|error| error.to_string())?;
    let mut json = json!({ "test_name": test, "event": coalesced.to_json() });
    json["event"]["@timestamp"] = json!(auparse::timestamp(coalesced.time.to_string()));
    if !coalesced.warnings.is_empty() {
        let mut warnings = coalesced.warnings;
        warnings.sort();
        json["warnings"] = json!(warnings);
    }
    Ok(json)
}

/// The few forms of YAML that these files use: a map of names to blocks of lines.
fn tests(text: &str) -> Result<BTreeMap<String, Vec<String>>, String> {
    let mut tests: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut current = None;
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed.is_empty() || trimmed == "---" || trimmed == "tests:" || trimmed.starts_with("# ") {
            continue;
        }
        if line.starts_with("  ") && !line.starts_with("   ") {
            let name = trimmed
                .trim_end_matches(['|', '>', '-', ' '])
                .strip_suffix(':')
                .ok_or_else(|| format!("no name in '{line}'"))?;
            let name = name.trim_matches(['"', '\'']).to_owned();
            current = Some(name.clone());
            tests.insert(name, Vec::new());
        } else {
            let name = current.as_ref().ok_or_else(|| format!("'{line}' belongs to no test"))?;
            tests.entry(name.clone()).or_default().push(trimmed.to_owned());
        }
    }
    Ok(tests)
}
