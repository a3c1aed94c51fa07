//! Alert identity: which alerts are the same alert.
//!
//! Sources: Kibana `new_terms/wrap_new_terms_alerts.ts` (the npm package object-hash over an array), `utils/utils.ts`
//! (`generateId`), `threshold/bulk_create_threshold_signals.ts`.

use std::fmt::Write as _;

use sha1::{Digest as _, Sha1};
use sha2::Sha256;
use uuid::Uuid;

use super::{GroupTerm, Suppression, TermValue};
use crate::time::Millis;

/// What an alert of a `new_terms` rule is recognised by. Two alerts are the same if and only if all of this is equal.
#[derive(Clone, Copy, Debug)]
pub struct AlertIdentity<'a> {
    /// `_index` of the document: the concrete index.
    pub index: &'a str,
    /// `_id` of the document.
    pub document_id: &'a str,
    /// `_version` of the document as text; searches of a real run do not ask for it: [`AlertIdentity::VERSION`].
    pub version: &'a str,
    /// Kibana space.
    pub space: &'a str,
    /// Id of the rule *object*, see [`Rule::object_id`](crate::rule::Rule::object_id).
    pub rule: &'a str,
    /// Terms in the order of the rule's fields.
    pub new_terms: &'a [TermValue],
}

impl AlertIdentity<'_> {
    /// The version text of real runs.
    pub const VERSION: &'static str = "undefined";
    /// The space that a lab without spaces lives in.
    pub const SPACE: &'static str = "default";

    /// The alert id: 40 lower-case hexadecimal digits, the SHA-1 of [`hashed_text`](AlertIdentity::hashed_text).
    #[must_use]
    pub fn id(&self) -> String {
        hex(&Sha1::digest(self.hashed_text().as_bytes()))
    }

    /// The text that is hashed.
    #[must_use]
    pub fn hashed_text(&self) -> String {
        let mut text = String::with_capacity(192);
        text.push_str("array:5:");
        push_string(&mut text, self.index);
        push_string(&mut text, self.document_id);
        push_string(&mut text, self.version);
        push_string(&mut text, &format!("{}:{}", self.space, self.rule));
        push(&mut text, format_args!("array:{}:", self.new_terms.len()));
        for term in self.new_terms {
            push_term(&mut text, term);
        }
        text
    }
}

/// The id of a suppression group of a rule: equal for equal fields and values.
pub(super) fn group_id(rule: &str, terms: &[GroupTerm]) -> String {
    let mut text = String::new();
    push_string(&mut text, rule);
    for GroupTerm { field, values } in terms {
        push_string(&mut text, field);
        match values {
            None => text.push_str("Null"),
            Some(values) => {
                push(&mut text, format_args!("array:{}:", values.len()));
                values.iter().for_each(|value| push_term(&mut text, value));
            }
        }
    }
    hex(&Sha1::digest(text.as_bytes()))
}

/// The id of an alert of a `query` rule: SHA-256 hex of index, document id, version and `<space>:<rule>`, put together
/// without separators.
#[must_use]
pub fn query_alert_id(index: &str, document_id: &str, space: &str, rule: &str) -> String {
    let version = AlertIdentity::VERSION;
    hex(&Sha256::digest(format!("{index}{document_id}{version}{space}:{rule}").as_bytes()))
}

/// The id of an alert of a `query` rule that stands for a group of documents: the oldest document, the group and its span. So
/// the same group is another alert when it was counted to another end.
pub(in crate::engine) fn bucket_alert_id(index: &str, document_id: &str, rule: &str, group: &Suppression) -> String {
    let mut text = String::new();
    for part in [index, document_id, AlertIdentity::VERSION, &format!("{}:{rule}", AlertIdentity::SPACE)] {
        push_string(&mut text, part);
    }
    push(&mut text, format_args!("{}{}{}", group_id(rule, &group.terms), group.start, group.end));
    hex(&Sha1::digest(text.as_bytes()))
}

/// The id of the synthetic event that a `threshold` alert is made of: a UUIDv5 of the rule, the time of the run, the fields
/// and the sorted key values, so that the same bucket in the same run is the same event.
#[must_use]
pub fn threshold_event_id(rule_id: &str, run: Millis, fields: &[String], keys: &[TermValue]) -> Uuid {
    let mut values: Vec<_> = keys.iter().map(TermValue::to_text).collect();
    values.sort_unstable();
    let name = format!("{rule_id}{run}{}{}", fields.join(","), values.join(","));
    Uuid::new_v5(&NAMESPACE, name.as_bytes())
}

