//! An audit rule as the kernel takes and lists it: the bytes of `audit_rule_data` (`linux/audit.h`).
//!
//! The bytes stay what they are, because a rule is deleted by its exact bytes, a journal has to hold them, and a newer
//! kernel may list what nobody here knows. Only what this sensor asks about a rule is decoded; what a rule means in full is
//! [`AuditRule`]'s.

use std::fmt;

use super::wire::word;
use crate::audit::AuditRule;

/// Keys of the rules that this program adds begin like this, so that they differ between runs and are told from others'.
pub const LAB_KEY_PREFIX: &str = "firstseen-";

/// Bytes in front of the texts.
const FIXED: usize = 1040;
const MASK: usize = 12;
const FIELDS: usize = 268;
const VALUES: usize = 524;
const OPERATORS: usize = 780;
const TEXT_LENGTH: usize = 1036;
/// `AUDIT_MAX_FIELDS`
const MAX_FIELDS: u32 = 64;
const PREPEND: u32 = 0x10;
pub(crate) const EQUAL: u32 = 0x4000_0000;

/// `AUDIT_ARCH`
pub(crate) const FIELD_ARCH: u32 = 11;
const NOT_EQUAL: u32 = 0x3000_0000;

/// `AUDIT_PID`
const FIELD_PID: u32 = 0;
/// `AUDIT_MSGTYPE`
pub(crate) const FIELD_MSGTYPE: u32 = 12;
/// `AUDIT_FILTERKEY`
const FIELD_KEY: u32 = 210;
/// Fields whose value is a text: SUBJ_* and OBJ_* (SELinux), WATCH, DIR, EXE, FILTERKEY.
const TEXT_FIELDS: [u32; 14] = [13, 14, 15, 16, 17, 19, 20, 21, 22, 23, 105, 107, 112, FIELD_KEY];

/// One rule, its length and text lengths checked.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RuleData {
    bytes: Vec<u8>,
}

/// Bytes that are no rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// Cut short.
    #[error("an audit rule of {got} bytes is cut short: it needs {needed}")]
    Short {
        /// Bytes there are.
        got: usize,
        /// Bytes there should be.
        needed: usize,
    },
    /// More fields than a rule can have, or texts longer than the rule says.
    #[error("an audit rule whose {what} does not fit")]
    Inconsistent {
        /// What does not fit.
        what: &'static str,
    },
    /// No room for one more field.
    #[error("an audit rule with all 64 fields in use has no room for another")]
    Full,
}

/// The list a rule is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleList {
    /// Tried when a task is created.
    Task,
    /// Tried when a system call ends.
    Exit,
    /// Tried before a record is made.
    Exclude,
    /// Any other: user, filesystem, io_uring.
    Other(u32),
}

/// What a rule does when it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleAction {
    /// No record.
    Never,
    /// A record.
    Always,
    /// What no current kernel lists.
    Other(u32),
}

/// One condition of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Condition<'a> {
    pub(crate) field: u32,
    pub(crate) operator: u32,
    /// The value, or the length of the text.
    pub(crate) value: u32,
    pub(crate) text: &'a [u8],
}

impl RuleData {
    /// Takes the payload of `AUDIT_ADD_RULE` or of one `AUDIT_LIST_RULES` answer; padding behind it is cut.
    ///
    /// # Errors
    /// When lengths do not fit. Lists, actions, fields and operators are not judged: the kernel may know newer ones.
    pub fn new(bytes: &[u8]) -> Result<RuleData, RuleError> {
        let short = |needed| RuleError::Short { got: bytes.len(), needed };
        let texts = word(bytes, TEXT_LENGTH).ok_or(short(FIXED))? as usize;
        let needed = FIXED + texts;
        let rule = RuleData { bytes: bytes.get(..needed).ok_or(short(needed))?.to_vec() };
        if rule.field_count() > MAX_FIELDS {
            return Err(RuleError::Inconsistent { what: "number of fields" });
        }
        let used: u64 = rule.conditions().filter(|it| is_text(it.field)).map(|it| u64::from(it.value)).sum();
        if used > texts as u64 {
            return Err(RuleError::Inconsistent { what: "length of texts" });
        }
        Ok(rule)
    }

    /// The exact bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The list it is on.
    #[must_use]
    pub fn list(&self) -> RuleList {
        match self.word(0) & !PREPEND {
            1 => RuleList::Task,
            4 => RuleList::Exit,
            5 => RuleList::Exclude,
            other => RuleList::Other(other),
        }
    }

    /// What it does.
    #[must_use]
    pub fn action(&self) -> RuleAction {
        match self.word(4) {
            0 => RuleAction::Never,
            2 => RuleAction::Always,
            other => RuleAction::Other(other),
        }
    }

    /// Its keys, joined by the byte 1 as `auditctl` joins several; `None` without one.
    #[must_use]
    pub fn key(&self) -> Option<&[u8]> {
        self.conditions().find(|condition| condition.field == FIELD_KEY).map(|condition| condition.text)
    }

