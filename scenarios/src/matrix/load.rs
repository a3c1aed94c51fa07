//! Reads the table: every cell there, none twice, nothing that the simulator or the rule does not know.

use std::collections::BTreeMap;
use std::fmt;

use firstseen_simulator::{Technique, techniques};
use serde::Deserialize;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor, value};
use toml::Spanned;

use super::model::{Case, Cell, Column, Configuration, Expected, Extension, Matrix, Row, Unseen, When};
use crate::facts::Terms;
use crate::load::shape_problem;
use crate::plan::term_fields;
use crate::problem::{Problem, Source, nearest};
use crate::rules::find_rule;

/// The table that is shipped.
///
/// # Errors
/// Everything that is wrong with it; nothing, as a test holds.
pub fn matrix() -> Result<Matrix, Vec<Problem>> {
    load_matrix("matrix.toml", include_str!("../../matrix.toml"))
}

/// Reads a table; `path` is its name in messages, and rules that are files are looked for beside it.
///
/// # Errors
/// Everything that is wrong with it, with its line.
pub fn load_matrix(path: &str, text: &str) -> Result<Matrix, Vec<Problem>> {
    let source = Source::new(path, text);
    let written: Written = toml::from_str(text).map_err(|error| vec![shape_problem(&source, &error)])?;
    let mut check = Check { source: &source, problems: Vec::new() };
    let matrix = check.matrix(&written);
    if check.problems.is_empty() { Ok(matrix) } else { Err(check.problems) }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    rule: BTreeMap<String, WrittenColumn>,
    technique: BTreeMap<Spanned<String>, BTreeMap<Spanned<String>, Spanned<WrittenCell>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenColumn {
    rule: Spanned<String>,
    title: String,
    control: Spanned<String>,
    /// Terms of a cell that only says `alert`.
    terms: Vec<Terms>,
    /// Reason of a cell that only says `alert`.
    alert: String,
    /// Reason of a cell that only says `silent`.
    silent: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Word {
    Alert,
    Silent,
    Miss,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Because {
    NotCaptured,
    Query,
}

#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenCase {
    when: Option<When>,
    expect: Word,
    because: Option<Because>,
    alerts: Option<u64>,
    terms: Option<Vec<Terms>>,
    why: Option<String>,
    with: Option<WrittenConfiguration>,
    then: Option<Box<WrittenCase>>,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WrittenConfiguration {
    AuditRule(String),
    CaptureEnvVars(String),
}

/// A word, one case, or a list of cases.
struct WrittenCell(Vec<WrittenCase>);

impl<'de> Deserialize<'de> for WrittenCell {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<WrittenCell, D::Error> {
        struct Forms;
        impl<'de> Visitor<'de> for Forms {
            type Value = WrittenCell;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"alert\", \"silent\", a table with `expect`, or a list of such tables")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<WrittenCell, E> {
                let expect = Word::deserialize(value::StrDeserializer::<E>::new(text))?;
                let (when, because, alerts, terms, why, with, then) = (None, None, None, None, None, None, None);
                Ok(WrittenCell(vec![WrittenCase { when, expect, because, alerts, terms, why, with, then }]))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<WrittenCell, A::Error> {
                WrittenCase::deserialize(value::MapAccessDeserializer::new(map)).map(|case| WrittenCell(vec![case]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<WrittenCell, A::Error> {
                Vec::deserialize(value::SeqAccessDeserializer::new(seq)).map(WrittenCell)
            }
        }
        deserializer.deserialize_any(Forms)
    }
}

/// Resolves what is written, collecting everything that is wrong.
struct Check<'a> {
    source: &'a Source,
    problems: Vec<Problem>,
}

impl Check<'_> {
    fn matrix(&mut self, written: &Written) -> Matrix {
        let mut columns = Vec::new();
        for (name, column) in &written.rule {
            columns.extend(self.column(name, column));
        }
        for id in written.technique.keys() {
            if let Err(error) = techniques::find(id.get_ref()) {
                self.problems.push(self.source.problem(id.span(), error.to_string()));
            }
        }
        let mut rows = Vec::new();
        for technique in techniques::all() {
            match written.technique.get_key_value(technique.id) {
                Some((id, cells)) => rows.push(self.row(technique, id, cells, written)),
                None => self.problems.push(self.source.whole(format!(
                    "technique '{0}' has no entry; write [technique.\"{0}\"] with what each rule makes of it",
                    technique.id
                ))),
            }
        }
        self.controls(&columns, &rows, written);
        Matrix { columns, rows }
    }

    fn column(&mut self, name: &str, written: &WrittenColumn) -> Option<Column> {
        let found = find_rule(written.rule.get_ref(), self.source.path());
        let control = techniques::find(written.control.get_ref());
        match (found, control) {
            (Ok(found), Ok(control)) => Some(Column {
                name: name.to_owned(),
                title: written.title.clone(),
                rule: found.rule,
                rule_text: found.text,
                control,
            }),
            (Err(what), _) => {
                self.problems.push(self.source.problem(written.rule.span(), what));
                None
            }
            (_, Err(error)) => {
                self.problems.push(self.source.problem(written.control.span(), error.to_string()));
                None
            }
        }
    }

    /// A rule that fires on nothing would be silent everywhere, and rightly nowhere.
    fn controls(&mut self, columns: &[Column], rows: &[Row], written: &Written) {
        for (index, column) in columns.iter().enumerate() {
            let row = rows.iter().find(|row| row.technique.id == column.control.id);
            let cases = row.and_then(|row| row.cells.get(index)).map_or(&[][..], |cell| &cell.cases);
            if !cases.iter().all(|case| matches!(case.expected, Expected::Alert { .. })) {
                let what =
                    format!("the control '{}' has to be a technique on which the rule alerts", column.control.id);
                let span = written.rule.get(&column.name).map_or(0..0, |column| column.control.span());
                self.problems.push(self.source.problem(span, what));
            }
        }
    }

    fn row(
        &mut self,
        technique: &'static Technique,
        id: &Spanned<String>,
        cells: &BTreeMap<Spanned<String>, Spanned<WrittenCell>>,
        written: &Written,
    ) -> Row {
        for name in cells.keys().filter(|name| !written.rule.contains_key(name.get_ref())) {
            let near = nearest("rule", name.get_ref(), written.rule.keys().map(String::as_str));
            let what = format!("technique '{}': unknown rule '{}'{near}", technique.id, name.get_ref());
            self.problems.push(self.source.problem(name.span(), what));
        }
        let mut row = Row { technique, cells: Vec::new() };
        for (name, column) in &written.rule {
            match cells.get(name.as_str()) {
                Some(cell) => row.cells.push(self.cell(technique, name, column, cell)),
                None => {
                    let what = format!("technique '{}' does not say what rule {name} makes of it", technique.id);
                    self.problems.push(self.source.problem(id.span(), what));
                }
            }
        }
        row
    }

    fn cell(
        &mut self,
        technique: &Technique,
        name: &str,
        column: &WrittenColumn,
        written: &Spanned<WrittenCell>,
    ) -> Cell {
        let mut refuse = |what: String| {
            let what = format!("technique '{}', rule {name}: {what}", technique.id);
            self.problems.push(self.source.problem(written.span(), what));
        };
        let mut cases = Vec::new();
        for case in &written.get_ref().0 {
            match case.resolve(column) {
                Ok(case) => cases.push(case),
                Err(what) => refuse(what),
            }
        }
        let mut conditions: Vec<Option<When>> = cases.iter().map(|case| case.when).collect();
        conditions.sort();
        if conditions != [None] && conditions != [Some(When::BecameRwx), Some(When::Stayed)] {
            refuse("write one case without 'when', or one for became-rwx and one for stayed".to_owned());
        }
        if let Ok(found) = find_rule(column.rule.get_ref(), self.source.path()) {
            let fields = term_fields(&found.rule).unwrap_or_default();
            for case in &cases {
                if let Expected::Alert { terms: Some(terms), .. } = &case.expected
                    && let Some(wrong) = terms.iter().find(|terms| terms.len() != fields.len())
                {
                    refuse(format!("terms {wrong:?}: this rule's terms are [{}]", fields.join(", ")));
                }
            }
        }
        Cell { cases }
    }
}

impl WrittenCase {
    fn resolve(&self, column: &WrittenColumn) -> Result<Case, String> {
        let (expected, why) = self.expected(column)?;
        let extension = match (&self.with, &self.then) {
            (None, None) => None,
            (Some(with), Some(then)) => {
                if !matches!(self.expect, Word::Miss) {
                    return Err("'with' says how a known miss would be seen; this is none".to_owned());
                }
                if then.with.is_some() || then.then.is_some() || then.when.is_some() {
                    return Err("'then' takes expect, because, alerts, terms and why".to_owned());
                }
                // What is recorded besides is at least captured.
                let mut then = WrittenCase::clone(then);
                then.because = then.because.or((then.expect == Word::Miss).then_some(Because::Query));
                let (expected, why) = then.expected(column)?;
                Some(Extension { configuration: with.resolve(), expected, why })
            }
            _ => return Err("'with' and 'then' belong together".to_owned()),
        };
        Ok(Case { when: self.when, expected, why, extension })
    }

    fn expected(&self, column: &WrittenColumn) -> Result<(Expected, String), String> {
        let why = |default: &String| self.why.clone().unwrap_or_else(|| default.clone());
        let unseen = self.because.map(|because| match because {
            Because::NotCaptured => Unseen::NotCaptured,
            Because::Query => Unseen::Query,
        });
        if self.expect != Word::Alert && (self.alerts.is_some() || self.terms.is_some()) {
            return Err("'alerts' and 'terms' belong to \"alert\"".to_owned());
        }
        match self.expect {
            Word::Alert if unseen.is_some() => Err("'because' belongs to \"silent\" and \"miss\"".to_owned()),
            Word::Alert => {
                let terms = match (&self.terms, self.alerts) {
                    (Some(_), Some(_)) => return Err("write 'terms' or 'alerts', not both".to_owned()),
                    (None, Some(_)) => None,
                    (Some(terms), None) => Some(terms.clone()),
                    (None, None) => Some(column.terms.clone()),
                };
                let alerts = self.alerts.unwrap_or_else(|| terms.as_ref().map_or(0, |terms| terms.len() as u64));
                if alerts == 0 {
                    return Err("an alert is at least one".to_owned());
                }
                Ok((Expected::Alert { alerts, terms }, why(&column.alert)))
            }
            Word::Silent => {
                if unseen == Some(Unseen::Query) && self.why.is_none() {
                    return Err("a captured silence needs a 'why'".to_owned());
                }
                Ok((Expected::Silent(unseen.unwrap_or(Unseen::NotCaptured)), why(&column.silent)))
            }
            Word::Miss => match (unseen, &self.why) {
                (Some(unseen), Some(why)) => Ok((Expected::Miss(unseen), why.clone())),
                _ => Err("a known miss needs 'because' (\"query\" or \"not-captured\") and 'why'".to_owned()),
            },
        }
    }
}

impl WrittenConfiguration {
    fn resolve(&self) -> Configuration {
        match self {
            WrittenConfiguration::AuditRule(rule) => Configuration::AuditRule(rule.clone()),
            WrittenConfiguration::CaptureEnvVars(names) => Configuration::CaptureEnvVars(names.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const TEXT: &str = include_str!("../../matrix.toml");

    fn problems(old: &str, new: &str) -> String {
        assert!(TEXT.contains(old), "the test changes nothing: {old}");
        let problems = load_matrix("matrix.toml", &TEXT.replacen(old, new, 1)).expect_err("refused");
        problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn every_technique_has_a_row_and_every_row_a_cell_for_every_rule() {
        let matrix = matrix().unwrap_or_else(|problems| panic!("{problems:#?}"));
        let rows: Vec<&str> = matrix.rows.iter().map(|row| row.technique.id).collect();
        assert_eq!(rows, techniques::all().map(|technique| technique.id).collect::<Vec<_>>());
        assert!(matrix.rows.iter().all(|row| row.cells.len() == matrix.columns.len()));
        assert!(matrix.rows.iter().flat_map(|row| &row.cells).all(|cell| !cell.cases.is_empty()));
    }

    #[test]
    fn the_matrix_is_as_large_as_it_was_asked_to_be() {
        let count = |family: &str| techniques::all().filter(|technique| technique.id.starts_with(family)).count();
        assert!(count("rwx.") >= 24 && count("preload.") >= 20);
    }

    #[test]
    fn a_technique_without_an_entry_is_refused() {
        let found = problems("[technique.\"rwx.stack\"]\nA = \"alert\"\nB = \"silent\"\n", "");
        assert_eq!(
            found,
            "matrix.toml: technique 'rwx.stack' has no entry; write [technique.\"rwx.stack\"] with what each rule makes of it"
        );
    }

    #[test]
    fn an_entry_without_a_technique_is_refused() {
        let found = problems("[technique.\"rwx.stack\"]", "[technique.\"rwx.stak\"]");
        assert!(found.contains("unknown technique 'rwx.stak'; did you mean 'rwx.stack'?"), "{found}");
        assert!(found.contains("technique 'rwx.stack' has no entry"), "{found}");
    }

    #[test]
    fn two_entries_for_one_technique_are_refused() {
        let found = problems("[technique.\"rwx.stack\"]", "[technique.\"rwx.heap\"]");
        assert!(found.contains("duplicate key"), "{found}");
    }

    #[rstest]
    #[case("A = \"alert\"\nB = \"silent\"", "A = \"alert\"", "does not say what rule B makes of it")]
    #[case("A = \"alert\"\nB = \"silent\"", "A = \"alert\"\nB = \"silent\"\nC = \"silent\"", "unknown rule 'C'")]
    #[case("A = \"alert\"", "A = \"alarm\"", "unknown value 'alarm'")]
    #[case("A = \"alert\"", "A = \"miss\"", "a known miss needs 'because'")]
    #[case("A = \"alert\"", "A = { expect = \"alert\", becuase = \"query\" }", "unknown key 'becuase'")]
    #[case("A = \"alert\"", "A = { expect = \"alert\", because = \"query\" }", "'because' belongs to")]
    #[case("A = \"alert\"", "A = { expect = \"alert\", terms = [] }", "at least one")]
    #[case(
        "A = \"alert\"",
        "A = { expect = \"alert\", terms = [['x']] }",
        "this rule's terms are [host.id, process.exe"
    )]
    #[case("A = \"alert\"", "A = { expect = \"silent\", alerts = 1 }", "belong to \"alert\"")]
    #[case("A = \"alert\"", "A = { expect = \"silent\", because = \"query\" }", "needs a 'why'")]
    #[case("A = \"alert\"", "A = { when = \"stayed\", expect = \"alert\" }", "one for became-rwx and one for stayed")]
    #[case("A = \"alert\"", "A = []", "one case without 'when'")]
    #[case(
        "control = \"rwx.mprotect\"",
        "control = \"rwx.two-step\"",
        "has to be a technique on which the rule alerts"
    )]
    #[case("control = \"rwx.mprotect\"", "control = \"rwx.nothing\"", "unknown technique 'rwx.nothing'")]
    #[case("A.then = { expect = \"miss\"", "#", "'with' and 'then' belong together")]
    fn a_table_that_says_too_little_or_too_much_is_refused(#[case] old: &str, #[case] new: &str, #[case] says: &str) {
        let found = problems(old, new);
        assert!(found.contains(says), "{found}");
    }
}
