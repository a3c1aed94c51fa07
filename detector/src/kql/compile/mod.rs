//! From tree to predicate: what Kibana and the search engine decide when a query meets an index.

mod fields;
mod free_text;
#[cfg(test)]
mod tests;
mod values;

use std::cell::Cell;

use super::ast::{Expr, ExprKind, Literal, RangeOp, Span, Value, Values};
use super::error::KqlError;
use super::predicate::{Node, Predicate, Test};
use crate::ecs::{FieldType, Layout, Mappings, Slot};
use crate::time::Millis;

/// A query that comes to more conditions on single fields is refused, as the search engine refuses too many clauses
/// (`indices.query.bool.max_clause_count`; its limit depends on its memory, this one keeps ours below some 100 MB).
const MAX_CONDITIONS: usize = 500_000;

/// Compiles a query: `now` is the base of its date math, and `layout` learns which fields it reads.
///
/// # Errors
/// `Execution`, with the offending span, if the search would be refused on these mappings: a value that its field cannot hold,
/// a pattern on a number, a nested field outside its group. Whether any document would meet the clause does not matter.
pub fn compile(expr: &Expr, mappings: &Mappings, layout: &mut Layout, now: Millis) -> Result<Predicate, KqlError> {
    let compiler = Compiler { mappings, now, scope: None, conditions: &Cell::new(0) };
    Ok(Predicate { root: compiler.expr(expr, layout)? })
}

/// What is known while one level of nesting is compiled.
#[derive(Clone, Copy)]
struct Compiler<'m> {
    mappings: &'m Mappings,
    now: Millis,
    /// The nested root whose objects are asked; `None`: the documents.
    scope: Option<&'m str>,
    /// How many conditions on single fields there are so far.
    conditions: &'m Cell<usize>,
}

impl Compiler<'_> {
    /// Counts one more condition, which `span` asks for.
    fn count(&self, span: Span) -> Result<(), KqlError> {
        self.conditions.set(self.conditions.get() + 1);
        if self.conditions.get() <= MAX_CONDITIONS {
            return Ok(());
        }
        let message = format!("the query comes to more than {MAX_CONDITIONS} conditions on single fields");
        Err(KqlError::execution(span, message)
            .with_help("a value without a field, or a pattern for a field, asks every field"))
    }

    fn expr(&self, expr: &Expr, layout: &mut Layout) -> Result<Node, KqlError> {
        Ok(match &expr.kind {
            ExprKind::Everything => Node::All,
            ExprKind::Or(parts) => Node::Or(self.exprs(parts, layout)?),
            ExprKind::And(parts) => Node::And(self.exprs(parts, layout)?),
            ExprKind::Not(inner) => Node::Not(Box::new(self.expr(inner, layout)?)),
            ExprKind::Nested(path, inner) => self.group(path, inner, layout)?,
            ExprKind::Range(field, op, bound) => self.each_field(field, layout, |name, mapping| {
                values::range(mapping, *op, bound, self.now)
                    .map_err(|reason| refused(bound.span, name, mapping, &reason))
            })?,
            ExprKind::Between(field, lower, upper) => self.each_field(field, layout, |name, mapping| {
                let bound = |(op, bound): &(RangeOp, Literal)| {
                    values::range(mapping, *op, bound, self.now)
                        .map_err(|reason| refused(bound.span, name, mapping, &reason))
                };
                Ok(bound(lower)?.and(bound(upper)?))
            })?,
            ExprKind::Field(field, values) => self.values(field, values, layout)?,
            // Without a field Kibana looks for `path.null` inside a group: a field that hardly exists.
            ExprKind::Value(literal) if self.scope.is_some() => {
                self.field_value(&Literal { value: Value::Null, span: literal.span }, literal, layout)?
            }
            ExprKind::Value(literal) => self.free_text(literal, layout)?,
        })
    }

    fn exprs(&self, parts: &[Expr], layout: &mut Layout) -> Result<Vec<Node>, KqlError> {
        parts.iter().map(|part| self.expr(part, layout)).collect()
    }

    fn group(&self, path: &Literal, inner: &Expr, layout: &mut Layout) -> Result<Node, KqlError> {
        let root = self.whole_name(&path.value.text());
        if self.mappings.resolve(&root).is_none_or(|mapping| mapping.field_type != FieldType::Nested) {
            return Err(KqlError::execution(path.span, format!("'{root}' is not mapped as nested"))
                .with_help("braces are for nested fields; name ordinary fields by their whole names"));
        }
        self.in_nested(&root, layout, |layout| {
            let compiler = Compiler { scope: Some(&root), ..*self };
            compiler.expr(inner, layout)
        })
    }

    fn values(&self, field: &Literal, values: &Values, layout: &mut Layout) -> Result<Node, KqlError> {
        let parts = |parts: &[Values], layout: &mut Layout| -> Result<Vec<Node>, KqlError> {
            parts.iter().map(|part| self.values(field, part, layout)).collect()
        };
        Ok(match values {
            Values::Or(alternatives) => any_of(parts(alternatives, layout)?),
            Values::And(all) => Node::And(parts(all, layout)?),
            Values::Not(inner) => Node::Not(Box::new(self.values(field, inner, layout)?)),
            Values::One(literal) => self.field_value(field, literal, layout)?,
        })
    }

    /// `field: value`
    fn field_value(&self, field: &Literal, literal: &Literal, layout: &mut Layout) -> Result<Node, KqlError> {
        if field.value == Value::Null && self.scope.is_none() {
            return self.free_text(literal, layout);
        }
        if literal.value.is_lone_star() {
            return self.exists(field, layout);
        }
        let mut met_a_field = false;
        let node = self.each_field(field, layout, |name, mapping| {
            met_a_field = true;
            values::is(mapping, &literal.value, self.now)
                .map_err(|reason| refused(literal.span, name, mapping, &reason))
        })?;
        if literal.value == Value::Null && !met_a_field {
            return Err(
                KqlError::execution(literal.span, "the search engine refuses null as a value").with_help(NULL_HELP)
            );
        }
        Ok(node)
    }
}

