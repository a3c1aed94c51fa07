//! Keys that no rule has: usually misspelt ones, whose meaning is silently lost.

use super::finding::Findings;
use crate::rule::Rule;
use crate::rule::error::did_you_mean;

/// Every key of the API's rule objects, of exports, and of published files.
const KNOWN: [&str; 78] = [
    "actions",
    "alert_suppression",
    "alias_purpose",
    "alias_target_id",
    "anomaly_threshold",
    "author",
    "building_block_type",
    "concurrent_searches",
    "created_at",
    "created_by",
    "data_view_id",
    "description",
    "enabled",
    "event_category_override",
    "exceptions",
    "exceptions_list",
    "execution_summary",
    "false_positives",
    "filters",
    "from",
    "history_window_start",
    "id",
    "immutable",
    "index",
    "interval",
    "investigation_fields",
    "items_per_search",
    "language",
    "license",
    "machine_learning_job_id",
    "max_signals",
    "meta",
    "name",
    "namespace",
    "new_terms_fields",
    "note",
    "outcome",
    "output_index",
    "query",
    "references",
    "related_integrations",
    "required_fields",
    "response_actions",
    "revision",
    "risk_score",
    "risk_score_mapping",
    "rule_id",
    "rule_name_override",
    "rule_source",
    "saved_id",
    "setup",
    "severity",
    "severity_mapping",
    "tags",
    "threat",
    "threat_filters",
    "threat_index",
    "threat_indicator_path",
    "threat_language",
    "threat_mapping",
    "threat_query",
    "threshold",
    "throttle",
    "tiebreaker_field",
    "timeline_id",
    "timeline_title",
    "timestamp_field",
    "timestamp_override",
    "timestamp_override_fallback_disabled",
    "to",
    "type",
    "updated_at",
    "updated_by",
    "version",
    // Keys of hunting files.
    "integration",
    "mitre",
    "notes",
    "uuid",
];

pub(super) fn check(rule: &Rule, findings: &mut Findings<'_>) {
    for key in rule.other.keys().filter(|key| !KNOWN.contains(&key.as_str())) {
        findings.warning("unknown-key", key, format!("no rule has this key{}", did_you_mean(key, KNOWN)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_but_for_its_last_part_and_names_nothing_twice() {
        let mut names = KNOWN.to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), KNOWN.len());
    }
}
