//! The grammar above literals, by recursive descent.
//!
//! Kibana's grammar is a PEG. None of its alternatives share more than a leading literal, and nothing that fails behind one
//! can succeed by going back, so this parser never does: the first failure is the error, and time is linear.

use super::ast::{Expr, ExprKind, Literal, RangeOp, Span, Values};
use super::error::KqlError;
use super::literal::{Cursor, is_space};

/// Longer texts are refused: Kibana accepts no larger request (`server.maxPayload`).
const MAX_BYTES: usize = 1_048_576;

/// Deeper nesting of parentheses and braces is refused, for the sake of the stack. (The search engine refuses more than 30
/// levels by default, `indices.query.bool.max_nested_depth`.)
const MAX_DEPTH: usize = 100;

/// Reads a query.
///
/// # Errors
/// `Syntax`, with the offending span and what was expected, if the text is not KQL, is longer than 1 MiB or nested deeper
/// than 100 levels.
pub fn parse(query: &str) -> Result<Expr, KqlError> {
    if query.len() > MAX_BYTES {
        let message = format!("the query is {} bytes long; at most {MAX_BYTES} are read", query.len());
        return Err(KqlError::syntax(Span { start: 0, end: 0 }, message));
    }
    let mut parser = Parser { cursor: Cursor { text: query, at: 0 }, open: Vec::new() };
    parser.query().map_err(|mut error| {
        // What is missing at the end is missing behind the last word, not on an empty line below it.
        let end = query.trim_end().len();
        if error.span.start >= end && query[end..].contains('\n') {
            error.span = Span { start: end, end };
        }
        error
    })
}

struct Parser<'q> {
    cursor: Cursor<'q>,
    /// Where the brackets that are open here were opened.
    open: Vec<usize>,
}

