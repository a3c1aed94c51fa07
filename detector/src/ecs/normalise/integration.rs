//! What the ingest pipeline of the auditd_manager integration (1.17) can fail at: turning a field into a number.
//!
//! Everything else that the pipeline does (it renames fields, joins lists, removes empty values) is done where each field is
//! made, see [`fields`](super::fields) and [`names`](super::names).

use crate::ecs::{Fields, Value};

/// The tag that keeps the text of the records.
pub(super) const PRESERVE: &str = "preserve_original_event";

/// A whole number, decimal or 0x hex.
///
/// # Errors
/// What the pipeline says of a text that is none.
pub(super) fn number(text: &str) -> Result<i64, String> {
    let parsed = match text.strip_prefix("0x") {
        Some(hex) => i64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    };
    parsed.ok_or_else(|| format!("unable to convert [{text}] to long"))
}

/// Marks a document at which the pipeline failed: it is indexed all the same.
pub(super) fn fail(fields: &mut Fields, reason: String) {
    fields.set("event.kind", "pipeline_error");
    let mut messages: Vec<Value> = fields.remove("error.message").into_iter().collect();
    messages.push(Value::from(reason));
    fields.set("error.message", Value::List(messages));
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
    fn a_failure_marks_the_document_and_keeps_earlier_messages() {
        let mut fields = Fields::new();
        fields.set("event.kind", "event");
        fields.set("error.message", "odd");
        fail(&mut fields, "no number".to_owned());
        assert_eq!(fields.text("event.kind"), Some("pipeline_error"));
        assert_eq!(fields.get("error.message"), Some(&Value::from(vec!["odd", "no number"])));
    }
}
