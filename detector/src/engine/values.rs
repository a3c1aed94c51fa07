//! Interned term values, in an order-preserving binary form.
//!
//! A value is stored once, as a tag and bytes whose order is the order in which an aggregation lists keys: text by UTF-8
//! bytes, numbers and addresses by value, false before true.

use std::hash::{BuildHasher, Hasher as _};

use compact_str::CompactString;
use hashbrown::HashTable;
use rustc_hash::{FxBuildHasher, FxHasher};

use super::alert::TermValue;
use crate::ecs::{IndexValue, display_ip};
use crate::time::Millis;

/// A set of values; each has a number, counted from 0 in order of arrival.
#[derive(Clone, Debug, Default)]
pub(super) struct Values {
    bytes: Vec<u8>,
    /// End of each value in `bytes`; it starts where the one before ends.
    ends: Vec<u64>,
    table: HashTable<u32>,
}

/// A value as it is shown, without interning it.
pub(super) fn show(value: IndexValue<'_>) -> TermValue {
    match value {
        IndexValue::Text(text) => TermValue::from(text),
        IndexValue::Long(number) | IndexValue::Date(Millis(number)) => TermValue::Integer(number),
        IndexValue::Double(number) => TermValue::Float(number),
        IndexValue::Boolean(truth) => TermValue::Bool(truth),
        IndexValue::Ip(address) => TermValue::Text(CompactString::from(display_ip(address))),
    }
}

const TEXT: u8 = 0;
const LONG: u8 = 1;
const DOUBLE: u8 = 2;
const BOOLEAN: u8 = 3;
const IP: u8 = 4;

const SIGN: u64 = 1 << 63;

impl Values {
    /// The number of a value, which is added if it is not there yet.
    pub(super) fn intern(&mut self, value: IndexValue<'_>) -> u32 {
        match value {
            IndexValue::Text(text) => self.intern_parts(TEXT, text.as_bytes()),
            IndexValue::Long(number) | IndexValue::Date(Millis(number)) => {
                self.intern_parts(LONG, &(number as u64 ^ SIGN).to_be_bytes())
            }
            IndexValue::Double(number) => {
                // Positive numbers get their sign bit set, negative ones are turned around: bytes then order as numbers do.
                let bits = number.to_bits();
                let ordered = if bits & SIGN == 0 { bits | SIGN } else { !bits };
                self.intern_parts(DOUBLE, &ordered.to_be_bytes())
            }
            IndexValue::Boolean(truth) => self.intern_parts(BOOLEAN, &[u8::from(truth)]),
            IndexValue::Ip(address) => self.intern_parts(IP, &address.to_be_bytes()),
        }
    }

    /// The number of a value of another set, which is added if it is not there yet.
    pub(super) fn adopt(&mut self, other: &Values, number: u32) -> u32 {
        let encoded = other.encoded(number);
        self.intern_parts(encoded[0], &encoded[1..])
    }

    /// The number of a value, if it is there.
    pub(super) fn find(&self, other: &Values, number: u32) -> Option<u32> {
        let encoded = other.encoded(number);
        let hash = hash(encoded[0], &encoded[1..]);
        self.table.find(hash, |known| self.encoded(*known) == encoded).copied()
    }

    /// Tag and bytes: their order is the order of values of one field.
    pub(super) fn encoded(&self, number: u32) -> &[u8] {
        encoded(&self.bytes, &self.ends, number)
    }

    /// The value as it is shown.
    pub(super) fn show(&self, number: u32) -> TermValue {
        let encoded = self.encoded(number);
        let payload = &encoded[1..];
        match encoded[0] {
            TEXT => TermValue::Text(CompactString::from_utf8_lossy(payload)),
            LONG => TermValue::Integer((word(payload) ^ SIGN) as i64),
            DOUBLE => {
                let ordered = word(payload);
                TermValue::Float(f64::from_bits(if ordered & SIGN == 0 { !ordered } else { ordered & !SIGN }))
            }
            BOOLEAN => TermValue::Bool(payload == [1]),
            _ => {
                let address = payload.iter().fold(0, |address: u128, byte| address << 8 | u128::from(*byte));
                TermValue::Text(CompactString::from(display_ip(address)))
            }
        }
    }

    /// How many values there are.
    pub(super) fn len(&self) -> u32 {
        self.ends.len() as u32
    }

