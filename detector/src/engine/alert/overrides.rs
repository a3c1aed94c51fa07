//! Severity, risk score and name of one alert: the rule's own, unless the event says otherwise through a mapping of the rule.
//!
//! Source: Kibana `rule_types/utils/mappings/*.ts`.

use serde_json::{Map, Value as Json};

use super::source;
use crate::rule::Rule;

/// The highest severity whose mapping (`severity_mapping`: field equals value) meets the event; else the rule's.
pub(super) fn severity<'r>(rule: &'r Rule, event: &Map<String, Json>) -> &'r str {
    const ORDER: [&str; 4] = ["low", "medium", "high", "critical"];
    let met = mappings(rule, "severity_mapping").filter(|mapping| {
        let (Some(field), Some(value)) = (text(mapping, "field"), text(mapping, "value")) else { return false };
        values(event, field).iter().any(|found| match found {
            Json::String(found) => found == value,
            Json::Number(found) => found.to_string() == value,
            _ => false,
        })
    });
    let rank = |severity: &str| ORDER.iter().position(|known| *known == severity);
    met.filter_map(|mapping| text(mapping, "severity"))
        .filter(|severity| rank(severity).is_some())
        .max_by_key(|severity| rank(severity))
        .unwrap_or(rule.severity.name())
}

/// The highest number from 0 to 100 in the field of the first risk score mapping; else the rule's.
pub(super) fn risk_score(rule: &Rule, event: &Map<String, Json>) -> Json {
    let field = mappings(rule, "risk_score_mapping").next().and_then(|mapping| text(mapping, "field"));
    let scores = field.into_iter().flat_map(|field| values(event, field)).filter_map(|value| match value {
        Json::Number(number) => number.as_f64(),
        Json::String(text) => text.trim().parse().ok(),
        _ => None,
    });
    let highest = scores.filter(|score| (0.0..=100.0).contains(score)).max_by(f64::total_cmp);
    crate::rule::number(highest.unwrap_or(rule.risk_score))
}

/// The text of the field that `rule_name_override` names; else the rule's name.
pub(super) fn name(rule: &Rule, event: &Map<String, Json>) -> String {
    let field = rule.other.get("rule_name_override").and_then(Json::as_str).filter(|field| !field.is_empty());
    let found = field.into_iter().flat_map(|field| values(event, field)).find_map(|value| value.as_str());
    found.filter(|name| !name.is_empty()).unwrap_or(&rule.name).to_owned()
}

fn mappings<'r>(rule: &'r Rule, list: &str) -> impl Iterator<Item = &'r Json> {
    rule.other.get(list).and_then(Json::as_array).into_iter().flatten()
}

fn text<'m>(mapping: &'m Json, key: &str) -> Option<&'m str> {
    mapping.get(key).and_then(Json::as_str)
}

/// The values of a field: an array is its items.
fn values<'e>(event: &'e Map<String, Json>, field: &str) -> Vec<&'e Json> {
    match source::find(event, field) {
        None => Vec::new(),
        Some(Json::Array(items)) => items.iter().collect(),
        Some(one) => vec![one],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rule() -> Rule {
        let json = json!({
            "type": "query", "name": "own", "severity": "low", "risk_score": 21, "rule_name_override": "event.action",
            "severity_mapping": [
                {"field": "event.code", "operator": "equals", "value": "9", "severity": "critical"},
                {"field": "host.name", "operator": "equals", "value": "db", "severity": "high"},
            ],
            "risk_score_mapping": [{"field": "event.risk", "operator": "equals", "value": ""}],
        });
        Rule::from_api_json(json.as_object().expect("an object")).expect("valid")
    }

    fn overridden(event: Json) -> (String, Json, String) {
        let (rule, event) = (rule(), event.as_object().expect("an object").clone());
        (severity(&rule, &event).to_owned(), risk_score(&rule, &event), name(&rule, &event))
    }

    #[test]
    fn the_event_overrides_where_its_fields_meet_a_mapping() {
        let event = json!({"host.name": ["x", "db"], "event": {"risk": [7, "73", 400], "action": "exec", "code": 9}});
        assert_eq!(overridden(event), ("critical".to_owned(), json!(73), "exec".to_owned()));
        let event = json!({"host": {"name": "db"}});
        assert_eq!(overridden(event), ("high".to_owned(), json!(21), "own".to_owned()));
    }

    #[test]
    fn the_rule_stands_where_they_do_not() {
        for event in [json!({}), json!({"host.name": "DB", "event": {"risk": 101, "action": "", "code": "90"}})] {
            assert_eq!(overridden(event), ("low".to_owned(), json!(21), "own".to_owned()));
        }
    }
}
