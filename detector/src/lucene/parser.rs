//! From tokens to the tree of a query.
//!
//! The classic parser has no precedence: `AND` makes both of its sides required, `NOT` prohibits, and what is left is optional as
//! soon as something is required. So `a OR b AND c` asks for b and c. A group of prohibitions alone means everything else.

use super::lexer::{Bound, Kind, Token, tokens};
use crate::kql::{Expr, ExprKind, KqlError, Literal, Pattern, RangeOp, Span, Value, Values};

/// Deeper nesting of parentheses is refused, for the sake of the stack.
const MAX_DEPTH: usize = 100;

/// Longer texts are refused, as in KQL.
const MAX_BYTES: usize = 1_048_576;

/// Reads a query in the supported subset of Lucene's syntax; empty text is every document.
///
/// # Errors
/// `Syntax`, with the offending span, if the text is not Lucene syntax, or is beyond the subset.
pub fn parse(query: &str) -> Result<Expr, KqlError> {
    if query.len() > MAX_BYTES {
        let message = format!("the query is {} bytes long; at most {MAX_BYTES} are read", query.len());
        return Err(KqlError::syntax(Span::default(), message));
    }
    let tokens = tokens(query)?;
    if tokens.is_empty() {
        return Ok(Expr { kind: ExprKind::Everything, span: Span { start: 0, end: query.len() } });
    }
    let mut parser = Parser { tokens, at: 0, depth: 0, end: query.len() };
    let expr = parser.group(None)?;
    match parser.peek() {
        None => Ok(expr),
        Some(token) => Err(KqlError::syntax(token.span, "this parenthesis closes nothing")),
    }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    end: usize,
}

/// What a clause is to its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Occur {
    Must,
    Should,
    MustNot,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn eat(&mut self, kind: &Kind) -> bool {
        let found = self.peek().is_some_and(|token| token.kind == *kind);
        self.at += usize::from(found);
        found
    }

    /// Clauses up to a closing parenthesis or the end; `field` is the one in front of the parentheses.
    fn group(&mut self, field: Option<&Literal>) -> Result<Expr, KqlError> {
        let mut clauses: Vec<(Occur, Expr)> = Vec::new();
        loop {
            let and = !clauses.is_empty() && self.eat(&Kind::And);
            let joined = and || (!clauses.is_empty() && self.eat(&Kind::Or));
            if !joined && self.peek().is_none_or(|token| token.kind == Kind::Close) {
                break;
            }
            let occur = if self.eat(&Kind::Not) {
                Occur::MustNot
            } else if self.eat(&Kind::Plus) || and {
                Occur::Must
            } else {
                Occur::Should
            };
            if let Some((before, _)) = clauses.last_mut().filter(|(before, _)| and && *before == Occur::Should) {
                *before = Occur::Must;
            }
            clauses.push((occur, self.clause(field)?));
        }
        if clauses.is_empty() { Err(self.missing("a value")) } else { Ok(combine(clauses)) }
    }

    fn clause(&mut self, field: Option<&Literal>) -> Result<Expr, KqlError> {
        let Some(token) = self.peek().cloned() else { return Err(self.missing("a value")) };
        self.at += 1;
        match token.kind {
            Kind::Open => self.parentheses(field, token.span),
            Kind::Term(pieces) if self.eat(&Kind::Colon) => {
                if pieces == ["_exists_"] {
                    return self.existence(token.span);
                }
                self.named(field_name(pieces, token.span)?)
            }
            Kind::Quoted(text) => Ok(about(field, Literal { value: Value::Quoted(text), span: token.span })),
            Kind::Term(pieces) => Ok(about(field, self.words(pieces, token.span))),
            Kind::Range { lower, upper } => between(field, token.span, lower, upper),
            _ => Err(KqlError::syntax(token.span, "expected a field, a value or a parenthesis")),
        }
    }

    /// What stands behind `field:`.
    fn named(&mut self, field: Literal) -> Result<Expr, KqlError> {
        let span = field.span;
        let mut expr = match self.peek().map(|token| (token.kind.clone(), token.span)) {
            // Only the first word belongs to the field.
            Some((Kind::Term(pieces), span)) => {
                self.at += 1;
                about(Some(&field), Literal { value: value(pieces), span })
            }
            Some((Kind::And | Kind::Or | Kind::Not | Kind::Plus | Kind::Close | Kind::Colon, _)) | None => {
                return Err(self.missing("a value behind the colon"));
            }
            Some(_) => self.clause(Some(&field))?,
        };
        expr.span = span.to(expr.span);
        Ok(expr)
    }

    fn parentheses(&mut self, field: Option<&Literal>, open: Span) -> Result<Expr, KqlError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(KqlError::syntax(open, format!("nested deeper than {MAX_DEPTH} levels")));
        }
        let inner = self.group(field)?;
        if !self.eat(&Kind::Close) {
            return Err(KqlError::syntax(open, "this parenthesis is never closed"));
        }
        self.depth -= 1;
        Ok(inner)
    }

    /// `_exists_:field`
    fn existence(&mut self, span: Span) -> Result<Expr, KqlError> {
        match self.peek().cloned() {
            Some(Token { kind: Kind::Term(pieces), span: name }) => {
                self.at += 1;
                let star = Literal { value: value(vec![String::new(), String::new()]), span: name };
                let mut expr = about(Some(&field_name(pieces, name)?), star);
                expr.span = span.to(name);
                Ok(expr)
            }
            _ => Err(self.missing("the name of a field")),
        }
    }

    /// A term, and the terms behind it: neighbours without stars or operators are one text.
    fn words(&mut self, mut pieces: Vec<String>, mut span: Span) -> Literal {
        while pieces.len() == 1 {
            let [Token { kind: Kind::Term(next), span: end }, behind @ ..] = &self.tokens[self.at..] else { break };
            if next.len() > 1 || behind.first().is_some_and(|token| token.kind == Kind::Colon) {
                break;
            }
            pieces[0].push(' ');
            pieces[0].push_str(&next[0]);
            span = span.to(*end);
            self.at += 1;
        }
        Literal { value: value(pieces), span }
    }

    fn missing(&self, what: &str) -> KqlError {
        let span = self.peek().map_or(Span { start: self.end, end: self.end }, |token| token.span);
        KqlError::syntax(span, format!("expected {what}"))
    }
}

