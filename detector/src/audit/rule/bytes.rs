//! [`AuditRule`] <-> `struct audit_rule_data` of `linux/audit.h`, in this machine's byte order.
//!
//! flags, action, field_count, mask\[64\], fields\[64\], values\[64\], fieldflags\[64\], buflen: 260 words, then the texts of
//! the text fields in their order, without ends; the value of a text field is its length.

use super::error::RuleBytesError;
use super::field::{Field, FieldKind, Op};
use super::model::{Action, AuditRule, FieldValue, FilterList, Position, RuleField, SyscallMask};

const MASK: usize = 3;
const FIELDS: usize = MASK + 64;
const VALUES: usize = FIELDS + 64;
const OPS: usize = VALUES + 64;
const TEXT_LENGTH: usize = OPS + 64;
const HEADER: usize = (TEXT_LENGTH + 1) * 4;
/// `AUDIT_FILTER_PREPEND`
const PREPEND: u32 = 0x10;
const MAX_FIELDS: u32 = 64;

impl AuditRule {
    /// The payload of `AUDIT_ADD_RULE` and `AUDIT_DEL_RULE`, without padding.
    ///
    /// Fields beyond the 64th, which [`AuditRule::parse`] refuses, are left out.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut words = [0_u32; TEXT_LENGTH + 1];
        let mut texts = Vec::new();
        let fields = &self.fields[..self.fields.len().min(MAX_FIELDS as usize)];
        words[0] = self.list.number() | if self.position == Position::Prepend { PREPEND } else { 0 };
        words[1] = self.action.number();
        words[2] = fields.len() as u32;
        words[MASK..FIELDS].copy_from_slice(&self.mask.0);
        for (index, field) in fields.iter().enumerate() {
            words[FIELDS + index] = field.field.0;
            words[OPS + index] = field.op.code();
            words[VALUES + index] = match &field.value {
                FieldValue::Number(number) => *number,
                FieldValue::Text(text) => {
                    texts.extend_from_slice(text);
                    text.len() as u32
                }
            };
        }
        words[TEXT_LENGTH] = texts.len() as u32;
        let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        bytes.append(&mut texts);
        bytes
    }

    /// Reads the payload of one `AUDIT_LIST_RULES` answer; padding behind it is ignored.
    ///
    /// # Errors
    /// When it is cut short, or has a list, action or operator that is unknown. Unknown field numbers are kept.
    pub fn from_bytes(bytes: &[u8]) -> Result<AuditRule, RuleBytesError> {
        let header = bytes.get(..HEADER).ok_or(RuleBytesError::Short { got: bytes.len(), needed: HEADER })?;
        let words: Vec<u32> =
            header.chunks_exact(4).map(|word| u32::from_ne_bytes([word[0], word[1], word[2], word[3]])).collect();
        let needed = HEADER + words[TEXT_LENGTH] as usize;
        let mut texts = bytes.get(HEADER..needed).ok_or(RuleBytesError::Short { got: bytes.len(), needed })?;
        if words[2] > MAX_FIELDS {
            return Err(RuleBytesError::Unknown { what: "a field count of", number: words[2] });
        }
        let mut mask = SyscallMask::NONE;
        mask.0.copy_from_slice(&words[MASK..FIELDS]);
        let mut fields = Vec::with_capacity(words[2] as usize);
        for index in 0..words[2] as usize {
            let field = Field(words[FIELDS + index]);
            let code = words[OPS + index];
            let op = Op::from_code(code).ok_or(RuleBytesError::Unknown { what: "operator", number: code })?;
            let number = words[VALUES + index];
            let value = if field.kind() == FieldKind::Text {
                let (text, rest) = texts.split_at_checked(number as usize).ok_or(RuleBytesError::Overlong { index })?;
                texts = rest;
                FieldValue::Text(text.to_vec())
            } else {
                FieldValue::Number(number)
            };
            fields.push(RuleField { field, op, value });
        }
        Ok(AuditRule {
            list: FilterList::from_number(words[0] & !PREPEND)?,
            position: if words[0] & PREPEND == 0 { Position::Append } else { Position::Prepend },
            action: Action::from_number(words[1])?,
            mask,
            fields,
        })
    }
}

