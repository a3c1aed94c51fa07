//! An event as the kernel writes it: `audit_log_exit` and what it calls, kernel/auditsc.c.

use std::fmt::Write as _;

use super::capabilities::{self, FileCapabilities};
use super::event::{Detail, Inode, PathItem, ProcessFacts, Started, SyscallEvent};
use super::execve;
use super::filter::Match;
use crate::audit::{RawRecord, RecordType};
use crate::time::Millis;

/// All records of one event, in the kernel's order. `cwd` is written when files were looked up.
pub(super) fn records(event: &SyscallEvent, matched: &Match, cwd: Option<&[u8]>, serial: u32) -> Vec<RawRecord> {
    let paths: &[PathItem] = if let Detail::Exec { paths, .. } = &event.detail { paths } else { &[] };
    let mut writer = Writer { stamp: stamp(event.time, serial), records: Vec::with_capacity(4 + paths.len()) };
    writer.add(RecordType::SYSCALL, &syscall(event, matched, paths.len()));
    match &event.detail {
        Detail::None => {}
        Detail::Map { descriptor, flags } => writer.add(RecordType(1323), &format!("fd={descriptor} flags={flags:#x}")),
        Detail::Exec { started: None, .. } => {}
        Detail::Exec { started: Some(Started { argv, file }), before, .. } => {
            let after = event.process.credentials();
            if let Some(before) = before
                && capabilities::noteworthy(before, &after, file, capabilities::full_set())
            {
                writer.add(RecordType(1321), &capabilities::text(before, &after, file));
            }
            for text in execve::texts(argv) {
                writer.add(RecordType::EXECVE, &text);
            }
        }
    }
    if !paths.is_empty() {
        writer.add(RecordType::CWD, &format!("cwd={}", cwd.map_or_else(|| "(null)".to_owned(), untrusted)));
    }
    for (item, path) in paths.iter().enumerate() {
        writer.add(RecordType::PATH, &path_text(item, path));
    }
    let title = Some(&event.process.title[..]).filter(|title| !title.is_empty()).unwrap_or(b"(null)");
    writer.add(RecordType::PROCTITLE, &format!("proctitle={}", untrusted(title)));
    writer.add(RecordType::EOE, "");
    writer.records
}

/// A string that a program chose: in quotes, or as upper-case hex if a byte of it could end or split the value.
pub(super) fn untrusted(text: impl AsRef<[u8]>) -> String {
    let text = text.as_ref();
    if needs_hex(text) { hex(text) } else { format!("\"{}\"", String::from_utf8_lossy(text)) }
}

/// `audit_string_contains_control`, kernel/audit.c.
pub(super) fn needs_hex(text: &[u8]) -> bool {
    text.iter().any(|byte| !(0x21..=0x7e).contains(byte) || *byte == b'"')
}

/// Upper-case hex.
pub(super) fn hex(text: &[u8]) -> String {
    let mut hex = String::with_capacity(text.len() * 2);
    for byte in text {
        for digit in [byte >> 4, byte & 15] {
            hex.push(char::from(b"0123456789ABCDEF"[usize::from(digit)]));
        }
    }
    hex
}

struct Writer {
    stamp: String,
    records: Vec<RawRecord>,
}

impl Writer {
    fn add(&mut self, record_type: RecordType, text: &str) {
        self.records.push(RawRecord { record_type, text: format!("{}{text}", self.stamp) });
    }
}

fn stamp(time: Millis, serial: u32) -> String {
    format!("audit({}.{:03}:{serial}): ", time.0.div_euclid(1000), time.0.rem_euclid(1000))
}

fn syscall(event: &SyscallEvent, matched: &Match, items: usize) -> String {
    let mut text = format!("arch={:x} syscall={}", event.abi.audit_arch(), event.number);
    let process = &event.process;
    if process.personality != 0 {
        _ = write!(text, " per={:x}", process.personality);
    }
    if let Some(outcome) = event.outcome {
        _ = write!(text, " success={} exit={}", if outcome.success { "yes" } else { "no" }, outcome.exit);
    }
    for (index, argument) in event.arguments.iter().enumerate() {
        _ = write!(text, " a{index}={argument:x}");
    }
    _ = write!(text, " items={items}");
    task(&mut text, process);
    _ = write!(text, " key={}", matched.key.as_ref().map_or_else(|| "(null)".to_owned(), untrusted));
    text
}

/// `audit_log_task_info`.
fn task(text: &mut String, process: &ProcessFacts) {
    let ProcessFacts { pid, ppid, auid, session, .. } = process;
    let [uid, euid, suid, fsuid] = process.users;
    let [gid, egid, sgid, fsgid] = process.groups;
    let tty = process.tty.as_deref().unwrap_or("(none)");
    _ = write!(text, " ppid={ppid} pid={pid} auid={auid} uid={uid} gid={gid} euid={euid} suid={suid} fsuid={fsuid}");
    _ = write!(text, " egid={egid} sgid={sgid} fsgid={fsgid} tty={tty} ses={session}");
    _ = write!(text, " comm={}", untrusted(&process.comm));
    _ = write!(text, " exe={}", process.exe.as_ref().map_or_else(|| "(null)".to_owned(), untrusted));
    if let Some(subject) = &process.subject {
        _ = write!(text, " subj={}", String::from_utf8_lossy(subject));
    }
}

