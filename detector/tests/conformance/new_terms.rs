//! Runs of a `new_terms` rule: `new_terms/*.json`, documents, executions and the alerts that must be there afterwards.

use std::path::Path;

use firstseen_detector::ecs::Mappings;
use firstseen_detector::engine::{
    Alert, Document, EngineError, ExecutionKind, ExecutionReport, Keep, RuleRunner, Suppression, Warning, WindowReport,
};
use firstseen_detector::rule::Rule;
use firstseen_detector::time::Millis;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::{CaseResult, files, fix_constants};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[expect(dead_code, reason = "for people")]
    feature: String,
    #[expect(dead_code, reason = "for people")]
    source: Option<String>,
    #[expect(dead_code, reason = "for people")]
    note: Option<String>,
    #[expect(dead_code, reason = "for people")]
    rebuilt: Option<bool>,
    #[expect(dead_code, reason = "this engine handles candidates in the documented order, so no tag is left out")]
    #[serde(default)]
    tags: Vec<String>,
    mappings: Map<String, Value>,
    documents: Vec<Indexed>,
    rule: Map<String, Value>,
    executions: Vec<ExecutionAt>,
    expect: Expect,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Indexed {
    #[serde(rename = "_id")]
    id: String,
    #[serde(rename = "_index", default = "default_index")]
    index: String,
    #[serde(rename = "_visible_from")]
    visible_from: Option<Millis>,
    #[serde(rename = "_source")]
    source: Box<RawValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExecutionAt {
    at: Millis,
    #[serde(default)]
    manual: bool,
    #[serde(default)]
    rule_override: Map<String, Value>,
    #[serde(default)]
    close_alerts_after: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    error: Option<String>,
    alert_counts: Option<Vec<usize>>,
    alerts: Option<Vec<ExpectedAlert>>,
    #[serde(default)]
    alerts_partial: bool,
    warnings: Option<Vec<Vec<String>>>,
    #[serde(default)]
    schedule: Vec<ExpectedSchedule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectedAlert {
    execution: usize,
    new_terms: Vec<Value>,
    document_id: Option<String>,
    document_id_any_of: Option<Vec<String>>,
    original_time: Option<Millis>,
    /// Outer: whether it is checked; inner: null means that there must be none.
    #[serde(default, deserialize_with = "present")]
    suppression: Option<Option<ExpectedSuppression>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectedSuppression {
    terms: Option<Value>,
    start: Option<Millis>,
    end: Option<Millis>,
    docs_count: Option<u64>,
    last_detected: Option<Millis>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectedSchedule {
    execution: usize,
    windows: Option<Vec<ExpectedWindow>>,
    remaining_gap_ms: Option<i64>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct ExpectedWindow {
    from: Millis,
    to: Millis,
}

fn default_index() -> String {
    "events".to_owned()
}

fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

pub(crate) fn run(folder: &Path) -> Vec<CaseResult> {
    let run = |path: &std::path::PathBuf| {
        let text = std::fs::read_to_string(path).map_err(|error| error.to_string());
        match text.and_then(|text| serde_json::from_str::<Case>(&text).map_err(|error| error.to_string())) {
            Err(error) => CaseResult::new(path.display().to_string(), Err(error)),
            Ok(case) => CaseResult::new(&case.name, check(&case)),
        }
    };
    files(&folder.join("new_terms"), ".json").iter().map(run).collect()
}

fn check(case: &Case) -> Result<(), String> {
    match (execute(case), &case.expect.error) {
        (Err(Failure::Case(reason)), _) => Err(reason),
        (Err(Failure::Engine(error)), Some(code)) if error.code() == code => Ok(()),
        (Err(Failure::Engine(error)), Some(code)) => {
            Err(format!("error: expected {code}, got {}: {error}", error.code()))
        }
        (Err(Failure::Engine(error)), None) => Err(format!("error: expected none, got {}: {error}", error.code())),
        (Ok(_), Some(code)) => Err(format!("error: expected {code}, got none")),
        (Ok((reports, runner)), None) => compare(&case.expect, &reports, runner.alerts()),
    }
}

enum Failure {
    Case(String),
    Engine(EngineError),
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Failure {
        Failure::Engine(error)
    }
}

fn execute(case: &Case) -> Result<(Vec<ExecutionReport>, RuleRunner), Failure> {
    let mut mappings = Mappings::from_json(&case.mappings).map_err(|error| Failure::Case(error.to_string()))?;
    fix_constants(&mut mappings, case.documents.iter().map(|document| document.source.get().as_bytes()));
    let mut parameters = case.rule.clone();
    let mut runner = RuleRunner::new(&rule(&parameters)?, &mappings, Keep::Everything)?;
    let ingested = runner.ingest(case.documents.iter().map(|document| Document {
        index: Some(document.index.as_str().into()),
        id: Some(document.id.as_str().into()),
        visible_from: document.visible_from,
        source: document.source.get().as_bytes(),
    }));
    if let Some(rejected) = ingested.rejected.first() {
        return Err(Failure::Case(format!("document {}: {}", rejected.position, rejected.reason)));
    }
    let mut reports = Vec::new();
    for execution in &case.executions {
        parameters.extend(execution.rule_override.clone());
        runner.change_rule(&rule(&parameters)?)?;
        let kind = if execution.manual { ExecutionKind::Manual } else { ExecutionKind::Scheduled };
        reports.push(runner.execute(execution.at, kind)?);
        if execution.close_alerts_after {
            runner.close_all_alerts();
        }
    }
    Ok((reports, runner))
}

/// The parameters of a case's rule; a name that no rule has is an error, as any unknown key is.
fn rule(parameters: &Map<String, Value>) -> Result<Rule, Failure> {
    let rule = Rule::from_api_json(parameters).map_err(|error| Failure::Case(format!("rule: {error}")))?;
    match rule.other.keys().next() {
        Some(unknown) => Err(Failure::Case(format!("rule: unknown parameter '{unknown}'"))),
        None => Ok(rule),
    }
}

fn compare(expect: &Expect, reports: &[ExecutionReport], alerts: &[Alert]) -> Result<(), String> {
    let counts: Vec<usize> = reports.iter().map(|report| report.created.len()).collect();
    if expect.alert_counts.as_ref().is_some_and(|expected| *expected != counts) {
        return Err(format!("alert_counts: expected {:?}, got {counts:?}; {}", expect.alert_counts, list(alerts)));
    }
    let warnings: Vec<Vec<&str>> = reports.iter().map(warnings).collect();
    if expect.warnings.as_ref().is_some_and(|expected| *expected != warnings) {
        return Err(format!("warnings: expected {:?}, got {warnings:?}", expect.warnings));
    }
    for schedule in &expect.schedule {
        compare_schedule(schedule, reports)?;
    }
    let Some(expected) = &expect.alerts else { return Ok(()) };
    let mut left: Vec<&Alert> = alerts.iter().collect();
    for wanted in expected {
        let found = left.iter().position(|alert| wanted.difference(alert).is_none()).ok_or_else(|| {
            let near = left.iter().find(|alert| wanted.names(alert)).and_then(|alert| wanted.difference(alert));
            let near = near.unwrap_or_else(|| format!("none such; {}", list(alerts)));
            format!("alert {} of execution {}: {near}", json!(wanted.new_terms), wanted.execution)
        })?;
        left.swap_remove(found);
    }
    match left.is_empty() || expect.alerts_partial {
        true => Ok(()),
        false => {
            Err(format!("alerts that are not expected: {}", left.iter().map(|alert| show(alert)).collect::<String>()))
        }
    }
}

fn compare_schedule(expected: &ExpectedSchedule, reports: &[ExecutionReport]) -> Result<(), String> {
    let report = reports.get(expected.execution).ok_or("schedule: no such execution")?;
    let window = |window: &WindowReport| ExpectedWindow { from: window.window.from, to: window.window.to };
    let windows: Vec<ExpectedWindow> = report.windows.iter().map(window).collect();
    if expected.windows.as_ref().is_some_and(|expected| *expected != windows) {
        return Err(format!("windows: expected {:?}, got {windows:?}", expected.windows));
    }
    let remaining = report.lost.map_or(0, |lost| lost.duration());
    match expected.remaining_gap_ms {
        Some(expected) if expected != remaining => {
            Err(format!("remaining_gap_ms: expected {expected}, got {remaining}"))
        }
        _ => Ok(()),
    }
}

/// The codes of an execution's truncated windows.
fn warnings(report: &ExecutionReport) -> Vec<&'static str> {
    report.windows.iter().flat_map(|window| &window.warnings).map(Warning::code).collect()
}

impl ExpectedAlert {
    /// Whether an alert has the terms and the execution that are expected.
    fn names(&self, alert: &Alert) -> bool {
        alert.execution.number == self.execution && all_same(&self.new_terms, &terms(alert))
    }

    fn difference(&self, alert: &Alert) -> Option<String> {
        if !self.names(alert) {
            return Some("other terms".to_owned());
        }
        let any_of = self.document_id_any_of.iter().flatten().chain(&self.document_id);
        let ids: Vec<&String> = any_of.collect();
        if !ids.is_empty() && !ids.iter().any(|id| **id == alert.document.id) {
            return Some(format!("document: expected {ids:?}, got {}", alert.document.id));
        }
        if self.original_time.is_some() && self.original_time != alert.original_time {
            return Some(format!("original_time: expected {:?}, got {:?}", self.original_time, alert.original_time));
        }
        match (&self.suppression, &alert.suppression) {
            (None, _) | (Some(None), None) => None,
            (Some(None), Some(got)) => Some(format!("suppression: expected none, got {got:?}")),
            (Some(Some(_)), None) => Some("suppression: expected, got none".to_owned()),
            (Some(Some(expected)), Some(got)) => expected.difference(alert, got),
        }
    }
}

impl ExpectedSuppression {
    fn difference(&self, alert: &Alert, got: &Suppression) -> Option<String> {
        let terms = got.terms.iter().map(|term| json!({"field": term.field.as_str(), "value": term.values}));
        let got = [
            ("terms", self.terms.clone(), Value::from_iter(terms)),
            ("start", self.start.map(|time| json!(time)), json!(got.start)),
            ("end", self.end.map(|time| json!(time)), json!(got.end)),
            ("docs_count", self.docs_count.map(Value::from), json!(got.docs_count)),
            ("last_detected", self.last_detected.map(|time| json!(time)), json!(alert.last_detected)),
        ];
        let differs =
            got.into_iter().find(|(_, expected, got)| expected.as_ref().is_some_and(|expected| !same(expected, got)));
        differs.map(|(name, expected, got)| format!("suppression {name}: expected {}, got {got}", json!(expected)))
    }
}

/// Whether two JSON values are equal: kinds and all, but a double may be written `1` or `1.0`.
fn same(expected: &Value, got: &Value) -> bool {
    match (expected, got) {
        (Value::Number(expected), Value::Number(got)) if expected.is_f64() != got.is_f64() => {
            expected.as_f64() == got.as_f64()
        }
        (Value::Array(expected), Value::Array(got)) => all_same(expected, got),
        (Value::Object(expected), Value::Object(got)) => {
            let is_same = |(key, value): (&String, &Value)| got.get(key).is_some_and(|got| same(value, got));
            expected.len() == got.len() && expected.iter().all(is_same)
        }
        _ => expected == got,
    }
}

fn all_same(expected: &[Value], got: &[Value]) -> bool {
    expected.len() == got.len() && expected.iter().zip(got).all(|(expected, got)| same(expected, got))
}

fn terms(alert: &Alert) -> Vec<Value> {
    alert.new_terms().iter().map(|term| term.to_json()).collect()
}

fn list(alerts: &[Alert]) -> String {
    format!("alerts:{}", alerts.iter().take(8).map(show).collect::<String>())
}

fn show(alert: &Alert) -> String {
    format!(" [execution {} {} from {}]", alert.execution.number, json!(terms(alert)), alert.document.id)
}
