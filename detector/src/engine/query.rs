//! Rules of type `query`: every match is an alert, or every group of matches when the rule suppresses.
//!
//! Sources: Kibana `query/query.ts`, `utils/search_after_bulk_create.ts`, and for groups
//! `query/alert_suppression/group_and_bulk_create.ts`. What is not followed is a defect of its paging, which drops documents
//! of equal sort values at the border of a page (kibana issue 280769); see [`elastic`](super::elastic).

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::alert::{
    Alert, AlertIdentity, AlertKind, AlertStatus, DocumentRef, GroupTerm, Suppression, TermValue, bucket_alert_id,
    field, query_alert_id,
};
use super::alerts::GroupKey;
use super::compile::date;
use super::report::{SERVER_LIMIT, Warning, WindowReport};
use super::runner::RuleRunner;
use super::suppression::{Grouped, Moment, Settings};
use super::values;
use super::window::WindowRun;
use crate::ecs::Row;
use crate::rule::{AlertSuppression, MissingFields};
use crate::time::Millis;

/// The documents of one group in one window, oldest first.
#[derive(Debug)]
struct Bucket {
    terms: Vec<GroupTerm>,
    members: Vec<u32>,
}

/// A field's value in the key of a bucket; nothing where the document has none, which comes last.
#[derive(Clone, Debug, PartialEq)]
struct KeyValue(Option<TermValue>);

