//! Why a document did or did not become an alert.

use firstseen_detector::engine::{Document, ElasticBug, Explanation, SightOutcome, Standing};
use serde_json::{Value, json};

use crate::lab::{Lab, at};

fn explain(lab: &Lab, index: &str, id: &str, source: &Value) -> Explanation {
    let source = source.to_string();
    let document =
        Document { index: Some(index.into()), id: Some(id.into()), visible_from: None, source: source.as_bytes() };
    lab.runner.explain(&document)
}

/// The outcomes of the first term of a host's document.
fn outcomes(lab: &Lab, id: &str, time: &str, host: &str) -> Vec<SightOutcome> {
    let source = json!({"host.name": host, "@timestamp": at(time).to_string()});
    let explanation = explain(lab, "events", id, &source);
    assert_eq!(explanation.standing, Standing::Member);
    explanation.terms[0].sights.iter().map(|sight| sight.outcome.clone()).collect()
}

#[test]
fn documents_outside_the_population_are_told_why() {
    let exceptions = json!([[{"field": "user.name", "operator": "included", "type": "match", "value": "guest"}]]);
    let lab = Lab::new(json!({
        "index": ["auditbeat-*"], "query": "host.name: *", "exceptions": exceptions, "timestamp_override": "event.ingested",
        "timestamp_override_fallback_disabled": true, "new_terms_fields": ["host.name", "user.name"]
    }));
    let standing = |index: &str, source: Value| explain(&lab, index, "x", &source).standing;
    let ingested = at("12:00").to_string();
    assert_eq!(standing("filebeat", json!({})), Standing::OtherIndex);
    assert_eq!(standing("auditbeat-1", json!({})), Standing::NotMatched);
    assert_eq!(standing("auditbeat-1", json!({"host.name": "a", "user.name": "guest"})), Standing::Excepted(0));
    assert_eq!(standing("auditbeat-1", json!({"host.name": "a"})), Standing::WithoutTime);
    assert_eq!(standing("auditbeat-1", json!({"host.name": "a", "event.ingested": ingested})), Standing::WithoutTerms);
    assert!(matches!(standing("auditbeat-1", json!(7)), Standing::Unreadable(_)));
    let member = json!({"host.name": "a", "event.ingested": ingested, "user.name": ["x", "y"]});
    let explanation = explain(&lab, "auditbeat-1", "x", &member);
    assert_eq!(
        (explanation.standing, explanation.time, explanation.terms.len()),
        (Standing::Member, Some(at("12:00")), 2)
    );
    assert_eq!(explanation.terms[0].sights, [], "it was never handed in");
}

#[test]
fn each_window_says_what_it_made_of_the_term() {
    let mut lab = Lab::new(json!({"max_signals": 1}));
    lab.host("11:57", "a").host("11:58", "a").host("11:59", "b").late("11:57", "12:01", json!({"host.name": "c"}));
    lab.host("12:04", "a");
    lab.run("12:00");
    lab.run("12:05");
    lab.run("12:07");
    let alert = |alert, execution| SightOutcome::Alert { alert, execution };
    assert_eq!(outcomes(&lab, "d1", "11:57", "a"), [alert(0, 0), alert(0, 0)], "created, and known from then on");
    let other =
        |outcome: &SightOutcome| matches!(outcome, SightOutcome::OtherIsOldest { document } if document.id == "d1");
    assert!(outcomes(&lab, "d2", "11:58", "a")[..2].iter().all(other));
    assert_eq!(
        outcomes(&lab, "d3", "11:59", "b"),
        [alert(1, 1), alert(1, 1), alert(1, 1)],
        "cut first, created by the next run"
    );
    assert_eq!(
        outcomes(&lab, "d4", "11:57", "c"),
        [SightOutcome::NotYetThere { visible_from: at("12:01") }, SightOutcome::Cut]
    );
    let Some(SightOutcome::Known { first_seen, document }) = outcomes(&lab, "d5", "12:04", "a").pop() else {
        panic!("known at 12:07")
    };
    assert_eq!((first_seen, document.id.as_str()), (at("11:57"), "d1"));
    assert_eq!(outcomes(&lab, "d9", "11:57", "a"), [], "no such document");
}

