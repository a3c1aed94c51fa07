//! The tree of a query. Parentheses are gone, everything else is as it was written.
//!
//! Two trees are equal if they say the same: spans are not compared.

/// A range of bytes of the query text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// Behind the last byte.
    pub end: usize,
}

/// A query, or a part of one.
#[derive(Clone, Debug)]
pub struct Expr {
    /// What it says.
    pub kind: ExprKind,
    /// Where it stands.
    pub span: Span,
}

/// The forms of a query.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// Empty text: every document.
    Everything,
    /// `a or b or c`: at least two.
    Or(Vec<Expr>),
    /// `a and b and c`: at least two.
    And(Vec<Expr>),
    /// `not a`
    Not(Box<Expr>),
    /// `path: { query }`
    Nested(Literal, Box<Expr>),
    /// `field < value`
    Range(Literal, RangeOp, Literal),
    /// One value lies between both bounds: Lucene's `field:[a TO b]`. KQL's own text has no such form.
    Between(Literal, (RangeOp, Literal), (RangeOp, Literal)),
    /// `field: value`, `field: (x or y)`
    Field(Literal, Values),
    /// A value without a field.
    Value(Literal),
}

/// What stands behind `field:`.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// `x or y`: at least two.
    Or(Vec<Values>),
    /// `x and y`: at least two.
    And(Vec<Values>),
    /// `not x`
    Not(Box<Values>),
    /// `x`
    One(Literal),
}

/// A field name or a value.
#[derive(Clone, Debug)]
pub struct Literal {
    /// What it says.
    pub value: Value,
    /// Where it stands.
    pub span: Span,
}

/// The forms of a literal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Unquoted `null`.
    Null,
    /// Unquoted `true` or `false`.
    Bool(bool),
    /// Any other unquoted text without a star, its escapes resolved and its edges trimmed. Numbers are text.
    Word(String),
    /// Quoted text, its escapes resolved.
    Quoted(String),
    /// Unquoted text with stars.
    Pattern(Pattern),
}

/// Text with stars: what stands before, between and behind them, so one piece more than there are stars.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// At least two pieces, possibly empty.
    pub pieces: Vec<String>,
}

/// Comparisons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RangeOp {
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// A field that a query names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldUse {
    /// The whole name, nested groups included; may be a pattern.
    pub name: String,
    /// Whether `name` is a pattern with stars.
    pub pattern: bool,
    /// Where it stands.
    pub span: Span,
}

impl PartialEq for Expr {
    fn eq(&self, other: &Expr) -> bool {
        self.kind == other.kind
    }
}

impl PartialEq for Literal {
    fn eq(&self, other: &Literal) -> bool {
        self.value == other.value
    }
}

impl Span {
    /// The span from the start of this one to the end of another.
    #[must_use]
    pub fn to(self, end: Span) -> Span {
        Span { start: self.start, end: end.end }
    }
}

impl Expr {
    /// The fields that the query names, in the order of the text, repeated ones included. Free text names none.
    #[must_use]
    pub fn fields(&self) -> Vec<FieldUse> {
        let mut found = Vec::new();
        self.collect_fields("", &mut found);
        found
    }

    fn collect_fields(&self, prefix: &str, found: &mut Vec<FieldUse>) {
        match &self.kind {
            ExprKind::Everything | ExprKind::Value(_) => {}
            ExprKind::Or(parts) | ExprKind::And(parts) => {
                parts.iter().for_each(|part| part.collect_fields(prefix, found));
            }
            ExprKind::Not(inner) => inner.collect_fields(prefix, found),
            ExprKind::Nested(path, inner) => {
                let path = path.value.text();
                inner.collect_fields(&format!("{prefix}{path}."), found);
            }
            ExprKind::Range(field, ..) | ExprKind::Between(field, ..) | ExprKind::Field(field, _) => {
                if field.value != Value::Null {
                    let name = format!("{prefix}{}", field.value.text());
                    let pattern = matches!(field.value, Value::Pattern(_));
                    found.push(FieldUse { name, pattern, span: field.span });
                }
            }
        }
    }
}

impl Value {
    /// The text that is compared; stars stand for themselves, null is `null`.
    pub(crate) fn text(&self) -> std::borrow::Cow<'_, str> {
        match self {
            Value::Null => "null".into(),
            Value::Bool(true) => "true".into(),
            Value::Bool(false) => "false".into(),
            Value::Word(text) | Value::Quoted(text) => text.into(),
            Value::Pattern(pattern) => pattern.pieces.join("*").into(),
        }
    }

    /// Whether this is `*`, which asks for existence.
    pub(super) fn is_lone_star(&self) -> bool {
        matches!(self, Value::Pattern(pattern) if pattern.pieces.len() == 2 && pattern.is_only_stars())
    }
}

impl Pattern {
    /// Whether nothing stands between the stars.
    pub(super) fn is_only_stars(&self) -> bool {
        self.pieces.iter().all(String::is_empty)
    }
}
