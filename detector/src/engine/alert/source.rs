//! The part of an alert document that comes from its event.
//!
//! Source of the rules: Kibana `factories/utils/transform_hit_to_alert.ts`, `strip_non_ecs_fields.ts`,
//! `merge_missing_fields_with_source.ts`.

use serde_json::{Map, Value as Json};

use crate::ecs::{FieldType, Mappings, parse_date, parse_ip};

/// Roots that an alert writes itself and never takes over.
const OWN_ROOTS: [&str; 3] = ["kibana", "signal", "threshold_result"];

/// The fields of an event that an alert keeps, in the nesting that they have.
///
/// Removed: what the alert writes itself, `event.kind`, and values that contradict the mapping (an object where a scalar is
/// due and the other way round, no date, no address, no number, no boolean). Added: values that only the mapping knows
/// (`constant_keyword`).
pub(super) fn kept(source: &Map<String, Json>, mappings: &Mappings) -> Map<String, Json> {
    let mut kept = Map::new();
    for (name, value) in source {
        let root = name.split('.').next().unwrap_or_default();
        if OWN_ROOTS.contains(&root) {
            continue;
        }
        if let Some(value) = fitting(name, value, mappings) {
            kept.insert(name.clone(), value);
        }
    }
    kept.remove("event.kind");
    if let Some(Json::Object(event)) = kept.get_mut("event") {
        event.remove("kind");
        if event.is_empty() {
            kept.remove("event");
        }
    }
    for (name, value) in mappings.constants() {
        if find(source, name).is_none() {
            insert(&mut kept, name, Json::from(value));
        }
    }
    kept
}

/// The first value of a field, whichever way its name is spelt.
pub(in crate::engine) fn find<'s>(source: &'s Map<String, Json>, name: &str) -> Option<&'s Json> {
    if let Some(value) = source.get(name) {
        return Some(value);
    }
    let dots = name.match_indices('.').map(|(at, _)| at);
    dots.filter_map(|at| match source.get(&name[..at]) {
        Some(Json::Object(inner)) => find(inner, &name[at + 1..]),
        _ => None,
    })
    .next()
}

/// The scalars of a field as text, null and `-` left out; several are listed.
pub(super) fn text(source: &Map<String, Json>, name: &str) -> Option<String> {
    let one = |value: &Json| match value {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(truth) => Some(truth.to_string()),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    };
    let texts: Vec<String> = match find(source, name)? {
        Json::Array(items) => items.iter().filter_map(one).collect(),
        scalar => one(scalar).into_iter().collect(),
    };
    let text = texts.join(", ");
    (!text.is_empty() && text != "-").then_some(text)
}

/// Every leaf below a path, by its dotted name below it; arrays are leaves.
pub(super) fn leaves_below(source: &Map<String, Json>, path: &str) -> Vec<(String, Json)> {
    let mut leaves = Vec::new();
    for (name, value) in source {
        collect(name, value, path, &mut leaves);
    }
    leaves
}

fn collect(name: &str, value: &Json, path: &str, leaves: &mut Vec<(String, Json)>) {
    match value {
        Json::Object(object) => {
            for (inner, value) in object {
                collect(&format!("{name}.{inner}"), value, path, leaves);
            }
        }
        leaf => {
            if let Some(rest) = name.strip_prefix(path).and_then(|rest| rest.strip_prefix('.')) {
                leaves.push((rest.to_owned(), leaf.clone()));
            }
        }
    }
}

/// Sets a field inside the objects that are there.
fn insert(object: &mut Map<String, Json>, name: &str, value: Json) {
    match name.split_once('.') {
        Some((head, rest)) => match object.entry(head).or_insert_with(|| Json::Object(Map::new())) {
            Json::Object(inner) => insert(inner, rest, value),
            _ => {
                object.insert(name.to_owned(), value);
            }
        },
        None => {
            object.insert(name.to_owned(), value);
        }
    }
}

/// A value without the parts that contradict the mapping; nothing if it contradicts as a whole.
fn fitting(path: &str, value: &Json, mappings: &Mappings) -> Option<Json> {
    match value {
        Json::Array(items) => {
            let fit: Vec<Json> = items.iter().filter_map(|item| fitting(path, item, mappings)).collect();
            (items.is_empty() || !fit.is_empty()).then_some(Json::Array(fit))
        }
        Json::Object(object) => {
            match mappings.resolve(path).map(|mapping| mapping.field_type) {
                Some(FieldType::Flattened) => return Some(value.clone()),
                Some(_) if !mappings.has_children(path) && is_listed(path, mappings) => return None,
                _ => {}
            }
            let fit: Map<String, Json> = object
                .iter()
                .filter_map(|(name, value)| {
                    fitting(&format!("{path}.{name}"), value, mappings).map(|value| (name.clone(), value))
                })
                .collect();
            (object.is_empty() || !fit.is_empty()).then_some(Json::Object(fit))
        }
        Json::Null => Some(Json::Null),
        scalar => fits(path, scalar, mappings).then(|| scalar.clone()),
    }
}

