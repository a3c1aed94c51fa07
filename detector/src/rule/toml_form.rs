//! The form in which elastic/detection-rules keeps rules: TOML with a `[metadata]` and a `[rule]` table.
//!
//! The rule is turned into the object that the API would take (`new_terms` tables become `new_terms_fields` and
//! `history_window_start`); what the object means is read in one place for all forms.

use std::ops::Range;

use serde_json::{Map, Value as Json};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{FieldError, did_you_mean};
use super::spans::{Spans, join};

/// What is wrong with the text, and where.
#[derive(Debug)]
pub(super) struct TomlError {
    pub(super) span: Option<Range<usize>>,
    pub(super) field: Option<String>,
    pub(super) message: String,
}

impl From<FieldError> for TomlError {
    fn from(FieldError { field, message }: FieldError) -> TomlError {
        TomlError { span: None, field: Some(field), message }
    }
}

/// Reads the text of a rule file: its rule as an API object, and where each field stands.
pub(super) fn read(text: &str) -> Result<(Map<String, Json>, Spans), TomlError> {
    refuse_deep_names(text)?;
    let document = DeTable::parse(text).map_err(|error| {
        let name = error.span().and_then(|span| text.get(span)).filter(|_| error.message() == "duplicate key");
        let name = name.map(|name| format!(" '{name}': it was given before")).unwrap_or_default();
        TomlError { span: error.span(), field: None, message: format!("not valid TOML: {}{name}", error.message()) }
    })?;
    let document = document.into_inner();
    if let Some(hunt) = table(&document, "hunt") {
        let mut spans = Spans::default();
        let mut object = object(hunt, "", &mut spans)?;
        rename(&mut object, "uuid", "rule_id");
        object.insert("type".to_owned(), Json::from("hunt"));
        object.entry("description").or_insert_with(|| Json::from(""));
        object.entry("severity").or_insert_with(|| Json::from("low"));
        object.entry("risk_score").or_insert_with(|| Json::from(0));
        return Ok((object, spans));
    }
    let Some(rule) = table(&document, "rule") else {
        let hint = document.keys().map(|key| key.get_ref().as_ref()).find(|key| *key != "metadata");
        let hint = hint.map_or_else(String::new, |key| did_you_mean(key, ["rule"]).replace("'rule'", "'[rule]'"));
        return Err(TomlError { span: None, field: None, message: format!("there is no [rule] table in it{hint}") });
    };
    let mut spans = Spans::default();
    let mut object = object(rule, "", &mut spans)?;
    flatten_new_terms(&mut object, &mut spans).map_err(|error| TomlError {
        span: spans.of(&error.field),
        field: Some(error.field),
        message: error.message,
    })?;
    Ok((object, spans))
}

/// `[rule.new_terms] field/value` and its `history_window_start` tables, as `new_terms_fields` and `history_window_start`.
fn flatten_new_terms(rule: &mut Map<String, Json>, spans: &mut Spans) -> Result<(), FieldError> {
    let Some(written) = rule.remove("new_terms") else { return Ok(()) };
    let table = match written {
        Json::Object(table) => table,
        Json::Array(tables) => {
            let message =
                format!("a rule has one [rule.new_terms] table; here are {} of [[rule.new_terms]]", tables.len());
            return Err(FieldError::new("new_terms", message));
        }
        other => return Err(FieldError::expected("new_terms", "a table with 'field' and 'value'", &other)),
    };
    let fields = pair(&table, "new_terms", "new_terms_fields")?;
    let start = match table.get("history_window_start") {
        None => return Err(FieldError::new("new_terms", "there is no [[rule.new_terms.history_window_start]] in it")),
        Some(Json::Array(entries)) => match entries.as_slice() {
            [Json::Object(entry)] => pair(entry, "new_terms.history_window_start.0", "history_window_start")?,
            [other] => return Err(FieldError::expected("new_terms.history_window_start", "a table", other)),
            more => {
                let message = format!("expected one table, got {}", more.len());
                return Err(FieldError::new("new_terms.history_window_start", message));
            }
        },
        Some(other) => return Err(FieldError::expected("new_terms.history_window_start", "one [[...]] table", other)),
    };
    for (from, to) in
        [("new_terms.value", "new_terms_fields"), ("new_terms.history_window_start.0.value", "history_window_start")]
    {
        if rule.contains_key(to) {
            return Err(FieldError::new(
                "new_terms",
                format!("'{to}' stands in [rule] and in [rule.new_terms]: keep one"),
            ));
        }
        if let Some(span) = spans.of(from) {
            spans.insert(to.to_owned(), span);
        }
    }
    rule.insert("new_terms_fields".to_owned(), fields);
    rule.insert("history_window_start".to_owned(), start);
    Ok(())
}

