//! Reading rule files: which form it is, every rule in it, and every error with its place.
//!
//! Forms: TOML as elastic/detection-rules publishes it; JSON (one object, a list, a `_find` answer, saved objects) and
//! NDJSON as Kibana exports it, with exception lists and the line of export details. The form is seen from the text, not
//! from the name of the file.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value as Json};

use super::error::{FieldError, Position, RuleError};
use super::exceptions::ExceptionLists;
use super::spans::Spans;
use super::{Rule, RuleKind, json_form, toml_form};

/// Everything that one file holds. One broken rule of an export does not lose the others.
#[derive(Clone, Debug, Default)]
pub struct RuleFile {
    /// The rules, in the order of the file.
    pub rules: Vec<LoadedRule>,
    /// What could not be read.
    pub errors: Vec<RuleError>,
    /// What was read and is not complete, such as a rule whose exception lists are not in the file.
    pub warnings: Vec<RuleError>,
}

/// A rule, and the text it came from.
#[derive(Clone, Debug)]
pub struct LoadedRule {
    /// The rule.
    pub rule: Rule,
    /// Where its fields stand.
    pub source: RuleSource,
}

/// Where the fields of a rule stand in a file.
#[derive(Clone, Debug)]
pub struct RuleSource {
    origin: Arc<str>,
    text: Arc<str>,
    spans: Spans,
}

impl RuleSource {
    /// The file, or what the caller called the text.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Where a field stands; a field that is not there stands where the rule begins.
    #[must_use]
    pub fn position_of(&self, field: &str) -> Position {
        let start = self.spans.of(field).or_else(|| self.spans.of("name")).map_or(0, |span| span.start);
        Position::of(&self.text, start)
    }

    /// Where a byte of the text of a field stands; escapes inside the file's string make it the start of the field.
    #[must_use]
    pub fn position_in(&self, field: &str, value: &str, offset: usize) -> Position {
        let Some(span) = self.spans.of(field) else { return self.position_of(field) };
        match self.text.get(span.clone()).and_then(|raw| raw.find(value)) {
            Some(start) => Position::of(&self.text, span.start + start + offset),
            None => Position::of(&self.text, span.start),
        }
    }
}

/// Reads all rules of a text; `origin` is what errors call it.
///
/// # Errors
/// Anything in it cannot be read: the first error. [`read_text`] returns all of them and what is good.
pub fn load_text(origin: &str, text: &str) -> Result<Vec<Rule>, RuleError> {
    let mut file = read_text(origin, text);
    if file.errors.is_empty() {
        return Ok(file.rules.into_iter().map(|loaded| loaded.rule).collect());
    }
    Err(file.errors.swap_remove(0))
}

/// Reads a file: its rules, and everything that is wrong with it.
#[must_use]
pub fn read_file(path: &Path) -> RuleFile {
    let origin = path.display().to_string();
    match file_bytes(path) {
        Ok(bytes) => read_bytes(&origin, bytes),
        Err(message) => unreadable(origin, None, message),
    }
}

/// Reads the bytes of a file: its rules, and everything that is wrong with it; `origin` is what errors call it.
#[must_use]
pub fn read_bytes(origin: &str, bytes: Vec<u8>) -> RuleFile {
    match String::from_utf8(bytes) {
        Ok(text) => read_text(origin, &text),
        Err(error) => {
            let good = error.utf8_error().valid_up_to();
            let bytes = error.into_bytes();
            let position = Position::of(&String::from_utf8_lossy(&bytes[..good]), good);
            let message = format!("byte 0x{:02x} is not UTF-8; rule files are UTF-8 text", bytes[good]);
            unreadable(origin.to_owned(), Some(position), message)
        }
    }
}

fn unreadable(origin: String, position: Option<Position>, message: String) -> RuleFile {
    RuleFile { errors: vec![RuleError { origin, position, field: None, message }], ..RuleFile::default() }
}

