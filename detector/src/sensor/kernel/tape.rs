//! Everything that arrives on a stream, taken down by a thread of its own so that the socket's buffer stays empty
//! whatever the rest of the program does.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::audit::{RawRecord, RecordType};
use crate::netlink::{AuditStream, KernelError, Received};
use crate::sensor::Loss;

/// Texts that are kept of one observation, bytes.
const CAPACITY: usize = 256 * 1024 * 1024;
/// How soon the thread notices that it is to end.
const PULSE: Duration = Duration::from_millis(20);
/// How long a serial number may still be on its way after a later one was seen: it is given out a moment before its
/// first record is queued.
const STRAGGLERS: Duration = Duration::from_millis(100);

/// A running reader.
pub(super) struct Tape {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// How long a marker is waited for (real time).
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    /// While nothing arrives at all.
    pub(super) idle: Duration,
    /// In all, while other records arrive: the kernel works off what stands before the marker.
    pub(super) busy: Duration,
}

/// Identity of an event: its time as written, and its serial number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct EventId {
    /// Milliseconds since the epoch.
    pub(super) time: u64,
    pub(super) serial: u32,
}

/// What was taken down between two markers.
#[derive(Debug, Default)]
pub(super) struct Recording {
    records: Vec<Entry>,
    text: String,
    pub(super) losses: Vec<Loss>,
}

#[derive(Debug)]
struct Entry {
    kind: RecordType,
    event: EventId,
    text: Range<usize>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    changed: Condvar,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    recording: bool,
    records: Vec<Entry>,
    text: String,
    overflowed: bool,
    /// Records that arrived, kept or not.
    arrived: u64,
    /// A marker that somebody waits for, and its event once it was seen.
    awaited: Option<(String, Option<EventId>)>,
    failure: Option<KernelError>,
}

impl Tape {
    /// Starts reading. Until [`Tape::start`] everything is read and thrown away.
    pub(super) fn new(mut stream: Box<dyn AuditStream>) -> std::io::Result<Tape> {
        let shared = Arc::new(Shared::default());
        let own = Arc::clone(&shared);
        let thread = thread::Builder::new().name("audit-reader".to_owned()).spawn(move || own.read(&mut *stream))?;
        Ok(Tape { shared, thread: Some(thread) })
    }

    /// Starts to keep what arrives from now on.
    pub(super) fn start(&self) {
        let mut state = self.shared.state();
        *state = State { recording: true, failure: state.failure, ..State::default() };
    }

    /// Whether the socket's buffer overflowed since the last [`Tape::start`].
    pub(super) fn overflowed(&self) -> bool {
        self.shared.state().overflowed
    }

    /// Announces a marker, runs `put` to put it into the stream, and waits until it is seen. A marker can be lost like
    /// any other record, so one that does not come is put again, until the patience is at its end.
    pub(super) fn mark<E>(
        &self,
        name: &str,
        patience: Patience,
        mut put: impl FnMut(&str) -> Result<(), E>,
    ) -> Result<Option<EventId>, E> {
        let mut arrived = {
            let mut state = self.shared.state();
            state.awaited = Some((name.to_owned(), None));
            state.arrived
        };
        let begin = Instant::now();
        let mut last_arrival = begin;
        loop {
            put(name)?;
            let state = self.shared.state();
            let waited = self.shared.changed.wait_timeout_while(state, patience.idle / 2, |state| {
                state.failure.is_none() && matches!(state.awaited, Some((_, None)))
            });
            let state = waited.map_or_else(|poisoned| poisoned.into_inner().0, |(state, _)| state);
            if let Some((_, Some(event))) = state.awaited {
                return Ok(Some(event));
            }
            let now = Instant::now();
            if state.arrived != arrived {
                (arrived, last_arrival) = (state.arrived, now);
            }
            if state.failure.is_some() || now - last_arrival >= patience.idle || now - begin >= patience.busy {
                return Ok(None);
            }
        }
    }