/// The value of a `field = NAME, value = VALUE` table.
fn pair(table: &Map<String, Json>, path: &str, name: &str) -> Result<Json, FieldError> {
    match table.get("field") {
        Some(Json::String(field)) if field == name => {}
        Some(other) => return Err(FieldError::expected(join(path, "field"), &format!("\"{name}\""), other)),
        None => return Err(FieldError::new(path, format!("'field = \"{name}\"' is missing in it"))),
    }
    table.get("value").cloned().ok_or_else(|| FieldError::new(path, "'value' is missing in it"))
}

fn table<'d>(document: &'d DeTable<'_>, name: &str) -> Option<&'d DeTable<'d>> {
    document.get(name).and_then(|value| value.get_ref().as_table())
}

fn rename(object: &mut Map<String, Json>, from: &str, to: &str) {
    if let Some(value) = object.remove(from) {
        object.entry(to).or_insert(value);
    }
}

fn object(table: &DeTable<'_>, path: &str, spans: &mut Spans) -> Result<Map<String, Json>, TomlError> {
    let mut object = Map::new();
    for (key, value) in table {
        let path = join(path, key.get_ref());
        object.insert(key.get_ref().to_string(), json(value, &path, spans)?);
    }
    Ok(object)
}

fn json(value: &Spanned<DeValue<'_>>, path: &str, spans: &mut Spans) -> Result<Json, TomlError> {
    spans.insert(path.to_owned(), value.span());
    let refuse = |text: &str| TomlError {
        span: Some(value.span()),
        field: Some(path.to_owned()),
        message: format!("{text} is no number that JSON could hold"),
    };
    Ok(match value.get_ref() {
        DeValue::String(text) => Json::from(text.as_ref()),
        DeValue::Integer(number) => {
            let digits = number.as_str().replace('_', "");
            Json::from(i64::from_str_radix(&digits, number.radix()).map_err(|_| refuse(number.as_str()))?)
        }
        DeValue::Float(number) => {
            let parsed: f64 = number.as_str().replace('_', "").parse().map_err(|_| refuse(number.as_str()))?;
            serde_json::Number::from_f64(parsed).map(Json::Number).ok_or_else(|| refuse(number.as_str()))?
        }
        DeValue::Boolean(truth) => Json::from(*truth),
        DeValue::Datetime(instant) => Json::from(instant.to_string()),
        DeValue::Array(items) => {
            let mut list = Vec::with_capacity(items.len());
            for (number, item) in items.iter().enumerate() {
                list.push(json(item, &join(path, &number.to_string()), spans)?);
            }
            Json::Array(list)
        }
        DeValue::Table(table) => Json::Object(object(table, path, spans)?),
    })
}

/// Refuses names of absurdly many dotted parts, which the parser would turn into tables nested as deep.
///
/// Keys stand after a line break, `{`, `,` or `[`. Text inside a string that looks like such a key is refused as well: no
/// language of rules writes a name of that many parts.
fn refuse_deep_names(text: &str) -> Result<(), TomlError> {
    const MOST: usize = 16;
    let bytes = text.as_bytes();
    let starts = bytes.iter().enumerate().filter(|(_, byte)| b"\n{,[".contains(byte)).map(|(at, _)| at + 1);
    for start in std::iter::once(0).chain(starts) {
        if has_more_parts(&bytes[start..], MOST) {
            let message = format!("a name of more than {MOST} dotted parts; rules nest no deeper");
            return Err(TomlError { span: Some(start..start), field: None, message });
        }
    }
    Ok(())
}

