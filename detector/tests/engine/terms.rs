//! Document times, terms, first sights, identity.

use firstseen_detector::engine::Document;
use serde_json::{Value, json};

use crate::lab::{Lab, NONE, at};

/// The alerts of one run at 12:00 over documents with these values of one field, a minute apart from 11:52 on.
fn alerts(field_type: Value, values: &[Value]) -> Vec<String> {
    let mut lab = Lab::mapped(json!({"new_terms_fields": ["field"]}), json!({"field": field_type}));
    for (minute, value) in (52..).zip(values) {
        lab.doc(&format!("11:{minute}"), json!({"field": value}));
    }
    let mut alerts = lab.run("12:00");
    alerts.sort();
    alerts
}

#[test]
fn each_distinct_value_of_an_array_is_a_term() {
    assert_eq!(alerts("keyword".into(), &[json!(["a", "b", "a", null])]), ["a d1", "b d1"]);
    for nothing in [json!([]), json!(null), json!([null]), json!([[], null])] {
        assert_eq!(alerts("keyword".into(), &[nothing]), NONE);
    }
    assert_eq!(alerts("keyword".into(), &[json!("")]), [" d1"], "empty text is a value");
}

#[test]
fn terms_are_index_values() {
    assert_eq!(alerts("keyword".into(), &[json!("A"), json!("a")]), ["A d1", "a d2"]);
    assert_eq!(alerts("keyword".into(), &[json!(1), json!("1"), json!(true), json!("true")]), ["1 d1", "true d3"]);
    let texts = r#"[1.50, 1e3]"#;
    let texts: Value = serde_json::from_str(texts).expect("JSON");
    assert_eq!(alerts("long".into(), &[texts]), ["1 d1", "1000 d1"]);
    assert_eq!(alerts("long".into(), &[json!("7"), json!(7), json!(7.9), json!("x")]), ["7 d1"]);
    assert_eq!(alerts("double".into(), &[json!(7), json!("7.0"), json!(7.5)]), ["7 d1", "7.5 d3"]);
    assert_eq!(
        alerts(
            "ip".into(),
            &[json!("::ffff:10.0.0.1"), json!("10.0.0.1"), json!("2001:DB8:0::1"), json!("2001:db8::1")]
        ),
        ["10.0.0.1 d1", "2001:db8::1 d3"]
    );
    assert_eq!(
        alerts("date".into(), &[json!("2024-05-10T00:00:00.1239Z"), json!(1_715_299_200_123_i64)]),
        ["1715299200123 d1"]
    );
    assert_eq!(alerts("wildcard".into(), &[json!("/bin/A b")]), ["/bin/A b d1"]);
}

