//! A value without a field: tried on every searchable field outside nested groups.
//!
//! Unlike a named field, one that cannot hold the value is skipped.

use super::values::{self, Matcher, Piece};
use super::{Compiler, NULL_HELP, any_of};
use crate::ecs::{FieldType, Layout};
use crate::kql::ast::{Literal, Span, Value};
use crate::kql::error::KqlError;
use crate::kql::glob::{Glob, WordGlob};
use crate::kql::predicate::{Node, Test};

impl Compiler<'_> {
    pub(super) fn free_text(&self, literal: &Literal, layout: &mut Layout) -> Result<Node, KqlError> {
        let Value::Pattern(pattern) = &literal.value else {
            if literal.value == Value::Null {
                let error = KqlError::execution(literal.span, "the search engine refuses null as a value");
                return Err(error.with_help(NULL_HELP));
            }
            let matcher = |field_type| values::is(field_type, &literal.value, self.now).ok();
            return self.on_every_field(literal.span, layout, matcher);
        };
        let alternatives = values::split(pattern).into_iter().map(|piece| match piece {
            Piece::Star => Ok(Node::All),
            Piece::Words(words) => {
                let words = Value::Word(words);
                self.on_every_field(literal.span, layout, |field_type| values::is(field_type, &words, self.now).ok())
            }
            Piece::Pattern(pieces) => self.on_every_field(literal.span, layout, |field_type| match field_type {
                field_type if field_type.is_text() => Some(Matcher::Test(Test::WordGlob(WordGlob::new(&pieces)))),
                field_type if field_type.is_keyword() || field_type == FieldType::Flattened => {
                    Some(Matcher::Test(Test::Glob(Glob::new(&pieces))))
                }
                _ => None,
            }),
        });
        Ok(any_of(alternatives.collect::<Result<_, _>>()?))
    }

    fn on_every_field(
        &self,
        span: Span,
        layout: &mut Layout,
        matcher: impl Fn(FieldType) -> Option<Matcher>,
    ) -> Result<Node, KqlError> {
        let mut nodes = Vec::new();
        for (name, mapping) in self.mappings.leaves() {
            // The layout has no slot for what lies below a nested root.
            if let Some(matcher) = matcher(mapping.field_type)
                && let Some(slot) = layout.slot(self.mappings, name)
            {
                self.count(span)?;
                nodes.push(matcher.on(slot));
            }
        }
        Ok(any_of(nodes))
    }
}