/// Whether a dotted name of more than `most` parts starts here.
fn has_more_parts(bytes: &[u8], most: usize) -> bool {
    let mut at = 0;
    let skip_blanks = |mut at: usize| {
        while bytes.get(at).is_some_and(|byte| b" \t".contains(byte)) {
            at += 1;
        }
        at
    };
    for _ in 0..most {
        at = skip_blanks(at);
        at = match bytes.get(at) {
            Some(quote @ (b'"' | b'\'')) => {
                let Some(length) = bytes[at + 1..].iter().position(|byte| byte == quote || *byte == b'\n') else {
                    return false;
                };
                at + length + 2
            }
            _ => at + bytes[at..].iter().take_while(|b| b.is_ascii_alphanumeric() || b"-_".contains(b)).count(),
        };
        at = skip_blanks(at);
        if bytes.get(at) != Some(&b'.') {
            return false;
        }
        at += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: &str = r#"
[metadata]
creation_date = "2026/11/22"

[rule]
name = "n"
type = "new_terms"
risk_score = 47
when = 2026-11-22T00:00:00Z

[[rule.threat]]
framework = "MITRE ATT&CK"
[[rule.threat.technique]]
id = "T1"
[rule.threat.tactic]
id = "TA1"

[rule.new_terms]
field = "new_terms_fields"
value = ["host.id", "process.executable"]
[[rule.new_terms.history_window_start]]
field = "history_window_start"
value = "now-7d"
"#;

    #[test]
    fn the_published_form_becomes_the_object_of_the_api() {
        let (object, spans) = read(RULE).expect("valid");
        assert_eq!(
            Json::Object(object),
            serde_json::json!({
                "name": "n", "type": "new_terms", "risk_score": 47, "when": "2026-11-22T00:00:00Z",
                "threat": [{"framework": "MITRE ATT&CK", "technique": [{"id": "T1"}], "tactic": {"id": "TA1"}}],
                "new_terms_fields": ["host.id", "process.executable"], "history_window_start": "now-7d",
            })
        );
        assert_eq!(&RULE[spans.of("history_window_start").expect("known")], "\"now-7d\"");
        assert_eq!(&RULE[spans.of("threat.0.tactic.id").expect("known")], "\"TA1\"");
    }

    #[test]
    fn two_new_terms_tables_are_refused() {
        let twice = format!("{RULE}\n[rule.new_terms]\nfield = \"new_terms_fields\"\nvalue = [\"x\"]\n");
        let error = read(&twice).expect_err("defined twice");
        assert!(error.message.contains("duplicate key 'new_terms'"), "{}", error.message);
        assert_eq!(error.span.map(|span| span.start >= RULE.len()), Some(true), "the second one is pointed at");

        let list = RULE.replace("[rule.new_terms]", "[[rule.new_terms]]") + "[[rule.new_terms]]\n";
        let error = read(&list).expect_err("a list");
        assert_eq!(error.field.as_deref(), Some("new_terms"));
        assert!(error.message.contains("one [rule.new_terms]"), "{}", error.message);
    }

    #[test]
    fn a_new_terms_table_that_says_half_is_refused() {
        for (from, to, field) in [
            ("field = \"new_terms_fields\"", "field = \"new_terms_field\"", "new_terms.field"),
            ("value = \"now-7d\"", "", "new_terms.history_window_start.0"),
            ("value = [\"host.id\", \"process.executable\"]", "", "new_terms"),
        ] {
            let error = read(&RULE.replacen(from, to, 1)).expect_err(from);
            assert_eq!(error.field.as_deref(), Some(field), "{}", error.message);
            assert!(error.span.is_some());
        }
    }

    #[test]
    fn a_file_without_a_rule_table_says_so() {
        let error = read("[rules]\nname = 1\n").expect_err("no rule");
        assert!(error.message.contains("no [rule] table") && error.message.contains("'[rule]'"), "{}", error.message);
    }

    #[test]
    fn deep_nesting_is_an_error_and_no_overflow() {
        let deep = 100_000;
        for text in [
            format!("[rule]\nx = {}{}", "[".repeat(deep), "]".repeat(deep)),
            format!("[rule]\nx = {}{}", "{a=".repeat(deep), "}".repeat(deep)),
            format!("[rule]\n{}=1", vec!["a"; deep].join(".")),
            format!("[rule]\nx = {{{}=1}}", vec!["a"; deep].join(".")),
            format!("[rule]\n{}=1", vec!["\"a\""; deep].join(" . ")),
            format!("[{}]", vec!["a"; deep].join(".")),
        ] {
            assert!(read(&text).is_err());
        }
    }

    #[test]
    fn long_dotted_prose_is_no_name() {
        let text = format!(
            "[rule]\nname = '''\n{}\nwww.{}com\n'''\n",
            "It ends here. It goes on. ".repeat(40),
            "a.".repeat(10)
        );
        assert!(read(&text).is_ok());
    }

    #[test]
    fn numbers_that_json_cannot_hold_are_refused() {
        for number in ["inf", "nan", "99999999999999999999"] {
            let error = read(&format!("[rule]\nrisk_score = {number}\n")).expect_err(number);
            assert_eq!(error.field.as_deref(), Some("risk_score"));
        }
        assert!(read("[rule]\nrisk_score = 0x2f\nx = 1_000.5\n").is_ok());
    }
}
