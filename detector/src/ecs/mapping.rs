//! Mappings: what an index knows of its fields, and so how it reads and compares their values.
//!
//! The types and their behaviour are the search engine's (its "Mapping" reference); only those that detection rules meet
//! are known. How values are read from a document is [`Row`](super::Row)'s matter, how they compare is KQL's.

use std::collections::BTreeMap;

use compact_str::CompactString;
use serde_json::{Map, Value as Json};

/// How a field is indexed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FieldType {
    /// Whole text, exact.
    Keyword,
    /// Whole text, made for patterns; behaves as `Keyword` in KQL.
    Wildcard,
    /// One text for the whole index; behaves as `Keyword` in KQL.
    ConstantKeyword,
    /// Analysed words.
    Text,
    /// Analysed words, without scoring.
    MatchOnlyText,
    /// Whole numbers (`long`, `integer`, `short`, `byte`, `unsigned_long`).
    Long,
    /// Other numbers (`double`, `float`, `half_float`, `scaled_float`).
    Double,
    /// true or false.
    Boolean,
    /// IPv4 or IPv6 address.
    Ip,
    /// Instant, in milliseconds.
    Date,
    /// Root of an array of separate objects.
    Nested,
    /// Root of an object whose leaves are all keywords.
    Flattened,
}

impl FieldType {
    /// Reads the name of a type; the members of a family are one type here.
    #[must_use]
    pub fn from_name(name: &str) -> Option<FieldType> {
        Some(match name {
            "keyword" => FieldType::Keyword,
            "wildcard" => FieldType::Wildcard,
            "constant_keyword" => FieldType::ConstantKeyword,
            "text" => FieldType::Text,
            "match_only_text" => FieldType::MatchOnlyText,
            "long" | "integer" | "short" | "byte" | "unsigned_long" => FieldType::Long,
            "double" | "float" | "half_float" | "scaled_float" => FieldType::Double,
            "boolean" => FieldType::Boolean,
            "ip" => FieldType::Ip,
            "date" | "date_nanos" => FieldType::Date,
            "nested" => FieldType::Nested,
            "flattened" => FieldType::Flattened,
            _ => return None,
        })
    }

    /// Whether values are whole texts (`keyword`, `wildcard`, `constant_keyword`).
    #[must_use]
    pub fn is_keyword(self) -> bool {
        matches!(self, FieldType::Keyword | FieldType::Wildcard | FieldType::ConstantKeyword)
    }

    /// Whether values are analysed words.
    #[must_use]
    pub fn is_text(self) -> bool {
        matches!(self, FieldType::Text | FieldType::MatchOnlyText)
    }

    /// Whether the field holds values itself, rather than other fields.
    #[must_use]
    pub fn is_leaf(self) -> bool {
        self != FieldType::Nested
    }
}

/// The mapping of one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// How it is indexed.
    pub field_type: FieldType,
    /// Longer texts, counted in UTF-16 code units, are not indexed.
    pub ignore_above: Option<usize>,
    /// For a multi-field (`process.name.text`): the field whose values it indexes.
    pub source: Option<CompactString>,
    /// For a `constant_keyword` whose value is known: the value of every document.
    pub constant: Option<CompactString>,
}

impl Mapping {
    /// A field of this type without further parameters.
    #[must_use]
    pub fn of(field_type: FieldType) -> Mapping {
        Mapping { field_type, ignore_above: None, source: None, constant: None }
    }
}

/// A mapping that cannot be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum MappingError {
    /// The name of the type is not known.
    #[error(
        "field '{field}': unknown type '{name}'; expected keyword, wildcard, constant_keyword, text, match_only_text, long, double, boolean, ip, date, nested or flattened"
    )]
    UnknownType {
        /// Field.
        field: String,
        /// What was written.
        name: String,
    },
    /// A parameter is not known.
    #[error("field '{field}': unknown parameter '{name}'; expected type, ignore_above or fields")]
    UnknownParameter {
        /// Field.
        field: String,
        /// What was written.
        name: String,
    },
    /// A value has the wrong shape.
    #[error("field '{field}': expected the name of a type or {{type, ignore_above, fields}}, got {got}")]
    Shape {
        /// Field.
        field: String,
        /// What was written, as JSON.
        got: String,
    },
}

