//! The fields that shippers and rules are known to use, with their types: the table behind lint and behind the mappings of a
//! lab without an index of its own.
//!
//! The table is `schema.csv` beside this file. It says nothing about which documents hold which field.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use compact_str::CompactString;

use super::mapping::{FieldType, Mapping, Mappings};

/// A table of fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schema {
    fields: BTreeMap<CompactString, Mapping>,
}

/// A table that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("schema, line {line}: {reason}")]
pub struct SchemaError {
    /// From 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: String,
}

/// The least similarity (Jaro-Winkler) at which another name is worth proposing.
const SIMILAR: f64 = 0.85;

impl Schema {
    /// ECS, auditd, Elastic Defend and alerts.
    #[must_use]
    pub fn known() -> &'static Schema {
        static KNOWN: LazyLock<Schema> =
            LazyLock::new(|| Schema::parse(include_str!("schema.csv")).expect("the table is tested"));
        &KNOWN
    }

    /// Reads a table: lines of `name,type,ignore_above,source`, the last two optional; empty lines and `#` comments.
    ///
    /// # Errors
    /// On an unknown type, a bad number, or a name that occurs twice.
    pub fn parse(table: &str) -> Result<Schema, SchemaError> {
        let mut schema = Schema::default();
        for (position, line) in table.lines().enumerate() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (name, mapping) = entry(line).map_err(|reason| SchemaError { line: position + 1, reason })?;
            if schema.fields.insert(name.into(), mapping).is_some() {
                return Err(SchemaError { line: position + 1, reason: format!("'{name}' is there twice") });
            }
        }
        Ok(schema)
    }

    /// The type of a field by its whole name: listed, or a keyword below a flattened field.
    #[must_use]
    pub fn type_of(&self, name: &str) -> Option<FieldType> {
        if let Some(mapping) = self.fields.get(name) {
            return Some(mapping.field_type);
        }
        let mut parents = name.match_indices('.').filter_map(|(dot, _)| self.fields.get(&name[..dot]));
        parents.any(|parent| parent.field_type == FieldType::Flattened).then_some(FieldType::Keyword)
    }

    /// Whether a name is that of a field, or the path of other fields (`process.parent`).
    #[must_use]
    pub fn knows(&self, name: &str) -> bool {
        let path = format!("{name}.");
        let below = self.fields.range(CompactString::new(&path)..).next();
        self.type_of(name).is_some() || below.is_some_and(|(below, _)| below.starts_with(&path))
    }

    /// The known name that is most like a misspelt one, if any is like it at all.
    #[must_use]
    pub fn nearest(&self, name: &str) -> Option<&str> {
        let rated = self.fields.keys().map(|known| (strsim::jaro_winkler(name, known), known));
        let best = rated.max_by(|a, b| a.0.total_cmp(&b.0))?;
        (best.0 >= SIMILAR).then_some(best.1.as_str())
    }

    /// All fields in the order of their names.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &Mapping)> {
        self.fields.iter().map(|(name, mapping)| (name.as_str(), mapping))
    }

    /// The mappings of an index that has all these fields.
    #[must_use]
    pub fn mappings(&self) -> Mappings {
        let mut mappings = Mappings::new();
        for (name, mapping) in &self.fields {
            mappings.insert(name, mapping.clone());
        }
        mappings
    }
}

fn entry(line: &str) -> Result<(&str, Mapping), String> {
    let mut columns = line.split(',');
    let name = columns.next().filter(|name| !name.is_empty()).ok_or("a line starts with the name of a field")?;
    let type_name = columns.next().ok_or_else(|| format!("'{name}' has no type"))?;
    let field_type =
        FieldType::from_name(type_name).ok_or_else(|| format!("'{name}' has the unknown type '{type_name}'"))?;
    let mut mapping = Mapping::of(field_type);
    if let Some(limit) = columns.next().filter(|limit| !limit.is_empty()) {
        let limit =
            limit.parse().map_err(|_| format!("'{name}' has the ignore_above '{limit}', which is no length"))?;
        mapping.ignore_above = Some(limit);
    }
    mapping.source = columns.next().filter(|source| !source.is_empty()).map(CompactString::new);
    match columns.next() {
        Some(_) => Err(format!("'{name}' has more than four columns")),
        None => Ok((name, mapping)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_table_loads_and_its_sources_exist() {
        let schema = Schema::parse(include_str!("schema.csv")).unwrap_or_else(|error| panic!("{error}"));
        for (name, mapping) in schema.fields() {
            if let Some(source) = &mapping.source {
                assert!(schema.fields.contains_key(source) && name.starts_with(source.as_str()), "{name}");
            }
        }
    }

    #[test]
    fn facts_that_the_rules_depend_on() {
        let schema = Schema::known();
        for (name, field_type) in [
            ("@timestamp", FieldType::Date),
            ("event.ingested", FieldType::Date),
            ("event.created", FieldType::Date),
            ("process.command_line", FieldType::Wildcard),
            ("process.parent.command_line", FieldType::Wildcard),
            ("process.command_line.text", FieldType::MatchOnlyText),
            ("process.env_vars", FieldType::Keyword),
            ("process.pid", FieldType::Long),
            ("process.entry_leader.parent.pid", FieldType::Long),
            ("auditd.data.a2", FieldType::Keyword),
            ("source.ip", FieldType::Ip),
            ("message", FieldType::MatchOnlyText),
            ("labels.anything", FieldType::Keyword),
        ] {
            assert_eq!(schema.type_of(name), Some(field_type), "{name}");
        }
        assert_eq!(schema.fields["process.env_vars"].ignore_above, Some(1024));
        assert_eq!(schema.fields["process.command_line"].ignore_above, None);
        assert_eq!(schema.type_of("process"), None);
        assert!(schema.knows("process") && schema.knows("process.parent") && !schema.knows("proces"));
        assert_eq!(
            schema.mappings().leaves().count(),
            schema.fields().filter(|(_, field)| field.field_type.is_leaf()).count()
        );
    }

    #[test]
    fn a_misspelt_name_finds_the_nearest() {
        let schema = Schema::known();
        assert_eq!(schema.nearest("process.comand_line"), Some("process.command_line"));
        assert_eq!(schema.nearest("host.os.typ"), Some("host.os.type"));
        assert_eq!(schema.nearest("xyzzy"), None);
    }

    #[test]
    fn bad_tables_are_refused_with_the_line() {
        for (table, line, reason) in [
            ("a,keyword\n\na,long", 3, "twice"),
            ("# c\na,keywrod", 2, "keywrod"),
            ("a", 1, "no type"),
            ("a,keyword,x", 1, "no length"),
            ("a,keyword,1,b,c", 1, "four"),
            (",keyword", 1, "name"),
        ] {
            let error = Schema::parse(table).expect_err(table);
            assert!(error.line == line && error.reason.contains(reason), "{error}");
        }
    }
}
