//! [`CoalescedEvent`] -> fields, as Auditbeat's auditd module makes them.

use std::borrow::Cow;

use compact_str::CompactString;

use crate::audit::{AuditEvent, MalformedLine, RawRecord, Reassembler, ReassemblerConfig, RecordType};
use crate::ecs::{ContentId, EcsDocument, Fields, Value, iso};

use super::accounts::{group_name, user_name};
use super::coalesced::{Address, CoalescedEvent, File, Process, Summary};
use super::integration;
use super::names::{below, data_field, is_number, name, socket_field};
use super::options::{Flavour, NormaliseOptions, OriginalText};
use super::pairs::Pairs;

/// Makes the document of an event.
///
/// Its `_id` is a function of the records, the flavour and the host alone.
#[must_use]
pub fn normalise(event: &AuditEvent, options: &NormaliseOptions<'_>) -> EcsDocument {
    let mut writer = Writer { options, fields: Fields::with_capacity(72), failure: None };
    writer.envelope(event);
    match CoalescedEvent::of(event, options.warnings) {
        Ok(coalesced) => {
            writer.event(&coalesced);
            writer.summary(&coalesced.summary);
            let related = writer.accounts(&coalesced);
            writer.process(&coalesced.process);
            writer.file(coalesced.file.as_ref());
            writer.address("source", coalesced.source.as_ref());
            writer.address("destination", coalesced.destination.as_ref());
            if let Some(direction) = coalesced.direction {
                writer.put("network.direction", direction);
            }
            writer.related(related);
            writer.paths(&coalesced.paths);
            writer.warnings(&coalesced.warnings);
            // A document that complains shows what it complains of.
            if options.original == OriginalText::Kept || !coalesced.warnings.is_empty() {
                writer.original(event);
            }
            writer.data(coalesced.data, coalesced.socket);
            writer.tags(&coalesced.tags);
        }
        Err(reason) => {
            let field = if options.flavour == Flavour::AuditdManager { "auditd.warnings" } else { "error.message" };
            writer.put(field, reason.to_string());
            writer.original(event);
        }
    }
    let Writer { mut fields, failure, .. } = writer;
    if let Some(reason) = failure {
        integration::fail(&mut fields, reason);
    }
    EcsDocument { index: name(options.flavour.index()), id: id_of(event, options), fields }
}

/// Makes the documents of records as a sensor hands them out: reassembled with the usual rules, in the order of completion.
///
/// # Errors
/// At the first record that is malformed. Kernel records never are.
pub fn normalise_records(
    records: &[RawRecord],
    options: &NormaliseOptions<'_>,
) -> Result<Vec<EcsDocument>, MalformedLine> {
    let mut reassembler = Reassembler::new(ReassemblerConfig::default());
    let mut documents = Vec::new();
    for record in records.iter().filter(|record| record.record_type != RecordType::REPLACE) {
        let record = record.try_into()?;
        reassembler.push(&record, |event| documents.push(normalise(event, options)));
    }
    reassembler.finish(|event| documents.push(normalise(event, options)));
    Ok(documents)
}

fn id_of(event: &AuditEvent, options: &NormaliseOptions<'_>) -> CompactString {
    let mut id = ContentId::new(options.flavour.index());
    id.add(options.host.map_or(b"", |host| host.id.as_bytes()));
    event.records().for_each(|record| id.add(record.text.as_bytes()));
    id.finish(event.time(), event.serial())
}

/// A document on its way.
pub(super) struct Writer<'o> {
    pub(super) options: &'o NormaliseOptions<'o>,
    pub(super) fields: Fields,
    /// The first thing at which the integration's pipeline fails.
    failure: Option<String>,
}

