//! What was really seen: the judge's evidence, reduced to plain values.

use firstseen_detector::sensor::Loss;
use firstseen_detector::time::Millis;
use serde::{Deserialize, Serialize};

use crate::model::Warning;

/// One tuple of values of the rule's term fields, in their order, as text; a `host.id` as the host's name.
pub type Terms = Vec<String>;

/// What was seen of one step.
#[derive(Clone, Debug, Default)]
pub struct StepFacts {
    /// Its acts, in order.
    pub acts: Vec<ActFacts>,
}

/// What was seen of one act.
#[derive(Clone, Debug)]
pub struct ActFacts {
    /// Whether it was done, by its own report.
    pub execution: Execution,
    /// The sensor saw the act's own process start.
    pub watched: bool,
    /// The end of the sensor's stream was seen.
    pub drained: bool,
    /// What was lost, or may have been.
    pub losses: Vec<Loss>,
    /// How many records and exec events the sensor gave.
    pub events: usize,
    /// Documents made of them, in their order.
    pub documents: Vec<DocumentFacts>,
}

/// Whether an act was done.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Execution {
    /// The act reports that it was done.
    Done,
    /// It was tried and reports that it was not done, or does not report.
    NotDone(String),
    /// It cannot be tried on this machine.
    Impossible(String),
}

/// One document of an act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentFacts {
    /// `_id`.
    pub id: String,
    /// Its time as the rule sees it; none: invisible to the rule.
    pub time: Option<Millis>,
    /// The first instant at which an execution can find it.
    pub searchable: Millis,
    /// Term tuples that it carries; none if one of the rule's fields has no value.
    pub terms: Vec<Terms>,
    /// It shows the act itself (the very call, the very process), not something beside it.
    pub shows_act: bool,
    /// The rule's query matches it.
    pub matched: bool,
}

impl DocumentFacts {
    /// Whether it shows the act with all fields that the rule takes its terms from.
    #[must_use]
    pub fn is_capture(&self) -> bool {
        self.shows_act && !self.terms.is_empty()
    }
}

/// One scheduled execution.
#[derive(Clone, Debug)]
pub struct RunFacts {
    /// When.
    pub at: Millis,
    /// The windows that it searched.
    pub windows: Vec<WindowFacts>,
    /// The alerts that it raised.
    pub alerts: Vec<AlertFacts>,
    /// What it warned of.
    pub warnings: Vec<Warning>,
}

/// One searched window: `[from, to]` and the start of its history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowFacts {
    /// First instant.
    pub from: Millis,
    /// Last instant.
    pub to: Millis,
    /// First instant of the history, which ends with the window.
    pub history: Millis,
}

/// One alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertFacts {
    /// Alert id.
    pub id: String,
    /// `_id` of the document that it shows.
    pub document: String,
    /// Its terms.
    pub terms: Terms,
    /// Why Elastic itself would not have raised it: a defect there that is not copied here.
    pub remark: Option<String>,
}
