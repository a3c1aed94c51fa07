//! A rule made ready: checked, its query compiled, every field that it reads resolved.

use serde_json::Value as Json;

use crate::ecs::{FieldType, IndexValue, Layout, Mappings, Row, RowError, Slot};
use crate::kql::{self, ClauseResult, Expr, ExprKind, Literal, Predicate, Values};
use crate::rule::{AlertSuppression, Query, Rule, RuleKind};
use crate::time::Millis;

use super::document::Document;
use super::error::EngineError;
use super::exceptions::Exceptions;
use super::indices::IndexPatterns;
use super::schedule::Schedule;

/// A rule and everything that is derived from it and the mappings of its indices.
#[derive(Clone, Debug)]
pub(super) struct Compiled {
    pub(super) rule: Rule,
    pub(super) schedule: Schedule,
    /// Names of the term fields, in order.
    pub(super) fields: Vec<String>,
    /// Whether the meaning of the query depends on the moment of the execution.
    pub(super) depends_on_now: bool,
    /// Whether the only term field is a boolean, which fails the run as soon as a value is new.
    pub(super) boolean_alone: bool,
    /// Why exception items are not applied.
    pub(super) exceptions_not_applied: Vec<String>,
    /// Time fields that are not mapped.
    pub(super) unmapped_time_fields: Vec<String>,
    indices: IndexPatterns,
    layout: Layout,
    /// Query and filters, as written.
    expr: Expr,
    query: Predicate,
    exceptions: Exceptions,
    time: TimeFields,
    /// `None`: one of the fields holds no values in any document.
    term_slots: Option<Vec<Slot>>,
    /// What is read only of documents that become alerts.
    pub(super) details: Details,
}

/// Where the document time stands.
#[derive(Clone, Copy, Debug)]
struct TimeFields {
    override_slot: Option<Slot>,
    fallback: Option<Slot>,
}

/// Whether a rule has one field or several: they are searched differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fields {
    One,
    Several,
}

/// The fields that an alert needs of its document.
#[derive(Clone, Debug)]
pub(super) struct Details {
    pub(super) layout: Layout,
    /// `@timestamp`
    pub(super) original_time: Option<Slot>,
    /// `timestamp_override`
    pub(super) time_override: Option<Slot>,
    /// `threshold.cardinality.field`
    pub(super) cardinality: Option<Slot>,
    /// `alert_suppression.group_by`
    pub(super) group_by: Vec<(String, Option<Slot>)>,
}

/// What one document is to a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Examined {
    /// The rule does not read its index.
    OtherIndex,
    /// The query does not match.
    NoMatch,
    /// The exception item with this position removes it.
    Excepted(usize),
    /// It has no document time.
    NoTime,
    /// It belongs to the population; this is its document time.
    Member(Millis),
}

const TIMESTAMP: &str = "@timestamp";

