//! KQL, the query language of the rules: text to tree, tree to predicate, predicate to verdict.
//!
//! [`parse`] reads text into an [`Expr`], whose `Display` reads back to an equal tree. [`compile()`] resolves it against
//! [`Mappings`](crate::ecs::Mappings) into a [`Predicate`]: every value is converted and every "the search is refused" is
//! decided there, so that [`Predicate::matches`] only compares, and allocates nothing. [`Predicate::explain`] says which
//! clauses decided.
//!
//! The grammar and the meaning are Kibana's (package `kbn-es-query`: `grammar.peggy`, `functions/*.ts`) over the search
//! engine's field types; docs/fidelity.md lists what was verified and how. Not here: reading documents (that is
//! [`Row`](crate::ecs::Row)'s), the schedule's date math, Lucene syntax.

mod ast;
mod compile;
mod date_math;
mod display;
mod error;
mod explain;
mod glob;
mod literal;
mod number;
mod parser;
mod predicate;
mod words;

pub use ast::{Expr, ExprKind, FieldUse, Literal, Pattern, RangeOp, Span, Value, Values};
pub use compile::compile;
pub use error::{KqlError, KqlErrorKind};
pub use explain::{ClauseResult, FieldValues};
pub use parser::parse;
pub use predicate::Predicate;
