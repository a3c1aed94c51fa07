//! The bytes of the kernel's audit interface: netlink headers and `audit_status`, as in `linux/netlink.h` and
//! `linux/audit.h`. Pure functions; sockets are the client's.

use serde::{Deserialize, Serialize};

use crate::audit::{RawRecord, RecordType};

/// Size of `nlmsghdr`, bytes.
pub(super) const HEADER: usize = 16;
/// Shortest `audit_status` that a kernel ever sent (up to `backlog`), bytes.
const STATUS_MIN: usize = 32;
/// `audit_status` of a current kernel, bytes.
const STATUS_FULL: usize = 44;

pub(super) const NLMSG_ERROR: u16 = 2;
pub(super) const NLMSG_DONE: u16 = 3;
pub(super) const AUDIT_GET: u16 = 1000;
pub(super) const AUDIT_SET: u16 = 1001;
pub(super) const AUDIT_USER: u16 = 1005;
pub(super) const AUDIT_ADD_RULE: u16 = 1011;
pub(super) const AUDIT_DEL_RULE: u16 = 1012;
pub(super) const AUDIT_LIST_RULES: u16 = 1013;

const NLM_F_REQUEST_ACK: u16 = 0x5;

/// One message out of a datagram of replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// `nlmsg_type`
    pub kind: u16,
    /// `nlmsg_seq`: that of the request.
    pub sequence: u32,
    /// What follows the header.
    pub payload: &'a [u8],
}

/// A request with `NLM_F_REQUEST | NLM_F_ACK`, padded to four bytes.
pub(super) fn request(kind: u16, sequence: u32, payload: &[u8]) -> Vec<u8> {
    let length = HEADER + payload.len();
    let mut bytes = Vec::with_capacity(length.next_multiple_of(4));
    bytes.extend((length as u32).to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(NLM_F_REQUEST_ACK.to_ne_bytes());
    bytes.extend(sequence.to_ne_bytes());
    bytes.extend(0u32.to_ne_bytes());
    bytes.extend(payload);
    bytes.resize(length.next_multiple_of(4), 0);
    bytes
}

/// All messages of a datagram of replies. A length that does not fit ends the walk; what came before is kept.
#[must_use]
pub fn messages(datagram: &[u8]) -> Vec<Message<'_>> {
    let mut found = Vec::new();
    let mut rest = datagram;
    while let (Some(length), Some(kind), Some(sequence)) = (word(rest, 0), half(rest, 4), word(rest, 8)) {
        let length = length as usize;
        if rest.len() < HEADER || length < HEADER || length > rest.len() {
            break;
        }
        found.push(Message { kind, sequence, payload: &rest[HEADER..length] });
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    found
}

/// The audit record in a datagram of the multicast group; `None` for one too short to be any.
///
/// The length of the datagram counts, not `nlmsg_len`: old kernels leave the header out of the latter. Bytes that are not
/// UTF-8, which only user space can bring into a record, become U+FFFD.
#[must_use]
pub fn record_of_datagram(datagram: &[u8]) -> Option<RawRecord> {
    let kind = half(datagram, 4)?;
    let text = datagram.get(HEADER..)?;
    let end = text.iter().rposition(|&byte| byte != 0 && byte != b'\n').map_or(0, |last| last + 1);
    let text = String::from_utf8_lossy(&text[..end]).into_owned();
    Some(RawRecord { record_type: RecordType(kind), text })
}

/// The error number of an `NLMSG_ERROR` payload: 0 is an acknowledgement.
#[must_use]
pub fn error_number(payload: &[u8]) -> Option<i32> {
    word(payload, 0).map(|number| number as i32)
}

/// The state of the kernel's audit system (`audit_status`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AuditStatus {
    /// 0 off, 1 on, 2 on and locked until the next boot.
    pub enabled: u32,
    /// What the kernel does when it loses a record: 0 nothing, 1 printk, 2 panic.
    pub failure: u32,
    /// Process id of the audit daemon as seen from our pid namespace; 0: there is none.
    pub pid: u32,
    /// Records per second above which records are dropped; 0: no limit.
    pub rate_limit: u32,
    /// Records that may wait in the kernel.
    pub backlog_limit: u32,
    /// Records lost since boot (or since somebody reset the counter).
    pub lost: u32,
    /// Records that wait in the kernel now.
    pub backlog: u32,
    /// `AUDIT_FEATURE_BITMAP_*`; 0 from kernels that do not send it.
    pub features: u32,
    /// Longest time that an audited task waits for room in the backlog, in jiffies; `None` from old kernels.
    pub backlog_wait_time: Option<u32>,
}

/// What `enabled` means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enabled {
    /// No syscall records.
    Off,
    /// Records are made; everything can be changed.
    On,
    /// Records are made; nothing can be changed until the next boot.
    Locked,
}

impl AuditStatus {
    /// Reads an `audit_status` of at least 32 bytes; shorter is `None`.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<AuditStatus> {
        if bytes.len() < STATUS_MIN {
            return None;
        }
        let field = |index: usize| word(bytes, index * 4);
        Some(AuditStatus {
            enabled: field(1)?,
            failure: field(2)?,
            pid: field(3)?,
            rate_limit: field(4)?,
            backlog_limit: field(5)?,
            lost: field(6)?,
            backlog: field(7)?,
            features: field(8).unwrap_or(0),
            backlog_wait_time: field(9),
        })
    }

    /// [`AuditStatus::enabled`] by its meaning.
    #[must_use]
    pub fn state(&self) -> Enabled {
        match self.enabled {
            0 => Enabled::Off,
            1 => Enabled::On,
            _ => Enabled::Locked,
        }
    }

    /// The value of a field that this program may change.
    #[must_use]
    pub fn value(&self, field: StatusField) -> u32 {
        match field {
            StatusField::Enabled => self.enabled,
            StatusField::BacklogLimit => self.backlog_limit,
            StatusField::BacklogWaitTime => self.backlog_wait_time.unwrap_or(0),
        }
    }
}