#[test]
fn suppression_says_which_alert_took_it_in() {
    let mut lab = Lab::new(json!({"alert_suppression": {"group_by": ["user.name"]}}));
    let mut sources = Vec::new();
    for (time, visible, host) in [("11:57", "11:57", "a"), ("11:58", "11:58", "b"), ("11:56:30", "12:01", "c")] {
        let source = json!({"host.name": host, "user.name": "x", "@timestamp": at(time).to_string()});
        lab.late(time, visible, source.clone());
        sources.push(source);
    }
    lab.run("12:00");
    lab.run("12:05");
    let last = |number: usize| {
        let explanation = explain(&lab, "events", &format!("d{number}"), &sources[number - 1]);
        explanation.terms[0].sights.last().map(|sight| sight.outcome.clone())
    };
    assert_eq!(last(2), Some(SightOutcome::Absorbed { alert: 0 }));
    assert_eq!(last(3), Some(SightOutcome::Dropped { alert: 0 }));
}

#[test]
fn a_new_term_behind_five_hundred_others_of_its_documents_is_one_that_elastic_would_miss() {
    for (others, missed) in [(500, true), (499, false)] {
        let mut lab = Lab::new(json!({"new_terms_fields": ["host.name", "user.name"], "max_signals": 1000}));
        // One old document shares the window's combination (a, x) and has many others besides, all of them before (h, x).
        let mut hosts: Vec<String> = (0..others - 1).map(|host| format!("b{host:03}")).collect();
        hosts.push("a".to_owned());
        lab.doc("11:00", json!({"host.name": hosts, "user.name": "x"}));
        let source = json!({"host.name": ["a", "h"], "user.name": "x", "@timestamp": at("11:55").to_string()});
        lab.doc("11:55", source.clone());
        assert_eq!(lab.run("12:00"), ["h,x d2"], "the bug is not copied");
        let explanation = explain(&lab, "events", "d2", &source);
        let missed = missed.then_some(ElasticBug::CombinationsBeyond500);
        let missed_at: Vec<_> = explanation.terms.iter().map(|term| term.sights[0].elastic_would_miss).collect();
        assert_eq!(missed_at, [None, missed], "{others}");
        assert_eq!(lab.runner.elastic_would_miss(0), missed, "the alert says so too");
    }
}

#[test]
fn of_equal_times_at_the_end_of_a_page_elastic_would_look_at_those_that_fit() {
    // A page is as large as the budget, here 2: d2 is its last document, d3 is as old, d4 is later.
    for (third, missed) in [("11:58", true), ("11:58:00.001", false)] {
        let mut lab = Lab::new(json!({"type": "query", "max_signals": 2}));
        for time in ["11:57", "11:58", third, "11:59"] {
            lab.doc(time, json!({"host.name": "a"}));
        }
        lab.run("12:00");
        lab.run("12:05");
        let missed = missed.then_some(ElasticBug::EqualTimesAtTheEndOfAPage);
        let bugs: Vec<_> = (0..4).map(|alert| lab.runner.elastic_would_miss(alert)).collect();
        assert_eq!(lab.runner.alerts().len(), 4, "the bug is not copied");
        assert_eq!(bugs, [None, None, missed, None]);
        let source = json!({"host.name": "a", "@timestamp": at(third).to_string()});
        let explanation = explain(&lab, "events", "d3", &source);
        let sights: Vec<_> =
            explanation.terms[0].sights.iter().map(|it| (&it.outcome, it.elastic_would_miss)).collect();
        let alert = SightOutcome::Alert { alert: 2, execution: 1 };
        assert_eq!(sights, [(&alert, missed), (&alert, missed)]);
    }
}
