//! This machine as a world: acts are really done, below a scratch folder, started by a real sensor.

use std::collections::HashMap;
use std::time::Duration;

use firstseen_detector::audit::Accounts;
use firstseen_detector::sensor::{Launch, Sensor};
use firstseen_simulator::{Report, Scratch, Shortfall, SkipReason};

use crate::facts::Execution;
use crate::plan::{Plan, PlannedAct};
use crate::relocate::Relocation;
use crate::world::{Performed, World, WorldError};

/// An act that takes longer (real time) is killed, and counts as a loss.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Why a sensor cannot be opened: it knows best itself.
pub type OpenError = Box<dyn std::error::Error + Send + Sync>;

/// Opens a sensor for audit rules in auditctl syntax.
pub type OpenSensor<'a> = dyn FnMut(&[String]) -> Result<Box<dyn Sensor>, OpenError> + 'a;

/// This machine.
pub struct LiveWorld<'a> {
    scratch: &'a Scratch,
    open: Box<OpenSensor<'a>>,
    /// The open sensor, and the audit rules that it was opened for.
    sensor: Option<(Vec<String>, Box<dyn Sensor>)>,
    /// Which techniques this machine can do, as far as it was asked.
    available: HashMap<&'static str, Result<(), SkipReason>>,
    accounts: Accounts,
}

impl<'a> LiveWorld<'a> {
    /// Acts go below `scratch`; `open` makes the sensor, again for every new set of audit rules.
    #[must_use]
    pub fn new(
        scratch: &'a Scratch,
        open: impl FnMut(&[String]) -> Result<Box<dyn Sensor>, OpenError> + 'a,
    ) -> LiveWorld<'a> {
        let accounts = Accounts::of_this_machine();
        LiveWorld { scratch, open: Box::new(open), sensor: None, available: HashMap::new(), accounts }
    }

    fn relocation(&self) -> Relocation {
        let mark = self.scratch.path().file_name().unwrap_or_default();
        Relocation::new(self.scratch.root(), &mark.to_string_lossy())
    }
}

impl World for LiveWorld<'_> {
    fn begin(&mut self, plan: &Plan) -> Result<(), WorldError> {
        let audit_rules = plan.rule.audit_rules();
        if self.sensor.as_ref().is_none_or(|(rules, _)| *rules != audit_rules) {
            // The old one first: it puts back what it changed.
            self.sensor = None;
            let sensor = (self.open)(&audit_rules).map_err(WorldError::Open)?;
            self.sensor = Some((audit_rules, sensor));
        }
        Ok(())
    }

    fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    fn perform(&mut self, act: &PlannedAct) -> Result<Performed, WorldError> {
        let relocation = self.relocation();
        let scratch = self.scratch;
        let technique = act.technique;
        if let Err(reason) = self.available.entry(technique.id).or_insert_with(|| technique.available(scratch)) {
            let execution = Execution::Impossible(reason.to_string());
            return Ok(Performed { execution, report: Report::default(), observation: None, relocation });
        }
        let (_, sensor) = match &mut self.sensor {
            Some(open) => open,
            None => self.sensor.insert((Vec::new(), (self.open)(&[]).map_err(WorldError::Open)?)),
        };
        let mut prepared = technique.prepare(&act.request, scratch)?;
        let launch = Launch {
            program: prepared.program.clone(),
            argv: prepared.argv.clone(),
            env: prepared.env.clone(),
            cwd: prepared.cwd.clone(),
            descriptors: prepared.take_descriptors(),
            timeout: TIMEOUT,
        };
        let observation = sensor.observe(launch)?;
        let report = prepared.report()?;
        let execution = match prepared.proven_by(&report) {
            Ok(()) => Execution::Done,
            // By a sandbox, or by a limit of this kernel: nothing is wrong with the act.
            Err(refused @ Shortfall::Refused { .. }) => Execution::Impossible(refused.to_string()),
            Err(shortfall) => Execution::NotDone(shortfall.to_string()),
        };
        Ok(Performed { execution, report, observation: Some(observation), relocation })
    }
}
