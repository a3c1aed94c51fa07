//! The sensor on real processes. The program that is watched is this test program itself, which runs again and does one
//! of the acts of `sys/target.rs`.

mod acts;
mod execs;
mod filter;
mod lifecycle;
mod parity;
mod privileges;

use std::ffi::OsString;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::TraceSensor;
use crate::audit::{AuditRule, RawRecord, RecordType};
use crate::sensor::{Exit, Launch, Loss, Observation, Sensor, SensorError};

const ACT: &str = "FIRSTSEEN_TEST_ACT";

/// What the other tests start; does nothing by itself.
#[test]
#[ignore = "the target of the other tests, which start it"]
fn target() {
    crate::sys::target::perform(&std::env::var(ACT).expect("started by another test"));
}

fn target_launch(act: &str) -> Launch {
    let program = std::env::current_exe().expect("own path");
    let arguments =
        ["--exact", "sensor::trace::tests::target", "--ignored", "--nocapture", "--quiet", "--test-threads=1"];
    let argv = [program.clone().into_os_string()].into_iter().chain(arguments.map(OsString::from)).collect();
    Launch { argv, env: vec![(ACT.into(), act.into())], ..launch(program) }
}

fn launch(program: impl Into<PathBuf>) -> Launch {
    let program = program.into();
    Launch {
        argv: vec![program.clone().into_os_string()],
        program,
        env: Vec::new(),
        cwd: PathBuf::from("/"),
        descriptors: Vec::new(),
        timeout: Duration::from_secs(20),
    }
}

fn rules(rules: &[&str]) -> Vec<AuditRule> {
    rules.iter().map(|rule| AuditRule::parse(rule).expect("valid rule")).collect()
}

fn sensor(lines: &[&str]) -> TraceSensor {
    TraceSensor::new(&rules(lines)).expect("rules that the sensor can decide")
}

/// Performs an act under the rules, which must end well and without loss.
fn observe(lines: &[&str], act: &str) -> Observation {
    let observation = sensor(lines).observe(target_launch(act)).expect("an observation");
    assert_eq!((observation.exit, &observation.losses), (Exit::Code(0), &Vec::new()));
    assert!(observation.drained);
    observation
}

/// Texts of all records of one type, without the part that differs from run to run.
fn texts(observation: &Observation, record_type: RecordType) -> Vec<&str> {
    let of_type = observation.records.iter().filter(|record| record.record_type == record_type);
    of_type.map(|record| record.text.split_once("): ").expect("a stamp").1).collect()
}

fn syscalls(observation: &Observation) -> Vec<&str> {
    texts(observation, RecordType::SYSCALL)
}

/// The value of one field.
fn field<'a>(text: &'a str, name: &str) -> &'a str {
    let words = text.split(' ').filter_map(|word| word.split_once('='));
    words.filter(|(key, _)| *key == name).map(|(_, value)| value).next().unwrap_or_else(|| panic!("{name} in {text}"))
}

fn pipe() -> (std::fs::File, OwnedFd) {
    let (reader, writer) = nix::unistd::pipe2(nix::fcntl::OFlag::O_CLOEXEC).expect("pipe");
    (std::fs::File::from(reader), writer)
}

/// Whether a process has ended. Orphans belong to process 1, which may not have collected them yet.
fn is_gone(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with('Z'))
}

/// Writes a static i386 program: mmap2 of a page, mprotect to RWX, exit with the result of that.
fn elf32(path: &Path) -> PathBuf {
    use std::os::unix::fs::OpenOptionsExt;
    const CODE: [u8; 59] = [
        0xb8, 0xc0, 0x00, 0x00, 0x00, 0x31, 0xdb, 0xb9, 0x00, 0x10, 0x00, 0x00, 0xba, 0x03, 0x00, 0x00, 0x00, 0xbe,
        0x22, 0x00, 0x00, 0x00, 0xbf, 0xff, 0xff, 0xff, 0xff, 0x31, 0xed, 0xcd, 0x80, 0x89, 0xc3, 0xb8, 0x7d, 0x00,
        0x00, 0x00, 0xb9, 0x00, 0x10, 0x00, 0x00, 0xba, 0x07, 0x00, 0x00, 0x00, 0xcd, 0x80, 0x89, 0xc3, 0xb8, 0x01,
        0x00, 0x00, 0x00, 0xcd, 0x80,
    ];
    const BASE: u32 = 0x0804_8000;
    const HEADERS: u32 = 52 + 32;
    let length = HEADERS + CODE.len() as u32;
    let mut bytes = b"\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x03\0".to_vec();
    for word in [1, BASE + HEADERS, 52, 0, 0] {
        bytes.extend(u32::to_le_bytes(word)); // version, entry, program headers, no sections, flags
    }
    for half in [52_u16, 32, 1, 0, 0, 0] {
        bytes.extend(half.to_le_bytes());
    }
    for word in [1, 0, BASE, BASE, length, length, 5, 0x1000] {
        bytes.extend(u32::to_le_bytes(word)); // PT_LOAD of the whole file, readable and executable
    }
    bytes.extend(CODE);
    let file = std::fs::File::options().write(true).create_new(true).mode(0o755).open(path);
    std::io::Write::write_all(&mut file.expect("writable"), &bytes).expect("written");
    path.to_owned()
}