/// Name space of the UUIDs that this project derives: UUIDv5 of the DNS name space and `firstseen`.
pub(super) const NAMESPACE: Uuid = Uuid::from_u128(0x5796_6544_c65d_5382_b511_790f_3af2_98cb);

fn push_term(text: &mut String, term: &TermValue) {
    match term {
        TermValue::Bool(truth) => push(text, format_args!("bool:{truth}")),
        TermValue::Integer(_) | TermValue::Float(_) => push(text, format_args!("number:{}", term.to_text())),
        TermValue::Text(value) => push_string(text, value),
    }
}

/// A string as object-hash writes it: its length is in UTF-16 code units, JavaScript's own.
fn push_string(text: &mut String, value: &str) {
    push(text, format_args!("string:{}:{value}", value.encode_utf16().count()));
}

fn push(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a String does not fail.
    let _ = text.write_fmt(arguments);
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        push(&mut text, format_args!("{byte:02x}"));
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity<'a>(terms: &'a [TermValue], index: &'a str) -> AlertIdentity<'a> {
        AlertIdentity {
            index,
            document_id: "doc-1",
            version: AlertIdentity::VERSION,
            space: AlertIdentity::SPACE,
            rule: "rule-1",
            new_terms: terms,
        }
    }

    #[test]
    fn the_hashed_text_names_kinds_and_utf16_lengths() {
        let terms = [TermValue::from("\u{1F600}"), TermValue::Integer(7), TermValue::Float(1.5), TermValue::Bool(true)];
        assert_eq!(
            identity(&terms, "i").hashed_text(),
            "array:5:string:1:istring:5:doc-1string:9:undefinedstring:14:default:rule-1\
             array:4:string:2:\u{1F600}number:7number:1.5bool:true"
        );
    }

    #[test]
    fn any_part_changes_the_id() {
        let (text, number) = ([TermValue::from("7")], [TermValue::Integer(7)]);
        let base = identity(&text, "i").id();
        assert_eq!(base.len(), 40);
        assert_eq!(base, identity(&text, "i").id());
        for other in [
            identity(&number, "i"),
            identity(&text, "j"),
            AlertIdentity { document_id: "doc-2", ..identity(&text, "i") },
            AlertIdentity { rule: "rule-2", ..identity(&text, "i") },
            AlertIdentity { space: "other", ..identity(&text, "i") },
        ] {
            assert_ne!(base, other.id());
        }
    }

    #[test]
    fn a_query_alert_is_the_sha256_of_the_parts_without_separators() {
        // The sum was computed with coreutils' sha256sum.
        assert_eq!(
            query_alert_id("events", "d1", "default", "r"),
            "68192fe4eab0d1f2cc7706f8b9914b1c06ae478ee079d4b659ace868172070e8"
        );
        assert_eq!(query_alert_id("ab", "c", "s", "r"), query_alert_id("a", "bc", "s", "r"), "no separators upstream");
        assert_ne!(query_alert_id("events", "d1", "default", "r"), query_alert_id("events", "d2", "default", "r"));
    }

    #[test]
    fn a_threshold_event_is_the_same_only_in_the_same_run_for_the_same_bucket() {
        let fields = ["host.id".to_owned(), "user.id".to_owned()];
        let keys = [TermValue::from("a"), TermValue::from("b")];
        let base = threshold_event_id("r", Millis(0), &fields, &keys);
        assert_eq!(base.get_version_num(), 5);
        assert_eq!(base, threshold_event_id("r", Millis(0), &fields, &[keys[1].clone(), keys[0].clone()]));
        assert_ne!(base, threshold_event_id("r", Millis(1), &fields, &keys));
        assert_ne!(base, threshold_event_id("r", Millis(0), &fields, &[TermValue::from("a"), TermValue::from("c")]));
    }

    #[test]
    fn the_name_space_is_derived_as_said() {
        assert_eq!(NAMESPACE, Uuid::new_v5(&Uuid::NAMESPACE_DNS, b"firstseen"));
    }
}
