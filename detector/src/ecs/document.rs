//! A flat ECS document: dotted field names and values, in the order in which they were set.
//!
//! This is the form in which documents are *made* (by the normalisers) and *shown*. It knows nothing of mappings: how an
//! index reads it is [`Row`](super::Row)'s matter.

use compact_str::CompactString;
use serde::ser::{Serialize, SerializeMap, Serializer};

/// The value of one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// JSON null.
    Null,
    /// JSON true or false.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Any other JSON number, as it was written.
    Number(CompactString),
    /// Text.
    Text(CompactString),
    /// An array.
    List(Vec<Value>),
    /// An object inside an array (elsewhere objects are flattened into dotted names).
    Object(Fields),
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Text(CompactString::new(text))
    }
}

impl From<CompactString> for Value {
    fn from(text: CompactString) -> Value {
        Value::Text(text)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::Text(CompactString::from(text))
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Value {
        Value::Integer(number)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Value {
        Value::Bool(truth)
    }
}

impl<V: Into<Value>> From<Vec<V>> for Value {
    fn from(values: Vec<V>) -> Value {
        Value::List(values.into_iter().map(Into::into).collect())
    }
}

/// Named values; a name is a dotted path (`process.parent.pid`) and occurs once.
///
/// Names that are literals cost no allocation when made with [`CompactString::const_new`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields(Vec<(CompactString, Value)>);

impl Fields {
    /// No fields.
    #[must_use]
    pub fn new() -> Fields {
        Fields::default()
    }

    /// No fields, with room for some.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Fields {
        Fields(Vec::with_capacity(capacity))
    }

    /// Changes names and values in place and drops the fields for which `keep` says no; the caller keeps names unique.
    pub fn edit(&mut self, mut keep: impl FnMut(&mut CompactString, &mut Value) -> bool) {
        self.0.retain_mut(|(name, value)| keep(name, value));
    }

    /// Sets a field that is known to be absent; the caller keeps names unique. This is the normalisers' fast path.
    pub fn push(&mut self, name: CompactString, value: impl Into<Value>) {
        debug_assert!(self.get(&name).is_none(), "field {name} is set twice");
        self.0.push((name, value.into()));
    }

    /// Sets a field, replacing an earlier value.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) {
        let value = value.into();
        match self.0.iter_mut().find(|(existing, _)| existing == name) {
            Some((_, slot)) => *slot = value,
            None => self.0.push((CompactString::new(name), value)),
        }
    }

    /// The value of a field, by its whole dotted name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(existing, _)| existing == name).map(|(_, value)| value)
    }

    /// The value of a field that holds one text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.get(name) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// Removes a field and returns what it held.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        let position = self.0.iter().position(|(existing, _)| existing == name)?;
        Some(self.0.remove(position).1)
    }

    /// All fields in the order in which they were set.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// All values, to be changed in place.
    pub fn values_mut(&mut self) -> impl Iterator<Item = (&str, &mut Value)> {
        self.0.iter_mut().map(|(name, value)| (name.as_str(), value))
    }

    /// How many fields there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no field.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads a JSON object, flattening nested objects into dotted names.
    ///
    /// Mixed spellings (`{"a": {"b": 1}}`, `{"a.b": 1}`) mean the same; a name that occurs twice keeps all its values.
    #[must_use]
    pub fn from_json(object: &serde_json::Map<String, serde_json::Value>) -> Fields {
        let mut fields = Fields::new();
        fields.flatten("", object);
        fields
    }

    fn flatten(&mut self, prefix: &str, object: &serde_json::Map<String, serde_json::Value>) {
        for (key, value) in object {
            let name = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
            match value {
                serde_json::Value::Object(inner) => self.flatten(&name, inner),
                other => self.add(&name, Value::from_json(other)),
            }
        }
    }

    /// Adds to what a field holds already; two spellings of one field make an array.
    fn add(&mut self, name: &str, value: Value) {
        match self.0.iter_mut().find(|(existing, _)| existing == name) {
            None => self.0.push((CompactString::new(name), value)),
            Some((_, Value::List(list))) => match value {
                Value::List(more) => list.extend(more),
                one => list.push(one),
            },
            Some((_, slot)) => {
                let mut list = vec![std::mem::replace(slot, Value::Null)];
                match value {
                    Value::List(more) => list.extend(more),
                    one => list.push(one),
                }
                *slot = Value::List(list);
            }
        }
    }
}