impl Writer<'_> {
    fn put(&mut self, field: &'static str, value: impl Into<Value>) {
        self.fields.push(name(field), value);
    }

    /// A text that Auditbeat writes even if it is empty, and the integration's pipeline then removes.
    fn put_text(&mut self, field: &'static str, text: &str) {
        if !text.is_empty() || self.options.flavour == Flavour::Auditbeat {
            self.put(field, text);
        }
    }

    /// A text, unless it is empty.
    fn put_known(&mut self, field: &'static str, text: &str) {
        if !text.is_empty() {
            self.put(field, text);
        }
    }

    /// What the shipper adds to every document.
    fn envelope(&mut self, event: &AuditEvent) {
        self.put("@timestamp", iso(event.time()));
        self.put("event.module", "auditd");
        self.put("service.type", "auditd");
        if self.options.flavour == Flavour::AuditdManager {
            self.put("event.dataset", "auditd_manager.auditd");
            self.put("data_stream.type", "logs");
            self.put("data_stream.dataset", "auditd_manager.auditd");
            self.put("data_stream.namespace", "default");
            self.put("ecs.version", "8.11.0");
            if let Some(ingested) = self.options.ingested {
                self.put("event.ingested", iso(ingested));
            }
        } else {
            self.put("ecs.version", "8.0.0");
        }
        if let Some(host) = self.options.host {
            host.write(&mut self.fields);
        }
        if let Some(agent) = self.options.agent {
            agent.write("auditbeat", &mut self.fields);
        }
    }

    fn event(&mut self, event: &CoalescedEvent<'_>) {
        self.put("event.kind", "event");
        let list = |values: [&'static [String]; 2]| {
            Value::List(values.into_iter().flatten().map(|value| Value::Text(name(value))).collect())
        };
        let is_empty = |values: [&[String]; 2]| values.iter().all(|values| values.is_empty());
        if is_empty(event.ecs.category) {
            self.put("event.category", event.category);
        } else {
            self.put("event.category", list(event.ecs.category));
        }
        if !is_empty(event.ecs.types) {
            self.put("event.type", list(event.ecs.types));
        }
        self.put_text("event.action", event.summary.action);
        let outcome = if event.result == "fail" { "failure" } else { &*event.result };
        self.put_text("event.outcome", event.ecs.outcome.unwrap_or(outcome));
        let lower = match event.record_type {
            RecordType::SYSCALL => name("syscall"),
            other => CompactString::from(other.to_string().to_ascii_lowercase()),
        };
        self.put("auditd.message_type", lower);
        self.put_text("auditd.result", &event.result);
        if event.session != "unset" {
            self.put_text("auditd.session", &event.session);
        }
        let sequence =
            if self.options.flavour == Flavour::AuditdManager { "event.sequence" } else { "auditd.sequence" };
        self.put(sequence, i64::from(event.serial));
    }

    fn summary(&mut self, summary: &Summary<'_>) {
        let accounts = self.options.accounts;
        let user = |text: &'_ str| accounts.and_then(|accounts| user_name(accounts, text));
        self.put_known("auditd.summary.actor.primary", user(&summary.actor_primary).unwrap_or(&summary.actor_primary));
        self.put_known(
            "auditd.summary.actor.secondary",
            user(&summary.actor_secondary).unwrap_or(&summary.actor_secondary),
        );
        self.put_known("auditd.summary.object.primary", &summary.object_primary);
        self.put_known("auditd.summary.object.secondary", &summary.object_secondary);
        self.put_known("auditd.summary.object.type", summary.object_type);
        self.put_known("auditd.summary.how", &summary.how);
    }

    fn related(&mut self, mut users: Vec<CompactString>) {
        if !users.is_empty() {
            users.sort_unstable();
            users.dedup();
            self.put("related.user", users);
        }
    }

    fn process(&mut self, process: &Process<'_>) {
        if let Ok(pid) = process.pid.parse::<i64>() {
            self.put("process.pid", pid);
        }
        if let Ok(pid) = process.ppid.parse::<i64>() {
            self.put("process.parent.pid", pid);
        }
        self.put_known("process.title", &process.title);
        self.put_known("process.name", &process.name);
        self.put_known("process.executable", &process.exe);
        self.put_known("process.working_directory", &process.cwd);
        if !process.args.is_empty() {
            self.put("process.args", Value::List(process.args.iter().map(|arg| Value::from(&**arg)).collect()));
        }
    }

    fn file(&mut self, file: Option<&File<'_>>) {
        let Some(file) = file else { return };
        let accounts = self.options.accounts;
        self.put_known("file.path", &file.path);
        self.put_known("file.device", &file.device);
        self.put_known("file.inode", &file.inode);
        self.put_known("file.mode", &file.mode);
        self.put_known("file.uid", &file.uid);
        self.put_known("file.gid", &file.gid);
        self.put_known("file.owner", accounts.and_then(|accounts| user_name(accounts, &file.uid)).unwrap_or_default());
        self.put_known("file.group", accounts.and_then(|accounts| group_name(accounts, &file.gid)).unwrap_or_default());
        let root = if self.options.flavour == Flavour::AuditdManager { "auditd.file.selinux" } else { "file.selinux" };
        for (part, value) in file.selinux.iter() {
            self.fields.push(below(root, part, self.options.flavour), &**value);
        }
    }

    fn address(&mut self, end: &'static str, address: Option<&Address<'_>>) {
        let Some(address) = address else { return };
        let integration = self.options.flavour == Flavour::AuditdManager;
        let [ip, port, path] = match (end, integration) {
            ("source", false) => ["source.ip", "source.port", "source.path"],
            ("source", true) => ["source.ip", "source.port", "source.address"],
            (_, false) => ["destination.ip", "destination.port", "destination.path"],
            (_, true) => ["destination.ip", "destination.port", "destination.address"],
        };
        self.put_known(ip, &address.ip);
        self.put_known(path, &address.path);
        if !address.port.is_empty() {
            let value = self.number_or_text(integration, &address.port);
            self.put(port, value);
        }
    }

    fn paths(&mut self, paths: &[Pairs<'_>]) {
        if paths.is_empty() {
            return;
        }
        let object = |path: &Pairs<'_>| {
            let mut fields = Fields::with_capacity(16);
            path.iter().for_each(|(key, value)| fields.push(CompactString::new(key), &**value));
            Value::Object(fields)
        };
        self.put("auditd.paths", Value::List(paths.iter().map(object).collect()));
    }

    fn data(&mut self, data: Pairs<'_>, socket: Pairs<'_>) {
        let flavour = self.options.flavour;
        let integration = flavour == Flavour::AuditdManager;
        for (key, value) in data {
            let field = if integration && key == "id" { name("event.id") } else { data_field(key, flavour) };
            self.data_value(key, field, integration && is_number(key), value);
        }
        for (key, value) in socket {
            self.data_value(key, socket_field(key, flavour), integration && key == "port", value);
        }
    }

    fn data_value(&mut self, key: &str, field: CompactString, is_number: bool, value: Cow<'_, str>) {
        if value.is_empty() && self.options.flavour == Flavour::AuditdManager {
            return; // the path of an abstract socket
        }
        let value = match value {
            value if is_number => self.number_or_text(true, &value),
            Cow::Borrowed(text) => Value::from(text),
            Cow::Owned(text) => Value::from(text),
        };
        self.put_renamed(key, field, value);
    }

    /// A field whose name follows from a key; in the integration `old-ses` and `old_ses` are one.
    pub(super) fn put_renamed(&mut self, key: &str, field: CompactString, value: Value) {
        if self.options.flavour == Flavour::AuditdManager && key.contains(['-', '_']) {
            self.fields.set(&field, value);
        } else {
            self.fields.push(field, value);
        }
    }

    fn number_or_text(&mut self, is_number: bool, text: &str) -> Value {
        if is_number {
            match integration::number(text) {
                Ok(number) => return Value::Integer(number),
                Err(reason) => drop(self.failure.get_or_insert(reason)),
            }
        }
        Value::from(text)
    }

    fn tags(&mut self, tags: &[Cow<'_, str>]) {
        let integration = self.options.flavour == Flavour::AuditdManager;
        let kept = tags.iter().filter(|tag| !integration || !tag.is_empty());
        let mut tags: Vec<CompactString> = kept.map(|tag| CompactString::new(tag)).collect();
        if integration && self.options.original == OriginalText::Kept {
            tags.push(name(integration::PRESERVE));
        }
        if !tags.is_empty() {
            self.put("tags", tags);
        }
    }

    /// Auditbeat writes a list; the integration keeps it apart and makes one text of it.
    fn warnings(&mut self, warnings: &[String]) {
        if warnings.is_empty() {
            return;
        }
        if self.options.flavour == Flavour::AuditdManager {
            self.put("auditd.warnings", warnings.to_vec());
            self.put("error.message", warnings.join("\n"));
        } else {
            self.put("error.message", warnings.to_vec());
        }
    }

    /// As for warnings; but the integration keeps neither form unless it was asked to.
    fn original(&mut self, event: &AuditEvent) {
        let lines = || event.records().map(|record| format!("type={} msg={}", record.record_type, record.text));
        match (self.options.flavour, self.options.original) {
            (Flavour::Auditbeat, _) => self.put("event.original", lines().collect::<Vec<_>>()),
            (Flavour::AuditdManager, OriginalText::Dropped) => {}
            (Flavour::AuditdManager, OriginalText::Kept) => {
                self.put("auditd.messages", lines().collect::<Vec<_>>());
                self.put("event.original", lines().collect::<Vec<_>>().join("\n"));
            }
        }
    }
}