impl Parser<'_> {
    /// The whole text.
    fn query(&mut self) -> Result<Expr, KqlError> {
        let whole = Span { start: 0, end: self.cursor.text.len() };
        self.cursor.skip_spaces();
        if self.cursor.rest().is_empty() {
            return Ok(Expr { kind: ExprKind::Everything, span: whole });
        }
        let expr = self.or()?;
        self.cursor.skip_spaces();
        if self.cursor.rest().is_empty() { Ok(expr) } else { Err(self.unexpected()) }
    }

    fn or(&mut self) -> Result<Expr, KqlError> {
        let first = self.and()?;
        if !self.cursor.eat_connective("or") {
            return Ok(first);
        }
        let mut parts = vec![first, self.and()?];
        while self.cursor.eat_connective("or") {
            parts.push(self.and()?);
        }
        Ok(Expr { span: span_of(&parts), kind: ExprKind::Or(parts) })
    }

    fn and(&mut self) -> Result<Expr, KqlError> {
        let first = self.not()?;
        if !self.cursor.eat_connective("and") {
            return Ok(first);
        }
        let mut parts = vec![first, self.not()?];
        while self.cursor.eat_connective("and") {
            parts.push(self.not()?);
        }
        Ok(Expr { span: span_of(&parts), kind: ExprKind::And(parts) })
    }

    fn not(&mut self) -> Result<Expr, KqlError> {
        let start = self.cursor.at;
        if !self.cursor.eat_keyword("not") {
            return self.sub();
        }
        let inner = self.sub()?;
        let span = Span { start, end: inner.span.end };
        Ok(Expr { kind: ExprKind::Not(Box::new(inner)), span })
    }

    fn sub(&mut self) -> Result<Expr, KqlError> {
        let start = self.cursor.at;
        if self.cursor.eat("(") {
            self.open(start)?;
            let inner = self.or()?;
            self.close(")")?;
            return Ok(Expr { kind: inner.kind, span: Span { start, end: self.cursor.at } });
        }
        let literal = self.cursor.literal("a field or a value")?;
        let behind = self.cursor;
        self.cursor.skip_spaces();
        let kind = if self.cursor.eat(":") {
            self.cursor.skip_spaces();
            self.behind_colon(literal)?
        } else if let Some(op) = self.range_op() {
            self.cursor.skip_spaces();
            ExprKind::Range(literal, op, self.cursor.literal("a value")?)
        } else {
            self.cursor = behind;
            let span = literal.span;
            return Ok(Expr { kind: ExprKind::Value(literal), span });
        };
        let written = self.cursor.text[start..self.cursor.at].trim_end_matches(is_space);
        Ok(Expr { kind, span: Span { start, end: start + written.len() } })
    }

    fn behind_colon(&mut self, field: Literal) -> Result<ExprKind, KqlError> {
        let start = self.cursor.at;
        if !self.cursor.eat("{") {
            return Ok(ExprKind::Field(field, self.values()?));
        }
        self.open(start)?;
        let inner = self.or()?;
        self.close("}")?;
        Ok(ExprKind::Nested(field, Box::new(inner)))
    }

    fn range_op(&mut self) -> Option<RangeOp> {
        let operators = [
            ("<=", RangeOp::LessOrEqual),
            (">=", RangeOp::GreaterOrEqual),
            ("<", RangeOp::Less),
            (">", RangeOp::Greater),
        ];
        operators.into_iter().find(|(token, _)| self.cursor.eat(token)).map(|(_, op)| op)
    }

    fn values(&mut self) -> Result<Values, KqlError> {
        let start = self.cursor.at;
        if !self.cursor.eat("(") {
            return Ok(Values::One(self.cursor.literal("a value")?));
        }
        self.open(start)?;
        let values = self.or_values()?;
        self.close(")")?;
        Ok(values)
    }

    fn or_values(&mut self) -> Result<Values, KqlError> {
        let first = self.and_values()?;
        if !self.cursor.eat_connective("or") {
            return Ok(first);
        }
        let mut parts = vec![first, self.and_values()?];
        while self.cursor.eat_connective("or") {
            parts.push(self.and_values()?);
        }
        Ok(Values::Or(parts))
    }

    fn and_values(&mut self) -> Result<Values, KqlError> {
        let first = self.not_values()?;
        if !self.cursor.eat_connective("and") {
            return Ok(first);
        }
        let mut parts = vec![first, self.not_values()?];
        while self.cursor.eat_connective("and") {
            parts.push(self.not_values()?);
        }
        Ok(Values::And(parts))
    }

    fn not_values(&mut self) -> Result<Values, KqlError> {
        if self.cursor.eat_keyword("not") {
            return Ok(Values::Not(Box::new(self.values()?)));
        }
        self.values()
    }

    /// A bracket was opened at `start`.
    fn open(&mut self, start: usize) -> Result<(), KqlError> {
        self.open.push(start);
        if self.open.len() > MAX_DEPTH {
            let message = format!("nested deeper than {MAX_DEPTH} levels");
            return Err(KqlError::syntax(Span { start, end: start + 1 }, message));
        }
        self.cursor.skip_spaces();
        Ok(())
    }

    fn close(&mut self, bracket: &str) -> Result<(), KqlError> {
        self.cursor.skip_spaces();
        if !self.cursor.eat(bracket) {
            return Err(self.unexpected());
        }
        self.open.pop();
        Ok(())
    }

    /// The error for whatever stands behind a complete expression.
    fn unexpected(&self) -> KqlError {
        let here = self.cursor;
        let end = match self.open.last() {
            None => "the end of the query".to_owned(),
            Some(open) => {
                let bracket = if here.text[*open..].starts_with('{') { '}' } else { ')' };
                format!("'{bracket}'")
            }
        };
        let message = format!("expected 'and', 'or' or {end}, found {}", here.found());
        let error = KqlError::syntax(here.found_span(), message);
        let before = &here.text[..here.at];
        match here.rest().chars().next() {
            Some('(') if ends_with_word(before, "not") => error.with_help("write 'not (' with white space between"),
            Some(':') => error.with_help("quote a value that holds a colon, or write '\\:'"),
            Some('<' | '>' | '{' | '}' | '(') => error.with_help("quote a value that holds brackets"),
            Some('n' | 'N') if !before.ends_with(is_space) => {
                error.with_help("'not' and white space end a word that is not quoted; quote the text")
            }
            Some('n' | 'N') => error.with_help("write 'and not', or quote the text"),
            None if let Some(open) = self.open.last() => {
                let (line, column) = KqlError::syntax(Span { start: *open, end: *open }, "").position(here.text);
                error.with_help(format!("the bracket of line {line}, column {column} is still open"))
            }
            _ => error,
        }
    }
}

