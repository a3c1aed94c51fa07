//! The place where acts are done: undo journal, scratch directory and sensors. Whatever they changed is undone when the
//! lab is dropped.

use std::path::Path;
use std::time::Duration;

use firstseen_detector::audit::AuditRule;
use firstseen_detector::journal::{Change, Journal, Outcome, StateDir, Undone, undo_all};
use firstseen_detector::sensor::kernel::{AuditSensor, Options};
use firstseen_detector::sensor::trace::{self, TraceSensor};
use firstseen_detector::sensor::{Sensor, SensorError, SensorKind};
use firstseen_simulator::Scratch;

use crate::args::SensorChoice;
use crate::failure::Failure;
use crate::output::message;
use crate::signals;

/// Longest wait (real time) for a child that shows whether programs can be traced: a busy machine is no unfit one.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a run needs of the machine.
pub(crate) struct Lab {
    pub(crate) scratch: Scratch,
    journal: Journal,
}

impl Lab {
    /// Undoes what a dead run left, then makes a journal and, known to it before it is there, a scratch directory.
    pub(crate) fn open(scratch: Option<&Path>) -> Result<Lab, Failure> {
        let (journal, undone) = signals::undo_at_the_end(|| {
            let state = StateDir::find().map_err(Failure::environment)?;
            let undone = undo_all(&state);
            let journal = Journal::open(&state).map_err(Failure::environment)?;
            Ok((journal, undone))
        })?;
        report_undone(&undone);
        let scratch = match announced(scratch, &journal) {
            Ok(scratch) => scratch,
            Err(failure) => {
                journal.close();
                return Err(failure);
            }
        };
        Ok(Lab { scratch, journal })
    }

    /// Where changes are written down before they are made.
    pub(crate) fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Decides which sensor watches, and says why.
    ///
    /// # Errors
    /// Where no program can be traced, which both sensors need: every act would fail for that one reason. Why the kernel's
    /// audit does not answer is said when the sensor is opened for a rule.
    pub(crate) fn choose(&self, choice: SensorChoice) -> Result<Chosen, Failure> {
        let chosen = match choice {
            SensorChoice::Trace => Chosen { kind: SensorKind::Trace, why: "asked for".to_owned() },
            SensorChoice::Audit => Chosen { kind: SensorKind::Audit, why: "asked for".to_owned() },
            SensorChoice::Auto => match self.audit(&[]) {
                Ok(_) => Chosen { kind: SensorKind::Audit, why: "chosen: the kernel's audit answers here".to_owned() },
                Err(error) => Chosen { kind: SensorKind::Trace, why: format!("chosen: {error}") },
            },
        };
        let probed = match chosen.kind {
            SensorKind::Trace => trace::probe(PATIENCE),
            SensorKind::Audit => trace::probe_exec(PATIENCE),
        };
        probed.map_err(|unfit| {
            let (reason, fix) = (unfit.reason, unfit.fix);
            Failure::environment(format!(
                "nothing can be watched by the sensor {chosen}: {reason}; {fix}; 'firstseen doctor' says which sensors \
                 work here"
            ))
        })?;
        Ok(chosen)
    }

    /// Opens a sensor for audit rules in auditctl's syntax.
    pub(crate) fn sensor(&self, kind: SensorKind, rules: &[String]) -> Result<Box<dyn Sensor>, SensorError> {
        let parsed: Result<Vec<AuditRule>, SensorError> = rules.iter().map(|rule| parse(kind, rule)).collect();
        let parsed = parsed?;
        match kind {
            SensorKind::Trace => Ok(Box::new(TraceSensor::new(&parsed)?)),
            SensorKind::Audit => Ok(Box::new(self.audit(&parsed)?)),
        }
    }

    fn audit(&self, rules: &[AuditRule]) -> Result<AuditSensor, SensorError> {
        let tracer = Box::new(TraceSensor::exec_only());
        AuditSensor::new(rules, Options { journal: self.journal.clone(), tracer })
            .map_err(|unfit| SensorError::Unfit { sensor: SensorKind::Audit, reason: unfit.to_string() })
    }
}

fn announced(base: Option<&Path>, journal: &Journal) -> Result<Scratch, Failure> {
    let announce = |path: &Path| {
        let hold = journal.hold()?;
        journal.will(Change::Directory { path: path.to_owned() }).map(|_| hold)
    };
    Ok(Scratch::announced(base, |path| announce(path).map_err(|error| error.to_string()))?)
}

impl Drop for Lab {
    fn drop(&mut self) {
        report_undone(&self.journal.close().into_iter().filter(|undone| !undone.is_settled()).collect::<Vec<_>>());
    }
}

/// Which sensor watches.
#[derive(Clone, Debug)]
pub(crate) struct Chosen {
    pub(crate) kind: SensorKind,
    why: String,
}

impl std::fmt::Display for Chosen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = match self.kind {
            SensorKind::Trace => "trace",
            SensorKind::Audit => "audit, with the exec tracer beside it for environments",
        };
        write!(f, "{name} ({})", self.why)
    }
}

fn parse(sensor: SensorKind, rule: &str) -> Result<AuditRule, SensorError> {
    AuditRule::parse(rule).map_err(|error| SensorError::Rule {
        sensor,
        rule: rule.to_owned(),
        problem: error.to_string(),
        advice: "correct it in the setup text of the detection rule",
    })
}

/// Says what was undone after a run that had died.
fn report_undone(undone: &[Undone]) {
    for entry in undone {
        match entry.outcome {
            Outcome::Restored | Outcome::Failed { .. } | Outcome::LeftAlone { .. } => {
                message(format!("firstseen: undone after a run that had died: {entry}"));
            }
            Outcome::AlreadyGone => {}
        }
    }
}
