//! `kibana.alert.reason`: the sentence that an analyst reads first.
//!
//! Source of the parts and their order: Kibana `rule_types/utils/reason_formatters.ts`.

use std::fmt::Write as _;

use serde_json::{Map, Value as Json};

use super::source::text;

/// "process event with process P, parent process Q, ... by U on H created medium alert N."; parts only when present.
pub(super) fn reason(source: &Map<String, Json>, severity: &str, name: &str) -> String {
    let mut sentence = String::new();
    if let Some(category) = text(source, "event.category") {
        push(&mut sentence, format_args!("{category} "));
    }
    sentence.push_str("event");
    let endpoint = |field: &str| {
        let address = text(source, &format!("{field}.address")).or_else(|| text(source, &format!("{field}.ip")))?;
        let port = text(source, &format!("{field}.port")).map_or_else(String::new, |port| format!(":{port}"));
        Some(format!("{address}{port}"))
    };
    let mut with = " with";
    for (word, value) in [
        ("process", text(source, "process.name")),
        ("parent process", text(source, "process.parent.name")),
        ("file", text(source, "file.name")),
        ("source", endpoint("source")),
        ("destination", endpoint("destination")),
    ] {
        if let Some(value) = value {
            push(&mut sentence, format_args!("{with} {word} {value},"));
            with = "";
        }
    }
    for (word, field) in [("by", "user.name"), ("on", "host.name")] {
        if let Some(value) = text(source, field) {
            push(&mut sentence, format_args!(" {word} {value}"));
        }
    }
    push(&mut sentence, format_args!(" created {severity} alert {name}."));
    sentence
}

fn push(sentence: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a String does not fail.
    let _ = sentence.write_fmt(arguments);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(source: Json) -> String {
        reason(source.as_object().expect("an object"), "medium", "N")
    }

    #[test]
    fn all_parts_stand_in_order() {
        let source = json!({
            "event": {"category": ["process", "network"]}, "process": {"name": "P", "parent": {"name": "Q"}},
            "file.name": "F", "source": {"address": "a", "port": 1}, "destination": {"address": "b", "port": 2},
            "user.name": "U", "host": {"name": "H"},
        });
        assert_eq!(
            of(source),
            "process, network event with process P, parent process Q, file F, source a:1, destination b:2, by U on H \
             created medium alert N."
        );
    }

    #[test]
    fn parts_that_are_missing_leave_no_gap() {
        assert_eq!(of(json!({})), "event created medium alert N.");
        assert_eq!(of(json!({"user.name": "U"})), "event by U created medium alert N.");
        assert_eq!(of(json!({"file.name": "F", "host.name": "H"})), "event with file F, on H created medium alert N.");
    }
}
