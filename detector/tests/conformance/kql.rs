//! `kql/*.json`: one query against a few documents, or one query that is refused.

use std::path::Path;

use firstseen_detector::ecs::{Layout, Mappings, Row};
use firstseen_detector::kql::{self, KqlErrorKind};
use firstseen_detector::time::Millis;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::{CaseResult, files, fix_constants};

/// One case, as README.md describes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    feature: String,
    #[serde(rename = "source")]
    _source: Option<String>,
    #[serde(rename = "note")]
    _note: Option<String>,
    #[serde(rename = "basis")]
    _basis: String,
    query: String,
    now: Option<Millis>,
    #[serde(default)]
    mappings: Map<String, Value>,
    #[serde(default)]
    documents: Vec<Document>,
    matches: Option<Vec<String>>,
    error: Option<bool>,
    error_kind: Option<ErrorKind>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(rename = "_id")]
    id: String,
    /// As it is written: a keyword keeps the text of a number.
    #[serde(rename = "_source")]
    source: Box<RawValue>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum ErrorKind {
    Syntax,
    Execution,
}

/// What a query comes to; ids are sorted.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Matches(Vec<String>),
    Refused(ErrorKind),
}

pub(super) fn run(folder: &Path) -> Vec<CaseResult> {
    files(&folder.join("kql"), ".json").iter().map(|file| run_file(file)).collect()
}

fn run_file(file: &Path) -> CaseResult {
    let read = std::fs::read_to_string(file).map_err(|error| error.to_string());
    let case: Result<Case, String> =
        read.and_then(|text| serde_json::from_str(&text).map_err(|error| error.to_string()));
    match case {
        Ok(case) => CaseResult::new(&case.name, check(&case)),
        Err(reason) => CaseResult::new(file.file_name().unwrap_or_default().to_string_lossy(), Err(reason)),
    }
}

fn check(case: &Case) -> Result<(), String> {
    if !case.name.starts_with(&format!("{}/", case.feature)) {
        return Err(format!("the name does not start with the feature '{}'", case.feature));
    }
    let expected = match (&case.matches, case.error, case.error_kind) {
        (Some(matches), None, None) => Outcome::Matches(sorted(matches.clone())),
        (None, Some(true), Some(kind)) => Outcome::Refused(kind),
        _ => return Err("a case has either matches, or error: true and error_kind".to_owned()),
    };
    let (got, message) = outcome(case)?;
    if got == expected { Ok(()) } else { Err(format!("expected {expected:?}, got {got:?}{message}")) }
}

/// What the query comes to, and the message if it was refused.
fn outcome(case: &Case) -> Result<(Outcome, String), String> {
    let refused = |error: kql::KqlError| {
        let kind = match error.kind {
            KqlErrorKind::Syntax => ErrorKind::Syntax,
            KqlErrorKind::Execution => ErrorKind::Execution,
        };
        Ok((Outcome::Refused(kind), format!(" ({error})")))
    };
    let expr = match kql::parse(&case.query) {
        Ok(expr) => expr,
        Err(error) => return refused(error),
    };
    let again = kql::parse(&expr.to_string()).map_err(|error| format!("printed as '{expr}': {error}"))?;
    if again != expr {
        return Err(format!("printed as '{expr}', which reads back as another tree"));
    }
    let mappings = mappings(case)?;
    let mut layout = Layout::new();
    let predicate = match kql::compile(&expr, &mappings, &mut layout, case.now.unwrap_or_default()) {
        Ok(predicate) => predicate,
        Err(error) => return refused(error),
    };
    let mut row = Row::new();
    let mut matches = Vec::new();
    for document in &case.documents {
        row.load(&layout, document.source.get().as_bytes()).map_err(|error| error.to_string())?;
        if predicate.matches(&row) {
            matches.push(document.id.clone());
        }
    }
    Ok((Outcome::Matches(sorted(matches)), String::new()))
}

/// The mappings of a case; the first document that has a `constant_keyword` decides what it is, as in an index.
fn mappings(case: &Case) -> Result<Mappings, String> {
    let mut mappings = Mappings::from_json(&case.mappings).map_err(|error| error.to_string())?;
    fix_constants(&mut mappings, case.documents.iter().map(|document| document.source.get().as_bytes()));
    Ok(mappings)
}

fn sorted(mut ids: Vec<String>) -> Vec<String> {
    ids.sort();
    ids
}
