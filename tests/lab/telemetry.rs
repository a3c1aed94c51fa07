//! `detect` and `explain` over telemetry as people have it: marked, mixed, broken, empty.

use serde_json::{Value, json};

use crate::support::{file, firstseen, folder, stderr, stdout};

/// A document that the memory rule matches, as a line.
fn document(executable: &str) -> String {
    json!({
        "@timestamp": "2026-01-05T00:00:01.000Z",
        "event": {"category": ["process"], "ingested": "2026-01-05T00:00:01.000Z"},
        "host": {"id": "h1", "os": {"type": "linux"}},
        "process": {"executable": executable},
        "auditd": {"data": {"syscall": "mprotect", "a2": "7"}},
    })
    .to_string()
}

/// Exit code, standard output and standard error of a verb over one file.
fn over(verb: &str, content: &str, more: &[&str]) -> (Option<i32>, String, String) {
    let folder = folder();
    file(&folder, "docs.ndjson", content);
    let rule = "execution_unknown_rwx_memory_region";
    let output = firstseen(folder.path())
        .current_dir(folder.path())
        .args([verb, "--rule", rule, "--input", "docs.ndjson"])
        .args(more)
        .output()
        .expect("it runs");
    (output.status.code(), stdout(&output), stderr(&output))
}

#[test]
fn a_byte_order_mark_loses_no_document() {
    let (code, alerts, said) = over("detect", &format!("\u{feff}{}\n", document("/a")), &[]);
    assert_eq!((code, alerts.lines().count()), (Some(0), 1), "{said}");
    assert_eq!(said, "firstseen: 1 document, 1 in the rule's population, 1 execution, 1 alert\n");
}

#[test]
fn what_is_no_document_is_named_by_file_and_line_and_loses_no_other() {
    let content = format!("{}\nhello\n\n{{\"broken\":\n{}\n", document("/a"), document("/b"));
    let (code, alerts, said) = over("detect", &content, &[]);
    assert_eq!((code, alerts.lines().count()), (Some(2), 2), "{said}");
    assert!(said.contains("docs.ndjson:2: it does not begin with '{'"), "{said}");
    assert!(said.contains("docs.ndjson:4: not a JSON object"), "{said}");
}

#[test]
fn what_detect_leaves_out_explain_names_with_the_same_code() {
    let content = format!("{}\n{{\"_id\":5,\"_source\":{{}}}}\n{{\"broken\":\n", document("/a"));
    let (code, told, said) = over("explain", &content, &[]);
    assert_eq!(code, Some(2));
    assert!(said.starts_with("firstseen: docs.ndjson:2: not a JSON object"), "{said}");
    assert!(told.contains("document 1: alerted") && told.contains("document 3: unreadable"), "{told}");
    assert_eq!(over("detect", &content, &[]).0, Some(2));
    assert_eq!(over("explain", &content, &["--id", "3"]).0, Some(2));
}

#[test]
fn json_that_is_spread_over_lines_is_refused_once() {
    let spread = serde_json::to_string_pretty(&json!({"a": 1, "b": {"c": 2}})).expect("text");
    for (content, what) in [(spread.clone(), "spread over several lines"), (format!("[\n{spread}\n]"), "a JSON array")]
    {
        let (code, alerts, said) = over("detect", &content, &[]);
        assert_eq!((code, alerts.as_str(), said.lines().count()), (Some(2), "", 1), "{said}");
        assert!(said.contains(what) && said.contains("one a line"), "{said}");
    }
}

#[test]
fn times_that_hold_no_execution_are_refused_and_one_instant_is_not() {
    let from = ["--from", "2026-01-05T00:00:02Z"];
    let (code, _, said) = over("detect", &document("/a"), &[&from[..], &["--to", "2026-01-05T00:00:01.999Z"]].concat());
    assert_eq!(code, Some(2));
    assert!(said.contains("--from is later than --to"), "{said}");
    let (code, alerts, _) = over("detect", &document("/a"), &[&from[..], &["--to", "2026-01-05T00:00:02Z"]].concat());
    assert_eq!((code, alerts.lines().count()), (Some(0), 1));
}

#[test]
fn the_named_index_belongs_to_documents_that_have_none() {
    let hit = format!("{{\"_id\":\"x\",\"_source\":{}}}", document("/a"));
    for content in [document("/a"), hit] {
        assert_eq!(over("detect", &content, &["--index", "auditbeat-1"]).1.lines().count(), 1);
        let (code, alerts, said) = over("detect", &content, &["--index", "other"]);
        assert_eq!((code, alerts.as_str()), (Some(0), ""));
        assert!(said.contains("0 in the rule's population ('firstseen explain' says why)"), "{said}");
        let why = over("explain", &content, &["--index", "other"]).1;
        assert!(why.contains("not read by the rule"), "{why}");
    }
}

#[test]
fn explain_says_that_there_is_nothing_or_nothing_of_that_id() {
    let (code, _, said) = over("explain", "", &[]);
    assert_eq!((code, said.as_str()), (Some(2), "firstseen: the input holds no document\n"));
    let (code, _, said) = over("explain", &document("/a"), &["--id", "nope"]);
    assert_eq!(code, Some(2));
    assert!(said.contains("no document has the _id 'nope'"), "{said}");
    assert_eq!(over("explain", &document("/a"), &["--id", "1"]).0, Some(0));
}

#[test]
fn explain_raises_an_alert_in_one_execution_and_names_it_in_the_next() {
    // The next five minutes still see the document; the time after belongs to a second one, or there were no execution.
    let later = document("/b").replace("00:00:01.000Z", "00:05:01.000Z");
    let (_, told, _) = over("explain", &format!("{}\n{later}\n", document("/a")), &["--id", "1"]);
    let told = told.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(told.matches("ALERT ").count(), 1, "{told}");
    assert!(told.contains("at 2026-01-05T00:00:01.000Z: ALERT "), "{told}");
    assert!(told.contains("at 2026-01-05T00:05:01.000Z: alerted before: "), "{told}");
}

#[test]
fn exceptions_that_are_not_in_the_file_are_said_before_the_alerts() {
    let folder = folder();
    let docs = file(&folder, "docs.ndjson", document("/a"));
    let shown = firstseen(folder.path())
        .args(["show", "23bcd283-2bc0-4db2-81d4-273fc051e5c0", "--format", "json"])
        .output()
        .expect("it runs");
    let shown: Value = serde_json::from_str(&stdout(&shown)).expect("JSON");
    for (lists, said) in [(json!([]), false), (json!([{"id": "x", "list_id": "mine", "type": "detection"}]), true)] {
        let mut rule = shown["rule"].clone();
        rule["exceptions_list"] = lists;
        let rule = file(&folder, "rule.ndjson", rule.to_string());
        let output = firstseen(folder.path())
            .args(["detect", "--rule"])
            .arg(rule)
            .arg("--input")
            .arg(&docs)
            .output()
            .expect("it runs");
        assert_eq!((output.status.code(), stdout(&output).lines().count()), (Some(0), 1), "{}", stderr(&output));
        assert_eq!(stderr(&output).contains("exception list 'mine' is not in this file"), said, "{}", stderr(&output));
    }
}
