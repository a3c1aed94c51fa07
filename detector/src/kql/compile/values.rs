//! What a literal asks of a value, by the type of the field.

use crate::ecs::{FieldType, Slot, parse_ip};
use crate::kql::ast::{Literal, Pattern, RangeOp, Value};
use crate::kql::date_math::{Round, instant};
use crate::kql::glob::{Glob, WordGlob};
use crate::kql::number;
use crate::kql::predicate::{Node, Test};
use crate::kql::words::lower_words;
use crate::time::Millis;

/// A condition on a field that is not yet bound to a slot.
#[derive(Clone, Debug)]
pub(super) enum Matcher {
    Exists,
    Never,
    Test(Test),
    AnyOf(Vec<Matcher>),
}

/// Why null is refused.
pub(super) const NULL: &str = "the search engine refuses null as a value";

impl Matcher {
    /// One value meets both.
    pub(super) fn and(self, other: Matcher) -> Matcher {
        match (self, other) {
            (Matcher::Never, _) | (_, Matcher::Never) => Matcher::Never,
            (Matcher::Exists, matcher) | (matcher, Matcher::Exists) => matcher,
            (Matcher::AnyOf(parts), other) | (other, Matcher::AnyOf(parts)) => {
                Matcher::AnyOf(parts.into_iter().map(|part| part.and(other.clone())).collect())
            }
            (Matcher::Test(one), Matcher::Test(two)) => Matcher::Test(Test::Both(Box::new((one, two)))),
        }
    }

    pub(super) fn on(&self, slot: Slot) -> Node {
        match self {
            Matcher::Exists => Node::Exists(slot),
            Matcher::Never => Node::Never,
            Matcher::Test(test) => Node::Any(slot, test.clone()),
            Matcher::AnyOf(parts) => super::any_of(parts.iter().map(|part| part.on(slot)).collect()),
        }
    }
}

/// `field: value` on a field of this type, or why the search is refused. A lone star is not asked here.
pub(super) fn is(field_type: FieldType, value: &Value, now: Millis) -> Result<Matcher, String> {
    match value {
        // Kibana makes it a range without bounds, which asks for existence.
        Value::Null if field_type == FieldType::Date => return Ok(Matcher::Exists),
        Value::Null => return Err(NULL.to_owned()),
        Value::Pattern(pattern) => return is_like(field_type, pattern, now),
        Value::Bool(_) | Value::Word(_) | Value::Quoted(_) => {}
    }
    let text = value.text();
    let test = match field_type {
        FieldType::Keyword | FieldType::Wildcard | FieldType::ConstantKeyword | FieldType::Flattened => {
            Test::Text((*text).into())
        }
        FieldType::Text | FieldType::MatchOnlyText => match lower_words(&text) {
            words if words.is_empty() => return Ok(Matcher::Never),
            words if matches!(value, Value::Quoted(_)) => Test::Phrase(words.into()),
            words => Test::AnyWord(words.into()),
        },
        FieldType::Long => match number::parse(&text).ok_or_else(|| no(&text, "number"))?.long() {
            Some(number) => Test::Long(number, number),
            None => return Ok(Matcher::Never),
        },
        FieldType::Double => Test::Double(number::parse(&text).ok_or_else(|| no(&text, "number"))?.double),
        FieldType::Boolean => Test::Boolean(truth(&text)?),
        FieldType::Ip => {
            let (low, high) = addresses(&text).ok_or_else(|| no(&text, "address or CIDR block"))?;
            Test::Ip(low, high)
        }
        FieldType::Date => {
            let first = instant(&text, now, Round::Down).ok_or_else(|| no(&text, "date"))?;
            let last = instant(&text, now, Round::Up).ok_or_else(|| no(&text, "date"))?;
            Test::Date(first.0, last.0)
        }
        FieldType::Nested => return Ok(Matcher::Never),
    };
    Ok(Matcher::Test(test))
}

