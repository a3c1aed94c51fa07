//! What is expected: rules as columns, techniques as rows, and in each cell what the rule makes of the technique.

use std::fmt;

use firstseen_detector::rule::Rule;
use firstseen_simulator::{Report, Technique};

use crate::facts::Terms;
use crate::model::{Expectation, Silence};

/// The whole table. Every technique of the simulator has exactly one row, every row a cell for each column.
#[derive(Clone, Debug)]
pub struct Matrix {
    /// Rules, in the order of their names.
    pub columns: Vec<Column>,
    /// Techniques, in the simulator's order.
    pub rows: Vec<Row>,
}

/// One rule.
#[derive(Clone, Debug)]
pub struct Column {
    /// Short name: `A`.
    pub name: String,
    /// A few words.
    pub title: String,
    /// The rule.
    pub rule: Rule,
    /// The rule file.
    pub rule_text: String,
    /// The technique that has to raise an alert before any silence of this rule counts.
    pub control: &'static Technique,
}

/// One technique.
#[derive(Clone, Debug)]
pub struct Row {
    /// Which.
    pub technique: &'static Technique,
    /// What each rule makes of it, parallel to [`Matrix::columns`].
    pub cells: Vec<Cell>,
}

/// What one rule makes of one technique: one case, or several that depend on the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cell {
    /// One without a condition, or one for each [`When`].
    pub cases: Vec<Case>,
}

/// An expectation with its reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// When it holds; always, if absent.
    pub when: Option<When>,
    /// What has to come of it.
    pub expected: Expected,
    /// Why, in one line.
    pub why: String,
    /// What more configuration would change.
    pub extension: Option<Extension>,
}

/// What a case depends on: what became of memory, by the act's own report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// Some page became writable and executable.
    BecameRwx,
    /// None did.
    Stayed,
}

/// What has to come of a technique under a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// Alerts.
    Alert {
        /// How many.
        alerts: u64,
        /// Their terms, in any order; unchecked if absent.
        terms: Option<Vec<Terms>>,
    },
    /// Silence, and rightly so.
    Silent(Unseen),
    /// The behaviour is there, and the rule does not see it.
    Miss(Unseen),
}

/// How far an act without an alert came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unseen {
    /// Nothing in the rule's telemetry shows it.
    NotCaptured,
    /// Captured, and the query matches none of it.
    Query,
}

/// The same technique under the same rule on a host that is told to record more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    /// What is configured besides what the rule asks for.
    pub configuration: Configuration,
    /// What the rule then makes of it.
    pub expected: Expected,
    /// Why, in one line.
    pub why: String,
}

/// Configuration of a host beyond what a rule asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Configuration {
    /// An audit rule, in auditctl's syntax.
    AuditRule(String),
    /// The name of an environment variable that the endpoint captures.
    CaptureEnvVars(String),
}

impl Matrix {
    /// The audit rules that all columns together ask for, each once.
    #[must_use]
    pub fn audit_rules(&self) -> Vec<String> {
        let mut rules: Vec<String> = Vec::new();
        for rule in self.columns.iter().flat_map(|column| column.rule.audit_rules()) {
            if !rules.contains(&rule) {
                rules.push(rule);
            }
        }
        rules
    }
}

impl Cell {
    /// The case that the act's own report selects; none if the report does not say.
    #[must_use]
    pub fn case(&self, report: &Report) -> Option<&Case> {
        let here = When::of(report);
        self.cases.iter().find(|case| case.when.is_none() || case.when == here)
    }
}

impl When {
    /// What a report says of the memory of its processes; none if it does not say.
    #[must_use]
    pub fn of(report: &Report) -> Option<When> {
        let both = |permissions: &Option<String>| permissions.as_deref().is_some_and(|it| it.contains("wx"));
        let calls = report.memory.iter().map(|call| both(&call.after) && call.before != call.after);
        let looked = report.ran.iter().filter_map(|ran| ran.rwx_mappings).map(|mappings| mappings > 0);
        let became = calls.chain(looked).reduce(|one, other| one || other)?;
        Some(if became { When::BecameRwx } else { When::Stayed })
    }
}

impl Expected {
    /// As a scenario would write it.
    pub(super) fn as_expectation(&self) -> Expectation {
        match self {
            Expected::Alert { alerts, terms } => {
                Expectation { alerts: Some(*alerts), terms: terms.clone(), ..Expectation::default() }
            }
            Expected::Silent(unseen) | Expected::Miss(unseen) => {
                Expectation { silent: true, because: Some(unseen.silence()), ..Expectation::default() }
            }
        }
    }
}

impl Unseen {
    fn silence(self) -> Silence {
        match self {
            Unseen::NotCaptured => Silence::NotCaptured,
            Unseen::Query => Silence::Query,
        }
    }
}

/// The word in the table.
impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expected::Alert { alerts: 1, .. } => f.pad("alert"),
            Expected::Alert { alerts, .. } => f.pad(&format!("{alerts} alerts")),
            Expected::Silent(_) => f.pad("silent"),
            Expected::Miss(Unseen::Query) => f.pad("missed"),
            Expected::Miss(Unseen::NotCaptured) => f.pad("not captured"),
        }
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            When::BecameRwx => "if memory became writable and executable",
            When::Stayed => "if no memory became writable and executable",
        })
    }
}

impl fmt::Display for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Configuration::AuditRule(rule) => write!(f, "the audit rule {rule}"),
            Configuration::CaptureEnvVars(name) => write!(f, "{name} captured"),
        }
    }
}

#[cfg(test)]
mod tests {
    use firstseen_simulator::{MemoryCall, TargetRan};

    use super::*;

    fn call(before: &str, after: &str) -> Report {
        let call = MemoryCall {
            pid: 1,
            tid: 1,
            thread: "t".to_owned(),
            call: "mprotect".to_owned(),
            abi: "x86_64".to_owned(),
            number: 10,
            address: 4096,
            length: 4096,
            protection: 7,
            result: 0,
            before: Some(before.to_owned()),
            after: Some(after.to_owned()),
        };
        Report { memory: vec![call], ..Report::default() }
    }

    fn ran(rwx_mappings: Option<u32>) -> Report {
        let ran = TargetRan { pid: 1, secure: false, object: false, rwx_mappings };
        Report { ran: vec![ran], ..Report::default() }
    }

    #[test]
    fn the_report_decides_what_became_of_memory_and_only_the_report() {
        assert_eq!(When::of(&call("rw-p", "rwxp")), Some(When::BecameRwx));
        assert_eq!(When::of(&call("rw-p", "-wxp")), Some(When::BecameRwx));
        assert_eq!(When::of(&call("rw-p", "rw-p")), Some(When::Stayed));
        assert_eq!(When::of(&call("rwxp", "rwxp")), Some(When::Stayed), "it was so before");
        assert_eq!(When::of(&ran(Some(1))), Some(When::BecameRwx));
        assert_eq!(When::of(&ran(Some(0))), Some(When::Stayed));
        assert_eq!(When::of(&ran(None)), None);
    }

    #[test]
    fn a_report_that_does_not_say_selects_no_conditional_case() {
        let case =
            |when| Case { when, expected: Expected::Silent(Unseen::NotCaptured), why: String::new(), extension: None };
        let conditional = Cell { cases: vec![case(Some(When::BecameRwx)), case(Some(When::Stayed))] };
        assert_eq!(conditional.case(&ran(None)), None);
        assert_eq!(conditional.case(&ran(Some(0))), Some(&conditional.cases[1]));
        let plain = Cell { cases: vec![case(None)] };
        assert_eq!(plain.case(&ran(None)), Some(&plain.cases[0]));
    }
}
