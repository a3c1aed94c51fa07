//! Executions -> the process documents that Elastic Defend would have indexed (`logs-endpoint.events.process*`).
//!
//! Field by field as its package documents them. The sensor itself is closed: where only behaviour is known, the shape is the
//! one that Elastic's rules ask for (docs/fidelity.md).

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use compact_str::{CompactString, ToCompactString};

use crate::audit::Accounts;
use crate::exec::ExecEvent;
use crate::time::Millis;

use super::{Agent, ContentId, EcsDocument, Fields, HostInfo, Value, iso};

/// Makes the document of one execution.
///
/// `sequence` is the number of the event at its sensor; `_id` and `event.id` follow from the event, the host and this number.
#[must_use]
pub fn exec_document(event: &ExecEvent, sequence: u32, options: &EndpointOptions<'_>) -> EcsDocument {
    let mut fields = Fields::with_capacity(72);
    let id = id_of(event, sequence, options.host);
    write_event(&mut fields, event, sequence, &id, options);
    options.host.write(&mut fields);
    options.agent.write("endpoint", &mut fields);
    put(&mut fields, "elastic.agent.id", options.agent.id.as_str());
    write_process(&mut fields, event, options);
    write_parent(&mut fields, event, options);
    write_accounts(&mut fields, event, options.accounts);
    let captured = options.capture.captured(&event.env);
    if !captured.is_empty() {
        put(&mut fields, "process.env_vars", captured);
    }
    EcsDocument { index: CompactString::const_new(INDEX), id, fields }
}

/// `_index`
const INDEX: &str = "logs-endpoint.events.process-default";

/// What a document depends on besides the execution.
#[derive(Clone, Copy, Debug)]
pub struct EndpointOptions<'a> {
    /// The machine.
    pub host: &'a HostInfo,
    /// The sensor's own identity, which is part of every `process.entity_id`.
    pub agent: &'a Agent,
    /// Which environment variables are kept.
    pub capture: &'a CaptureEnvVars,
    /// Names of users and groups.
    pub accounts: &'a Accounts,
    /// `event.ingested`; the time of the event if absent.
    pub ingested: Option<Millis>,
}

/// The policy setting `linux.advanced.capture_env_vars`: exact names of environment variables, at most five.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaptureEnvVars(Vec<String>);

/// A setting that the policy would not take.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{count} environment variables are to be captured, at most {MAX_NAMES} are possible")]
pub struct CaptureEnvVarsError {
    /// How many names were given.
    pub count: usize,
}

const MAX_NAMES: usize = 5;
/// Longer names are not captured.
const MAX_NAME_BYTES: usize = 63;
/// Longer values are not captured; they are not cut either.
const MAX_VALUE_BYTES: usize = 1023;

/// What Elastic's preload rules ask for.
impl Default for CaptureEnvVars {
    fn default() -> CaptureEnvVars {
        CaptureEnvVars(vec!["LD_PRELOAD".to_owned(), "LD_LIBRARY_PATH".to_owned()])
    }
}

impl CaptureEnvVars {
    /// Reads the setting: names with commas between them; nothing captures nothing, which is the product's own default.
    ///
    /// # Errors
    /// With more than five names.
    pub fn parse(setting: &str) -> Result<CaptureEnvVars, CaptureEnvVarsError> {
        let names: Vec<String> =
            setting.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
        if names.len() > MAX_NAMES {
            return Err(CaptureEnvVarsError { count: names.len() });
        }
        Ok(CaptureEnvVars(names))
    }

    /// The names.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.0
    }

    /// The `NAME=value` entries of an environment that are kept, in its order.
    #[must_use]
    pub fn captured(&self, env: &[OsString]) -> Vec<String> {
        let kept = |entry: &&OsString| {
            let entry = entry.as_bytes();
            let Some(equals) = entry.iter().position(|byte| *byte == b'=') else { return false };
            let (name, value) = (&entry[..equals], &entry[equals + 1..]);
            let wanted = self.0.iter().any(|wanted| wanted.as_bytes() == name);
            wanted && name.len() <= MAX_NAME_BYTES && value.len() <= MAX_VALUE_BYTES
        };
        env.iter().filter(kept).map(|entry| entry.to_string_lossy().into_owned()).collect()
    }
}

fn put(fields: &mut Fields, field: &'static str, value: impl Into<Value>) {
    fields.push(CompactString::const_new(field), value);
}

fn id_of(event: &ExecEvent, sequence: u32, host: &HostInfo) -> CompactString {
    let mut id = ContentId::new(INDEX);
    id.add(host.id.as_bytes());
    id.add(event.executable.as_os_str().as_bytes());
    event.argv.iter().chain(&event.env).for_each(|text| id.add(text.as_bytes()));
    id.add(&event.pid.to_le_bytes());
    id.add(&event.start_ticks.to_le_bytes());
    id.finish(event.time, sequence)
}

