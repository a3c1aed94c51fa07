//! Every check with a rule that it remarks on, and with its twin, that it does not.

use serde_json::{Map, Value as Json, json};

use super::{Finding, LintContext, Severity, lint};
use crate::rule::{Rule, builtin, read_text};

fn context() -> LintContext<'static> {
    LintContext::new("2026-11-22T12:00:00Z".parse().expect("an instant"))
}

/// A rule without fault, changed; null removes a parameter.
fn changed(changes: &Json) -> Rule {
    let mut rule: Map<String, Json> = json!({
        "type": "new_terms", "rule_id": "23bcd283-2bc0-4db2-81d4-273fc051e5c0", "name": "n", "description": "d",
        "query": "auditd.data.syscall:mprotect", "new_terms_fields": ["process.executable"], "index": ["auditbeat-*"],
        "history_window_start": "now-7d", "from": "now-9m", "severity": "low", "risk_score": 21,
        "setup": "-a always,exit -F arch=b64 -S mprotect",
    })
    .as_object()
    .expect("an object")
    .clone();
    for (key, value) in changes.as_object().expect("an object") {
        rule.insert(key.clone(), value.clone());
    }
    Rule::from_api_json(&rule).expect("readable")
}

fn findings(changes: &Json) -> Vec<Finding> {
    lint(&changed(changes), &context())
}

/// Remarks of one severity, field and code; `twin` has none at all.
fn remarks(severity: Severity, code: &str, field: &str, changes: Json, twin: Json) {
    let found = findings(&changes);
    let is_it =
        |finding: &Finding| (finding.severity, finding.code, finding.field.as_deref()) == (severity, code, Some(field));
    assert!(found.iter().any(is_it), "{changes}: {found:#?}");
    assert_eq!(findings(&twin), [], "{twin}");
}

#[test]
fn the_rules_of_the_lab_are_without_fault() {
    for (name, text) in builtin() {
        let file = read_text(name, text);
        assert_eq!(lint(&file.rules[0].rule, &context().of(&file.rules[0].source)), []);
    }
}

#[test]
fn what_the_engine_refuses_is_an_error() {
    let error = |code, field, changes, twin| remarks(Severity::Error, code, field, changes, twin);
    error("query-syntax", "query", json!({"query": "a:(b"}), json!({}));
    error("query-refused", "query", json!({"query": "process.pid:abc"}), json!({"query": "process.pid:7"}));
    error("max-signals", "max_signals", json!({"max_signals": 0}), json!({"max_signals": 1}));
    error("risk-score", "risk_score", json!({"risk_score": 100.5}), json!({"risk_score": 100}));
    error("risk-score", "risk_score", json!({"risk_score": -1}), json!({"risk_score": 0}));
    let fields = |names: &[&str]| json!({"new_terms_fields": names});
    let three = ["host.id", "user.id", "process.name"];
    error("new-terms-fields", "new_terms_fields", fields(&[]), fields(&three));
    error("new-terms-fields", "new_terms_fields", fields(&["host.id", "a", "b", "c"]), fields(&three));
    error("term-type", "new_terms_fields", fields(&["process.name.text"]), fields(&["process.name"]));
    error("date-math", "from", json!({"from": "now-9x"}), json!({"from": "now-9m"}));
    error("date-math", "to", json!({"to": "soon"}), json!({"to": "now"}));
    error("date-math", "history_window_start", json!({"history_window_start": ""}), json!({}));
    error("interval", "interval", json!({"interval": "05m"}), json!({"interval": "9m"}));
    error("window-empty", "from", json!({"from": "now"}), json!({}));
    let group = |names: &[&str]| json!({"alert_suppression": {"group_by": names}});
    error("suppression-group-by", "alert_suppression.group_by", group(&[]), group(&["host.id"]));
    let duration = |value: i64, unit: &str| json!({"alert_suppression": {"group_by": ["host.id"], "duration": {"value": value, "unit": unit}}});
    error("suppression-duration", "alert_suppression.duration", duration(0, "m"), duration(1, "m"));
    error("suppression-duration", "alert_suppression.duration", duration(1, "d"), duration(1, "h"));
    let filter = |query: Json| json!({"filters": [{"meta": {}, "query": query}]});
    let fine = filter(json!({"term": {"host.id": "x"}}));
    error("filters", "filters.0.query.script", filter(json!({"script": {}})), fine);
    error("rule-id", "rule_id", json!({"rule_id": ""}), json!({}));
    error("name-empty", "name", json!({"name": " "}), json!({}));
    let threshold = |value: u64| json!({"type": "threshold", "threshold": {"field": ["host.id"], "value": value}});
    error("threshold-value", "threshold.value", with(threshold(0)), with(threshold(1)));
}

/// A threshold rule has no parameters of `new_terms`.
fn with(mut changes: Json) -> Json {
    let object = changes.as_object_mut().expect("an object");
    object.insert("new_terms_fields".to_owned(), Json::Null);
    object.insert("history_window_start".to_owned(), Json::Null);
    changes
}

