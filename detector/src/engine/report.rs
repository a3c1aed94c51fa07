//! What an execution has to say besides its alerts.

use std::ops::Range;

use super::alert::Execution;
use super::schedule::{Lost, Window};

/// One execution of a rule.
#[derive(Clone, Debug, PartialEq)]
pub struct ExecutionReport {
    /// Which one.
    pub execution: Execution,
    /// What was searched, oldest window first; more than one after a gap.
    pub windows: Vec<WindowReport>,
    /// Milliseconds between what the previous execution searched and what this one's own window does.
    pub gap: i64,
    /// The part of the gap that was not caught up; with one, the execution counts as failed.
    pub lost: Option<Lost>,
    /// The alerts that it created: their numbers in [`RuleRunner::alerts`](super::RuleRunner::alerts).
    pub created: Range<usize>,
    /// Older alerts that it folded candidates into, in order, each once.
    pub updated: Vec<usize>,
    /// Warnings that concern the whole execution.
    pub warnings: Vec<Warning>,
}

/// What one window held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowReport {
    /// The range.
    pub window: Window,
    /// Documents of the rule's population in it.
    pub documents: usize,
    /// Distinct combinations of terms in it.
    pub combinations: usize,
    /// New ones among them, before de-duplication and before the alert budget.
    pub new: usize,
    /// Alerts created.
    pub created: usize,
    /// Candidates that were counted by an alert instead of becoming one.
    pub suppressed: usize,
    /// Warnings that concern this window.
    pub warnings: Vec<Warning>,
}

/// Something an analyst has to know, though the execution went on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// New terms were left out because `max_signals` was reached.
    MaxSignals {
        /// The budget.
        limit: usize,
    },
    /// The same, or the limit was just reached, in a rule with suppression.
    MaxSignalsSuppressed {
        /// The budget.
        limit: usize,
    },
    /// `max_signals` is above what a server allows by default.
    MaxSignalsAboveServerLimit {
        /// What the rule says.
        value: i64,
    },
    /// A time field of the rule is not mapped.
    TimeFieldNotMapped {
        /// Its name.
        field: String,
    },
    /// An exception item is not applied.
    ExceptionNotApplied {
        /// Which one, and why.
        what: String,
    },
}

impl Warning {
    /// A short stable name, for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Warning::MaxSignals { .. } => "max_signals",
            Warning::MaxSignalsSuppressed { .. } => "max_signals_suppressed",
            Warning::MaxSignalsAboveServerLimit { .. } => "max_signals_above_server_limit",
            Warning::TimeFieldNotMapped { .. } => "time_field_not_mapped",
            Warning::ExceptionNotApplied { .. } => "exception_not_applied",
        }
    }
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Warning::MaxSignals { limit } => {
                write!(f, "the limit of {limit} alerts was reached: some alerts were not created (max_signals)")
            }
            Warning::MaxSignalsSuppressed { limit } => {
                write!(
                    f,
                    "the limit of {limit} alerts was reached: some may not be created or suppressed (max_signals)"
                )
            }
            Warning::MaxSignalsAboveServerLimit { value } => {
                write!(f, "max_signals {value} is above the limit of {SERVER_LIMIT} that a server has by default")
            }
            Warning::TimeFieldNotMapped { field } => {
                write!(f, "time field '{field}' is not mapped: no document has a value in it")
            }
            Warning::ExceptionNotApplied { what } => write!(f, "{what}: not applied"),
        }
    }
}

/// Default of the server-wide limit of alerts in one execution (`xpack.alerting.rules.run.alerts.max`).
pub(super) const SERVER_LIMIT: i64 = 1000;
