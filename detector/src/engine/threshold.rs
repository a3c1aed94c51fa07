//! Rules of type `threshold`: a bucket of documents with equal values is an alert when it is large enough.
//!
//! Sources: Kibana `threshold/threshold.ts`, `threshold/find_threshold_signals.ts`,
//! `threshold/bulk_create_threshold_signals.ts`, `threshold/build_signal_history.ts`. Counts and cardinalities are exact here;
//! a search engine's cardinality is approximate above some thousands.

use hashbrown::{HashMap, HashSet};
use rustc_hash::FxBuildHasher;

use super::alert::{
    Alert, AlertIdentity, AlertKind, AlertStatus, DocumentRef, GroupTerm, Suppression, TermCount, ThresholdResult,
    query_alert_id, threshold_event_id,
};
use super::alerts::GroupKey;
use super::report::{SERVER_LIMIT, Warning, WindowReport};
use super::suppression::{Grouped, Moment, Settings};
use super::values::Values;
use super::window::WindowRun;
use crate::rule::Threshold;
use crate::time::Millis;

/// The documents of a window with one combination of values, oldest first.
#[derive(Debug)]
struct Bucket {
    term: u32,
    members: Vec<u32>,
    cardinality: Option<u64>,
}

impl WindowRun<'_> {
    /// Runs a `threshold` rule. Numbers of alerts that were folded into are added to `updated`.
    pub(super) fn threshold(mut self, rule: &Threshold, updated: &mut Vec<usize>) -> WindowReport {
        self.limit = self.limit.min(SERVER_LIMIT as usize);
        let (from, to, at) = (self.window.from, self.window.to, self.execution.started_at);
        let members: Vec<u32> = self.runner.population.between(from, to, at).collect();
        let documents = members.len();
        let (combinations, mut buckets) = self.large_buckets(rule, &members);
        let new = buckets.len();
        let truncated = new > self.limit;
        buckets.truncate(self.limit);
        self.create_buckets(rule, &buckets, updated);
        let warnings = if truncated { vec![Warning::MaxSignals { limit: self.limit }] } else { Vec::new() };
        let (window, created, suppressed) = (self.window, self.created, self.suppressed);
        WindowReport { window, documents, combinations, new, created, suppressed, warnings }
    }

    /// How many buckets there are, and those that reach the rule's numbers, in order of their keys. Documents at or before the
    /// last alert of the same key do not count again.
    fn large_buckets(&mut self, rule: &Threshold, members: &[u32]) -> (usize, Vec<Bucket>) {
        let mut by_term: HashMap<u32, Vec<u32>, FxBuildHasher> = HashMap::default();
        for member in members {
            for term in self.runner.population.terms(*member) {
                by_term.entry(*term).or_default().push(*member);
            }
        }
        let combinations = by_term.len();
        let mut buckets = Vec::new();
        for (term, mut members) in by_term {
            if (members.len() as u64) < rule.value {
                continue;
            }
            if let Some(last) = self.counted_until(rule, term) {
                members.retain(|member| self.runner.population.time(*member) > last);
            }
            if members.is_empty() || (members.len() as u64) < rule.value {
                continue;
            }
            let cardinality = rule.cardinality.as_ref().map(|_| self.distinct(&members));
            let least = rule.cardinality.as_ref().map_or(0, |(_, least)| *least);
            if cardinality.is_none_or(|found| found >= least) {
                buckets.push(Bucket { term, members, cardinality });
            }
        }
        buckets.sort_unstable_by(|a, b| self.runner.population.compare(a.term, b.term));
        (combinations, buckets)
    }

    /// Time of the last alert with a key, while it lies inside the window.
    fn counted_until(&self, rule: &Threshold, term: u32) -> Option<Millis> {
        let key = GroupKey::of(&self.compiled.rule, &self.key_terms(rule, term));
        let last = self.runner.alerts.of_group(&key).filter_map(|alert| alert.original_time).max();
        last.filter(|last| *last > self.window.from)
    }

    /// Number of distinct values of the cardinality field, which may have none at all.
    fn distinct(&mut self, members: &[u32]) -> u64 {
        let Some(slot) = self.compiled.details.cardinality else { return 0 };
        let (mut values, mut seen) = (Values::default(), HashSet::new());
        for member in members {
            if self.load(self.runner.population.document(*member)).is_ok() {
                seen.extend(self.runner.row.values(slot).map(|value| values.intern(value)));
            }
        }
        seen.len() as u64
    }

    fn create_buckets(&mut self, rule: &Threshold, buckets: &[Bucket], updated: &mut Vec<usize>) {
        let mut grouped = Vec::new();
        for (number, bucket) in buckets.iter().enumerate() {
            let population = &self.runner.population;
            let time = |member: &u32| population.time(*member);
            let (Some(start), Some(end)) = (bucket.members.first().map(time), bucket.members.last().map(time)) else {
                continue;
            };
            let terms = self.key_terms(rule, bucket.term);
            let docs_count = bucket.members.len() as u64 - 1;
            let key = GroupKey::of(&self.compiled.rule, &terms);
            let suppression = Suppression { terms, start, end, docs_count };
            if self.runner.alerts.find(&self.bucket_ids(rule, bucket).1).is_none() {
                grouped.push(Grouped { candidate: number, key, suppression });
            }
        }
        let compiled = self.compiled;
        let settings = compiled.rule.alert_suppression.as_ref().filter(|suppression| suppression.duration.is_some());
        let leaders = match settings {
            None => grouped,
            Some(suppression) => {
                let (execution, at) = (self.execution.number, self.execution.started_at);
                let moment = Moment { execution, at, window_from: self.window.from };
                let before = grouped.len();
                let decision = Settings::of(suppression).decide(&mut self.runner.alerts, grouped, moment);
                updated.extend(decision.folded.iter().map(|(alert, _)| *alert as usize));
                let leaders: Vec<_> = decision.create.into_iter().map(|(leader, _)| leader).collect();
                self.suppressed += before - leaders.len();
                leaders
            }
        };
        for Grouped { candidate, key, suppression } in leaders {
            self.add_bucket(rule, &buckets[candidate], key, suppression, settings.is_some());
        }
    }

    fn key_terms(&self, rule: &Threshold, term: u32) -> Vec<GroupTerm> {
        let values = self.runner.population.show(term);
        let term = |(field, value): (&String, _)| GroupTerm { field: field.as_str().into(), values: Some(vec![value]) };
        rule.fields.iter().zip(values).map(term).collect()
    }

    /// Id of the synthetic event and of its alert.
    fn bucket_ids(&self, rule: &Threshold, bucket: &Bucket) -> (String, String) {
        let values = self.runner.population.show(bucket.term);
        let own = &self.compiled.rule;
        let event = threshold_event_id(&own.rule_id, self.execution.started_at, &rule.fields, &values).to_string();
        let alert = query_alert_id(&own.index.join(","), &event, AlertIdentity::SPACE, own.object_id());
        (event, alert)
    }

    fn add_bucket(
        &mut self,
        rule: &Threshold,
        bucket: &Bucket,
        key: GroupKey,
        suppression: Suppression,
        suppresses: bool,
    ) {
        let (event, id) = self.bucket_ids(rule, bucket);
        let newest = bucket.members.last().map_or(0, |member| self.runner.population.document(*member));
        let cardinality = rule.cardinality.as_ref().zip(bucket.cardinality);
        let result = ThresholdResult {
            terms: suppression.terms.clone(),
            count: bucket.members.len() as u64,
            cardinality: cardinality.map(|((field, _), value)| TermCount { field: field.as_str().into(), value }),
            from: suppression.start,
            to: suppression.end,
        };
        let at = self.execution.started_at;
        let alert = Alert {
            id,
            original_time: Some(result.to),
            kind: AlertKind::Threshold(result),
            execution: self.execution,
            document: DocumentRef { index: self.compiled.rule.index.join(",").into(), id: event.into() },
            created: at,
            last_detected: at,
            suppression: suppresses.then_some(suppression),
            status: AlertStatus::Open,
        };
        self.runner.alerts.add(alert, newest, Some(key));
        self.created += 1;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use crate::engine::testing::{Lab, instant};
    use crate::engine::{AlertKind, ThresholdResult};

    fn lab(threshold: Json, extra: Json) -> Lab {
        let mut rule = json!({
            "type": "threshold", "rule_id": "r", "query": "*", "from": "now-9m", "threshold": threshold, "index": ["i-*", "j"],
        });
        rule.as_object_mut().expect("an object").extend(extra.as_object().expect("an object").clone());
        Lab::new(rule, json!({"@timestamp": "date", "host": "keyword", "user": "keyword"}))
    }

    fn document(time: &str, host: Json, user: &str) -> Json {
        json!({"@timestamp": instant(time).to_string(), "host": host, "user": user})
    }

    fn result(lab: &Lab, alert: usize) -> &ThresholdResult {
        match &lab.runner().alerts()[alert].kind {
            AlertKind::Threshold(result) => result,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_bucket_alerts_from_its_number_on_and_not_one_below() {
        let mut lab = lab(json!({"field": ["host"], "value": 3}), json!({}));
        for (id, time) in [("1", "11:51"), ("2", "11:55"), ("3", "12:00"), ("before", "11:50:59.999")] {
            lab.add(id, document(time, json!("three"), "u"));
        }
        for (id, time) in [("4", "11:51"), ("5", "11:55"), ("6", "11:50:59.999"), ("7", "12:00:00.001")] {
            lab.add(id, document(time, json!("two"), "u"));
        }
        assert_eq!(lab.run("12:00").len(), 1);
        let found = result(&lab, 0);
        assert_eq!((found.count, found.from, found.to), (3, instant("11:51"), instant("12:00")));
        assert_eq!(serde_json::to_value(&found.terms[0].values).expect("json"), json!(["three"]));
        let alert = &lab.runner().alerts()[0];
        assert_eq!(alert.original_time, Some(instant("12:00")));
        assert_eq!((alert.document.index.as_str(), alert.document.id.len()), ("i-*,j", 36));
    }

    #[test]
    fn only_documents_after_the_last_alert_count_again() {
        let mut lab = lab(json!({"field": ["host"], "value": 2}), json!({}));
        lab.add("1", document("11:58", json!("h"), "u"));
        lab.add("2", document("11:59", json!("h"), "u"));
        assert_eq!(lab.run("12:00").len(), 1);
        lab.add("late", document("11:59", json!("h"), "u"));
        lab.add("3", document("11:59:00.001", json!("h"), "u"));
        assert_eq!(lab.run("12:05").len(), 0, "one fresh document");
        lab.add("4", document("12:01", json!("h"), "u"));
        assert_eq!(lab.run("12:06").len(), 1);
        assert_eq!(result(&lab, 1).count, 2);
    }

    #[test]
    fn an_alert_is_remembered_while_its_time_lies_after_the_start_of_the_window() {
        for (run, alerts) in [("12:07:59.999", 0), ("12:08", 1)] {
            let mut lab = lab(json!({"field": ["host"], "value": 1}), json!({}));
            lab.add("1", document("11:59", json!("h"), "u"));
            assert_eq!(lab.run("12:00").len(), 1);
            assert_eq!(lab.run(run).len(), alerts, "{run}");
        }
    }

    #[test]
    fn without_fields_all_documents_are_one_bucket() {
        let mut lab = lab(json!({"field": [], "value": 2}), json!({}));
        lab.add("1", document("11:58", json!("a"), "u"));
        assert_eq!(lab.run("12:00").len(), 0);
        lab.add("2", document("11:59", json!("b"), "u"));
        assert_eq!(lab.run("12:00:01").len(), 1);
        assert_eq!((result(&lab, 0).terms.len(), result(&lab, 0).count), (0, 2));
    }

    #[test]
    fn arrays_count_in_several_buckets_and_missing_values_in_none() {
        let mut lab = lab(json!({"field": ["host", "user"], "value": 2}), json!({}));
        lab.add("1", document("11:57", json!(["a", "b"]), "u"));
        lab.add("2", document("11:58", json!(["a", "b"]), "u"));
        lab.add("3", document("11:58", json!(null), "u"));
        lab.add("4", document("11:58", json!(null), "u"));
        assert_eq!(lab.run("12:00").len(), 2);
        let hosts: Vec<_> = (0..2).map(|alert| result(&lab, alert).terms[0].values.clone()).collect();
        assert_eq!(serde_json::to_value(hosts).expect("json"), json!([["a"], ["b"]]));
    }

    #[test]
    fn a_cardinality_is_reached_or_not() {
        for (least, alerts) in [(2, 1), (3, 0)] {
            let threshold = json!({"field": ["host"], "value": 3, "cardinality": [{"field": "user", "value": least}]});
            let mut lab = lab(threshold, json!({}));
            for (id, user) in [("1", "x"), ("2", "y"), ("3", "x")] {
                lab.add(id, document("11:58", json!("h"), user));
            }
            assert_eq!(lab.run("12:00").len(), alerts);
            if alerts == 1 {
                assert_eq!(result(&lab, 0).cardinality.as_ref().map(|count| count.value), Some(2));
            }
        }
    }

    #[test]
    fn more_buckets_than_the_budget_are_told_and_keys_decide() {
        let mut lab = lab(json!({"field": ["host"], "value": 1}), json!({"max_signals": 2}));
        for host in ["c", "a", "b"] {
            lab.add(host, document("11:58", json!(host), "u"));
        }
        assert_eq!(lab.run("12:00").len(), 2);
        assert_eq!(lab.warnings(), ["max_signals"]);
        let hosts: Vec<_> = (0..2).map(|alert| result(&lab, alert).terms[0].values.clone()).collect();
        assert_eq!(serde_json::to_value(hosts).expect("json"), json!([["a"], ["b"]]));
        lab.add("d", document("12:04", json!("d"), "u"));
        assert_eq!(lab.run("12:05").len(), 2, "the rest, found again, and another: the limit exactly");
        assert_eq!(lab.warnings(), [""; 0]);
    }

    #[test]
    fn with_a_duration_further_buckets_fold_into_the_alert_until_it_ends() {
        let mut lab = lab(
            json!({"field": ["host"], "value": 2}),
            json!({"alert_suppression": {"duration": {"value": 10, "unit": "m"}}}),
        );
        for (id, time) in
            [("1", "11:58"), ("2", "11:59"), ("3", "12:03"), ("4", "12:04"), ("5", "12:11"), ("6", "12:14")]
        {
            lab.add(id, document(time, json!("h"), "u"));
        }
        assert_eq!(lab.run("12:00").len(), 1);
        assert_eq!(lab.suppression(0), (json!(["h"]), "11:58".into(), "11:59".into(), 1));
        assert_eq!(lab.run("12:05").len(), 0);
        assert_eq!(lab.suppression(0), (json!(["h"]), "11:58".into(), "12:04".into(), 3));
        assert_eq!(lab.run("12:15").len(), 1);
    }

    #[test]
    fn the_document_of_an_alert_is_made_of_its_synthetic_event() {
        let mut lab = lab(json!({"field": ["host"], "value": 1}), json!({}));
        lab.add("1", document("11:58", json!("h"), "u"));
        lab.run("12:00");
        let document = lab.runner().alert_document(0);
        assert_eq!((document.get("host"), document.get("user")), (Some(&json!("h")), None));
        assert_eq!(document["kibana.alert.threshold_result.count"], json!(1));
    }
}
