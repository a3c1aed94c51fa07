//! How a JSON scalar becomes an indexed value, by the type of its field.
//!
//! The conversions are the search engine's field mappers': a value that does not fit its field is not indexed. (The real
//! engine may refuse the whole document then; a lab that lost it would hide more than it shows.)

use std::net::{IpAddr, Ipv6Addr};

use super::date::parse_date;
use super::mapping::{FieldType, Mapping};
use super::row::IndexValue;
use crate::time::Millis;

/// A JSON scalar; numbers as they were written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Scalar<'a> {
    Text(&'a str),
    Number(&'a str),
    Boolean(bool),
}

impl<'a> Scalar<'a> {
    fn text(self) -> &'a str {
        match self {
            Scalar::Text(text) | Scalar::Number(text) => text,
            Scalar::Boolean(true) => "true",
            Scalar::Boolean(false) => "false",
        }
    }
}

/// An indexed value; texts lie in the row's own buffer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stored {
    Text { start: u32, end: u32 },
    Long(i64),
    Double(f64),
    Boolean(bool),
    Ip(u128),
    Date(Millis),
}

impl Stored {
    pub(super) fn view(self, text: &str) -> IndexValue<'_> {
        match self {
            Stored::Text { start, end } => IndexValue::Text(&text[start as usize..end as usize]),
            Stored::Long(number) => IndexValue::Long(number),
            Stored::Double(number) => IndexValue::Double(number),
            Stored::Boolean(truth) => IndexValue::Boolean(truth),
            Stored::Ip(address) => IndexValue::Ip(address),
            Stored::Date(date) => IndexValue::Date(date),
        }
    }
}

/// The indexed form of a scalar, or `None` if it is not indexed. Texts are appended to `buffer`.
pub(super) fn convert(scalar: Scalar<'_>, mapping: &Mapping, buffer: &mut String) -> Option<Stored> {
    match mapping.field_type {
        FieldType::Keyword | FieldType::Wildcard | FieldType::ConstantKeyword | FieldType::Flattened => {
            let text = scalar.text();
            // A text has at least as many bytes as UTF-16 units, so most need no counting.
            let too_long = |limit: usize| text.len() > limit && text.encode_utf16().count() > limit;
            if mapping.ignore_above.is_some_and(too_long) { None } else { store(text, buffer) }
        }
        FieldType::Text | FieldType::MatchOnlyText => store(scalar.text(), buffer),
        FieldType::Long => match scalar {
            Scalar::Boolean(_) => None,
            Scalar::Text(text) | Scalar::Number(text) => long(text).map(Stored::Long),
        },
        FieldType::Double => match scalar {
            Scalar::Boolean(_) => None,
            Scalar::Text(text) | Scalar::Number(text) => double(text).map(Stored::Double),
        },
        FieldType::Boolean => match scalar {
            Scalar::Boolean(truth) => Some(Stored::Boolean(truth)),
            Scalar::Text("true") => Some(Stored::Boolean(true)),
            Scalar::Text("false" | "") => Some(Stored::Boolean(false)),
            _ => None,
        },
        FieldType::Ip => match scalar {
            Scalar::Text(text) => parse_ip(text).map(Stored::Ip),
            _ => None,
        },
        FieldType::Date => match scalar {
            Scalar::Boolean(_) => None,
            Scalar::Text(text) | Scalar::Number(text) => parse_date(text).map(Stored::Date),
        },
        FieldType::Nested => None,
    }
}

fn store(text: &str, buffer: &mut String) -> Option<Stored> {
    let start = u32::try_from(buffer.len()).ok()?;
    let end = u32::try_from(buffer.len() + text.len()).ok()?;
    buffer.push_str(text);
    Some(Stored::Text { start, end })
}

/// A whole number, its fraction cut.
fn long(text: &str) -> Option<i64> {
    text.parse().ok().or_else(|| {
        let number = double(text)?.trunc();
        // Both bounds are exact: 2^63 is a double, and what is below it fits.
        (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&number).then_some(number as i64)
    })
}

/// A finite number in JSON's or plain decimal spelling.
fn double(text: &str) -> Option<f64> {
    let plausible = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
    text.parse::<f64>().ok().filter(|number| plausible && number.is_finite())
}

/// An address as an IPv6 number; IPv4 becomes its v4-mapped form, so `10.0.0.1` and `::ffff:10.0.0.1` are one value.
#[must_use]
pub fn parse_ip(text: &str) -> Option<u128> {
    let address = match text.parse().ok()? {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    };
    Some(address.to_bits())
}

/// How an address is shown: dotted IPv4 (also for v4-mapped ones), else lower-case compressed IPv6.
#[must_use]
pub fn display_ip(address: u128) -> String {
    let address = Ipv6Addr::from_bits(address);
    match address.to_ipv4_mapped() {
        Some(v4) => v4.to_string(),
        None => address.to_string(),
    }
}