#[test]
fn what_is_probably_not_meant_is_a_warning() {
    let warning = |code, field, changes, twin| remarks(Severity::Warning, code, field, changes, twin);
    let and = |query: &str| json!({"query": format!("auditd.data.syscall:mprotect and {query}")});
    warning("unknown-field", "query", and("process.nam:x"), and("process.name:x"));
    warning("unknown-field", "query", and("proces.*:x"), and("process.*name:x"));
    warning("unknown-field", "timestamp_override", json!({"timestamp_override": "event.ingest"}), json!({}));
    warning("value-without-field", "query", and("(process.name:x or y)"), and("process.name:(x or y)"));
    warning("query-limits-time", "query", and("@timestamp >= now-1h"), and("event.created >= now-1h"));
    warning("max-signals", "max_signals", json!({"max_signals": 1001}), json!({"max_signals": 1000}));
    warning("rule-id", "rule_id", json!({"rule_id": "r"}), json!({}));
    warning("unknown-key", "max_signal", json!({"max_signal": 5}), json!({"tags": []}));
    warning("window-gap", "from", json!({"from": "now-299s"}), json!({"from": "now-300s"}));
    warning("data-view-unknown", "data_view_id", json!({"index": null, "data_view_id": "v"}), json!({"index": null}));
    warning("new-terms-fields", "new_terms_fields", json!({"new_terms_fields": ["host.id", "host.id"]}), json!({}));
    let list =
        |kind: &str| json!({"exceptions": [[{"field": "host.id", "type": kind, "operator": "included", "list": {}}]]});
    warning("exception-not-applied", "exceptions_list", list("list"), list("exists"));
    let eql = |name: &str| with(json!({"type": name, "language": name}));
    warning("type-not-implemented", "type", eql("eql"), json!({}));
    let suppression =
        |what: Json| with(json!({"type": "threshold", "threshold": {"value": 1}, "alert_suppression": what}));
    let fine = json!({"duration": {"value": 1, "unit": "m"}});
    warning("suppression-duration", "alert_suppression", suppression(json!({})), suppression(fine));
}

#[test]
fn a_history_has_to_start_a_millisecond_before_the_window() {
    let history = |text: &str| json!({"history_window_start": text});
    for refused in ["now-9m", "now-8m", "now"] {
        let code = "history-not-before-from";
        remarks(Severity::Error, code, "history_window_start", history(refused), history("now-9m-1ms"));
    }
}

#[test]
fn audit_prerequisites_have_to_be_in_the_set_up_text() {
    let warning = |code, field, changes, twin| remarks(Severity::Warning, code, field, changes, twin);
    let setup = |text: &str| json!({"setup": text});
    let both = "-a always,exit -F arch=b64 -S mmap\n-a always,exit -S mprotect";
    warning("audit-rule-missing", "setup", setup("-a always,exit -F arch=b64 -S mmap"), setup(both));
    warning("audit-rule-missing", "setup", json!({"setup": "", "index": null}), json!({"setup": "", "index": ["x-*"]}));
    let b32 = "-a always,exit -F arch=b32 -S mprotect";
    warning("audit-rule-arch", "setup", setup(b32), setup("-w /etc/passwd -p wa"));
    let lines = "-a always,exit -F arch=b64 -S mprotect\n-a always,exit -F arch=b64 -S mprotekt";
    warning("audit-rule", "setup", setup(lines), setup(both));
    let call = |name: &str| json!({"query": format!("not auditd.data.syscall:x and auditd.data.syscall:{name}")});
    warning("syscall-unknown", "query", call("mprotekt"), call("(mprotect and not mmap)"));
}

#[test]
fn variables_have_to_be_captured() {
    let rule = |setup: &str| json!({"query": "process.env_vars:*", "index": ["logs-endpoint*"], "setup": setup});
    let warning = |code, changes, twin| remarks(Severity::Warning, code, "setup", changes, twin);
    let five = "linux.advanced.capture_env_vars = A,B,C,D,E";
    warning("capture-env-vars-missing", rule("none"), rule(five));
    warning("capture-env-vars-many", rule(&format!("{five},F")), rule(five));
}

#[test]
fn findings_say_where_in_the_file_and_name_the_nearest() {
    let (_, text) = builtin()[0];
    let text = text.replace("auditd.data.a2:7", "auditd.data.a2:7)").replace("[metadata]", "\n\n[metadata]");
    let file = read_text("f.toml", &text);
    let found = lint(&file.rules[0].rule, &context().of(&file.rules[0].source));
    assert_eq!(found.len(), 1, "{found:#?}");
    let line = 1 + text.lines().position(|line| line.contains("a2:7)")).expect("there");
    let position = found[0].position.expect("a place");
    assert_eq!(position.line, line, "{}", found[0]);
    assert!(found[0].message.contains('^'), "{}", found[0]);

    let misspelt = findings(&json!({"query": "auditd.data.syscall:mprotect and host.os.typ:linux"}));
    assert!(misspelt[0].message.contains("'host.os.type'"), "{}", misspelt[0]);
    assert!(findings(&json!({"max_signal": 5}))[0].message.contains("'max_signals'"));
    let types = findings(&json!({"type": "new_term"}));
    assert!(types.iter().any(|finding| finding.severity == Severity::Error && finding.message.contains("'new_terms'")));
}

#[test]
fn lucene_queries_are_read_as_such() {
    let rule = |query: &str| json!({"language": "lucene", "query": query});
    let fine = "auditd.data.syscall:mprotect AND process.pid:[1 TO 5]";
    remarks(Severity::Error, "query-syntax", "query", rule("a:[1 TO"), rule(fine));
    let misspelt = "auditd.data.syscal:mprotect";
    remarks(Severity::Warning, "unknown-field", "query", rule(misspelt), rule(fine));
}

#[test]
fn errors_come_first() {
    let found = findings(&json!({"max_signal": 5, "max_signals": 0, "rule_id": "r"}));
    assert!(found.is_sorted_by_key(|finding| finding.severity) && found.len() == 3, "{found:#?}");
}