/// Whether a scalar may stand at a path.
fn fits(path: &str, scalar: &Json, mappings: &Mappings) -> bool {
    let Some(mapping) = mappings.resolve(path) else { return !mappings.has_children(path) };
    let text = scalar.as_str();
    match mapping.field_type {
        FieldType::Nested | FieldType::Flattened => false,
        FieldType::Keyword
        | FieldType::Wildcard
        | FieldType::ConstantKeyword
        | FieldType::Text
        | FieldType::MatchOnlyText => true,
        FieldType::Long | FieldType::Double => {
            scalar.is_number() || text.is_some_and(|text| text.trim().parse::<f64>().is_ok_and(f64::is_finite))
        }
        FieldType::Boolean => scalar.is_boolean() || text.is_some_and(|text| ["true", "false", ""].contains(&text)),
        FieldType::Ip => text.is_some_and(|text| parse_ip(text).is_some()),
        FieldType::Date => scalar.is_number() || text.is_some_and(|text| parse_date(text).is_some()),
    }
}

/// Whether the mapping names the field itself, rather than mapping whatever it does not know.
fn is_listed(path: &str, mappings: &Mappings) -> bool {
    mappings.leaves().any(|(name, _)| name == path)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(json: Json) -> Map<String, Json> {
        json.as_object().expect("an object").clone()
    }

    fn mappings(json: Json) -> Mappings {
        Mappings::from_json(&object(json)).expect("valid")
    }

    fn kept_of(source: Json, types: Json) -> Json {
        Json::Object(kept(&object(source), &mappings(types)))
    }

    #[test]
    fn what_an_alert_writes_itself_is_not_taken_over() {
        let source = json!({
            "kibana": {"alert": {"rule": {"uuid": "r"}}}, "kibana.version": "8", "signal": {"a": 1},
            "threshold_result": {"count": 1}, "kibanas": 1, "event": {"kind": "event", "action": "exec"}, "event.kind": "x",
        });
        assert_eq!(kept_of(source, json!({})), json!({"kibanas": 1, "event": {"action": "exec"}}));
    }

    #[test]
    fn values_that_contradict_the_mapping_are_removed_and_their_neighbours_stay() {
        let types = json!({
            "agent.name": "keyword", "process.pid": "long", "source.ip": "ip", "event.created": "date", "ok": "boolean",
            "flat": "flattened", "objects": "nested", "objects.a": "long",
        });
        let source = json!({
            "agent": "an object is due", "process": {"pid": {"x": 1}, "name": "p"}, "source.ip": ["10.0.0.1", "nowhere"],
            "event": {"created": "yesterday"}, "ok": "maybe", "flat": {"x": {"y": 1}}, "objects": [{"a": "x", "b": 1}, 7],
            "unknown": {"deep": [1]},
        });
        assert_eq!(
            kept_of(source, types.clone()),
            json!({
                "process": {"name": "p"}, "source.ip": ["10.0.0.1"], "flat": {"x": {"y": 1}}, "objects": [{"b": 1}],
                "unknown": {"deep": [1]},
            })
        );
        let fine = json!({
            "agent": {"name": "a"}, "process": {"pid": "7"}, "source.ip": "::1", "event": {"created": "2026-11-22"},
            "ok": "true", "none": null,
        });
        assert_eq!(kept_of(fine.clone(), types), fine);
    }

    #[test]
    fn constants_of_the_mapping_are_added_where_they_are_missing() {
        let types = json!({
            "data_stream.type": {"type": "constant_keyword", "value": "logs"},
            "data_stream.dataset": {"type": "constant_keyword", "value": "d"},
        });
        let source = json!({"data_stream": {"dataset": "own"}});
        assert_eq!(kept_of(source, types), json!({"data_stream": {"dataset": "own", "type": "logs"}}));
    }

    #[test]
    fn fields_are_found_in_every_spelling() {
        for source in
            [json!({"a": {"b": {"c": 1}}}), json!({"a.b.c": 1}), json!({"a": {"b.c": 1}}), json!({"a.b": {"c": 1}})]
        {
            assert_eq!(find(&object(source.clone()), "a.b.c"), Some(&json!(1)));
            assert_eq!(leaves_below(&object(source), "a"), [("b.c".to_owned(), json!(1))]);
        }
        assert_eq!(find(&object(json!({"a": 1})), "a.b"), None);
        assert_eq!(text(&object(json!({"a": ["x", null, 7]})), "a").as_deref(), Some("x, 7"));
        assert_eq!(text(&object(json!({"a": "-"})), "a"), None);
    }
}
