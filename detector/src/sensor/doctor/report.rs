//! What the doctor found: plain data, for text and JSON alike.

use serde::Serialize;

use crate::sensor::SensorKind;

/// The whole report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Doctor {
    /// Every sensor there is.
    pub sensors: Vec<SensorHealth>,
    /// What else a run depends on and does not find as it should be.
    pub findings: Vec<Finding>,
}

impl Doctor {
    /// Whether anything can run here: a sensor works, and nothing that every run needs is missing.
    #[must_use]
    pub fn is_fit(&self) -> bool {
        let blocked = self.findings.iter().any(|finding| finding.weight == Weight::Blocks);
        !blocked && self.sensors.iter().any(|sensor| sensor.works)
    }
}

/// One sensor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SensorHealth {
    /// Which.
    pub kind: SensorKind,
    /// Whether it can be used here.
    pub works: bool,
    /// Why it works or not, one sentence.
    pub reason: String,
    /// What to do about it, one way a line; `None` if there is nothing to do.
    pub fix: Option<String>,
    /// What was looked at, name and value, in order.
    pub facts: Vec<(String, String)>,
}

/// Something that a run needs besides a sensor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is about, one or two words.
    pub subject: String,
    /// How much it matters.
    pub weight: Weight,
    /// What is wrong, and what that means for a run.
    pub what: String,
    /// What to do.
    pub fix: String,
}

/// How much a [`Finding`] matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Weight {
    /// Nothing can run.
    Blocks,
    /// Something is missing or less reliable.
    Limits,
}