#[test]
fn a_number_under_a_keyword_keeps_its_spelling() {
    let mut lab = Lab::new(json!({}));
    let source = format!(r#"{{"@timestamp":"{}","host":{{"name":[1.50,1e3]}}}}"#, at("11:55"));
    let document = Document::plain(source.as_bytes());
    lab.runner.ingest([document]);
    assert_eq!(lab.run("12:00"), ["1.50 1", "1e3 1"]);
}

#[test]
fn values_beyond_ignore_above_do_not_exist() {
    let keyword = json!({"type": "keyword", "ignore_above": 4});
    assert_eq!(alerts(keyword.clone(), &[json!("abcd"), json!("abcde")]), ["abcd d1"]);
    assert_eq!(alerts(keyword, &[json!("😀😀"), json!("😀😀x")]), ["😀😀 d1"]);
}

#[test]
fn nested_and_unmapped_fields_hold_nothing() {
    let mut lab = Lab::mapped(json!({"new_terms_fields": ["n.x"]}), json!({"n": "nested", "n.x": "keyword"}));
    assert_eq!(lab.doc("11:55", json!({"n": [{"x": "a"}]})).run("12:00"), NONE);
    let mut lab = Lab::new(json!({"new_terms_fields": ["host.name", "nowhere"]}));
    assert_eq!(lab.doc("11:55", json!({"host.name": "a", "nowhere": "b"})).run("12:00"), NONE);
}

#[test]
fn a_boolean_fails_alone_once_a_value_is_new_and_works_in_company() {
    let mut lab = Lab::mapped(json!({"new_terms_fields": ["flag"]}), json!({"flag": "boolean"}));
    assert_eq!(lab.run("11:00"), NONE, "nothing there, nothing new, no error");
    lab.doc("11:04", json!({"flag": true}));
    assert!(lab.try_run("11:05").is_err_and(|error| error.code() == "query_failed"));
    lab.doc("11:24", json!({"flag": true}));
    assert_eq!(lab.run_by_hand("11:25"), NONE, "true is known by now");
    assert!(lab.try_run("11:25").is_err(), "the scheduled run catches up, and finds the first sight again");

    let mut lab = Lab::mapped(json!({"new_terms_fields": ["flag", "host.name"]}), json!({"flag": "boolean"}));
    lab.doc("11:55", json!({"flag": [true, false], "host.name": "a"}));
    assert_eq!(lab.run("12:00"), ["false,a d1", "true,a d1"]);
}

#[test]
fn combinations_are_the_product_in_the_order_of_the_fields() {
    let mut lab = Lab::new(json!({"new_terms_fields": ["user.name", "host.name"]}));
    lab.doc("11:55", json!({"host.name": ["a", "b"], "user.name": ["x", "y"]}));
    assert_eq!(lab.run("12:00"), ["x,a d1", "x,b d1", "y,a d1", "y,b d1"]);
}

#[test]
fn a_missing_field_drops_the_document_from_window_and_history() {
    let mut lab = Lab::new(json!({"new_terms_fields": ["user.name", "host.name"]}));
    lab.doc("11:00", json!({"host.name": "a"})).doc("11:55", json!({"host.name": "a", "user.name": "x"}));
    assert_eq!(lab.run("12:00"), ["x,a d2"]);
}

#[test]
fn history_starts_at_h_which_is_measured_from_the_end_of_the_window() {
    for (time, expected) in [
        ("2024-05-03T11:59:59.999", vec!["a d2"]),
        ("2024-05-03T12:00:00.000", vec![]),
        ("2024-05-03T12:00:00.001", vec![]),
    ] {
        assert_eq!(Lab::new(json!({})).host(time, "a").host("11:55", "a").run("12:00"), expected, "{time}");
    }
}

#[test]
fn one_sight_exactly_at_from_makes_a_term_old_for_this_run() {
    assert_eq!(Lab::new(json!({})).host("11:51", "a").host("11:55", "a").run("12:00"), NONE);
    assert_eq!(Lab::new(json!({})).host("11:51:00.001", "a").host("11:55", "a").run("12:00"), ["a d1"]);
    let both = |time| {
        let mut lab = Lab::new(json!({"new_terms_fields": ["host.name", "user.name"]}));
        lab.doc(time, json!({"host.name": "a", "user.name": "x"})).run("12:00")
    };
    assert_eq!(both("11:51"), NONE);
    assert_eq!(both("11:51:00.001"), ["a,x d1"]);
}

#[test]
fn a_history_that_starts_inside_the_window_hides_what_came_before_it() {
    let lab = || Lab::new(json!({"to": "now+10m", "history_window_start": "now-15m"}));
    // Window 11:51 to 12:10, history from 11:55.
    assert_eq!(lab().host("11:52", "a").run("12:00"), NONE, "in the window, but outside the history");
    assert_eq!(lab().host("11:52", "a").host("11:56", "a").run("12:00"), ["a d1"], "one field: oldest of the window");
    let mut several = Lab::new(json!({
        "to": "now+10m", "history_window_start": "now-15m", "new_terms_fields": ["host.name", "user.name"]
    }));
    let both = json!({"host.name": "a", "user.name": "x"});
    assert_eq!(
        several.doc("11:52", both.clone()).doc("11:56", both).run("12:00"),
        ["a,x d2"],
        "several: of the history"
    );
}

#[test]
fn the_oldest_document_becomes_the_alert_and_ties_go_to_the_first_that_arrived() {
    assert_eq!(Lab::new(json!({})).host("11:57", "a").host("11:55", "a").host("11:56", "a").run("12:00"), ["a d2"]);
    let mut lab = Lab::new(json!({}));
    lab.host("11:57", "a").host("11:57", "a");
    assert_eq!(lab.run("12:00"), ["a d1"]);
    assert_eq!(lab.run("12:05"), NONE, "the same choice in every run");
}

#[test]
fn the_override_is_the_document_time_and_falls_back_to_the_timestamp() {
    let lab = |disabled: bool| {
        Lab::new(json!({"timestamp_override": "event.ingested", "timestamp_override_fallback_disabled": disabled}))
    };
    let ingested = |time: &str| json!({"host.name": "a", "event": {"ingested": at(time).to_string()}});
    assert_eq!(lab(false).doc("10:00", ingested("11:55")).run("12:00"), ["a d1"]);
    assert_eq!(lab(false).doc("11:55", ingested("10:00")).run("12:00"), NONE);
    assert_eq!(lab(false).host("11:55", "a").run("12:00"), ["a d1"]);
    assert_eq!(lab(true).host("11:55", "a").run("12:00"), NONE);
    assert_eq!(
        lab(true).host("11:00", "a").doc("11:55", ingested("11:55")).run("12:00"),
        ["a d2"],
        "nor is it history"
    );
    assert_eq!(lab(false).doc("", json!({"host.name": "a"})).run("12:00"), NONE, "no time at all");
    let mut lab = lab(false);
    lab.doc("10:00", ingested("11:55")).run("12:00");
    assert_eq!(lab.runner.alerts()[0].original_time, Some(at("10:00")), "never the override");
}

#[test]
fn an_override_that_names_the_timestamp_is_none() {
    let same = json!({"timestamp_override": "@timestamp", "timestamp_override_fallback_disabled": true});
    assert_eq!(Lab::new(same).host("11:55", "a").run("12:00"), ["a d1"]);
}

#[test]
fn an_alert_is_the_same_only_with_the_same_index_document_rule_and_terms() {
    let mut lab = Lab::new(json!({}));
    lab.host("11:58", "a");
    assert_eq!(lab.run("12:00"), ["a d1"]);
    assert_eq!(lab.run("12:05"), NONE, "overlap: the same document");
    lab.named("events-2", "d1", "11:58", "1970-01-01T00:00", json!({"host.name": "a"}));
    assert_eq!(lab.run("12:06"), NONE, "the first one that arrived is still the oldest");
    lab.named("events-2", "d1", "11:57:30", "1970-01-01T00:00", json!({"host.name": "a"}));
    assert_eq!(lab.run("12:06"), ["a d1"], "another index: another alert");
    assert_ne!(lab.runner.alerts()[0].id, lab.runner.alerts()[1].id);
}

#[test]
fn alerts_outlive_changes_of_the_rule() {
    let mut lab = Lab::new(json!({}));
    lab.host("11:58", "a");
    assert_eq!(lab.run("12:00"), ["a d1"]);
    assert_eq!(lab.change(json!({"query": "host.name: a", "max_signals": 7})).run("12:01"), NONE);
    assert_eq!(lab.change(json!({"rule_id": "rule-2"})).run("12:02"), ["a d1"], "another rule object");
    assert_eq!(
        lab.change(json!({"new_terms_fields": ["host.name", "@timestamp"]})).run("12:03").len(),
        1,
        "other terms"
    );
}

#[test]
fn a_closed_alert_is_not_made_again() {
    let mut lab = Lab::new(json!({}));
    assert_eq!(lab.host("11:58", "a").run("12:00"), ["a d1"]);
    lab.runner.close_all_alerts();
    assert_eq!(lab.host("12:03", "b").run("12:05"), ["b d2"]);
    assert_eq!(lab.change(json!({"max_signals": 7})).run("12:06"), NONE, "nor under another version of the rule");
}
