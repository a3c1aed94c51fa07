//! What the ingest pipeline of the auditd_manager integration (1.17) changes at the end: numbers, the records' text, warnings,
//! and empty values. The fields that it renames get their final names where they are made.

use compact_str::CompactString;

use crate::ecs::{Fields, Value};

use super::names::name;
use super::options::OriginalText;

/// The tag that keeps the text of the records.
pub(super) const PRESERVE: &str = "preserve_original_event";

/// A whole number, decimal or 0x hex.
pub(super) fn number(text: &str) -> Result<i64, String> {
    let parsed = match text.strip_prefix("0x") {
        Some(hex) => i64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    };
    parsed.ok_or_else(|| format!("unable to convert [{text}] to long"))
}

/// The last steps of the pipeline; it stops at its first failure.
pub(super) fn finish(fields: &mut Fields, original: OriginalText, failure: Option<String>) {
    join_original(fields, original);
    join_warnings(fields);
    if let Some(reason) = failure {
        fields.set("event.kind", "pipeline_error");
        let mut messages: Vec<Value> = fields.remove("error.message").into_iter().collect();
        messages.push(Value::from(reason));
        fields.set("error.message", Value::List(messages));
        return;
    }
    fields.edit(|_, value| !is_empty(value));
}

/// The list of records moves to `auditd.messages`; both forms stay only for those who asked.
fn join_original(fields: &mut Fields, original: OriginalText) {
    let Some(records) = fields.remove("event.original") else { return };
    if original == OriginalText::Kept {
        fields.push(name("event.original"), joined(&records));
        fields.push(name("auditd.messages"), records);
    }
}

fn join_warnings(fields: &mut Fields) {
    let Some(warnings) = fields.remove("error.message") else { return };
    if let Value::List(_) = &warnings {
        fields.push(name("error.message"), joined(&warnings));
    }
    fields.push(name("auditd.warnings"), warnings);
}

fn joined(list: &Value) -> CompactString {
    let Value::List(items) = list else { return CompactString::default() };
    let texts = items.iter().filter_map(|item| if let Value::Text(text) = item { Some(text.as_str()) } else { None });
    CompactString::from(texts.collect::<Vec<_>>().join("\n"))
}

/// Empty texts, lists and objects go, also inside lists.
fn is_empty(value: &mut Value) -> bool {
    match value {
        Value::Null => true,
        Value::Text(text) => text.is_empty(),
        Value::List(items) => {
            items.retain_mut(|item| !is_empty(item));
            items.is_empty()
        }
        Value::Object(fields) => {
            fields.edit(|_, value| !is_empty(value));
            fields.is_empty()
        }
        Value::Bool(_) | Value::Integer(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_decimal_or_hex() {
        assert_eq!((number("12"), number("0x1f"), number("-3")), (Ok(12), Ok(31), Ok(-3)));
        assert_eq!(number("x"), Err("unable to convert [x] to long".to_owned()));
    }

    #[test]
    fn later_steps_do_not_run_behind_a_failure() {
        let mut fields = Fields::new();
        fields.set("event.kind", "event");
        fields.set("event.action", "");
        finish(&mut fields, OriginalText::Dropped, Some("no number".to_owned()));
        assert_eq!(fields.text("event.kind"), Some("pipeline_error"));
        assert_eq!(fields.get("error.message"), Some(&Value::from(vec!["no number"])));
        assert_eq!(fields.text("event.action"), Some(""));
    }

    #[test]
    fn empty_values_are_removed_at_every_depth() {
        let mut inner = Fields::new();
        inner.set("a", "");
        let mut fields = Fields::new();
        fields.set("event.action", "");
        fields.set("tags", vec!["", "x"]);
        fields.set("paths", Value::List(vec![Value::Object(inner)]));
        finish(&mut fields, OriginalText::Dropped, None);
        assert_eq!(fields.iter().count(), 1);
        assert_eq!(fields.get("tags"), Some(&Value::from(vec!["x"])));
    }
}