/// `audit_log_name`.
fn path_text(item: usize, path: &PathItem) -> String {
    let mut text = format!("item={item} name={}", untrusted(&path.name));
    let kind = match path.inode {
        Some(Inode { number, device, mode, owner, special, .. }) => {
            _ = write!(text, " inode={number} dev={:02x}:{:02x} mode=0{mode:o}", device.0, device.1);
            _ = write!(text, " ouid={} ogid={} rdev={:02x}:{:02x}", owner.0, owner.1, special.0, special.1);
            "NORMAL"
        }
        None => "UNKNOWN",
    };
    let caps = path.inode.map_or_else(FileCapabilities::default, |inode| inode.capabilities);
    let (permitted, inheritable) = (capabilities::set(caps.permitted), capabilities::set(caps.inheritable));
    _ = write!(text, " nametype={kind} cap_fp={permitted} cap_fi={inheritable}");
    _ = write!(text, " cap_fe={} cap_fver={:x} cap_frootid={}", u8::from(caps.effective), caps.version, caps.root);
    text
}

#[cfg(test)]
mod tests {
    use super::super::event::{Outcome, UNSET};
    use super::*;
    use crate::audit::Abi;

    fn event() -> SyscallEvent {
        SyscallEvent {
            time: Millis(1_795_443_386_916),
            abi: Abi::X86_64,
            number: 10,
            arguments: [0x40fe_4000, 0x1000, 7, 0x7fe9_3cdd_3a20],
            outcome: Some(Outcome { success: true, exit: 0 }),
            process: ProcessFacts {
                pid: 19544,
                ppid: 19477,
                auid: UNSET,
                session: UNSET,
                comm: b"m".to_vec(),
                exe: Some(b"/tmp/tr/m".to_vec()),
                title: b"./m".to_vec(),
                ..ProcessFacts::default()
            },
            detail: Detail::None,
        }
    }

    fn texts(event: &SyscallEvent) -> Vec<String> {
        let matched = Match { key: Some(b"trx".to_vec()) };
        records(event, &matched, Some(b"/tmp/tr"), 8).into_iter().map(|record| record.text).collect()
    }

    #[test]
    fn an_event_is_written_as_a_real_kernel_wrote_it() {
        assert_eq!(
            texts(&event()),
            [
                "audit(1795443386.916:8): arch=c000003e syscall=10 success=yes exit=0 a0=40fe4000 a1=1000 a2=7 \
                 a3=7fe93cdd3a20 items=0 ppid=19477 pid=19544 auid=4294967295 uid=0 gid=0 euid=0 suid=0 fsuid=0 egid=0 \
                 sgid=0 fsgid=0 tty=(none) ses=4294967295 comm=\"m\" exe=\"/tmp/tr/m\" key=\"trx\"",
                "audit(1795443386.916:8): proctitle=\"./m\"",
                "audit(1795443386.916:8): ",
            ]
        );
    }

    #[test]
    fn a_personality_stands_before_the_result_and_a_thread_that_ended_has_none() {
        let mut event = event();
        event.process.personality = 0x40_0000;
        assert!(texts(&event)[0].contains(" syscall=10 per=400000 success=yes exit=0 a0="));
        event.outcome = None;
        assert!(texts(&event)[0].contains(" syscall=10 per=400000 a0="));
        event.outcome = Some(Outcome { success: false, exit: -12 });
        assert!(texts(&event)[0].contains(" success=no exit=-12 a0="));
    }

    #[test]
    fn strings_of_programs_are_hex_when_they_could_break_the_line() {
        assert_eq!(untrusted("two words"), "74776F20776F726473");
        assert_eq!(untrusted("a\"b"), "612262");
        assert_eq!(untrusted("ü"), "C3BC");
        assert_eq!(untrusted("!~"), "\"!~\"");
        assert_eq!((untrusted("\u{7f}"), untrusted(" "), untrusted("")), ("7F".into(), "20".into(), "\"\"".into()));
    }

    #[test]
    fn a_missing_file_has_a_name_only() {
        let mut event = event();
        let paths = vec![PathItem { name: b"/nonexistent".to_vec(), inode: None }];
        event.detail = Detail::Exec { started: None, paths, before: None };
        let texts = texts(&event);
        assert!(texts[0].contains(" items=1 "));
        assert_eq!(texts[1], "audit(1795443386.916:8): cwd=\"/tmp/tr\"");
        assert_eq!(
            texts[2],
            "audit(1795443386.916:8): item=0 name=\"/nonexistent\" nametype=UNKNOWN cap_fp=0 cap_fi=0 cap_fe=0 \
             cap_fver=0 cap_frootid=0"
        );
    }

    #[test]
    fn a_file_shows_its_inode_and_a_directory_its_short_mode() {
        let inode = Inode {
            number: 247_849,
            device: (254, 0),
            mode: 0o040_755,
            owner: (0, 5),
            special: (0, 0),
            capabilities: FileCapabilities::default(),
        };
        let path = PathItem { name: b"/tmp/tr".to_vec(), inode: Some(inode) };
        assert!(path_text(1, &path).starts_with(
            "item=1 name=\"/tmp/tr\" inode=247849 dev=fe:00 mode=040755 ouid=0 ogid=5 rdev=00:00 nametype=NORMAL"
        ));
    }

    #[test]
    fn a_process_without_a_command_line_has_the_word_for_nothing_as_the_kernel_writes_it() {
        let mut event = event();
        event.process.title.clear();
        assert!(texts(&event)[1].ends_with("): proctitle=\"(null)\""));
    }
}