impl FilterList {
    fn number(self) -> u32 {
        Self::ALL.iter().find(|(list, _, _)| *list == self).map_or(0, |(_, _, number)| *number)
    }

    fn from_number(number: u32) -> Result<FilterList, RuleBytesError> {
        let known = Self::ALL.iter().find(|(_, _, known)| *known == number).map(|(list, _, _)| *list);
        known.ok_or(RuleBytesError::Unknown { what: "list", number })
    }
}

impl Action {
    fn number(self) -> u32 {
        match self {
            Action::Never => 0,
            Action::Always => 2,
        }
    }

    fn from_number(number: u32) -> Result<Action, RuleBytesError> {
        match number {
            0 => Ok(Action::Never),
            2 => Ok(Action::Always),
            _ => Err(RuleBytesError::Unknown { what: "action", number }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> AuditRule {
        AuditRule::parse(text).expect("valid rule")
    }

    fn word(bytes: &[u8], offset: usize) -> u32 {
        u32::from_ne_bytes(bytes[offset..offset + 4].try_into().expect("four bytes"))
    }

    #[test]
    fn the_rule_of_the_lab_is_what_the_kernel_lists() {
        let bytes = rule("-a always,exit -F arch=b64 -S mprotect -k rwx").to_bytes();
        assert_eq!(bytes.len(), 1043);
        assert_eq!([word(&bytes, 0), word(&bytes, 4), word(&bytes, 8), word(&bytes, 12)], [4, 2, 2, 0x400]);
        assert_eq!([word(&bytes, 268), word(&bytes, 272)], [0xb, 0xd2]);
        assert_eq!([word(&bytes, 524), word(&bytes, 528)], [0xc000_003e, 3]);
        assert_eq!([word(&bytes, 780), word(&bytes, 784), word(&bytes, 1036)], [0x4000_0000, 0x4000_0000, 3]);
        assert_eq!(&bytes[1040..], b"rwx");
    }

    #[test]
    fn bytes_read_back_with_padding_and_without() {
        for text in [
            "-a always,exit -F arch=b64 -S mprotect -F a2=7 -F a2&=6 -F exe=/usr/bin/x -F auid>=1000 -k key",
            "-A never,task -F uid=0",
            "-a always,exclude -F msgtype=EOE",
            "-w /etc/ld.so.preload -p wa",
        ] {
            let mut bytes = rule(text).to_bytes();
            assert_eq!(AuditRule::from_bytes(&bytes), Ok(rule(text)));
            bytes.extend([0, 0, 0]);
            assert_eq!(AuditRule::from_bytes(&bytes), Ok(rule(text)));
        }
    }

    #[test]
    fn cut_or_foreign_bytes_are_errors() {
        let good = rule("-a always,exit -S kill -k key").to_bytes();
        for length in [0, 100, 1039, good.len() - 1] {
            assert!(matches!(AuditRule::from_bytes(&good[..length]), Err(RuleBytesError::Short { .. })));
        }
        let changed = |offset: usize, value: u32| {
            let mut bytes = good.clone();
            bytes[offset..offset + 4].copy_from_slice(&value.to_ne_bytes());
            AuditRule::from_bytes(&bytes)
        };
        assert!(
            changed(0, 9).is_err() && changed(4, 1).is_err() && changed(8, 65).is_err() && changed(780, 3).is_err()
        );
        assert_eq!(changed(524, 4), Err(RuleBytesError::Overlong { index: 0 }));
    }

    #[test]
    fn a_field_without_a_name_is_kept() {
        let mut unknown = rule("-a always,exit -S kill");
        unknown.fields.push(RuleField { field: Field(150), op: Op::Equal, value: FieldValue::Number(1) });
        assert_eq!(AuditRule::from_bytes(&unknown.to_bytes()), Ok(unknown));
    }
}
