//! The lowest layer of the grammar: white space, keywords, quoted and unquoted literals.
//!
//! Every function reads each byte a bounded number of times, so parsing is linear in the length of the text.

use super::ast::{Literal, Pattern, Span, Value};
use super::error::KqlError;

/// A place in the text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'q> {
    pub(super) text: &'q str,
    pub(super) at: usize,
}

/// White space of the grammar: fewer characters than Unicode's.
pub(super) fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n' | '\u{a0}')
}

/// Characters that an unquoted literal holds only escaped.
pub(super) fn is_special(c: char) -> bool {
    matches!(c, '\\' | '(' | ')' | ':' | '<' | '>' | '"' | '*' | '{' | '}')
}

/// White space that is cut off the edges of unquoted literals: that of JavaScript's `trim`.
pub(super) fn is_trimmed(c: char) -> bool {
    (c.is_whitespace() && c != '\u{85}') || c == '\u{feff}'
}

impl<'q> Cursor<'q> {
    pub(super) fn rest(&self) -> &'q str {
        &self.text[self.at..]
    }

    pub(super) fn skip_spaces(&mut self) {
        self.at = self.text.len() - self.rest().trim_start_matches(is_space).len();
    }

    pub(super) fn eat(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    /// Reads a keyword between white space (`or`, `and`), or reads nothing.
    pub(super) fn eat_connective(&mut self, keyword: &str) -> bool {
        let mut ahead = *self;
        ahead.skip_spaces();
        let found = ahead.at > self.at && ahead.eat_keyword(keyword);
        if found {
            *self = ahead;
        }
        found
    }

    /// Reads a keyword and the white space behind it, or reads nothing.
    pub(super) fn eat_keyword(&mut self, keyword: &str) -> bool {
        let found = starts_with_keyword(self.rest(), keyword);
        if found {
            self.at += keyword.len();
            self.skip_spaces();
        }
        found
    }

    /// Reads a literal; `what` names it in the error.
    pub(super) fn literal(&mut self, what: &str) -> Result<Literal, KqlError> {
        if self.rest().starts_with('"') { self.quoted() } else { self.unquoted(what) }
    }

    fn quoted(&mut self) -> Result<Literal, KqlError> {
        let start = self.at;
        let mut text = Utf16Text::default();
        self.at += 1;
        loop {
            let rest = self.rest();
            let run = rest.find(['"', '\\']).unwrap_or(rest.len());
            text.push_str(&rest[..run]);
            self.at += run;
            if self.eat("\"") {
                let span = Span { start, end: self.at };
                return Ok(Literal { value: Value::Quoted(text.finish()), span });
            }
            if self.rest().is_empty() {
                let span = Span { start, end: start + 1 };
                return Err(KqlError::syntax(span, "this quotation mark is never closed"));
            }
            match self.escape() {
                Some(Escape::Char(c)) if !is_special(c) || c == '\\' || c == '"' => text.push(c),
                Some(Escape::Unit(unit)) => text.push_unit(unit),
                // Any other backslash is literal.
                _ => {
                    text.push('\\');
                    self.at += 1;
                    continue;
                }
            }
            self.at += self.escape_length();
        }
    }

    fn unquoted(&mut self, what: &str) -> Result<Literal, KqlError> {
        let start = self.at;
        let mut pieces = Vec::new();
        let mut text = Utf16Text::default();
        while let Some(c) = self.rest().chars().next() {
            match c {
                '*' => {
                    pieces.push(std::mem::take(&mut text).finish());
                    self.at += 1;
                }
                '\\' => {
                    self.push_escaped(&mut text)?;
                }
                _ if is_special(c) || starts_with_keyword(self.rest(), "not") => break,
                _ if is_space(c) => {
                    let mut ahead = *self;
                    ahead.skip_spaces();
                    if ["or", "and"].iter().any(|keyword| starts_with_keyword(ahead.rest(), keyword)) {
                        break;
                    }
                    text.push_str(&self.text[self.at..ahead.at]);
                    *self = ahead;
                }
                _ => {
                    text.push(c);
                    self.at += c.len_utf8();
                }
            }
        }
        if self.at == start {
            return Err(self.missing_literal(what));
        }
        pieces.push(text.finish());
        let written = self.text[start..self.at].trim_end_matches(is_trimmed);
        let span = Span { start, end: start + written.len() };
        Ok(Literal { value: unquoted_value(pieces), span })
    }

    /// Reads an escape of an unquoted literal.
    fn push_escaped(&mut self, text: &mut Utf16Text) -> Result<(), KqlError> {
        match self.escape() {
            Some(Escape::Char(c)) => text.push(c),
            Some(Escape::Unit(unit)) => text.push_unit(unit),
            None => {
                let behind = &self.rest()[1..];
                let keyword = ["or", "and", "not"].into_iter().find(|keyword| starts_with_letters(behind, keyword));
                let Some(keyword) = keyword else {
                    let length = behind.chars().next().map_or(0, char::len_utf8);
                    let span = Span { start: self.at, end: self.at + 1 + length };
                    let found = &self.text[span.start..span.end];
                    return Err(KqlError::syntax(span, format!("'{found}' is no escape"))
                        .with_help("write '\\\\' for a backslash, or quote the text"));
                };
                text.push_str(&behind[..keyword.len()]);
                self.at += 1 + keyword.len();
                return Ok(());
            }
        }
        self.at += self.escape_length();
        Ok(())
    }

    /// The escape at the backslash here, keywords aside.
    fn escape(&self) -> Option<Escape> {
        let behind = &self.rest()[1..];
        match behind.chars().next()? {
            't' => Some(Escape::Char('\t')),
            'r' => Some(Escape::Char('\r')),
            'n' => Some(Escape::Char('\n')),
            'u' => {
                let digits = behind.get(1..5).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
                u16::from_str_radix(digits, 16).ok().map(Escape::Unit)
            }
            c if is_special(c) => Some(Escape::Char(c)),
            _ => None,
        }
    }

    /// The length of the escape here, given that there is one: `\uXXXX`, or a backslash and one ASCII character.
    fn escape_length(&self) -> usize {
        if self.rest()[1..].starts_with('u') { 6 } else { 2 }
    }

    fn missing_literal(&self, what: &str) -> KqlError {
        let error = KqlError::syntax(self.found_span(), format!("expected {what}, found {}", self.found()));
        match what {
            _ if !starts_with_keyword(self.rest(), "not") => error,
            "a value" => error.with_help("a negation of values needs parentheses: field: (not value)"),
            _ => error.with_help("a second 'not' needs parentheses: not (not ...)"),
        }
    }

    /// What stands here, for an error message.
    pub(super) fn found(&self) -> String {
        match &self.text[self.found_span().start..self.found_span().end] {
            "" => "the end of the query".to_owned(),
            found => format!("'{found}'"),
        }
    }

    /// The token that stands here: a keyword, a word or one character.
    pub(super) fn found_span(&self) -> Span {
        let rest = self.rest();
        let word = rest.find(|c| is_space(c) || is_special(c)).unwrap_or(rest.len());
        let length = match rest.chars().next() {
            None => 0,
            Some(_) if starts_with_keyword(rest, "not") => 3,
            Some(c) if word == 0 => c.len_utf8(),
            Some(_) => rest[..word].char_indices().nth(40).map_or(word, |(index, _)| index),
        };
        Span { start: self.at, end: self.at + length }
    }
}

