//! One document as an index sees it: typed values, by the slots of a [`Layout`].
//!
//! A [`Row`] is loaded from JSON in one pass, without a tree: unwanted values are skipped, wanted ones converted by their
//! mapping as the search engine does when it indexes (see [`convert`](super::convert)). It is reused from document to
//! document, so that after the first few nothing is allocated. It does not decide what matches: that is KQL's.

use std::borrow::Cow;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::convert::{Scalar, Stored, convert};
use super::layout::{Layout, NestedSlot, Slot, Walk};
use super::mapping::FieldType;
use crate::time::Millis;

/// Deeper documents are refused: no shipper writes them, and reading them would need a deep stack.
const MAX_DEPTH: usize = 64;

/// The indexed values of one document.
#[derive(Clone, Debug, Default)]
pub struct Row {
    text: String,
    values: Vec<(Slot, Stored)>,
    nested: Vec<(NestedSlot, Row)>,
    /// Rows behind this one are kept for reuse only.
    nested_used: usize,
}

/// One value in the form in which it is indexed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum IndexValue<'a> {
    /// Of a keyword (also `wildcard`, `constant_keyword`, flattened), or the unanalysed text of a text field.
    Text(&'a str),
    /// A whole number.
    Long(i64),
    /// Another number.
    Double(f64),
    /// A truth value.
    Boolean(bool),
    /// An address as an IPv6 number; IPv4 is its v4-mapped form.
    Ip(u128),
    /// An instant.
    Date(Millis),
}

/// A document that could not be read.
#[derive(Debug, thiserror::Error)]
pub enum RowError {
    /// Not JSON, not an object, or nested too deeply.
    #[error("not a JSON object: {0}")]
    Json(#[from] serde_json::Error),
    /// Not text.
    #[error("not UTF-8: byte {} is invalid", .0.valid_up_to())]
    Utf8(#[from] std::str::Utf8Error),
}

impl Row {
    /// An empty row.
    #[must_use]
    pub fn new() -> Row {
        Row::default()
    }

    /// Replaces the content by that of a document: `_source`, one JSON object.
    ///
    /// # Errors
    /// When it is not a JSON object in UTF-8, or is nested deeper than 64 levels; the row is empty then.
    pub fn load(&mut self, layout: &Layout, source: &[u8]) -> Result<(), RowError> {
        self.clear();
        let result = self.read(layout, source);
        if result.is_err() {
            self.clear();
        }
        result
    }

    /// The values of a field, in document order, repeated ones included.
    pub fn values(&self, slot: Slot) -> impl Iterator<Item = IndexValue<'_>> {
        self.values.iter().filter(move |(at, _)| *at == slot).map(|(_, stored)| stored.view(&self.text))
    }

    /// Whether a field has at least one indexed value.
    #[must_use]
    pub fn exists(&self, slot: Slot) -> bool {
        self.values.iter().any(|(at, _)| *at == slot)
    }

    /// The separate objects below a nested root, in document order.
    pub fn objects(&self, slot: NestedSlot) -> impl Iterator<Item = &Row> {
        self.nested[..self.nested_used].iter().filter(move |(at, _)| *at == slot).map(|(_, row)| row)
    }

    fn clear(&mut self) {
        self.text.clear();
        self.values.clear();
        self.nested_used = 0;
    }

    fn read(&mut self, layout: &Layout, source: &[u8]) -> Result<(), RowError> {
        let text = std::str::from_utf8(source)?;
        let mut json = serde_json::Deserializer::from_str(text);
        Object { row: self, layout, node: 0, depth: 0 }.deserialize(&mut json)?;
        json.end()?;
        self.fill_constants(layout);
        Ok(())
    }

    /// Every document of an index has the value of a `constant_keyword`, whether it says so or not.
    fn fill_constants(&mut self, layout: &Layout) {
        for (position, info) in layout.slots.iter().enumerate() {
            let slot = Slot(position as u16);
            if let Some(constant) = &info.mapping.constant
                && info.mapping.field_type == FieldType::ConstantKeyword
                && !self.exists(slot)
            {
                self.push(layout, slot, Scalar::Text(constant));
            }
        }
    }

    fn push(&mut self, layout: &Layout, slot: Slot, scalar: Scalar<'_>) {
        let mapping = &layout.slots[usize::from(slot.0)].mapping;
        if let Some(stored) = convert(scalar, mapping, &mut self.text) {
            self.values.push((slot, stored));
        }
    }

    /// A scalar that stands at a node.
    fn add(&mut self, layout: &Layout, node: usize, scalar: Scalar<'_>) {
        for at in 0..layout.nodes[node].slots.len() {
            self.push(layout, layout.nodes[node].slots[at], scalar);
        }
    }

    /// The next separate object below a nested root.
    fn open_object(&mut self, slot: NestedSlot) -> &mut Row {
        if self.nested_used == self.nested.len() {
            self.nested.push((slot, Row::new()));
        }
        let (at, row) = &mut self.nested[self.nested_used];
        self.nested_used += 1;
        *at = slot;
        row.clear();
        row
    }

    /// Any JSON value, given as text, that stands at a node.
    fn add_raw(&mut self, layout: &Layout, node: usize, raw: &str, depth: usize) -> Result<(), serde_json::Error> {
        match raw.as_bytes().first() {
            Some(b'n') | None => {}
            Some(b'"') => self.add(layout, node, Scalar::Text(&unescape(raw)?)),
            Some(b't') => self.add(layout, node, Scalar::Boolean(true)),
            Some(b'f') => self.add(layout, node, Scalar::Boolean(false)),
            Some(b'{' | b'[') => {
                let mut json = serde_json::Deserializer::from_str(raw);
                Object { row: self, layout, node, depth: depth + 1 }.deserialize(&mut json)?;
            }
            Some(_) => self.add(layout, node, Scalar::Number(raw)),
        }
        Ok(())
    }
}

/// The text of a JSON string.
fn unescape(raw: &str) -> Result<Cow<'_, str>, serde_json::Error> {
    let inner = &raw[1..raw.len() - 1];
    if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        return Ok(Cow::Borrowed(inner));
    }
    serde_json::from_str(raw).map(Cow::Owned)
}

