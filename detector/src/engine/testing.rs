//! Short ways to rules, documents and instants for the tests of this module.

use crate::ecs::Mappings;
use crate::rule::{Language, NewTerms, Query, Rule, RuleKind, Severity};
use crate::time::Millis;

/// A rule with the defaults of the API, 9 minutes of window and 5 of interval.
pub(super) fn new_terms_rule(query: &str, fields: &[&str], history: &str) -> Rule {
    Rule {
        rule_id: "rule-1".to_owned(),
        name: "First sight".to_owned(),
        description: String::new(),
        index: Vec::new(),
        interval: "5m".to_owned(),
        from: "now-9m".to_owned(),
        to: "now".to_owned(),
        max_signals: 100,
        timestamp_override: None,
        timestamp_override_fallback_disabled: false,
        exceptions: Vec::new(),
        alert_suppression: None,
        severity: Severity::Low,
        risk_score: 21.0,
        kind: RuleKind::NewTerms(NewTerms {
            query: Query { text: query.to_owned(), language: Language::Kuery },
            fields: fields.iter().map(|field| (*field).to_owned()).collect(),
            history_window_start: history.to_owned(),
        }),
        setup: String::new(),
        other: serde_json::Map::new(),
    }
}

/// A time of 2024-05-10, from hours and minutes on.
pub(super) fn instant(time: &str) -> Millis {
    crate::ecs::parse_date(&format!("2024-05-10T{time}")).unwrap_or_else(|| panic!("'{time}' is a time"))
}

/// Mappings as JSON.
pub(super) fn mappings(json: serde_json::Value) -> Mappings {
    Mappings::from_json(json.as_object().expect("an object")).expect("valid mappings")
}
