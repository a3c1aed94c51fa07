//! The object of the detection engine's API and what it means. Every file form is brought into this one.

use serde_json::{Map, Value as Json};

use super::error::FieldError;
use super::exceptions;
use super::fields::Fields;
use super::{AlertSuppression, Language, MissingFields, NewTerms, Query, Rule, RuleKind, Severity, Threshold};

impl Rule {
    /// Reads the parameters of a rule under their API names.
    ///
    /// What is absent has the engine's defaults: `kuery`, query `*`, `now-6m` to `now` every `5m`, 100 alerts, severity `low`,
    /// risk score 21; names and texts are empty. Parameters with values that the engine refuses when it runs (no fields,
    /// `max_signals` 0, unparsable dates) are kept as they are. Null means absent.
    ///
    /// # Errors
    /// A parameter has a type or an enum value that it cannot have; there is no `type`.
    pub fn from_api_json(object: &Map<String, Json>) -> Result<Rule, FieldError> {
        let fields = Fields::new(object, "");
        let kind_name = fields.required(fields.text("type")?, "type")?;
        let (kind, of_kind) = kind(&fields, kind_name)?;
        Ok(Rule {
            rule_id: fields.owned("rule_id", "")?,
            name: fields.owned("name", "")?,
            description: fields.owned("description", "")?,
            index: fields.texts("index")?.unwrap_or_default(),
            interval: fields.owned("interval", "5m")?,
            from: fields.owned("from", "now-6m")?,
            to: fields.owned("to", "now")?,
            max_signals: fields.integer("max_signals")?.unwrap_or(100),
            timestamp_override: fields.text("timestamp_override")?.map(str::to_owned),
            timestamp_override_fallback_disabled: fields
                .truth("timestamp_override_fallback_disabled")?
                .unwrap_or(false),
            exceptions: exceptions::from_rule(object)?,
            expiring_exceptions: Vec::new(),
            alert_suppression: suppression(&fields)?,
            severity: fields.choice("severity", &SEVERITIES)?.unwrap_or(Severity::Low),
            risk_score: fields.number("risk_score")?.unwrap_or(21.0),
            kind,
            setup: fields.owned("setup", "")?,
            other: object
                .iter()
                .filter(|(key, value)| {
                    !value.is_null() && !COMMON.contains(&key.as_str()) && !of_kind.contains(&key.as_str())
                })
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
        })
    }

    /// The parameters under their API names, defaults written out. [`from_api_json`](Rule::from_api_json) reads it back to
    /// an equal rule, except for exceptions that came from lists.
    #[must_use]
    pub fn to_api_json(&self) -> Map<String, Json> {
        let mut object = self.other.clone();
        let mut set = |name: &str, value: Json| {
            object.insert(name.to_owned(), value);
        };
        set("rule_id", Json::from(self.rule_id.as_str()));
        set("name", Json::from(self.name.as_str()));
        set("description", Json::from(self.description.as_str()));
        set("index", Json::from(self.index.clone()));
        set("interval", Json::from(self.interval.as_str()));
        set("from", Json::from(self.from.as_str()));
        set("to", Json::from(self.to.as_str()));
        set("max_signals", Json::from(self.max_signals));
        set("severity", Json::from(self.severity.name()));
        set("risk_score", number(self.risk_score));
        set("setup", Json::from(self.setup.as_str()));
        if let Some(field) = &self.timestamp_override {
            set("timestamp_override", Json::from(field.as_str()));
        }
        if self.timestamp_override_fallback_disabled {
            set("timestamp_override_fallback_disabled", Json::from(true));
        }
        if let Some(suppression) = &self.alert_suppression {
            set("alert_suppression", suppression.to_api_json());
        }
        set("type", Json::from(self.kind.name()));
        if let Some(query) = self.kind.query() {
            set("query", Json::from(query.text.as_str()));
            set("language", Json::from(query.language.name()));
        }
        match &self.kind {
            RuleKind::NewTerms(rule) => {
                set("new_terms_fields", Json::from(rule.fields.clone()));
                set("history_window_start", Json::from(rule.history_window_start.as_str()));
            }
            RuleKind::Threshold(rule) => {
                let cardinality: Vec<Json> = rule
                    .cardinality
                    .iter()
                    .map(|(field, value)| serde_json::json!({"field": field, "value": value}))
                    .collect();
                set(
                    "threshold",
                    serde_json::json!({"field": rule.fields, "value": rule.value, "cardinality": cardinality}),
                );
            }
            RuleKind::Query(_) | RuleKind::Unsupported(_) => {}
        }
        object
    }
}

