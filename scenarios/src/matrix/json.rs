//! The matrix for programs: one JSON object, schema in docs/json.md.

use serde_json::{Value, json};

use super::model::{Configuration, Expected, Matrix, Unseen};
use super::outcome::{Judged, MatrixOutcome};
use crate::report::FORMAT_VERSION;

/// One object; equal evidence gives equal bytes, but for what stands under `run`.
#[must_use]
pub fn json(matrix: &Matrix, outcome: &MatrixOutcome, sensor: &str) -> Value {
    let rules: Vec<Value> = matrix
        .columns
        .iter()
        .map(|column| {
            json!({
                "rule": column.name,
                "rule_id": column.rule.rule_id,
                "name": column.rule.name,
                "control": column.control.id,
            })
        })
        .collect();
    let techniques: Vec<Value> = outcome
        .rows
        .iter()
        .map(|row| {
            let cells: Vec<Value> = matrix
                .columns
                .iter()
                .zip(&row.cells)
                .map(|(column, cell)| {
                    let mut object = judged(&cell.judged);
                    object["rule"] = json!(column.name);
                    if let Some((configuration, extended)) = &cell.extended {
                        object["extended"] = judged(extended);
                        object["extended"]["with"] = match configuration {
                            Configuration::AuditRule(rule) => json!({"audit_rule": rule}),
                            Configuration::CaptureEnvVars(name) => json!({"capture_env_vars": name}),
                        };
                    }
                    object
                })
                .collect();
            json!({"id": row.technique.id, "title": row.technique.title, "cells": cells})
        })
        .collect();
    json!({
        "format_version": FORMAT_VERSION,
        "run": {"sensor": sensor},
        "rules": rules,
        "techniques": techniques,
        "changed": outcome.judgements().filter(|judged| judged.changed()).count(),
    })
}

fn judged(judged: &Judged) -> Value {
    let because = |unseen: &Unseen| match unseen {
        Unseen::NotCaptured => "not-captured",
        Unseen::Query => "query",
    };
    let expected = match &judged.expected {
        Expected::Alert { alerts, terms } => json!({"expect": "alert", "alerts": alerts, "terms": terms}),
        Expected::Silent(unseen) => json!({"expect": "silent", "because": because(unseen)}),
        Expected::Miss(unseen) => json!({"expect": "miss", "because": because(unseen)}),
    };
    json!({
        "seen": judged.seen.to_string(),
        "terms": judged.terms,
        "expected": expected,
        "why": judged.why,
        "verdict": judged.verdict,
    })
}
