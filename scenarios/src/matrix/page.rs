//! The page of the manual: the same table in Markdown, between two markers of a file that people write.
//!
//! It holds what a run gave, where the run could try it, and the documented expectation where it could not: so the page is
//! the same on every machine as long as no verdict changes.

use super::model::{Cell, Column, Expected, Matrix};
use super::outcome::{Judged, MatrixOutcome};
use crate::verdict::Verdict;

const BEGIN: &str = "<!-- begin of what `firstseen matrix --write-docs` writes -->";
const END: &str = "<!-- end of what `firstseen matrix --write-docs` writes -->";

/// A page that has no place for the table.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the page has no place for the table: it needs the line '{BEGIN}', and behind it the line '{END}'")]
pub struct PageError;

/// `text` with this run's table between its markers.
///
/// # Errors
/// When the markers are not there.
pub fn page_with(text: &str, matrix: &Matrix, outcome: &MatrixOutcome) -> Result<String, PageError> {
    let (before, rest) = text.split_once(BEGIN).ok_or(PageError)?;
    let (_, after) = rest.split_once(END).ok_or(PageError)?;
    Ok(format!("{before}{BEGIN}\n\n{}\n{END}{after}", page(matrix, outcome)))
}

/// The table and its reasons.
#[must_use]
pub fn page(matrix: &Matrix, outcome: &MatrixOutcome) -> String {
    let mut text = String::new();
    for column in &matrix.columns {
        text.push_str(&format!("- **{}**: {} (`{}`)\n", column.name, column.rule.name, column.rule.rule_id));
    }
    text.push_str("\n| technique | what it does |");
    for column in &matrix.columns {
        text.push_str(&format!(" {} {} |", column.name, column.title));
    }
    text.push_str(&format!("\n| --- | --- |{}\n", " --- |".repeat(matrix.columns.len())));
    for done in &outcome.rows {
        let Some(row) = matrix.rows.iter().find(|row| row.technique.id == done.technique.id) else { continue };
        text.push_str(&format!("| `{}` | {} |", row.technique.id, escaped(row.technique.title)));
        for (cell, done) in row.cells.iter().zip(&done.cells) {
            text.push_str(&format!(" {} |", word(cell, &done.judged)));
        }
        text.push('\n');
    }
    for (index, column) in matrix.columns.iter().enumerate() {
        reasons(&mut text, matrix, outcome, index, column);
    }
    text
}

/// What stands in a cell.
fn word(cell: &Cell, judged: &Judged) -> String {
    match &judged.verdict {
        Verdict::Fail { .. } | Verdict::Error { .. } | Verdict::Inconclusive { .. } => {
            format!("**changed: {}**", judged.seen)
        }
        Verdict::Pass | Verdict::Skipped { .. } => {
            let cases: Vec<String> = cell.cases.iter().map(|case| case.expected.to_string()).collect();
            format!("{}{}", cases.join(" or "), if cases.len() > 1 { ", by machine" } else { "" })
        }
    }
}

/// Why each cell of a rule is what it is; equal reasons stand together.
fn reasons(text: &mut String, matrix: &Matrix, outcome: &MatrixOutcome, index: usize, column: &Column) {
    text.push_str(&format!("\n### Rule {}: why\n\n", column.name));
    let mut groups: Vec<(String, Vec<&str>)> = Vec::new();
    for done in &outcome.rows {
        let Some(row) = matrix.rows.iter().find(|row| row.technique.id == done.technique.id) else { continue };
        let (Some(cell), Some(judged)) = (row.cells.get(index), done.cells.get(index)) else { continue };
        for case in &cell.cases {
            let when = case.when.map(|when| format!(", {when}")).unwrap_or_default();
            let mut reason = format!("{}{when}: {}", kind(&case.expected), escaped(&case.why));
            if let Some(extension) = &case.extension {
                let seen = match &judged.extended {
                    Some((_, judged)) if judged.changed() => format!("**changed: {}**", judged.seen),
                    _ => extension.expected.to_string(),
                };
                let why = escaped(&extension.why);
                reason.push_str(&format!(". With {}: {seen}, {why}", code(&extension.configuration.to_string())));
            }
            match groups.iter_mut().find(|(known, _)| *known == reason) {
                Some((_, ids)) => ids.push(row.technique.id),
                None => groups.push((reason, vec![row.technique.id])),
            }
        }
    }
    for (reason, ids) in groups {
        text.push_str(&format!("- {reason} ({})\n", names(matrix, &ids)));
    }
}