impl Compiled {
    /// Checks and compiles; `now` is what `now` in the query means.
    ///
    /// # Errors
    /// Everything that is refused whatever the documents are, but the order of history and window: that depends on the
    /// present moment ([`Schedule::check`]).
    pub(super) fn of(rule: &Rule, mappings: &Mappings, now: Millis) -> Result<Compiled, EngineError> {
        let (query, fields) = match &rule.kind {
            RuleKind::NewTerms(new_terms) => (&new_terms.query, new_terms.fields.as_slice()),
            RuleKind::Query(query) => (query, [].as_slice()),
            RuleKind::Threshold(threshold) => (&threshold.query, threshold.fields.as_slice()),
            RuleKind::Unsupported(kind) => return Err(EngineError::Unsupported { kind: kind.clone() }),
        };
        check_parameters(rule)?;
        let schedule = Schedule::of(rule)?;
        let mut layout = Layout::new();
        let filters =
            rule.filters().map_err(|error| EngineError::QueryFailed { what: error.field, reason: error.message })?;
        let (expr, predicate) = compile_query(query, filters, mappings, &mut layout, now)?;
        let exceptions = Exceptions::compile(rule.exceptions_at(now), mappings, &mut layout, now)?;
        let term_slots = term_slots(fields, mappings, &mut layout)?;
        let own = rule.timestamp_override.as_deref().filter(|field| *field != TIMESTAMP);
        let falls_back = own.is_none() || !rule.timestamp_override_fallback_disabled;
        let time = TimeFields {
            override_slot: own.and_then(|field| layout.slot(mappings, field)),
            fallback: if falls_back { layout.slot(mappings, TIMESTAMP) } else { None },
        };
        let mut exception_values = rule.exceptions.iter().flatten().filter_map(|entry| entry.value.as_ref());
        let changes = names_now(&expr) || exception_values.any(json_names_now) || !rule.expiring_exceptions.is_empty();
        let is_mapped = |field: &str| mappings.resolve(field).is_some();
        let time_fields = own.into_iter().chain(falls_back.then_some(TIMESTAMP));
        let single = |slots: &Vec<Slot>| slots.len() == 1 && layout.field_type(slots[0]) == FieldType::Boolean;
        Ok(Compiled {
            schedule,
            fields: fields.to_vec(),
            depends_on_now: changes,
            boolean_alone: matches!(rule.kind, RuleKind::NewTerms(_)) && term_slots.as_ref().is_some_and(single),
            exceptions_not_applied: exceptions.not_applied.clone(),
            unmapped_time_fields: time_fields.filter(|field| !is_mapped(field)).map(str::to_owned).collect(),
            indices: IndexPatterns::new(&rule.index),
            layout,
            expr,
            query: predicate,
            exceptions,
            time,
            term_slots,
            details: Details::of(rule, mappings),
            rule: rule.clone(),
        })
    }

    /// Reads a document into `row` and says what it is to the rule.
    pub(super) fn examine(&self, row: &mut Row, document: &Document<'_>) -> Result<Examined, RowError> {
        row.load(&self.layout, document.source)?;
        if document.index.as_deref().is_some_and(|index| !self.indices.read(index)) {
            return Ok(Examined::OtherIndex);
        }
        if !self.query.matches(row) {
            return Ok(Examined::NoMatch);
        }
        if let Some(item) = self.exceptions.removed_by(row) {
            return Ok(Examined::Excepted(item));
        }
        Ok(self.time(row).map_or(Examined::NoTime, Examined::Member))
    }

    /// How a document met each clause of the query and the filters.
    pub(super) fn clauses(&self, row: &mut Row, document: &Document<'_>) -> Result<Vec<ClauseResult>, RowError> {
        row.load(&self.layout, document.source)?;
        Ok(self.query.explain(&self.expr, &self.layout, row))
    }

    /// Where the values of the term fields stand; `None`: no document has terms.
    pub(super) fn term_slots(&self) -> Option<&[Slot]> {
        self.term_slots.as_deref()
    }

    /// Whether the rule has one term field or several.
    pub(super) fn term_fields(&self) -> Fields {
        if self.fields.len() == 1 { Fields::One } else { Fields::Several }
    }

    /// Document time: the override if the rule has one and the document too, else `@timestamp` unless that is disabled. Of
    /// several values the earliest counts.
    fn time(&self, row: &Row) -> Option<Millis> {
        let earliest = |slot: Slot| row.values(slot).filter_map(date).min();
        self.time.override_slot.and_then(earliest).or_else(|| self.time.fallback.and_then(earliest))
    }
}

impl Details {
    fn of(rule: &Rule, mappings: &Mappings) -> Details {
        let mut layout = Layout::new();
        let original_time = layout.slot(mappings, TIMESTAMP);
        let suppression = rule.alert_suppression.iter();
        let group_by = suppression
            .flat_map(|AlertSuppression { group_by, .. }| group_by)
            .map(|field| (field.clone(), layout.slot(mappings, field)))
            .collect();
        let time_override = rule.timestamp_override.as_deref().and_then(|field| layout.slot(mappings, field));
        let cardinality = match &rule.kind {
            RuleKind::Threshold(threshold) => threshold.cardinality.as_ref(),
            _ => None,
        };
        let cardinality = cardinality.and_then(|(field, _)| layout.slot(mappings, field));
        Details { layout, original_time, time_override, cardinality, group_by }
    }
}

pub(super) fn date(value: IndexValue<'_>) -> Option<Millis> {
    match value {
        IndexValue::Date(time) => Some(time),
        _ => None,
    }
}

