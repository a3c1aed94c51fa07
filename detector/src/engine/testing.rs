//! Short ways to rules, documents and instants for the tests of this module.

use serde_json::Value as Json;

use super::{Document, ExecutionKind, Keep, RuleRunner, Warning};
use crate::ecs::Mappings;
use crate::rule::Rule;
use crate::time::Millis;

/// A rule with the defaults of the API, 9 minutes of window and 5 of interval.
pub(super) fn new_terms_rule(query: &str, fields: &[&str], history: &str) -> Rule {
    let rule = serde_json::json!({
        "type": "new_terms", "rule_id": "rule-1", "from": "now-9m",
        "query": query, "new_terms_fields": fields, "history_window_start": history,
    });
    Rule::from_api_json(rule.as_object().expect("an object")).expect("a valid rule")
}

/// A time of 2024-05-10, from hours and minutes on.
pub(super) fn instant(time: &str) -> Millis {
    crate::ecs::parse_date(&format!("2024-05-10T{time}")).unwrap_or_else(|| panic!("'{time}' is a time"))
}

/// Mappings as JSON.
pub(super) fn mappings(json: serde_json::Value) -> Mappings {
    Mappings::from_json(json.as_object().expect("an object")).expect("valid mappings")
}

/// A rule over documents that are added by and by.
pub(super) struct Lab {
    runner: RuleRunner,
    warnings: Vec<Warning>,
}

impl Lab {
    pub(super) fn new(rule: Json, types: Json) -> Lab {
        let rule = Rule::from_api_json(rule.as_object().expect("an object")).expect("a valid rule");
        let runner = RuleRunner::new(&rule, &mappings(types), Keep::Everything).expect("a rule that runs");
        Lab { runner, warnings: Vec::new() }
    }

    pub(super) fn add(&mut self, id: &str, source: Json) {
        let source = source.to_string();
        let document = Document { index: None, id: Some(id.into()), visible_from: None, source: source.as_bytes() };
        assert_eq!(self.runner.ingest([document]).rejected, []);
    }

    /// Executes once; the ids of the documents of the alerts that were created.
    pub(super) fn run(&mut self, time: &str) -> Vec<String> {
        let report = self.runner.execute(instant(time), ExecutionKind::Manual).expect("no failure");
        self.warnings = report.windows.into_iter().flat_map(|window| window.warnings).collect();
        self.runner.alerts()[report.created].iter().map(|alert| alert.document.id.to_string()).collect()
    }

    /// Codes of the warnings of the last execution.
    pub(super) fn warnings(&self) -> Vec<&str> {
        self.warnings.iter().map(Warning::code).collect()
    }

    pub(super) fn runner(&self) -> &RuleRunner {
        &self.runner
    }

    /// Suppression of an alert: values of the first term, start and end as times of day to the minute, count.
    pub(super) fn suppression(&self, alert: usize) -> (Json, String, String, u64) {
        let group = self.runner.alerts()[alert].suppression.clone().expect("suppression");
        let minute = |time: Millis| time.to_string()[11..16].to_owned();
        let values = serde_json::to_value(&group.terms[0].values).expect("json");
        (values, minute(group.start), minute(group.end), group.docs_count)
    }
}