const NULL_HELP: &str = "write 'not field: *' for a field without a value, or \"null\" for the text";

fn refused(span: Span, field: &str, mapping: FieldType, reason: &str) -> KqlError {
    let error = KqlError::execution(span, format!("field '{field}' is mapped as {}: {reason}", type_name(mapping)));
    if reason == values::NULL { error.with_help(NULL_HELP) } else { error }
}

fn type_name(field_type: FieldType) -> &'static str {
    match field_type {
        FieldType::Keyword => "keyword",
        FieldType::Wildcard => "wildcard",
        FieldType::ConstantKeyword => "constant_keyword",
        FieldType::Text => "text",
        FieldType::MatchOnlyText => "match_only_text",
        FieldType::Long => "long",
        FieldType::Double => "double",
        FieldType::Boolean => "boolean",
        FieldType::Ip => "ip",
        FieldType::Date => "date",
        FieldType::Nested => "nested",
        FieldType::Flattened => "flattened",
    }
}

/// Alternatives; the literals among them that ask one field are put together, because exclusion lists are long.
fn any_of(parts: Vec<Node>) -> Node {
    let mut flat = Vec::with_capacity(parts.len());
    for part in parts {
        match part {
            Node::Or(inner) => flat.extend(inner),
            other => flat.push(other),
        }
    }
    let mut rest = Vec::new();
    let mut literals: Vec<(Slot, Vec<Box<str>>)> = Vec::new();
    for node in flat {
        let Node::Any(slot, Test::Text(text)) = node else {
            rest.push(node);
            continue;
        };
        match literals.iter_mut().find(|(known, _)| *known == slot) {
            Some((_, texts)) => texts.push(text),
            None => literals.push((slot, vec![text])),
        }
    }
    let lists = literals.into_iter().map(|(slot, mut texts)| {
        texts.sort_unstable();
        texts.dedup();
        match <[Box<str>; 1]>::try_from(texts) {
            Ok([text]) => Node::Any(slot, Test::Text(text)),
            Err(texts) => Node::Any(slot, Test::OneOf(texts.into())),
        }
    });
    let mut nodes: Vec<Node> = lists.chain(rest).collect();
    match nodes.len() {
        0 => Node::Never,
        1 => nodes.remove(0),
        _ => Node::Or(nodes),
    }
}
