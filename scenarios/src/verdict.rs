//! What came of a step and of a scenario.
//!
//! Nothing here holds a real time, a process id or a duration: the same evidence gives the same bytes.

use std::collections::BTreeMap;
use std::fmt;

use firstseen_detector::time::Millis;
use serde::Serialize;

use crate::model::{Expectation, Silence, Warning};
use crate::offset::Offset;

/// The way from an act to an alert. A verdict names the first part that is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// The act was done, by its own report.
    Executed,
    /// A sensor saw it, with all fields that the rule takes its terms from.
    Captured,
    /// Documents were made of what was seen.
    Normalised,
    /// The rule's query matches one of them.
    Matched,
    /// The term is new in an execution's window.
    NewTerm,
    /// The execution raised an alert.
    Alerted,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stage::Executed => "executed",
            Stage::Captured => "captured",
            Stage::Normalised => "normalised",
            Stage::Matched => "matched",
            Stage::NewTerm => "new term",
            Stage::Alerted => "alerted",
        })
    }
}

/// The judgement of a step or a scenario, the worst last.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Verdict {
    /// Proven.
    Pass,
    /// Could not be tried here.
    Skipped {
        /// Why.
        reason: String,
    },
    /// The evidence does not carry a judgement: something was lost, or a silence would have been empty.
    Inconclusive {
        /// Why.
        reason: String,
    },
    /// Disproven.
    Fail {
        /// The first stage that is missing, or [`Stage::Alerted`] for an alert where silence was due.
        stopped_at: Stage,
        /// What should have been.
        expected: String,
        /// What was.
        got: String,
    },
    /// The lab itself failed.
    Error {
        /// What was tried and what happened.
        message: String,
    },
}

impl Verdict {
    /// `pass`, `fail`, ...
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Verdict::Pass => "pass",
            Verdict::Skipped { .. } => "skipped",
            Verdict::Inconclusive { .. } => "inconclusive",
            Verdict::Fail { .. } => "fail",
            Verdict::Error { .. } => "error",
        }
    }

    /// 0 for a pass, more for what is worse.
    #[must_use]
    pub fn rank(&self) -> u8 {
        match self {
            Verdict::Pass => 0,
            Verdict::Skipped { .. } => 1,
            Verdict::Inconclusive { .. } => 2,
            Verdict::Fail { .. } => 3,
            Verdict::Error { .. } => 4,
        }
    }

    /// The worst of several, the first among equals; a pass if there are none.
    #[must_use]
    pub fn worst<'a>(verdicts: impl IntoIterator<Item = &'a Verdict>) -> Verdict {
        let mut worst = &Verdict::Pass;
        for verdict in verdicts {
            if verdict.rank() > worst.rank() {
                worst = verdict;
            }
        }
        worst.clone()
    }
}

/// The reason in one line; empty for a pass.
impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Pass => Ok(()),
            Verdict::Skipped { reason } | Verdict::Inconclusive { reason } => f.write_str(reason),
            Verdict::Fail { stopped_at, expected, got } => {
                write!(f, "stopped at '{stopped_at}': expected {expected}, got {got}")
            }
            Verdict::Error { message } => f.write_str(message),
        }
    }
}

/// One alert, as its step shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AlertOutcome {
    /// Alert id.
    pub id: String,
    /// Terms in the order of the rule's fields; a `host.id` is shown as the host's name.
    pub terms: Vec<String>,
    /// `_id` of the document that it shows.
    pub document: String,
    /// Virtual time since the start of the execution that raised it.
    pub raised_at: Offset,
    /// Why Elastic itself would not have raised it: a defect there that is not copied here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remark: Option<String>,
}

/// What came of one step.
#[derive(Clone, Debug, Serialize)]
pub struct StepOutcome {
    /// Number from 1.
    pub number: usize,
    /// Virtual time since the start.
    pub at: Offset,
    /// Virtual instant.
    pub time: Millis,
    /// Who acted.
    pub actors: Vec<String>,
    /// How many acts were done.
    pub acts: usize,
    /// What was expected.
    pub expected: Expectation,
    /// How many documents came of it.
    pub documents: u64,
    /// How many of them show the act itself, with all fields of the rule's terms.
    pub captured: u64,
    /// How many of them the query matches.
    pub matched: u64,
    /// Alerts that show one of them.
    pub alerts: Vec<AlertOutcome>,
    /// Reasons of the acts without an alert, and how many acts have each.
    pub silences: BTreeMap<Silence, u64>,
    /// Warnings of the executions whose window held one of them.
    pub warnings: Vec<Warning>,
    /// The judgement.
    pub verdict: Verdict,
}

/// What came of a scenario.
#[derive(Clone, Debug, Serialize)]
pub struct ScenarioOutcome {
    /// Id.
    pub id: String,
    /// Title.
    pub title: String,
    /// `rule_id`.
    pub rule_id: String,
    /// Name of the rule.
    pub rule_name: String,
    /// How many executions the schedule had.
    pub executions: usize,
    /// Steps in order; shorter than the timeline if the lab itself failed on the way.
    pub steps: Vec<StepOutcome>,
    /// The worst of the steps, or the error of the lab.
    pub verdict: Verdict,
}

/// How many scenarios ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// All.
    pub scenarios: usize,
    /// [`Verdict::Pass`]
    pub pass: usize,
    /// [`Verdict::Fail`]
    pub fail: usize,
    /// [`Verdict::Inconclusive`]
    pub inconclusive: usize,
    /// [`Verdict::Skipped`]
    pub skipped: usize,
    /// [`Verdict::Error`]
    pub error: usize,
}

impl Totals {
    /// Counts one more.
    pub fn add(&mut self, verdict: &Verdict) {
        self.scenarios += 1;
        *match verdict {
            Verdict::Pass => &mut self.pass,
            Verdict::Fail { .. } => &mut self.fail,
            Verdict::Inconclusive { .. } => &mut self.inconclusive,
            Verdict::Skipped { .. } => &mut self.skipped,
            Verdict::Error { .. } => &mut self.error,
        } += 1;
    }
}

/// `16 scenarios: 15 pass, 1 fail`
impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} scenario{}:", self.scenarios, if self.scenarios == 1 { "" } else { "s" })?;
        let parts = [
            (self.pass, "pass"),
            (self.fail, "fail"),
            (self.inconclusive, "inconclusive"),
            (self.skipped, "skipped"),
            (self.error, "error"),
        ];
        let mut separator = " ";
        for (number, name) in parts {
            if number > 0 || name == "pass" {
                write!(f, "{separator}{number} {name}")?;
                separator = ", ";
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_verdict_wins_and_the_first_among_equals() {
        let skipped = Verdict::Skipped { reason: "no".to_owned() };
        let fail =
            |got: &str| Verdict::Fail { stopped_at: Stage::Matched, expected: "1".to_owned(), got: got.to_owned() };
        assert_eq!(Verdict::worst([&Verdict::Pass, &skipped, &fail("a"), &fail("b")]), fail("a"));
        assert_eq!(Verdict::worst([]), Verdict::Pass);
    }

    #[test]
    fn totals_name_what_is_there() {
        let mut totals = Totals::default();
        totals.add(&Verdict::Pass);
        totals.add(&Verdict::Error { message: "x".to_owned() });
        assert_eq!(totals.to_string(), "2 scenarios: 1 pass, 1 error");
    }
}