/// `field:literal`, `field:>=literal`, or the literal anywhere.
fn about(field: Option<&Literal>, literal: Literal) -> Expr {
    let span = literal.span;
    let Some(field) = field.cloned() else { return Expr { kind: ExprKind::Value(literal), span } };
    if let Value::Word(text) = &literal.value {
        let operators = [
            (">=", RangeOp::GreaterOrEqual),
            ("<=", RangeOp::LessOrEqual),
            (">", RangeOp::Greater),
            ("<", RangeOp::Less),
        ];
        let range = operators.into_iter().find_map(|(token, op)| Some((op, text.strip_prefix(token)?)));
        if let Some((op, bound)) = range.filter(|(_, bound)| !bound.is_empty()) {
            let bound = Literal { value: Value::Word(bound.to_owned()), span };
            return Expr { kind: ExprKind::Range(field, op, bound), span };
        }
    }
    Expr { kind: ExprKind::Field(field, Values::One(literal)), span }
}

fn between(field: Option<&Literal>, span: Span, lower: Bound, upper: Bound) -> Result<Expr, KqlError> {
    let field = field.ok_or_else(|| without_field(span))?.clone();
    let literal = |bound: Bound| bound.text.map(|text| Literal { value: Value::Quoted(text), span: bound.span });
    let lower_op = if lower.included { RangeOp::GreaterOrEqual } else { RangeOp::Greater };
    let upper_op = if upper.included { RangeOp::LessOrEqual } else { RangeOp::Less };
    let kind = match (literal(lower), literal(upper)) {
        (Some(lower), Some(upper)) => ExprKind::Between(field, (lower_op, lower), (upper_op, upper)),
        (Some(lower), None) => ExprKind::Range(field, lower_op, lower),
        (None, Some(upper)) => ExprKind::Range(field, upper_op, upper),
        (None, None) => ExprKind::Field(field, Values::One(Literal { value: value(vec![String::new(); 2]), span })),
    };
    Ok(Expr { kind, span })
}