/// `field: value` with stars in the value.
fn is_like(field_type: FieldType, pattern: &Pattern, now: Millis) -> Result<Matcher, String> {
    if field_type.is_keyword() || field_type == FieldType::Flattened {
        return Ok(Matcher::Test(Test::Glob(Glob::new(&pattern.pieces))));
    }
    if !field_type.is_text() {
        return Err(format!("the pattern '{pattern}' cannot be compared with it"));
    }
    let piece = |piece: &Piece| match piece {
        Piece::Star => Ok(Matcher::Exists),
        Piece::Words(words) => is(field_type, &Value::Word(words.clone()), now),
        Piece::Pattern(pieces) => Ok(Matcher::Test(Test::WordGlob(WordGlob::new(pieces)))),
    };
    let pieces: Result<Vec<Matcher>, String> = split(pattern).iter().map(piece).collect();
    Ok(Matcher::AnyOf(pieces?))
}

/// `field < value` on a field of this type, or why the search is refused.
pub(super) fn range(field_type: FieldType, op: RangeOp, bound: &Literal, now: Millis) -> Result<Matcher, String> {
    if bound.value == Value::Null {
        return Ok(Matcher::Exists);
    }
    let text = bound.value.text();
    let test = match field_type {
        FieldType::Keyword | FieldType::Wildcard | FieldType::ConstantKeyword | FieldType::Flattened => {
            Test::TextRange(op, (*text).into())
        }
        FieldType::Text | FieldType::MatchOnlyText => Test::WordRange(op, (*text).into()),
        FieldType::Long => {
            let (low, high) = number::parse(&text).ok_or_else(|| no(&text, "number"))?.longs(op);
            Test::Long(low, high)
        }
        FieldType::Double => Test::DoubleRange(op, number::parse(&text).ok_or_else(|| no(&text, "number"))?.double),
        FieldType::Boolean => {
            let bound = truth(&text)?;
            let inside = [false, true].into_iter().filter(|truth| op.accepts(truth.cmp(&bound)));
            return Ok(Matcher::AnyOf(inside.map(|truth| Matcher::Test(Test::Boolean(truth))).collect()));
        }
        FieldType::Ip => {
            let bound = parse_ip(&text).ok_or_else(|| no(&text, "address"))?;
            let (low, high) = match op {
                RangeOp::Less => (Some(0), bound.checked_sub(1)),
                RangeOp::LessOrEqual => (Some(0), Some(bound)),
                RangeOp::Greater => (bound.checked_add(1), Some(u128::MAX)),
                RangeOp::GreaterOrEqual => (Some(bound), Some(u128::MAX)),
            };
            let (Some(low), Some(high)) = (low, high) else { return Ok(Matcher::Never) };
            Test::Ip(low, high)
        }
        FieldType::Date => {
            let round = match op {
                RangeOp::Greater | RangeOp::LessOrEqual => Round::Up,
                RangeOp::Less | RangeOp::GreaterOrEqual => Round::Down,
            };
            let bound = instant(&text, now, round).ok_or_else(|| no(&text, "date"))?.0;
            let (low, high) = match op {
                RangeOp::Less => (i64::MIN, bound.saturating_sub(1)),
                RangeOp::LessOrEqual => (i64::MIN, bound),
                RangeOp::Greater => (bound.saturating_add(1), i64::MAX),
                RangeOp::GreaterOrEqual => (bound, i64::MAX),
            };
            Test::Date(low, high)
        }
        FieldType::Nested => return Ok(Matcher::Never),
    };
    Ok(Matcher::Test(test))
}

/// What the search engine's query parser makes of a pattern on analysed text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// `*` by itself.
    Star,
    /// Neighbouring words without a star.
    Words(String),
    /// One word with stars.
    Pattern(Vec<String>),
}

