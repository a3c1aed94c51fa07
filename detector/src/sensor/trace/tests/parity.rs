//! The same acts seen by this sensor and by the kernel's own audit at the same time: the records must be equal, but for
//! their numbers, times and the key that the audit sensor adds.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::{Arc, Mutex};

use super::*;
use crate::audit::Abi;
use crate::journal::{Journal, StateDir};
use crate::sensor::SensorKind;
use crate::sensor::kernel::live_tests::alone;
use crate::sensor::kernel::{AuditSensor, Options};

const CALLS_64: &str = "mprotect,pkey_mprotect,mmap,memfd_create,execve,execveat,exit_group,personality";
const CALLS_32: &str = "mprotect,mmap,mmap2,execve,exit";

/// Watches beside the kernel and keeps what it saw itself.
struct Beside {
    sensor: TraceSensor,
    records: Arc<Mutex<Vec<RawRecord>>>,
}

impl Sensor for Beside {
    fn kind(&self) -> SensorKind {
        SensorKind::Trace
    }

    fn observe(&mut self, launch: Launch) -> Result<Observation, SensorError> {
        let observation = self.sensor.observe(launch)?;
        *self.records.lock().expect("no panic") = observation.records.clone();
        Ok(observation)
    }
}

/// Events of the calls that the rules name, as lists of comparable lines, thread after thread. The kernel may have been asked
/// by somebody else too: for other calls, or for these with another key.
fn events(records: &[RawRecord], calls: &BTreeSet<(Abi, u32)>) -> Vec<Vec<String>> {
    let mut events: Vec<(&str, Vec<String>)> = Vec::new();
    for record in records {
        let (stamp, text) = record.text.split_once("): ").unwrap_or((&record.text, ""));
        let line = format!("{} {}", record.record_type.0, text.split(" key=").next().unwrap_or_default());
        match events.iter_mut().find(|(known, _)| *known == stamp) {
            Some((_, lines)) => lines.push(line),
            None => events.push((stamp, vec![line])),
        }
    }
    let named = |lines: &[String]| {
        let arch = u32::from_str_radix(field(&lines[0], "arch"), 16).expect("hex");
        let abi = Abi::from_audit_arch(arch).expect("an ABI of this machine");
        calls.contains(&(abi, field(&lines[0], "syscall").parse().expect("number")))
    };
    let events = events.into_iter().map(|(_, lines)| lines);
    let mut events: Vec<Vec<String>> = events.filter(|lines| lines[0].starts_with("1300 ") && named(lines)).collect();
    // Stable: threads are told apart by name, and what one thread does stays in order.
    events.sort_by_key(|lines| ["pid", "comm"].map(|name| field(&lines[0], name).to_owned()));
    events
}

#[test]
fn the_kernel_writes_the_same_records_about_the_same_acts() {
    let Some(_alone) = alone() else { return };
    let key = format!("parity-{}", std::process::id());
    let rules = rules(&[
        &format!("-a always,exit -F arch=b64 -S {CALLS_64} -k {key}"),
        &format!("-a always,exit -F arch=b32 -S {CALLS_32} -k {key}"),
    ]);
    let calls = rules.iter().flat_map(AuditRule::syscalls).collect();
    let folder = tempfile::tempdir().expect("temporary folder");
    let state = StateDir::at(&folder.path().join("state")).expect("state directory");
    let journal = Journal::open(&state).expect("journal");
    let records = Arc::new(Mutex::new(Vec::new()));
    let beside = Beside { sensor: TraceSensor::new(&rules).expect("rules"), records: Arc::clone(&records) };
    let mut kernel = match AuditSensor::new(&rules, Options { journal, tracer: Box::new(beside) }) {
        Ok(kernel) => kernel,
        Err(unfit) => return skipped(&unfit.to_string()),
    };
    let program = elf32(&folder.path().join("program"));
    let acts = ["rwx", "unmapped", "int80", "high-bits", "personality", "threads", "fork", "vfork", "exec-missing"];
    let mut launches: Vec<(String, Launch)> = acts.map(|act| (act.to_owned(), target_launch(act))).into();
    launches.push(("exec-in-thread".into(), target_launch("exec-in-thread:/bin/true")));
    launches.push(("32-bit program".into(), launch(program)));
    let arguments = ["sh", "-c", "/bin/true 'two words'; exec /bin/true \"$@\"", "x", "", "ü", &"y".repeat(9000)];
    launches.push(("shell".into(), Launch { argv: arguments.map(OsString::from).to_vec(), ..launch("/bin/sh") }));
    for (name, launch) in launches {
        let observation = kernel.observe(launch).expect(&name);
        let own = events(&records.lock().expect("no panic"), &calls);
        let theirs = events(&observation.records, &calls);
        assert!(observation.losses.is_empty() && observation.drained, "{name}: {:?}", observation.losses);
        assert!(!own.is_empty(), "{name}");
        for (own, theirs) in own.iter().zip(&theirs) {
            assert_eq!(own, theirs, "{name}");
        }
        assert_eq!(own.len(), theirs.len(), "{name}");
    }
}

fn skipped(reason: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: the kernel's audit cannot be used: {reason}");
}
