//! `expected.json`: the settings, and for each log the serials with their number of records, and what was lost.

use std::path::Path;

use firstseen_detector::audit::ReassemblerConfig;
use serde::Deserialize;

use crate::CaseResult;

use super::{each_event, read};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    reassembler: Settings,
    cases: std::collections::BTreeMap<String, Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Settings {
    max_in_flight: usize,
    timeout_s: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    lost: u64,
    events: Vec<(u32, usize)>,
}

pub(super) fn run(folder: &Path) -> Vec<CaseResult> {
    let file = folder.join("expected.json");
    if !file.exists() {
        return Vec::new();
    }
    let expected =
        read(&file).and_then(|text| serde_json::from_str::<Expected>(&text).map_err(|error| error.to_string()));
    let expected = match expected {
        Ok(expected) => expected,
        Err(reason) => return vec![CaseResult::new("reassembler/expected.json", Err(reason))],
    };
    let config = ReassemblerConfig {
        max_in_flight: expected.reassembler.max_in_flight,
        timeout_ms: expected.reassembler.timeout_s * 1000,
    };
    let result = |(name, case): (&String, &Case)| {
        let outcome = read(&folder.join(format!("{name}.log"))).and_then(|log| check(&log, config, case));
        CaseResult::new(format!("reassembler/{name}"), outcome)
    };
    expected.cases.iter().map(result).collect()
}

fn check(log: &str, config: ReassemblerConfig, case: &Case) -> Result<(), String> {
    let mut events = Vec::new();
    let reassembler = each_event(log, config, |event| events.push((event.serial(), event.records().len())));
    if (&events, reassembler.lost()) == (&case.events, case.lost) {
        return Ok(());
    }
    Err(format!("expected {:?} lost {}, got {events:?} lost {}", case.events, case.lost, reassembler.lost()))
}
