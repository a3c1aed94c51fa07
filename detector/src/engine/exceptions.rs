//! Exception items: documents that a rule leaves out, in its windows and in its history alike.
//!
//! An item is a list of entries that must all hold. Sources: Kibana `build_exception_filter.ts` (package
//! `securitysolution-list-utils`). Items that need a value list are not applied: the lists live on a server.

use serde_json::Value as Json;

use super::error::EngineError;
use crate::ecs::{IndexValue, Layout, Mappings, Row, Slot};
use crate::kql::{self, Expr, ExprKind, Literal, Pattern, Predicate, Span, Value, Values};
use crate::rule::Exception;
use crate::time::Millis;

/// All exceptions of a rule, compiled.
#[derive(Clone, Debug, Default)]
pub(super) struct Exceptions {
    items: Vec<Vec<Entry>>,
    /// Descriptions of items that are not applied.
    pub(super) not_applied: Vec<String>,
}

#[derive(Clone, Debug)]
struct Entry {
    test: Test,
    included: bool,
}

#[derive(Clone, Debug)]
enum Test {
    Query(Predicate),
    /// A pattern with `?`, which KQL does not have.
    Wildcard(Slot, Vec<Glob>),
    /// The field lies below a nested one and is not named inside its group: no document has values there. KQL refuses such
    /// a name, but exceptions are searches of their own.
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Glob {
    Any,
    One,
    Char(char),
}

impl Exceptions {
    /// Compiles all items.
    ///
    /// # Errors
    /// When the search engine would refuse an entry, such as text for a number.
    pub(super) fn compile<'a>(
        items: impl IntoIterator<Item = &'a [Exception]>,
        mappings: &Mappings,
        layout: &mut Layout,
        now: Millis,
    ) -> Result<Exceptions, EngineError> {
        let mut exceptions = Exceptions::default();
        for (number, item) in (1..).zip(items) {
            if item.is_empty() {
                continue;
            }
            if item.iter().any(|entry| entry.kind == "list") {
                let fields: Vec<&str> = item.iter().map(|entry| entry.field.as_str()).collect();
                exceptions.not_applied.push(format!("exception {number} ({}) needs a value list", fields.join(", ")));
                continue;
            }
            let compile = |entry| Entry::compile(entry, number, mappings, layout, now);
            exceptions.items.push(item.iter().map(compile).collect::<Result<_, _>>()?);
        }
        Ok(exceptions)
    }

    /// The position of the first item that removes the document.
    pub(super) fn removed_by(&self, row: &Row) -> Option<usize> {
        self.items.iter().position(|item| item.iter().all(|entry| entry.holds(row)))
    }
}

impl Entry {
    fn compile(
        entry: &Exception,
        item: usize,
        mappings: &Mappings,
        layout: &mut Layout,
        now: Millis,
    ) -> Result<Entry, EngineError> {
        let failed = |reason: String| EngineError::QueryFailed {
            what: format!("exception {item}, field '{}'", entry.field),
            reason,
        };
        let is_keyword = mappings.resolve(&entry.field).is_some_and(|mapping| mapping.field_type.is_keyword());
        let is_nested = mappings.nested_root(&entry.field).is_some();
        let test = match (entry.kind.as_str(), &entry.value) {
            ("match" | "match_any" | "exists" | "wildcard", _) if is_nested => Test::Never,
            ("wildcard", Some(Json::String(pattern))) if is_keyword => {
                let slot = layout.slot(mappings, &entry.field);
                slot.map_or(Test::Never, |slot| Test::Wildcard(slot, glob(pattern)))
            }
            _ => {
                let expr = expression(entry, "").map_err(failed)?;
                Test::Query(kql::compile(&expr, mappings, layout, now).map_err(|error| failed(error.to_string()))?)
            }
        };
        Ok(Entry { test, included: entry.included })
    }

    /// Whether the entry holds; an excluded one holds when the field differs or is missing.
    fn holds(&self, row: &Row) -> bool {
        let found = match &self.test {
            Test::Query(predicate) => predicate.matches(row),
            Test::Never => false,
            Test::Wildcard(slot, pattern) => row.values(*slot).any(|value| match value {
                IndexValue::Text(text) => matches_glob(pattern, text),
                _ => false,
            }),
        };
        found == self.included
    }
}