fn ends_with_word(text: &str, word: &str) -> bool {
    let start = text.len().checked_sub(word.len());
    start.and_then(|start| text.get(start..)).is_some_and(|end| end.eq_ignore_ascii_case(word))
}

fn span_of(parts: &[Expr]) -> Span {
    match (parts.first(), parts.last()) {
        (Some(first), Some(last)) => first.span.to(last.span),
        _ => Span::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kql::{KqlErrorKind, Value};

    fn word(text: &str) -> Value {
        Value::Word(text.to_owned())
    }

    fn quoted(text: &str) -> Value {
        Value::Quoted(text.to_owned())
    }

    fn pattern(text: &str) -> Value {
        Value::Pattern(crate::kql::Pattern { pieces: text.split('*').map(str::to_owned).collect() })
    }

    /// The single value of a query, or of its only clause.
    fn value(query: &str) -> Value {
        match parse(query).unwrap_or_else(|error| panic!("{}", error.render(query))).kind {
            ExprKind::Value(literal) | ExprKind::Field(_, Values::One(literal)) | ExprKind::Range(_, _, literal) => {
                literal.value
            }
            other => panic!("{other:?}"),
        }
    }

    fn refused(query: &str) -> KqlError {
        let error = parse(query).expect_err(query);
        assert_eq!(error.kind, KqlErrorKind::Syntax);
        error
    }

    #[test]
    fn literals_are_read_as_the_grammar_reads_them() {
        assert_eq!(value("  bash  "), word("bash"));
        assert_eq!(value("f:b  c"), word("b  c"));
        assert_eq!(value("f:\u{2003}x\u{2003}"), word("x"));
        assert_eq!(value("f:\u{85}x"), word("\u{85}x"));
        assert_eq!(value(r"f:\tx\t"), word("x"));
        assert_eq!(value(r"f:a\tb\nc\rd"), word("a\tb\nc\rd"));
        assert_eq!(value(r#"f:\\\(\)\:\<\>\"\*\{\}"#), word(r#"\():<>"*{}"#));
        assert_eq!(value(r"f:\u0041\uD83D\uDE00"), word("A😀"));
        assert_eq!(value(r"f:\uD83Dx\uDE00"), word("\u{fffd}x\u{fffd}"));
        assert_eq!(value(r"f:x \OR y \and z"), word("x OR y and z"));
        assert_eq!(value(r"f:do \not"), word("do \not"));
        assert_eq!(value("f:true"), Value::Bool(true));
        assert_eq!(value("f: false "), Value::Bool(false));
        assert_eq!(value("f:True"), word("True"));
        assert_eq!(value("f:null"), Value::Null);
        assert_eq!(value(r"f:\u006eull"), Value::Null);
        assert_eq!(value(r#"f:"null""#), quoted("null"));
        assert_eq!(value("f:a*b**"), pattern("a*b**"));
        assert_eq!(value("f: * x *"), pattern("* x *"));
        assert_eq!(value("f < 1*"), pattern("1*"));
        assert_eq!(value("f: or"), word("or"));
        assert_eq!(value("f: not"), word("not"));
        assert_eq!(value("f:a,b=c?d~e^f+g-h"), word("a,b=c?d~e^f+g-h"));
        assert_eq!(value("f:[1 TO 5]"), word("[1 TO 5]"));
    }

    #[test]
    fn quoted_literals_keep_unknown_escapes() {
        assert_eq!(value(r#""C:\Windows""#), quoted(r"C:\Windows"));
        assert_eq!(value(r#""C:\temp""#), quoted("C:\temp"));
        assert_eq!(value(r#""a\\b\"c\n""#), quoted("a\\b\"c\n"));
        assert_eq!(value(r#""\*\:\(\or""#), quoted(r"\*\:\(\or"));
        assert_eq!(value(r#""\u00e9\u00""#), quoted(r"é\u00"));
        assert_eq!(value("\"a\nb\""), quoted("a\nb"));
        assert_eq!(value(r#""""#), quoted(""));
        refused(r#""abc\""#);
    }

    #[test]
    fn keywords_need_white_space_and_bind_as_in_kibana() {
        let tree = |query: &str| parse(query).expect(query);
        assert_eq!(tree("a or b and not c"), tree("(a or (b and (not c)))"));
        assert_eq!(tree("a\u{a0}AND\tb\nOr\r c"), tree("(a and b) or c"));
        assert_eq!(tree("f:(a or b and not c)"), tree("f : ( a or ( b and (not c)) )"));
        assert_eq!(value("and foo"), word("and foo"));
        assert_eq!(value("foo or"), word("foo or"));
        assert_eq!(value("oral and"), word("oral and"));
        assert!(matches!(tree("u:{a:b}").kind, ExprKind::Nested(..)));
        assert!(matches!(tree("a<=b").kind, ExprKind::Range(_, RangeOp::LessOrEqual, _)));
        assert_eq!(tree("((a))").span, Span { start: 0, end: 5 });
    }

    #[test]
    fn errors_say_what_was_expected_and_found() {
        for (query, span, message) in [
            ("a: ", (3, 3), "expected a value, found the end of the query"),
            (": b", (0, 1), "expected a field or a value, found ':'"),
            ("(a: b", (5, 5), "expected 'and', 'or' or ')', found the end of the query"),
            ("u:{a:b)", (6, 7), "expected 'and', 'or' or '}', found ')'"),
            ("a: b)", (4, 5), "expected 'and', 'or' or the end of the query, found ')'"),
            ("cannot x", (3, 6), "found 'not'"),
            ("not not a", (4, 7), "expected a field or a value, found 'not'"),
            ("not(a)", (3, 4), "found '('"),
            (r"a: b\q", (4, 6), r"'\q' is no escape"),
            ("a: \"b", (3, 4), "never closed"),
            ("a: \"b\" c", (7, 8), "found 'c'"),
            ("()", (1, 2), "expected a field or a value, found ')'"),
        ] {
            let error = refused(query);
            assert_eq!((error.span.start, error.span.end), span, "{query}: {error}");
            assert!(error.message.contains(message), "{query}: {error}");
        }
    }

    #[test]
    fn huge_and_deep_queries_are_refused_without_a_deep_stack() {
        let deep = |bracket: &str| format!("{}a{}", bracket.repeat(100_000), ")".repeat(100_000));
        for query in [deep("("), deep("a:("), deep("not ("), deep("a:{"), "a or ".repeat(2_000_000)] {
            assert!(refused(&query).render(&query).len() < 1_000);
        }
        let most = format!("{}a{}", "(".repeat(MAX_DEPTH), ")".repeat(MAX_DEPTH));
        assert!(parse(&most).is_ok());
        refused(&format!("({most})"));
    }

    #[test]
    fn long_texts_take_linear_time() {
        let fill = |unit: &str| unit.repeat(MAX_BYTES / 4 / unit.len());
        let started = std::time::Instant::now();
        for unit in
            [" ", "a or ", "a: (b and c) or ", "not", "or ", "\u{a0}x", "\\u0041", "*", "\"", "a: \"b\"    or  "]
        {
            let query = fill(unit);
            match parse(&query) {
                Ok(_) => {}
                Err(error) => assert!(!error.render(&query).is_empty()),
            }
        }
        // Linear: far below a second each even in a debug build. Quadratic: many minutes.
        assert!(started.elapsed().as_secs() < 60);
    }
}