impl WindowRun<'_> {
    /// Runs a `query` rule. Numbers of alerts that were folded into are added to `updated`.
    pub(super) fn query(mut self, updated: &mut Vec<usize>) -> WindowReport {
        self.limit = self.limit.min(SERVER_LIMIT as usize);
        let (from, to, at) = (self.window.from, self.window.to, self.execution.started_at);
        let members: Vec<u32> = self.runner.population.between(from, to, at).collect();
        let documents = members.len();
        let compiled = self.compiled;
        let (new, truncated) = match &compiled.rule.alert_suppression {
            None => self.create_each(members),
            Some(suppression) => self.create_groups(suppression, members, updated),
        };
        let warnings = if truncated { vec![Warning::MaxSignals { limit: self.limit }] } else { Vec::new() };
        let (window, created, suppressed) = (self.window, self.created, self.suppressed);
        WindowReport { window, documents, combinations: documents, new, created, suppressed, warnings }
    }

    /// One alert a document, in order of the override and then `@timestamp`, while the budget lasts. Returns how many
    /// documents had no alert yet, and whether some were left out.
    fn create_each(&mut self, members: Vec<u32>) -> (usize, bool) {
        let mut fresh: Vec<(SortValues, u32, String)> = Vec::new();
        let mut row = Row::new();
        for member in members {
            let document = self.runner.population.document(member);
            let id = self.runner.document_alert_id(document);
            if self.runner.alerts.find(&id).is_some() || self.runner.descends_from_this_rule(document) {
                continue;
            }
            fresh.push((self.runner.sort_values(&mut row, document), member, id));
        }
        fresh.sort_by_key(|(values, member, _)| (*values, *member));
        let new = fresh.len();
        let affordable = new.min(self.limit.saturating_sub(self.created));
        for (_, member, id) in fresh.into_iter().take(affordable) {
            self.add_document(member, id, None);
        }
        (new, affordable < new)
    }

    /// One alert a group of documents, in order of the key, while the budget lasts; then one each for documents that are
    /// exempt. Returns how many of both there were, and whether some were left out.
    fn create_groups(&mut self, rule: &AlertSuppression, members: Vec<u32>, updated: &mut Vec<usize>) -> (usize, bool) {
        let (mut buckets, exempt) = self.buckets(rule, members);
        let new = buckets.len() + exempt.len();
        let mut truncated = buckets.len() > self.limit;
        buckets.truncate(self.limit);
        let mut grouped = Vec::new();
        for Bucket { terms, members } in buckets {
            let time = |member: &u32| self.runner.population.time(*member);
            let (Some(start), Some(end)) = (members.first().map(time), members.last().map(time)) else { continue };
            let key = GroupKey::of(&self.compiled.rule, &terms);
            let suppression = Suppression { terms, start, end, docs_count: members.len() as u64 - 1 };
            let id = self.bucket_id(members[0], &suppression);
            if self.runner.alerts.find(&id).is_none() {
                grouped.push(Grouped { candidate: (members[0], id), key, suppression });
            }
        }
        let leaders = match rule.duration {
            None => grouped,
            Some(_) => {
                let (execution, at) = (self.execution.number, self.execution.started_at);
                let moment = Moment { execution, at, window_from: self.window.from };
                let counts = |grouped: &Grouped<_>| grouped.suppression.docs_count as usize + 1;
                let before: usize = grouped.iter().map(counts).sum();
                let decision = Settings::of(rule).decide(&mut self.runner.alerts, grouped, moment);
                updated.extend(decision.folded.iter().map(|(alert, _)| *alert as usize));
                let leaders: Vec<_> = decision.create.into_iter().map(|(leader, _)| leader).collect();
                self.suppressed += before - leaders.iter().map(counts).sum::<usize>();
                leaders
            }
        };
        for Grouped { candidate: (member, id), key, suppression } in leaders {
            self.suppressed += suppression.docs_count as usize;
            self.add_document(member, id, Some((suppression, key)));
        }
        truncated |= self.create_each(exempt).1;
        (new, truncated)
    }

    /// The groups of a window in order of their keys, without documents that an alert of their group counts already; and the
    /// documents that are exempt because they lack a value. An array makes its document part of several groups.
    fn buckets(&mut self, rule: &AlertSuppression, members: Vec<u32>) -> (Vec<Bucket>, Vec<u32>) {
        let mut buckets: BTreeMap<Vec<KeyValue>, Vec<u32>> = BTreeMap::new();
        let mut exempt = Vec::new();
        for member in members {
            let document = self.runner.population.document(member);
            if self.runner.descends_from_this_rule(document) {
                continue;
            }
            let values = self.group_values(document);
            if rule.missing_fields == MissingFields::DoNotSuppress && values.iter().any(Vec::is_empty) {
                exempt.push(member);
                continue;
            }
            for key in product(&values) {
                let counted_until = self.suppressed_until(&GroupKey::of(&self.compiled.rule, &self.terms_of(&key)));
                if counted_until.is_none_or(|end| self.runner.population.time(member) > end) {
                    buckets.entry(key).or_default().push(member);
                }
            }
        }
        let bucket = |(key, members): (Vec<KeyValue>, _)| Bucket { terms: self.terms_of(&key), members };
        (buckets.into_iter().map(bucket).collect(), exempt)
    }

    /// The time up to which documents of a group are counted by an alert, whatever its status.
    fn suppressed_until(&self, group: &GroupKey) -> Option<Millis> {
        self.runner.alerts.of_group(group).filter_map(|alert| Some(alert.suppression.as_ref()?.end)).max()
    }

    /// The distinct values of each `group_by` field of a document.
    fn group_values(&mut self, document: u32) -> Vec<Vec<TermValue>> {
        let readable = self.load(document).is_ok();
        let row = &self.runner.row;
        let values = |slot: &Option<_>| {
            let mut shown: Vec<TermValue> = Vec::new();
            for value in slot.filter(|_| readable).into_iter().flat_map(|slot| row.values(slot)).map(values::show) {
                if !shown.contains(&value) {
                    shown.push(value);
                }
            }
            shown
        };
        self.compiled.details.group_by.iter().map(|(_, slot)| values(slot)).collect()
    }

    fn terms_of(&self, key: &[KeyValue]) -> Vec<GroupTerm> {
        let fields = self.compiled.details.group_by.iter();
        let term = |((field, _), KeyValue(value)): (&(String, _), &KeyValue)| GroupTerm {
            field: field.as_str().into(),
            values: value.clone().map(|value| vec![value]),
        };
        fields.zip(key).map(term).collect()
    }

    fn bucket_id(&self, leader: u32, suppression: &Suppression) -> String {
        let stored = self.runner.store.get(self.runner.population.document(leader));
        bucket_alert_id(stored.index(), stored.id, self.compiled.rule.object_id(), suppression)
    }

    fn add_document(&mut self, member: u32, id: String, group: Option<(Suppression, GroupKey)>) {
        let document = self.runner.population.document(member);
        let original_time = self.original_time(document);
        let stored = self.runner.store.get(document);
        let at = self.execution.started_at;
        let (suppression, key) = group.unzip();
        let alert = Alert {
            id,
            kind: AlertKind::Query,
            execution: self.execution,
            document: DocumentRef { index: stored.index().into(), id: stored.id.into() },
            created: at,
            last_detected: at,
            original_time,
            suppression,
            status: AlertStatus::Open,
        };
        self.runner.alerts.add(alert, document, key);
        self.created += 1;
    }
}

