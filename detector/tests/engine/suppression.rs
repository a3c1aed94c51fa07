//! Suppression: groups, leaders, folding, silent drops, limits.

use serde_json::{Value, json};

use crate::lab::{Lab, NONE, at, warnings};

fn suppressed(changes: Value) -> Lab {
    let mut rule = json!({"alert_suppression": {"group_by": ["user.name"]}});
    for (name, value) in changes.as_object().expect("an object") {
        if rule["alert_suppression"].get(name).is_some()
            || ["duration", "missing_fields_strategy"].contains(&name.as_str())
        {
            rule["alert_suppression"][name] = value.clone();
        } else {
            rule[name] = value.clone();
        }
    }
    Lab::new(rule)
}

fn sight(lab: &mut Lab, time: &str, host: &str, user: &str) {
    lab.doc(time, json!({"host.name": host, "user.name": user}));
}

/// (start, end, count, last detected) of an alert.
fn suppression(lab: &Lab, alert: usize) -> (String, String, u64, String) {
    let alert = &lab.runner.alerts()[alert];
    let suppression = alert.suppression.as_ref().expect("a suppressed alert");
    let time = |time: firstseen_detector::time::Millis| time.to_string()[11..16].to_owned();
    (time(suppression.start), time(suppression.end), suppression.docs_count, time(alert.last_detected))
}

fn expected(start: &str, end: &str, count: u64, detected: &str) -> (String, String, u64, String) {
    (start.to_owned(), end.to_owned(), count, detected.to_owned())
}

#[test]
fn the_earliest_candidate_of_a_group_leads_and_counts_the_others() {
    let mut lab = suppressed(json!({}));
    sight(&mut lab, "11:57", "a", "x");
    sight(&mut lab, "11:55", "b", "x");
    sight(&mut lab, "11:56", "c", "x");
    sight(&mut lab, "11:58", "b", "x"); // further documents of a term are never counted
    let report = lab.report("12:00");
    assert_eq!((lab.created(&report), report.windows[0].suppressed), (vec!["b d2".to_owned()], 2));
    assert_eq!(suppression(&lab, 0), expected("11:55", "11:57", 2, "12:00"));
}

#[test]
fn a_duration_folds_into_an_alert_that_is_young_enough() {
    for (minutes, created) in [(10, vec!["b d2"]), (11, vec![])] {
        let mut lab = suppressed(json!({"duration": {"value": minutes, "unit": "m"}}));
        sight(&mut lab, "11:58", "a", "x");
        lab.run("12:00");
        sight(&mut lab, "12:09", "b", "x");
        // The alert was created at 12:00; the run is at 12:10:00.001.
        lab.run("12:05");
        let report = lab.report("12:10:00.001");
        assert_eq!(lab.created(&report), created, "{minutes} minutes");
        assert_eq!(report.updated, if created.is_empty() { vec![0] } else { vec![] });
        let folded = if created.is_empty() { 1 } else { 0 };
        assert_eq!(lab.runner.alerts()[0].suppression.as_ref().map(|suppression| suppression.docs_count), Some(folded));
    }
}

#[test]
fn exactly_as_old_as_the_duration_is_young_enough() {
    let mut lab = suppressed(json!({"duration": {"value": 600, "unit": "s"}}));
    sight(&mut lab, "11:58", "a", "x");
    lab.run("12:00");
    sight(&mut lab, "12:09", "b", "x");
    assert_eq!(lab.run("12:10"), NONE);
    assert_eq!(suppression(&lab, 0), expected("11:58", "12:09", 1, "12:10"));
    let alert = &lab.runner.alerts()[0];
    assert_eq!((alert.created, alert.original_time), (at("12:00"), Some(at("11:58"))), "these stay");
}

#[test]
fn per_execution_suppression_does_not_reach_back() {
    let mut lab = suppressed(json!({}));
    sight(&mut lab, "11:58", "a", "x");
    lab.run("12:00");
    sight(&mut lab, "12:03", "b", "x");
    assert_eq!(lab.run("12:05"), ["b d2"]);
}

#[test]
fn an_older_candidate_of_a_group_with_a_younger_alert_is_dropped_without_a_count() {
    let mut lab = suppressed(json!({}));
    sight(&mut lab, "11:58", "a", "x");
    lab.run("12:00");
    lab.late("11:57:30", "12:01", json!({"host.name": "b", "user.name": "x"}));
    lab.late("11:57:30", "12:01", json!({"host.name": "c", "user.name": "y"}));
    let report = lab.report("12:05");
    assert_eq!((lab.created(&report), report.windows[0].suppressed), (vec!["c d3".to_owned()], 0));
    assert_eq!(suppression(&lab, 0), expected("11:58", "11:58", 0, "12:00"));
}

#[test]
fn all_windows_of_one_execution_share_their_groups() {
    let mut lab = suppressed(json!({}));
    lab.run("11:00");
    sight(&mut lab, "11:05", "a", "x");
    sight(&mut lab, "11:11", "b", "x");
    assert_eq!(lab.run("11:14"), ["a d1"]);
    assert_eq!(suppression(&lab, 0), expected("11:05", "11:11", 1, "11:14"));
}

