//! Runs the matrix: every technique once, and each rule's engine over what was seen of it.

use std::collections::{BTreeMap, BTreeSet};

use firstseen_detector::audit::Accounts;
use firstseen_simulator::Technique;

use super::model::{Column, Configuration, Expected, Matrix, Row};
use super::outcome::{CellOutcome, Judged, MatrixOutcome, RowOutcome};
use crate::event::RunEvent;
use crate::facts::Execution;
use crate::plan::{Plan, PlannedAct};
use crate::runner::run;
use crate::verdict::Verdict;
use crate::world::{Performed, World, WorldError};

/// How often an act is done at most, where evidence of it was lost.
const ATTEMPTS: usize = 3;

/// Runs the techniques that `select` wants, and the controls of all rules. Each judgement is emitted as the scenario that it
/// is.
///
/// # Errors
/// When this world cannot watch for what the rules need. That an act fails is a verdict.
pub fn run_matrix(
    matrix: &Matrix,
    select: &dyn Fn(&Technique) -> bool,
    world: &mut dyn World,
    emit: &mut dyn FnMut(RunEvent),
) -> Result<MatrixOutcome, WorldError> {
    let controls: BTreeSet<&str> = matrix.columns.iter().map(|column| column.control.id).collect();
    let wanted = |row: &&Row| select(row.technique) || controls.contains(row.technique.id);
    let mut course = Course { matrix, world, emit };
    let mut done: BTreeMap<&str, RowOutcome> = BTreeMap::new();
    for row in matrix.rows.iter().filter(wanted) {
        done.insert(row.technique.id, course.row(row)?);
    }
    // Behind all others: a sensor that watches for more is another sensor.
    for row in matrix.rows.iter().filter(wanted) {
        if let Some(outcome) = done.get_mut(row.technique.id) {
            course.extend(row, outcome)?;
        }
    }
    doubt_silences(matrix, &mut done);
    let selected = matrix.rows.iter().filter(|row| select(row.technique));
    Ok(MatrixOutcome { rows: selected.filter_map(|row| done.get(row.technique.id).cloned()).collect() })
}

struct Course<'a> {
    matrix: &'a Matrix,
    world: &'a mut dyn World,
    emit: &'a mut dyn FnMut(RunEvent),
}

impl Course<'_> {
    fn row(&mut self, row: &Row) -> Result<RowOutcome, WorldError> {
        let performed = self.perform(row.technique, None)?;
        let mut cells = Vec::new();
        for (column, cell) in self.matrix.columns.iter().zip(&row.cells) {
            let first = &cell.cases[0];
            let case = match &performed {
                Ok(performed) if performed.execution == Execution::Done => cell.case(&performed.report),
                // What was not done has no case of its own: the judge will say so.
                _ => Some(first),
            };
            let judged = match case {
                Some(case) => {
                    self.judged(&column.plan(row.technique, &case.expected), &case.expected, &case.why, &performed)
                }
                None => {
                    let reason = "the act's report does not say what became of memory".to_owned();
                    Judged::open(&first.expected, &first.why, Verdict::Inconclusive { reason })
                }
            };
            let extended = case.and_then(|case| case.extension.as_ref()).and_then(|extension| {
                let Configuration::CaptureEnvVars(_) = &extension.configuration else { return None };
                let plan = column.extended(row.technique, &extension.configuration, &extension.expected);
                let judged = self.judged(&plan, &extension.expected, &extension.why, &performed);
                Some((extension.configuration.clone(), judged))
            });
            cells.push(CellOutcome { judged, extended });
        }
        Ok(RowOutcome { technique: row.technique, cells })
    }

    /// The same technique again, with the audit rules that known misses would need.
    fn extend(&mut self, row: &Row, outcome: &mut RowOutcome) -> Result<(), WorldError> {
        let matrix = self.matrix;
        for ((column, cell), done) in matrix.columns.iter().zip(&row.cells).zip(&mut outcome.cells) {
            let case = cell.cases.iter().find(|case| case.expected == done.judged.expected);
            let Some(extension) = case.and_then(|case| case.extension.as_ref()) else { continue };
            let Configuration::AuditRule(rule) = &extension.configuration else { continue };
            let performed = self.perform(row.technique, Some(rule))?;
            let plan = column.extended(row.technique, &extension.configuration, &extension.expected);
            let judged = self.judged(&plan, &extension.expected, &extension.why, &performed);
            done.extended = Some((extension.configuration.clone(), judged));
        }
        Ok(())
    }

    /// Does a technique once, watched for everything that any rule needs; a failure of the lab is the inner error.
    ///
    /// What was lost proves nothing, whatever the act: it is done again then, and the last evidence counts as it is. What
    /// was seen completely is never asked for twice.
    fn perform(
        &mut self,
        technique: &'static Technique,
        more: Option<&str>,
    ) -> Result<Result<Performed, String>, WorldError> {
        let Some(plan) = self.matrix.watch(technique, more) else { return Ok(Err("the table has no rule".to_owned())) };
        self.world.begin(&plan)?;
        let Some(act) = plan.steps.iter().flat_map(|step| &step.acts).next() else {
            return Ok(Err("the plan has no act".to_owned()));
        };
        let mut performed = self.world.perform(act);
        for _ in 1..ATTEMPTS {
            if performed.as_ref().map_or(true, is_complete) {
                break;
            }
            performed = self.world.perform(act);
        }
        Ok(performed.map_err(|error| error.to_string()))
    }

    fn judged(&mut self, plan: &Plan, expected: &Expected, why: &str, performed: &Result<Performed, String>) -> Judged {
        let outcome = performed.as_ref().map_err(Clone::clone).and_then(|performed| {
            let mut played = Played { performed, accounts: self.world.accounts() };
            run(plan, &mut played, self.emit).map_err(|error| error.to_string())
        });
        match outcome {
            Ok(outcome) => Judged::of(expected, why, &outcome),
            Err(message) => Judged::open(expected, why, Verdict::Error { message }),
        }
    }
}

