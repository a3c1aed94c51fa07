//! What is wrong with a scenario file: where, what, and what to write instead.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One thing that is wrong, with its place: `catalog/a.toml:12: unknown key 'alrts'; the nearest known key is 'alerts'`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, as it was named by the caller.
    pub path: PathBuf,
    /// Line number from 1, if it belongs to one.
    pub line: Option<usize>,
    /// What is wrong and what to do.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.path.display(), self.what),
            None => write!(f, "{}: {}", self.path.display(), self.what),
        }
    }
}

impl std::error::Error for Problem {}

/// A scenario file's name and text: turns byte positions into lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    path: PathBuf,
    text: Arc<str>,
}

impl Source {
    /// Text and the name that errors give it.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, text: &str) -> Source {
        Source { path: path.into(), text: text.into() }
    }

    /// The name.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The whole text, as it was read.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The comment lines at the top of the file, without `#`: the story of the scenario.
    #[must_use]
    pub fn story(&self) -> String {
        let lines = self.text.lines().map_while(|line| line.strip_prefix('#').map(str::trim));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// A problem at a byte range of the text.
    pub(crate) fn problem(&self, span: Range<usize>, what: impl Into<String>) -> Problem {
        let before = self.text.as_bytes().get(..span.start).unwrap_or_default();
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        Problem { path: self.path.clone(), line: Some(line), what: what.into() }
    }

    /// A problem of the whole file.
    pub(crate) fn whole(&self, what: impl Into<String>) -> Problem {
        Problem { path: self.path.clone(), line: None, what: what.into() }
    }
}

/// `; the nearest known NOUN is 'X'`, or the whole list if nothing is near.
pub(crate) fn nearest<'a>(noun: &str, wrong: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    let best = known.iter().map(|name| (strsim::damerau_levenshtein(name, wrong), name)).min();
    match best {
        Some((distance, name)) if distance <= 1 + wrong.len() / 3 => format!("; the nearest known {noun} is '{name}'"),
        _ => format!("; known: {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_becomes_a_line() {
        let source = Source::new("a.toml", "one\ntwo\nthree");
        assert_eq!(source.problem(3..3, "x").to_string(), "a.toml:1: x");
        assert_eq!(source.problem(4..5, "x").to_string(), "a.toml:2: x");
        assert_eq!(source.problem(99..99, "x").line, Some(1), "a position outside the text does not panic");
    }

    #[test]
    fn the_story_is_the_first_comment() {
        let source = Source::new("a.toml", "# First.\n# Second.\n\n# not this\nid = 'a'\n");
        assert_eq!(source.story(), "First.\nSecond.");
    }

    #[test]
    fn something_near_is_named_and_nothing_near_lists_all() {
        assert_eq!(nearest("key", "alrts", ["alerts", "terms"]), "; the nearest known key is 'alerts'");
        assert_eq!(nearest("key", "zzzzzz", ["alerts", "terms"]), "; known: alerts, terms");
    }
}
