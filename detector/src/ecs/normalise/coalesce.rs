//! The records of one event -> one description of it: who did what to what, and how (go-libaudit's aucoalesce).

use std::borrow::Cow;

use crate::audit::{AuditEvent, AuditRecord, RecordData, RecordType};

use super::coalesced::{Account, Address, CoalesceError, CoalescedEvent, File, Summary, Warnings};
use super::pairs::Pairs;
use super::table::{Entry, TABLE};

impl<'a> CoalescedEvent<'a> {
    /// Describes an event.
    ///
    /// # Errors
    /// When it is empty, or has several records and none is a system call.
    pub fn of(event: &'a AuditEvent, warnings: Warnings) -> Result<CoalescedEvent<'a>, CoalesceError> {
        let mut records = event.records();
        let first = records.next().ok_or(CoalesceError::Empty)?;
        let mut build = Builder { warnings, event: CoalescedEvent::new(&first) };
        if records.len() == 0 {
            build.begin(&first);
        } else {
            let syscall = event.records().find(|record| record.record_type == RecordType::SYSCALL);
            build.begin(&syscall.ok_or(CoalesceError::NoSyscall)?);
            for record in event.records() {
                build.add(&record);
            }
        }
        build.normalise();
        build.move_process();
        Ok(build.event)
    }
}

struct Builder<'a> {
    warnings: Warnings,
    event: CoalescedEvent<'a>,
}

impl<'a> Builder<'a> {
    fn warn(&mut self, words: impl FnOnce() -> String) {
        if self.warnings == Warnings::Kept {
            self.event.warnings.push(words());
        }
    }

    /// Takes the main record: the system call, or the only one.
    fn begin(&mut self, record: &AuditRecord<'a>) {
        let data = match RecordData::of(record) {
            Ok(data) => data,
            Err(reason) => return self.warn(|| reason),
        };
        let event = &mut self.event;
        event.result = Cow::Borrowed("unknown");
        let (pairs, tags) = data.into_parts();
        event.tags = tags;
        for (key, value) in pairs {
            match key {
                "result" => event.result = value,
                "ses" => event.session = value,
                _ if key.ends_with("uid") || key.ends_with("gid") => {
                    match key {
                        "auid" => event.summary.actor_primary.clone_from(&value),
                        "uid" => event.summary.actor_secondary.clone_from(&value),
                        _ => {}
                    }
                    event.ids.push(key, value);
                }
                _ => match key.strip_prefix("subj_") {
                    Some(part) => event.selinux.push(part, value),
                    None => event.data.push(key, value),
                },
            }
        }
    }

    /// Takes one record of several, the main one included.
    fn add(&mut self, record: &AuditRecord<'a>) {
        match record.record_type {
            RecordType::SYSCALL => {
                self.event.data.take("items");
            }
            RecordType::PATH => match RecordData::of(record) {
                Ok(data) => {
                    let mut path = Pairs::with_capacity(16);
                    data.into_parts().0.for_each(|(key, value)| path.push(key, value));
                    self.event.paths.push(path);
                }
                Err(reason) => self.warn(|| format!("failed to parse PATH message: {reason}")),
            },
            RecordType::SOCKADDR => match RecordData::of(record) {
                Ok(data) => self.add_address(data),
                Err(reason) => self.warn(|| format!("failed to parse SOCKADDR message: {reason}")),
            },
            RecordType::EXECVE => match RecordData::of(record) {
                Ok(data) => self.add_arguments(data),
                Err(reason) => self.warn(|| format!("failed to parse EXECVE message: {reason}")),
            },
            _ => match RecordData::of(record) {
                Ok(data) => self.add_fields(record.record_type, data),
                Err(reason) => self.warn(|| format!("failed to parse message: {reason}")),
            },
        }
    }

    fn add_fields(&mut self, record_type: RecordType, data: RecordData<'a>) {
        for (key, value) in data.into_parts().0 {
            if self.event.data.get(key).is_some() {
                self.warn(|| format!("duplicate key ({key}) from {record_type} message"));
            } else {
                self.event.data.push(key, value);
            }
        }
    }