/// The fields of an index, by whole dotted name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mappings {
    fields: BTreeMap<CompactString, Mapping>,
    /// How a field that is not listed is mapped; `None`: it is not mapped at all.
    dynamic: Option<Mapping>,
    /// Whether a value of a `constant_keyword` is known.
    has_constants: bool,
}

impl Mappings {
    /// No fields, and nothing is mapped on its own.
    #[must_use]
    pub fn new() -> Mappings {
        Mappings::default()
    }

    /// The same fields, and a field that is not listed is a `keyword` with `ignore_above` 1024, as the templates of
    /// Elastic's data streams map any text that ECS does not name.
    #[must_use]
    pub fn with_dynamic_keywords(mut self) -> Mappings {
        self.dynamic = Some(Mapping { ignore_above: Some(1024), ..Mapping::of(FieldType::Keyword) });
        self
    }

    /// Adds or replaces a field.
    pub fn insert(&mut self, name: &str, mapping: Mapping) {
        self.has_constants |= mapping.constant.is_some();
        self.fields.insert(CompactString::new(name), mapping);
    }

    /// Reads a flat list: name to type name, or to `{type, ignore_above, fields}` with `fields` naming multi-fields.
    ///
    /// # Errors
    /// On an unknown type or parameter, naming the field.
    pub fn from_json(object: &Map<String, Json>) -> Result<Mappings, MappingError> {
        let mut mappings = Mappings::new();
        for (name, value) in object {
            mappings.read(name, value, None)?;
        }
        Ok(mappings)
    }

    fn read(&mut self, name: &str, value: &Json, source: Option<&str>) -> Result<(), MappingError> {
        let shape = || MappingError::Shape { field: name.to_owned(), got: value.to_string() };
        let mut mapping = Mapping::of(FieldType::Keyword);
        mapping.source = source.map(CompactString::new);
        match value {
            Json::String(type_name) => mapping.field_type = field_type(name, type_name)?,
            Json::Object(parameters) => {
                let type_name = parameters.get("type").and_then(Json::as_str).ok_or_else(shape)?;
                mapping.field_type = field_type(name, type_name)?;
                for (parameter, value) in parameters {
                    match parameter.as_str() {
                        "type" => {}
                        "ignore_above" => {
                            let length = value.as_u64().and_then(|length| usize::try_from(length).ok());
                            mapping.ignore_above = Some(length.ok_or_else(shape)?);
                        }
                        "value" => mapping.constant = Some(CompactString::new(value.as_str().ok_or_else(shape)?)),
                        "fields" => {
                            for (inner, value) in value.as_object().ok_or_else(shape)? {
                                self.read(&format!("{name}.{inner}"), value, Some(source.unwrap_or(name)))?;
                            }
                        }
                        other => {
                            let (field, name) = (name.to_owned(), other.to_owned());
                            return Err(MappingError::UnknownParameter { field, name });
                        }
                    }
                }
            }
            _ => return Err(shape()),
        }
        self.insert(name, mapping);
        Ok(())
    }

    /// The mapping of a field by its whole name: listed, below a flattened root (a keyword), or dynamic.
    ///
    /// A name that is only the path of other fields (`process` of `process.name`) is not a field.
    #[must_use]
    pub fn resolve(&self, name: &str) -> Option<Mapping> {
        if let Some(mapping) = self.fields.get(name) {
            return Some(mapping.clone());
        }
        if let Some(root) = self.above(name, FieldType::Flattened) {
            let ignore_above = self.fields[root].ignore_above;
            return Some(Mapping { ignore_above, ..Mapping::of(FieldType::Keyword) });
        }
        if self.has_children(name) { None } else { self.dynamic.clone() }
    }

    /// The innermost `nested` root above a field.
    #[must_use]
    pub fn nested_root(&self, name: &str) -> Option<&str> {
        self.above(name, FieldType::Nested)
    }

    /// Whether other fields have names below this one.
    #[must_use]
    pub fn has_children(&self, name: &str) -> bool {
        self.below(name).next().is_some()
    }