fn check_parameters(rule: &Rule) -> Result<(), EngineError> {
    if let RuleKind::NewTerms(new_terms) = &rule.kind {
        let count = new_terms.fields.len();
        if !(1..=3).contains(&count) {
            return Err(EngineError::NewTermsFieldsCount { count });
        }
    }
    if rule.max_signals < 1 {
        return Err(EngineError::MaxSignalsTooSmall { value: rule.max_signals });
    }
    let Some(suppression) = &rule.alert_suppression else { return Ok(()) };
    let count = suppression.group_by.len();
    if !(1..=3).contains(&count) && !matches!(rule.kind, RuleKind::Threshold(_)) {
        return Err(EngineError::SuppressionGroupByCount { count });
    }
    match &suppression.duration {
        Some((value, unit)) if *value < 1 || !["s", "m", "h"].contains(&unit.as_str()) => {
            Err(EngineError::SuppressionDuration { value: *value, unit: unit.clone() })
        }
        _ => Ok(()),
    }
}

/// The query and the filters, both of which must hold.
fn compile_query(
    query: &Query,
    filters: Option<Expr>,
    mappings: &Mappings,
    layout: &mut Layout,
    now: Millis,
) -> Result<(Expr, Predicate), EngineError> {
    let failed =
        |error: kql::KqlError| EngineError::QueryFailed { what: "query".to_owned(), reason: error.render(&query.text) };
    let expr = query.parse().map_err(failed)?;
    let predicate = kql::compile(&expr, mappings, layout, now).map_err(failed)?;
    let Some(filters) = filters else { return Ok((expr, predicate)) };
    let span = expr.span;
    let both = Expr { kind: ExprKind::And(vec![expr, filters]), span };
    // The query alone compiled, so an error is about the filters.
    let predicate = kql::compile(&both, mappings, layout, now)
        .map_err(|error| EngineError::QueryFailed { what: "filters".to_owned(), reason: error.to_string() })?;
    Ok((both, predicate))
}

/// The slots of the term fields, or `None` if one of them holds no values: it is not mapped, or lies under a nested root.
fn term_slots(fields: &[String], mappings: &Mappings, layout: &mut Layout) -> Result<Option<Vec<Slot>>, EngineError> {
    let mut slots = Some(Vec::new());
    for field in fields {
        let slot = layout.slot(mappings, field);
        if slot.is_some_and(|slot| layout.field_type(slot).is_text()) {
            return Err(EngineError::QueryFailed {
                what: format!("term field '{field}'"),
                reason: "it is mapped as text, which cannot be aggregated; use a keyword field".to_owned(),
            });
        }
        slots = slots.zip(slot).map(|(mut slots, slot)| {
            slots.push(slot);
            slots
        });
    }
    Ok(slots)
}

/// Whether a value of the query may be date math on `now`.
fn names_now(expr: &Expr) -> bool {
    let is_now = |literal: &Literal| is_now(&literal.value.text());
    fn any(values: &Values, is_now: &impl Fn(&Literal) -> bool) -> bool {
        match values {
            Values::Or(parts) | Values::And(parts) => parts.iter().any(|part| any(part, is_now)),
            Values::Not(inner) => any(inner, is_now),
            Values::One(literal) => is_now(literal),
        }
    }
    match &expr.kind {
        ExprKind::Everything => false,
        ExprKind::Or(parts) | ExprKind::And(parts) => parts.iter().any(names_now),
        ExprKind::Not(inner) | ExprKind::Nested(_, inner) => names_now(inner),
        ExprKind::Range(_, _, literal) | ExprKind::Value(literal) => is_now(literal),
        ExprKind::Between(_, (_, low), (_, high)) => is_now(low) || is_now(high),
        ExprKind::Field(_, values) => any(values, &is_now),
    }
}

/// The same for a value of an exception.
fn json_names_now(value: &Json) -> bool {
    match value {
        Json::String(text) => is_now(text),
        Json::Array(values) => values.iter().any(json_names_now),
        Json::Object(members) => members.values().any(json_names_now),
        _ => false,
    }
}

/// `now` alone or with date math behind it. A text field may hold such words too: that costs time, never correctness.
fn is_now(text: &str) -> bool {
    text.strip_prefix("now").is_some_and(|rest| rest.is_empty() || rest.starts_with(['+', '-', '/', '|']))
}
