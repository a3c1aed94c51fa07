//! What happens during a run, as it happens: the only thing that reporters and progress bars see.

use firstseen_detector::ecs::EcsDocument;
use firstseen_detector::time::Millis;

use crate::facts::WindowFacts;
use crate::model::Warning;
use crate::offset::Offset;
use crate::verdict::{AlertOutcome, ScenarioOutcome, StepOutcome, Totals};

/// One event. Virtual times only.
#[derive(Clone, Debug)]
pub enum RunEvent {
    /// A run begins.
    RunStarted {
        /// How many scenarios will run.
        scenarios: usize,
        /// Which sensor watches, and why it was chosen.
        sensor: String,
    },
    /// A scenario begins.
    ScenarioStarted {
        /// Id.
        id: String,
        /// Title.
        title: String,
        /// The comment at the top of its file.
        story: String,
        /// Name of the rule.
        rule_name: String,
        /// The fields that the rule takes its terms from.
        terms: Vec<String>,
        /// When the rule runs and how far it looks back, for people.
        schedule: String,
        /// How many steps.
        steps: usize,
        /// How many acts in all.
        acts: usize,
        /// How many scheduled executions.
        executions: usize,
    },
    /// One act was done and watched.
    ActPerformed(ActPerformed),
    /// An execution ended.
    ExecutionRun {
        /// When.
        at: Millis,
        /// What it searched.
        windows: Vec<WindowFacts>,
        /// How many alerts it raised.
        alerts: usize,
        /// What it warned of.
        warnings: Vec<Warning>,
    },
    /// An alert was raised.
    AlertRaised {
        /// Number of the step whose document it shows.
        step: usize,
        /// The alert.
        alert: AlertOutcome,
        /// What an alerts index would hold of it.
        document: serde_json::Value,
    },
    /// A step was judged; all steps of a scenario are, in order, after its last execution.
    StepJudged(StepOutcome),
    /// A scenario ended.
    ScenarioJudged(ScenarioOutcome),
    /// The run ended.
    RunFinished(Totals),
}

/// What one act left behind.
#[derive(Clone, Debug)]
pub struct ActPerformed {
    /// Number of its step, from 1.
    pub step: usize,
    /// Virtual time since the start.
    pub at: Offset,
    /// Who acted.
    pub actor: String,
    /// Host name.
    pub host: String,
    /// The program, as documents show it.
    pub executable: String,
    /// Technique id.
    pub technique: String,
    /// What the act itself reports, or why it was not done.
    pub report: String,
    /// How many records and exec events the sensor gave.
    pub events: usize,
    /// The record or exec event behind the document that matters most, as the sensor gave it; real time.
    pub evidence: Option<String>,
    /// Documents made of them, on the virtual timeline.
    pub documents: Vec<EcsDocument>,
    /// How many of them the query matches.
    pub matched: usize,
    /// What the rule reads of the document that matters most: its query's fields, then its terms', with their values.
    pub fields: Vec<(String, String)>,
    /// Terms of the first document that matches, or else of the first that has any.
    pub terms: Option<Vec<String>>,
}
