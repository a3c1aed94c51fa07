//! The matrix through the binary: every verdict is the documented one, and a changed one is a failure.

use std::path::Path;

use serde_json::Value;

use crate::machine::audit_alone;
use crate::support::{file, firstseen, folder, skipped, stderr, stdout};

const TABLE: &str = include_str!("../../scenarios/matrix.toml");
const PAGE: &str = include_str!("../../docs/matrix.md");

/// The page that a run with this sensor writes.
fn written_page(sensor: &str) -> String {
    let folder = folder();
    let page = file(&folder, "matrix.md", PAGE);
    let output = firstseen(folder.path())
        .args(["matrix", "--sensor", sensor, "--write-docs"])
        .arg(&page)
        .output()
        .expect("it runs");
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{text}\n{}", stderr(&output));
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert!(!text.contains('\u{1b}'), "no colours in a pipe");
    for line in text.lines().skip_while(|line| *line != "Skipped here:").skip(1).take_while(|line| !line.is_empty()) {
        skipped(&format!("matrix with the {sensor} sensor"), line.trim());
    }
    read(&page)
}

/// What differs, line by line: a whole page is hard to read in a failed test.
fn assert_is_the_page(written: &str) {
    let differing: Vec<_> = PAGE.lines().zip(written.lines()).filter(|(page, written)| page != written).collect();
    let hint = "run 'firstseen matrix --write-docs docs/matrix.md' if this is meant";
    assert!(differing.is_empty() && PAGE.len() == written.len(), "{hint}\n{differing:#?}");
}

#[test]
fn the_page_is_what_a_run_without_privilege_gives() {
    assert_is_the_page(&written_page("trace"));
}

#[test]
fn the_page_is_what_the_kernels_audit_gives() {
    match audit_alone() {
        Ok(_alone) => assert_is_the_page(&written_page("audit")),
        Err(why) => skipped("the_page_is_what_the_kernels_audit_gives", why),
    }
}

/// Exit code and JSON with another table; where there is no JSON, what was said instead.
fn with_table(table: &str, only: &str) -> (Option<i32>, Value) {
    let folder = folder();
    let path = file(&folder, "table.toml", table);
    let output = firstseen(folder.path())
        .args(["matrix", "--sensor", "trace", "--format", "json", "--only", only, "--table"])
        .arg(path)
        .output()
        .expect("it runs");
    let json = serde_json::from_str(&stdout(&output)).unwrap_or_else(|_| Value::String(stderr(&output)));
    (output.status.code(), json)
}

/// The built-in table with another entry for a technique.
fn changed(id: &str, old: &str, new: &str) -> String {
    let heading = format!("[technique.\"{id}\"]\n");
    let start = TABLE.find(&heading).expect("an entry") + heading.len();
    let (before, entry) = TABLE.split_at(start);
    assert!(entry.starts_with(old), "the test changes nothing: {entry}");
    format!("{before}{}", entry.replacen(old, new, 1))
}

#[test]
fn a_verdict_that_changed_fails_and_one_that_did_not_passes() {
    let (code, same) = with_table(TABLE, "rwx.shared");
    assert_eq!((code, &same["changed"]), (Some(0), &Value::from(0)), "{same}");
    assert_eq!(same["techniques"][0]["cells"][0]["terms"], serde_json::json!([["lab", "/opt/acme/updater"]]));

    for (new, seen) in
        [("A = \"silent\"", "alert"), ("A = { expect = \"alert\", terms = [[\"lab\", \"/x\"]] }", "alert")]
    {
        let (code, json) = with_table(&changed("rwx.shared", "A = \"alert\"", new), "rwx.shared");
        assert_eq!((code, &json["changed"]), (Some(100), &Value::from(1)), "{json}");
        assert_eq!(json["techniques"][0]["cells"][0]["seen"], seen);
        assert_eq!(json["techniques"][0]["cells"][0]["verdict"]["kind"], "fail");
    }
}

#[test]
fn a_silence_that_was_never_captured_is_open_and_not_silent() {
    let why = "{ expect = \"silent\", because = \"query\", why = \"x\" }";
    let table = changed("rwx.memfd-dual-view", "A = { expect = \"miss\"", &format!("A = {why} #"));
    let (code, json) = with_table(&table, "rwx.memfd-dual-view");
    assert_eq!(code, Some(3), "{json}");
    assert_eq!(json["techniques"][0]["cells"][0]["seen"], "open");
}

#[test]
fn a_rule_that_sees_nothing_proves_no_silence() {
    // A rule of one's own, deaf: its audit rule is for another call, so its control cannot alert.
    let folder = folder();
    let rule = include_str!("../../detector/rules/execution_unknown_rwx_memory_region.toml");
    let deaf = rule.replace("-S mprotect", "-S getpid");
    assert_ne!(rule, deaf);
    file(&folder, "deaf.toml", deaf);
    let table = TABLE.replace("rule = \"execution_unknown_rwx_memory_region\"", "rule = \"deaf.toml\"");
    let path = file(&folder, "table.toml", table);
    let output = firstseen(folder.path())
        .args(["matrix", "--sensor", "trace", "--format", "json", "--only", "rwx.jit-java", "--only", "exec.plain"])
        .arg("--table")
        .arg(path)
        .output()
        .expect("it runs");
    let json: Value = serde_json::from_str(&stdout(&output)).unwrap_or_else(|error| panic!("{error} {output:?}"));
    let cell = &json["techniques"][0]["cells"][0];
    assert_eq!((cell["seen"].as_str(), output.status.code()), (Some("open"), Some(3)), "{json}");
    assert!(cell["verdict"]["reason"].as_str().is_some_and(|reason| reason.contains("rwx.mprotect")), "{cell}");
    assert_eq!(json["techniques"][0]["cells"][1]["seen"], "silent", "the other rule hears well");
}

#[test]
fn what_cannot_be_used_is_said_with_its_line() {
    let (code, said) = with_table(&TABLE.replacen("A = \"alert\"", "A = \"alarm\"", 1), "rwx.");
    assert_eq!(code, Some(2));
    assert!(said.as_str().is_some_and(|said| said.contains("table.toml:") && said.contains("alarm")), "{said}");
    let (code, said) = with_table(TABLE, "rwx.mprotct");
    assert_eq!(code, Some(4));
    assert!(said.as_str().is_some_and(|said| said.contains("did you mean 'rwx.mprotect'?")), "{said}");
}

#[test]
fn a_page_without_a_place_for_the_table_is_left_as_it_is() {
    let folder = folder();
    let page = file(&folder, "page.md", "# Mine\n");
    let output = firstseen(folder.path())
        .args(["matrix", "--sensor", "trace", "--write-docs"])
        .arg(&page)
        .output()
        .expect("it runs");
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).contains("no place for the table"), "{}", stderr(&output));
    assert_eq!(read(&page), "# Mine\n");
}

#[test]
fn junit_holds_one_case_a_verdict() {
    let folder = folder();
    let output = firstseen(folder.path())
        .args(["matrix", "--sensor", "trace", "--only", "rwx.stack", "--format", "junit"])
        .output()
        .expect("it runs");
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(0));
    assert!(text.contains("A-rwx.stack") && text.contains("B-rwx.stack"), "{text}");
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).expect("readable")
}
