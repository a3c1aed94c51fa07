use std::collections::BTreeMap;

use firstseen_detector::audit::{AuditRecord, Reassembler, ReassemblerConfig, RecordType};

const TYPES: [&str; 8] = ["SYSCALL", "PATH", "PATH", "CWD", "EXECVE", "PROCTITLE", "EOE", "LOGIN"];

/// Records in any order: every one comes out exactly once, in an event of its own time and serial; and whole events do
/// not depend on how their records were interleaved.
pub fn reassembler(bytes: &[u8]) {
    let [in_flight, timeout, base, rest @ ..] = bytes else { return };
    let config =
        ReassemblerConfig { max_in_flight: usize::from(*in_flight % 64), timeout_ms: i64::from(*timeout) * 20 };
    // Serials around the wrap for half of the inputs.
    let base = if base % 2 == 0 { 1000 } else { u32::MAX - u32::from(*base) };
    every_record_comes_out_once(config, base, rest);
    events_do_not_depend_on_interleaving(base, rest);
}

fn every_record_comes_out_once(config: ReassemblerConfig, base: u32, bytes: &[u8]) {
    let mut lines = Vec::new();
    let mut expected = BTreeMap::new();
    for (number, part) in bytes.chunks_exact(3).take(2000).enumerate() {
        let (serial, ms, kind) = (base.wrapping_add(u32::from(part[0])), u32::from(part[1]) * 10, part[2] % 8);
        let kind = TYPES[usize::from(kind)];
        if kind != "EOE" {
            expected.insert(number, (i64::from(100_000 + ms), serial));
        }
        lines.push(line(kind, ms, serial, number));
    }
    let mut seen = BTreeMap::new();
    let mut reassembler = Reassembler::new(config);
    for line in &lines {
        let record = AuditRecord::parse_line(line).expect("a good line");
        reassembler.push(&record, |event| note(event, &mut seen));
    }
    reassembler.finish(|event| note(event, &mut seen));
    assert_eq!(seen, expected, "every record once, with its own time and serial");
    assert!(reassembler.gaps().len() as u64 <= reassembler.lost(), "a gap is at least one serial");
    reassembler.finish(|_| panic!("nothing is left after the end"));
}

fn note(event: &firstseen_detector::audit::AuditEvent, seen: &mut BTreeMap<usize, (i64, u32)>) {
    let mut last = None;
    for record in event.records() {
        assert_eq!((record.time, record.serial), (event.time(), event.serial()));
        let number = record.field("n").and_then(|text| text.parse().ok()).expect("a number");
        assert!(last < Some(number), "records of an event stay in the order of their arrival");
        last = Some(number);
        assert_eq!(seen.insert(number, (record.time.0, record.serial)), None, "record {number} came out twice");
    }
    assert!(last.is_some(), "no event without a record");
}

/// Events of 1 to 4 records and a PROCTITLE each; their first records come first, the rest in an order that the bytes choose.
fn events_do_not_depend_on_interleaving(base: u32, bytes: &[u8]) {
    let count = bytes.len().min(40);
    let mut queues: Vec<Vec<String>> = (0..count)
        .map(|event| {
            let serial = base.wrapping_add(event as u32);
            let size = usize::from(bytes[event] % 4) + 1;
            let mut lines: Vec<String> = (0..size).map(|number| line("PATH", 1, serial, number)).collect();
            lines.push(line("PROCTITLE", 1, serial, size));
            lines
        })
        .collect();
    let plain: Vec<String> = queues.iter().flatten().cloned().collect();
    let mut mixed: Vec<String> = Vec::new();
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by_key(|event| bytes[*event].reverse_bits());
    mixed.extend(order.iter().map(|event| queues[*event].remove(0)));
    for pick in bytes.iter().cycle() {
        queues.retain(|queue| !queue.is_empty());
        if queues.is_empty() {
            break;
        }
        let at = usize::from(*pick) % queues.len();
        mixed.push(queues[at].remove(0));
    }
    assert_eq!(events(&mixed), events(&plain));
}

fn events(lines: &[String]) -> (Vec<Vec<String>>, u64) {
    let mut events = Vec::new();
    let mut reassembler = Reassembler::new(ReassemblerConfig::default());
    for line in lines {
        let record = AuditRecord::parse_line(line).expect("a good line");
        reassembler.push(&record, |event| events.push(event.records().map(|it| it.text.to_owned()).collect()));
    }
    reassembler.finish(|event| events.push(event.records().map(|it| it.text.to_owned()).collect()));
    (events, reassembler.lost())
}

fn line(kind: &str, ms: u32, serial: u32, number: usize) -> String {
    debug_assert!(RecordType::from_name(kind).is_some());
    format!("type={kind} msg=audit({}.{:03}:{serial}): n={number}", 100 + ms / 1000, ms % 1000)
}
