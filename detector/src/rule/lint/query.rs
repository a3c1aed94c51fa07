//! The query and the fields that the rule names.

use super::finding::{Findings, LintContext, Severity};
use crate::ecs::{FieldType, Layout};
use crate::kql::{self, Expr, ExprKind};
use crate::rule::{Language, Rule, RuleKind};

pub(super) fn check(rule: &Rule, context: &LintContext<'_>, findings: &mut Findings<'_>) {
    if let Some(query) = rule.kind.query() {
        match query.parse() {
            Err(error) => {
                let place = ("query", query.text.as_str(), error.span.start);
                findings.inside(Severity::Error, "query-syntax", place, error.render(&query.text));
            }
            Ok(expr) => {
                if let Err(error) = kql::compile(&expr, &context.mappings, &mut Layout::new(), context.now) {
                    let place = ("query", query.text.as_str(), error.span.start);
                    findings.inside(Severity::Error, "query-refused", place, error.render(&query.text));
                }
                query_fields(&expr, &query.text, context, findings);
                if matches!(rule.kind, RuleKind::NewTerms(_)) {
                    time_limit(&expr, rule, &query.text, findings);
                }
                if query.language == Language::Kuery {
                    free_text(&expr, &query.text, findings);
                }
            }
        }
    }
    named_fields(rule, context, findings);
}

/// Fields of the query that no schema has.
fn query_fields(expr: &Expr, query: &str, context: &LintContext<'_>, findings: &mut Findings<'_>) {
    let mut told: Vec<String> = Vec::new();
    for field in expr.fields() {
        let known = if field.pattern { matches_some(&field.name, context) } else { context.schema.knows(&field.name) };
        if !known && !told.contains(&field.name) {
            let place = ("query", query, field.span.start);
            findings.inside(Severity::Warning, "unknown-field", place, unknown(&field.name, context));
            told.push(field.name);
        }
    }
}

/// Whether a name with stars is the name of any known field.
fn matches_some(pattern: &str, context: &LintContext<'_>) -> bool {
    let pieces: Vec<&str> = pattern.split('*').collect();
    let (Some((first, rest)), Some(last)) = (pieces.split_first(), pieces.last()) else { return false };
    context.schema.fields().any(|(name, _)| {
        let Some(mut tail) = name.strip_prefix(first) else { return false };
        let inner = &rest[..rest.len().saturating_sub(1)];
        let found = inner.iter().all(|piece| match tail.find(piece) {
            Some(at) => {
                tail = &tail[at + piece.len()..];
                true
            }
            None => false,
        });
        found && tail.ends_with(last)
    })
}

fn unknown(name: &str, context: &LintContext<'_>) -> String {
    let hint = context.schema.nearest(name).map_or_else(String::new, |near| format!("; did you mean '{near}'?"));
    format!("no known schema has a field '{name}': where it is not mapped, it matches nothing{hint}")
}

/// Fields that other parameters name.
fn named_fields(rule: &Rule, context: &LintContext<'_>, findings: &mut Findings<'_>) {
    let mut check = |parameter: &str, field: &str| {
        if !context.schema.knows(field) {
            findings.warning("unknown-field", parameter, unknown(field, context));
        }
    };
    match &rule.kind {
        RuleKind::NewTerms(new_terms) => new_terms.fields.iter().for_each(|field| check("new_terms_fields", field)),
        RuleKind::Threshold(threshold) => {
            threshold.fields.iter().for_each(|field| check("threshold.field", field));
            threshold.cardinality.iter().for_each(|(field, _)| check("threshold.cardinality", field));
        }
        RuleKind::Query(_) | RuleKind::Unsupported(_) => {}
    }
    rule.timestamp_override.iter().for_each(|field| check("timestamp_override", field));
    let suppression = rule.alert_suppression.iter().flat_map(|suppression| &suppression.group_by);
    suppression.for_each(|field| check("alert_suppression.group_by", field));
    let expiring = rule.expiring_exceptions.iter().map(|(_, entries)| entries);
    rule.exceptions.iter().chain(expiring).flatten().for_each(|entry| check("exceptions_list", &entry.field));
    if let RuleKind::NewTerms(new_terms) = &rule.kind {
        term_types(&new_terms.fields, context, findings);
    }
}

/// Types that cannot be terms.
fn term_types(fields: &[String], context: &LintContext<'_>, findings: &mut Findings<'_>) {
    for field in fields {
        match context.schema.type_of(field) {
            Some(field_type) if field_type.is_text() => {
                let message = format!("'{field}' is text, which cannot be aggregated: the rule fails in every run");
                findings.error("term-type", "new_terms_fields", message);
            }
            Some(FieldType::Boolean) if fields.len() == 1 => {
                let message = format!(
                    "'{field}' is a boolean: alone it fails the run as soon as a value is new; combine it with a field"
                );
                findings.error("term-type", "new_terms_fields", message);
            }
            Some(FieldType::Nested) => {
                findings.warning("term-type", "new_terms_fields", format!("'{field}' is nested: it yields no terms"));
            }
            _ if context.mappings.nested_root(field).is_some() => {
                let message = format!("'{field}' lies in nested objects: it yields no terms");
                findings.warning("term-type", "new_terms_fields", message);
            }
            _ => {}
        }
    }
}

/// A query that limits the time limits the history as well, and makes known terms new again.
fn time_limit(expr: &Expr, rule: &Rule, query: &str, findings: &mut Findings<'_>) {
    let is_time = |field: &str| field == "@timestamp" || rule.timestamp_override.as_deref() == Some(field);
    walk(expr, &mut |part| {
        if let ExprKind::Range(field, ..) | ExprKind::Between(field, ..) = &part.kind
            && is_time(&field.value.text())
        {
            let message = "the query limits the time of documents, and so the history: a term that is older than the \
                           limit is new again";
            let place = ("query", query, part.span.start);
            findings.inside(Severity::Warning, "query-limits-time", place, message);
        }
    });
}

/// `a: x or y` searches y in every field; hardly ever meant.
fn free_text(expr: &Expr, query: &str, findings: &mut Findings<'_>) {
    walk(expr, &mut |part| {
        if let ExprKind::Value(literal) = &part.kind
            && query.trim() != "*"
        {
            let text = literal.value.text();
            let message = format!(
                "'{text}' has no field and is searched in all of them; for several values write field: (a or b)"
            );
            let place = ("query", query, part.span.start);
            findings.inside(Severity::Warning, "value-without-field", place, message);
        }
    });
}

fn walk(expr: &Expr, visit: &mut impl FnMut(&Expr)) {
    visit(expr);
    match &expr.kind {
        ExprKind::Or(parts) | ExprKind::And(parts) => parts.iter().for_each(|part| walk(part, visit)),
        ExprKind::Not(inner) | ExprKind::Nested(_, inner) => walk(inner, visit),
        ExprKind::Everything
        | ExprKind::Range(..)
        | ExprKind::Between(..)
        | ExprKind::Field(..)
        | ExprKind::Value(_) => {}
    }
}