/// Splits a pattern at white space into alternatives; neighbouring words without a star stay together.
pub(super) fn split(pattern: &Pattern) -> Vec<Piece> {
    let mut tokens: Vec<Vec<String>> = vec![vec![String::new()]];
    for (position, piece) in pattern.pieces.iter().enumerate() {
        if position > 0 {
            tokens.last_mut().expect("never empty").push(String::new());
        }
        for (position, part) in piece.split([' ', '\t', '\n', '\r', '\u{3000}']).enumerate() {
            if position > 0 {
                tokens.push(vec![String::new()]);
            }
            tokens.last_mut().and_then(|token| token.last_mut()).expect("never empty").push_str(part);
        }
    }
    let mut pieces: Vec<Piece> = Vec::new();
    for mut token in tokens {
        match token.len() {
            1 if token[0].is_empty() => {}
            1 => match pieces.last_mut() {
                Some(Piece::Words(words)) => {
                    words.push(' ');
                    words.push_str(&token[0]);
                }
                _ => pieces.push(Piece::Words(token.remove(0))),
            },
            2 if token.iter().all(String::is_empty) => pieces.push(Piece::Star),
            _ => pieces.push(Piece::Pattern(token)),
        }
    }
    pieces
}

fn truth(text: &str) -> Result<bool, String> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        other => Err(no(other, "truth value: write true or false")),
    }
}

/// The first and the last address that a literal names.
fn addresses(text: &str) -> Option<(u128, u128)> {
    let Some((address, length)) = text.split_once('/') else {
        return parse_ip(text).map(|address| (address, address));
    };
    let width: u32 = if address.contains(':') { 128 } else { 32 };
    let digits = length.bytes().all(|byte| byte.is_ascii_digit());
    let length: u32 = length.parse().ok().filter(|length| digits && *length <= width)?;
    let free = u128::MAX.checked_shr(128 - (width - length)).unwrap_or(0);
    let address = parse_ip(address)?;
    Some((address & !free, address | free))
}

fn no(text: &str, kind: &str) -> String {
    format!("'{text}' is no {kind}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(pattern: &str) -> Vec<Piece> {
        split(&Pattern { pieces: pattern.split('*').map(str::to_owned).collect() })
    }

    #[test]
    fn patterns_are_split_at_white_space() {
        let words = |text: &str| Piece::Words(text.to_owned());
        let like = |pieces: &[&str]| Piece::Pattern(pieces.iter().map(|&piece| piece.to_owned()).collect());
        assert_eq!(pieces("acc* log*"), [like(&["acc", ""]), like(&["log", ""])]);
        assert_eq!(pieces("failed  root x*y and*"), [words("failed root"), like(&["x", "y"]), like(&["and", ""])]);
        assert_eq!(pieces("a*\u{3000}b*\u{a0}c"), [like(&["a", ""]), like(&["b", "\u{a0}c"])]);
        assert_eq!(pieces("* **"), [Piece::Star, like(&["", "", ""])]);
    }

    #[test]
    fn a_block_of_addresses_has_two_ends() {
        let v4 = |text: &str| parse_ip(text).expect("an address");
        assert_eq!(addresses("10.1.2.3/8"), Some((v4("10.0.0.0"), v4("10.255.255.255"))));
        assert_eq!(addresses("10.1.2.3/32"), Some((v4("10.1.2.3"), v4("10.1.2.3"))));
        assert_eq!(addresses("0.0.0.0/0"), Some((v4("0.0.0.0"), v4("255.255.255.255"))));
        assert_eq!(addresses("::/0"), Some((0, u128::MAX)));
        assert_eq!(addresses("fe80::1/128"), Some((v4("fe80::1"), v4("fe80::1"))));
        for wrong in ["10.0.0.0/33", "10.0.0.0/", "10.0.0.0/+8", "::/129", "x/8", "10.0.0/8", ""] {
            assert_eq!(addresses(wrong), None, "{wrong}");
        }
    }
}