/// Reads an object, or an array of values, that stands at a node.
struct Object<'r, 'l> {
    row: &'r mut Row,
    layout: &'l Layout,
    node: usize,
    depth: usize,
}

impl Object<'_, '_> {
    fn below(&mut self, node: usize) -> Object<'_, '_> {
        Object { row: self.row, layout: self.layout, node, depth: self.depth + 1 }
    }

    fn member<'de, A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        let (layout, depth) = (self.layout, self.depth);
        match layout.walk(self.node, key) {
            Walk::Unwanted => {
                map.next_value::<IgnoredAny>()?;
            }
            Walk::Inside(node, rest) => match layout.nodes[node].nested {
                Some(slot) => {
                    let inner = &layout.nested[usize::from(slot.0)].1;
                    let row = self.row.open_object(slot);
                    Object { row, layout: inner, node: 0, depth: depth + 1 }.member(rest, map)?;
                }
                None => {
                    let raw = map.next_value::<&RawValue>()?;
                    self.flattened(node, Some(rest), raw.get()).map_err(serde::de::Error::custom)?;
                }
            },
            Walk::At(node) if !layout.nodes[node].flattened.is_empty() => {
                let raw = map.next_value::<&RawValue>()?;
                self.flattened(node, None, raw.get()).map_err(serde::de::Error::custom)?;
            }
            Walk::At(node) if is_leaf(layout, node) => {
                let raw = map.next_value::<&RawValue>()?;
                self.row.add_raw(layout, node, raw.get(), depth).map_err(serde::de::Error::custom)?;
            }
            Walk::At(node) => map.next_value_seed(self.below(node))?,
        }
        Ok(())
    }

    /// A value at a flattened root, or below it at `rest`: its leaves are values of the root, and of the keys that are wanted
    /// by name.
    fn flattened(&mut self, node: usize, rest: Option<&str>, raw: &str) -> Result<(), serde_json::Error> {
        let (layout, depth) = (self.layout, self.depth + 1);
        leaves(self.row, layout, node, raw, depth)?;
        match rest {
            Some(rest) => match layout.walk(node, rest) {
                Walk::At(named) => self.row.add_raw(layout, named, raw, depth),
                _ => Ok(()),
            },
            None if layout.nodes[node].children.is_empty() => Ok(()),
            None => {
                let mut json = serde_json::Deserializer::from_str(raw);
                Object { row: self.row, layout, node, depth }.deserialize(&mut json)
            }
        }
    }
}

/// Whether only scalars (or arrays of them) are expected at a node, whose text is wanted as it was written.
fn is_leaf(layout: &Layout, node: usize) -> bool {
    let node = &layout.nodes[node];
    node.children.is_empty() && node.nested.is_none() && node.flattened.is_empty()
}

impl<'de> DeserializeSeed<'de> for Object<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.depth > MAX_DEPTH {
            return Err(serde::de::Error::custom(format_args!("nested deeper than {MAX_DEPTH} levels")));
        }
        if self.depth == 0 { deserializer.deserialize_map(self) } else { deserializer.deserialize_any(self) }
    }
}

