//! Windows, gaps, catch-up, manual runs.

use firstseen_detector::engine::{ExecutionKind, Lost};
use serde_json::json;

use crate::lab::{Lab, NONE, at, warnings};

#[test]
fn both_ends_of_the_window_belong_to_it() {
    for (time, alerts) in [
        ("11:50:59.999", vec![]),
        ("11:51:00.000", vec![]), // in the window, but not later than its start
        ("11:51:00.001", vec!["a d1"]),
        ("12:00:00.000", vec!["a d1"]),
        ("12:00:00.001", vec![]),
    ] {
        assert_eq!(Lab::new(json!({})).host(time, "a").run("12:00"), alerts, "{time}");
    }
}

#[test]
fn the_window_counts_documents_combinations_and_new_terms() {
    let mut lab = Lab::new(json!({}));
    lab.host("11:51", "old").host("11:55", "a").host("11:56", "a").host("11:57", "b").doc("11:58", json!({}));
    let report = lab.report("12:00");
    let window = &report.windows[0];
    assert_eq!((window.documents, window.combinations, window.new, window.created), (5, 3, 2, 2));
}

#[test]
fn a_gap_is_caught_up_to_four_intervals_and_the_rest_is_reported() {
    let mut lab = Lab::new(json!({}));
    lab.run("11:00");
    let report = lab.report("11:29");
    assert_eq!((report.windows.len(), report.gap, report.lost), (5, 20 * 60_000, None));
    let report = lab.report("11:58:00.001");
    assert_eq!((report.windows.len(), report.lost), (5, Some(Lost { from: at("11:29"), to: at("11:29:00.001") })));
}

#[test]
fn a_term_of_a_caught_up_window_alerts_and_one_of_the_lost_part_does_not() {
    let covered = |time: &str| {
        let mut lab = Lab::new(json!({}));
        lab.run("11:00");
        lab.host(time, "a");
        lab.run("12:00")
    };
    // The oldest window that is caught up starts at 11:31.
    assert_eq!(covered("11:31"), NONE);
    assert_eq!(covered("11:31:00.001"), ["a d1"]);
}

#[test]
fn a_manual_run_handles_no_gap_and_is_no_previous_run() {
    let mut lab = Lab::new(json!({}));
    lab.run("11:00");
    let manual = lab.runner.execute(at("11:40"), ExecutionKind::Manual).expect("a run");
    assert_eq!((manual.windows.len(), manual.gap), (1, 0));
    let scheduled = lab.report("11:45");
    assert_eq!(scheduled.gap, (45 - 9) * 60_000, "measured from 11:00");
    assert_eq!(scheduled.windows.len(), 5);
}

#[test]
fn manual_alerts_say_so() {
    let mut lab = Lab::new(json!({}));
    lab.host("11:55", "a").run_by_hand("12:00");
    lab.host("11:56", "b").run("12:00");
    let kinds: Vec<ExecutionKind> = lab.runner.alerts().iter().map(|alert| alert.execution.kind).collect();
    assert_eq!(kinds, [ExecutionKind::Manual, ExecutionKind::Scheduled]);
}

#[test]
fn alerts_are_created_at_the_start_of_the_execution_also_for_caught_up_windows() {
    let mut lab = Lab::new(json!({}));
    lab.run("11:00");
    lab.host("11:10", "a").run("11:20");
    let alert = &lab.runner.alerts()[0];
    assert_eq!(
        (alert.created, alert.last_detected, alert.original_time),
        (at("11:20"), at("11:20"), Some(at("11:10")))
    );
}

#[test]
fn to_moves_the_end_of_window_and_history() {
    let mut lab = Lab::new(json!({"to": "now-2m", "history_window_start": "now-10m"}));
    // The history starts 10 minutes before 11:58.
    lab.host("11:47:59.999", "out")
        .host("11:48", "in")
        .host("11:57", "out")
        .host("11:57", "in")
        .host("11:58:00.001", "late");
    assert_eq!(lab.run("12:00"), ["out d3"]);
}

#[test]
fn the_end_of_a_window_is_rounded_down_as_its_start_is() {
    for (time, expected) in [("12:00", vec!["a d1"]), ("12:00:00.001", vec![])] {
        let mut lab = Lab::new(json!({"to": "now/h", "from": "now-2h/h"}));
        assert_eq!(lab.host(time, "a").run("12:40"), expected, "{time}");
    }
}

#[test]
fn a_failed_run_is_not_repeated_but_counts_as_the_previous_one() {
    let mut lab = Lab::mapped(json!({"new_terms_fields": ["flag"]}), json!({"flag": "boolean"}));
    lab.run("11:00");
    lab.doc("11:15", json!({"flag": true}));
    assert!(lab.try_run("11:20").is_err());
    let report = lab.report("11:29");
    assert_eq!((report.windows.len(), report.gap), (1, 0));
}

#[test]
fn an_unmapped_time_field_is_a_warning_and_the_search_goes_on() {
    let mut lab = Lab::new(json!({"timestamp_override": "event.created"}));
    lab.host("11:55", "a");
    let report = lab.report("12:00");
    assert_eq!((lab.created(&report), warnings(&report)), (vec!["a d1".to_owned()], vec!["time_field_not_mapped"]));
}

#[test]
fn replay_runs_every_interval_from_the_first_to_behind_the_last_document() {
    let mut lab = Lab::new(json!({}));
    lab.host("11:00", "a").host("11:12", "b");
    let mut runs = Vec::new();
    let replayed = lab.runner.replay::<()>(None, None, |runner, at, report| {
        runs.push((at, report.map(|report| report.created.len())));
        assert!(runner.alerts().len() <= 2);
        Ok(())
    });
    assert_eq!(replayed, Ok(()));
    let expected = [("11:00", 1), ("11:05", 0), ("11:10", 0), ("11:15", 1)];
    assert_eq!(runs, expected.map(|(time, created)| (at(time), Ok(created))));
}

#[test]
fn replay_ends_when_the_observer_says_so_and_between_given_instants() {
    let mut lab = Lab::new(json!({}));
    lab.host("11:00", "a");
    let mut runs = 0;
    let stopped = lab.runner.replay(Some(at("10:00")), Some(at("10:20")), |_, _, _| {
        runs += 1;
        if runs == 3 { Err("enough") } else { Ok(()) }
    });
    assert_eq!((stopped, runs), (Err("enough"), 3));
    let mut empty = Lab::new(json!({}));
    assert_eq!(empty.runner.replay::<()>(None, None, |_, _, _| Err(())), Ok(()), "no document, no execution");
}
