//! Records of interleaved events -> whole events, in the order of their serials.
//!
//! The rules are go-libaudit's (reassembler.go), so that documents are cut as Auditbeat cuts them: an event is complete with
//! PROCTITLE, EOE, or any record from user space; it is given out once every event with a lower serial is. An event that is
//! never completed is given out when too many are in flight or when it is too old, and until then holds back later ones.
//!
//! Three things differ, because they would make a recorded log give another result each time, or a false alarm of loss: age
//! is measured by the time of the events that are complete, not by a clock; events are told apart by time *and* serial, so that the logs of
//! two boots may follow each other; and a record that comes after its event was given out (a SYSCALL after its LOGIN) counts
//! no loss, where upstream's counter jumps by 2^32 - 1.

use crate::time::Millis;

use super::event::AuditEvent;
use super::parse::AuditRecord;
use super::record_type::RecordType;

/// When an event that is not complete is given out all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReassemblerConfig {
    /// At most this many events wait; one more pushes out the one with the lowest serial.
    pub max_in_flight: usize,
    /// An event waits until one is complete that happened this many milliseconds later.
    pub timeout_ms: i64,
}

/// Upstream's defaults: 50 events, 2 seconds.
impl Default for ReassemblerConfig {
    fn default() -> ReassemblerConfig {
        ReassemblerConfig { max_in_flight: 50, timeout_ms: 2000 }
    }
}

/// Serials that are missing between two events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SerialGap {
    /// The last serial before.
    pub after: u32,
    /// The first serial behind.
    pub before: u32,
}

/// Collects records and gives out events. Memory grows with the events in flight, not with the log.
#[derive(Debug, Default)]
pub struct Reassembler {
    config: ReassemblerConfig,
    /// Lowest serial first.
    waiting: Vec<Waiting>,
    /// Emptied events, to be filled again.
    spare: Vec<AuditEvent>,
    /// The latest time of an event that is complete.
    now: Option<Millis>,
    last_serial: Option<u32>,
    lost: u64,
    gaps: Vec<SerialGap>,
}

#[derive(Debug)]
struct Waiting {
    event: AuditEvent,
    complete: bool,
}

/// Only the first gaps are remembered one by one; the number of lost events counts all.
const MAX_GAPS: usize = 1000;

impl Reassembler {
    /// A reassembler without events.
    #[must_use]
    pub fn new(config: ReassemblerConfig) -> Reassembler {
        Reassembler { config, ..Reassembler::default() }
    }

    /// Takes a record and gives every event that is due because of it to `out`.
    pub fn push(&mut self, record: &AuditRecord<'_>, mut out: impl FnMut(&AuditEvent)) {
        self.add(record);
        self.give_out(Due::OnlyDue, &mut out);
    }

    /// Gives out everything that still waits: the log is at its end.
    pub fn finish(&mut self, mut out: impl FnMut(&AuditEvent)) {
        self.give_out(Due::Everything, &mut out);
    }

    /// How many serials were missing between the events given out so far: events that were lost, filtered, or not logged.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Where serials were missing; the first thousand places.
    #[must_use]
    pub fn gaps(&self) -> &[SerialGap] {
        &self.gaps
    }

    fn add(&mut self, record: &AuditRecord<'_>) {
        let key = (record.serial, record.time);
        // Records mostly belong to the newest event, or to a newer one.
        let behind = |waiting: &Waiting| is_before(key, (waiting.event.serial(), waiting.event.time()));
        let at = self.waiting.len() - self.waiting.iter().rev().take_while(|waiting| behind(waiting)).count();
        let same = at.checked_sub(1).filter(|at| {
            let event = &self.waiting[*at].event;
            (event.serial(), event.time()) == key
        });
        if record.record_type == RecordType::EOE {
            if let Some(at) = same {
                self.complete(at);
            }
            return;
        }
        let at = same.unwrap_or_else(|| {
            let event = self.spare.pop().unwrap_or_default();
            self.waiting.insert(at, Waiting { event, complete: false });
            at
        });
        self.waiting[at].event.push(record);
        if record.record_type.completes_event() {
            self.complete(at);
        }
    }

    fn complete(&mut self, at: usize) {
        let waiting = &mut self.waiting[at];
        waiting.complete = true;
        self.now = self.now.max(Some(waiting.event.time()));
    }

