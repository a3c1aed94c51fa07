//! The catalog through the binary: every scenario is proven.

use serde_json::Value;

use crate::machine::audit_alone;
use crate::support::{firstseen, folder, skipped, stderr, stdout};

fn run(sensor: &str) -> (Option<i32>, String, String) {
    let folder = folder();
    let output = firstseen(folder.path())
        .args([
            "run",
            concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/catalog"),
            "--sensor",
            sensor,
            "--format",
            "json",
        ])
        .output()
        .expect("it runs");
    let left: Vec<_> =
        std::fs::read_dir(folder.path()).expect("the folder").flatten().map(|it| it.file_name()).collect();
    assert_eq!(left, ["state"], "the scratch directory is gone");
    (output.status.code(), stdout(&output), stderr(&output))
}

/// Id and kind of verdict of every scenario.
fn verdicts(json: &str) -> Vec<(String, String)> {
    let report: Value = serde_json::from_str(json).expect("JSON");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let scenarios = report["scenarios"].as_array().expect("a list").iter();
    scenarios.map(|scenario| (text(&scenario["id"]), text(&scenario["verdict"]["kind"]))).collect()
}

#[test]
fn every_scenario_passes_without_privilege() {
    let (code, json, stderr) = run("trace");
    assert_eq!(code, Some(0), "{stderr}\n{json}");
    let verdicts = verdicts(&json);
    assert!(verdicts.len() >= 12 && verdicts.iter().all(|(_, kind)| kind == "pass"), "{verdicts:?}");
}

#[test]
fn the_kernels_audit_gives_equal_verdicts() {
    let _alone = match audit_alone() {
        Ok(lock) => lock,
        Err(why) => return skipped("the_kernels_audit_gives_equal_verdicts", why),
    };
    let (code, json, stderr) = run("audit");
    assert_eq!(code, Some(0), "{stderr}\n{json}");
    assert_eq!(verdicts(&json), verdicts(&run("trace").1));
}

#[test]
fn equal_evidence_gives_equal_bytes() {
    let stable = |json: String| {
        let mut report: Value = serde_json::from_str(&json).expect("JSON");
        report.as_object_mut().expect("an object").remove("run");
        report
    };
    assert_eq!(stable(run("trace").1), stable(run("trace").1));
}
