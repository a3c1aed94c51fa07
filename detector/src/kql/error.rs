//! What is wrong with a query, and where.

use super::ast::Span;

/// A query that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}{}", .help.as_ref().map(|help| format!("; {help}")).unwrap_or_default())]
pub struct KqlError {
    /// Which kind of error it is.
    pub kind: KqlErrorKind,
    /// The offending part of the text; may be empty, at the place where something is missing.
    pub span: Span,
    /// What was expected and what was found.
    pub message: String,
    /// What to write instead, where that is known.
    pub help: Option<String>,
}

/// Kinds of errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KqlErrorKind {
    /// The text is not KQL.
    Syntax,
    /// It is KQL, but the search would be refused: it does not fit the mappings.
    Execution,
}

/// How many characters of a long line are shown on either side of the caret.
const CONTEXT: usize = 60;

impl KqlError {
    pub(crate) fn syntax(span: Span, message: impl Into<String>) -> KqlError {
        KqlError { kind: KqlErrorKind::Syntax, span, message: message.into(), help: None }
    }

    pub(crate) fn execution(span: Span, message: impl Into<String>) -> KqlError {
        KqlError { kind: KqlErrorKind::Execution, span, message: message.into(), help: None }
    }

    pub(crate) fn with_help(mut self, help: impl Into<String>) -> KqlError {
        self.help = Some(help.into());
        self
    }

    /// Line and column of the error in the text that it came from, both from 1; columns count characters.
    #[must_use]
    pub fn position(&self, query: &str) -> (usize, usize) {
        let (line_start, at) = self.line_start(query);
        let line = query[..line_start].matches('\n').count() + 1;
        (line, query[line_start..at].chars().count() + 1)
    }

    /// The message, the line of the text that it is about, and carets under the offending part:
    ///
    /// ```text
    /// line 1, column 15: expected a value, found 'not'
    ///   process.name: not bash
    ///                 ^^^
    ///   help: a negation of values needs parentheses: field: (not value)
    /// ```
    ///
    /// Long lines are cut around the error.
    #[must_use]
    pub fn render(&self, query: &str) -> String {
        let (line_number, column) = self.position(query);
        let (line_start, at) = self.line_start(query);
        let line = query[line_start..].split('\n').next().unwrap_or_default().trim_end_matches('\r');
        let shown_from = line.char_indices().nth((column - 1).saturating_sub(CONTEXT)).map_or(0, |(index, _)| index);
        let at = (at - line_start).min(line.len());
        let shown_to = line[at..].char_indices().nth(CONTEXT).map_or(line.len(), |(index, _)| at + index);
        let (before, after) = (&line[shown_from..at], &line[at..shown_to]);
        let head = if shown_from > 0 { "..." } else { "" };
        let tail = if shown_to < line.len() { "..." } else { "" };

        let length = self.span.end.saturating_sub(self.span.start).min(after.len());
        let marked = after.char_indices().take_while(|(index, _)| *index < length).count();
        let padding: String = before.chars().map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        let mut text = format!(
            "line {line_number}, column {column}: {}\n  {head}{before}{after}{tail}\n  {}{padding}{}",
            self.message,
            " ".repeat(head.len()),
            "^".repeat(marked.max(1)),
        );
        if let Some(help) = &self.help {
            text.push_str("\n  help: ");
            text.push_str(help);
        }
        text
    }

    /// Where the line of the error starts, and the error itself, moved into the text and to a character.
    fn line_start(&self, query: &str) -> (usize, usize) {
        let mut at = self.span.start.min(query.len());
        while !query.is_char_boundary(at) {
            at -= 1;
        }
        (query[..at].rfind('\n').map_or(0, |newline| newline + 1), at)
    }
}

#[cfg(test)]
mod tests {
    use crate::kql::parse;

    fn rendered(query: &str) -> String {
        parse(query).expect_err("refused").render(query)
    }

    #[test]
    fn the_caret_stands_under_the_offending_text() {
        assert_eq!(
            rendered("process.name: not bash"),
            "line 1, column 15: expected a value, found 'not'\n  \
               process.name: not bash\n                \
                             ^^^\n  \
             help: a negation of values needs parentheses: field: (not value)"
        );
    }

    #[test]
    fn the_right_line_of_several_is_shown_and_tabs_keep_the_columns() {
        let text = rendered("event.category: process and\r\n\thöst.name: a:b\r\nand x: y");
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("line 2, column 14: "), "{text}");
        assert_eq!(lines[1], "  \thöst.name: a:b");
        assert_eq!(lines[2], "  \t            ^");
    }

    #[test]
    fn an_error_at_the_end_points_behind_the_text() {
        let text = rendered("a: (b or c");
        assert_eq!(text.lines().nth(2), Some("            ^"), "{text}");
        assert_eq!(rendered("a: (b or c\n\n"), text, "also if empty lines follow");
    }

    #[test]
    fn long_lines_are_cut_on_both_sides() {
        let query = format!("a: \"{0}\" : \"{0}\"", "x".repeat(500));
        let text = rendered(&query);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[1].len() < 140 && lines[1].starts_with("  ...") && lines[1].ends_with("..."), "{text}");
        assert_eq!(lines[1].find(':'), lines[2].find('^'), "{text}");
    }
}