    fn add_address(&mut self, data: RecordData<'a>) {
        let Some(call) = self.event.data.get("syscall").cloned() else {
            return self.warn(|| "failed to add SOCKADDR data because syscall is unknown".to_owned());
        };
        let mut address = Address::default();
        for (key, value) in data.into_parts().0 {
            match key {
                "addr" => address.ip.clone_from(&value),
                "port" => address.port.clone_from(&value),
                "path" => address.path.clone_from(&value),
                _ => {}
            }
            self.event.socket.set(key, value);
        }
        let known = !address.ip.is_empty() || !address.port.is_empty() || !address.path.is_empty();
        match &*call {
            "recvfrom" | "recvmsg" | "accept" | "accept4" => {
                self.event.source = known.then_some(address).or(self.event.source.take());
                self.event.direction = Some("ingress");
            }
            "connect" | "sendto" | "sendmsg" => {
                self.event.destination = known.then_some(address).or(self.event.destination.take());
                self.event.direction = Some("egress");
            }
            _ => {} // bind, listen, getsockname, ...: neither source nor destination
        }
    }

    fn add_arguments(&mut self, data: RecordData<'a>) {
        let mut argc = Cow::default();
        let mut args = Vec::new();
        // The record was read only because argc and every argument are there; a0, a1, ... stand in order.
        for (key, value) in data.into_parts().0 {
            match key.strip_prefix('a') {
                Some("rgc") => argc = value,
                Some(index) if index.bytes().all(|byte| byte.is_ascii_digit()) => args.push(value),
                _ => {}
            }
        }
        args.truncate(argc.parse().unwrap_or(usize::MAX));
        self.event.data.set("argc", argc);
        self.event.process.args = args;
    }

    fn normalise(&mut self) {
        self.set_program();
        let call = self.event.data.get("syscall").and_then(|name| TABLE.syscall(name));
        let entry = if self.event.record_type == RecordType::SYSCALL {
            call
        } else {
            let event = &self.event;
            event.record_type.name().and_then(|name| TABLE.record(name, |field| event.data.get(field).is_some()))
        };
        let Some(entry) = entry else {
            return self.warn(|| "no normalization found for event".to_owned());
        };
        let ecs = &mut self.event.ecs;
        (ecs.category[0], ecs.types[0]) = (&entry.category, &entry.types);
        ecs.kind = &entry.kind;
        // A record beside a system call is both.
        if let Some(call) = call.filter(|call| !std::ptr::eq(*call, entry)) {
            (ecs.category[1], ecs.types[1]) = (&call.category, &call.types);
            if self.event.result == "fail" {
                ecs.outcome = Some("failure");
            }
        }
        self.event.summary.action = &entry.action;
        self.event.summary.object_type = &entry.object.what;
        match entry.object.what.as_str() {
            "file" | "filesystem" => self.set_file(entry.object.path),
            "socket" => self.set_socket(),
            _ => {}
        }
        self.set_summary(entry);
        self.set_source(entry);
        self.set_accounts(entry);
    }

    /// The program, or the script if the program is an interpreter.
    fn set_program(&mut self) {
        let data = &self.event.data;
        let Some(exe) = data.get("exe").or_else(|| data.get("comm")) else { return };
        let interpreters = ["/usr/bin/python", "/usr/bin/sh", "/usr/bin/bash", "/usr/bin/perl"];
        let is_interpreter = interpreters.iter().any(|prefix| exe.starts_with(prefix));
        let script = data.get("comm").filter(|_| is_interpreter);
        self.event.summary.how = script.unwrap_or(exe).clone();
    }