/// The query that an entry stands for, without its operator. `parent` is the path of a nested entry, with its dot.
fn expression(entry: &Exception, parent: &str) -> Result<Expr, String> {
    let field = format!("{parent}{}", entry.field);
    let one = |value: Value| Ok(field_is(&field, Values::One(literal(value))));
    let scalar = |value: &Json| match value {
        Json::String(text) => Ok(Value::Quoted(text.clone())),
        Json::Bool(_) | Json::Number(_) => Ok(Value::Quoted(value.to_string())),
        other => Err(format!("expected a text, got {other}")),
    };
    match (entry.kind.as_str(), &entry.value) {
        ("exists", _) => one(Value::Pattern(Pattern { pieces: vec![String::new(), String::new()] })),
        ("match", Some(value)) => one(scalar(value)?),
        ("match_any", Some(Json::Array(values))) if !values.is_empty() => {
            let one_of = |value| Ok(Values::One(literal(scalar(value)?)));
            let mut values = values.iter().map(one_of).collect::<Result<Vec<_>, String>>()?;
            Ok(field_is(&field, if values.len() == 1 { values.remove(0) } else { Values::Or(values) }))
        }
        ("wildcard", Some(Json::String(pattern))) => {
            one(Value::Pattern(Pattern { pieces: pattern.split('*').map(str::to_owned).collect() }))
        }
        ("nested", Some(Json::Array(entries))) if !entries.is_empty() => {
            let inner = entries.iter().map(nested_entry).collect::<Result<Vec<_>, String>>()?;
            let inner = if inner.len() == 1 { inner.into_iter().next() } else { Some(expr(ExprKind::And(inner))) };
            inner
                .map(|inner| expr(ExprKind::Nested(literal(Value::Word(field)), Box::new(inner))))
                .ok_or_else(String::new)
        }
        (kind, value) => {
            let value = value.as_ref().map_or_else(|| "nothing".to_owned(), Json::to_string);
            Err(format!("'{kind}' does not take {value} as its value"))
        }
    }
}

/// An entry inside a nested one: `{field, operator, type, value}`, its field relative to the parent's.
fn nested_entry(json: &Json) -> Result<Expr, String> {
    let text = |key: &str| json.get(key).and_then(Json::as_str).ok_or_else(|| format!("'{key}' is missing in {json}"));
    let entry = Exception {
        field: text("field")?.to_owned(),
        included: text("operator")? == "included",
        kind: text("type")?.to_owned(),
        value: json.get("value").cloned(),
    };
    let inner = expression(&entry, "")?;
    Ok(if entry.included { inner } else { expr(ExprKind::Not(Box::new(inner))) })
}

fn field_is(field: &str, values: Values) -> Expr {
    expr(ExprKind::Field(literal(Value::Word(field.to_owned())), values))
}

fn literal(value: Value) -> Literal {
    Literal { value, span: Span::default() }
}

fn expr(kind: ExprKind) -> Expr {
    Expr { kind, span: Span::default() }
}

/// A pattern of the search engine's wildcard query: `*`, `?`, and `\` before a character that means itself.
fn glob(pattern: &str) -> Vec<Glob> {
    let mut chars = pattern.chars();
    let mut globs = Vec::new();
    while let Some(char) = chars.next() {
        globs.push(match char {
            '*' => Glob::Any,
            '?' => Glob::One,
            '\\' => Glob::Char(chars.next().unwrap_or('\\')),
            other => Glob::Char(other),
        });
    }
    globs
}

