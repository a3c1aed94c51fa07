//! [`TraceSensor`]: the [`Sensor`] that needs no privilege.

use super::filter::Filter;
use super::probe::unsupported_machine;
use super::run::{Seen, run, watch};
use crate::audit::AuditRule;
use crate::sensor::{Launch, Observation, Sensor, SensorError, SensorKind};

/// Runs programs under ptrace(2) and records what audit rules ask for.
#[derive(Clone, Debug)]
pub struct TraceSensor {
    filter: Option<Filter>,
}

impl TraceSensor {
    /// Records what these rules ask for, and every execution.
    ///
    /// # Errors
    /// [`SensorError::Rule`] for a rule that cannot be decided without the kernel's audit system; on a machine other than
    /// x86_64.
    pub fn new(rules: &[AuditRule]) -> Result<TraceSensor, SensorError> {
        unsupported_machine().map_err(|unfit| watch("set a filter here", std::io::Error::other(unfit.to_string())))?;
        Ok(TraceSensor { filter: Some(Filter::new(rules)?) })
    }

    /// Sees executions and lineage only, and changes nothing of the program: no filter, no `PR_SET_NO_NEW_PRIVS`. This is
    /// what runs beside the kernel's own records.
    #[must_use]
    pub fn exec_only() -> TraceSensor {
        TraceSensor { filter: None }
    }
}

impl Sensor for TraceSensor {
    fn kind(&self) -> SensorKind {
        SensorKind::Trace
    }

    fn observe(&mut self, launch: Launch) -> Result<Observation, SensorError> {
        let (mut records, mut execs) = (Vec::new(), Vec::new());
        let mut sink = |seen| match seen {
            Seen::Exec(event) => execs.push(event),
            Seen::Records(event) => records.extend(event),
        };
        let outcome = run(launch, self.filter.as_ref(), &mut sink)?;
        // The tracer returns when it has no tracee left, so it saw the end of every process: nothing can come any more.
        Ok(Observation {
            records,
            execs,
            pids: outcome.pids,
            exit: outcome.exit,
            drained: true,
            losses: outcome.losses,
        })
    }
}