fn write_event(
    fields: &mut Fields,
    event: &ExecEvent,
    sequence: u32,
    id: &CompactString,
    options: &EndpointOptions<'_>,
) {
    let time = iso(event.time);
    put(fields, "@timestamp", time.clone());
    put(fields, "message", "Endpoint process event");
    put(fields, "ecs.version", "8.10.0");
    put(fields, "data_stream.type", "logs");
    put(fields, "data_stream.dataset", "endpoint.events.process");
    put(fields, "data_stream.namespace", "default");
    put(fields, "event.kind", "event");
    put(fields, "event.category", vec!["process"]);
    put(fields, "event.type", vec!["start"]);
    put(fields, "event.action", "exec");
    put(fields, "event.outcome", "unknown");
    put(fields, "event.module", "endpoint");
    put(fields, "event.dataset", "endpoint.events.process");
    put(fields, "event.id", id.clone());
    put(fields, "event.sequence", i64::from(sequence));
    put(fields, "event.created", time);
    put(fields, "event.ingested", iso(options.ingested.unwrap_or(event.time)));
    put(fields, "event.agent_id_status", "verified");
}

fn write_process(fields: &mut Fields, event: &ExecEvent, options: &EndpointOptions<'_>) {
    put(fields, "process.entity_id", entity_id(options.agent, event.pid, event.start_ticks));
    put(fields, "process.pid", i64::from(event.pid));
    put(fields, "process.name", base_name(event.executable.as_os_str()));
    put(fields, "process.executable", lossy(event.executable.as_os_str()));
    put(fields, "process.args", texts(&event.argv));
    put(fields, "process.args_count", event.argv.len() as i64);
    put(fields, "process.command_line", command_line(&event.argv));
    put(fields, "process.working_directory", lossy(event.cwd.as_os_str()));
    put(fields, "process.start", iso(event.time));
}

fn write_parent(fields: &mut Fields, event: &ExecEvent, options: &EndpointOptions<'_>) {
    let parent = &event.parent;
    if parent.pid == 0 {
        return; // the parent lives in another pid namespace, or is gone
    }
    let parent_id = entity_id(options.agent, parent.pid, parent.start_ticks);
    put(fields, "process.parent.entity_id", parent_id.clone());
    put(fields, "process.Ext.ancestry", vec![parent_id]);
    put(fields, "process.parent.pid", i64::from(parent.pid));
    if let Some(executable) = &parent.executable {
        put(fields, "process.parent.name", base_name(executable.as_os_str()));
        put(fields, "process.parent.executable", lossy(executable.as_os_str()));
    }
    if !parent.argv.is_empty() {
        put(fields, "process.parent.args", texts(&parent.argv));
        put(fields, "process.parent.args_count", parent.argv.len() as i64);
        put(fields, "process.parent.command_line", command_line(&parent.argv));
    }
}

/// The effective ids are the process's own; the real ones stand beside them. Ids are texts.
fn write_accounts(fields: &mut Fields, event: &ExecEvent, accounts: &Accounts) {
    let ids = event.ids;
    let users = [
        (ids.euid, ["user.id", "user.name"]),
        (ids.euid, ["process.user.id", "process.user.name"]),
        (ids.uid, ["process.real_user.id", "process.real_user.name"]),
    ];
    let groups = [
        (ids.egid, ["group.id", "group.name"]),
        (ids.egid, ["process.group.id", "process.group.name"]),
        (ids.gid, ["process.real_group.id", "process.real_group.name"]),
    ];
    let users = users.map(|(id, names)| (id, accounts.user(id), names));
    let groups = groups.map(|(id, names)| (id, accounts.group(id), names));
    for (id, known, [id_field, name_field]) in users.into_iter().chain(groups) {
        put(fields, id_field, id.to_compact_string());
        if let Some(known) = known {
            put(fields, name_field, known);
        }
    }
}

/// Opaque and stable for a process: base64 of `AGENT-PID-START`, the start in seconds since boot.
fn entity_id(agent: &Agent, pid: i32, start_ticks: u64) -> String {
    // /proc counts in USER_HZ, which is 100 on every machine that Linux runs on today.
    STANDARD.encode(format!("{}-{pid}-{}.{:02}", agent.id, start_ticks / 100, start_ticks % 100))
}