impl Value {
    /// Reads any JSON value; objects inside arrays stay objects.
    #[must_use]
    pub fn from_json(value: &serde_json::Value) -> Value {
        match value {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(truth) => Value::Bool(*truth),
            serde_json::Value::Number(number) => match number.as_i64() {
                Some(integer) => Value::Integer(integer),
                None => Value::Number(CompactString::from(number.to_string())),
            },
            serde_json::Value::String(text) => Value::from(text.as_str()),
            serde_json::Value::Array(items) => Value::List(items.iter().map(Value::from_json).collect()),
            serde_json::Value::Object(object) => Value::Object(Fields::from_json(object)),
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(truth) => serializer.serialize_bool(*truth),
            Value::Integer(number) => serializer.serialize_i64(*number),
            Value::Number(text) => match serde_json::value::RawValue::from_string(text.to_string()) {
                Ok(raw) => raw.serialize(serializer),
                Err(_) => serializer.serialize_str(text),
            },
            Value::Text(text) => serializer.serialize_str(text),
            Value::List(items) => items.serialize(serializer),
            Value::Object(fields) => fields.serialize(serializer),
        }
    }
}

/// Fields as an index keeps them in `_source`: nested objects, names sorted. A field whose name is also the path of another
/// (`a` beside `a.b`) keeps its dotted spelling, so nothing is lost.
impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut sorted: Vec<(&str, &Value)> = self.iter().collect();
        sorted.sort_by(|a, b| a.0.split('.').cmp(b.0.split('.')));
        Branch(&sorted, 0).serialize(serializer)
    }
}

/// A run of sorted fields that share the first `.1` bytes of their names.
struct Branch<'a>(&'a [(&'a str, &'a Value)], usize);

impl Serialize for Branch<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Branch(fields, skip) = *self;
        let mut map = serializer.serialize_map(None)?;
        let mut at = 0;
        while at < fields.len() {
            let (name, value) = fields[at];
            let rest = &name[skip..];
            let Some(dot) = rest.find('.') else {
                map.serialize_entry(rest, value)?;
                at += 1;
                // Deeper names under a name that holds a value itself: the dotted spelling keeps both.
                while let Some((deeper, value)) = fields.get(at).filter(|(deeper, _)| is_under(&deeper[skip..], rest)) {
                    map.serialize_entry(&deeper[skip..], value)?;
                    at += 1;
                }
                continue;
            };
            let head = &rest[..dot];
            let length = fields[at..].iter().take_while(|(name, _)| is_under(&name[skip..], head)).count();
            map.serialize_entry(head, &Branch(&fields[at..at + length], skip + dot + 1))?;
            at += length;
        }
        map.end()
    }
}

/// Whether `name` is a dotted path below `head`.
fn is_under(name: &str, head: &str) -> bool {
    name.strip_prefix(head).is_some_and(|rest| rest.starts_with('.'))
}

/// One document as a shipper would have indexed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EcsDocument {
    /// `_index`: the index or data stream that would hold it.
    pub index: CompactString,
    /// `_id`.
    pub id: CompactString,
    /// `_source`.
    pub fields: Fields,
}

/// `{"_index": .., "_id": .., "_source": {..}}`
impl Serialize for EcsDocument {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("_index", &self.index)?;
        map.serialize_entry("_id", &self.id)?;
        map.serialize_entry("_source", &self.fields)?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(json: serde_json::Value) -> Fields {
        Fields::from_json(json.as_object().expect("an object"))
    }

    #[test]
    fn nested_and_dotted_spellings_are_one() {
        let nested = fields(serde_json::json!({"a": {"b": {"c": 1}}, "d": ["x"]}));
        let dotted = fields(serde_json::json!({"a.b.c": 1, "d": ["x"]}));
        assert_eq!(nested, dotted);
        assert_eq!(nested.get("a.b.c"), Some(&Value::Integer(1)));
    }

    #[test]
    fn serialises_to_nested_objects() {
        let mut fields = Fields::new();
        fields.set("process.pid", 7);
        fields.set("@timestamp", "t");
        fields.set("process.parent.pid", 1);
        fields.set("process.pid-x", 2);
        assert_eq!(
            serde_json::to_string(&fields).expect("serialisable"),
            r#"{"@timestamp":"t","process":{"parent":{"pid":1},"pid":7,"pid-x":2}}"#
        );
    }

    #[test]
    fn a_value_beside_deeper_names_loses_nothing() {
        let mut fields = Fields::new();
        fields.set("a.b", "scalar");
        fields.set("a.b.c", "deeper");
        let json = serde_json::to_string(&fields).expect("serialisable");
        assert_eq!(json, r#"{"a":{"b":"scalar","b.c":"deeper"}}"#);
        let read: serde_json::Value = serde_json::from_str(&json).expect("valid");
        assert_eq!(Fields::from_json(read.as_object().expect("an object")), fields);
    }

    #[test]
    fn setting_twice_replaces() {
        let mut fields = Fields::new();
        fields.set("a", 1);
        fields.set("a", 2);
        assert_eq!((fields.len(), fields.get("a")), (1, Some(&Value::Integer(2))));
    }
}
