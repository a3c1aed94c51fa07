//! The tokens of Lucene's classic query parser.

use crate::kql::{KqlError, Span};

/// A token and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) span: Span,
}

/// What a token is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Text up to white space or syntax, escapes resolved: the pieces between its stars, so a single one if it has none.
    Term(Vec<String>),
    Quoted(String),
    /// `[a TO b]`, with the brackets that were written.
    Range {
        lower: Bound,
        upper: Bound,
    },
    And,
    Or,
    /// `NOT`, `!` or `-`
    Not,
    Plus,
    Open,
    Close,
    Colon,
}

/// One end of a range; `None` is `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bound {
    pub(super) text: Option<String>,
    pub(super) included: bool,
    pub(super) span: Span,
}

/// Cuts a text into tokens.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, KqlError> {
    let mut lexer = Lexer { text, at: 0 };
    let mut tokens = Vec::new();
    loop {
        lexer.at = text.len() - lexer.rest().trim_start_matches(is_space).len();
        if lexer.rest().is_empty() {
            return Ok(tokens);
        }
        let start = lexer.at;
        let kind = lexer.token()?;
        tokens.push(Token { kind, span: Span { start, end: lexer.at } });
    }
}

/// White space of the query parser.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{3000}')
}

fn ends_term(c: char) -> bool {
    is_space(c) || "!(){}[]^\"~*?:\\/".contains(c)
}

struct Lexer<'q> {
    text: &'q str,
    at: usize,
}

impl<'q> Lexer<'q> {
    fn rest(&self) -> &'q str {
        &self.text[self.at..]
    }

    fn token(&mut self) -> Result<Kind, KqlError> {
        let fixed = [
            ("!", Kind::Not),
            ("-", Kind::Not),
            ("+", Kind::Plus),
            ("(", Kind::Open),
            (")", Kind::Close),
            (":", Kind::Colon),
        ];
        if let Some((token, kind)) = fixed.into_iter().find(|(token, _)| self.rest().starts_with(token)) {
            self.at += token.len();
            return Ok(kind);
        }
        match self.rest().chars().next() {
            Some('"') => self.quoted(),
            Some('[' | '{') => self.range(),
            Some(c @ (']' | '}')) => {
                Err(KqlError::syntax(self.here(1), format!("unexpected '{c}'")).with_help(format!("write '\\{c}'")))
            }
            _ => self.term(),
        }
    }

    fn term(&mut self) -> Result<Kind, KqlError> {
        let start = self.at;
        let mut pieces = vec![String::new()];
        while let Some(c) = self.rest().chars().next() {
            match c {
                '\\' => {
                    let escaped = self.escaped()?;
                    last(&mut pieces).push(escaped);
                    continue;
                }
                '*' => pieces.push(String::new()),
                '?' => return Err(self.unsupported(1, "the pattern character '?'")),
                '~' => return Err(self.unsupported(1, "fuzzy search")),
                '^' => return Err(self.unsupported(1, "boosting")),
                '/' => {
                    let error =
                        KqlError::syntax(self.here(1), "a slash starts a regular expression, which cannot be read");
                    return Err(error.with_help("quote the text, or write '\\/'"));
                }
                c if ends_term(c) => break,
                c => last(&mut pieces).push(c),
            }
            self.at += c.len_utf8();
        }
        Ok(match &self.text[start..self.at] {
            "AND" | "&&" => Kind::And,
            "OR" | "||" => Kind::Or,
            "NOT" => Kind::Not,
            _ => Kind::Term(pieces),
        })
    }

    fn quoted(&mut self) -> Result<Kind, KqlError> {
        let start = self.at;
        let mut text = String::new();
        self.at += 1;
        loop {
            match self.rest().chars().next() {
                None => {
                    let span = Span { start, end: start + 1 };
                    return Err(KqlError::syntax(span, "this quotation mark is never closed"));
                }
                Some('"') => break,
                Some('\\') => text.push(self.escaped()?),
                Some(c) => {
                    text.push(c);
                    self.at += c.len_utf8();
                }
            }
        }
        self.at += 1;
        match self.rest().chars().next() {
            Some('~') => Err(self.unsupported(1, "proximity search")),
            Some('^') => Err(self.unsupported(1, "boosting")),
            _ => Ok(Kind::Quoted(text)),
        }
    }

    /// A backslash and the character behind it.
    fn escaped(&mut self) -> Result<char, KqlError> {
        let Some(c) = self.rest()[1..].chars().next() else {
            return Err(KqlError::syntax(self.here(1), "a backslash at the end escapes nothing"));
        };
        if c == 'u' {
            return Err(self.unsupported(2, "the escape \\uXXXX"));
        }
        self.at += 1 + c.len_utf8();
        Ok(c)
    }

    fn range(&mut self) -> Result<Kind, KqlError> {
        let start = self.at;
        let included = self.rest().starts_with('[');
        let error = |at: usize| {
            KqlError::syntax(
                Span { start, end: at.max(start + 1) },
                "expected a range: [lower TO upper] or {lower TO upper}",
            )
        };
        self.at += 1;
        let (text, span) = self.bound().ok_or_else(|| error(self.at))?;
        let lower = Bound { text, included, span };
        let to = self.bound().filter(|(text, _)| text.as_deref() == Some("TO"));
        to.ok_or_else(|| error(self.at))?;
        let (text, span) = self.bound().ok_or_else(|| error(self.at))?;
        self.at += self.rest().len() - self.rest().trim_start_matches(is_space).len();
        let included = match self.rest().chars().next() {
            Some(']') => true,
            Some('}') => false,
            _ => return Err(error(self.at)),
        };
        self.at += 1;
        Ok(Kind::Range { lower, upper: Bound { text, included, span } })
    }

    /// One word inside the brackets of a range, or a quoted text.
    fn bound(&mut self) -> Option<(Option<String>, Span)> {
        self.at += self.rest().len() - self.rest().trim_start_matches(is_space).len();
        let start = self.at;
        if self.rest().starts_with('"') {
            let Ok(Kind::Quoted(text)) = self.quoted() else { return None };
            return Some((Some(text), Span { start, end: self.at }));
        }
        let rest = self.rest();
        let word = &rest[..rest.find(|c| is_space(c) || c == ']' || c == '}').unwrap_or(rest.len())];
        self.at += word.len();
        let mut escaped = false;
        let unescape = |c: &char| {
            escaped = *c == '\\' && !escaped;
            !escaped
        };
        let text = (word != "*").then(|| word.chars().filter(unescape).collect());
        (!word.is_empty()).then_some((text, Span { start, end: self.at }))
    }

    fn here(&self, length: usize) -> Span {
        Span { start: self.at, end: self.at + length }
    }

    fn unsupported(&self, length: usize, what: &str) -> KqlError {
        let message = format!("{what} cannot be read: only a subset of Lucene's syntax is supported");
        KqlError::syntax(self.here(length), message).with_help("write the query in KQL (language: kuery)")
    }
}

fn last(pieces: &mut [String]) -> &mut String {
    pieces.last_mut().expect("there is always a piece")
}
