//! Ways in: lines, workers, what is kept, what is rejected.

use std::num::NonZeroUsize;

use firstseen_detector::ecs::{EcsDocument, Fields, Mappings};
use firstseen_detector::engine::{EngineError, ExecutionKind, Keep, RuleRunner};
use firstseen_detector::rule::Rule;
use firstseen_detector::time::Millis;
use serde_json::json;

const START: i64 = 1_715_342_400_000;

fn rule(query: &str) -> Rule {
    let rule = json!({
        "type": "new_terms", "rule_id": "rule-1", "new_terms_fields": ["host.name"], "history_window_start": "now-7d",
        "from": "now-9m", "query": query
    });
    Rule::from_api_json(rule.as_object().expect("an object")).expect("a rule")
}

fn runner(query: &str, keep: Keep) -> RuleRunner {
    let mappings = json!({"@timestamp": "date", "host.name": "keyword", "n": "long"});
    let mappings = Mappings::from_json(mappings.as_object().expect("an object")).expect("mappings");
    RuleRunner::new(&rule(query), &mappings, keep).expect("a runner")
}

fn workers(count: usize) -> NonZeroUsize {
    NonZeroUsize::new(count).expect("not zero")
}

/// Several batches of lines, some of them out of order, some late, every thousandth broken.
fn lines() -> Vec<String> {
    let line = |number: i64| {
        let time = START + (number * 7919 % 60_000) * 60;
        let host = number * 31 % 977;
        match number % 1000 {
            999 => r#"{"host":"#.to_owned(),
            500 => String::new(),
            7 => json!({"_id": format!("x{number}"), "_index": "i", "_source": {"@timestamp": time, "host.name": host, "n": 1}}).to_string(),
            _ => json!({"@timestamp": time, "host": {"name": host}, "n": number % 2, "padding": "x".repeat(100)}).to_string(),
        }
    };
    (1..30_000).map(line).collect()
}

#[test]
fn the_number_of_workers_changes_nothing() {
    let lines = lines();
    let outcome = |count: usize| {
        let mut runner = runner("n: 1", Keep::Matching);
        let ((), ingested) =
            runner.load(workers(count), |feed| lines.iter().for_each(|line| feed.push(line.as_bytes())));
        let replayed = runner.replay::<()>(None, None, |_, _, _| Ok(()));
        assert_eq!(replayed, Ok(()));
        (ingested, runner.size(), runner.alerts().to_vec())
    };
    let one = outcome(1);
    assert!(one.2.len() > 100, "{}", one.2.len());
    assert_eq!((one.0.read, one.0.rejected.len()), (29_999 - 30 - 30, 30));
    assert_eq!(one.0.rejected[0].position, 999);
    for count in [2, 5] {
        assert_eq!(outcome(count), one, "{count} workers");
    }
}

#[test]
fn a_plain_document_is_named_by_its_position_and_an_envelope_by_itself() {
    let mut runner = runner("*", Keep::Matching);
    let line = |host: &str| json!({"@timestamp": START, "host.name": host}).to_string();
    let named =
        json!({"_index": "logs-x", "_id": "own", "_source": {"@timestamp": START, "host.name": "c"}}).to_string();
    runner.load(workers(1), |feed| {
        for line in ["", "not json", &line("a"), &line("b"), &named] {
            feed.push(line.as_bytes());
        }
    });
    runner.execute(Millis(START), ExecutionKind::Scheduled).expect("a run");
    let documents: Vec<(&str, &str)> =
        runner.alerts().iter().map(|alert| (alert.document.index.as_str(), alert.document.id.as_str())).collect();
    assert_eq!(documents, [("events", "3"), ("events", "4"), ("logs-x", "own")]);
    assert_eq!(runner.alert_source(0), line("a").as_bytes());
    assert_eq!(runner.alert_source(2), json!({"@timestamp": START, "host.name": "c"}).to_string().as_bytes());
}

#[test]
fn only_what_matches_is_kept_unless_everything_is_asked_for_or_the_query_looks_at_the_clock() {
    for (query, keep, kept) in [
        ("n: 1", Keep::Matching, 1),
        ("n: 1", Keep::Everything, 2),
        ("n: 1 and @timestamp > now-1h", Keep::Matching, 2),
        ("n: 1 and host.name: nowhere", Keep::Matching, 0),
    ] {
        let mut runner = runner(query, keep);
        let ((), ingested) = runner.load(workers(1), |feed| {
            feed.push(json!({"@timestamp": START, "n": 1}).to_string().as_bytes());
            feed.push(json!({"@timestamp": START, "n": 2}).to_string().as_bytes());
        });
        assert_eq!(ingested.kept, kept, "{query}");
    }
}

#[test]
fn a_rule_cannot_change_once_documents_were_dropped() {
    let mut dropped = runner("n: 1", Keep::Matching);
    assert_eq!(dropped.change_rule(&rule("n: 2")), Ok(()), "nothing was dropped yet");
    dropped.load(workers(1), |feed| feed.push(b"{}"));
    assert_eq!(dropped.change_rule(&rule("n: 1")), Err(EngineError::DocumentsDropped));
    assert_eq!(dropped.change_rule(&rule("n: 2")), Ok(()), "it is the same rule");
}

#[test]
fn normalised_documents_come_in_as_they_are() {
    let mut fields = Fields::new();
    fields.set("@timestamp", Millis(START).to_string());
    fields.set("host.name", "a");
    let mut runner = runner("*", Keep::Everything);
    let ingested = runner.ingest_ecs([&EcsDocument { index: "logs-x".into(), id: "one".into(), fields }]);
    assert_eq!((ingested.read, ingested.kept), (1, 1));
    runner.execute(Millis(START), ExecutionKind::Scheduled).expect("a run");
    assert_eq!(
        (runner.alerts()[0].document.index.as_str(), runner.alerts()[0].document.id.as_str()),
        ("logs-x", "one")
    );
    assert_eq!(runner.span(), Some((Millis(START), Millis(START))));
}

#[test]
fn a_document_with_millions_of_combinations_is_rejected_and_the_others_stay() {
    let mappings = json!({"@timestamp": "date", "a": "long", "b": "long", "c": "long"});
    let mappings = Mappings::from_json(mappings.as_object().expect("an object")).expect("mappings");
    let rule = json!({
        "type": "new_terms", "rule_id": "r", "new_terms_fields": ["a", "b", "c"], "history_window_start": "now-7d"
    });
    let rule = Rule::from_api_json(rule.as_object().expect("an object")).expect("a rule");
    let mut runner = RuleRunner::new(&rule, &mappings, Keep::Everything).expect("a runner");
    let many: Vec<u32> = (0..200).collect();
    let large = json!({"@timestamp": START, "a": many, "b": many, "c": many}).to_string();
    let small = json!({"@timestamp": START, "a": 1, "b": 2, "c": 3}).to_string();
    let ((), ingested) = runner.load(workers(1), |feed| {
        feed.push(large.as_bytes());
        feed.push(small.as_bytes());
    });
    assert_eq!((ingested.read, ingested.rejected.len()), (1, 1));
    assert!(ingested.rejected[0].reason.contains("8000000"), "{}", ingested.rejected[0].reason);
    let report = runner.execute(Millis(START), ExecutionKind::Scheduled).expect("a run");
    assert_eq!(report.created.len(), 1);
}
