//! A recorded scenario as a world: nothing is done, everything is as it was seen.

use std::collections::VecDeque;

use firstseen_detector::audit::Accounts;

use super::format::ActLine;
use super::read::RecordedScenario;
use crate::plan::{Plan, PlannedAct};
use crate::world::{Performed, World, WorldError};

/// Gives back the acts of one recorded scenario, in their order.
#[derive(Debug)]
pub struct ReplayWorld {
    acts: VecDeque<ActLine>,
    accounts: Accounts,
}

impl ReplayWorld {
    /// The world in which the scenario was recorded.
    #[must_use]
    pub fn new(scenario: &RecordedScenario) -> ReplayWorld {
        ReplayWorld { acts: scenario.acts.clone(), accounts: scenario.accounts() }
    }
}

impl World for ReplayWorld {
    fn begin(&mut self, _: &Plan) -> Result<(), WorldError> {
        Ok(())
    }

    fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    fn perform(&mut self, act: &PlannedAct) -> Result<Performed, WorldError> {
        match self.acts.pop_front() {
            Some(recorded) if recorded.is(act) => Ok(recorded.performed()),
            Some(recorded) => {
                let wanted = format!("{} by '{}'", act.technique.id, act.actor);
                let found = format!("{} by '{}'", recorded.technique, recorded.actor);
                Err(WorldError::Replay { what: format!("{wanted} is due, but the bundle goes on with {found}") })
            }
            None => Err(WorldError::Replay {
                what: format!("{} by '{}' is not in the bundle", act.technique.id, act.actor),
            }),
        }
    }
}