    /// The run that added it, if one of its keys says so.
    #[must_use]
    pub fn lab_run(&self) -> Option<&str> {
        let mut keys = self.key()?.split(|&byte| byte == 1);
        keys.find_map(|key| std::str::from_utf8(key).ok()?.strip_prefix(LAB_KEY_PREFIX))
    }

    /// Whether one of its keys is a run's own.
    #[must_use]
    pub fn is_lab_rule(&self) -> bool {
        self.lab_run().is_some()
    }

    /// Whether it matches everything on its list, as far as conditions go.
    #[must_use]
    pub fn is_unconditional(&self) -> bool {
        !self.conditions().any(|condition| condition.is_filter())
    }

    /// The same rule, but not for the process `pid`.
    ///
    /// # Errors
    /// When it has no room for one more condition.
    pub fn except(&self, pid: u32) -> Result<RuleData, RuleError> {
        let count = self.field_count();
        if count == MAX_FIELDS {
            return Err(RuleError::Full);
        }
        let (mut rule, at) = (self.clone(), count as usize * 4);
        rule.put(8, count + 1);
        rule.put(FIELDS + at, FIELD_PID);
        rule.put(OPERATORS + at, NOT_EQUAL);
        rule.put(VALUES + at, pid);
        Ok(rule)
    }

    /// The same rule with one more key: rules that differ in their keys are different rules to the kernel.
    ///
    /// # Errors
    /// When it has no key and no room for one.
    pub fn with_key(&self, key: &str) -> Result<RuleData, RuleError> {
        let mut rule = self.clone();
        let count = self.field_count() as usize;
        let keys = match self.key() {
            Some(own) => [own, b"\x01", key.as_bytes()].concat(),
            None if count == MAX_FIELDS as usize => return Err(RuleError::Full),
            None => key.as_bytes().to_vec(),
        };
        let index = self.conditions().position(|condition| condition.field == FIELD_KEY).unwrap_or(count);
        if index == count {
            rule.put(8, count as u32 + 1);
            rule.put(FIELDS + index * 4, FIELD_KEY);
            rule.put(OPERATORS + index * 4, EQUAL);
        }
        rule.put(VALUES + index * 4, keys.len() as u32);
        rule.bytes.truncate(FIXED);
        for (at, condition) in self.conditions().enumerate() {
            rule.bytes.extend(if at == index { &keys } else { condition.text });
        }
        if index == count {
            rule.bytes.extend(&keys);
        }
        let texts = (rule.bytes.len() - FIXED) as u32;
        rule.put(TEXT_LENGTH, texts);
        Ok(rule)
    }

    /// The same rule, to be put in front of its list. The kernel lists and deletes it without that mark.
    #[must_use]
    pub fn prepended(&self) -> RuleData {
        let mut rule = self.clone();
        rule.put(0, self.word(0) | PREPEND);
        rule
    }

    /// The same rule without the mark that puts it in front.
    #[must_use]
    pub fn appended(&self) -> RuleData {
        let mut rule = self.clone();
        rule.put(0, self.word(0) & !PREPEND);
        rule
    }

    /// The system calls that it is about, one bit each.
    pub(crate) fn mask(&self) -> impl Iterator<Item = u32> + '_ {
        (0..64).map(|index| self.word(MASK + index * 4))
    }

    /// Its conditions in order, the key among them.
    pub(crate) fn conditions(&self) -> impl Iterator<Item = Condition<'_>> + '_ {
        let mut at = FIXED;
        (0..self.field_count() as usize).map(move |index| {
            let field = self.word(FIELDS + index * 4);
            let value = self.word(VALUES + index * 4);
            let length = if is_text(field) { value as usize } else { 0 };
            let text = self.bytes.get(at..at.saturating_add(length)).unwrap_or_default();
            at = at.saturating_add(length);
            Condition { field, operator: self.word(OPERATORS + index * 4), value, text }
        })
    }

    fn field_count(&self) -> u32 {
        self.word(8)
    }

    fn word(&self, at: usize) -> u32 {
        word(&self.bytes, at).unwrap_or(0)
    }

    fn put(&mut self, at: usize, value: u32) {
        self.bytes[at..at + 4].copy_from_slice(&value.to_ne_bytes());
    }
}

impl Condition<'_> {
    /// Whether it narrows the rule down: a key does not.
    pub(crate) fn is_filter(&self) -> bool {
        self.field != FIELD_KEY
    }
}

/// Whether a key of a record is one that a run added: such a key is the lab's own and belongs into no document.
#[must_use]
pub fn is_lab_key(key: &str) -> bool {
    key.starts_with(LAB_KEY_PREFIX)
}

/// auditctl's syntax, as `auditctl -l` prints it.
impl fmt::Display for RuleData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match AuditRule::from_bytes(&self.bytes) {
            Ok(rule) => rule.fmt(f),
            Err(error) => write!(f, "a rule that this version cannot show ({error})"),
        }
    }
}

impl From<&AuditRule> for RuleData {
    fn from(rule: &AuditRule) -> RuleData {
        RuleData { bytes: rule.to_bytes() }
    }
}

