//! Verdicts of the catalog.

use serde_json::Value;

use crate::engine::Answer;

/// Id and kind of verdict of every scenario.
pub(crate) fn verdicts(answer: &Answer) -> Vec<(String, String)> {
    let report: Value = serde_json::from_str(&answer.stdout).unwrap_or_else(|error| panic!("{error}: {answer:?}"));
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let scenarios = report["scenarios"].as_array().expect("a list").iter();
    scenarios.map(|scenario| (text(&scenario["id"]), text(&scenario["verdict"]["kind"]))).collect()
}

/// Every scenario ran and passed, those with preload objects too.
#[track_caller]
pub(crate) fn assert_proven(answer: &Answer) {
    assert_eq!(answer.code, Some(0), "{answer:?}");
    let verdicts = verdicts(answer);
    assert!(verdicts.iter().all(|(_, kind)| kind == "pass"), "{verdicts:?}");
    for family in ["rwx.", "preload."] {
        assert!(verdicts.iter().filter(|(id, _)| id.starts_with(family)).count() >= 6, "{verdicts:?}");
    }
}