/// By what the searches of a `query` rule are sorted: override and `@timestamp`.
pub(super) type SortValues = (Millis, Millis);

impl RuleRunner {
    /// A document without one of the times sorts last by it.
    pub(super) fn sort_values(&self, row: &mut Row, document: u32) -> SortValues {
        let details = &self.compiled.details;
        let readable = row.load(&details.layout, self.store.get(document).source).is_ok();
        let value = |slot: Option<_>| row.values(slot.filter(|_| readable)?).filter_map(date).min();
        let timestamp = value(details.original_time).unwrap_or(Millis::MAX);
        match details.time_override {
            None => (Millis::MIN, timestamp),
            own => (value(own).unwrap_or(Millis::MAX), timestamp),
        }
    }

    pub(super) fn document_alert_id(&self, document: u32) -> String {
        let stored = self.store.get(document);
        query_alert_id(stored.index(), stored.id, AlertIdentity::SPACE, self.compiled.rule.object_id())
    }

    /// Whether a document is an alert of this rule, or was made of one: a rule that reads the alerts index would otherwise
    /// feed itself.
    pub(super) fn descends_from_this_rule(&self, document: u32) -> bool {
        let source = self.store.get(document).source;
        if memchr::memmem::find(source, b"kibana").is_none() {
            return false;
        }
        let Ok(source) = serde_json::from_slice::<Map<String, Json>>(source) else { return false };
        let own = |rule: Option<&Json>| rule.and_then(Json::as_str) == Some(self.compiled.rule.object_id());
        let ancestors = field(&source, "kibana.alert.ancestors").and_then(Json::as_array);
        own(field(&source, "kibana.alert.rule.uuid"))
            || ancestors.is_some_and(|ancestors| ancestors.iter().any(|ancestor| own(ancestor.get("rule"))))
    }
}

/// All combinations of one value a field; a field without values counts as one that is missing.
fn product(values: &[Vec<TermValue>]) -> Vec<Vec<KeyValue>> {
    let mut keys = vec![Vec::new()];
    for field in values {
        let options: Vec<KeyValue> = match field.as_slice() {
            [] => vec![KeyValue(None)],
            values => values.iter().cloned().map(Some).map(KeyValue).collect(),
        };
        let extended = keys.iter().flat_map(|key| {
            options.iter().map(move |option| key.iter().chain(std::iter::once(option)).cloned().collect())
        });
        keys = extended.collect();
    }
    keys
}

impl Eq for KeyValue {}