    /// The listed leaf fields below a path, in name order.
    pub fn below<'a>(&'a self, path: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        let prefix = format!("{path}.");
        let from = CompactString::new(&prefix);
        self.fields
            .range(from..)
            .take_while(move |(name, _)| name.starts_with(&prefix))
            .filter(|(_, mapping)| mapping.field_type.is_leaf())
            .map(|(name, _)| name.as_str())
    }

    /// All listed leaf fields, multi-fields included, in name order.
    pub fn leaves(&self) -> impl Iterator<Item = (&str, &Mapping)> {
        let leaves = self.fields.iter().filter(|(_, mapping)| mapping.field_type.is_leaf());
        leaves.map(|(name, mapping)| (name.as_str(), mapping))
    }

    /// The `constant_keyword` fields whose value is not known yet.
    pub fn open_constants(&self) -> impl Iterator<Item = &str> {
        let open = |mapping: &Mapping| mapping.field_type == FieldType::ConstantKeyword && mapping.constant.is_none();
        self.fields.iter().filter(move |(_, mapping)| open(mapping)).map(|(name, _)| name.as_str())
    }

    /// The `constant_keyword` fields whose value is known, with that value.
    pub fn constants(&self) -> impl Iterator<Item = (&str, &str)> {
        // Alert documents ask for them one by one, and most indices have none.
        let fields = if self.has_constants { self.fields.iter() } else { Default::default() };
        fields.filter_map(|(name, mapping)| Some((name.as_str(), mapping.constant.as_deref()?)))
    }

    /// Fixes the value of a `constant_keyword`, as the first document of an index does; later calls change nothing.
    pub fn set_constant(&mut self, name: &str, value: &str) {
        if let Some(mapping) = self.fields.get_mut(name)
            && mapping.field_type == FieldType::ConstantKeyword
            && mapping.constant.is_none()
        {
            mapping.constant = Some(CompactString::new(value));
            self.has_constants = true;
        }
    }

    /// The innermost field of this type whose name is a proper path prefix of `name`.
    fn above(&self, name: &str, field_type: FieldType) -> Option<&str> {
        let mut end = name.len();
        while let Some(dot) = name[..end].rfind('.') {
            end = dot;
            if let Some((root, mapping)) = self.fields.get_key_value(&name[..end])
                && mapping.field_type == field_type
            {
                return Some(root);
            }
        }
        None
    }
}

fn field_type(field: &str, name: &str) -> Result<FieldType, MappingError> {
    let unknown = || MappingError::UnknownType { field: field.to_owned(), name: name.to_owned() };
    FieldType::from_name(name).ok_or_else(unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mappings(json: serde_json::Value) -> Mappings {
        Mappings::from_json(json.as_object().expect("an object")).expect("valid mappings")
    }

    #[test]
    fn multi_fields_read_the_values_of_their_field() {
        let mappings =
            mappings(serde_json::json!({"a.b": {"type": "keyword", "ignore_above": 8, "fields": {"text": "text"}}}));
        let text = mappings.resolve("a.b.text").expect("mapped");
        assert_eq!((text.field_type, text.source.as_deref()), (FieldType::Text, Some("a.b")));
        assert_eq!(mappings.resolve("a.b").and_then(|mapping| mapping.ignore_above), Some(8));
        assert_eq!(mappings.resolve("a"), None);
    }

    #[test]
    fn below_flattened_everything_is_a_keyword_and_elsewhere_nothing() {
        let mappings = mappings(serde_json::json!({"labels": "flattened", "labels2": "nested", "labels2.x": "long"}));
        assert_eq!(mappings.resolve("labels.a.b").map(|mapping| mapping.field_type), Some(FieldType::Keyword));
        assert_eq!(mappings.resolve("other"), None);
        assert_eq!(mappings.nested_root("labels2.x"), Some("labels2"));
        assert_eq!(mappings.nested_root("labels.x"), None);
        assert!(mappings.clone().with_dynamic_keywords().resolve("other").is_some());
        assert_eq!(mappings.with_dynamic_keywords().leaves().count(), 2);
    }

    #[test]
    fn unknown_types_and_parameters_are_refused_with_the_field() {
        let wrong = serde_json::json!({"a": "keywrod"});
        let error = Mappings::from_json(wrong.as_object().expect("an object")).expect_err("refused");
        assert!(error.to_string().contains("'a'") && error.to_string().contains("keywrod"), "{error}");
        let wrong = serde_json::json!({"a": {"type": "keyword", "index": false}});
        assert!(Mappings::from_json(wrong.as_object().expect("an object")).is_err());
    }
}