#[test]
fn missing_group_values_are_a_group_or_ordinary_alerts_that_come_first() {
    for (strategy, created, first_is_grouped) in
        [("suppress", vec!["a d1", "c d3"], true), ("doNotSuppress", vec!["a d1", "b d2", "c d3"], false)]
    {
        let mut lab = suppressed(json!({"missing_fields_strategy": strategy}));
        lab.host("11:55", "a").host("11:56", "b");
        sight(&mut lab, "11:57", "c", "x");
        assert_eq!(lab.run("12:00"), created);
        assert_eq!(lab.runner.alerts()[0].suppression.is_some(), first_is_grouped);
    }
}

#[test]
fn group_values_are_sorted_and_their_order_in_the_document_means_nothing() {
    let mut lab = suppressed(json!({}));
    lab.doc("11:55", json!({"host.name": "a", "user.name": ["y", "x"]}));
    lab.doc("11:56", json!({"host.name": "b", "user.name": ["x", "y"]}));
    lab.doc("11:57", json!({"host.name": "c", "user.name": [7]}));
    assert_eq!(lab.run("12:00"), ["a d1", "c d3"]);
    let values = |alert: usize| {
        let suppression = lab.runner.alerts()[alert].suppression.as_ref().expect("suppressed");
        json!(suppression.terms[0].values)
    };
    assert_eq!((values(0), values(1)), (json!(["x", "y"]), json!(["7"])));
}

#[test]
fn closed_alerts_take_in_nothing() {
    let mut lab = suppressed(json!({"duration": {"value": 1, "unit": "h"}}));
    sight(&mut lab, "11:58", "a", "x");
    lab.run("12:00");
    lab.runner.close_all_alerts();
    sight(&mut lab, "12:03", "b", "x");
    assert_eq!(lab.run("12:05"), ["b d2"]);
    sight(&mut lab, "12:08", "c", "x");
    assert_eq!(lab.run("12:10"), NONE, "the open one does");
}

#[test]
fn a_group_belongs_to_its_rule_and_a_copy_of_the_rule_has_its_own() {
    for (id, created) in [("rule-1", vec![]), ("rule-2", vec!["b d2"])] {
        let mut lab = suppressed(json!({"duration": {"value": 1, "unit": "h"}}));
        sight(&mut lab, "11:58", "a", "x");
        lab.run("12:00");
        sight(&mut lab, "12:04", "b", "x");
        let suppression = json!({"group_by": ["user.name"], "duration": {"value": 1, "unit": "h"}});
        assert_eq!(lab.change(json!({"rule_id": id, "alert_suppression": suppression})).run("12:08"), created, "{id}");
    }
}

#[test]
fn with_suppression_reaching_the_limit_exactly_warns() {
    let mut lab = suppressed(json!({"max_signals": 1}));
    sight(&mut lab, "11:55", "a", "x");
    let report = lab.report("12:00");
    assert_eq!((report.created.len(), warnings(&report)), (1, vec!["max_signals_suppressed"]));
    let mut lab = suppressed(json!({"max_signals": 2}));
    sight(&mut lab, "11:55", "a", "x");
    assert_eq!(warnings(&lab.report("12:00")), NONE);
}

#[test]
fn with_suppression_five_times_the_limit_is_handled_and_no_more() {
    for (hosts, count, warned) in
        [(9, 8, vec![]), (10, 9, vec!["max_signals_suppressed"]), (11, 9, vec!["max_signals_suppressed"])]
    {
        let mut lab = suppressed(json!({"max_signals": 2}));
        for host in 0..hosts {
            sight(&mut lab, "11:55", &format!("h{host:02}"), "x");
        }
        let report = lab.report("12:00");
        assert_eq!((report.created.len(), warnings(&report)), (1, warned), "{hosts}");
        assert_eq!(lab.runner.alerts()[0].suppression.as_ref().map(|suppression| suppression.docs_count), Some(count));
    }
}

#[test]
fn batches_of_five_hundred_combinations_are_handled_apart() {
    let mut lab = Lab::new(json!({
        "new_terms_fields": ["host.name", "user.name"], "alert_suppression": {"group_by": ["user.name"]}, "max_signals": 500
    }));
    // All but one of the first batch are old; the earliest candidate of the group is in the second one.
    let hosts: Vec<String> = (0..500).map(|host| format!("h{host:03}")).collect();
    lab.doc("11:00", json!({"host.name": hosts[1..], "user.name": "x"}));
    lab.doc("11:57", json!({"host.name": hosts, "user.name": "x"}));
    lab.doc("11:55", json!({"host.name": "h999", "user.name": "x"}));
    assert_eq!(lab.run("12:00"), ["h000,x d2"], "it leads: the second batch finds its alert already there");
    assert_eq!(
        suppression(&lab, 0),
        expected("11:55", "11:57", 1, "12:00"),
        "and moves the start back, in one execution"
    );
}

#[test]
fn with_suppression_the_servers_limit_counts() {
    let mut lab = suppressed(json!({"max_signals": 1001}));
    for host in 0..1001 {
        sight(&mut lab, "11:55", &format!("h{host:04}"), &format!("u{host}"));
    }
    let report = lab.report("12:00");
    assert_eq!(report.created.len(), 1000);
    assert_eq!(warnings(&report), ["max_signals_above_server_limit", "max_signals_suppressed"]);
}
