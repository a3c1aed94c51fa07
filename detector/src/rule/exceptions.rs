//! Exceptions: items of entries, inside a rule or as lists of their own beside it.

use std::collections::HashMap;

use serde_json::{Map, Value as Json};

use super::error::FieldError;
use super::fields::Fields;
use super::spans::join;
use super::{Exception, Rule};
use crate::time::Millis;

/// Exception items of an export, by the id of their list.
#[derive(Debug, Default)]
pub(super) struct ExceptionLists(HashMap<String, Vec<Item>>);

#[derive(Debug)]
struct Item {
    expires: Option<Millis>,
    entries: Vec<Exception>,
}

impl ExceptionLists {
    /// Whether an object of an export is an exception list, or an item of one, and not a rule.
    pub(super) fn is_part(object: &Map<String, Json>) -> bool {
        object.contains_key("list_id") && !object.contains_key("rule_id")
    }

    /// Takes a list or an item in.
    pub(super) fn add(&mut self, object: &Map<String, Json>) -> Result<(), FieldError> {
        let fields = Fields::new(object, "");
        let list = fields.required(fields.text("list_id")?, "list_id")?.to_owned();
        let items = self.0.entry(list).or_default();
        let Some(entries) = object.get("entries") else { return Ok(()) };
        let expires = match fields.text("expire_time")? {
            None => None,
            Some(text) => Some(
                text.parse()
                    .map_err(|error: crate::time::MillisError| FieldError::new("expire_time", error.to_string()))?,
            ),
        };
        items.push(Item { expires, entries: read_entries(entries, "entries")? });
        Ok(())
    }

    /// Gives a rule the items of the lists that it names; returns the names of lists that were not there.
    pub(super) fn attach(&self, rule: &mut Rule) -> Vec<String> {
        let mut missing = Vec::new();
        let named = rule.other.get("exceptions_list").and_then(Json::as_array).cloned().unwrap_or_default();
        for id in named.iter().filter_map(|list| list.get("list_id").and_then(Json::as_str)) {
            match self.0.get(id) {
                None => missing.push(id.to_owned()),
                Some(items) => {
                    for Item { expires, entries } in items {
                        match expires {
                            None => rule.exceptions.push(entries.clone()),
                            Some(instant) => rule.expiring_exceptions.push((*instant, entries.clone())),
                        }
                    }
                }
            }
        }
        missing
    }
}

/// `exceptions` of a rule: a list of items, an item a list of entries.
pub(super) fn from_rule(rule: &Map<String, Json>) -> Result<Vec<Vec<Exception>>, FieldError> {
    match rule.get("exceptions") {
        None | Some(Json::Null) => Ok(Vec::new()),
        Some(Json::Array(items)) => items
            .iter()
            .enumerate()
            .map(|(number, item)| read_entries(item, &join("exceptions", &number.to_string())))
            .collect(),
        Some(other) => Err(FieldError::expected("exceptions", "a list of items", other)),
    }
}

fn read_entries(entries: &Json, path: &str) -> Result<Vec<Exception>, FieldError> {
    let Json::Array(entries) = entries else {
        return Err(FieldError::expected(path, "a list of entries", entries));
    };
    entries.iter().enumerate().map(|(number, entry)| read_entry(entry, &join(path, &number.to_string()))).collect()
}

fn read_entry(entry: &Json, path: &str) -> Result<Exception, FieldError> {
    const KINDS: [(&str, &str); 6] = [
        ("match", "value"),
        ("match_any", "value"),
        ("exists", ""),
        ("wildcard", "value"),
        ("list", "list"),
        ("nested", "entries"),
    ];
    let Json::Object(object) = entry else {
        return Err(FieldError::expected(path, "a table with field, operator, type and value", entry));
    };
    let fields = Fields::new(object, path);
    let kinds = KINDS.map(|kind| (kind.0, kind));
    let (kind, value) = fields.required(fields.choice("type", &kinds)?, "type")?;
    // A nested entry has no operator of its own: its entries have.
    let included = fields.choice("operator", &[("included", true), ("excluded", false)])?.unwrap_or(true);
    if !value.is_empty() && object.get(value).is_none_or(Json::is_null) {
        return Err(FieldError::new(join(path, value), format!("is missing: an entry of type {kind} needs it")));
    }
    Ok(Exception {
        field: fields.required(fields.text("field")?, "field")?.to_owned(),
        included,
        kind: kind.to_owned(),
        value: object.get(value).cloned(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rule(json: Json) -> Result<Rule, FieldError> {
        Rule::from_api_json(json.as_object().expect("an object"))
    }

    #[test]
    fn items_inside_a_rule_are_read() {
        let rule = rule(json!({"type": "query", "exceptions": [
            [{"field": "user.name", "operator": "excluded", "type": "match", "value": "root"},
             {"field": "a", "type": "exists", "operator": "included"}],
        ]}))
        .expect("valid");
        assert_eq!(rule.exceptions.len(), 1);
        assert_eq!(rule.exceptions[0][0].value, Some(json!("root")));
        assert_eq!((rule.exceptions[0][0].included, rule.exceptions[0][1].included), (false, true));
    }

    #[test]
    fn broken_entries_are_named_by_their_path() {
        for (entry, field) in [
            (json!({"field": "a", "type": "matches", "value": "x"}), "exceptions.0.0.type"),
            (json!({"field": "a", "type": "match"}), "exceptions.0.0.value"),
            (json!({"type": "exists"}), "exceptions.0.0.field"),
            (json!("a"), "exceptions.0.0"),
        ] {
            let error = rule(json!({"type": "query", "exceptions": [[entry]]})).expect_err("broken");
            assert_eq!(error.field, field);
        }
    }

    #[test]
    fn an_item_with_an_end_holds_until_one_millisecond_before_it() {
        let mut lists = ExceptionLists::default();
        let entries = json!([{"field": "a", "operator": "included", "type": "match", "value": "x"}]);
        for item in [
            json!({"list_id": "l", "type": "detection", "name": "the list itself"}),
            json!({"list_id": "l", "item_id": "1", "entries": entries}),
            json!({"list_id": "l", "item_id": "2", "entries": entries, "expire_time": "2026-11-22T00:00:00.000Z"}),
            json!({"list_id": "other", "item_id": "3", "entries": entries}),
        ] {
            lists.add(item.as_object().expect("an object")).expect("valid");
        }
        let mut rule = rule(json!({"type": "query", "exceptions_list": [
            {"list_id": "l", "type": "detection"}, {"list_id": "gone", "type": "detection"},
        ]}))
        .expect("valid");
        assert_eq!(lists.attach(&mut rule), ["gone"]);
        let end: Millis = "2026-11-22T00:00:00Z".parse().expect("an instant");
        assert_eq!(rule.exceptions_at(end - 1).count(), 2);
        assert_eq!(rule.exceptions_at(end).count(), 1);
    }
}