impl fmt::Debug for RuleData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RuleData({self})")
    }
}

fn is_text(field: u32) -> bool {
    TEXT_FIELDS.contains(&field)
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// A rule in auditctl's syntax.
    pub(crate) fn rule(text: &str) -> RuleData {
        RuleData::from(&AuditRule::parse(text).expect("a valid rule"))
    }

    /// The rule of the lab.
    pub(crate) fn mprotect() -> RuleData {
        rule("-a always,exit -F arch=b64 -S mprotect")
    }

    #[test]
    fn a_key_makes_the_bytes_that_the_kernel_lists() {
        let rule = mprotect().with_key("rwx").expect("room");
        let words: Vec<u32> = [0, 4, 8, 12, 268, 272, 524, 528, 780, 784, 1036]
            .map(|at| word(rule.bytes(), at).expect("inside"))
            .to_vec();
        let equal = 0x4000_0000;
        assert_eq!(words, [4, 2, 2, 0x400, 0xb, 0xd2, 0xc000_003e, 3, equal, equal, 3]);
        assert_eq!(&rule.bytes()[1040..], b"rwx");
        assert_eq!(RuleData::new(&[rule.bytes(), &[0]].concat()), Ok(rule), "padding is cut");
    }

    #[test]
    fn a_second_key_joins_the_first_and_keeps_other_texts() {
        let rule = rule("-a always,exit -S execve -F exe=/bin/sh -k site").with_key("firstseen-1").expect("room");
        assert_eq!(rule.key(), Some(&b"site\x01firstseen-1"[..]));
        assert_eq!(rule.conditions().next().map(|condition| condition.text), Some(&b"/bin/sh"[..]));
        assert!(rule.is_lab_rule());
        assert!(!mprotect().with_key("my-firstseen-1").expect("room").is_lab_rule());
        assert_eq!(RuleData::new(rule.bytes()), Ok(rule));
    }

    #[test]
    fn cut_or_inconsistent_bytes_are_refused() {
        let good = mprotect().with_key("rwx").expect("room").bytes().to_vec();
        for length in [0, 1039, good.len() - 1] {
            assert!(matches!(RuleData::new(&good[..length]), Err(RuleError::Short { .. })), "{length}");
        }
        let changed = |at: usize, value: u32| {
            let mut bytes = good.clone();
            bytes[at..at + 4].copy_from_slice(&value.to_ne_bytes());
            RuleData::new(&bytes)
        };
        assert_eq!(changed(8, 65), Err(RuleError::Inconsistent { what: "number of fields" }));
        assert_eq!(changed(528, 4), Err(RuleError::Inconsistent { what: "length of texts" }));
        assert!(matches!(changed(TEXT_LENGTH, u32::MAX), Err(RuleError::Short { .. })));
    }

    #[test]
    fn a_process_can_be_left_out() {
        let rule = rule("-a always,exit -F arch=b64 -S mprotect -F exe=/bin/sh -k site").except(77).expect("room");
        assert_eq!(rule.to_string(), "-a always,exit -F arch=b64 -S mprotect -F exe=/bin/sh -F key=site -F pid!=77");
        assert_eq!(rule.with_key("more").expect("room").key(), Some(&b"site\x01more"[..]));
    }

    proptest! {
        #[test]
        fn whatever_is_accepted_can_be_shown_and_marked(bytes in vec(any::<u8>(), 0..40), count in 0u32..70, at in any::<usize>()) {
            let mut data = rule("-a always,exit -F arch=b64 -S mprotect -F exe=/bin/sh -k site").bytes().to_vec();
            data[8..12].copy_from_slice(&count.to_ne_bytes());
            for (offset, byte) in bytes.iter().enumerate() {
                let place = (at.wrapping_add(offset * 7)) % data.len();
                data[place] = *byte;
            }
            if let Ok(rule) = RuleData::new(&data) {
                prop_assert!(!rule.to_string().is_empty());
                if let Ok(marked) = rule.with_key("firstseen-1-2-3") {
                    prop_assert_eq!(RuleData::new(marked.bytes()), Ok(marked.clone()));
                    prop_assert!(marked.key().is_some_and(|key| key.ends_with(b"firstseen-1-2-3")));
                }
            }
        }
    }

    #[test]
    fn prepending_changes_nothing_but_the_mark() {
        let rule = mprotect();
        assert_ne!(rule.prepended(), rule);
        assert_eq!(rule.prepended().appended(), rule);
        assert_eq!(rule.prepended().list(), RuleList::Exit);
    }

    #[test]
    fn a_rule_is_shown_as_auditctl_takes_it_and_a_newer_kernels_rule_still_has_a_name() {
        let text = "-a always,exit -F arch=b64 -S mprotect -k rwx";
        assert_eq!(rule(text).to_string(), text);
        let mut bytes = rule(text).bytes().to_vec();
        bytes[0] = 9;
        let newer = RuleData::new(&bytes).expect("lengths fit");
        assert_eq!(newer.list(), RuleList::Other(9));
        assert!(newer.to_string().contains("cannot show"));
    }
}
