//! One record, borrowed from the text in which it arrived: header first, fields only when somebody asks.

use crate::time::Millis;

use super::fields::{RawField, raw_fields};
use super::{RawRecord, RecordType};

/// A record whose header has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditRecord<'a> {
    /// What the record describes.
    pub record_type: RecordType,
    /// When the event happened: the clock tick, so many events share one.
    pub time: Millis,
    /// Number of the event; all its records carry it. Wraps at 2^32.
    pub serial: u32,
    /// The machine, if the line names one (`name_format` in auditd.conf).
    pub node: Option<&'a str>,
    /// The text from `audit(` on, without white space at its ends and without what auditd adds in its ENRICHED format.
    pub text: &'a str,
    /// Where in `text` the fields begin; nothing if the record ends with its header.
    body: Option<usize>,
}

/// A line or message that is no audit record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no audit record: {reason}")]
pub struct MalformedLine {
    /// What is missing or wrong.
    pub reason: String,
}

/// auditd puts this byte in front of its interpretations (ENRICHED format).
const ENRICHED: u8 = 0x1d;

impl<'a> AuditRecord<'a> {
    /// Reads a line of a log: `[node=NAME ]type=TYPE msg=audit(SEC.MSEC:SERIAL): ...`, RAW or ENRICHED.
    ///
    /// # Errors
    /// When the line has no such beginning or names a type that is unknown.
    pub fn parse_line(line: &'a str) -> Result<AuditRecord<'a>, MalformedLine> {
        let (node, rest) = match line.strip_prefix("node=") {
            Some(rest) => match rest.split_once(' ') {
                Some((node, rest)) => (Some(node), rest),
                None => return Err(malformed("it ends behind node=")),
            },
            None => (None, line),
        };
        let rest = rest.strip_prefix("type=").ok_or_else(|| malformed("it does not begin with 'type='"))?;
        let space = rest.bytes().position(|byte| byte == b' ').ok_or_else(|| malformed("it ends behind type="))?;
        let (name, rest) = (&rest[..space], &rest[space + 1..]);
        let record_type =
            RecordType::from_name(name).ok_or_else(|| malformed(format!("unknown type '{}'", short(name))))?;
        let text = rest.strip_prefix("msg=").ok_or_else(|| malformed("'msg=' does not follow the type"))?;
        AuditRecord::parse_text(record_type, text).map(|record| AuditRecord { node, ..record })
    }

    /// Reads a message whose type is known from elsewhere: `audit(SEC.MSEC:SERIAL): ...`.
    ///
    /// # Errors
    /// When it has no such beginning.
    pub fn parse_text(record_type: RecordType, text: &'a str) -> Result<AuditRecord<'a>, MalformedLine> {
        let end = memchr::memchr(ENRICHED, text.as_bytes()).unwrap_or(text.len());
        let text = text[..end].trim_ascii();
        let header = text.strip_prefix("audit(").ok_or_else(|| malformed("it does not begin with 'audit('"))?;
        let (seconds, rest) = number(header).ok_or_else(|| malformed("its time is not SECONDS.MILLISECONDS"))?;
        let fraction = rest.strip_prefix('.').and_then(number);
        let (millis, rest) = fraction.ok_or_else(|| malformed("its time is not SECONDS.MILLISECONDS"))?;
        let serial = rest.strip_prefix(':').and_then(number);
        let (serial, rest) = serial.ok_or_else(|| malformed("its serial is no number"))?;
        let serial = u32::try_from(serial).map_err(|_| malformed("its serial is beyond 32 bits"))?;
        let rest = rest.strip_prefix(')').ok_or_else(|| malformed("')' does not follow the serial"))?;
        let milliseconds = seconds.checked_mul(1000).and_then(|seconds| seconds.checked_add(millis));
        let time =
            milliseconds.and_then(|time| i64::try_from(time).ok()).ok_or_else(|| malformed("its time is too far"))?;
        let has_body = rest.bytes().any(|byte| matches!(byte, b':' | b' '));
        let body = has_body.then_some(text.len() - rest.len());
        Ok(AuditRecord { record_type, time: Millis(time), serial, node: None, text, body })
    }

    /// The fields as they are written, in their order; values of a field `msg` are not taken apart.
    pub fn fields(&self) -> impl Iterator<Item = RawField<'a>> {
        raw_fields(self.body().unwrap_or_default())
    }

    /// The value of the first field of that name, without its quotes, not decoded.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&'a str> {
        self.fields().find(|field| field.key == name).map(|field| field.value())
    }

