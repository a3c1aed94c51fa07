//! `X.log` with `X.log.golden`: one object per line that is a record, the fields as go-libaudit decodes them.

use std::path::Path;

use firstseen_detector::audit::{AuditRecord, RecordData};
use serde_json::{Map, Value, json};

use crate::{CaseResult, difference, files};

use super::{read, read_json, short_name};

pub(super) fn run(folder: &Path) -> Vec<CaseResult> {
    files(folder, ".log").iter().flat_map(|log| run_file(log)).collect()
}

fn run_file(log: &Path) -> Vec<CaseResult> {
    let name = short_name(log);
    let golden = log.with_extension("log.golden");
    let (text, expected) = match (read(log), read_json(&golden)) {
        (Ok(text), Ok(Value::Array(mut expected))) => {
            expected.retain(|record| !record.is_null()); // a line that is no record
            (text, expected)
        }
        (text, expected) => {
            let reason = text.err().or(expected.err()).unwrap_or_else(|| "the golden file is no list".to_owned());
            return vec![CaseResult::new(name, Err(reason))];
        }
    };
    let got: Vec<Value> =
        text.lines().filter_map(|line| AuditRecord::parse_line(line).ok()).map(|record| json_of(&record)).collect();
    if got.len() != expected.len() {
        let reason = format!("expected {} records, got {}", expected.len(), got.len());
        return vec![CaseResult::new(name, Err(reason))];
    }
    // The golden file is sorted by type; several records of one type stay in their order.
    let mut got: Vec<Value> = got;
    let key = |value: &Value| value["record_type"].as_str().unwrap_or_default().to_owned();
    let in_order = expected.iter().zip(&got).all(|(expected, got)| expected["raw_msg"] == got["raw_msg"]);
    if !in_order {
        got.sort_by_key(key);
    }
    let case = |(expected, got): (&Value, &Value)| {
        let case = format!("{name}: {} {}", expected["record_type"], expected["sequence"]);
        CaseResult::new(case, difference(expected, got))
    };
    expected.iter().zip(&got).map(case).collect()
}

fn json_of(record: &AuditRecord<'_>) -> Value {
    let mut json = json!({
        "@timestamp": timestamp(record.time.to_string()),
        "record_type": record.record_type.to_string().to_ascii_lowercase(),
        "sequence": record.serial,
        "raw_msg": record.text,
    });
    match RecordData::of(record) {
        Ok(data) => {
            json["data"] = data.iter().map(|(key, value)| (key.to_owned(), json!(value))).collect::<Map<_, _>>().into();
            if !data.tags().is_empty() {
                json["keys"] = json!(data.tags());
            }
        }
        Err(reason) => json["error"] = json!(reason),
    }
    json
}

/// Go leaves out zeros at the end of a fraction.
pub(super) fn timestamp(text: String) -> String {
    let trimmed = text.trim_end_matches('Z').trim_end_matches('0').trim_end_matches('.');
    format!("{trimmed}Z")
}
