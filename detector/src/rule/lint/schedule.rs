//! When the rule runs and how far it looks back.

use super::finding::Findings;
use crate::datemath::{DateMath, parse_interval};
use crate::rule::{Rule, RuleKind};
use crate::time::Millis;

pub(super) fn check(rule: &Rule, now: Millis, findings: &mut Findings<'_>) {
    let mut date = |field: &str, text: &str| {
        let parsed = DateMath::parse(text);
        if parsed.is_none() {
            findings.error("date-math", field, format!("'{text}' is no date math; write something like now-9m"));
        }
        parsed.map(|date| date.at(now))
    };
    let from = date("from", &rule.from);
    let to = date("to", &rule.to);
    let history = match &rule.kind {
        RuleKind::NewTerms(new_terms) => date("history_window_start", &new_terms.history_window_start),
        _ => None,
    };
    let interval = parse_interval(&rule.interval);
    if interval.is_none() {
        let message = format!("'{}' is no interval; write a number and one of s, m, h, d, such as 5m", rule.interval);
        findings.error("interval", "interval", message);
    }
    if let Some((from, to)) = from.zip(to) {
        if from >= to {
            findings.error("window-empty", "from", format!("'{}' is not before 'to', '{}'", rule.from, rule.to));
        } else if let Some(interval) = interval.filter(|interval| to - from < *interval) {
            let message = format!(
                "the window is {} ms shorter than the interval of {}: events between two windows are never seen; \
                 move 'from' back",
                interval - (to - from),
                rule.interval
            );
            findings.warning("window-gap", "from", message);
        }
    }
    if let (Some(history), Some(from), RuleKind::NewTerms(new_terms)) = (history, from, &rule.kind)
        && history >= from
    {
        let message = format!(
            "'{}' must be earlier than 'from', '{}'; move it further back",
            new_terms.history_window_start, rule.from
        );
        findings.error("history-not-before-from", "history_window_start", message);
    }
}