    /// The text behind the header.
    pub(crate) fn body(&self) -> Option<&'a str> {
        self.body.map(|start| &self.text[start..])
    }

    /// What is known of the record without its text.
    pub(crate) fn header(&self) -> AuditRecord<'static> {
        AuditRecord { node: None, text: "", ..*self }
    }

    /// A header over a copy of the text from which it was read.
    pub(crate) fn over<'b>(&self, text: &'b str) -> AuditRecord<'b> {
        AuditRecord { node: None, text, ..*self }
    }
}

impl<'a> TryFrom<&'a RawRecord> for AuditRecord<'a> {
    type Error = MalformedLine;

    fn try_from(record: &'a RawRecord) -> Result<AuditRecord<'a>, MalformedLine> {
        AuditRecord::parse_text(record.record_type, &record.text)
    }
}

fn malformed(reason: impl Into<String>) -> MalformedLine {
    MalformedLine { reason: reason.into() }
}

/// The beginning of a text of unknown length.
fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

/// A run of digits and what follows it.
fn number(text: &str) -> Option<(u64, &str)> {
    let mut number = 0_u64;
    let mut digits = 0;
    for byte in text.bytes().take_while(u8::is_ascii_digit) {
        number = number.checked_mul(10)?.checked_add(u64::from(byte - b'0'))?;
        digits += 1;
    }
    (digits > 0).then(|| (number, &text[digits..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str =
        "type=SYSCALL msg=audit(1795337123.359:215473): arch=c000003e syscall=10 comm=\"a b\" key=(null)";

    #[test]
    fn a_line_gives_type_time_and_serial() {
        let record = AuditRecord::parse_line(LINE).expect("valid");
        assert_eq!(
            (record.record_type, record.time, record.serial),
            (RecordType::SYSCALL, Millis(1_795_337_123_359), 215_473)
        );
        assert_eq!(
            (record.field("syscall"), record.field("comm"), record.field("nothing")),
            (Some("10"), Some("a b"), None)
        );
        assert_eq!(record.text, &LINE["type=SYSCALL msg=".len()..]);
    }

    #[test]
    fn a_node_in_front_is_kept() {
        let line = format!("node=web-1 {LINE}");
        assert_eq!(AuditRecord::parse_line(&line).expect("valid").node, Some("web-1"));
    }

    #[test]
    fn interpretations_of_the_enriched_format_are_cut_off() {
        let line = format!("{LINE}\u{1d}ARCH=x86_64 SYSCALL=mprotect AUID=\"unset\"");
        assert_eq!(
            AuditRecord::parse_line(&line).expect("valid").text,
            AuditRecord::parse_line(LINE).expect("valid").text
        );
        let bare = format!("{LINE}\u{1d}\n");
        assert_eq!(
            AuditRecord::parse_line(&bare).expect("valid").text,
            AuditRecord::parse_line(LINE).expect("valid").text
        );
    }

    #[test]
    fn types_without_a_name_carry_their_number() {
        let record = AuditRecord::parse_line("type=UNKNOWN[1398] msg=audit(1.002:3): x=1").expect("valid");
        assert_eq!((record.record_type, record.time), (RecordType(1398), Millis(1002)));
    }

    #[test]
    fn a_record_may_end_with_its_header() {
        for (line, fields) in [("type=EOE msg=audit(1.002:3): ", 0), ("type=EOE msg=audit(1.002:3)", 0)] {
            assert_eq!(AuditRecord::parse_line(line).expect("valid").fields().count(), fields);
        }
    }

    #[test]
    fn what_is_no_record_says_why() {
        for (line, reason) in [
            ("", "'type='"),
            ("hello", "'type='"),
            ("node=x", "behind node="),
            ("type=SYSCALL", "behind type="),
            ("type=NONSENSE msg=audit(1.2:3): ", "unknown type 'NONSENSE'"),
            ("type=SYSCALL audit(1.2:3): ", "'msg='"),
            ("type=SYSCALL msg=(1.2:3): ", "'audit('"),
            ("type=SYSCALL msg=audit(x.2:3): ", "its time"),
            ("type=SYSCALL msg=audit(1:3): ", "its time"),
            ("type=SYSCALL msg=audit(1.2): ", "its serial"),
            ("type=SYSCALL msg=audit(1.2:4294967296): ", "32 bits"),
            ("type=SYSCALL msg=audit(18446744073709551615.2:3): ", "too far"),
            ("type=SYSCALL msg=audit(1.2:3: ", "')'"),
        ] {
            let error = AuditRecord::parse_line(line).expect_err(line).to_string();
            assert!(error.contains(reason), "{line}: {error}");
        }
    }
}
