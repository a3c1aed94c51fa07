//! From the lines of an audit log to documents, in bytes of log per second.
//!
//! The log is made here: mprotect, execve, connect and user events in the mix of a busy server.

use std::fmt::Write as _;
use std::hint::black_box;
use std::io::Cursor;
use std::ops::ControlFlow;
use std::path::Path;

use divan::Bencher;
use divan::counter::BytesCount;
use firstseen_detector::audit::{Accounts, AuditRecord, Reassembler, ReassemblerConfig, RecordData, encode_hex};
use firstseen_detector::ecs::{Agent, Flavour, HostInfo, NormaliseOptions, normalise};
use firstseen_detector::sensor::files::{ReadOptions, Source};

fn main() {
    divan::main();
}

const EVENTS: u32 = 20_000;

/// The header of every line.
#[divan::bench]
fn headers(bencher: Bencher<'_, '_>) {
    let log = log(EVENTS);
    bencher.counter(BytesCount::of_str(&log)).bench(|| {
        log.lines()
            .filter_map(|line| AuditRecord::parse_line(line).ok())
            .map(|record| u64::from(record.serial))
            .sum::<u64>()
    });
}

/// Every field of every line, decoded.
#[divan::bench]
fn fields(bencher: Bencher<'_, '_>) {
    let log = log(EVENTS);
    bencher.counter(BytesCount::of_str(&log)).bench(|| {
        let records = log.lines().filter_map(|line| AuditRecord::parse_line(line).ok());
        records.filter_map(|record| RecordData::of(&record).ok()).map(|data| data.iter().count()).sum::<usize>()
    });
}

/// Whole events.
#[divan::bench]
fn events(bencher: Bencher<'_, '_>) {
    let log = log(EVENTS);
    bencher.counter(BytesCount::of_str(&log)).bench(|| {
        let mut count = 0;
        each_event(&log, |event| count += event.records().len());
        count
    });
}

/// Documents with nothing but what the records say.
#[divan::bench]
fn documents(bencher: Bencher<'_, '_>) {
    let log = log(EVENTS);
    let options = NormaliseOptions::bare(Flavour::Auditbeat);
    bencher
        .counter(BytesCount::of_str(&log))
        .bench(|| each_event(&log, |event| drop(black_box(normalise(event, &options)))));
}

/// Documents as the integration indexes them: with host, agent and names of users.
#[divan::bench]
fn documents_in_full(bencher: Bencher<'_, '_>) {
    let log = log(EVENTS);
    let host = HostInfo::named("bench");
    let accounts =
        Accounts::none().with_user(0, "root").with_user(1000, "alice").with_group(0, "root").with_group(1000, "alice");
    let agent = Agent::of(&host);
    let options = NormaliseOptions {
        host: Some(&host),
        agent: Some(&agent),
        accounts: Some(&accounts),
        ..NormaliseOptions::bare(Flavour::AuditdManager)
    };
    bencher
        .counter(BytesCount::of_str(&log))
        .bench(|| each_event(&log, |event| drop(black_box(normalise(event, &options)))));
}

/// NDJSON out of a file, line by line, as the engine gets it.
#[divan::bench]
fn json_lines(bencher: Bencher<'_, '_>) {
    let line = format!(
        "{{\"@timestamp\":\"2026-11-22T08:22:44.503Z\",\"event\":{{\"category\":[\"process\"]}},\"pad\":\"{}\"}}\n",
        "x".repeat(150)
    );
    let text = line.repeat(100_000);
    let options = ReadOptions {
        normalise: NormaliseOptions::bare(Flavour::AuditdManager),
        reassembler: ReassemblerConfig::default(),
    };
    bencher.counter(BytesCount::of_str(&text)).with_inputs(|| Cursor::new(text.clone().into_bytes())).bench_values(
        |reader| {
            let source = Source::of(Path::new("bench"), reader).expect("NDJSON");
            source.read(&options, &mut |item| {
                black_box(&item);
                ControlFlow::Continue(())
            })
        },
    );
}

fn each_event(log: &str, mut out: impl FnMut(&firstseen_detector::audit::AuditEvent)) {
    let mut reassembler = Reassembler::new(ReassemblerConfig::default());
    for line in log.lines() {
        if let Ok(record) = AuditRecord::parse_line(line) {
            reassembler.push(&record, &mut out);
        }
    }
    reassembler.finish(&mut out);
}

/// 60 % mprotect, 20 % execve, 12 % connect, 8 % user records, as an audit daemon writes them (RAW).
fn log(events: u32) -> String {
    let mut log = String::new();
    for number in 0..events {
        let header =
            format!("msg=audit({}.{:03}:{}): ", 1_700_000_000 + number / 2000, number % 2000 / 2, 1000 + number);
        let pid = 2000 + number % 700;
        let exe = format!("/usr/lib/systemd/collector-{}", number % 200);
        let comm = format!("collector-{}", number % 200);
        let ids =
            "auid=1000 uid=1000 gid=1000 euid=1000 suid=1000 fsuid=1000 egid=1000 sgid=1000 fsgid=1000 tty=pts1 ses=4";
        let title = encode_hex(format!("{exe}\0--config=/etc/app/app.conf\0status").as_bytes());
        let mut syscall = |number: u32, arguments: &str, items: u32| {
            let _ = writeln!(
                log,
                "type=SYSCALL {header}arch=c000003e syscall={number} success=yes exit=0 {arguments} items={items} ppid=1 pid={pid} {ids} \
                 comm=\"{comm}\" exe=\"{exe}\" key=\"k\""
            );
        };
        match number % 25 {
            0..15 => syscall(10, "a0=7f299eb31000 a1=1000 a2=1 a3=7f299e", 0),
            15..20 => {
                syscall(59, "a0=563448e86cc0 a1=563448e87300 a2=563448e86ce0 a3=2f29666763195d5d", 2);
                let _ = writeln!(
                    log,
                    "type=EXECVE {header}argc=3 a0=\"{exe}\" a1=\"--config=/etc/app/app.conf\" a2=6120622063"
                );
                let _ = writeln!(log, "type=CWD {header}cwd=\"/var/lib/postgresql\"");
                for (item, name) in [(0, exe.as_str()), (1, "/lib64/ld-linux-x86-64.so.2")] {
                    let _ = writeln!(
                        log,
                        "type=PATH {header}item={item} name=\"{name}\" inode=130007 dev=fd:01 mode=0100755 ouid=0 ogid=0 rdev=00:00 \
                         nametype=NORMAL cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0 cap_frootid=0"
                    );
                }
            }
            20..23 => {
                syscall(42, "a0=5 a1=7ffd1000 a2=10 a3=0", 0);
                let _ = writeln!(log, "type=SOCKADDR {header}saddr=020001BB0A00{:04X}0000000000000000", number % 65536);
            }
            _ => {
                let _ = writeln!(
                    log,
                    "type=USER_ACCT {header}pid={pid} uid=0 auid=1000 ses=4 msg='op=PAM:accounting grantors=pam_unix acct=\"alice\" \
                     exe=\"/usr/sbin/sshd\" hostname=10.0.0.7 addr=10.0.0.7 terminal=ssh res=success'"
                );
                continue;
            }
        }
        let _ = writeln!(log, "type=PROCTITLE {header}proctitle={title}");
    }
    log
}
