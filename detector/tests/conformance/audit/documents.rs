//! `X.log` with `X.log-expected.json` (Auditbeat) and `X.log-integration.json` (auditd_manager); `X.enriched.log` holds the same
//! records as `X.log` and makes the same documents.

use std::path::{Path, PathBuf};

use firstseen_detector::audit::ReassemblerConfig;
use firstseen_detector::ecs::{Flavour, NormaliseOptions, OriginalText, Warnings, normalise};
use serde_json::Value;

use crate::{CaseResult, difference, files};

use super::{accounts, each_event, read, read_json, short_name};

pub(super) fn run(folder: &Path) -> Vec<CaseResult> {
    let mut results = Vec::new();
    for log in files(folder, ".log") {
        let base = log.to_string_lossy().replace(".enriched.log", ".log");
        for (flavour, ending) in [(Flavour::Auditbeat, "-expected.json"), (Flavour::AuditdManager, "-integration.json")]
        {
            let golden = PathBuf::from(format!("{base}{ending}"));
            if golden.exists() {
                results.extend(run_pair(&log, &golden, flavour));
            }
        }
    }
    results
}

fn run_pair(log: &Path, golden: &Path, flavour: Flavour) -> Vec<CaseResult> {
    let name = format!("{} {flavour:?}", short_name(log));
    let (text, expected) = match (read(log), read_json(golden)) {
        (Ok(text), Ok(Value::Array(expected))) => (text, expected),
        (text, expected) => {
            let reason = text.err().or(expected.err()).unwrap_or_else(|| "the golden file is no list".to_owned());
            return vec![CaseResult::new(name, Err(reason))];
        }
    };
    let got = documents(&text, flavour);
    if got.len() != expected.len() {
        let reason = format!("expected {} documents, got {}", expected.len(), got.len());
        return vec![CaseResult::new(name, Err(reason))];
    }
    let case = |(index, (expected, got)): (usize, (&Value, &Value))| {
        CaseResult::new(format!("{name}: document {index}"), difference(expected, got))
    };
    expected.iter().zip(&got).enumerate().map(case).collect()
}

/// The documents, without what the environment adds.
fn documents(log: &str, flavour: Flavour) -> Vec<Value> {
    let accounts = accounts();
    let options = NormaliseOptions {
        accounts: Some(&accounts),
        original: if flavour == Flavour::Auditbeat { OriginalText::Kept } else { OriginalText::Dropped },
        warnings: Warnings::Kept,
        ..NormaliseOptions::bare(flavour)
    };
    let mut documents = Vec::new();
    each_event(log, ReassemblerConfig::default(), |event| {
        let document = normalise(event, &options);
        let mut json = serde_json::to_value(&document.fields).expect("fields are JSON");
        let root = json.as_object_mut().expect("an object");
        root.remove("@timestamp");
        root.remove("data_stream");
        if flavour == Flavour::Auditbeat {
            root.remove("ecs");
        }
        let event = root["event"].as_object_mut().expect("event.kind is always there");
        event.remove("module");
        event.remove("dataset");
        documents.push(json);
    });
    documents
}
