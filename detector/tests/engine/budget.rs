//! The alert budget and the order of candidates.

use serde_json::json;

use crate::lab::{Lab, NONE, warnings};

#[test]
fn frequent_terms_come_first_and_then_the_smaller_key() {
    let mut lab = Lab::new(json!({"max_signals": 3}));
    lab.host("11:52", "c").host("11:53", "b").host("11:54", "a").host("11:55", "c").host("11:56", "é");
    let report = lab.report("12:00");
    assert_eq!(
        (lab.created(&report), warnings(&report)),
        (vec!["c d1".into(), "a d3".into(), "b d2".into()], vec!["max_signals"])
    );
}

#[test]
fn only_documents_of_the_window_count_for_frequency_and_an_array_counts_once() {
    let mut lab = Lab::new(json!({"max_signals": 1, "history_window_start": "now-10m"}));
    // Beyond the history, so "b" is new, and its two documents there are not counted.
    lab.host("11:49:59", "b").host("11:49:59", "b").host("11:55", "b").host("11:56", "a");
    lab.doc("11:57", json!({"host.name": ["c", "c", "c"]}));
    assert_eq!(lab.run("12:00"), ["a d4"]);
}

#[test]
fn several_fields_go_by_key_only() {
    let mut lab = Lab::new(json!({"max_signals": 1, "new_terms_fields": ["host.name", "user.name"]}));
    for (time, host) in [("11:55", "b"), ("11:56", "b"), ("11:57", "a")] {
        lab.doc(time, json!({"host.name": host, "user.name": "x"}));
    }
    assert_eq!(lab.run("12:00"), ["a,x d3"]);
}

#[test]
fn reaching_the_limit_exactly_is_quiet_and_one_more_is_not() {
    for (hosts, expected) in [(2, vec![]), (3, vec!["max_signals"])] {
        let mut lab = Lab::new(json!({"max_signals": 2}));
        for host in 0..hosts {
            lab.host("11:55", &format!("h{host}"));
        }
        let report = lab.report("12:00");
        assert_eq!((report.created.len(), warnings(&report)), (2, expected));
    }
}

#[test]
fn known_alerts_use_no_budget_and_what_was_cut_comes_with_the_next_run() {
    let mut lab = Lab::new(json!({"max_signals": 2}));
    for host in ["a", "b", "c", "d", "e"] {
        lab.host("11:58", host);
    }
    lab.host("11:55", "soon-out-of-reach").host("11:59", "a");
    assert_eq!(lab.run("12:00"), ["a d1", "b d2"]);
    assert_eq!(lab.run("12:05"), ["c d3", "d d4"], "the window starts at 11:56 now");
    assert_eq!(lab.run("12:06:59.999"), ["e d5"]);
    assert_eq!(lab.run("12:07"), NONE);
}

#[test]
fn cut_terms_are_lost_when_the_next_window_starts_at_their_first_sight() {
    for (next, expected) in [("12:06:59.999", vec!["b d2"]), ("12:07", vec![])] {
        let mut lab = Lab::new(json!({"max_signals": 1}));
        lab.host("11:58", "a").host("11:58", "b").run("12:00");
        assert_eq!(lab.run(next), expected, "{next}");
    }
}

#[test]
fn every_window_has_its_own_budget() {
    let mut lab = Lab::new(json!({"max_signals": 1}));
    lab.run("11:00");
    lab.host("11:05", "a").host("11:11", "b").host("11:11:30", "c");
    let report = lab.report("11:14");
    assert_eq!((lab.created(&report), warnings(&report)), (vec!["a d1".into(), "b d2".into()], vec!["max_signals"]));
}

#[test]
fn frequency_counts_only_inside_a_page_of_ten_thousand_terms() {
    let mut lab = Lab::new(json!({"max_signals": 10_001}));
    let hosts: Vec<String> = (0..10_001).map(|host| format!("h{host:05}")).collect();
    lab.doc("11:55", json!({"host.name": hosts}));
    // The most frequent term of all is the only one of the second page.
    lab.host("11:56", "h10000").host("11:57", "h10000").host("11:58", "h00007");
    let report = lab.report("12:00");
    let created = lab.created(&report);
    assert_eq!((created[0].as_str(), created[1].as_str()), ("h00007 d1", "h00000 d1"));
    assert_eq!(created.last().map(String::as_str), Some("h10000 d1"));
    assert_eq!(warnings(&report), ["max_signals_above_server_limit"]);
    assert_eq!(created.len(), 10_001, "the rule's own value counts without suppression");
}