/// Reads a text: its rules, and everything that is wrong with it.
#[must_use]
pub fn read_text(origin: &str, text: &str) -> RuleFile {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reading = Reading {
        origin: Arc::from(origin),
        text: Arc::from(text),
        lists: ExceptionLists::default(),
        file: RuleFile::default(),
    };
    if text.trim().is_empty() {
        reading.error(None, None, "the file is empty; a rule was expected (TOML, JSON or NDJSON)".to_owned());
    } else if json_form::looks_like_json(text) {
        reading.json();
    } else {
        reading.toml();
    }
    reading.finish()
}

/// The bytes of a file that people write or export, such as a rule's.
///
/// # Errors
/// Why it cannot be read; that it is larger than 64 MiB, as an endless device is.
pub fn file_bytes(path: &Path) -> Result<Vec<u8>, String> {
    const MOST: u64 = 64 << 20;
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(MOST + 1).read_to_end(&mut bytes)).map_err(|error| {
        match error.kind() {
            std::io::ErrorKind::IsADirectory => "is a directory; name the files in it".to_owned(),
            _ => format!("cannot be read: {error}"),
        }
    })?;
    if bytes.len() as u64 > MOST {
        return Err(format!("is larger than {} MiB; nothing that large is read", MOST >> 20));
    }
    Ok(bytes)
}

/// A file in the course of being read.
struct Reading {
    origin: Arc<str>,
    text: Arc<str>,
    lists: ExceptionLists,
    file: RuleFile,
}

impl Reading {
    fn toml(&mut self) {
        let text = self.text.clone();
        match toml_form::read(&text) {
            Ok((object, spans)) => self.rule(&object, spans),
            Err(error) => {
                let position = error.span.map(|span| Position::of(&text, span.start));
                self.error(position, error.field, error.message);
            }
        }
    }

    fn json(&mut self) {
        let text = self.text.clone();
        for entry in json_form::entries(&text) {
            match entry {
                Err(error) => self.error(Some(error.position), None, error.message),
                Ok((start, Json::Object(object))) => self.json_object(&object, Spans::of_json(&text, start), start),
                Ok((start, _)) => {
                    let message = "expected an object that holds a rule".to_owned();
                    self.error(Some(Position::of(&text, start)), None, message);
                }
            }
        }
    }

    fn json_object(&mut self, object: &Map<String, Json>, spans: Spans, start: usize) {
        if json_form::is_export_details(object) {
            return;
        }
        if ExceptionLists::is_part(object) {
            if let Err(error) = self.lists.add(object) {
                self.field_error(error, &spans);
            }
        } else if json_form::is_other_saved_object(object) {
            let message = "a saved object that is no rule: left out".to_owned();
            let position = Some(Position::of(&self.text, start));
            self.file.warnings.push(RuleError { origin: self.origin.to_string(), position, field: None, message });
        } else {
            self.rule(object, spans);
        }
    }

    fn rule(&mut self, object: &Map<String, Json>, spans: Spans) {
        let rule = Rule::from_api_json(object).and_then(|rule| complete(object, &rule).map(|()| rule));
        match rule {
            Ok(rule) => {
                let source = RuleSource { origin: self.origin.clone(), text: self.text.clone(), spans };
                self.file.rules.push(LoadedRule { rule, source });
            }
            Err(error) => self.field_error(error, &spans),
        }
    }

    fn finish(mut self) -> RuleFile {
        for LoadedRule { rule, source } in &mut self.file.rules {
            for list in self.lists.attach(rule) {
                self.file.warnings.push(RuleError {
                    origin: self.origin.to_string(),
                    position: Some(source.position_of("exceptions_list")),
                    field: Some("exceptions_list".to_owned()),
                    message: format!("the exception list '{list}' is not in this file: its exceptions do not apply"),
                });
            }
        }
        if self.file.rules.is_empty() && self.file.errors.is_empty() {
            self.error(None, None, "there is no rule in it".to_owned());
        }
        self.file
    }

