//! The matrix for people: one line a technique, more for what is not as expected.

use super::model::{Expected, Matrix};
use super::outcome::{Judged, MatrixOutcome};
use crate::report::text::RESET;
use crate::report::{Detail, Page};
use crate::verdict::Verdict;

/// Columns of the technique's name, and of each verdict.
const NAME: usize = 28;
const CELL: usize = 22;

/// The whole table as text. Verdicts are coloured with ANSI escapes: strip them where they do not belong.
///
/// [`Detail::Steps`] gives the reason of every cell that has one of its own.
#[must_use]
pub fn table(matrix: &Matrix, outcome: &MatrixOutcome, detail: Detail, page: Page) -> String {
    let mut text = heading(matrix, page);
    for row in &outcome.rows {
        text.push_str(&format!("{:NAME$}", row.technique.id));
        for cell in &row.cells {
            text.push_str(&coloured(&cell.judged));
        }
        truncate_spaces(&mut text);
        text.push('\n');
    }
    let notes = notes(matrix, outcome);
    section(&mut text, page, "Changed:", &notes, |judged| judged.changed());
    section(&mut text, page, "Failed to run:", &notes, |judged| matches!(judged.verdict, Verdict::Error { .. }));
    section(&mut text, page, "Open:", &notes, |judged| matches!(judged.verdict, Verdict::Inconclusive { .. }));
    skipped(&mut text, page, outcome);
    extended(&mut text, page, matrix, outcome);
    if detail == Detail::Steps {
        reasons(&mut text, page, &notes);
    }
    text.push_str(&format!("\n{outcome}\n"));
    text
}

fn heading(matrix: &Matrix, page: Page) -> String {
    let mut text = String::new();
    for column in &matrix.columns {
        text.push_str(&page.wrapped(&format!("{}: {}", column.name, column.rule.name), 0));
    }
    text.push_str(&format!("\n{:NAME$}", "technique"));
    for column in &matrix.columns {
        text.push_str(&format!("{:CELL$}", format!("{} {}", column.name, column.title)));
    }
    truncate_spaces(&mut text);
    text.push('\n');
    text
}

/// The word of a cell: green where something alerts, yellow for a known miss, red for what changed.
fn coloured(judged: &Judged) -> String {
    let word = match &judged.verdict {
        Verdict::Fail { .. } => format!("CHANGED: {}", judged.seen),
        Verdict::Error { .. } => "ERROR".to_owned(),
        _ => judged.seen.to_string(),
    };
    let colour = match (&judged.verdict, &judged.expected) {
        (Verdict::Fail { .. } | Verdict::Error { .. }, _) => "\u{1b}[31m",
        (Verdict::Skipped { .. } | Verdict::Inconclusive { .. }, _) => "\u{1b}[36m",
        (Verdict::Pass, Expected::Alert { .. }) => "\u{1b}[32m",
        (Verdict::Pass, Expected::Miss(_)) => "\u{1b}[33m",
        (Verdict::Pass, Expected::Silent(_)) => "",
    };
    let end = if colour.is_empty() { "" } else { RESET };
    format!("{colour}{word}{end}{:1$}", "", CELL.saturating_sub(word.len()))
}

/// `rwx.int80, A` and what was judged there; `rwx.int80, A, with ...`.
fn notes<'o>(matrix: &Matrix, outcome: &'o MatrixOutcome) -> Vec<(String, &'o Judged)> {
    let mut notes = Vec::new();
    for row in &outcome.rows {
        for (column, cell) in matrix.columns.iter().zip(&row.cells) {
            let place = format!("{}, {}", row.technique.id, column.name);
            if let Some((configuration, judged)) = &cell.extended {
                notes.push((place.clone(), &cell.judged));
                notes.push((format!("{place}, with {configuration}"), judged));
            } else {
                notes.push((place, &cell.judged));
            }
        }
    }
    notes
}

fn section(text: &mut String, page: Page, title: &str, notes: &[(String, &Judged)], belongs: impl Fn(&Judged) -> bool) {
    let mut title = Some(format!("\n{title}\n"));
    for (place, judged) in notes.iter().filter(|(_, judged)| belongs(judged)) {
        text.extend(title.take());
        text.push_str(&page.wrapped(&format!("{place}: {}", judged.verdict), 2));
    }
}

/// Techniques that could not be done, each once.
fn skipped(text: &mut String, page: Page, outcome: &MatrixOutcome) {
    let mut title = Some("\nSkipped here:\n");
    for row in &outcome.rows {
        let reason = row.cells.iter().find_map(|cell| match &cell.judged.verdict {
            Verdict::Skipped { reason } => Some(reason),
            _ => None,
        });
        if let Some(reason) = reason {
            text.extend(title.take());
            text.push_str(&page.wrapped(&format!("{}: {reason}", row.technique.id), 2));
        }
    }
}

/// What a host would see that records more.
fn extended(text: &mut String, page: Page, matrix: &Matrix, outcome: &MatrixOutcome) {
    let mut title = Some("\nOn a host that records more:\n");
    for row in &outcome.rows {
        for (column, cell) in matrix.columns.iter().zip(&row.cells) {
            let Some((configuration, judged)) = &cell.extended else { continue };
            let (id, name, seen) = (row.technique.id, &column.name, judged.seen);
            text.extend(title.take());
            text.push_str(&page.wrapped(&format!("{id}, {name}: {seen}, with {configuration}"), 2));
        }
    }
}

fn reasons(text: &mut String, page: Page, notes: &[(String, &Judged)]) {
    text.push_str("\nWhy:\n");
    for (place, judged) in notes {
        text.push_str(&page.wrapped(&format!("{place}: {}, {}", judged.expected, judged.why), 2));
    }
}

fn truncate_spaces(text: &mut String) {
    text.truncate(text.trim_end_matches(' ').len());
}