    fn intern_parts(&mut self, tag: u8, payload: &[u8]) -> u32 {
        let Values { bytes, ends, table } = self;
        let hash = hash(tag, payload);
        let equal = |known: &u32| {
            let (known_tag, known_payload) = encoded(bytes, ends, *known).split_at(1);
            known_tag[0] == tag && known_payload == payload
        };
        if let Some(known) = table.find(hash, equal) {
            return *known;
        }
        let number = ends.len() as u32;
        bytes.push(tag);
        bytes.extend_from_slice(payload);
        ends.push(bytes.len() as u64);
        table.insert_unique(hash, number, |known| {
            let encoded = encoded(bytes, ends, *known);
            self::hash(encoded[0], &encoded[1..])
        });
        number
    }
}

fn encoded<'a>(bytes: &'a [u8], ends: &[u64], number: u32) -> &'a [u8] {
    let number = number as usize;
    let start = if number == 0 { 0 } else { ends[number - 1] };
    &bytes[start as usize..ends[number] as usize]
}

fn hash(tag: u8, payload: &[u8]) -> u64 {
    let mut hasher: FxHasher = FxBuildHasher.build_hasher();
    hasher.write_u8(tag);
    hasher.write(payload);
    hasher.finish()
}

/// The eight bytes of a number.
fn word(payload: &[u8]) -> u64 {
    payload.iter().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_are_one_and_kinds_stay_apart() {
        let mut values = Values::default();
        let text = values.intern(IndexValue::Text("7"));
        let number = values.intern(IndexValue::Long(7));
        assert_ne!(text, number);
        assert_eq!(values.intern(IndexValue::Text("7")), text);
        assert_eq!((values.show(text), values.show(number)), (TermValue::from("7"), TermValue::Integer(7)));
        assert_eq!(values.len(), 2);
    }

    #[test]
    fn the_encoded_order_is_the_order_of_keys() {
        let ascending: [&[IndexValue<'_>]; 5] = [
            &[
                IndexValue::Text(""),
                IndexValue::Text("10"),
                IndexValue::Text("7"),
                IndexValue::Text("Z"),
                IndexValue::Text("a"),
                IndexValue::Text("é"),
            ],
            &[
                IndexValue::Long(i64::MIN),
                IndexValue::Long(-1),
                IndexValue::Long(0),
                IndexValue::Long(7),
                IndexValue::Long(10),
            ],
            &[
                IndexValue::Double(-1e9),
                IndexValue::Double(-0.5),
                IndexValue::Double(0.0),
                IndexValue::Double(0.25),
                IndexValue::Double(1e300),
            ],
            &[IndexValue::Boolean(false), IndexValue::Boolean(true)],
            &[
                IndexValue::Ip(1),
                IndexValue::Ip(0xffff_0a00_0001),
                IndexValue::Ip(0xffff_0a00_0002),
                IndexValue::Ip(u128::MAX),
            ],
        ];
        for values in ascending {
            let mut set = Values::default();
            let numbers: Vec<u32> = values.iter().rev().map(|value| set.intern(*value)).collect();
            let encoded: Vec<&[u8]> = numbers.iter().rev().map(|number| set.encoded(*number)).collect();
            assert!(encoded.is_sorted() && encoded.len() == values.len(), "{values:?}");
        }
    }

    #[test]
    fn values_are_shown_as_they_were() {
        let mut values = Values::default();
        for (value, shown) in [
            (IndexValue::Double(-1.5), TermValue::Float(-1.5)),
            (IndexValue::Double(2.0), TermValue::Float(2.0)),
            (IndexValue::Long(-3), TermValue::Integer(-3)),
            (IndexValue::Date(Millis(1_700_000_000_123)), TermValue::Integer(1_700_000_000_123)),
            (IndexValue::Boolean(true), TermValue::Bool(true)),
            (IndexValue::Ip(0xffff_0a00_0001), TermValue::from("10.0.0.1")),
            (IndexValue::Ip(0xfe80 << 112 | 1), TermValue::from("fe80::1")),
        ] {
            let number = values.intern(value);
            assert_eq!(values.show(number), shown);
        }
    }

    #[test]
    fn values_move_between_sets() {
        let (mut a, mut b) = (Values::default(), Values::default());
        b.intern(IndexValue::Text("filler"));
        let in_a = a.intern(IndexValue::Text("x"));
        assert_eq!(b.find(&a, in_a), None);
        let in_b = b.adopt(&a, in_a);
        assert_eq!((b.find(&a, in_a), b.show(in_b)), (Some(in_b), TermValue::from("x")));
    }
}
