//! The text of a tree, such that it reads back to an equal tree.

use std::fmt::{self, Display, Formatter, Write};

use super::ast::{Expr, ExprKind, Literal, Pattern, RangeOp, Value, Values};
use super::literal::{is_space, is_special};

impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ExprKind::Everything => Ok(()),
            ExprKind::Or(parts) => join(f, parts, " or ", |part| matches!(part.kind, ExprKind::Or(_))),
            ExprKind::And(parts) => {
                join(f, parts, " and ", |part| matches!(part.kind, ExprKind::Or(_) | ExprKind::And(_)))
            }
            ExprKind::Not(inner) => {
                f.write_str("not ")?;
                let bare = !matches!(inner.kind, ExprKind::Or(_) | ExprKind::And(_) | ExprKind::Not(_));
                if bare { write!(f, "{inner}") } else { write!(f, "({inner})") }
            }
            ExprKind::Nested(path, inner) => write!(f, "{path}: {{ {inner} }}"),
            ExprKind::Range(field, op, value) => write!(f, "{field} {op} {value}"),
            ExprKind::Field(field, values @ Values::One(_)) => write!(f, "{field}: {values}"),
            ExprKind::Field(field, values) => write!(f, "{field}: ({values})"),
            ExprKind::Value(literal) => write!(f, "{literal}"),
        }
    }
}

impl Display for Values {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Values::Or(parts) => join(f, parts, " or ", |part| matches!(part, Values::Or(_))),
            Values::And(parts) => join(f, parts, " and ", |part| matches!(part, Values::Or(_) | Values::And(_))),
            Values::Not(inner) => match &**inner {
                Values::One(literal) => write!(f, "not {literal}"),
                inner => write!(f, "not ({inner})"),
            },
            Values::One(literal) => write!(f, "{literal}"),
        }
    }
}

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null => f.write_str("null"),
            Value::Bool(truth) => write!(f, "{truth}"),
            // Only an escaped white space that was trimmed away leaves an empty word.
            Value::Word(text) if text.is_empty() => f.write_str("\\t"),
            Value::Word(text) => unquoted(f, text),
            Value::Quoted(text) => quoted(f, text),
            Value::Pattern(pattern) => pattern.fmt(f),
        }
    }
}

impl Display for Pattern {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (position, piece) in self.pieces.iter().enumerate() {
            if position > 0 {
                f.write_char('*')?;
            }
            unquoted(f, piece)?;
        }
        Ok(())
    }
}

impl Display for RangeOp {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RangeOp::Less => "<",
            RangeOp::LessOrEqual => "<=",
            RangeOp::Greater => ">",
            RangeOp::GreaterOrEqual => ">=",
        })
    }
}

fn join<T: Display>(f: &mut Formatter<'_>, parts: &[T], keyword: &str, in_brackets: fn(&T) -> bool) -> fmt::Result {
    for (position, part) in parts.iter().enumerate() {
        if position > 0 {
            f.write_str(keyword)?;
        }
        if in_brackets(part) { write!(f, "({part})")? } else { write!(f, "{part}")? }
    }
    Ok(())
}

fn quoted(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    f.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' | '\\' => write!(f, "\\{c}")?,
            c => write_char(f, c)?,
        }
    }
    f.write_char('"')
}

/// Writes text so that no keyword is read in it, wherever it will stand.
fn unquoted(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    let mut at_word_start = true;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        match keyword(rest) {
            // `\not` would be a line feed and `ot`.
            Some("not") => {
                write!(f, "\\u{:04x}{}", u32::from(c), &rest[1..3])?;
                rest = &rest[3..];
                continue;
            }
            Some(connective) if at_word_start => {
                write!(f, "\\{}", &rest[..connective.len()])?;
                rest = &rest[connective.len()..];
                continue;
            }
            _ => {}
        }
        if is_special(c) {
            write!(f, "\\{c}")?;
        } else {
            write_char(f, c)?;
        }
        at_word_start = is_space(c);
        rest = &rest[c.len_utf8()..];
    }
    Ok(())
}

/// The keyword that stands here with white space or the end of the text behind it.
fn keyword(text: &str) -> Option<&'static str> {
    ["or", "and", "not"].into_iter().find(|keyword| {
        text.get(..keyword.len()).is_some_and(|start| start.eq_ignore_ascii_case(keyword))
            && text[keyword.len()..].chars().next().is_none_or(is_space)
    })
}

fn write_char(f: &mut Formatter<'_>, c: char) -> fmt::Result {
    match c {
        '\t' => f.write_str("\\t"),
        '\r' => f.write_str("\\r"),
        '\n' => f.write_str("\\n"),
        c => f.write_char(c),
    }
}