enum Escape {
    Char(char),
    /// `\uXXXX`: one UTF-16 code unit, possibly half of a character.
    Unit(u16),
}

/// Text under construction; two `\uXXXX` escapes may make one character.
#[derive(Default)]
struct Utf16Text {
    text: String,
    high: Option<u16>,
}

impl Utf16Text {
    fn push(&mut self, c: char) {
        self.flush();
        self.text.push(c);
    }

    fn push_str(&mut self, text: &str) {
        if !text.is_empty() {
            self.flush();
            self.text.push_str(text);
        }
    }

    fn push_unit(&mut self, unit: u16) {
        if let Some(high) = self.high.take() {
            if let Some(Ok(c)) = char::decode_utf16([high, unit]).next() {
                self.text.push(c);
                return;
            }
            self.text.push(char::REPLACEMENT_CHARACTER);
        }
        match char::from_u32(u32::from(unit)) {
            Some(c) => self.text.push(c),
            None => self.high = Some(unit),
        }
    }

    /// Half a character without its other half is none.
    fn flush(&mut self) {
        if self.high.take().is_some() {
            self.text.push(char::REPLACEMENT_CHARACTER);
        }
    }

    fn finish(mut self) -> String {
        self.flush();
        self.text
    }
}

fn unquoted_value(mut pieces: Vec<String>) -> Value {
    if let Some(first) = pieces.first_mut() {
        *first = first.trim_start_matches(is_trimmed).to_owned();
    }
    if let Some(last) = pieces.last_mut() {
        last.truncate(last.trim_end_matches(is_trimmed).len());
    }
    if pieces.len() > 1 {
        return Value::Pattern(Pattern { pieces });
    }
    match pieces.pop().unwrap_or_default() {
        text if text == "null" => Value::Null,
        text if text == "true" => Value::Bool(true),
        text if text == "false" => Value::Bool(false),
        text => Value::Word(text),
    }
}

/// Whether the text starts with the keyword, in any case, and white space.
fn starts_with_keyword(text: &str, keyword: &str) -> bool {
    starts_with_letters(text, keyword) && text[keyword.len()..].starts_with(is_space)
}

fn starts_with_letters(text: &str, letters: &str) -> bool {
    text.get(..letters.len()).is_some_and(|start| start.eq_ignore_ascii_case(letters))
}
