//! A compiled query, and whether a document meets it. Nothing here allocates.

use super::ast::RangeOp;
use super::glob::{Glob, WordGlob};
use super::words::{compare, has_phrase, words};
use crate::ecs::{IndexValue, NestedSlot, Row, Slot};

/// A query that was compiled against mappings and a layout; only rows of that layout can be asked.
#[derive(Clone, Debug)]
pub struct Predicate {
    /// Its `And`, `Or`, `Not` and `Nested` stand where those of the tree that it was compiled from stand.
    pub(super) root: Node,
}

impl Predicate {
    /// Whether a document meets the query. Allocates nothing.
    #[must_use]
    pub fn matches(&self, row: &Row) -> bool {
        self.root.matches(row)
    }
}

/// A condition on a document, or on one nested object.
#[derive(Clone, Debug)]
pub(super) enum Node {
    /// Every document.
    All,
    /// No document.
    Never,
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
    /// The field has a value.
    Exists(Slot),
    /// Some value of the field passes.
    Any(Slot, Test),
    /// Some object below a nested root meets the condition.
    Object(NestedSlot, Box<Node>),
}

/// A condition on one value.
#[derive(Clone, Debug)]
pub(super) enum Test {
    Text(Box<str>),
    /// One of these, which are sorted.
    OneOf(Box<[Box<str>]>),
    Glob(Glob),
    TextRange(RangeOp, Box<str>),
    /// Any word of the text is one of these.
    AnyWord(Box<[Box<str>]>),
    /// The words of the text hold these in a row.
    Phrase(Box<[Box<str>]>),
    WordGlob(WordGlob),
    WordRange(RangeOp, Box<str>),
    /// Both bounds included.
    Long(i64, i64),
    Double(f64),
    DoubleRange(RangeOp, f64),
    Boolean(bool),
    /// Both bounds included.
    Ip(u128, u128),
    /// Both bounds included.
    Date(i64, i64),
    Both(Box<(Test, Test)>),
}

impl Node {
    pub(super) fn matches(&self, row: &Row) -> bool {
        match self {
            Node::All => true,
            Node::Never => false,
            Node::And(parts) => parts.iter().all(|part| part.matches(row)),
            Node::Or(parts) => parts.iter().any(|part| part.matches(row)),
            Node::Not(inner) => !inner.matches(row),
            Node::Exists(slot) => row.exists(*slot),
            Node::Any(slot, test) => row.values(*slot).any(|value| test.accepts(value)),
            Node::Object(slot, inner) => row.objects(*slot).any(|object| inner.matches(object)),
        }
    }
}

impl Test {
    fn accepts(&self, value: IndexValue<'_>) -> bool {
        match (self, value) {
            (Test::Text(wanted), IndexValue::Text(text)) => **wanted == *text,
            (Test::OneOf(sorted), IndexValue::Text(text)) => {
                sorted.binary_search_by(|wanted| (**wanted).cmp(text)).is_ok()
            }
            (Test::Glob(glob), IndexValue::Text(text)) => glob.matches(text),
            (Test::TextRange(op, bound), IndexValue::Text(text)) => op.accepts(text.cmp(bound)),
            (Test::AnyWord(wanted), IndexValue::Text(text)) => {
                words(text).any(|word| wanted.iter().any(|wanted| compare(word, wanted).is_eq()))
            }
            (Test::Phrase(wanted), IndexValue::Text(text)) => has_phrase(text, wanted),
            (Test::WordGlob(glob), IndexValue::Text(text)) => words(text).any(|word| glob.matches(word)),
            (Test::WordRange(op, bound), IndexValue::Text(text)) => {
                words(text).any(|word| op.accepts(compare(word, bound)))
            }
            (Test::Long(low, high), IndexValue::Long(number)) => (*low..=*high).contains(&number),
            (Test::Double(wanted), IndexValue::Double(number)) => *wanted == number,
            (Test::DoubleRange(op, bound), IndexValue::Double(number)) => {
                number.partial_cmp(bound).is_some_and(|order| op.accepts(order))
            }
            (Test::Boolean(wanted), IndexValue::Boolean(truth)) => *wanted == truth,
            (Test::Ip(low, high), IndexValue::Ip(address)) => (*low..=*high).contains(&address),
            (Test::Date(low, high), IndexValue::Date(date)) => (*low..=*high).contains(&date.0),
            (Test::Both(tests), value) => tests.0.accepts(value) && tests.1.accepts(value),
            _ => false,
        }
    }
}

impl RangeOp {
    /// Whether a value that compares like this with the bound is in the range.
    pub(super) fn accepts(self, order: std::cmp::Ordering) -> bool {
        match self {
            RangeOp::Less => order.is_lt(),
            RangeOp::LessOrEqual => order.is_le(),
            RangeOp::Greater => order.is_gt(),
            RangeOp::GreaterOrEqual => order.is_ge(),
        }
    }
}
