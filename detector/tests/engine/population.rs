//! Which documents belong to a rule, in its windows and in its history alike.

use firstseen_detector::ecs::{Mappings, Schema};
use firstseen_detector::engine::{Document, ExecutionKind, Keep, RuleRunner};
use firstseen_detector::rule::{Exception, Rule, builtin, load_text};
use serde_json::{Value, json};

use crate::lab::{Lab, at};

#[test]
fn what_query_or_exception_excludes_is_no_history() {
    let mut lab = Lab::new(json!({"query": "user.name: root"}));
    lab.doc("11:00", json!({"host.name": "a", "user.name": "guest"}));
    lab.doc("11:55", json!({"host.name": "a", "user.name": "root"}));
    assert_eq!(lab.run("12:00"), ["a d2"]);
    let exception = json!([[{"field": "user.name", "operator": "included", "type": "match", "value": "guest"}]]);
    let mut lab = Lab::new(json!({"exceptions": exception}));
    lab.doc("11:00", json!({"host.name": "a", "user.name": "guest"}));
    lab.doc("11:55", json!({"host.name": "a", "user.name": "root"}));
    assert_eq!(lab.run("12:00"), ["a d2"]);
}

#[test]
fn what_a_filter_excludes_is_no_history() {
    for (negate, expected) in [(true, vec!["a d2"]), (false, vec![])] {
        let filter = json!([{"meta": {"negate": negate}, "query": {"match_phrase": {"user.name": "guest"}}}]);
        let mut lab = Lab::new(json!({"filters": filter}));
        lab.doc("11:00", json!({"host.name": "a", "user.name": "guest"}));
        lab.doc("11:55", json!({"host.name": "a", "user.name": "root"}));
        lab.doc("11:56", json!({"host.name": "a", "user.name": "guest"}));
        assert_eq!(lab.run("12:00"), expected, "{negate}");
    }
}

#[test]
fn an_exception_removes_documents_until_it_expires() {
    let rule = json!({
        "type": "new_terms", "rule_id": "r", "new_terms_fields": ["host.name"], "history_window_start": "now-7d", "from": "now-9m"
    });
    let mut rule = Rule::from_api_json(rule.as_object().expect("an object")).expect("a readable rule");
    let entry = Exception { field: "host.name".into(), included: true, kind: "match".into(), value: Some(json!("a")) };
    rule.expiring_exceptions.push((at("12:00"), vec![entry]));
    let mappings = json!({"@timestamp": "date", "host.name": "keyword"});
    let mappings = Mappings::from_json(mappings.as_object().expect("an object")).expect("valid mappings");
    for (run, expected) in [("11:59:59.999", 0), ("12:00", 1)] {
        let mut runner = RuleRunner::new(&rule, &mappings, Keep::Matching).expect("a rule that runs");
        let source = json!({"@timestamp": at("11:55").to_string(), "host.name": "a"}).to_string();
        runner.ingest([Document::plain(source.as_bytes())]);
        let report = runner.execute(at(run), ExecutionKind::Scheduled).expect("no failure");
        assert_eq!(report.created.len(), expected, "{run}");
    }
}

#[test]
fn the_preload_rule_takes_the_document_of_a_whole_short_life_as_well() {
    let (name, text) = builtin()[1];
    let rule = load_text(name, text).expect("a built-in rule loads").remove(0);
    let alerts = |kinds: Value, actions: Value| {
        let mut runner =
            RuleRunner::new(&rule, &Schema::known().mappings(), Keep::Everything).expect("a rule that runs");
        let source = json!({
            "@timestamp": at("11:58").to_string(), "host": {"id": "h", "os": {"type": "linux"}},
            "event": {"category": ["process"], "type": kinds, "action": actions},
            "process": {"env_vars": ["LD_PRELOAD=/tmp/x.so", "LD_LIBRARY_PATH=/tmp"]},
        });
        runner.ingest([Document::plain(source.to_string().as_bytes())]);
        runner.execute(at("12:00"), ExecutionKind::Scheduled).expect("no failure").created.len()
    };
    assert_eq!(alerts(json!(["start"]), json!("exec")), 2, "one for each variable");
    assert_eq!(alerts(json!(["start", "end"]), json!(["fork", "exec", "end"])), 2);
    assert_eq!(alerts(json!(["start", "end"]), json!(["fork", "end"])), 0, "no program was executed");
}

#[test]
fn alerts_of_the_rule_itself_are_documents_like_any_other() {
    let mut lab = Lab::new(json!({}));
    let own = json!({"host.name": "a", "kibana.alert.rule.uuid": "rule-1"});
    assert_eq!(lab.doc("11:55", own).host("11:56", "a").run("12:00"), ["a d1"]);
}

#[test]
fn a_rule_reads_only_its_indices() {
    let mut lab = Lab::new(json!({"index": ["auditbeat-*"]}));
    lab.named("filebeat-8", "d1", "11:00", "1970-01-01T00:00", json!({"host.name": "a"}));
    lab.named("auditbeat-8", "d2", "11:55", "1970-01-01T00:00", json!({"host.name": "a"}));
    assert_eq!(lab.run("12:00"), ["a d2"]);
}