    fn field_error(&mut self, FieldError { field, message }: FieldError, spans: &Spans) {
        let start = spans.of(&field).or_else(|| spans.of("name")).or_else(|| spans.of("")).map(|span| span.start);
        self.error(start.map(|start| Position::of(&self.text, start)), Some(field), message);
    }

    fn error(&mut self, position: Option<Position>, field: Option<String>, message: String) {
        self.file.errors.push(RuleError { origin: self.origin.to_string(), position, field, message });
    }
}

/// What a published rule has to say, although the engine would do without.
fn complete(object: &Map<String, Json>, rule: &Rule) -> Result<(), FieldError> {
    let of_kind: &[&str] = match rule.kind {
        RuleKind::NewTerms(_) => &["query", "new_terms_fields", "history_window_start"],
        RuleKind::Query(_) | RuleKind::Threshold(_) => &["query"],
        RuleKind::Unsupported(_) => &[],
    };
    let fields = super::fields::Fields::new(object, "");
    for name in ["name", "rule_id", "description", "severity", "risk_score"].iter().chain(of_kind) {
        fields.required(object.get(*name).filter(|value| !value.is_null()), name)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOML: &str = include_str!("../../rules/execution_unknown_rwx_memory_region.toml");

    fn export_line(name: &str) -> String {
        serde_json::json!({
            "id": "0b1a", "rule_id": "r-1", "name": name, "description": "d", "type": "new_terms", "query": "a:b",
            "language": "kuery", "new_terms_fields": ["a"], "history_window_start": "now-7d", "severity": "low",
            "risk_score": 21, "from": "now-9m", "interval": "5m", "immutable": false, "revision": 3,
            "exceptions_list": [{"id": "x", "list_id": "l", "type": "detection", "namespace_type": "single"}],
        })
        .to_string()
    }

    #[test]
    fn an_export_gives_rules_with_their_exceptions() {
        let item = r#"{"list_id":"l","item_id":"i","type":"simple","entries":[{"field":"a","operator":"included","type":"match","value":"x"}]}"#;
        let details = r#"{"exported_count":2,"exported_rules_count":1,"missing_rules":[],"missing_rules_count":0}"#;
        let text =
            [&export_line("one"), r#"{"list_id":"l","type":"detection","name":"list"}"#, item, details].join("\n");
        let rules = load_text("export.ndjson", &text).expect("valid");
        assert_eq!(rules.len(), 1);
        assert_eq!(rules[0].exceptions.len(), 1);
        assert_eq!(rules[0].object_id(), "0b1a");
        assert_eq!(rules[0].other["revision"], 3);
    }

    #[test]
    fn exceptions_that_are_not_in_the_file_are_told() {
        let file = read_text("export.ndjson", &export_line("one"));
        assert_eq!((file.rules.len(), file.errors.len(), file.warnings.len()), (1, 0, 1));
        assert!(file.warnings[0].to_string().contains("'l'"), "{}", file.warnings[0]);
    }

    #[test]
    fn one_broken_line_loses_no_other_and_is_named() {
        let text = format!("{}\n{{\"name\": \n{}\n7\n", export_line("one"), export_line("two"));
        let file = read_text("e", &text);
        assert_eq!(file.rules.iter().map(|loaded| loaded.rule.name.as_str()).collect::<Vec<_>>(), ["one", "two"]);
        let lines: Vec<_> = file.errors.iter().map(|error| error.position.expect("a place").line).collect();
        assert_eq!(lines, [2, 4]);
        assert!(load_text("e", &text).is_err());
    }

    #[test]
    fn a_rule_in_any_json_layout_is_the_same_rule() {
        let line = export_line("one");
        let value: Json = serde_json::from_str(&line).expect("valid");
        let pretty = serde_json::to_string_pretty(&value).expect("valid");
        let expected = load_text("line", &line).expect("valid");
        for text in [
            pretty.clone(),
            format!("[{line}]"),
            format!("\u{feff}  [\n{pretty}\n]"),
            format!("{pretty}\n{}", r#"{"exported_count": 1}"#),
            serde_json::json!({"page": 1, "total": 1, "data": [value]}).to_string(),
            serde_json::json!({"id": "s", "type": "security-rule", "attributes": value}).to_string(),
        ] {
            assert_eq!(load_text("other", &text).expect("valid"), expected, "{text}");
        }
    }

    #[test]
    fn an_error_points_at_the_value() {
        let value: Json = serde_json::from_str(&export_line("one").replace("\"low\"", "\"lwo\"")).expect("valid");
        let pretty = serde_json::to_string_pretty(&value).expect("valid");
        let line = 1 + pretty.lines().position(|line| line.contains("lwo")).expect("there");
        let error = load_text("p.json", &pretty).expect_err("broken");
        assert_eq!(error.position, Some(Position { line, column: 15 }), "{error}");

        let toml = TOML.replace("\"medium\"", "\"medum\"");
        let line = 1 + toml.lines().position(|line| line.contains("medum")).expect("there");
        let error = load_text("p.toml", &toml).expect_err("broken");
        assert_eq!(error.position, Some(Position { line, column: 12 }));
        assert!(error.to_string().starts_with(&format!("p.toml:{line}:12: field 'severity':")), "{error}");
        assert!(error.to_string().contains("did you mean 'medium'"), "{error}");
    }

    #[test]
    fn a_misspelled_key_is_suspected_when_one_is_missing() {
        let error = load_text("p.toml", &TOML.replace("query = ", "qurey = ")).expect_err("no query");
        assert_eq!(error.field.as_deref(), Some("query"));
        assert!(error.message.contains("'qurey'"), "{error}");
    }

    #[test]
    fn what_is_no_rule_says_what_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).expect("written");
            path
        };
        for (path, part) in [
            (folder.path().to_path_buf(), "is a directory"),
            (folder.path().join("absent"), "cannot be read"),
            (write("empty", b""), "is empty"),
            (write("blank", b" \n\n"), "is empty"),
            (write("latin1.toml", b"[rule]\nname = \"caf\xe9\"\n"), ":2:12: byte 0xe9 is not UTF-8"),
            (write("broken.toml", b"[rule]\nname = \n"), ":2:"),
            (write("broken.json", b"{\"name\": 1,\n \"x\" }"), ":2:6: not valid JSON"),
            (write("none.ndjson", b"{\"exported_count\": 0}\n"), "there is no rule in it"),
            (write("list.json", b"[]"), "there is no rule in it"),
            (write("elf", b"\x7fELF\x02\x01\x01\x00"), "not valid TOML"),
        ] {
            let error = read_file(&path).errors.into_iter().next().expect(part);
            assert!(error.to_string().contains(part), "{error}");
            assert!(error.to_string().starts_with(&path.display().to_string()));
        }
    }

    #[test]
    fn sizes_and_depths_beyond_reason_are_errors_or_read_but_never_an_overflow() {
        let long = TOML.replace("event.category:process", &format!("a:{}", "x".repeat(10 << 20)));
        assert_eq!(load_text("long", &long).expect("a long query is a query").len(), 1);
        let deep = 100_000;
        for text in [format!("{{\"a\":{}", "[".repeat(deep)), "[{\"a\":".repeat(deep)] {
            assert!(load_text("deep", &text).is_err());
        }
    }

    #[test]
    fn hunting_files_load_as_something_that_cannot_run() {
        let text = "[hunt]\nname = \"n\"\nuuid = \"u\"\nquery = [\"from x\"]\nlanguage = [\"ES|QL\"]\n";
        let rules = load_text("hunt.toml", text).expect("loads");
        assert_eq!((rules[0].rule_id.as_str(), rules[0].kind.name()), ("u", "hunt"));
    }
}
