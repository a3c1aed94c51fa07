//! What is refused, and when.

use firstseen_detector::engine::EngineError;
use serde_json::{Value, json};

use crate::lab::Lab;

fn refused(changes: Value) -> Result<(), &'static str> {
    let lab = Lab::with(changes, json!({"message": "text", "process.pid": "long"}));
    lab.and_then(|mut lab| lab.try_run("12:00")).map(drop).map_err(|error| error.code())
}

#[test]
fn counts_are_checked() {
    assert_eq!(refused(json!({"new_terms_fields": []})), Err("new_terms_fields_count"));
    assert_eq!(refused(json!({"new_terms_fields": ["a", "b", "c"]})), Ok(()));
    assert_eq!(refused(json!({"new_terms_fields": ["a", "b", "c", "d"]})), Err("new_terms_fields_count"));
    assert_eq!(refused(json!({"max_signals": 0})), Err("max_signals_too_small"));
    assert_eq!(refused(json!({"max_signals": -1})), Err("max_signals_too_small"));
    assert_eq!(refused(json!({"max_signals": 1})), Ok(()));
}

#[test]
fn suppression_is_checked() {
    let group_by = |fields: &[&str]| refused(json!({"alert_suppression": {"group_by": fields}}));
    assert_eq!(group_by(&[]), Err("suppression_group_by_count"));
    assert_eq!(group_by(&["a", "b", "c"]), Ok(()));
    assert_eq!(group_by(&["a", "b", "c", "d"]), Err("suppression_group_by_count"));
    let duration = |value: i64, unit: &str| {
        refused(json!({"alert_suppression": {"group_by": ["a"], "duration": {"value": value, "unit": unit}}}))
    };
    assert_eq!(duration(0, "m"), Err("suppression_duration"));
    assert_eq!(duration(1, "d"), Err("suppression_duration"));
    for unit in ["s", "m", "h"] {
        assert_eq!(duration(1, unit), Ok(()));
    }
}

#[test]
fn dates_are_checked_and_named() {
    assert_eq!(refused(json!({"history_window_start": ""})), Err("history_window_start_empty"));
    assert_eq!(refused(json!({"history_window_start": "a week ago"})), Err("history_window_start_unparsable"));
    assert_eq!(refused(json!({"from": "now-9x"})), Err("from_unparsable"));
    assert_eq!(refused(json!({"to": "later"})), Err("to_unparsable"));
    assert_eq!(refused(json!({"history_window_start": "now-9m"})), Err("history_window_start_not_before_from"));
    assert_eq!(refused(json!({"history_window_start": "now-540001ms"})), Ok(()));
}

#[test]
fn the_order_of_history_and_window_is_checked_in_every_run() {
    let mut lab = Lab::new(json!({"history_window_start": "now-1h", "from": "2024-05-10T11:30:00Z"}));
    assert!(lab.try_run("12:29:59.999").is_ok());
    assert!(matches!(lab.try_run("12:30"), Err(EngineError::HistoryNotBeforeFrom { .. })));
}

#[test]
fn queries_are_refused_with_their_reason() {
    assert_eq!(refused(json!({"query": "host.name: (a or"})), Err("query_failed"));
    assert_eq!(refused(json!({"query": "process.pid: seven"})), Err("query_failed"));
    assert_eq!(refused(json!({"new_terms_fields": ["message"]})), Err("query_failed"));
    let Err(error) = Lab::with(json!({"query": "host.name: (a or"}), json!({})) else { panic!("refused") };
    assert!(error.to_string().contains('^'), "a caret shows the place: {error}");
}

#[test]
fn kinds_that_are_not_implemented_say_so() {
    let rule = json!({"type": "eql", "rule_id": "r", "query": "process where true"});
    let rule = firstseen_detector::rule::Rule::from_api_json(rule.as_object().expect("an object")).expect("loads");
    let mappings = firstseen_detector::ecs::Mappings::new();
    let keep = firstseen_detector::engine::Keep::Matching;
    let refused = firstseen_detector::engine::RuleRunner::new(&rule, &mappings, keep).map(drop);
    assert_eq!(refused, Err(EngineError::Unsupported { kind: "eql".to_owned() }));
}
