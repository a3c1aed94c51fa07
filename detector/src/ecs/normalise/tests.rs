//! Whole documents of both flavours.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::fields::normalise;
use super::{Flavour, NormaliseOptions};
use crate::audit::{Accounts, AuditEvent, AuditRecord};
use crate::ecs::{Agent, EcsDocument, HostInfo, Value};
use crate::time::Millis;

const MPROTECT: [&str; 2] = [
    "type=SYSCALL msg=audit(1795337123.359:215473): arch=c000003e syscall=10 success=yes exit=0 a0=7f29 a1=1000 a2=7 a3=ff items=0 \
     ppid=4042 pid=4043 auid=1000 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 sgid=0 fsgid=0 tty=(none) ses=1 comm=\"rwx\" \
     exe=\"/opt/probe/rwx\" key=\"rwx\"",
    "type=PROCTITLE msg=audit(1795337123.359:215473): proctitle=2E2F727778006D70726F7465637437",
];

fn event(lines: &[&str]) -> AuditEvent {
    let mut event = AuditEvent::default();
    for line in lines {
        event.push(&AuditRecord::parse_line(line).expect("a record"));
    }
    event
}

fn document(lines: &[&str], flavour: Flavour) -> EcsDocument {
    let host = HostInfo::named("web-1");
    let (agent, accounts) = (Agent::of(&host), Accounts::none().with_user(0, "root").with_user(1000, "alice"));
    let options = NormaliseOptions {
        host: Some(&host),
        agent: Some(&agent),
        accounts: Some(&accounts),
        ingested: Some(Millis(1_795_337_124_000)),
        ..NormaliseOptions::bare(flavour)
    };
    normalise(&event(lines), &options)
}

#[test]
fn the_memory_rule_finds_what_it_asks_for_in_both_flavours() {
    for (flavour, index) in
        [(Flavour::Auditbeat, "auditbeat-9.0.0"), (Flavour::AuditdManager, "logs-auditd_manager.auditd-default")]
    {
        let EcsDocument { index: got, fields, .. } = document(&MPROTECT, flavour);
        assert_eq!(got, index);
        assert_eq!(fields.get("event.category"), Some(&Value::from(vec!["process"])));
        for (field, text) in [
            ("host.os.type", "linux"),
            ("auditd.data.syscall", "mprotect"),
            ("auditd.data.a2", "7"),
            ("process.executable", "/opt/probe/rwx"),
            ("process.title", "./rwx mprotect7"),
            ("event.outcome", "success"),
            ("@timestamp", "2026-11-22T08:45:23.359Z"),
            ("auditd.summary.actor.primary", "alice"),
        ] {
            assert_eq!(fields.text(field), Some(text), "{field}");
        }
        assert_eq!(fields.get("process.pid"), Some(&Value::Integer(4043)));
    }
}

#[test]
fn the_flavours_differ_where_the_pipeline_changes_something() {
    let (beat, agent) =
        (document(&MPROTECT, Flavour::Auditbeat).fields, document(&MPROTECT, Flavour::AuditdManager).fields);
    assert_eq!((beat.text("event.action"), agent.get("event.action")), (Some(""), None));
    assert_eq!(
        (beat.get("auditd.sequence"), agent.get("event.sequence")),
        (Some(&Value::Integer(215_473)), Some(&Value::Integer(215_473)))
    );
    assert_eq!((beat.get("event.ingested"), agent.text("event.ingested")), (None, Some("2026-11-22T08:45:24.000Z")));
    assert_eq!((beat.text("user.audit.name"), agent.text("auditd.user.audit.name")), (Some("alice"), Some("alice")));
    assert_eq!((beat.get("event.dataset"), agent.text("data_stream.dataset")), (None, Some("auditd_manager.auditd")));
}

#[test]
fn an_effective_user_is_kept_only_if_it_is_another() {
    let other = MPROTECT[0].replace("euid=0", "euid=1000");
    let with = document(&[&other, MPROTECT[1]], Flavour::AuditdManager).fields;
    assert_eq!((with.text("user.effective.id"), with.text("user.effective.group.id")), (Some("1000"), Some("0")));
    let without = document(&MPROTECT, Flavour::AuditdManager).fields;
    assert!(without.iter().all(|(name, _)| !name.starts_with("user.effective")));
}

#[test]
fn a_value_that_is_no_number_is_the_pipelines_failure() {
    let record = "type=USER msg=audit(1.002:3): rport=x pid=1";
    let fields = document(&[record], Flavour::AuditdManager).fields;
    assert_eq!((fields.text("event.kind"), fields.text("auditd.data.rport")), (Some("pipeline_error"), Some("x")));
    assert_eq!(document(&[record], Flavour::Auditbeat).fields.text("event.kind"), Some("event"));
}

#[test]
fn several_records_without_a_system_call_make_a_document_that_says_so() {
    let records = ["type=CWD msg=audit(1.002:3): cwd=\"/\"", "type=PROCTITLE msg=audit(1.002:3): proctitle=\"x\""];
    let beat = document(&records, Flavour::Auditbeat).fields;
    assert_eq!(beat.text("error.message"), Some("missing syscall message in compound event"));
    assert!(beat.get("event.original").is_some() && beat.get("event.category").is_none());
    let agent = document(&records, Flavour::AuditdManager).fields;
    assert_eq!(agent.text("auditd.warnings"), Some("missing syscall message in compound event"));
}

#[test]
fn two_spellings_of_a_name_are_one_field_in_the_integration() {
    let record = "type=USER msg=audit(1.002:3): old-ses=1 old_ses=2 old-auid=3 old_auid=4";
    let names = |flavour| document(&[record], flavour).fields.iter().filter(|(name, _)| name.contains("old")).count();
    assert_eq!((names(Flavour::Auditbeat), names(Flavour::AuditdManager)), (4, 2));
}

proptest! {
    #[test]
    fn whatever_a_record_says_a_document_has_each_field_once(
        kinds in prop::collection::vec(prop::sample::select(vec![
            "SYSCALL", "PATH", "CWD", "EXECVE", "PROCTITLE", "SOCKADDR", "LOGIN", "USER_LOGIN", "AVC", "CONFIG_CHANGE", "SECCOMP", "BPF",
        ]), 1..5),
        fields in prop::collection::vec(
            ("arch|syscall|exit|success|exe|comm|a[0-9]|argc|[a-z]?[ug]id|old[-_]auid|old[-_]ses|saddr|name|mode|id|rport|subj|key|msg|[a-z_-]{1,6}",
             "c000003e|59|42|-13|yes|\"[a-z ]{0,5}\"|'[a-z= ]{0,9}'|[0-9A-F]{0,24}|unset|4294967295|\\PC{0,6}"),
            0..24,
        ),
    ) {
        let body: Vec<String> = fields.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let lines: Vec<String> = kinds.iter().map(|kind| format!("type={kind} msg=audit(1.002:3): {}", body.join(" "))).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        for flavour in [Flavour::Auditbeat, Flavour::AuditdManager] {
            let made = document(&lines, flavour);
            let names: BTreeSet<&str> = made.fields.iter().map(|(name, _)| name).collect();
            prop_assert_eq!(names.len(), made.fields.len());
            prop_assert!(serde_json::to_string(&made).is_ok());
            prop_assert_eq!(made, document(&lines, flavour));
        }
    }
}
