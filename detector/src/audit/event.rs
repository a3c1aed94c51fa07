//! All records of one event, in the order in which they arrived.

use std::ops::Range;

use crate::time::Millis;

use super::parse::{AuditRecord, MalformedLine};
use super::{RawRecord, RecordType};

/// The records that share a time and a serial.
///
/// The text of all of them is one buffer, which a [`Reassembler`](super::Reassembler) uses again for later events.
#[derive(Clone, Debug, Default)]
pub struct AuditEvent {
    time: Millis,
    serial: u32,
    node: Option<String>,
    text: String,
    parts: Vec<Part>,
}

/// A record whose text is a range of the event's buffer.
#[derive(Clone, Debug)]
struct Part {
    header: AuditRecord<'static>,
    text: Range<usize>,
}

impl AuditEvent {
    /// An event of the given records, which the caller knows to belong together.
    ///
    /// # Errors
    /// At the first record that is malformed.
    pub fn of(records: &[RawRecord]) -> Result<AuditEvent, MalformedLine> {
        let mut event = AuditEvent::default();
        for record in records {
            event.push(&AuditRecord::try_from(record)?);
        }
        Ok(event)
    }

    /// When it happened: the time of its first record.
    #[must_use]
    pub fn time(&self) -> Millis {
        self.time
    }

    /// Its number.
    #[must_use]
    pub fn serial(&self) -> u32 {
        self.serial
    }

    /// The machine that its first record names.
    #[must_use]
    pub fn node(&self) -> Option<&str> {
        self.node.as_deref()
    }

    /// Its records, without EOE.
    pub fn records(&self) -> impl ExactSizeIterator<Item = AuditRecord<'_>> {
        self.parts.iter().map(|part| part.header.over(&self.text[part.text.clone()]))
    }

    /// Whether it has a record of that type.
    #[must_use]
    pub fn has(&self, record_type: RecordType) -> bool {
        self.parts.iter().any(|part| part.header.record_type == record_type)
    }

    /// Adds a record at the end; the first one gives time, serial and node.
    pub fn push(&mut self, record: &AuditRecord<'_>) {
        if self.parts.is_empty() {
            (self.time, self.serial) = (record.time, record.serial);
            self.node = record.node.map(str::to_owned);
        }
        let start = self.text.len();
        self.text.push_str(record.text);
        self.parts.push(Part { header: record.header(), text: start..self.text.len() });
    }

    /// Empties the event and keeps its memory.
    pub(crate) fn clear(&mut self) {
        self.text.clear();
        self.parts.clear();
        self.node = None;
    }
}