impl<'de> Visitor<'de> for Object<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.depth == 0 { "a JSON object" } else { "a JSON value" })
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        if let Some(slot) = self.layout.nodes[self.node].nested {
            let layout = &self.layout.nested[usize::from(slot.0)].1;
            let row = self.row.open_object(slot);
            return Object { row, layout, node: 0, depth: self.depth }.visit_map(map);
        }
        while let Some(key) = map.next_key_seed(Key)? {
            self.member(&key, &mut map)?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        if is_leaf(self.layout, self.node) {
            while let Some(raw) = seq.next_element::<&RawValue>()? {
                self.row.add_raw(self.layout, self.node, raw.get(), self.depth).map_err(serde::de::Error::custom)?;
            }
            return Ok(());
        }
        let node = self.node;
        while seq.next_element_seed(self.below(node))?.is_some() {}
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, truth: bool) -> Result<(), E> {
        self.row.add(self.layout, self.node, Scalar::Boolean(truth));
        Ok(())
    }

    fn visit_i64<E>(self, number: i64) -> Result<(), E> {
        self.row.add(self.layout, self.node, Scalar::Number(&number.to_string()));
        Ok(())
    }

    fn visit_u64<E>(self, number: u64) -> Result<(), E> {
        self.row.add(self.layout, self.node, Scalar::Number(&number.to_string()));
        Ok(())
    }

    fn visit_f64<E>(self, number: f64) -> Result<(), E> {
        self.row.add(self.layout, self.node, Scalar::Number(&number.to_string()));
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.row.add(self.layout, self.node, Scalar::Text(text));
        Ok(())
    }
}

/// A key; borrowed unless it holds escapes.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cow<'de, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a key")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(text))
    }

    fn visit_str<E>(self, text: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(text.to_owned()))
    }
}

