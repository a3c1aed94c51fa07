//! What a rule says. Names follow the detection engine's API, in snake case.

use serde_json::{Map, Value as Json};

use crate::kql::{self, Expr, KqlError};
use crate::lucene;
use crate::time::Millis;

/// One detection rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// `rule_id`: the stable signature id of a rule, as published.
    pub rule_id: String,
    /// Name for people.
    pub name: String,
    /// Description for people.
    pub description: String,
    /// `index`: patterns of the indices that it reads (`auditbeat-*`); empty: all.
    pub index: Vec<String>,
    /// `interval`: `5m`.
    pub interval: String,
    /// `from`: date math, start of the window of a run.
    pub from: String,
    /// `to`: date math, end of the window of a run.
    pub to: String,
    /// `max_signals`: alert budget of one window, as written: values below 1 are the engine's to refuse.
    pub max_signals: i64,
    /// `timestamp_override`.
    pub timestamp_override: Option<String>,
    /// `timestamp_override_fallback_disabled`.
    pub timestamp_override_fallback_disabled: bool,
    /// Exceptions (section b.11 of the reference): a document that meets all entries of one item is no part of the rule.
    pub exceptions: Vec<Vec<Exception>>,
    /// Exceptions that end: each holds for executions that start before its instant ([`Rule::exceptions_at`]).
    pub expiring_exceptions: Vec<(Millis, Vec<Exception>)>,
    /// Alert suppression, if any.
    pub alert_suppression: Option<AlertSuppression>,
    /// `severity`.
    pub severity: Severity,
    /// `risk_score`, 0 to 100.
    pub risk_score: f64,
    /// What kind of rule it is, with the parameters of that kind.
    pub kind: RuleKind,
    /// `setup`: Markdown; audit rules and environment names that the rule needs are read from it.
    pub setup: String,
    /// Every other parameter, as it was written (`tags`, `threat`, `references`, `note`, ...): copied into alerts.
    pub other: Map<String, Json>,
}

impl Rule {
    /// Id of the rule *object*: `id` where the export carries one; published files do not, and `rule_id` stands in for it.
    /// Alert ids depend on it.
    #[must_use]
    pub fn object_id(&self) -> &str {
        self.other.get("id").and_then(Json::as_str).unwrap_or(&self.rule_id)
    }

    /// The exception items that hold for an execution that starts at `now`: expired ones are skipped.
    pub fn exceptions_at(&self, now: Millis) -> impl Iterator<Item = &[Exception]> {
        let lasting = self.exceptions.iter();
        let unexpired =
            self.expiring_exceptions.iter().filter(move |(expires, _)| now < *expires).map(|(_, item)| item);
        lasting.chain(unexpired).map(Vec::as_slice)
    }
}

/// The kinds of rules, and what only that kind has.
#[derive(Clone, Debug, PartialEq)]
pub enum RuleKind {
    /// `new_terms`: alerts on the first sight of a term.
    NewTerms(NewTerms),
    /// `query`: alerts on every match.
    Query(Query),
    /// `threshold`: alerts on a number of matches.
    Threshold(Threshold),
    /// A kind that is not implemented (`eql`, `esql`, ...): loads, and says so when it is run.
    Unsupported(String),
}

impl RuleKind {
    /// The value of `type`.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            RuleKind::NewTerms(_) => "new_terms",
            RuleKind::Query(_) => "query",
            RuleKind::Threshold(_) => "threshold",
            RuleKind::Unsupported(name) => name,
        }
    }

    /// The query, for the kinds that are implemented.
    #[must_use]
    pub fn query(&self) -> Option<&Query> {
        match self {
            RuleKind::NewTerms(NewTerms { query, .. })
            | RuleKind::Query(query)
            | RuleKind::Threshold(Threshold { query, .. }) => Some(query),
            RuleKind::Unsupported(_) => None,
        }
    }
}

/// Query text and its language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// The text.
    pub text: String,
    /// How it is read.
    pub language: Language,
}

impl Query {
    /// The tree of the text. Both languages have the same one.
    ///
    /// # Errors
    /// The text is not of its language; for Lucene also what lies beyond the [subset](crate::lucene) that is read.
    pub fn parse(&self) -> Result<Expr, KqlError> {
        match self.language {
            Language::Kuery => kql::parse(&self.text),
            Language::Lucene => lucene::parse(&self.text),
        }
    }
}

/// Query languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// `kuery`
    Kuery,
    /// `lucene`
    Lucene,
}

/// Parameters of a `new_terms` rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTerms {
    /// The population.
    pub query: Query,
    /// `new_terms_fields`: 1 to 3 names (other counts are the engine's to refuse).
    pub fields: Vec<String>,
    /// `history_window_start`: date math.
    pub history_window_start: String,
}

/// Parameters of a `threshold` rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Threshold {
    /// The population.
    pub query: Query,
    /// `threshold.field`: names, possibly none.
    pub fields: Vec<String>,
    /// `threshold.value`: at least 1.
    pub value: u64,
    /// `threshold.cardinality`: field and least number of distinct values.
    pub cardinality: Option<(String, u64)>,
}

/// `alert_suppression`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertSuppression {
    /// 1 to 3 names (other counts are the engine's to refuse).
    pub group_by: Vec<String>,
    /// Value and unit (`s`, `m`, `h`) as written; none: per execution.
    pub duration: Option<(i64, String)>,
    /// `missing_fields_strategy`.
    pub missing_fields: MissingFields,
}

/// What suppression does with a candidate that lacks a `group_by` field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MissingFields {
    /// `suppress`: missing is a group of its own.
    #[default]
    Suppress,
    /// `doNotSuppress`: an ordinary alert.
    DoNotSuppress,
}

/// One entry of an exception item.
#[derive(Clone, Debug, PartialEq)]
pub struct Exception {
    /// Field name.
    pub field: String,
    /// `included` is true, `excluded` false.
    pub included: bool,
    /// `type`: `match`, `match_any`, `exists`, `wildcard`, `list`, `nested`.
    pub kind: String,
    /// `value` as written: text, list of texts, or absent. For `nested` the `entries`, for `list` the `list`.
    pub value: Option<Json>,
}

/// `severity`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// `low`
    Low,
    /// `medium`
    Medium,
    /// `high`
    High,
    /// `critical`
    Critical,
}
