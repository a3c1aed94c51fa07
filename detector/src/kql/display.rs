//! The text of a tree, such that it reads back to an equal tree. (Only what Lucene's syntax alone can say is printed in it.)

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
            ExprKind::Between(field, (lower_op, lower), (upper_op, upper)) => {
                let open = if *lower_op == RangeOp::Greater { '{' } else { '[' };
                let close = if *upper_op == RangeOp::Less { '}' } else { ']' };
                write!(f, "{field}:{open}{lower} TO {upper}{close}")
            }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kql::{Span, parse};

    fn literal(value: Value) -> Literal {
        Literal { value, span: Span::default() }
    }

    /// Text rich in what could be mistaken for syntax.
    fn any_text() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            "[a-c]{1,2}",
            Just(" ".to_owned()),
            "(?i)(or|and|not|null|true|false|\\\\not|u0041)",
            "[\\\\():<>\"*{}\t\r\n\u{a0}\u{2003}é😀?]",
            any::<char>().prop_map(String::from),
        ];
        prop::collection::vec(part, 0..6).prop_map(|parts| parts.concat())
    }

    /// Values as the parser makes them: edges trimmed, reserved words only as what they are.
    fn any_value() -> impl Strategy<Value = Value> {
        let trim = |text: &str| text.trim_matches(crate::kql::literal::is_trimmed).to_owned();
        prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any_text().prop_map(Value::Quoted),
            any_text().prop_map(move |text| match &*trim(&text) {
                "null" | "true" | "false" => Value::Word("x".to_owned()),
                text => Value::Word(text.to_owned()),
            }),
            prop::collection::vec(any_text(), 2..4).prop_map(|mut pieces| {
                let last = pieces.len() - 1;
                pieces[0] = pieces[0].trim_start_matches(crate::kql::literal::is_trimmed).to_owned();
                pieces[last] = pieces[last].trim_end_matches(crate::kql::literal::is_trimmed).to_owned();
                Value::Pattern(Pattern { pieces })
            }),
        ]
    }

    fn any_literal() -> impl Strategy<Value = Literal> {
        any_value().prop_map(literal)
    }

    fn any_values() -> impl Strategy<Value = Values> {
        any_literal().prop_map(Values::One).prop_recursive(3, 12, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 2..4).prop_map(Values::Or),
                prop::collection::vec(inner.clone(), 2..4).prop_map(Values::And),
                inner.prop_map(|inner| Values::Not(Box::new(inner))),
            ]
        })
    }

    fn any_expr() -> impl Strategy<Value = Expr> {
        let op =
            prop::sample::select(vec![RangeOp::Less, RangeOp::LessOrEqual, RangeOp::Greater, RangeOp::GreaterOrEqual]);
        let leaf = prop_oneof![
            any_literal().prop_map(ExprKind::Value),
            (any_literal(), any_values()).prop_map(|(field, values)| ExprKind::Field(field, values)),
            (any_literal(), op, any_literal()).prop_map(|(field, op, value)| ExprKind::Range(field, op, value)),
        ];
        let expr = |kind| Expr { kind, span: Span::default() };
        leaf.prop_map(expr).prop_recursive(4, 24, 3, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 2..4).prop_map(ExprKind::Or),
                prop::collection::vec(inner.clone(), 2..4).prop_map(ExprKind::And),
                inner.clone().prop_map(|inner| ExprKind::Not(Box::new(inner))),
                (any_literal(), inner).prop_map(|(path, inner)| ExprKind::Nested(path, Box::new(inner))),
            ]
            .prop_map(expr)
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        #[test]
        fn a_printed_tree_reads_back_equal(expr in any_expr()) {
            let text = expr.to_string();
            let again = parse(&text).map_err(|error| TestCaseError::fail(error.render(&text)))?;
            prop_assert_eq!(&again, &expr, "{}", text);
        }

        #[test]
        fn whatever_parses_prints_to_an_equal_tree_and_nothing_panics(text in any_query_text()) {
            match parse(&text) {
                Ok(expr) => prop_assert_eq!(parse(&expr.to_string()).ok(), Some(expr)),
                Err(error) => prop_assert!(error.span.start <= error.span.end && !error.render(&text).is_empty()),
            }
        }
    }

    fn any_query_text() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            3 => "[a-c]{1,2}",
            2 => Just(" ".to_owned()),
            2 => prop::sample::select(vec![" or ", " and ", " not ", "not ", ":", "(", ")", "{", "}", "<=", ">", "*", "\""])
                .prop_map(str::to_owned),
            1 => prop::sample::select(vec!["\\", "\\t", "\\:", "\\u0041", "\\ud83d", "\\or", "\\not ", "\u{a0}"])
                .prop_map(str::to_owned),
            1 => any_text(),
        ];
        prop::collection::vec(part, 0..16).prop_map(|parts| parts.concat())
    }

    #[test]
    fn the_empty_query_prints_as_nothing() {
        assert_eq!(parse(" ").expect("valid").to_string(), "");
    }

    #[test]
    fn a_rule_prints_as_a_person_would_write_it() {
        let text = "event.category: process and not (process.name: (java or qemu-* or \"a b\") or process.pid >= 7)";
        assert_eq!(parse(text).expect("valid").to_string(), text);
    }
}
