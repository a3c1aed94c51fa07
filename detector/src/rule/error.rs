//! What is wrong with a rule file, and where.

use std::fmt;

/// A line and a column, both from 1; the column counts characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Line.
    pub line: usize,
    /// Column.
    pub column: usize,
}

impl Position {
    /// The position of a byte of a text; an offset beyond the text is its end.
    #[must_use]
    pub fn of(text: &str, offset: usize) -> Position {
        let before = &text.as_bytes()[..offset.min(text.len())];
        let line_start = memchr::memrchr(b'\n', before).map_or(0, |at| at + 1);
        Position {
            line: 1 + memchr::memchr_iter(b'\n', before).count(),
            column: 1 + String::from_utf8_lossy(&before[line_start..]).chars().count(),
        }
    }
}

/// Why a rule cannot be read: `rules/a.toml:12:14: field 'risk_score': expected a number, got "high"`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct RuleError {
    /// The file, or what the caller called the text.
    pub origin: String,
    /// Where in the file, if it is one place.
    pub position: Option<Position>,
    /// The field, as a dotted path in the names of the API (`threshold.value`).
    pub field: Option<String>,
    /// What was expected, what was found, and what to do.
    pub message: String,
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.origin)?;
        if let Some(Position { line, column }) = self.position {
            write!(f, "{line}:{column}:")?;
        }
        if let Some(field) = &self.field {
            write!(f, " field '{field}':")?;
        }
        write!(f, " {}", self.message)
    }
}

/// A field that does not say what it should, before anybody knows where it stands in a file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("field '{field}': {message}")]
pub struct FieldError {
    /// Dotted path in the names of the API.
    pub field: String,
    /// What was expected, and what was found.
    pub message: String,
}

impl FieldError {
    pub(super) fn new(field: impl Into<String>, message: impl Into<String>) -> FieldError {
        FieldError { field: field.into(), message: message.into() }
    }

    /// `expected ..., got ...`, with the value cut to a readable length.
    pub(super) fn expected(field: impl Into<String>, expected: &str, got: &serde_json::Value) -> FieldError {
        FieldError::new(field, format!("expected {expected}, got {}", excerpt(got)))
    }
}

/// The known name that is nearest to what was written, if one is near enough to be what was meant.
#[must_use]
pub fn nearest<'k>(written: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    const LONGEST: usize = 64; // no name of ours is longer, and the distance costs the product of both lengths
    let length = written.chars().take(LONGEST + 1).count();
    if length > LONGEST {
        return None;
    }
    let limit = (length / 3).clamp(1, 4);
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&written.to_lowercase(), &name.to_lowercase()), name))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, name)| name)
}

/// `; did you mean 'x'?` or nothing.
pub(super) fn did_you_mean<'k>(written: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    nearest(written, known).map_or_else(String::new, |name| format!("; did you mean '{name}'?"))
}

/// A value short enough for a message.
fn excerpt(value: &serde_json::Value) -> String {
    const MOST: usize = 60;
    match value {
        serde_json::Value::Array(items) => format!("a list of {}", items.len()),
        serde_json::Value::Object(_) => "a table".to_owned(),
        scalar => {
            let text = scalar.to_string();
            if text.chars().count() <= MOST { text } else { text.chars().take(MOST).chain("...".chars()).collect() }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_and_characters_from_one() {
        let text = "é\nab";
        assert_eq!(Position::of(text, 0), Position { line: 1, column: 1 });
        assert_eq!(Position::of(text, 2), Position { line: 1, column: 2 });
        assert_eq!(Position::of(text, 4), Position { line: 2, column: 2 });
        assert_eq!(Position::of(text, 400), Position { line: 2, column: 3 });
    }

    #[test]
    fn a_near_name_is_found_and_a_far_one_is_not() {
        assert_eq!(nearest("qurey", ["query", "name"]), Some("query"));
        assert_eq!(nearest("Medium", ["low", "medium"]), Some("medium"));
        assert_eq!(nearest("urgent", ["low", "medium", "high", "critical"]), None);
        assert_eq!(nearest("x", ["y", "low"]), Some("y"));
    }

    #[test]
    fn an_error_reads_like_a_compilers() {
        let error = RuleError {
            origin: "a.toml".to_owned(),
            position: Some(Position { line: 3, column: 9 }),
            field: Some("risk_score".to_owned()),
            message: "expected a number".to_owned(),
        };
        assert_eq!(error.to_string(), "a.toml:3:9: field 'risk_score': expected a number");
    }
}
