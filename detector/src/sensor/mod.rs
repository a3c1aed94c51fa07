//! Sensors: how the machine is watched while one program runs.
//!
//! A sensor starts the program itself (so that nothing is missed at the beginning), watches it and everything that it
//! starts until the last of them is gone, and hands back what it saw. It decides nothing.

pub mod doctor;
pub mod files;
pub mod kernel;
pub mod trace;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::Duration;

use crate::audit::RawRecord;
use crate::exec::ExecEvent;

/// A way of watching.
pub trait Sensor {
    /// Which sensor this is, for people and reports.
    fn kind(&self) -> SensorKind;

    /// Starts `launch`, watches it and its descendants to their end, and returns what was seen.
    ///
    /// # Errors
    /// When the program cannot be started or watched. Things that were lost on the way are no error: they are listed in
    /// [`Observation::losses`].
    fn observe(&mut self, launch: Launch) -> Result<Observation, SensorError>;
}

/// The sensors there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SensorKind {
    /// The kernel's own audit records over netlink, with the exec tracer beside it for the environment.
    Audit,
    /// ptrace with a seccomp filter: unprivileged.
    Trace,
}

impl fmt::Display for SensorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SensorKind::Audit => "audit",
            SensorKind::Trace => "trace",
        })
    }
}

/// A program to start under a sensor.
#[derive(Debug)]
pub struct Launch {
    /// File to execute.
    pub program: PathBuf,
    /// Arguments, the name of the program (`argv[0]`) first.
    pub argv: Vec<OsString>,
    /// The whole environment: nothing is inherited.
    pub env: Vec<(OsString, OsString)>,
    /// Working directory.
    pub cwd: PathBuf,
    /// Descriptors that the program gets: ours, and the number it has over there (0 and up). Others are closed on exec.
    pub descriptors: Vec<(OwnedFd, i32)>,
    /// After this real time everything that the program started is killed and a [`Loss`] is noted.
    pub timeout: Duration,
}

/// What a sensor saw of one [`Launch`].
#[derive(Clone, Debug)]
pub struct Observation {
    /// Audit records of the launch's own processes, in the order of arrival. Real time.
    pub records: Vec<RawRecord>,
    /// Executions, in order. Real time.
    pub execs: Vec<ExecEvent>,
    /// Thread-group ids of the started process and all its descendants.
    pub pids: BTreeSet<i32>,
    /// How the started process itself ended.
    pub exit: Exit,
    /// Whether the end of the stream was *seen*: a marker that was put into the same stream after the last process ended.
    pub drained: bool,
    /// Everything that was, or may have been, lost: with one of these, absence proves nothing.
    pub losses: Vec<Loss>,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// With this status.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

/// Something that was dropped, or may have been.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Loss {
    /// The kernel's `lost` counter of the audit system rose by this much.
    KernelLost {
        /// Records.
        records: u32,
    },
    /// The socket's buffer overflowed (`ENOBUFS`): an unknown number of records is gone.
    BufferOverflow,
    /// Serial numbers are missing between two events.
    SerialGap {
        /// The last serial before.
        after: u32,
        /// The first serial behind.
        before: u32,
    },
    /// The program did not end in time and was killed.
    TimedOut,
    /// Somebody changed what the sensor depends on while it watched, or its own marker did not come back.
    Disturbed {
        /// For a person.
        what: String,
    },
    /// The sensor could not read something of a process; `what` says which thing of which process.
    Unreadable {
        /// For a person.
        what: String,
    },
}

/// Why a sensor could not start or watch a program.
#[derive(Debug, thiserror::Error)]
pub enum SensorError {
    /// The program could not be started.
    #[error("cannot start '{program}': {source}")]
    Start {
        /// The file that was to be executed.
        program: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The sensor cannot work here.
    #[error("the {sensor} sensor does not work here: {reason}")]
    Unfit {
        /// Which sensor.
        sensor: SensorKind,
        /// Why, and what to do.
        reason: String,
    },
    /// A step of watching failed.
    #[error("the {sensor} sensor cannot {action}: {source}; 'firstseen doctor' says what works here")]
    Watch {
        /// Which sensor.
        sensor: SensorKind,
        /// What was tried, after "cannot".
        action: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// An audit rule that this sensor cannot decide.
    #[error("the {sensor} sensor cannot watch for the audit rule '{rule}': {problem}; {advice}")]
    Rule {
        /// Which sensor.
        sensor: SensorKind,
        /// The rule, in auditctl's syntax.
        rule: String,
        /// What is wrong.
        problem: String,
        /// What to do.
        advice: &'static str,
    },
}