impl PartialOrd for KeyValue {
    fn partial_cmp(&self, other: &KeyValue) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Text by UTF-8 bytes, numbers by value, false before true, missing last. Kinds do not mix in one field.
impl Ord for KeyValue {
    fn cmp(&self, other: &KeyValue) -> Ordering {
        let rank = |value: &KeyValue| match value.0 {
            Some(TermValue::Bool(_)) => 0,
            Some(TermValue::Integer(_)) => 1,
            Some(TermValue::Float(_)) => 2,
            Some(TermValue::Text(_)) => 3,
            None => 4,
        };
        match (&self.0, &other.0) {
            (Some(TermValue::Bool(a)), Some(TermValue::Bool(b))) => a.cmp(b),
            (Some(TermValue::Integer(a)), Some(TermValue::Integer(b))) => a.cmp(b),
            (Some(TermValue::Float(a)), Some(TermValue::Float(b))) => a.total_cmp(b),
            (Some(TermValue::Text(a)), Some(TermValue::Text(b))) => a.cmp(b),
            _ => rank(self).cmp(&rank(other)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::engine::testing::{Lab, instant};

    fn lab(extra: serde_json::Value) -> Lab {
        let mut rule = json!({"type": "query", "rule_id": "r", "query": "event.action:exec", "from": "now-9m"});
        rule.as_object_mut().expect("an object").extend(extra.as_object().expect("an object").clone());
        Lab::new(
            rule,
            json!({"@timestamp": "date", "event.ingested": "date", "event.action": "keyword", "host.name": "keyword",
                "user.name": "keyword"}),
        )
    }

    fn exec(time: &str, host: &str) -> serde_json::Value {
        json!({"@timestamp": instant(time).to_string(), "event.action": "exec", "host.name": host})
    }

    #[test]
    fn every_match_in_the_window_alerts_once_and_nothing_else_does() {
        let mut lab = lab(json!({}));
        lab.add("other", json!({"@timestamp": instant("11:59").to_string(), "event.action": "fork"}));
        lab.add("early", exec("11:50:59.999", "a"));
        lab.add("first", exec("11:51", "a"));
        lab.add("last", exec("12:00", "a"));
        lab.add("later", exec("12:00:00.001", "a"));
        assert_eq!(lab.run("12:00"), ["first", "last"]);
        assert_eq!(lab.run("12:05"), ["later"], "the overlap does not repeat");
        assert_eq!(lab.run("12:05:01"), [""; 0]);
    }

    #[test]
    fn a_query_in_lucene_syntax_finds_the_same() {
        let mut lab = lab(json!({"language": "lucene", "query": "event.action:exec AND NOT host.name:(b OR c)"}));
        for host in ["a", "b", "c"] {
            lab.add(host, exec("11:55", host));
        }
        assert_eq!(lab.run("12:00"), ["a"]);
    }

    #[test]
    fn filters_have_to_hold_as_well() {
        let filter = |negate: bool| json!({"filters": [{"meta": {"negate": negate}, "query": {"match_phrase": {"host.name": "a"}}}]});
        for (negate, found) in [(false, "on a"), (true, "on b")] {
            let mut lab = lab(filter(negate));
            lab.add("on a", exec("11:55", "a"));
            lab.add("on b", exec("11:56", "b"));
            assert_eq!(lab.run("12:00"), [found]);
        }
    }

    #[test]
    fn the_budget_goes_to_the_oldest_and_the_rest_waits() {
        let mut lab = lab(json!({"max_signals": 2}));
        for (id, time) in [("c", "11:57"), ("a", "11:55"), ("b", "11:56")] {
            lab.add(id, exec(time, "h"));
        }
        assert_eq!(lab.run("12:00"), ["a", "b"]);
        assert_eq!(lab.warnings(), ["max_signals"]);
        assert_eq!(lab.run("12:05"), ["c"]);
        assert_eq!(lab.warnings(), [""; 0]);
    }

    #[test]
    fn reaching_the_limit_exactly_is_no_warning() {
        let mut lab = lab(json!({"max_signals": 2}));
        lab.add("a", exec("11:55", "h"));
        lab.add("b", exec("11:56", "h"));
        assert_eq!(lab.run("12:00"), ["a", "b"]);
        assert_eq!(lab.warnings(), [""; 0]);
    }

    #[test]
    fn the_servers_limit_counts() {
        let mut lab = lab(json!({"max_signals": 1001}));
        for number in 0..1001 {
            lab.add(&number.to_string(), exec("11:55", "h"));
        }
        assert_eq!(lab.run("12:00").len(), 1000);
        assert_eq!(lab.warnings(), ["max_signals"]);
        assert_eq!(lab.run("12:00:01").len(), 1);
        assert_eq!(lab.warnings(), [""; 0]);
    }

    #[test]
    fn documents_without_the_override_come_last() {
        let mut lab = lab(json!({"timestamp_override": "event.ingested", "max_signals": 1}));
        lab.add("without", exec("11:52", "h"));
        let mut with = exec("11:40", "h");
        with["event.ingested"] = json!(instant("11:58").to_string());
        lab.add("with", with);
        assert_eq!(lab.run("12:00"), ["with"]);
    }

    #[test]
    fn a_rule_does_not_feed_on_its_own_alerts() {
        for (rule, found) in [("r", vec![]), ("another", vec!["d"])] {
            for own in [
                json!({"kibana.alert.rule.uuid": rule}),
                json!({"kibana": {"alert": {"ancestors": [{"id": "x"}, {"id": "y", "rule": rule}]}}}),
            ] {
                let mut lab = lab(json!({}));
                let mut document = exec("11:55", "h");
                document.as_object_mut().expect("an object").extend(own.as_object().expect("an object").clone());
                lab.add("d", document);
                assert_eq!(lab.run("12:00"), found);
            }
        }
    }

    #[test]
    fn a_group_is_one_alert_led_by_its_oldest_document() {
        let mut lab = lab(json!({"alert_suppression": {"group_by": ["host.name"]}}));
        for (id, time, host) in [("b2", "11:57", "b"), ("b1", "11:55", "b"), ("a1", "11:56", "a"), ("b3", "11:58", "b")]
        {
            lab.add(id, exec(time, host));
        }
        assert_eq!(lab.run("12:00"), ["a1", "b1"], "in order of the key");
        assert_eq!(lab.suppression(0), (json!(["a"]), "11:56".into(), "11:56".into(), 0));
        assert_eq!(lab.suppression(1), (json!(["b"]), "11:55".into(), "11:58".into(), 2));
    }

    #[test]
    fn what_a_group_counted_is_not_counted_again_and_what_is_later_is() {
        let mut lab = lab(json!({"alert_suppression": {"group_by": ["host.name"]}}));
        lab.add("1", exec("11:57", "a"));
        lab.add("2", exec("11:59", "a"));
        assert_eq!(lab.run("12:00"), ["1"]);
        assert_eq!(lab.run("12:05"), [""; 0], "2 is in the window and was counted");
        lab.add("3", exec("11:59:00.001", "a"));
        assert_eq!(lab.run("12:05"), ["3"]);
    }

    #[test]
    fn with_a_duration_later_groups_fold_into_the_alert_until_it_ends() {
        let mut lab = lab(json!({
            "alert_suppression": {"group_by": ["host.name"], "duration": {"value": 10, "unit": "m"}},
        }));
        for (id, time) in [("1", "11:59"), ("2", "12:04"), ("3", "12:08"), ("4", "12:14")] {
            lab.add(id, exec(time, "a"));
        }
        assert_eq!(lab.run("12:00"), ["1"]);
        assert_eq!(lab.run("12:05"), [""; 0]);
        assert_eq!(lab.suppression(0), (json!(["a"]), "11:59".into(), "12:04".into(), 1));
        assert_eq!(lab.run("12:10"), [""; 0], "created 10 minutes ago, to the millisecond");
        assert_eq!(lab.suppression(0), (json!(["a"]), "11:59".into(), "12:08".into(), 2));
        assert_eq!(lab.run("12:15"), ["4"]);
    }

    #[test]
    fn a_missing_value_is_a_group_of_its_own_or_no_group_at_all() {
        let mut document = exec("11:56", "");
        document.as_object_mut().expect("an object").remove("host.name");
        for (strategy, found, counted) in
            [("suppress", vec!["a", "m1"], 1), ("doNotSuppress", vec!["a", "m1", "m2"], 0)]
        {
            let mut lab = lab(json!({
                "alert_suppression": {"group_by": ["host.name"], "missing_fields_strategy": strategy},
            }));
            lab.add("m1", document.clone());
            lab.add("m2", document.clone());
            lab.add("a", exec("11:58", "z"));
            assert_eq!(lab.run("12:00"), found, "{strategy}");
            let suppression = lab.runner().alerts()[1].suppression.clone();
            assert_eq!(suppression.map_or(0, |group| group.docs_count), counted);
        }
    }

    #[test]
    fn an_array_makes_its_document_part_of_several_groups() {
        let mut lab = lab(json!({"alert_suppression": {"group_by": ["host.name", "user.name"]}}));
        let mut document = exec("11:56", "a");
        document["user.name"] = json!(["x", "y", "x"]);
        lab.add("d", document);
        assert_eq!(lab.run("12:00"), ["d", "d"]);
        let ids: Vec<_> = lab.runner().alerts().iter().map(|alert| alert.id.clone()).collect();
        assert_ne!(ids[0], ids[1]);
    }

    #[test]
    fn more_groups_than_the_budget_are_told() {
        let mut lab = lab(json!({"max_signals": 1, "alert_suppression": {"group_by": ["host.name"]}}));
        lab.add("b", exec("11:55", "b"));
        assert_eq!(lab.run("12:00"), ["b"]);
        assert_eq!(lab.warnings(), [""; 0]);
        lab.add("d", exec("12:01", "d"));
        lab.add("c", exec("12:02", "c"));
        assert_eq!(lab.run("12:05"), ["c"]);
        assert_eq!(lab.warnings(), ["max_signals"]);
    }
}
