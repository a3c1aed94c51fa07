//! The verbs that run nothing, and `simulate`.

use serde_json::Value;

use crate::support::{file, firstseen, folder, scenario, stderr, stdout};

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

#[test]
fn lint_names_rules_that_share_an_id_and_not_those_that_do_not() {
    let rules = ["23bcd283-2bc0-4db2-81d4-273fc051e5c0", "a22b8486-5c4b-4e05-ad16-28de550b1ccc"]
        .map(|id| json(&["show", id])["rule"].to_string());
    let linted = |second: &str| {
        let folder = folder();
        let path = file(&folder, "export.ndjson", format!("{}\n{second}\n", rules[0]));
        stdout(&firstseen(folder.path()).arg("lint").arg(path).output().expect("it runs"))
    };
    let (same, other) = (linted(&rules[0]), linted(&rules[1]));
    assert!(same.contains("export.ndjson:2:") && same.contains("warning[duplicate-rule-id]"), "{same}");
    assert!(other.ends_with("2 rules, 0 scenarios: 0 errors, 0 warnings\n"), "{other}");
}

#[test]
fn lint_reads_a_pipe_once_whatever_it_holds() {
    let rule = include_str!("../../detector/rules/execution_unknown_rwx_memory_region.toml").to_owned();
    for (content, counted) in
        [(scenario("alerts = 1"), "0 rules, 1 scenario: 0 errors"), (rule, "1 rule, 0 scenarios: 0 errors")]
    {
        let folder = folder();
        let output =
            firstseen(folder.path()).args(["lint", "/dev/stdin"]).write_stdin(content).output().expect("it runs");
        assert!(stdout(&output).contains(counted), "{}", stdout(&output));
    }
}

#[test]
fn what_cannot_be_read_in_a_folder_stops_neither_lint_nor_a_run() {
    let folder = folder();
    let cases = folder.path().join("cases");
    std::fs::create_dir(&cases).expect("made");
    std::fs::write(
        cases.join("good.toml"),
        scenario("alerts = 1").replace("23bcd283-2bc0-4db2-81d4-273fc051e5c0", "rule.toml"),
    )
    .expect("written");
    let rule = include_str!("../../detector/rules/execution_unknown_rwx_memory_region.toml");
    std::fs::write(cases.join("rule.toml"), rule).expect("written");
    std::os::unix::fs::symlink(".", cases.join("loop")).expect("linked");
    std::os::unix::fs::symlink("/dev/zero", cases.join("endless.toml")).expect("linked");
    let on_cases = |args: &[&str]| firstseen(folder.path()).args(args).arg(&cases).output().expect("it runs");
    assert!(stdout(&on_cases(&["lint"])).ends_with("2 files, 1 rule, 1 scenario: 0 errors, 0 warnings\n"));
    let run = on_cases(&["run", "--sensor", "trace"]);
    assert_eq!((run.status.code(), stderr(&run).as_str()), (Some(0), ""), "{}", stdout(&run));
    std::os::unix::fs::symlink("nothing", cases.join("lost.toml")).expect("linked");
    assert!(stdout(&on_cases(&["lint"])).ends_with("3 files, 1 rule, 1 scenario: 1 error, 0 warnings\n"));
    let run = on_cases(&["run", "--sensor", "trace"]);
    assert_eq!((run.status.code(), stdout(&run).contains("1 scenario: 1 pass")), (Some(2), true));
    assert_eq!(stderr(&run).lines().count(), 1, "{}", stderr(&run));
}
