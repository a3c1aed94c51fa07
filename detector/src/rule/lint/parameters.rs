//! Single parameters: numbers in range, lists of the right length, a known type.

use serde_json::Value as Json;

use super::finding::Findings;
use crate::rule::error::did_you_mean;
use crate::rule::{Rule, RuleKind};

/// The rule types of Elastic Security.
const TYPES: [&str; 8] =
    ["eql", "esql", "machine_learning", "new_terms", "query", "saved_query", "threat_match", "threshold"];

/// A server's default limit of alerts in one execution (`xpack.alerting.rules.run.alerts.max`).
const SERVER_LIMIT: i64 = 1000;

pub(super) fn check(rule: &Rule, findings: &mut Findings<'_>) {
    kind(rule, findings);
    identity(rule, findings);
    if rule.max_signals < 1 {
        let message = format!("at least 1 is needed, not {}: the rule could not create an alert", rule.max_signals);
        findings.error("max-signals", "max_signals", message);
    } else if rule.max_signals > SERVER_LIMIT {
        let message = format!("{} is above {SERVER_LIMIT}, the limit that a server has by default", rule.max_signals);
        findings.warning("max-signals", "max_signals", message);
    }
    if !(0.0..=100.0).contains(&rule.risk_score) {
        findings.error("risk-score", "risk_score", format!("expected 0 to 100, got {}", rule.risk_score));
    }
    suppression(rule, findings);
    not_applied(rule, findings);
}

fn kind(rule: &Rule, findings: &mut Findings<'_>) {
    match &rule.kind {
        RuleKind::NewTerms(new_terms) => {
            let count = new_terms.fields.len();
            if !(1..=3).contains(&count) {
                findings.error("new-terms-fields", "new_terms_fields", format!("expected 1 to 3 fields, got {count}"));
            }
            for (number, field) in new_terms.fields.iter().enumerate() {
                if new_terms.fields[..number].contains(field) {
                    findings.warning("new-terms-fields", "new_terms_fields", format!("'{field}' is there twice"));
                }
            }
        }
        RuleKind::Threshold(threshold) if threshold.value < 1 => {
            findings.error("threshold-value", "threshold.value", "expected at least 1, got 0");
        }
        RuleKind::Unsupported(name) if TYPES.contains(&name.as_str()) => {
            let message = format!("rules of type '{name}' load, but cannot be run here");
            findings.warning("type-not-implemented", "type", message);
        }
        RuleKind::Unsupported(name) if name == "hunt" => {
            findings.warning("type-not-implemented", "type", "a hunting query is no rule: nothing here runs it");
        }
        RuleKind::Unsupported(name) => {
            let message = format!("there is no rule type '{name}'{}", did_you_mean(name, TYPES));
            findings.error("type-unknown", "type", message);
        }
        RuleKind::Query(_) | RuleKind::Threshold(_) => {}
    }
}

fn identity(rule: &Rule, findings: &mut Findings<'_>) {
    if rule.name.trim().is_empty() {
        findings.error("name-empty", "name", "a rule needs a name");
    }
    if rule.rule_id.is_empty() {
        findings.error("rule-id", "rule_id", "a rule needs an id that stays: alerts are recognised by it");
    } else if uuid::Uuid::try_parse(&rule.rule_id).is_err() {
        let message = format!("'{}' is no UUID; the ids of published rules are", rule.rule_id);
        findings.warning("rule-id", "rule_id", message);
    }
}

fn suppression(rule: &Rule, findings: &mut Findings<'_>) {
    let Some(suppression) = &rule.alert_suppression else { return };
    let count = suppression.group_by.len();
    match &rule.kind {
        RuleKind::Threshold(_) => {
            if count > 0 {
                let message = "a threshold rule suppresses by its own fields: group_by has no effect";
                findings.warning("suppression-group-by", "alert_suppression.group_by", message);
            }
            if suppression.duration.is_none() {
                let message = "a threshold rule needs a duration to suppress anything";
                findings.warning("suppression-duration", "alert_suppression", message);
            }
        }
        _ if !(1..=3).contains(&count) => {
            let message = format!("expected 1 to 3 fields, got {count}");
            findings.error("suppression-group-by", "alert_suppression.group_by", message);
        }
        _ => {}
    }
    if let Some((value, unit)) = &suppression.duration
        && (*value < 1 || !["s", "m", "h"].contains(&unit.as_str()))
    {
        let message = format!("expected a value of at least 1 and a unit of s, m or h, got {value} '{unit}'");
        findings.error("suppression-duration", "alert_suppression.duration", message);
    }
}

/// Parameters that change which documents a rule sees, and that are not applied here.
fn not_applied(rule: &Rule, findings: &mut Findings<'_>) {
    let has = |key: &str| match rule.other.get(key) {
        None | Some(Json::Null) => false,
        Some(Json::Array(items)) => !items.is_empty(),
        Some(Json::String(text)) => !text.is_empty(),
        Some(_) => true,
    };
    if let Err(error) = rule.filters() {
        findings.error("filters", &error.field, error.message);
    }
    if has("data_view_id") && rule.index.is_empty() {
        let message = "a data view is not known here: name its indices in 'index', or the rule reads every index";
        findings.warning("data-view-unknown", "data_view_id", message);
    }
    for entry in rule.exceptions.iter().flatten().filter(|entry| entry.kind == "list") {
        let message = format!("an exception on '{}' needs a value list: such exceptions are not applied", entry.field);
        findings.warning("exception-not-applied", "exceptions_list", message);
    }
}