impl AlertSuppression {
    fn to_api_json(&self) -> Json {
        let mut object = Map::new();
        if !self.group_by.is_empty() {
            object.insert("group_by".to_owned(), Json::from(self.group_by.clone()));
        }
        if let Some((value, unit)) = &self.duration {
            object.insert("duration".to_owned(), serde_json::json!({"value": value, "unit": unit}));
        }
        let strategy = MISSING.iter().find(|(_, value)| *value == self.missing_fields).map(|(name, _)| *name);
        object.insert("missing_fields_strategy".to_owned(), Json::from(strategy));
        Json::Object(object)
    }
}

/// Parameters that every kind has and that [`Rule`] names.
const COMMON: [&str; 16] = [
    "rule_id",
    "name",
    "description",
    "index",
    "interval",
    "from",
    "to",
    "max_signals",
    "timestamp_override",
    "timestamp_override_fallback_disabled",
    "exceptions",
    "alert_suppression",
    "severity",
    "risk_score",
    "setup",
    "type",
];

const SEVERITIES: [(&str, Severity); 4] =
    [("low", Severity::Low), ("medium", Severity::Medium), ("high", Severity::High), ("critical", Severity::Critical)];

const LANGUAGES: [(&str, Language); 2] = [("kuery", Language::Kuery), ("lucene", Language::Lucene)];

const MISSING: [(&str, MissingFields); 2] =
    [("suppress", MissingFields::Suppress), ("doNotSuppress", MissingFields::DoNotSuppress)];

impl Severity {
    /// `low`, `medium`, `high`, `critical`.
    #[must_use]
    pub fn name(self) -> &'static str {
        name_of(&SEVERITIES, self)
    }
}

impl Language {
    /// `kuery`, `lucene`.
    #[must_use]
    pub fn name(self) -> &'static str {
        name_of(&LANGUAGES, self)
    }
}