fn command_line(argv: &[OsString]) -> String {
    argv.iter().map(|arg| arg.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

fn texts(argv: &[OsString]) -> Value {
    Value::List(argv.iter().map(|arg| Value::from(&*arg.to_string_lossy())).collect())
}

fn base_name(path: &OsStr) -> String {
    let path = path.to_string_lossy();
    path.rsplit('/').next().unwrap_or(&path).to_owned()
}

fn lossy(text: &OsStr) -> String {
    text.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::{Ids, ParentProcess};

    fn event(env: &[&str]) -> ExecEvent {
        ExecEvent {
            time: Millis(1_795_337_123_359),
            pid: 77,
            start_ticks: 12345,
            executable: "/opt/acme/updater".into(),
            argv: vec!["updater".into(), "--check now".into()],
            env: env.iter().map(OsString::from).collect(),
            cwd: "/opt/acme".into(),
            ids: Ids { uid: 1000, euid: 0, gid: 1000, egid: 0 },
            parent: ParentProcess {
                pid: 5,
                start_ticks: 7,
                executable: Some("/usr/bin/sh".into()),
                argv: vec!["sh".into(), "-c".into(), "x".into()],
            },
        }
    }

    fn document(event: &ExecEvent, capture: &CaptureEnvVars) -> EcsDocument {
        let host = HostInfo::named("web-1");
        let accounts = Accounts::none().with_user(0, "root").with_user(1000, "alice").with_group(0, "root");
        let options =
            EndpointOptions { host: &host, agent: &Agent::of(&host), capture, accounts: &accounts, ingested: None };
        exec_document(event, 3, &options)
    }

    fn env_vars(env: &[&str], setting: &str) -> Option<Value> {
        document(&event(env), &CaptureEnvVars::parse(setting).expect("valid")).fields.get("process.env_vars").cloned()
    }

    #[test]
    fn a_document_has_what_the_preload_rule_asks_for() {
        let document = document(&event(&["PATH=/bin", "LD_PRELOAD=/tmp/x.so"]), &CaptureEnvVars::default());
        assert_eq!(document.index, "logs-endpoint.events.process-default");
        let fields = &document.fields;
        assert_eq!(fields.get("event.category"), Some(&Value::from(vec!["process"])));
        assert_eq!(fields.get("event.type"), Some(&Value::from(vec!["start"])));
        assert_eq!((fields.text("event.action"), fields.text("host.os.type")), (Some("exec"), Some("linux")));
        assert_eq!(fields.get("process.env_vars"), Some(&Value::from(vec!["LD_PRELOAD=/tmp/x.so"])));
        assert_eq!(fields.text("process.name"), Some("updater"));
        assert_eq!(fields.text("process.command_line"), Some("updater --check now"));
        assert_eq!(fields.get("process.args_count"), Some(&Value::Integer(2)));
        assert_eq!((fields.text("user.name"), fields.text("process.real_user.name")), (Some("root"), Some("alice")));
        assert_eq!((fields.text("process.parent.name"), fields.text("group.id")), (Some("sh"), Some("0")));
        assert_eq!(fields.get("process.real_group.name"), None);
    }

    #[test]
    fn without_one_of_the_names_the_field_is_absent() {
        assert_eq!(env_vars(&["PATH=/bin"], "LD_PRELOAD"), None);
        assert_eq!(env_vars(&["LD_PRELOAD=/x"], ""), None);
        assert_eq!(env_vars(&["LD_PRELOAD=/x"], "ld_preload"), None);
        assert_eq!(env_vars(&["LD_PRELOAD_X=/x", "XLD_PRELOAD=/x", "LD_PRELOAD"], "LD_PRELOAD"), None);
    }

    #[test]
    fn an_empty_value_is_captured() {
        assert_eq!(env_vars(&["LD_PRELOAD="], "LD_PRELOAD"), Some(Value::from(vec!["LD_PRELOAD="])));
    }

    #[test]
    fn values_are_whole_and_in_the_order_of_the_environment() {
        let env = ["LD_LIBRARY_PATH=/a:/b", "X=1", "LD_PRELOAD=a.so:b.so"];
        let expected = vec!["LD_LIBRARY_PATH=/a:/b", "LD_PRELOAD=a.so:b.so"];
        assert_eq!(env_vars(&env, "LD_PRELOAD,LD_LIBRARY_PATH"), Some(Value::from(expected)));
    }

    #[test]
    fn names_and_values_over_their_limits_are_not_captured() {
        for (name, value, captured) in [(10, 1023, true), (10, 1024, false), (63, 1, true), (64, 1, false)] {
            let name = "N".repeat(name);
            let entry = format!("{name}={}", "v".repeat(value));
            assert_eq!(env_vars(&[&entry], &name).is_some(), captured, "{name}, {value}");
        }
    }

    #[test]
    fn a_sixth_name_is_refused() {
        assert!(CaptureEnvVars::parse("A,B, C,D,E,").is_ok());
        assert_eq!(CaptureEnvVars::parse("A,B,C,D,E,F"), Err(CaptureEnvVarsError { count: 6 }));
    }

    #[test]
    fn a_process_and_the_parent_in_its_child_have_one_entity_id() {
        let parent = event(&[]);
        let mut child = event(&[]);
        (child.pid, child.parent.pid, child.parent.start_ticks) = (78, parent.pid, parent.start_ticks);
        let capture = CaptureEnvVars::default();
        let id = document(&parent, &capture).fields.text("process.entity_id").map(str::to_owned);
        assert_eq!(document(&child, &capture).fields.text("process.parent.entity_id"), id.as_deref());
        assert_ne!(document(&child, &capture).fields.text("process.entity_id"), id.as_deref());
    }

    #[test]
    fn ids_depend_on_the_event_alone() {
        let capture = CaptureEnvVars::default();
        assert_eq!(document(&event(&["A=1"]), &capture).id, document(&event(&["A=1"]), &capture).id);
        assert_ne!(document(&event(&["A=1"]), &capture).id, document(&event(&["A=2"]), &capture).id);
    }
}
