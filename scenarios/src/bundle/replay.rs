//! A recorded scenario as a world: nothing is done, everything is as it was seen.

use std::collections::VecDeque;
use std::slice;

use firstseen_detector::audit::Accounts;

use super::format::ActLine;
use super::read::{Bundle, RecordedScenario};
use crate::plan::{Plan, PlannedAct};
use crate::world::{Performed, World, WorldError};

/// Gives back the acts of recorded scenarios, in their order.
#[derive(Debug)]
pub struct ReplayWorld<'b> {
    coming: slice::Iter<'b, RecordedScenario>,
    acts: VecDeque<ActLine>,
    accounts: Accounts,
}

impl<'b> ReplayWorld<'b> {
    /// The world in which this scenario was recorded.
    #[must_use]
    pub fn new(scenario: &'b RecordedScenario) -> ReplayWorld<'b> {
        ReplayWorld::of(slice::from_ref(scenario))
    }

    /// The world in which all scenarios of a bundle were recorded: they are to be run in their order.
    #[must_use]
    pub fn all(bundle: &'b Bundle) -> ReplayWorld<'b> {
        ReplayWorld::of(&bundle.scenarios)
    }

    fn of(scenarios: &'b [RecordedScenario]) -> ReplayWorld<'b> {
        ReplayWorld { coming: scenarios.iter(), acts: VecDeque::new(), accounts: Accounts::none() }
    }
}

impl World for ReplayWorld<'_> {
    fn begin(&mut self, plan: &Plan) -> Result<(), WorldError> {
        let missing = || WorldError::Replay { what: format!("'{}' is due, but the bundle has no more", plan.id) };
        let scenario = self.coming.next().ok_or_else(missing)?;
        self.acts = scenario.acts.clone();
        self.accounts = scenario.accounts();
        Ok(())
    }

    fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    fn perform(&mut self, act: &PlannedAct) -> Result<Performed, WorldError> {
        match self.acts.pop_front() {
            Some(recorded) if recorded.is(act) => recorded.performed(),
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