fn without_field(span: Span) -> KqlError {
    KqlError::syntax(span, "a range needs a field in front of it: field:[lower TO upper]")
}

fn field_name(pieces: Vec<String>, span: Span) -> Result<Literal, KqlError> {
    if pieces.len() > 1 && pieces != ["", ""] {
        let message = "patterns in field names cannot be read: only a subset of Lucene's syntax is supported";
        return Err(
            KqlError::syntax(span, message).with_help("name each field, or write the query in KQL (language: kuery)")
        );
    }
    Ok(Literal { value: value(pieces), span })
}

fn value(mut pieces: Vec<String>) -> Value {
    if pieces.len() > 1 { Value::Pattern(Pattern { pieces }) } else { Value::Word(pieces.pop().unwrap_or_default()) }
}

/// The meaning of a group: all that is required, nothing that is prohibited, and one of the optional if nothing is required.
fn combine(clauses: Vec<(Occur, Expr)>) -> Expr {
    let span = clauses[0].1.span.to(clauses[clauses.len() - 1].1.span);
    let required = clauses.iter().any(|(occur, _)| *occur == Occur::Must);
    let (mut all, mut any) = (Vec::new(), Vec::new());
    for (occur, expr) in clauses {
        let span = expr.span;
        match occur {
            Occur::Must => all.push(expr),
            Occur::MustNot => all.push(Expr { kind: ExprKind::Not(Box::new(expr)), span }),
            Occur::Should => any.push(expr),
        }
    }
    // What is optional beside something required decides nothing, but must still fit the mappings.
    if required && !any.is_empty() {
        any.push(Expr { kind: ExprKind::Everything, span: Span { start: span.end, end: span.end } });
    }
    if any.len() > 1 {
        all.push(Expr { kind: ExprKind::Or(any), span });
    } else {
        all.append(&mut any);
    }
    if all.len() > 1 { Expr { kind: ExprKind::And(all), span } } else { all.remove(0) }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::ecs::{Layout, Mappings, Row};
    use crate::kql::{KqlErrorKind, compile};
    use crate::time::Millis;

    fn matches(query: &str, source: &Json) -> bool {
        let mappings = json!({
            "a": "keyword", "b": "keyword", "c": "keyword", "n": "long", "t": "text", "d": "date", "ip": "ip", "x y": "keyword"
        });
        let mappings = Mappings::from_json(mappings.as_object().expect("an object")).expect("valid mappings");
        let expr = parse(query).unwrap_or_else(|error| panic!("{}", error.render(query)));
        let mut layout = Layout::new();
        let predicate = compile(&expr, &mappings, &mut layout, Millis(0)).unwrap_or_else(|error| panic!("{error}"));
        let mut row = Row::new();
        row.load(&layout, source.to_string().as_bytes()).expect("readable");
        predicate.matches(&row)
    }

    /// Which combinations of `a:x`, `b:x` and `c:x` match.
    fn table(query: &str) -> Vec<&'static str> {
        let combinations = ["", "a", "b", "c", "ab", "ac", "bc", "abc"];
        let source = |names: &str| names.chars().map(|name| (name.to_string(), json!("x"))).collect::<Json>();
        combinations.into_iter().filter(|names| matches(query, &source(names))).collect()
    }

    #[test]
    fn operators_have_the_classic_meaning() {
        assert_eq!(table("a:x AND b:x"), ["ab", "abc"]);
        assert_eq!(table("a:x b:x"), ["a", "b", "ab", "ac", "bc", "abc"]);
        assert_eq!(table("a:x OR b:x AND c:x"), ["bc", "abc"]);
        assert_eq!(table("a:x AND b:x OR c:x"), ["ab", "abc"]);
        assert_eq!(table("(a:x OR b:x) && c:x"), ["ac", "bc", "abc"]);
        assert_eq!(table("a:x NOT b:x"), ["a", "ac"]);
        assert_eq!(table("+a:x -b:x c:x"), ["a", "ac"]);
        assert_eq!(table("a:x AND NOT (b:x || c:x)"), ["a"]);
        assert_eq!(table("NOT a:x"), ["", "b", "c", "bc"]);
        assert_eq!(table("!a:x !b:x"), ["", "c"]);
        assert_eq!(table("a:x AND (NOT b:x)"), ["a", "ac"]);
        assert_eq!(table("*:*").len(), 8);
        assert_eq!(table("").len(), 8);
        assert_eq!(table("a:* _exists_:b"), ["a", "b", "ab", "ac", "bc", "abc"]);
    }

    #[test]
    fn values_are_read_by_the_mapping() {
        let source =
            json!({"a": "web 1", "b": "x-y", "n": [1, 9], "t": "Failed password", "d": "2024-05-01T12:00:00Z"});
        for (query, expected) in [
            (r#"a:"web 1""#, true),
            ("a:(web 1)", true),
            ("a:web 7", false),
            (r"a:web\ 1", true),
            ("a:we*", true),
            ("a:w*1", true),
            (r"a:w\*", false),
            ("b:x-y", true),
            ("t:(password OR nothing)", true),
            ("t:PASS*", true),
            (r#"t:"failed password""#, true),
            (r#"t:"password failed""#, false),
            ("password", true),
            ("9", true),
            ("n:>8", true),
            ("n:>=9 AND n:<2", true),
            ("n:(>9 OR <1)", false),
            ("n:[2 TO 8]", false),
            ("n:[1 TO 8]", true),
            ("n:{1 TO 9}", false),
            ("n:{1 TO 9]", true),
            ("n:[* TO 1]", true),
            ("n:[* TO *]", true),
            ("ip:[* TO *]", false),
            ("d:[2024-05-01 TO 2024-05-01]", true),
            (r#"d:{2024-04-30 TO "2024-05-01T12:00:00Z"}"#, false),
            ("d:[2024-05-01T12:00:00Z TO now]", false),
            ("none:x", false),
            ("NOT none:x", true),
        ] {
            assert_eq!(matches(query, &source), expected, "{query}");
        }
    }

    #[test]
    fn what_is_beyond_the_subset_is_refused_by_name() {
        for (query, message) in [
            ("a:x?", "'?'"),
            ("a:/x.*/", "regular expression"),
            ("a:/usr/bin", "regular expression"),
            ("a:x~2", "fuzzy"),
            (r#"t:"a b"~3"#, "proximity"),
            ("a:x^2", "boosting"),
            ("a*:x", "patterns in field names"),
            ("(a:x", "never closed"),
            ("a:x)", "closes nothing"),
            ("a:", "expected a value"),
            ("AND a:x", "expected a field"),
            ("a:x AND", "expected a value"),
            ("a:[1 2]", "expected a range"),
            ("[1 TO 2]", "needs a field"),
            ("a:\"x", "never closed"),
            ("a:x\\", "escapes nothing"),
            ("a:}", "unexpected '}'"),
        ] {
            let error = parse(query).expect_err(query);
            assert_eq!(error.kind, KqlErrorKind::Syntax);
            assert!(error.message.contains(message) && !error.render(query).is_empty(), "{query}: {error}");
        }
        let deep = format!("{}a{}", "(".repeat(100_000), ")".repeat(100_000));
        assert!(parse(&deep).is_err());
        assert!(parse(&"a ".repeat(2_000_000)).is_err());
        assert!(parse(&"a ".repeat(500_000)).is_ok());
    }

    proptest::proptest! {
        #[test]
        fn nothing_panics(text in r#"([ab]|[ ()\[\]{}:"*?\\/~^+!<>=&|é-]|AND |OR |NOT | TO ){0,12}"#) {
            if let Err(error) = parse(&text) {
                proptest::prop_assert!(!error.render(&text).is_empty());
            }
        }
    }
}