/// The fields of the audit status that this program changes (and puts back).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StatusField {
    /// `enabled`.
    Enabled,
    /// `backlog_limit`, records.
    BacklogLimit,
    /// `backlog_wait_time`, jiffies: how long an audited task sleeps for room in the backlog before its record is lost.
    BacklogWaitTime,
}

impl StatusField {
    /// The name that `auditctl -s` prints.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            StatusField::Enabled => "enabled",
            StatusField::BacklogLimit => "backlog_limit",
            StatusField::BacklogWaitTime => "backlog_wait_time",
        }
    }

    /// Payload of an `AUDIT_SET` that changes this field alone: the mask selects it.
    pub(super) fn set(self, value: u32) -> Vec<u8> {
        let (mask, index) = match self {
            StatusField::Enabled => (0x01u32, 1),
            StatusField::BacklogLimit => (0x10, 5),
            StatusField::BacklogWaitTime => (0x20, 9),
        };
        let mut bytes = vec![0; STATUS_FULL];
        bytes[..4].copy_from_slice(&mask.to_ne_bytes());
        bytes[index * 4..index * 4 + 4].copy_from_slice(&value.to_ne_bytes());
        bytes
    }
}

pub(super) fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes)
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.try_into().ok().map(u16::from_ne_bytes)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_request_is_read_back_as_it_was_written() {
        let bytes = request(AUDIT_ADD_RULE, 7, b"abc");
        assert_eq!(bytes.len(), 20, "padded to four bytes");
        assert_eq!(messages(&bytes), [Message { kind: AUDIT_ADD_RULE, sequence: 7, payload: b"abc" }]);
    }

    #[test]
    fn two_messages_in_a_datagram_are_both_found_and_a_torn_third_is_not() {
        let mut bytes = request(1, 1, b"one");
        bytes.extend(request(2, 2, b""));
        bytes.extend([40, 0, 0, 0, 1]);
        let kinds: Vec<u16> = messages(&bytes).iter().map(|message| message.kind).collect();
        assert_eq!(kinds, [1, 2]);
    }

    #[test]
    fn a_length_of_zero_or_beyond_the_datagram_ends_the_walk() {
        for length in [0u32, 15, 21, u32::MAX] {
            let mut bytes = request(1, 1, b"four");
            bytes[..4].copy_from_slice(&length.to_ne_bytes());
            assert_eq!(messages(&bytes), [], "{length}");
        }
    }

    #[test]
    fn a_record_is_as_long_as_its_datagram_whatever_its_header_says() {
        let mut bytes = request(1300, 0, b"audit(1.000:2): a=b");
        bytes[..4].copy_from_slice(&19u32.to_ne_bytes());
        let text = |bytes: &[u8]| record_of_datagram(bytes).map(|record| (record.record_type, record.text));
        assert_eq!(text(&bytes), Some((RecordType::SYSCALL, "audit(1.000:2): a=b".to_owned())));
        assert_eq!(text(&bytes[..16]), Some((RecordType::SYSCALL, String::new())));
        assert_eq!(text(&bytes[..15]), None);
    }

    proptest! {
        #[test]
        fn no_datagram_breaks_a_reader(bytes in vec(any::<u8>(), 0..200), length in any::<u32>()) {
            let mut bytes = bytes;
            if let Some(head) = bytes.first_chunk_mut::<4>() {
                *head = (length % 300).to_ne_bytes();
            }
            let sum: usize = messages(&bytes).iter().map(|message| message.payload.len() + HEADER).sum();
            prop_assert!(sum <= bytes.len());
            prop_assert_eq!(record_of_datagram(&bytes).is_some(), bytes.len() >= HEADER);
            prop_assert_eq!(AuditStatus::decode(&bytes).is_some(), bytes.len() >= STATUS_MIN);
        }
    }

    #[test]
    fn a_status_of_32_bytes_is_read_and_one_of_31_is_not() {
        let bytes: Vec<u8> = (0..11u32).flat_map(u32::to_ne_bytes).collect();
        let old = AuditStatus::decode(&bytes[..32]).expect("long enough");
        assert_eq!((old.enabled, old.pid, old.lost, old.backlog), (1, 3, 6, 7));
        assert_eq!((old.features, old.backlog_wait_time), (0, None));
        assert_eq!(AuditStatus::decode(&bytes).expect("full").backlog_wait_time, Some(9));
        assert_eq!(AuditStatus::decode(&bytes[..31]), None);
    }

    #[test]
    fn setting_a_field_selects_it_alone() {
        let bytes = StatusField::BacklogLimit.set(8192);
        assert_eq!(word(&bytes, 0), Some(0x10));
        assert_eq!(AuditStatus::decode(&bytes).map(|status| (status.backlog_limit, status.enabled)), Some((8192, 0)));
        assert_eq!(AuditStatus::decode(&StatusField::Enabled.set(1)).map(|status| status.enabled), Some(1));
    }
}
