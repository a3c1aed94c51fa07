//! What Auditbeat and auditd_manager make of unusual events: the quirks of docs/fidelity.md, one test each.
//!
//! Every expectation was produced by go-libaudit 2.6.2 (with the fields that Auditbeat derives from it) for the same lines.

use firstseen_detector::audit::{AuditEvent, AuditRecord};
use firstseen_detector::ecs::{Flavour, NormaliseOptions, OriginalText, Warnings, normalise};
use serde_json::{Value, json};

const SYSCALL: &str = "arch=c000003e syscall=10 success=yes exit=0 a0=7f0 a1=1000 a2=7 a3=0 items=0 ppid=1 pid=2 auid=1000 \
    uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=(none) ses=1 comm=\"rwx\" exe=\"/opt/rwx\" key=\"rwx\"";

/// The document of one event of these records: type and text.
fn document(flavour: Flavour, records: &[(&str, &str)]) -> Value {
    let options = NormaliseOptions { warnings: Warnings::Kept, ..NormaliseOptions::bare(flavour) };
    document_with(&options, records)
}

fn document_with(options: &NormaliseOptions<'_>, records: &[(&str, &str)]) -> Value {
    let lines = records.iter().map(|(kind, text)| format!("type={kind} msg=audit(1700000000.123:42): {text}"));
    let mut event = AuditEvent::default();
    for line in lines {
        event.push(&AuditRecord::parse_line(&line).expect("a record"));
    }
    serde_json::to_value(&normalise(&event, options).fields).expect("JSON")
}

fn auditbeat(records: &[(&str, &str)]) -> Value {
    document(Flavour::Auditbeat, records)
}

/// The messages of `error.message`, sorted: upstream promises no order.
fn warnings(document: &Value) -> Vec<&str> {
    let mut messages: Vec<&str> = match &document["error"]["message"] {
        Value::Array(messages) => messages.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    };
    messages.sort_unstable();
    messages
}

fn execve<'a>(executes: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut records = vec![("SYSCALL", executes), ("EXECVE", more[0].1)];
    records.extend(&more[1..]);
    records
}

fn exec_call() -> String {
    SYSCALL.replace("syscall=10", "syscall=59")
}

#[test]
fn an_empty_argument_loses_all_arguments() {
    let call = exec_call();
    let whole = auditbeat(&execve(&call, &[("EXECVE", "argc=3 a0=\"x\" a1=\"y\" a2=\"z\"")]));
    assert_eq!((&whole["process"]["args"], &whole["auditd"]["data"]["argc"]), (&json!(["x", "y", "z"]), &json!("3")));
    let lost = auditbeat(&execve(&call, &[("EXECVE", "argc=3 a0=\"x\" a1=\"\" a2=\"z\"")]));
    assert_eq!((&lost["process"]["args"], &lost["auditd"]["data"]["argc"]), (&Value::Null, &Value::Null));
    assert_eq!(warnings(&lost), ["failed to parse EXECVE message: failed to find arg a1"]);
}

#[test]
fn oddities_and_the_text_of_records_are_shown_only_where_they_are_asked_for() {
    let call = exec_call();
    let records = execve(&call, &[("EXECVE", "argc=1 a0=\"\"")]);
    let bare = NormaliseOptions::bare(Flavour::Auditbeat);
    let shown = |options: &NormaliseOptions<'_>| {
        let document = document_with(options, &records);
        (warnings(&document).len(), document["event"]["original"].as_array().map(Vec::len))
    };
    assert_eq!(shown(&bare), (0, None), "the default: the arguments are gone and nothing says so");
    assert_eq!(shown(&NormaliseOptions { original: OriginalText::Kept, ..bare }), (0, Some(2)));
    assert_eq!(
        shown(&NormaliseOptions { warnings: Warnings::Kept, ..bare }),
        (1, Some(2)),
        "with what it complains of"
    );
}

#[test]
fn arguments_over_several_records_are_lost_and_each_continuation_warns() {
    let call = exec_call();
    let records =
        [("EXECVE", "argc=3 a0=\"x\" a1_len=8 a1[0]=41424344"), ("EXECVE", " a1[1]=45"), ("EXECVE", " a2=\"z\"")];
    let lost = auditbeat(&execve(&call, &records));
    assert_eq!((&lost["process"]["args"], &lost["auditd"]["data"]["argc"]), (&Value::Null, &Value::Null));
    let argc = "failed to parse EXECVE message: argc key not found";
    assert_eq!(warnings(&lost), [argc, argc, "failed to parse EXECVE message: failed to find arg a1"]);
}

