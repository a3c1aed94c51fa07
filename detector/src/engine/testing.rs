//! Short ways to rules, documents and instants for the tests of this module.

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