/// Matches the whole text; on a mismatch only the last star is tried again, so this takes at most pattern times text steps.
fn matches_glob(pattern: &[Glob], text: &str) -> bool {
    let (mut at, mut rest) = (0, text.chars());
    let mut star: Option<(usize, std::str::Chars<'_>)> = None;
    loop {
        let before = rest.clone();
        match (pattern.get(at), rest.next()) {
            (Some(Glob::Any), _) => {
                at += 1;
                rest = before.clone();
                star = Some((at, before));
                continue;
            }
            (None, None) => return true,
            (Some(Glob::One), Some(_)) => at += 1,
            (Some(Glob::Char(wanted)), Some(char)) if *wanted == char => at += 1,
            (_, None) => return false,
            _ => match &mut star {
                None => return false,
                Some((behind, from)) => {
                    from.next();
                    at = *behind;
                    rest = from.clone();
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn removed(entries: serde_json::Value, source: &str) -> Result<bool, String> {
        let mappings = serde_json::json!({
            "user.name": "keyword", "process.pid": "long", "source.ip": "ip", "message": "text",
            "file": "nested", "file.name": "keyword", "file.size": "long",
        });
        let mappings = Mappings::from_json(mappings.as_object().expect("an object")).expect("valid");
        let entries: Vec<Exception> = entries
            .as_array()
            .expect("a list")
            .iter()
            .map(|entry| Exception {
                field: entry["field"].as_str().expect("a field").to_owned(),
                included: entry["operator"] == "included",
                kind: entry["type"].as_str().expect("a type").to_owned(),
                value: entry.get("value").cloned(),
            })
            .collect();
        let mut layout = Layout::new();
        let exceptions = Exceptions::compile([entries.as_slice()], &mappings, &mut layout, Millis(0))
            .map_err(|error| error.to_string())?;
        let mut row = Row::new();
        row.load(&layout, source.as_bytes()).expect("readable");
        Ok(exceptions.removed_by(&row).is_some())
    }

    fn entry(field: &str, operator: &str, kind: &str, value: serde_json::Value) -> serde_json::Value {
        serde_json::json!({"field": field, "operator": operator, "type": kind, "value": value})
    }

    #[test]
    fn each_type_removes_what_it_names_and_nothing_else() {
        let root = r#"{"user":{"name":"root"},"process":{"pid":7}}"#;
        for (kind, hit, miss) in [
            ("match", serde_json::json!("root"), serde_json::json!("Root")),
            ("match_any", serde_json::json!(["x", "root"]), serde_json::json!(["x"])),
            ("wildcard", serde_json::json!("r?o*"), serde_json::json!("r?t")),
        ] {
            assert_eq!(removed(serde_json::json!([entry("user.name", "included", kind, hit.clone())]), root), Ok(true));
            assert_eq!(
                removed(serde_json::json!([entry("user.name", "included", kind, miss.clone())]), root),
                Ok(false)
            );
            assert_eq!(
                removed(serde_json::json!([entry("user.name", "excluded", kind, hit.clone())]), root),
                Ok(false)
            );
            assert_eq!(removed(serde_json::json!([entry("user.name", "excluded", kind, miss)]), root), Ok(true));
            assert_eq!(
                removed(serde_json::json!([entry("user.name", "included", kind, hit.clone())]), "{}"),
                Ok(false)
            );
            assert_eq!(removed(serde_json::json!([entry("user.name", "excluded", kind, hit)]), "{}"), Ok(true));
        }
        let exists = |operator| serde_json::json!([entry("user.name", operator, "exists", Json::Null)]);
        assert_eq!(removed(exists("included"), root), Ok(true));
        assert_eq!(removed(exists("included"), "{}"), Ok(false));
        assert_eq!(removed(exists("excluded"), "{}"), Ok(true));
    }

    #[test]
    fn all_entries_of_an_item_must_hold() {
        let item = serde_json::json!([
            entry("user.name", "included", "match", "root".into()),
            entry("process.pid", "included", "match", "7".into()),
        ]);
        assert_eq!(removed(item.clone(), r#"{"user.name":"root","process.pid":7}"#), Ok(true));
        assert_eq!(removed(item, r#"{"user.name":"root","process.pid":8}"#), Ok(false));
        assert_eq!(removed(serde_json::json!([]), "{}"), Ok(false), "an item without entries removes nothing");
    }

    #[test]
    fn nested_entries_hold_for_one_object() {
        let item = serde_json::json!([entry(
            "file",
            "included",
            "nested",
            serde_json::json!([
                entry("name", "included", "match", "a".into()),
                entry("size", "included", "match", "1".into()),
            ])
        )]);
        assert_eq!(removed(item.clone(), r#"{"file":[{"name":"a","size":1}]}"#), Ok(true));
        assert_eq!(removed(item, r#"{"file":[{"name":"a","size":2},{"name":"b","size":1}]}"#), Ok(false));
    }

    #[test]
    fn fields_below_a_nested_one_have_no_values_outside_its_group() {
        for (kind, value) in [("match", "a".into()), ("match_any", serde_json::json!(["a"])), ("wildcard", "a*".into())]
        {
            let item = |operator| serde_json::json!([entry("file.name", operator, kind, value.clone())]);
            assert_eq!(removed(item("included"), r#"{"file":[{"name":"a"}]}"#), Ok(false), "{kind}");
            assert_eq!(removed(item("excluded"), r#"{"file":[{"name":"a"}]}"#), Ok(true), "{kind}");
        }
    }

    #[test]
    fn what_the_search_refuses_is_an_error_that_names_the_field() {
        let item = serde_json::json!([entry("process.pid", "included", "match", "seven".into())]);
        assert!(removed(item, "{}").is_err_and(|error| error.contains("process.pid")));
        let item = serde_json::json!([entry("user.name", "included", "match_any", "x".into())]);
        assert!(removed(item, "{}").is_err_and(|error| error.contains("match_any")));
    }

    #[test]
    fn lists_are_not_applied_and_named() {
        let item = [Exception { field: "user.name".into(), included: true, kind: "list".into(), value: None }];
        let exceptions = Exceptions::compile([item.as_slice()], &Mappings::new(), &mut Layout::new(), Millis(0));
        assert!(exceptions.is_ok_and(|exceptions| exceptions.not_applied[0].contains("user.name")));
    }

    #[test]
    fn patterns_match_the_whole_text() {
        for (pattern, text, expected) in [
            ("a*c", "abc", true),
            ("a*c", "abcd", false),
            ("a*b*c", "a-b-b-c", true),
            ("?", "é", true),
            ("?", "", false),
            ("*", "", true),
            ("", "", true),
            (r"a\*", "a*", true),
            (r"a\*", "ab", false),
            ("**?", "x", true),
        ] {
            assert_eq!(matches_glob(&glob(pattern), text), expected, "{pattern} {text}");
        }
    }
}
