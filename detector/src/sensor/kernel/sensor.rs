//! [`AuditSensor`]: starts a program through the exec tracer and reads what the kernel's audit says about it.

use std::io;
use std::time::{Duration, Instant};

use super::asked::is_asked_for;
use super::coverage::missing;
use super::delivery::{find_marker, mark, start};
use super::setup::{Mode, Setup, Unfit, prepare};
use super::tape::{EventId, Patience, Tape};
use crate::audit::AuditRule;
use crate::journal::Journal;
use crate::netlink::{AuditKernel, AuditStatus, Enabled, KernelError, MarkerKind, Netlink, RuleData};
use crate::sensor::{Launch, Loss, Observation, Sensor, SensorError, SensorKind};

/// Where nothing is delivered at all, the start must not take long to find out.
const AT_THE_START: Patience = Patience { idle: Duration::from_millis(500), busy: Duration::from_secs(5) };

/// Around an act: delivery works here, but the machine may be busy, and the kernel's queue full of others' records.
const AROUND_AN_ACT: Patience = Patience { idle: Duration::from_secs(3), busy: Duration::from_secs(10) };

/// Longest wait for the second record of an event.
const SECOND_RECORD: Duration = Duration::from_millis(200);

/// What the sensor works with.
pub struct Options {
    /// Where changes are written down before they are made.
    pub journal: Journal,
    /// What starts the program and follows it and its descendants to their end: audit records have no environment and
    /// know no lineage. Its executions, process ids, exit and losses are handed on; its records are not.
    pub tracer: Box<dyn Sensor>,
}

/// Figures about the last observation, in records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Records of the launch's own processes.
    pub own: usize,
    /// Records of others, which were dropped.
    pub others: usize,
}

/// The `audit` sensor. It hands on what its rules ask for, and nothing that only the rules of others make the kernel record.
/// While it lives its rules are in the kernel; dropped, everything it changed is put back.
pub struct AuditSensor {
    kernel: Box<dyn AuditKernel>,
    tape: Tape,
    marker: MarkerKind,
    /// What was asked for; the kernel may record more, for others.
    asked: Vec<AuditRule>,
    setup: Setup,
    journal: Journal,
    tracer: Box<dyn Sensor>,
    statistics: Statistics,
}

impl AuditSensor {
    /// Connects to the kernel and makes it write the records that `rules` ask for (an empty slice: nothing is asked).
    ///
    /// # Errors
    /// When the sensor cannot work here; then nothing is left changed.
    pub fn new(rules: &[AuditRule], options: Options) -> Result<AuditSensor, Unfit> {
        AuditSensor::with_kernel(Box::new(Netlink::connect()?), rules, options)
    }

    /// As [`AuditSensor::new`], with another kernel.
    ///
    /// # Errors
    /// When the sensor cannot work here; then nothing is left changed.
    pub fn with_kernel(
        mut kernel: Box<dyn AuditKernel>,
        rules: &[AuditRule],
        options: Options,
    ) -> Result<AuditSensor, Unfit> {
        let Options { journal, tracer } = options;
        kernel.status()?;
        let stream = kernel.listen()?;
        let tape = start(stream)?;
        let asked = rules.to_vec();
        let rules: Vec<RuleData> = rules.iter().map(RuleData::from).collect();
        let setup = prepare(&mut *kernel, &rules, &journal)?;
        let marker = MarkerKind::Listener;
        let mut sensor =
            AuditSensor { kernel, tape, marker, asked, setup, journal, tracer, statistics: Statistics::default() };
        // From here on an early return drops the sensor, which undoes the setup.
        sensor.prove_delivery()?;
        Ok(sensor)
    }