/// Reads any value below a flattened root: every leaf is a value of the root.
fn leaves(row: &mut Row, layout: &Layout, node: usize, raw: &str, depth: usize) -> Result<(), serde_json::Error> {
    if depth > MAX_DEPTH {
        return Err(serde::de::Error::custom(format_args!("nested deeper than {MAX_DEPTH} levels")));
    }
    let scalar = |row: &mut Row, scalar: Scalar<'_>| {
        for slot in &layout.nodes[node].flattened {
            row.push(layout, *slot, scalar);
        }
    };
    match raw.as_bytes().first() {
        Some(b'n') | None => {}
        Some(b'"') => scalar(row, Scalar::Text(&unescape(raw)?)),
        Some(b't') => scalar(row, Scalar::Boolean(true)),
        Some(b'f') => scalar(row, Scalar::Boolean(false)),
        Some(b'[') => {
            for item in serde_json::from_str::<Vec<&RawValue>>(raw)? {
                leaves(row, layout, node, item.get(), depth + 1)?;
            }
        }
        Some(b'{') => {
            for item in serde_json::from_str::<std::collections::BTreeMap<Cow<'_, str>, &RawValue>>(raw)?.values() {
                leaves(row, layout, node, item.get(), depth + 1)?;
            }
        }
        Some(_) => scalar(row, Scalar::Number(raw)),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::mapping::Mappings;
    use super::*;

    struct Fixture {
        mappings: Mappings,
        layout: Layout,
    }

    fn fixture(mappings: serde_json::Value) -> Fixture {
        let mappings = Mappings::from_json(mappings.as_object().expect("an object")).expect("valid mappings");
        Fixture { mappings, layout: Layout::new() }
    }

    impl Fixture {
        fn read(&mut self, name: &str, source: &str) -> Vec<String> {
            let slot = self.layout.slot(&self.mappings, name).expect("mapped");
            let mut row = Row::new();
            row.load(&self.layout, source.as_bytes()).expect("readable");
            row.values(slot).map(|value| format!("{value:?}")).collect()
        }
    }

    #[test]
    fn dotted_nested_and_mixed_spellings_are_read_alike() {
        let mut fixture = fixture(serde_json::json!({"a.b.c": "keyword", "a.b": "keyword"}));
        for source in [r#"{"a":{"b":{"c":"x"}}}"#, r#"{"a.b":{"c":"x"}}"#, r#"{"a":{"b.c":"x"}}"#, r#"{"a.b.c":["x"]}"#]
        {
            assert_eq!(fixture.read("a.b.c", source), [r#"Text("x")"#], "{source}");
        }
        assert_eq!(
            fixture.read("a.b", r#"{"a":[{"b":"x"},{"b":["y",null,7]}]}"#),
            [r#"Text("x")"#, r#"Text("y")"#, r#"Text("7")"#]
        );
    }

    #[test]
    fn numbers_under_a_keyword_keep_their_text() {
        let mut fixture = fixture(serde_json::json!({"a": "keyword"}));
        assert_eq!(
            fixture.read("a", r#"{"a":[1.50,1e3,-0,true,"\u0041"]}"#),
            [r#"Text("1.50")"#, r#"Text("1e3")"#, r#"Text("-0")"#, r#"Text("true")"#, r#"Text("A")"#]
        );
    }

    #[test]
    fn types_convert_as_the_index_does() {
        let mut fixture =
            fixture(serde_json::json!({"l": "long", "b": "boolean", "i": "ip", "d": "date", "f": "double"}));
        assert_eq!(fixture.read("l", r#"{"l":["7",7.9,-7.9,"x",null,true]}"#), ["Long(7)", "Long(7)", "Long(-7)"]);
        assert_eq!(
            fixture.read("b", r#"{"b":[true,"false","","yes"]}"#),
            ["Boolean(true)", "Boolean(false)", "Boolean(false)"]
        );
        assert_eq!(fixture.read("i", r#"{"i":["10.0.0.1","::ffff:10.0.0.1","x"]}"#).len(), 2);
        assert_eq!(
            fixture.read("d", r#"{"d":[1700000000123,"2023-11-14T22:13:20.123999Z"]}"#),
            ["Date(Millis(1700000000123))", "Date(Millis(1700000000123))"]
        );
        assert_eq!(fixture.read("f", r#"{"f":["1.5",2]}"#), ["Double(1.5)", "Double(2.0)"]);
    }

    #[test]
    fn ignore_above_counts_utf16_units_one_before_and_one_after() {
        let mut fixture = fixture(serde_json::json!({"a": {"type": "keyword", "ignore_above": 4}}));
        assert_eq!(
            fixture.read("a", r#"{"a":["abcd","abcde","😀😀","😀😀x"]}"#),
            [r#"Text("abcd")"#, r#"Text("😀😀")"#]
        );
    }

    #[test]
    fn multi_fields_and_flattened_roots_see_their_values() {
        let mut fixture = fixture(serde_json::json!({
            "p": {"type": "keyword", "fields": {"text": "text"}}, "labels": "flattened"
        }));
        assert_eq!(fixture.read("p.text", r#"{"p":"x y"}"#), [r#"Text("x y")"#]);
        assert_eq!(fixture.read("labels.a.b", r#"{"labels":{"a":{"b":7},"c":"z"}}"#), [r#"Text("7")"#]);
        let mut all = fixture.read("labels", r#"{"labels":{"a":{"b":7},"c":"z"}}"#);
        all.sort();
        assert_eq!(all, [r#"Text("7")"#, r#"Text("z")"#]);
        assert_eq!(fixture.read("labels", r#"{"labels.q":"z"}"#), [r#"Text("z")"#]);
    }

    #[test]
    fn nested_objects_stay_apart_and_plain_ones_flow_together() {
        let mut fixture = fixture(serde_json::json!({"u": "nested", "u.a": "keyword", "u.b": "long"}));
        assert_eq!(fixture.layout.slot(&fixture.mappings, "u.a"), None);
        let nested = fixture.layout.nested(&fixture.mappings, "u").expect("nested");
        let a = fixture.layout.nested_layout(nested).slot(&fixture.mappings, "u.a").expect("mapped");
        let mut row = Row::new();
        for _ in 0..2 {
            row.load(&fixture.layout, br#"{"u":[{"a":"x","b":1},{"a":["y","z"]},{}],"u.a":"w"}"#).expect("readable");
            let counts: Vec<usize> = row.objects(nested).map(|object| object.values(a).count()).collect();
            assert_eq!(counts, [1, 2, 0, 1]);
        }
    }

    #[test]
    fn a_constant_is_the_value_of_every_document() {
        let mut fixture = fixture(serde_json::json!({"c": "constant_keyword"}));
        fixture.mappings.set_constant("c", "one");
        assert_eq!(fixture.read("c", "{}"), [r#"Text("one")"#]);
    }

    #[test]
    fn what_is_no_object_is_an_error_and_leaves_the_row_empty() {
        let mut fixture = fixture(serde_json::json!({"a": "keyword"}));
        let slot = fixture.layout.slot(&fixture.mappings, "a").expect("mapped");
        let mut row = Row::new();
        let deep = format!(r#"{{"a":{}1{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
        for source in ["", "[]", "7", r#"{"a":"x""#, r#"{"a":"x"} {}"#, &deep] {
            assert!(row.load(&fixture.layout, source.as_bytes()).is_err());
            assert!(!row.exists(slot));
        }
        assert!(row.load(&fixture.layout, b"{\"a\":\"\xff\"}").is_err());
    }
}
