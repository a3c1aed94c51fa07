//! [`run`]: one launch from its start to the end of its last process.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;

use super::filter::Filter;
use super::image::{self, Image};
use super::launch::{self, Reins};
use super::live::Live;
use super::tracer::{Found, Tracer};
use crate::audit::RawRecord;
use crate::exec::ExecEvent;
use crate::sensor::{Exit, Launch, Loss, SensorError, SensorKind};
use crate::sys::child::{self, Errand, Plan, Step};
use crate::sys::ptrace;

/// Something that was seen, at the moment it was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// A program was executed and has not run yet.
    Exec(ExecEvent),
    /// The records of one event, in the kernel's order, `EOE` last.
    Records(Vec<RawRecord>),
}

/// How a launch went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceOutcome {
    /// How the started process ended.
    pub exit: Exit,
    /// Thread-group ids of the started process and all its descendants.
    pub pids: BTreeSet<i32>,
    /// What could not be read, and whether the time was over.
    pub losses: Vec<Loss>,
}

/// Starts a program and follows it and all its descendants; returns when the end of each of them was seen.
///
/// Without a filter only executions are seen, and the program is not changed in any way; with one it runs under a
/// seccomp filter, which takes set-uid programs away from a user who is not privileged (`PR_SET_NO_NEW_PRIVS`).
///
/// The tracer is a thread of its own, so children of the calling thread are left alone, and nothing outlives a panic or
/// the end of this process: the kernel kills what a vanished tracer leaves behind. `sink` is called on that thread.
///
/// # Errors
/// When the program cannot be started or traced; then nothing of it runs any more.
pub fn run(
    launch: Launch,
    filter: Option<&Filter>,
    sink: &mut (dyn FnMut(Seen) + Send),
) -> Result<TraceOutcome, SensorError> {
    let timeout = launch.timeout;
    let program = launch.program.clone();
    let image = image::of_launch(&launch.program, &launch.cwd);
    let started = |source| SensorError::Start { program: program.clone(), source };
    let ready = launch::prepare(launch, filter.map(Filter::program)).map_err(started)?;
    outcome(supervise(ready, image, filter, timeout, sink)?, program)
}

/// What the tracer's thread hands back.
pub(super) struct Traced {
    /// What it found.
    pub(super) found: Found,
    /// The child's report.
    pub(super) report: OwnedFd,
    /// Whether it was killed because the time was over.
    pub(super) timed_out: bool,
}

/// Runs a child under a tracer's thread, with an eye on the clock.
pub(super) fn supervise(
    ready: (Plan, Reins),
    image: Image,
    filter: Option<&Filter>,
    timeout: Duration,
    sink: &mut (dyn FnMut(Seen) + Send),
) -> Result<Traced, SensorError> {
    let live = Live::default();
    let (ended, end) = mpsc::channel::<()>();
    std::thread::scope(|scope| {
        let tracer = std::thread::Builder::new().name("trace".to_owned()).spawn_scoped(scope, || {
            let _ended = ended; // dropped when this thread is done, also by a panic
            trace(ready, image, filter, &live, sink)
        });
        let tracer = tracer.map_err(|error| watch("start the tracer's thread", error))?;
        if end.recv_timeout(timeout) == Err(mpsc::RecvTimeoutError::Timeout) {
            live.doom();
        }
        tracer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Forks, seizes the child and follows it.
fn trace(
    (plan, reins): (Plan, Reins),
    image: Image,
    filter: Option<&Filter>,
    live: &Live,
    sink: &mut (dyn FnMut(Seen) + Send),
) -> Result<Traced, SensorError> {
    let mut options = ptrace::follow_options();
    if plan.filter.is_some() {
        options |= libc::PTRACE_O_TRACESECCOMP | libc::PTRACE_O_TRACEEXIT;
    }
    let runs_at_once = matches!(plan.errand, Errand::MakePageExecutable);
    let root = child::fork(&plan).map_err(|error| watch("fork", error))?;
    drop(plan);
    let Reins { go, report } = reins;
    if let Err(error) = ptrace::seize(root, options) {
        drop(go); // the child ends without having done anything
        while matches!(ptrace::collect_blocking(root), Err(error) if error.kind() == io::ErrorKind::Interrupted) {}
        return Err(watch(SEIZE, error));
    }
    live.add(root);
    let mut tracer = Tracer::new(root, image, filter, live, sink);
    tracer.found.started = runs_at_once;
    std::fs::File::from(go).write_all(&[1]).map_err(|error| watch("let the child go", error))?;
    let found = tracer.follow().map_err(|error| watch("follow the program", error))?;
    if adopts_orphans() {
        found.pids.iter().for_each(|pid| ptrace::collect_orphan(*pid));
    }
    Ok(Traced { found, report, timed_out: live.is_doomed() })
}

/// Whether the ended processes whose parents were gone are now children of this one, as in a container without an init.
fn adopts_orphans() -> bool {
    std::process::id() == 1 || matches!(nix::sys::prctl::get_child_subreaper(), Ok(true))
}

/// The step that a machine which forbids tracing refuses.
pub(super) const SEIZE: &str = "trace a child of its own (PTRACE_SEIZE)";

fn outcome(traced: Traced, program: PathBuf) -> Result<TraceOutcome, SensorError> {
    let Traced { found, report, timed_out } = traced;
    let Found { pids, started, exit, mut losses } = found;
    if timed_out {
        losses.push(Loss::TimedOut);
    } else if !started {
        return Err(failure(child::failure(report), exit, program));
    }
    // The end of the tracees is only reported by a wait that also takes their status, so this is always there.
    let exit = exit.ok_or_else(|| watch("see the program's end", io::Error::from_raw_os_error(libc::ECHILD)))?;
    Ok(TraceOutcome { exit, pids, losses })
}

/// Why the program did not start, as the child tells it.
fn failure(told: Option<(Step, io::Error)>, exit: Option<Exit>, program: PathBuf) -> SensorError {
    let Some((step, error)) = told else {
        let source = io::Error::other(format!("the process ended before it executed anything: {exit:?}"));
        return SensorError::Start { program, source };
    };
    let in_setup = |what: &str| io::Error::new(error.kind(), format!("cannot {what}: {error}"));
    let source = match step {
        Step::Descriptors => in_setup("pass its descriptors"),
        Step::WorkingDirectory => in_setup("enter its working directory"),
        Step::NoNewPrivileges => return watch("give up new privileges (PR_SET_NO_NEW_PRIVS)", error),
        Step::Filter => return watch("set a seccomp filter", error),
        Step::Execute | Step::Page => error,
    };
    SensorError::Start { program, source }
}

/// An error of this sensor.
pub(super) fn watch(action: &str, source: io::Error) -> SensorError {
    SensorError::Watch { sensor: SensorKind::Trace, action: action.to_owned(), source }
}