fn name_of<T: Copy + PartialEq>(names: &[(&'static str, T)], value: T) -> &'static str {
    names.iter().find(|(_, named)| *named == value).map_or("", |(name, _)| name)
}

/// The kind of a rule, and which parameters belong to it alone.
fn kind(fields: &Fields<'_>, name: &str) -> Result<(RuleKind, &'static [&'static str]), FieldError> {
    Ok(match name {
        "new_terms" => {
            let rule = NewTerms {
                query: query(fields)?,
                fields: fields.texts("new_terms_fields")?.unwrap_or_default(),
                history_window_start: fields.owned("history_window_start", "")?,
            };
            (RuleKind::NewTerms(rule), &["query", "language", "new_terms_fields", "history_window_start"])
        }
        "query" => (RuleKind::Query(query(fields)?), &["query", "language"]),
        "threshold" => (RuleKind::Threshold(threshold(fields)?), &["query", "language", "threshold"]),
        other => (RuleKind::Unsupported(other.to_owned()), &[]),
    })
}

fn query(fields: &Fields<'_>) -> Result<Query, FieldError> {
    Ok(Query {
        text: fields.owned("query", "*")?,
        language: fields.choice("language", &LANGUAGES)?.unwrap_or(Language::Kuery),
    })
}

fn threshold(fields: &Fields<'_>) -> Result<Threshold, FieldError> {
    let Some(threshold) = fields.table("threshold")? else {
        return Err(FieldError::new("threshold", "a threshold rule needs 'threshold' with 'field' and 'value'"));
    };
    // Old exports hold one name as text, and none as empty text.
    let names = match threshold.object.get("field") {
        Some(Json::String(name)) if name.is_empty() => Vec::new(),
        Some(Json::String(name)) => vec![name.clone()],
        _ => threshold.texts("field")?.unwrap_or_default(),
    };
    let value = threshold.required(threshold.count("value")?, "value")?;
    let cardinality = match threshold.object.get("cardinality") {
        None | Some(Json::Null) => None,
        Some(Json::Array(items)) if items.is_empty() => None,
        Some(Json::Array(items)) if items.len() == 1 => Some(("threshold.cardinality.0", &items[0])),
        Some(Json::Array(items)) => {
            let message = format!("expected at most one entry, got {}", items.len());
            return Err(FieldError::new("threshold.cardinality", message));
        }
        Some(one) => Some(("threshold.cardinality", one)),
    };
    let cardinality = match cardinality {
        None => None,
        Some((path, Json::Object(object))) => {
            let entry = Fields::new(object, path);
            let field = entry.required(entry.text("field")?, "field")?.to_owned();
            Some((field, entry.required(entry.count("value")?, "value")?))
        }
        Some((path, other)) => return Err(FieldError::expected(path, "a table with 'field' and 'value'", other)),
    };
    Ok(Threshold { query: query(fields)?, fields: names, value, cardinality })
}

fn suppression(fields: &Fields<'_>) -> Result<Option<AlertSuppression>, FieldError> {
    let Some(suppression) = fields.table("alert_suppression")? else { return Ok(None) };
    let duration = match suppression.table("duration")? {
        None => None,
        Some(duration) => {
            let value = duration.required(duration.integer("value")?, "value")?;
            Some((value, duration.required(duration.text("unit")?, "unit")?.to_owned()))
        }
    };
    Ok(Some(AlertSuppression {
        group_by: suppression.texts("group_by")?.unwrap_or_default(),
        duration,
        missing_fields: suppression.choice("missing_fields_strategy", &MISSING)?.unwrap_or_default(),
    }))
}

/// A whole number without `.0`, as rules write it.
pub(crate) fn number(value: f64) -> Json {
    #[expect(clippy::cast_possible_truncation, reason = "checked to be whole and small")]
    if value.fract() == 0.0 && value.abs() < 1e9 { Json::from(value as i64) } else { Json::from(value) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(json: Json) -> Result<Rule, FieldError> {
        Rule::from_api_json(json.as_object().expect("an object"))
    }

    #[test]
    fn what_is_absent_has_the_engines_defaults() {
        let rule =
            read(json!({"type": "new_terms", "new_terms_fields": ["host.id"], "history_window_start": "now-7d"}))
                .expect("valid");
        assert_eq!((rule.from.as_str(), rule.to.as_str(), rule.interval.as_str()), ("now-6m", "now", "5m"));
        assert_eq!((rule.max_signals, rule.timestamp_override_fallback_disabled), (100, false));
        let RuleKind::NewTerms(new_terms) = &rule.kind else { panic!("{:?}", rule.kind) };
        assert_eq!((new_terms.query.text.as_str(), new_terms.query.language), ("*", Language::Kuery));
        assert_eq!(rule.other, Map::new());
    }

    #[test]
    fn what_the_engine_refuses_later_is_kept() {
        let rule = read(json!({
            "type": "new_terms", "new_terms_fields": [], "history_window_start": "", "max_signals": 0,
            "alert_suppression": {"group_by": [], "duration": {"value": -1, "unit": "d"}},
        }))
        .expect("readable");
        assert_eq!(rule.max_signals, 0);
        assert_eq!(rule.alert_suppression.expect("there").duration, Some((-1, "d".to_owned())));
    }

    #[test]
    fn an_unknown_type_loads_as_unsupported_and_keeps_its_parameters() {
        let rule = read(json!({"type": "eql", "query": "any where true", "language": "eql"})).expect("loads");
        assert_eq!(rule.kind, RuleKind::Unsupported("eql".to_owned()));
        assert_eq!(rule.other["query"], json!("any where true"));
    }

    #[test]
    fn wrong_types_and_values_name_field_expectation_and_the_nearest_value() {
        for (json, field, part) in [
            (json!({"name": 1}), "type", "missing"),
            (json!({"type": "query", "severity": "Medium"}), "severity", "did you mean 'medium'?"),
            (json!({"type": "query", "language": "kurey"}), "language", "did you mean 'kuery'?"),
            (json!({"type": "query", "risk_score": "high"}), "risk_score", "expected a number, got \"high\""),
            (json!({"type": "query", "max_signals": 1.5}), "max_signals", "expected a whole number, got 1.5"),
            (json!({"type": "query", "index": "auditbeat-*"}), "index", "expected a list of texts"),
            (json!({"type": "query", "index": ["a", 7]}), "index.1", "expected text, got 7"),
            (json!({"type": "threshold"}), "threshold", "needs 'threshold'"),
            (json!({"type": "threshold", "threshold": {"field": []}}), "threshold.value", "missing"),
            (json!({"type": "threshold", "threshold": {"value": -1}}), "threshold.value", "got -1"),
            (
                json!({"type": "threshold", "threshold": {"value": 1, "cardinality": [{"field": "a"}]}}),
                "threshold.cardinality.0.value",
                "missing",
            ),
            (
                json!({"type": "query", "alert_suppression": {"missing_fields_strategy": "doNotSupress"}}),
                "alert_suppression.missing_fields_strategy",
                "did you mean 'doNotSuppress'?",
            ),
            (
                json!({"type": "query", "alert_suppression": {"duration": {"value": 5}}}),
                "alert_suppression.duration.unit",
                "missing",
            ),
        ] {
            let error = read(json.clone()).expect_err("wrong");
            assert_eq!(error.field, field, "{error}");
            assert!(error.message.contains(part), "{error}");
        }
    }

    #[test]
    fn thresholds_of_all_ages_are_read() {
        for (field, fields) in
            [(json!("host.id"), vec!["host.id"]), (json!(""), vec![]), (json!(["a", "b"]), vec!["a", "b"])]
        {
            let rule = read(json!({"type": "threshold", "threshold": {"field": field, "value": 3}})).expect("valid");
            let RuleKind::Threshold(threshold) = rule.kind else { panic!("{:?}", rule.kind) };
            assert_eq!((threshold.fields, threshold.value), (fields.iter().map(|f| (*f).to_owned()).collect(), 3));
        }
    }

    #[test]
    fn writing_and_reading_back_gives_the_same_rule() {
        for json in [
            json!({
                "type": "new_terms", "name": "n", "new_terms_fields": ["a", "b"], "history_window_start": "now-7d",
                "query": "a:b", "timestamp_override": "event.ingested", "risk_score": 47, "tags": ["t"], "threat": [{}],
                "alert_suppression": {"group_by": ["a"], "duration": {"value": 5, "unit": "m"},
                    "missing_fields_strategy": "doNotSuppress"},
                "timestamp_override_fallback_disabled": true,
            }),
            json!({"type": "query", "query": "a:*", "language": "lucene", "risk_score": 1.5}),
            json!({"type": "threshold", "threshold":
                {"field": ["a"], "value": 2, "cardinality": [{"field": "b", "value": 1}]}}),
            json!({"type": "esql", "query": "from x", "language": "esql"}),
        ] {
            let rule = read(json).expect("valid");
            assert_eq!(Rule::from_api_json(&rule.to_api_json()), Ok(rule));
        }
    }
}
