//! Where acts are done: the only door between the runner and the machine.

use firstseen_detector::audit::Accounts;
use firstseen_detector::sensor::{Observation, SensorError};
use firstseen_simulator::{Report, SimulatorError};

use crate::facts::Execution;
use crate::live::OpenError;
use crate::plan::{Plan, PlannedAct};
use crate::relocate::Relocation;

/// A place to do acts in: this machine ([`LiveWorld`](crate::LiveWorld)), or what was recorded of one.
pub trait World {
    /// Prepares watching for what a plan's rule needs. Called once a scenario, before any act.
    ///
    /// # Errors
    /// When the machine does not allow to watch for it.
    fn begin(&mut self, plan: &Plan) -> Result<(), WorldError>;

    /// The accounts of the machine, by which documents name users and groups.
    fn accounts(&self) -> &Accounts;

    /// Does one act and watches it to its end.
    ///
    /// # Errors
    /// When the lab fails; that an act is impossible here or was not done is no error but [`Performed::execution`].
    fn perform(&mut self, act: &PlannedAct) -> Result<Performed, WorldError>;
}

/// One act, done and watched. Real time.
#[derive(Clone, Debug)]
pub struct Performed {
    /// Whether it was done.
    pub execution: Execution,
    /// What the act itself reports.
    pub report: Report,
    /// What the sensor saw; none if the act was not even tried.
    pub observation: Option<Observation>,
    /// Which folder has to be taken out of the documents.
    pub relocation: Relocation,
}

/// Why an act could not be done and watched.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// The act could not be prepared or read back.
    #[error(transparent)]
    Act(#[from] SimulatorError),
    /// No sensor can be opened.
    #[error("{0}")]
    Open(OpenError),
    /// The sensor failed.
    #[error(transparent)]
    Sensor(#[from] SensorError),
    /// The lab failed at this act when it was recorded.
    #[error("{message}")]
    Recorded {
        /// What was said then.
        message: String,
    },
    /// A recording does not fit the plan.
    #[error("the recording does not fit its scenario: {what}")]
    Replay {
        /// What was due, and what is there.
        what: String,
    },
}
