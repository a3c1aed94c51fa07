//! Where a rule alerts twice, or never; each beside a twin that does not.

use serde_json::json;

use crate::lab::{Lab, NONE, at};

#[test]
fn twice_1_an_older_document_that_arrives_later_is_another_alert_inside_the_next_window_only() {
    for (time, expected) in [("11:56:00.001", vec!["a d2"]), ("11:56", vec![]), ("11:55", vec![])] {
        let mut lab = Lab::new(json!({}));
        lab.host("11:58", "a").late(time, "12:02", json!({"host.name": "a"}));
        assert_eq!(lab.run("12:00"), ["a d1"]);
        assert_eq!(lab.run("12:05"), expected, "{time}");
    }
}

#[test]
fn twice_2_a_query_that_limits_time_cuts_the_history() {
    let sights = |query: &str| {
        let mut lab = Lab::new(json!({"query": query}));
        lab.host("10:58", "a").host("11:58", "a");
        (lab.run("11:00").len(), lab.run_by_hand("12:00").len())
    };
    assert_eq!(sights("@timestamp >= now-1h"), (1, 1));
    assert_eq!(sights("@timestamp >= now-2h"), (1, 0));
    assert_eq!(sights("*"), (1, 0));
}

#[test]
fn twice_3_sights_closer_than_the_history_both_alert_if_the_second_run_is_late_enough() {
    for (run, expected) in [("12:00:00.001", vec!["a d2"]), ("12:00", vec![])] {
        let mut lab = Lab::new(json!({}));
        lab.host("2024-05-03T12:00", "a").host("11:57", "a"); // 6 d 23 h 57 min apart
        assert_eq!(lab.run_by_hand("2024-05-03T12:03"), ["a d1"]);
        assert_eq!(lab.run_by_hand(run), expected, "{run}");
    }
}

#[test]
fn twice_4_a_query_or_exception_that_hides_the_earlier_sights() {
    let exception = json!([[{"field": "user.name", "operator": "included", "type": "match", "value": "guest"}]]);
    for change in [json!({"query": "user.name: root"}), json!({"exceptions": exception})] {
        let mut lab = Lab::new(json!({}));
        lab.doc("11:00", json!({"host.name": "a", "user.name": "guest"}));
        lab.doc("11:58", json!({"host.name": "a", "user.name": "root"}));
        assert_eq!(lab.run("12:00"), NONE);
        assert_eq!(lab.change(change).run("12:05"), ["a d2"]);
    }
}

#[test]
fn twice_5_the_same_event_under_another_identity() {
    let mut lab = Lab::new(json!({}));
    lab.host("11:58", "a");
    assert_eq!(lab.run("12:00"), ["a d1"]);
    lab.named("events", "again", "11:57:59.999", "12:01", json!({"host.name": "a"}));
    assert_eq!(lab.run("12:05"), ["a again"]);
}

#[test]
fn twice_6_an_absorbed_event_leads_an_alert_when_the_suppression_window_is_over() {
    for (minutes, expected) in [(4, vec!["b d2"]), (5, vec![])] {
        let mut lab = Lab::new(json!({
            "alert_suppression": {"group_by": ["user.name"], "duration": {"value": minutes, "unit": "m"}}
        }));
        lab.doc("11:57", json!({"host.name": "a", "user.name": "x"}));
        lab.doc("11:58", json!({"host.name": "b", "user.name": "x"}));
        assert_eq!(lab.run("12:00"), ["a d1"]);
        assert_eq!(lab.run("12:05"), expected, "{minutes}");
    }
}

#[test]
fn never_1_an_event_on_the_seam_that_came_too_late() {
    for (time, visible, expected) in
        [("12:00", "12:00", (1, 0)), ("12:00", "12:00:00.001", (0, 0)), ("12:00:00.001", "12:00:00.001", (0, 1))]
    {
        let mut lab = Lab::new(json!({"from": "now-5m"}));
        lab.late(time, visible, json!({"host.name": "a"}));
        assert_eq!((lab.run("12:00").len(), lab.run("12:05").len()), expected, "{time} {visible}");
    }
}

#[test]
fn never_2_late_ingestion_beyond_the_look_back_unless_the_time_of_ingestion_counts() {
    for (time_field, expected) in [(json!({}), vec![]), (json!({"timestamp_override": "event.ingested"}), vec!["a d1"])]
    {
        let mut lab = Lab::new(time_field);
        lab.run("12:00");
        lab.run("12:05");
        let ingested = json!({"host.name": "a", "event.ingested": at("12:08").to_string()});
        lab.late("11:58", "12:08", ingested);
        assert_eq!(lab.run("12:10"), expected);
        lab.host("12:12", "a");
        assert_eq!(lab.run("12:15"), NONE, "the late event counts as history either way");
    }
}

#[test]
fn never_3_a_term_of_a_gap_beyond_four_intervals_stays_silent_even_if_it_comes_back() {
    for (first, expected) in [("11:30", vec![]), ("11:32", vec!["a d1"])] {
        let mut lab = Lab::new(json!({}));
        lab.run("11:00");
        lab.host(first, "a").host("11:58", "a");
        assert_eq!(lab.run("12:00"), expected, "{first}");
    }
}

#[test]
fn never_5_one_absent_field() {
    let mut lab = Lab::new(json!({"new_terms_fields": ["host.name", "user.name"]}));
    lab.host("11:55", "a").doc("11:56", json!({"host.name": "a", "user.name": "x"}));
    assert_eq!(lab.run("12:00"), ["a,x d2"]);
}

#[test]
fn never_6_a_term_seen_once_per_history_length_never_alerts_again() {
    for (second, expected) in [("2024-05-09T12:00", vec![]), ("2024-05-08T12:00", vec!["a d3"])] {
        let mut lab = Lab::new(json!({"history_window_start": "now-2d"}));
        lab.host("2024-05-07T12:00", "a").host(second, "a").host("2024-05-10T12:04", "a");
        assert_eq!(lab.run_by_hand("2024-05-07T12:05"), ["a d1"]);
        assert_eq!(lab.run_by_hand("2024-05-10T12:05"), expected, "{second}");
    }
}

#[test]
fn never_8_what_is_not_indexed() {
    let mut lab = Lab::mapped(
        json!({"new_terms_fields": ["command"]}),
        json!({"command": {"type": "keyword", "ignore_above": 8}, "n": "nested"}),
    );
    lab.doc("11:55", json!({"command": "12345678"})).doc("11:56", json!({"command": "123456789"}));
    assert_eq!(lab.run("12:00"), ["12345678 d1"]);
}
