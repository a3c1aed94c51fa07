//! Why a document meets a query, or does not: clause by clause.

use super::ast::{Expr, ExprKind, Span};
use super::predicate::{Node, Predicate};
use crate::ecs::{IndexValue, Layout, Row, Slot, display_ip};

/// What one clause (`field: values`, `field < value`, a bare value, a nested group) says about one document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClauseResult {
    /// Where the clause stands in the text of the query.
    pub span: Span,
    /// The clause, written anew.
    pub text: String,
    /// Whether the document meets the clause by itself, whatever `not` stands before it.
    pub matched: bool,
    /// Whether this clause is a reason for the verdict on the whole query: when it is not met, every decisive clause would have
    /// to change for it to be met under an `or`, any one of them is enough to refuse it under an `and`.
    pub decisive: bool,
    /// What the document holds in the fields that the clause asks; empty if none of them is mapped. Of many fields, only those
    /// with values.
    pub fields: Vec<FieldValues>,
}

/// The indexed values of one field of one document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldValues {
    /// Its whole name.
    pub name: String,
    /// Its values as text; empty: it has none.
    pub values: Vec<String>,
}

impl Predicate {
    /// The clauses of a query in the order of its text, and how a document met them.
    ///
    /// `expr` and `layout` must be those with which the predicate was compiled, and `row` must be loaded by that layout.
    #[must_use]
    pub fn explain(&self, expr: &Expr, layout: &Layout, row: &Row) -> Vec<ClauseResult> {
        let mut clauses = Vec::new();
        Explainer { layout, row, clauses: &mut clauses }.walk(expr, &self.root, true);
        clauses
    }
}

struct Explainer<'a> {
    layout: &'a Layout,
    row: &'a Row,
    clauses: &'a mut Vec<ClauseResult>,
}

impl Explainer<'_> {
    fn walk(&mut self, expr: &Expr, node: &Node, decisive: bool) {
        match (&expr.kind, node) {
            (ExprKind::And(parts), Node::And(nodes)) => self.walk_parts(parts, nodes, decisive, true),
            (ExprKind::Or(parts), Node::Or(nodes)) => self.walk_parts(parts, nodes, decisive, false),
            (ExprKind::Not(inner), Node::Not(node)) => self.walk(inner, node, decisive),
            // Beside other clauses: Lucene's way to make some of them optional.
            (ExprKind::Everything, _) if expr.span.start == expr.span.end && expr.span.start > 0 => {}
            _ => {
                let mut fields = Vec::new();
                values(node, self.layout, &[self.row], &mut fields);
                if fields.len() > 1 {
                    let has_value = |field: &FieldValues| !field.values.is_empty();
                    if fields.iter().any(has_value) {
                        fields.retain(has_value);
                    }
                }
                let matched = node.matches(self.row);
                self.clauses.push(ClauseResult { span: expr.span, text: expr.to_string(), matched, decisive, fields });
            }
        }
    }

    /// `verdict` is the one for which all parts are needed: any part with the other one decides.
    fn walk_parts(&mut self, parts: &[Expr], nodes: &[Node], decisive: bool, verdict: bool) {
        let results: Vec<bool> = nodes.iter().map(|node| node.matches(self.row)).collect();
        let unanimous = results.iter().all(|result| *result == verdict);
        for ((part, node), result) in parts.iter().zip(nodes).zip(results) {
            self.walk(part, node, decisive && (unanimous || result != verdict));
        }
    }
}

/// The values of every field that a clause asks, in the documents or objects that it is asked of.
fn values(node: &Node, layout: &Layout, rows: &[&Row], fields: &mut Vec<FieldValues>) {
    match node {
        Node::All | Node::Never => {}
        Node::And(parts) | Node::Or(parts) => parts.iter().for_each(|part| values(part, layout, rows, fields)),
        Node::Not(inner) => values(inner, layout, rows, fields),
        Node::Exists(slot) | Node::Any(slot, _) => add(*slot, layout, rows, fields),
        Node::Object(slot, inner) => {
            let objects: Vec<&Row> = rows.iter().flat_map(|row| row.objects(*slot)).collect();
            values(inner, layout.inner(*slot), &objects, fields);
        }
    }
}

fn add(slot: Slot, layout: &Layout, rows: &[&Row], fields: &mut Vec<FieldValues>) {
    let name = layout.name(slot);
    if fields.iter().all(|field| field.name != name) {
        let values = rows.iter().flat_map(|row| row.values(slot)).map(show).collect();
        fields.push(FieldValues { name: name.to_owned(), values });
    }
}

fn show(value: IndexValue<'_>) -> String {
    match value {
        IndexValue::Text(text) => text.to_owned(),
        IndexValue::Long(number) => number.to_string(),
        IndexValue::Double(number) => number.to_string(),
        IndexValue::Boolean(truth) => truth.to_string(),
        IndexValue::Ip(address) => display_ip(address),
        IndexValue::Date(date) => date.to_string(),
    }
}
