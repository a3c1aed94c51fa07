//! The verbs that run nothing, and `simulate`.

use serde_json::Value;

use crate::support::{file, firstseen, folder, stderr, stdout};

fn json(args: &[&str]) -> Value {
    let folder = folder();
    let output = firstseen(folder.path()).args(args).args(["--format", "json"]).output().expect("it runs");
    let value: Value =
        serde_json::from_str(&stdout(&output)).unwrap_or_else(|error| panic!("{error}: {}", stderr(&output)));
    assert_eq!(value["format_version"], 1, "{args:?}");
    value
}

#[test]
fn everything_that_is_listed_can_be_shown() {
    let list = json(&["list"]);
    let mut shown = 0;
    for kind in ["scenarios", "rules", "techniques"] {
        for entry in list[kind].as_array().expect("a list") {
            let id = entry["id"].as_str().expect("an id");
            assert_eq!(json(&["show", id])["id"], id);
            shown += 1;
        }
    }
    assert!(shown > 60, "{shown}");
}

#[test]
fn what_is_not_there_names_the_nearest_id() {
    let folder = folder();
    let output = firstseen(folder.path()).args(["show", "rwx.contrct"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    let said = "nothing has the id 'rwx.contrct'; did you mean 'rwx.contract'?; 'firstseen list' lists every id";
    assert!(stderr(&output).contains(said), "{}", stderr(&output));
}

#[test]
fn a_form_that_a_verb_does_not_have_is_refused_and_not_ignored() {
    let folder = folder();
    for verb in [&["list"][..], &["doctor"], &["demo"], &["show", "rwx.mprotect"]] {
        let output = firstseen(folder.path()).args(verb).args(["--format", "junit"]).output().expect("it runs");
        assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(2), ""), "{verb:?}");
        assert!(stderr(&output).contains("--format junit"), "{}", stderr(&output));
    }
}

#[test]
fn simulate_really_does_it_and_a_dry_run_does_not() {
    let done = json(&["simulate", "rwx.mprotect"]);
    assert_eq!(done["proven"], true);
    assert_eq!(done["report"]["memory"][0]["after"], "rwxp");
    let dry = json(&["simulate", "rwx.mprotect", "--dry-run"]);
    assert_eq!((&dry["done"], &dry["report"]), (&Value::Bool(false), &Value::Null));
    assert_eq!(dry["argv"], done["argv"]);
}

#[test]
fn lint_finds_a_broken_query_with_its_place_and_not_a_good_rule() {
    let folder = folder();
    let good = include_str!("../../detector/rules/execution_unknown_rwx_memory_region.toml");
    let bad = good.replace("auditd.data.a2:7", "auditd.data.a2:(7");
    assert_ne!(good, bad);
    let good = file(&folder, "good.toml", good);
    let output = firstseen(folder.path()).arg("lint").arg(good).output().expect("it runs");
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
    let bad = file(&folder, "bad.toml", bad);
    let output = firstseen(folder.path()).arg("lint").arg(bad).output().expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    let text = stdout(&output);
    assert!(text.contains("bad.toml:") && text.contains("query") && text.contains('^'), "{text}");
}