    /// Waits until a SYSCALL record of this event was seen.
    pub(super) fn has_syscall(&self, event: EventId, time: Duration) -> bool {
        let deadline = Instant::now() + time;
        loop {
            let found = {
                let state = self.shared.state();
                state.records.iter().any(|it| it.event == event && it.kind == RecordType::SYSCALL)
            };
            if found || Instant::now() >= deadline {
                return found;
            }
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Ends keeping and hands out what came from the marker `begin` to the marker `end`, with what is known to be lost
    /// in between. Serial numbers are only compared between two markers that were both seen.
    pub(super) fn take(&self, begin: Option<EventId>, end: Option<EventId>) -> Recording {
        if let (Some(begin), Some(end)) = (begin, end) {
            let deadline = Instant::now() + STRAGGLERS;
            while Instant::now() < deadline && !gaps(&self.shared.state().records, begin.serial, end.serial).is_empty()
            {
                thread::sleep(Duration::from_millis(2));
            }
        }
        let state = {
            let mut state = self.shared.state();
            let failure = state.failure;
            std::mem::replace(&mut *state, State { failure, ..State::default() })
        };
        let mut losses = Vec::new();
        if state.overflowed || state.text.len() >= CAPACITY {
            losses.push(Loss::BufferOverflow);
        }
        if let Some(error) = state.failure {
            losses.push(Loss::Disturbed { what: error.to_string() });
        }
        if let (Some(begin), Some(end)) = (begin, end) {
            losses.extend(gaps(&state.records, begin.serial, end.serial));
        }
        let first = begin.and_then(|begin| state.records.iter().position(|it| it.event == begin)).unwrap_or(0);
        let mut records = state.records;
        records.drain(..first);
        Recording { records, text: state.text, losses }
    }
}

impl Drop for Tape {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self, stream: &mut dyn AuditStream) {
        while !self.stop.load(Ordering::Relaxed) {
            match stream.receive(PULSE) {
                Ok(Received::Record(record)) => self.state().keep(&record),
                Ok(Received::Overflow) => self.state().overflowed = true,
                Ok(Received::Nothing) => continue,
                Err(error) => {
                    self.state().failure = Some(error);
                    self.changed.notify_all();
                    return;
                }
            }
            self.changed.notify_all();
        }
    }
}

impl State {
    fn keep(&mut self, record: &RawRecord) {
        self.arrived += 1;
        let Some(event) = EventId::of(&record.text) else { return };
        if let Some((name, seen @ None)) = &mut self.awaited
            && matches!(record.record_type, RecordType::EVENT_LISTENER | RecordType::USER)
            && record.text.contains(name.as_str())
        {
            *seen = Some(event);
        }
        if !self.recording || self.text.len() >= CAPACITY {
            return;
        }
        let start = self.text.len();
        self.text.push_str(&record.text);
        self.records.push(Entry { kind: record.record_type, event, text: start..self.text.len() });
    }
}

impl Recording {
    /// The records of events that `is_own` process ids caused and whose SYSCALL record `is_asked` for, in the order of
    /// arrival, and the number of the others.
    ///
    /// An event belongs to the process of its SYSCALL record, or, without one, of its first record that names one. An event
    /// without one is not made by any rule, so it is not for a rule to ask.
    pub(super) fn select(
        &self,
        is_own: impl Fn(i32) -> bool,
        is_asked: impl Fn(&str) -> bool,
    ) -> (Vec<RawRecord>, usize) {
        let mut owners: HashMap<EventId, (i32, Option<&str>)> = HashMap::new();
        for entry in &self.records {
            let text = &self.text[entry.text.clone()];
            let Some(pid) = pid(text) else { continue };
            let syscall = (entry.kind == RecordType::SYSCALL).then_some(text);
            let owner = owners.entry(entry.event).or_insert((pid, syscall));
            if syscall.is_some() && owner.1.is_none() {
                *owner = (pid, syscall);
            }
        }
        let events: HashSet<EventId> = owners
            .into_iter()
            .filter(|(_, (pid, syscall))| is_own(*pid) && syscall.is_none_or(&is_asked))
            .map(|(event, _)| event)
            .collect();
        let own = |entry: &&Entry| events.contains(&entry.event);
        let record =
            |entry: &Entry| RawRecord { record_type: entry.kind, text: self.text[entry.text.clone()].to_owned() };
        let records: Vec<RawRecord> = self.records.iter().filter(own).map(record).collect();
        let others = self.records.len() - records.len();
        (records, others)
    }
}

impl EventId {
    /// Reads `audit(1700000000.123:42): `.
    fn of(text: &str) -> Option<EventId> {
        let (head, _) = text.strip_prefix("audit(")?.split_once(')')?;
        let (time, serial) = head.split_once(':')?;
        let (seconds, milliseconds) = time.split_once('.')?;
        let time = seconds.parse::<u64>().ok()?.checked_mul(1000)?.checked_add(milliseconds.parse().ok()?)?;
        Some(EventId { time, serial: serial.parse().ok()? })
    }
}

/// The value of the first field `pid`: strings that a process chooses have no spaces in a kernel record.
fn pid(text: &str) -> Option<i32> {
    text.split(' ').find_map(|word| word.strip_prefix("pid="))?.parse().ok()
}

/// The serial numbers from `begin` to `end`, both seen, that no record has.
fn gaps(records: &[Entry], begin: u32, end: u32) -> Vec<Loss> {
    let last = end.wrapping_sub(begin);
    let mut seen: Vec<u32> =
        records.iter().map(|it| it.event.serial.wrapping_sub(begin)).filter(|&offset| offset <= last).collect();
    seen.extend([0, last]);
    seen.sort_unstable();
    seen.dedup();
    let holes = seen.windows(2).filter(|pair| pair[1] - pair[0] > 1);
    holes
        .map(|pair| Loss::SerialGap { after: begin.wrapping_add(pair[0]), before: begin.wrapping_add(pair[1]) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(serial: u32) -> Entry {
        Entry { kind: RecordType::SYSCALL, event: EventId { time: 1, serial }, text: 0..0 }
    }

    fn recording(records: &[(RecordType, &str)]) -> Recording {
        let mut state = State { recording: true, ..State::default() };
        for (record_type, text) in records {
            state.keep(&RawRecord { record_type: *record_type, text: (*text).to_owned() });
        }
        Recording { records: state.records, text: state.text, losses: Vec::new() }
    }

    #[test]
    fn missing_serials_are_gaps_and_interleaved_ones_are_not() {
        let records = [10, 12, 11, 13, 16, 16].map(entry);
        assert_eq!(gaps(&records, 10, 13), []);
        assert_eq!(gaps(&records, 10, 16), [Loss::SerialGap { after: 13, before: 16 }]);
        assert_eq!(gaps(&records, 16, 16), []);
    }

    #[test]
    fn serials_wrap_around() {
        let records = [u32::MAX - 1, u32::MAX, 0, 2].map(entry);
        assert_eq!(gaps(&records, u32::MAX - 1, 2), [Loss::SerialGap { after: 0, before: 2 }]);
    }

    #[test]
    fn an_event_belongs_to_the_process_of_its_syscall_with_all_its_records() {
        let recording = recording(&[
            (RecordType::CONFIG_CHANGE, "audit(1.000:5): op=add_rule list=4 res=1"),
            (RecordType::SYSCALL, "audit(1.000:5): arch=c000003e syscall=44 ppid=8 pid=7 comm=\"x\""),
            (RecordType::SYSCALL, "audit(1.000:6): arch=c000003e syscall=10 ppid=7 pid=9 comm=\"y\""),
            (RecordType::PROCTITLE, "audit(1.000:5): proctitle=\"x\""),
            (RecordType::EOE, "audit(1.000:6): "),
        ]);
        let (own, others) = recording.select(|pid| pid == 7, |_| true);
        assert_eq!(
            own.iter().map(|it| it.record_type).collect::<Vec<_>>(),
            [RecordType::CONFIG_CHANGE, RecordType::SYSCALL, RecordType::PROCTITLE]
        );
        assert_eq!(others, 2);
        assert_eq!(recording.select(|_| false, |_| true).0, []);
    }

    #[test]
    fn an_event_that_nobody_asked_for_is_dropped_with_all_its_records() {
        let recording = recording(&[
            (RecordType::SYSCALL, "audit(1.000:5): arch=c000003e syscall=59 ppid=8 pid=7 comm=\"x\""),
            (RecordType::SYSCALL, "audit(1.000:6): arch=c000003e syscall=10 ppid=8 pid=7 comm=\"x\""),
            (RecordType::PROCTITLE, "audit(1.000:5): proctitle=\"x\""),
            (RecordType::EOE, "audit(1.000:6): "),
        ]);
        let (own, others) = recording.select(|pid| pid == 7, |syscall| syscall.contains("syscall=10 "));
        let kinds: Vec<_> = own.iter().map(|it| it.record_type).collect();
        assert_eq!((kinds, others), (vec![RecordType::SYSCALL, RecordType::EOE], 2));
    }

    #[test]
    fn an_event_without_a_syscall_belongs_to_the_process_it_names() {
        let recording = recording(&[(RecordType(1701), "audit(1.000:5): auid=1 uid=2 gid=3 ses=4 pid=7 comm=\"x\"")]);
        assert_eq!(recording.select(|pid| pid == 7, |_| true).0.len(), 1);
    }

    #[test]
    fn an_event_is_known_by_time_and_serial_together() {
        let recording = recording(&[
            (RecordType::SYSCALL, "audit(1.000:5): pid=7"),
            (RecordType::SYSCALL, "audit(2.000:5): pid=8"),
        ]);
        assert_eq!(recording.select(|pid| pid == 7, |_| true).0.len(), 1);
    }

    #[test]
    fn only_a_well_formed_head_names_an_event() {
        assert_eq!(EventId::of("audit(1700000000.123:42): x"), Some(EventId { time: 1_700_000_000_123, serial: 42 }));
        for text in ["", "audit(", "audit(1:2): ", "audit(1.2:x): ", "audit(1.2:4294967296): ", "1.2:3"] {
            assert_eq!(EventId::of(text), None, "{text}");
        }
    }
}