#[test]
fn useless_values_drop_their_field_and_enriched_fields_are_cut_off() {
    let text = format!("{} subj=? old-auid=(null) x=\"\"\u{1d}ARCH=x86_64 AUID=\"root\"", SYSCALL);
    let document = auditbeat(&[("SYSCALL", &text)]);
    let data = document["auditd"]["data"].as_object().expect("data");
    for name in ["subj", "old_auid", "old-auid", "x", "ARCH", "AUID"] {
        assert!(!data.contains_key(name), "{name}");
    }
    assert_eq!(data["arch"], "x86_64");
}

#[test]
fn a_directory_is_called_a_file() {
    let call = SYSCALL.replace("syscall=10", "syscall=257");
    let path = "item=0 name=\"/etc\" inode=9 dev=08:01 mode=040755 ouid=0 ogid=0 rdev=00:00 nametype=NORMAL";
    let document = auditbeat(&[("SYSCALL", &call), ("CWD", "cwd=\"/\""), ("PATH", path)]);
    assert_eq!(document["auditd"]["summary"]["object"], json!({"primary": "/etc", "type": "file"}));
    assert_eq!(document["file"]["mode"], "0755");
}

#[test]
fn a_first_record_beside_a_system_call_names_the_event_and_both_give_categories() {
    let call = SYSCALL.replace("syscall=10", "syscall=44");
    let change = "auid=1000 ses=1 op=add_rule key=\"rwx\" list=4 res=1";
    let document = auditbeat(&[("CONFIG_CHANGE", change), ("SYSCALL", &call)]);
    assert_eq!(document["auditd"]["message_type"], "config_change");
    assert_eq!(document["event"]["action"], "changed-audit-configuration");
    assert_eq!(document["event"]["category"], json!(["process", "configuration", "network"]));
    assert_eq!(document["event"]["type"], json!(["change", "connection", "info"]));
}

#[test]
fn a_type_without_an_entry_has_a_category_of_the_old_kind_and_no_action() {
    for (kind, category) in [("BPF", "unknown"), ("EVENT_LISTENER", "unknown"), ("MMAP", "audit-rule")] {
        let document = auditbeat(&[(kind, "prog-id=7 op=LOAD")]);
        assert_eq!(document["event"]["category"], json!(category), "{kind}: a string, no list");
        assert_eq!(document["event"].get("type"), None, "{kind}");
        assert_eq!(document["event"]["action"], "", "{kind}");
        assert_eq!(warnings(&document), ["no normalization found for event"], "{kind}");
    }
    let beside = auditbeat(&[("BPF", "prog-id=7 op=LOAD"), ("SYSCALL", SYSCALL)]);
    assert_eq!(beside["event"]["category"], "unknown", "also beside a system call");
    assert!(warnings(&beside).contains(&"no normalization found for event"));
}

#[test]
fn an_entry_without_an_ecs_part_has_a_category_of_the_old_kind_unless_a_system_call_gives_one() {
    let typed = "tty pid=2 uid=0 auid=1000 ses=1 major=136 minor=0 comm=\"bash\" data=6C730A";
    assert_eq!(auditbeat(&[("TTY", typed)])["event"]["category"], "TTY");
    assert_eq!(auditbeat(&[("TTY", typed), ("SYSCALL", SYSCALL)])["event"]["category"], json!(["process"]));
}

#[test]
fn an_anomaly_is_an_event_and_no_alert() {
    let document = auditbeat(&[("ANOM_ABEND", "auid=1000 uid=0 gid=0 ses=1 pid=2 comm=\"x\" exe=\"/x\" sig=11 res=1")]);
    assert_eq!(document["event"]["kind"], "event");
    assert_eq!(document["event"]["action"], "crashed-program");
    assert_eq!(document["auditd"]["data"]["sig"], "11", "names are given to SECCOMP records only");
}

#[test]
fn several_records_without_a_system_call_give_nothing_but_an_error() {
    let document = auditbeat(&[("CWD", "cwd=\"/\""), ("PROCTITLE", "proctitle=\"x\"")]);
    assert_eq!(warnings(&document), ["missing syscall message in compound event"]);
    assert_eq!((document.get("process"), document.get("auditd")), (None, None));
}

#[test]
fn a_key_of_two_records_is_kept_from_the_first() {
    let document = auditbeat(&[("SYSCALL", SYSCALL), ("MMAP", "fd=3 flags=0x22 exit=9")]);
    assert_eq!(document["auditd"]["data"]["exit"], "0");
    assert_eq!(warnings(&document), ["duplicate key (exit) from MMAP message"]);
}