    fn set_file(&mut self, index: usize) {
        let paths = &self.event.paths;
        if paths.is_empty() {
            return;
        }
        let from = if paths.len() > index { index } else { 0 };
        let named = |path: &&Pairs<'_>| !matches!(path.get("nametype").map(|name| &**name), Some("PARENT" | "UNKNOWN"));
        let path = paths[from..].iter().find(named).unwrap_or(&paths[from]);
        let text = |name| path.get(name).cloned().unwrap_or_default();
        let mut file = File { path: text("name"), device: text("rdev"), inode: text("inode"), ..File::default() };
        if let Some(name) = path.get("name") {
            self.event.summary.object_primary = name.clone();
        }
        let mode = path.get("mode").map(|mode| (mode, u64::from_str_radix(mode, 8)));
        if let Some((written, Err(_))) = mode {
            let words = format!(
                "failed to set file object: failed to parse file mode: strconv.ParseUint: parsing {written:?}: invalid syntax"
            );
            self.event.file = Some(file);
            return self.warn(|| words);
        }
        if let Some((_, Ok(mode))) = mode {
            file.mode = format!("{:04o}", mode & 0o7777);
            self.event.summary.object_type = "file"; // also for directories, as upstream
        }
        (file.uid, file.gid) = (text("ouid"), text("ogid"));
        for (key, value) in path.iter() {
            if let Some(part) = key.strip_prefix("obj_") {
                file.selinux.push(part, value.clone());
            }
        }
        self.event.file = Some(file);
    }

    fn set_socket(&mut self) {
        let socket = &self.event.socket;
        if let Some(address) = socket.get("addr").or_else(|| socket.get("path")) {
            self.event.summary.object_primary = address.clone();
        }
        if let Some(port) = socket.get("port") {
            self.event.summary.object_secondary = port.clone();
        }
    }

    fn set_summary(&mut self, entry: &'static Entry) {
        let slots: [(&str, &[String], Slot<'a>); 5] = [
            ("subject primary", &entry.subject.primary, |summary| &mut summary.actor_primary),
            ("subject secondary", &entry.subject.secondary, |summary| &mut summary.actor_secondary),
            ("object primary", &entry.object.primary, |summary| &mut summary.object_primary),
            ("object secondary", &entry.object.secondary, |summary| &mut summary.object_secondary),
            ("how", &entry.how, |summary| &mut summary.how),
        ];
        for (what, names, slot) in slots.into_iter().filter(|(_, names, _)| !names.is_empty()) {
            match names.iter().find_map(|name| self.event.value(name)).cloned() {
                Some(value) => *slot(&mut self.event.summary) = value,
                None => self.warn(|| not_found(what, names)),
            }
        }
    }

    fn set_source(&mut self, entry: &'static Entry) {
        if self.event.source.is_some() || entry.source_ip.is_empty() {
            return;
        }
        match entry.source_ip.iter().find_map(|name| self.event.data.take(name)) {
            Some(ip) => {
                self.event.source = Some(Address { ip, ..Address::default() });
                self.event.direction = Some("ingress");
            }
            None => self.warn(|| not_found("source IP", &entry.source_ip)),
        }
    }

    fn set_accounts(&mut self, entry: &'static Entry) {
        use super::table::Source;
        let event = &self.event;
        let account = |source: Option<Source>| {
            let text = match source? {
                Source::SubjectPrimary => &event.summary.actor_primary,
                Source::SubjectSecondary => &event.summary.actor_secondary,
                Source::ObjectPrimary => &event.summary.object_primary,
                Source::Uid => return Some(event.ids.get("uid").map_or(Account::Unset, Account::of)),
            };
            Some(Account::of(text))
        };
        let entities = &entry.entities;
        let [user, effective, target, group] =
            [entities.user, entities.effective, entities.target, entities.group].map(account);
        let ecs = &mut self.event.ecs;
        (ecs.user, ecs.effective, ecs.target, ecs.group) = (user, effective, target, group);
    }

    /// The fields that describe the process leave the rest.
    fn move_process(&mut self) {
        let data = &mut self.event.data;
        let mut take = |name| data.take(name).unwrap_or_default();
        let process = &mut self.event.process;
        process.pid = take("pid");
        process.ppid = take("ppid");
        process.title = take("proctitle");
        process.name = take("comm");
        process.exe = take("exe");
        process.cwd = take("cwd");
    }
}

type Slot<'a> = for<'s> fn(&'s mut Summary<'a>) -> &'s mut Cow<'a, str>;

fn not_found(what: &str, names: &[String]) -> String {
    format!("failed to set {what} using keys=[{}] because they were not found", names.join(" "))
}
