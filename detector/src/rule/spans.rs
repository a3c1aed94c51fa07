//! Where the fields of a rule stand in its text, so that an error can point at them.

use std::collections::HashMap;
use std::ops::Range;

/// Byte ranges of values by dotted path in the names of the API; items of lists carry their number (`threat.0.tactic`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Spans(HashMap<String, Range<usize>>);

impl Spans {
    pub(super) fn insert(&mut self, path: String, span: Range<usize>) {
        self.0.entry(path).or_insert(span);
    }

    /// The range of a field, or of the innermost known part around it.
    pub(super) fn of(&self, path: &str) -> Option<Range<usize>> {
        let mut path = path;
        loop {
            if let Some(span) = self.0.get(path) {
                return Some(span.clone());
            }
            path = &path[..path.rfind('.')?];
        }
    }

    /// Reads the ranges out of a JSON value that stands at `start` of a text and is known to be valid.
    pub(super) fn of_json(text: &str, start: usize) -> Spans {
        let mut scanner = Scanner { text, at: start, spans: Spans::default() };
        scanner.value("");
        scanner.spans
    }
}

/// `path.name`
pub(super) fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// Walks over JSON that serde has accepted already, hence no errors, and no deeper than serde allows.
struct Scanner<'t> {
    text: &'t str,
    at: usize,
    spans: Spans,
}

impl Scanner<'_> {
    fn value(&mut self, path: &str) {
        self.space();
        let start = self.at;
        match self.peek() {
            Some(b'{') => self.items(path, b'}'),
            Some(b'[') => self.items(path, b']'),
            Some(b'"') => {
                self.string();
            }
            _ => {
                while self.peek().is_some_and(|byte| !b",]} \t\r\n".contains(&byte)) {
                    self.at += 1;
                }
            }
        }
        self.spans.insert(path.to_owned(), start..self.at);
    }

    fn items(&mut self, path: &str, end: u8) {
        self.at += 1;
        for number in 0.. {
            self.space();
            let Some(byte) = self.peek().filter(|byte| *byte != end) else { break };
            let name = if end == b'}' && byte == b'"' {
                let name = self.string();
                self.space();
                self.at += 1; // the colon
                name
            } else {
                number.to_string()
            };
            let before = self.at;
            self.value(&join(path, &name));
            self.space();
            if self.peek() == Some(b',') {
                self.at += 1;
            }
            if self.at == before {
                break;
            }
        }
        self.at = (self.at + 1).min(self.text.len());
    }

    fn string(&mut self) -> String {
        let start = self.at;
        self.at += 1;
        while let Some(byte) = self.peek() {
            self.at += 1;
            match byte {
                b'\\' => self.at += 1,
                b'"' => break,
                _ => {}
            }
        }
        self.text.get(start..self.at).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }

    fn space(&mut self) {
        while self.peek().is_some_and(|byte| b" \t\r\n".contains(&byte)) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_values_are_found_by_their_path() {
        let text = r#"  {"a": {"b\"": [1, {"c": "x,]"}]}, "d" : -7.5e3 , "e":[]}"#;
        let spans = Spans::of_json(text, 2);
        let at = |path: &str| &text[spans.of(path).expect("known")];
        assert_eq!(at("d"), "-7.5e3");
        assert_eq!(at("a.b\".0"), "1");
        assert_eq!(at("a.b\".1.c"), "\"x,]\"");
        assert_eq!(at("e"), "[]");
    }

    #[test]
    fn an_unknown_field_is_where_its_parent_is() {
        let text = r#"{"a": {"b": 1}}"#;
        let spans = Spans::of_json(text, 0);
        assert_eq!(&text[spans.of("a.zzz.y").expect("parent")], r#"{"b": 1}"#);
        assert_eq!(spans.of("zzz"), None);
    }
}