/// Techniques by name; a family that is there as a whole by its own.
fn names(matrix: &Matrix, ids: &[&str]) -> String {
    let family = |id: &str| id.split('.').next().unwrap_or_default().to_owned();
    let size = |of: &str| matrix.rows.iter().filter(|row| family(row.technique.id) == of).count();
    let mut names: Vec<String> = Vec::new();
    for id in ids {
        let of = family(id);
        let here = ids.iter().filter(|id| family(id) == of).count();
        let name = if here > 1 && here == size(&of) { format!("`{of}.*`") } else { format!("`{id}`") };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names.join(", ")
}

fn kind(expected: &Expected) -> String {
    match expected {
        Expected::Alert { .. } => "**alert**".to_owned(),
        Expected::Silent(unseen) => format!("**silent** ({})", unseen.describe()),
        Expected::Miss(unseen) => format!("**known miss** ({})", unseen.describe()),
    }
}

/// `the audit rule -a ...` with the rule as code.
fn code(configuration: &str) -> String {
    match configuration.split_once(" -a ") {
        Some((before, rule)) => format!("{before} `-a {rule}`"),
        None => escaped(configuration),
    }
}

/// Characters that Markdown would take for its own.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('|', "\\|").replace('*', "\\*").replace('_', "\\_").replace('<', "\\<")
}

#[cfg(test)]
mod tests {
    use super::super::matrix;
    use super::super::outcome::{CellOutcome, RowOutcome};
    use super::*;
    use crate::verdict::Stage;

    /// A run in which every verdict is `verdict`.
    fn outcome(matrix: &Matrix, verdict: &Verdict) -> MatrixOutcome {
        let judged = |cell: &Cell| Judged::open(&cell.cases[0].expected, &cell.cases[0].why, verdict.clone());
        let cells =
            |cells: &[Cell]| cells.iter().map(|cell| CellOutcome { judged: judged(cell), extended: None }).collect();
        let rows = matrix.rows.iter().map(|row| RowOutcome { technique: row.technique, cells: cells(&row.cells) });
        MatrixOutcome { rows: rows.collect() }
    }

    fn fail() -> Verdict {
        Verdict::Fail { stopped_at: Stage::Alerted, expected: String::new(), got: String::new() }
    }

    #[test]
    fn what_was_skipped_keeps_the_documented_verdict_and_what_changed_does_not() {
        let matrix = matrix().expect("valid");
        let skipped = outcome(&matrix, &Verdict::Skipped { reason: "no".to_owned() });
        let passed = page(&matrix, &outcome(&matrix, &Verdict::Pass));
        assert_eq!(page(&matrix, &skipped), passed);
        assert!(!passed.contains("changed"), "{passed}");
        let changed = page(&matrix, &outcome(&matrix, &fail()));
        assert_eq!(changed.matches("**changed: ").count(), 2 * matrix.rows.len(), "{changed}");
    }

    #[test]
    fn the_table_goes_between_the_markers_and_nowhere_else() {
        let matrix = matrix().expect("valid");
        let outcome = outcome(&matrix, &Verdict::Pass);
        let page = page_with(&format!("# Title\n{BEGIN}\nold\n{END}\nend\n"), &matrix, &outcome).expect("markers");
        assert!(page.starts_with("# Title\n") && page.ends_with("\nend\n") && !page.contains("old"), "{page}");
        assert_eq!(page_with(&page, &matrix, &outcome), Ok(page.clone()), "writing it again changes nothing");
        for broken in ["", BEGIN, END, &format!("{END}\n{BEGIN}")] {
            assert_eq!(page_with(broken, &matrix, &outcome), Err(PageError));
        }
    }
}