    fn give_out(&mut self, due: Due, out: &mut impl FnMut(&AuditEvent)) {
        let mut count = 0;
        for waiting in &self.waiting {
            let too_many = self.waiting.len() - count > self.config.max_in_flight;
            let age = self.now.map_or(0, |now| now - waiting.event.time());
            let is_due = waiting.complete || too_many || age > self.config.timeout_ms || due == Due::Everything;
            if !is_due {
                break;
            }
            count += 1;
        }
        for mut waiting in self.waiting.drain(..count) {
            let serial = waiting.event.serial();
            if let Some(last) = self.last_serial
                && let missing @ 1.. = missing_between(last, serial)
            {
                self.lost += u64::from(missing);
                if self.gaps.len() < MAX_GAPS {
                    self.gaps.push(SerialGap { after: last, before: serial });
                }
            }
            self.last_serial = Some(serial);
            out(&waiting.event);
            waiting.event.clear();
            self.spare.push(waiting.event);
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Due {
    OnlyDue,
    Everything,
}

/// Two serials further apart than this are on both sides of the wrap at 2^32 (or of a reboot).
const MAX_DISTANCE: u32 = (1 << 24) - 1;

/// Whether an event comes before another: by serial, across the wrap; by time if the serials are equal.
fn is_before(a: (u32, Millis), b: (u32, Millis)) -> bool {
    match a.0.abs_diff(b.0) {
        0 => a.1 < b.1,
        1..=MAX_DISTANCE => a.0 < b.0,
        _ => a.0 > b.0,
    }
}

/// How many serials lie between two; none if the second is the same or comes before the first.
fn missing_between(last: u32, next: u32) -> u32 {
    match next.wrapping_sub(last) {
        0 => 0,
        distance if distance > u32::MAX / 2 => 0,
        distance => distance - 1,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn run(config: ReassemblerConfig, lines: &[String]) -> (Vec<(u32, usize)>, Reassembler) {
        let mut reassembler = Reassembler::new(config);
        let mut events = Vec::new();
        for line in lines {
            let record = AuditRecord::parse_line(line).expect("valid line");
            reassembler.push(&record, |event| events.push((event.serial(), event.records().len())));
        }
        reassembler.finish(|event| events.push((event.serial(), event.records().len())));
        (events, reassembler)
    }

    fn line(kind: &str, ms: u32, serial: u32) -> String {
        format!("type={kind} msg=audit(100.{ms:03}:{serial}): x=1")
    }

    #[test]
    fn interleaved_records_find_their_events() {
        let lines = [
            line("SYSCALL", 1, 7),
            line("SYSCALL", 1, 8),
            line("PROCTITLE", 1, 8),
            line("CWD", 1, 7),
            line("PROCTITLE", 1, 7),
        ];
        let (events, reassembler) = run(ReassemblerConfig::default(), &lines);
        assert_eq!((events, reassembler.lost()), (vec![(7, 3), (8, 2)], 0));
    }

    #[test]
    fn an_end_of_event_record_completes_and_is_not_kept() {
        let lines = [line("SYSCALL", 1, 7), line("EOE", 1, 7), line("EOE", 1, 9)];
        let mut reassembler = Reassembler::new(ReassemblerConfig::default());
        let mut sizes = Vec::new();
        for line in &lines {
            reassembler.push(&AuditRecord::parse_line(line).expect("valid"), |event| sizes.push(event.records().len()));
        }
        assert_eq!(sizes, [1]);
    }

    #[test]
    fn an_incomplete_event_waits_for_the_timeout_in_event_time_to_the_millisecond() {
        for (later, given_out) in [(2001, 2), (2000, 0)] {
            let mut reassembler = Reassembler::new(ReassemblerConfig::default());
            let mut count = 0;
            for (kind, ms, serial) in [("SYSCALL", 0, 1), ("SYSCALL", 9000, 3), ("USER", later, 2)] {
                let text = format!("audit({}.{:03}:{serial}): ", 100 + ms / 1000, ms % 1000);
                let record_type = RecordType::from_name(kind).expect("known");
                reassembler.push(&AuditRecord::parse_text(record_type, &text).expect("valid"), |_| count += 1);
            }
            assert_eq!(count, given_out);
        }
    }

    #[test]
    fn one_event_too_many_pushes_out_the_lowest() {
        let config = ReassemblerConfig { max_in_flight: 2, ..ReassemblerConfig::default() };
        let mut reassembler = Reassembler::new(config);
        let mut out = Vec::new();
        for serial in [3, 1, 2] {
            let line = line("SYSCALL", 1, serial);
            reassembler.push(&AuditRecord::parse_line(&line).expect("valid"), |event| out.push(event.serial()));
        }
        assert_eq!(out, [1]);
    }

    #[test]
    fn gaps_are_counted_and_late_records_are_no_loss() {
        let lines =
            [line("USER", 1, 7), line("USER", 1, 10), line("USER", 1, 10), line("USER", 2, 9), line("USER", 3, 11)];
        let (events, reassembler) = run(ReassemblerConfig::default(), &lines);
        assert_eq!(events.len(), 5);
        assert_eq!(reassembler.gaps(), [SerialGap { after: 7, before: 10 }, SerialGap { after: 9, before: 11 }]);
        assert_eq!(reassembler.lost(), 3);
    }

    #[test]
    fn a_system_call_after_its_login_is_an_event_of_its_own() {
        let lines = [line("LOGIN", 1, 7), line("SYSCALL", 1, 7), line("PROCTITLE", 1, 7)];
        let (events, reassembler) = run(ReassemblerConfig::default(), &lines);
        assert_eq!((events, reassembler.lost()), (vec![(7, 1), (7, 2)], 0));
    }

    #[test]
    fn serials_wrap() {
        let lines = [u32::MAX - 1, u32::MAX, 0, 1].map(|serial| line("USER", 1, serial));
        let (events, reassembler) = run(ReassemblerConfig::default(), &lines);
        assert_eq!(events.iter().map(|event| event.0).collect::<Vec<_>>(), [u32::MAX - 1, u32::MAX, 0, 1]);
        assert_eq!(reassembler.lost(), 0);
    }

    #[test]
    fn a_record_that_belongs_to_the_same_serial_of_another_boot_is_another_event() {
        let lines =
            [line("SYSCALL", 1, 7), line("SYSCALL", 900, 7), line("PROCTITLE", 1, 7), line("PROCTITLE", 900, 7)];
        let (events, _) = run(ReassemblerConfig::default(), &lines);
        assert_eq!(events, [(7, 2), (7, 2)]);
    }

    proptest! {
        /// Whatever the interleaving, as long as the records of each event stay in order and few enough events are open.
        #[test]
        fn events_do_not_depend_on_how_records_interleave(
            sizes in prop::collection::vec(1_usize..5, 1..20),
            picks in prop::collection::vec(any::<prop::sample::Index>(), 100),
        ) {
            let mut queues: Vec<Vec<String>> = sizes.iter().zip(1..).map(|(size, serial)| {
                let mut records: Vec<String> = (0..*size).map(|_| line("PATH", 1, serial)).collect();
                records.push(line("PROCTITLE", 1, serial));
                records.reverse();
                records
            }).collect();
            let mut lines = Vec::new();
            for pick in picks.iter().cycle() {
                queues.retain(|queue| !queue.is_empty());
                if queues.is_empty() {
                    break;
                }
                let at = pick.index(queues.len());
                lines.extend(queues[at].pop());
            }
            // The first record of all: nothing may be given out before every event has begun.
            let mut ordered: Vec<String> = Vec::new();
            for serial in 1..=sizes.len() as u32 {
                let begin = lines.iter().position(|line| line.contains(&format!(":{serial})"))).expect("there");
                ordered.push(lines.remove(begin));
            }
            ordered.extend(lines);
            let (events, reassembler) = run(ReassemblerConfig::default(), &ordered);
            let expected: Vec<(u32, usize)> = (1..).zip(sizes).map(|(serial, size)| (serial, size + 1)).collect();
            prop_assert_eq!(events, expected);
            prop_assert_eq!(reassembler.lost(), 0);
        }

        #[test]
        fn no_line_panics(lines in prop::collection::vec("\\PC{0,60}|type=[A-Z_]{3,9} msg=audit\\([0-9]{1,10}\\.[0-9]{1,3}:[0-9]{1,10}\\): \\PC{0,60}", 0..20)) {
            let mut reassembler = Reassembler::new(ReassemblerConfig::default());
            let mut count = 0;
            for line in &lines {
                if let Ok(record) = AuditRecord::parse_line(line) {
                    let _ = super::super::record_data::RecordData::of(&record);
                    reassembler.push(&record, |event| count += event.records().len());
                }
            }
            reassembler.finish(|event| count += event.records().len());
            prop_assert!(count <= lines.len());
        }
    }
}