    /// Where its records come from.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.setup.mode
    }

    /// Figures about the last observation.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.statistics
    }

    /// Sees one marker come back, and, where a rule may leave new processes without an audit context, that a new thread
    /// got one.
    fn prove_delivery(&mut self) -> Result<(), Unfit> {
        let found = find_marker(&mut *self.kernel, &self.tape, AT_THE_START)?;
        let Some((kind, event)) = found else { return Err(Unfit::NoDelivery) };
        self.marker = kind;
        if let Some(rule) = &self.setup.task_silencer
            && !self.tape.has_syscall(event, SECOND_RECORD)
        {
            return Err(Unfit::Silenced { rule: rule.clone() });
        }
        self.tape.take(None, None);
        Ok(())
    }

    /// Starts to keep records, with a marker in front. What is lost before an act begins is no loss, so a beginning that
    /// was disturbed is tried again.
    fn begin(&mut self) -> Result<Option<EventId>, KernelError> {
        let deadline = Instant::now() + AROUND_AN_ACT.busy;
        loop {
            self.tape.start();
            let begin = self.mark()?;
            if begin.is_none() || !self.tape.overflowed() || Instant::now() >= deadline {
                return Ok(begin);
            }
        }
    }

    fn mark(&mut self) -> Result<Option<EventId>, KernelError> {
        mark(&mut *self.kernel, &self.tape, self.marker, AROUND_AN_ACT)
    }

    /// What happened to the audit system between two looks at its status.
    fn disturbances(&mut self, before: &AuditStatus) -> Vec<Loss> {
        let mut losses = Vec::new();
        let disturbed = |what: String| Loss::Disturbed { what };
        match self.kernel.status() {
            Ok(after) => {
                match after.lost.checked_sub(before.lost) {
                    Some(0) => {}
                    Some(records) => losses.push(Loss::KernelLost { records }),
                    None => losses.push(disturbed("somebody reset the audit system's lost counter".to_owned())),
                }
                if after.state() == Enabled::Off {
                    losses.push(disturbed("somebody switched the audit system off".to_owned()));
                }
            }
            Err(error) => losses.push(disturbed(error.to_string())),
        }
        match self.kernel.rules() {
            Ok(there) => losses.extend(missing(&self.setup.rules, &there).into_iter().map(|gap| {
                disturbed(match gap.silencer {
                    Some(silencer) => format!("somebody put '{silencer}' in front of '{}'", gap.needed),
                    None => format!("somebody removed '{}'", gap.needed),
                })
            })),
            Err(error) => losses.push(disturbed(error.to_string())),
        }
        losses
    }
}

impl Sensor for AuditSensor {
    fn kind(&self) -> SensorKind {
        SensorKind::Audit
    }

    fn observe(&mut self, launch: Launch) -> Result<Observation, SensorError> {
        let begin = self.begin().map_err(|error| watch("mark the beginning of the audit stream", &error))?;
        let before = self.kernel.status().map_err(|error| watch("read the audit status", &error))?;
        let mut observation = self.tracer.observe(launch).inspect_err(|_| drop(self.tape.take(None, None)))?;
        let end = self.mark().map_err(|error| watch("mark the end of the audit stream", &error))?;
        let recording = self.tape.take(begin, end);
        let (records, others) =
            recording.select(|pid| observation.pids.contains(&pid), |syscall| is_asked_for(&self.asked, syscall));
        self.statistics = Statistics { own: records.len(), others };
        observation.records = records;
        observation.drained = end.is_some();
        observation.losses.extend(recording.losses);
        if begin.is_none() {
            let what = "the marker before the act did not come back".to_owned();
            observation.losses.push(Loss::Disturbed { what });
        }
        observation.losses.extend(self.disturbances(&before));
        Ok(observation)
    }
}

impl Drop for AuditSensor {
    fn drop(&mut self) {
        // What cannot be undone stays in the journal, for the next start.
        self.journal.undo(&self.setup.tickets);
    }
}

fn watch(action: &str, error: &KernelError) -> SensorError {
    SensorError::Watch {
        sensor: SensorKind::Audit,
        action: format!("{action} ({})", error.call),
        source: io::Error::from(error.errno),
    }
}

#[cfg(test)]
#[path = "sensor_tests.rs"]
mod tests;
