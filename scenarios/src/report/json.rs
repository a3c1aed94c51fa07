//! The machine-readable report: one JSON object, schema in docs/json.md.
//!
//! `scenarios` and `totals` hold virtual times only, so equal evidence gives equal bytes; what belongs to one run on one
//! machine stands apart under `run`.

use serde_json::{Value, json};

use super::Reporter;
use crate::event::RunEvent;

/// Version of the schema; it rises when a key changes its meaning or goes away.
pub const FORMAT_VERSION: u32 = 1;

/// Collects outcomes and writes them at the end.
#[derive(Debug, Default)]
pub struct JsonReport {
    sensor: Value,
    scenarios: Vec<Value>,
    totals: Value,
}

impl Reporter for JsonReport {
    fn event(&mut self, event: &RunEvent) -> String {
        match event {
            RunEvent::RunStarted { sensor, .. } => self.sensor = json!(sensor),
            RunEvent::ScenarioJudged(outcome) => self.scenarios.push(json!(outcome)),
            RunEvent::RunFinished(totals) => self.totals = json!(totals),
            _ => {}
        }
        String::new()
    }

    fn finish(&mut self) -> String {
        let report = json!({
            "format_version": FORMAT_VERSION,
            "run": {"sensor": self.sensor},
            "scenarios": self.scenarios,
            "totals": self.totals,
        });
        format!("{report:#}\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::rendered;

    #[test]
    fn the_report_is_one_versioned_object_and_the_same_every_time() {
        let text = rendered(&mut JsonReport::default());
        let report: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(report["format_version"], FORMAT_VERSION);
        assert_eq!(
            report["totals"],
            json!({"scenarios": 2, "pass": 1, "fail": 1, "inconclusive": 0, "skipped": 0, "error": 0})
        );
        assert_eq!(report["scenarios"][0]["verdict"], json!({"kind": "pass"}));
        assert_eq!(report["scenarios"][1]["verdict"]["kind"], "fail");
        assert_eq!(report["scenarios"][1]["verdict"]["stopped_at"], "alerted");
        assert_eq!(report["scenarios"][0]["steps"][1]["silences"], json!({"known-term": 1}));
        assert_eq!(report["scenarios"][0]["steps"][1]["at"], "+3m");
        assert_eq!(text, rendered(&mut JsonReport::default()));
    }
}