#[test]
fn hyphens_become_underscores_in_the_integration_only() {
    let login = "pid=9 uid=0 old-auid=4294967295 auid=0 tty=(none) old-ses=4294967295 ses=7 res=1";
    let beat = auditbeat(&[("LOGIN", login)]);
    let integration = document(Flavour::AuditdManager, &[("LOGIN", login)]);
    assert_eq!(
        (&beat["auditd"]["data"]["old-ses"], &integration["auditd"]["data"]["old_ses"]),
        (&json!("4294967295"), &json!("4294967295")),
        "only of accounts and of the own session it is said that they are unset"
    );
}

#[test]
fn a_socket_address_is_a_destination_of_what_sends_and_a_source_of_what_receives() {
    let saddr = "saddr=020000350A0000010000000000000000";
    for (number, side, direction) in [
        (42, "destination", "egress"),
        (44, "destination", "egress"),
        (43, "source", "ingress"),
        (45, "source", "ingress"),
    ] {
        let call = SYSCALL.replace("syscall=10", &format!("syscall={number}"));
        let document = auditbeat(&[("SYSCALL", &call), ("SOCKADDR", saddr)]);
        assert_eq!(document[side], json!({"ip": "10.0.0.1", "port": "53"}), "{number}");
        assert_eq!(document["network"]["direction"], direction, "{number}");
        assert_eq!(document["auditd"]["data"]["socket"], json!({"family": "ipv4", "addr": "10.0.0.1", "port": "53"}));
    }
}

#[test]
fn a_program_is_what_acted_unless_it_is_an_interpreter_in_usr_bin() {
    for (exe, how) in [
        ("/opt/rwx", "/opt/rwx"),
        ("/usr/bin/python3.11", "rwx"),
        ("/usr/bin/bash", "rwx"),
        ("/usr/bin/perl", "rwx"),
        ("/bin/bash", "/bin/bash"),
        ("/usr/bin/ruby", "/usr/bin/ruby"),
    ] {
        let call = SYSCALL.replace("/opt/rwx", exe);
        let document = auditbeat(&[("SYSCALL", &call)]);
        assert_eq!((&document["auditd"]["summary"]["how"], &document["process"]["name"]), (&json!(how), &json!("rwx")));
    }
}

#[test]
fn an_account_that_is_unset_has_no_field() {
    let unset = SYSCALL.replace("auid=1000", "auid=4294967295").replace("ses=1", "ses=4294967295");
    for (call, session, audit) in [(SYSCALL, json!("1"), json!({"id": "1000"})), (&unset, Value::Null, Value::Null)] {
        let document = auditbeat(&[("SYSCALL", call)]);
        assert_eq!((&document["auditd"]["session"], &document["user"]["audit"]), (&session, &audit));
        assert_eq!(document["user"]["id"], "0");
    }
}

#[test]
fn a_failed_exec_is_a_start_with_an_errno_name_and_the_callers_process() {
    let call = exec_call().replace("success=yes exit=0", "success=no exit=-2");
    let document = auditbeat(&[("SYSCALL", &call), ("PROCTITLE", "proctitle=2F6F70742F727778002D78")]);
    let event = &document["event"];
    assert_eq!(
        (&event["action"], &event["outcome"], &event["type"]),
        (&json!("executed"), &json!("failure"), &json!(["start"]))
    );
    assert_eq!(document["auditd"]["data"]["exit"], "ENOENT");
    assert_eq!(document["process"]["executable"], "/opt/rwx");
    assert_eq!(document["process"]["title"], "/opt/rwx -x");
    assert_eq!(document["process"].get("args"), None);
}

#[test]
fn a_protecting_call_is_a_process_event_without_an_action_and_its_numbers_are_texts() {
    let beat = auditbeat(&[("SYSCALL", SYSCALL), ("PROCTITLE", "proctitle=\"rwx\"")]);
    let integration = document(Flavour::AuditdManager, &[("SYSCALL", SYSCALL), ("PROCTITLE", "proctitle=\"rwx\"")]);
    for document in [&beat, &integration] {
        assert_eq!(document["event"]["category"], json!(["process"]));
        assert_eq!(document["event"]["type"], json!(["info"]));
        assert_eq!(document["auditd"]["data"]["a2"], "7");
        assert_eq!(document["auditd"]["data"]["syscall"], "mprotect");
        assert_eq!(document["auditd"]["data"].get("items"), None);
        assert_eq!(document["process"]["pid"], 2);
        assert_eq!(document["tags"], json!(["rwx"]));
    }
    assert_eq!((&beat["event"]["action"], integration["event"].get("action")), (&json!(""), None));
    assert_eq!((&beat["auditd"]["sequence"], &integration["event"]["sequence"]), (&json!(42), &json!(42)));
    assert_eq!(integration["event"]["dataset"], "auditd_manager.auditd");
    assert_eq!(beat["event"].get("dataset"), None);
}
