//! What came of a run of the matrix.

use std::fmt;

use firstseen_simulator::Technique;

use super::model::{Configuration, Expected, Unseen};
use crate::facts::Terms;
use crate::model::Silence;
use crate::verdict::{ScenarioOutcome, Verdict};

/// What came of all techniques that ran, in the simulator's order.
#[derive(Clone, Debug)]
pub struct MatrixOutcome {
    /// Their rows.
    pub rows: Vec<RowOutcome>,
}

/// What came of one technique.
#[derive(Clone, Debug)]
pub struct RowOutcome {
    /// Which.
    pub technique: &'static Technique,
    /// What each rule made of it, parallel to the columns of the matrix.
    pub cells: Vec<CellOutcome>,
}

/// What one rule made of one technique.
#[derive(Clone, Debug)]
pub struct CellOutcome {
    /// On a host that records what the rule asks for.
    pub judged: Judged,
    /// On a host that records more, where the table asks for it and the act could be done.
    pub extended: Option<(Configuration, Judged)>,
}

/// One expectation, and what was seen.
#[derive(Clone, Debug)]
pub struct Judged {
    /// What had to come of it; the case that the act's report selected.
    pub expected: Expected,
    /// Why, in one line.
    pub why: String,
    /// What came of it.
    pub seen: Seen,
    /// Terms of the alerts.
    pub terms: Vec<Terms>,
    /// A pass if it is what had to come of it; a failure is a changed verdict.
    pub verdict: Verdict,
}

/// What was seen of a technique under a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Seen {
    /// So many alerts, at least one.
    Alert(usize),
    /// No alert, and none was due.
    Silent,
    /// Captured; the query matches none of it, although the behaviour is there.
    Missed,
    /// Nothing in the rule's telemetry shows it, although the behaviour is there.
    NotCaptured,
    /// It could not be tried here.
    Skipped,
    /// The evidence carries no judgement.
    Open,
}

impl Judged {
    /// What a scenario's outcome says of a cell.
    pub(super) fn of(expected: &Expected, why: &str, outcome: &ScenarioOutcome) -> Judged {
        let step = outcome.steps.first();
        let alerts = step.map_or(&[][..], |step| &step.alerts);
        let silence = step.and_then(|step| step.silences.keys().next());
        let as_expected = outcome.verdict == Verdict::Pass;
        let seen = match &outcome.verdict {
            Verdict::Skipped { .. } => Seen::Skipped,
            Verdict::Inconclusive { .. } | Verdict::Error { .. } => Seen::Open,
            Verdict::Pass | Verdict::Fail { .. } => match silence {
                _ if !alerts.is_empty() => Seen::Alert(alerts.len()),
                _ if as_expected && matches!(expected, Expected::Silent(_)) => Seen::Silent,
                Some(Silence::NotCaptured) => Seen::NotCaptured,
                Some(Silence::Query) => Seen::Missed,
                Some(_) | None => Seen::Silent,
            },
        };
        Judged {
            expected: expected.clone(),
            why: why.to_owned(),
            seen,
            terms: alerts.iter().map(|alert| alert.terms.clone()).collect(),
            verdict: outcome.verdict.clone(),
        }
    }

    /// A cell without a scenario.
    pub(super) fn open(expected: &Expected, why: &str, verdict: Verdict) -> Judged {
        Judged { expected: expected.clone(), why: why.to_owned(), seen: Seen::Open, terms: Vec::new(), verdict }
    }

    /// Takes a silence back that nothing stands behind.
    pub(super) fn doubt(&mut self, reason: &str) {
        if self.verdict == Verdict::Pass && !matches!(self.expected, Expected::Alert { .. }) {
            self.seen = Seen::Open;
            self.verdict = Verdict::Inconclusive { reason: reason.to_owned() };
        }
    }

    /// Whether the verdict is another one than the table says.
    #[must_use]
    pub fn changed(&self) -> bool {
        matches!(self.verdict, Verdict::Fail { .. })
    }
}

impl MatrixOutcome {
    /// Every judgement, extensions included.
    pub fn judgements(&self) -> impl Iterator<Item = &Judged> {
        let cells = self.rows.iter().flat_map(|row| &row.cells);
        cells.flat_map(|cell| std::iter::once(&cell.judged).chain(cell.extended.as_ref().map(|(_, judged)| judged)))
    }

    /// How many there are with this kind of verdict.
    fn count(&self, name: &str) -> usize {
        self.judgements().filter(|judged| judged.verdict.name() == name).count()
    }
}

/// `60 techniques, 124 verdicts: 122 as expected, 2 skipped`
impl fmt::Display for MatrixOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = |number: usize| if number == 1 { "" } else { "s" };
        let (rows, all) = (self.rows.len(), self.judgements().count());
        write!(f, "{rows} technique{}, {all} verdict{}: ", plural(rows), plural(all))?;
        write!(f, "{} as expected, {} changed", self.count("pass"), self.count("fail"))?;
        for (name, word) in [("inconclusive", "open"), ("skipped", "skipped"), ("error", "failed to run")] {
            match self.count(name) {
                0 => {}
                number => write!(f, ", {number} {word}")?,
            }
        }
        Ok(())
    }
}

/// The word in the table.
impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Seen::Alert(1) => f.pad("alert"),
            Seen::Alert(alerts) => f.pad(&format!("{alerts} alerts")),
            Seen::Silent => f.pad("silent"),
            Seen::Missed => f.pad("missed"),
            Seen::NotCaptured => f.pad("not captured"),
            Seen::Skipped => f.pad("skipped"),
            Seen::Open => f.pad("open"),
        }
    }
}

impl Unseen {
    /// How far it came, in words.
    #[must_use]
    pub fn describe(self) -> &'static str {
        match self {
            Unseen::NotCaptured => "not captured",
            Unseen::Query => "captured, refused by the query",
        }
    }
}
