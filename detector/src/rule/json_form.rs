//! The forms in which Kibana hands out rules: JSON and NDJSON.

use serde_json::{Map, Value as Json};

use super::error::Position;
use super::spans::Spans;

/// Text that is no JSON, and where.
#[derive(Debug)]
pub(super) struct JsonError {
    pub(super) position: Position,
    pub(super) message: String,
}

/// Whether a text that holds a rule is JSON: a TOML file of a rule begins with a name, a `[table]` or a comment.
pub(super) fn looks_like_json(text: &str) -> bool {
    let text = text.trim_start();
    text.starts_with('{') || text.strip_prefix('[').is_some_and(|rest| rest.trim_start().starts_with(['{', ']']))
}

/// All objects of a text with the byte at which each begins: one a line, or one or a list of them in any layout.
///
/// A line that is broken loses that line only.
pub(super) fn entries(text: &str) -> Vec<Result<(usize, Json), JsonError>> {
    let first = text.trim_start().lines().next().unwrap_or_default();
    let one_a_line = serde_json::from_str::<Map<String, Json>>(first).is_ok();
    let mut entries = Vec::new();
    if one_a_line {
        let mut start = 0;
        for (number, line) in text.split_inclusive('\n').enumerate() {
            if !line.trim().is_empty() {
                match serde_json::from_str(line.trim_end()) {
                    Ok(json) => unpack(text, start, json, &mut entries),
                    Err(error) => entries.push(Err(JsonError::new(&error, number))),
                }
            }
            start += line.len();
        }
    } else {
        let mut stream = serde_json::Deserializer::from_str(text).into_iter::<Json>();
        loop {
            let start = stream.byte_offset();
            match stream.next() {
                None => break,
                Some(Ok(json)) => unpack(text, start, json, &mut entries),
                Some(Err(error)) => {
                    entries.push(Err(JsonError::new(&error, 0)));
                    break;
                }
            }
        }
    }
    entries
}

/// The last line of an export counts what was exported.
pub(super) fn is_export_details(object: &Map<String, Json>) -> bool {
    ["exported_count", "exported_rules_count", "exported_exception_list_count"]
        .iter()
        .any(|key| object.contains_key(*key))
}

/// A saved object, such as a connector, that is exported beside rules.
pub(super) fn is_other_saved_object(object: &Map<String, Json>) -> bool {
    object.contains_key("attributes") && object.contains_key("type")
}

impl JsonError {
    fn new(error: &serde_json::Error, lines_before: usize) -> JsonError {
        let text = error.to_string();
        let reason = text.rsplit_once(" at line ").map_or(text.as_str(), |(reason, _)| reason);
        JsonError {
            position: Position { line: lines_before + error.line().max(1), column: error.column().max(1) },
            message: format!("not valid JSON: {reason}"),
        }
    }
}

/// Lists, `_find` answers and saved objects hold the objects of interest.
fn unpack(text: &str, start: usize, json: Json, entries: &mut Vec<Result<(usize, Json), JsonError>>) {
    let at = |path: &str| Spans::of_json(text, start).of(path).map_or(start, |span| span.start);
    match json {
        Json::Array(items) => {
            let spans = Spans::of_json(text, start);
            for (number, item) in items.into_iter().enumerate() {
                let start = spans.of(&number.to_string()).map_or(start, |span| span.start);
                entries.push(Ok((start, item)));
            }
        }
        Json::Object(mut object) if object.contains_key("total") && object.get("data").is_some_and(Json::is_array) => {
            let start = at("data");
            unpack(text, start, object.remove("data").unwrap_or_default(), entries);
        }
        Json::Object(mut object)
            if object.get("type").and_then(Json::as_str) == Some("security-rule")
                && object.get("attributes").is_some_and(Json::is_object) =>
        {
            entries.push(Ok((at("attributes"), object.remove("attributes").unwrap_or_default())));
        }
        other => entries.push(Ok((start, other))),
    }
}