/// Whether nothing is missing from what was seen, if anything was to be seen at all.
fn is_complete(performed: &Performed) -> bool {
    performed.observation.as_ref().is_none_or(|seen| seen.drained && seen.losses.is_empty())
}

/// The world in which an act has happened already.
struct Played<'a> {
    performed: &'a Performed,
    accounts: &'a Accounts,
}

impl World for Played<'_> {
    fn begin(&mut self, _: &Plan) -> Result<(), WorldError> {
        Ok(())
    }

    fn accounts(&self) -> &Accounts {
        self.accounts
    }

    fn perform(&mut self, _: &PlannedAct) -> Result<Performed, WorldError> {
        Ok(self.performed.clone())
    }
}

/// A rule whose control raised no alert may be deaf: then its silences prove nothing.
fn doubt_silences(matrix: &Matrix, done: &mut BTreeMap<&str, RowOutcome>) {
    for (index, column) in matrix.columns.iter().enumerate() {
        let Some(reason) = deaf(column, done.get(column.control.id).map(|row| &row.cells[index].judged)) else {
            continue;
        };
        for cell in done.values_mut().filter_map(|row| row.cells.get_mut(index)) {
            cell.judged.doubt(&reason);
            if let Some((_, judged)) = &mut cell.extended {
                judged.doubt(&reason);
            }
        }
    }
}

/// Why a rule's silences prove nothing, if they do.
fn deaf(column: &Column, control: Option<&Judged>) -> Option<String> {
    let verdict = control.map(|control| &control.verdict);
    (verdict != Some(&Verdict::Pass)).then(|| {
        let why = verdict.map(|verdict| format!(" ({verdict})")).unwrap_or_default();
        format!(
            "the control '{}' raised no alert here{why}, so a silence of this rule proves nothing",
            column.control.id
        )
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use firstseen_detector::sensor::{Exit, Loss, Observation};
    use firstseen_simulator::Report;

    use super::super::{Seen, matrix};
    use super::*;
    use crate::relocate::Relocation;

    /// A world in which so many first observations of every act lose something, and nothing is ever seen.
    struct Lossy {
        lost: usize,
        acts: usize,
        accounts: Accounts,
    }

    impl World for Lossy {
        fn begin(&mut self, _: &Plan) -> Result<(), WorldError> {
            self.acts = 0;
            Ok(())
        }

        fn accounts(&self) -> &Accounts {
            &self.accounts
        }

        fn perform(&mut self, _: &PlannedAct) -> Result<Performed, WorldError> {
            self.acts += 1;
            let losses = if self.acts <= self.lost { vec![Loss::BufferOverflow] } else { Vec::new() };
            let observation = Observation {
                records: Vec::new(),
                execs: Vec::new(),
                pids: BTreeSet::new(),
                exit: Exit::Code(0),
                drained: true,
                losses,
            };
            Ok(Performed {
                execution: Execution::Done,
                report: Report::default(),
                observation: Some(observation),
                relocation: Relocation::new(std::path::Path::new("/nowhere/root"), "nowhere"),
            })
        }
    }

    /// What comes of a technique, and how often its act was done.
    fn outcome(lost: usize) -> (Judged, usize) {
        let mut world = Lossy { lost, acts: 0, accounts: Accounts::default() };
        let matrix = matrix().expect("valid");
        // The last act in the order of the table that is done without further rules.
        let outcome = run_matrix(&matrix, &|it| it.id == "rwx.jit-java", &mut world, &mut |_| ()).expect("run");
        (outcome.rows[0].cells[0].judged.clone(), world.acts)
    }

    #[test]
    fn lost_evidence_is_taken_again_and_complete_evidence_is_not() {
        for (lost, acts) in [(0, 1), (1, 2), (2, 3), (3, 3)] {
            let (judged, done) = outcome(lost);
            assert_eq!((judged.seen, done), (Seen::Open, acts), "{lost} lost: {}", judged.verdict);
            assert_eq!(judged.verdict.to_string().contains("lost"), lost == 3, "{}", judged.verdict);
        }
    }

    #[test]
    fn a_world_that_shows_nothing_proves_no_silence() {
        let (judged, _) = outcome(0);
        assert!(matches!(judged.verdict, Verdict::Inconclusive { .. }), "{:?}", judged.verdict);
    }
}
