//! A program start as a tracer sees it: what an endpoint agent reports, and what audit records never hold, the environment.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::time::Millis;

/// One successful execve or execveat, read while the new image had not yet run a single instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecEvent {
    /// When it was seen. Real time.
    pub time: Millis,
    /// Thread-group id.
    pub pid: i32,
    /// When the process was started (forked), in clock ticks since boot: field 22 of `/proc/PID/stat`, proc(5).
    pub start_ticks: u64,
    /// The file that now runs: target of `/proc/PID/exe`.
    pub executable: PathBuf,
    /// Arguments.
    pub argv: Vec<OsString>,
    /// The whole environment as `NAME=value`; what may be kept of it is the normaliser's decision.
    pub env: Vec<OsString>,
    /// Working directory.
    pub cwd: PathBuf,
    /// Real and effective user id, real and effective group id.
    pub ids: Ids,
    /// The parent as it was at that moment.
    pub parent: ParentProcess,
}

/// Numeric owner of a process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ids {
    /// Real user.
    pub uid: u32,
    /// Effective user.
    pub euid: u32,
    /// Real group.
    pub gid: u32,
    /// Effective group.
    pub egid: u32,
}

/// The parent of a process that executed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ParentProcess {
    /// Thread-group id.
    pub pid: i32,
    /// Clock ticks since boot at which it was started.
    pub start_ticks: u64,
    /// Its file, if it could be read.
    pub executable: Option<PathBuf>,
    /// Its arguments, empty if they could not be read.
    pub argv: Vec<OsString>,
}
