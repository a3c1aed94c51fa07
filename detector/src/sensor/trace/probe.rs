//! [`probe`]: whether this sensor works here, shown by tracing a real child.

use std::io;
use std::time::Duration;

use super::filter::Filter;
use super::image::Image;
use super::launch;
use super::run::{SEIZE, Seen, Traced, supervise};
use super::surroundings::Surroundings;
use crate::audit::{AuditRule, RecordType};
use crate::sensor::{Exit, Loss, SensorError};
use crate::sys::child::{self, Errand, Step};

/// Why the `trace` sensor does not work here, and what a person can do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Unfit {
    /// What does not work, and why as far as it can be found out.
    pub reason: String,
    /// What to do. For a person.
    pub fix: String,
}

impl Unfit {
    pub(super) fn new(reason: impl Into<String>, fix: impl Into<String>) -> Unfit {
        Unfit { reason: reason.into(), fix: fix.into() }
    }
}

const RULE: &str = "-a always,exit -F arch=b64 -S mprotect -F a2=7";

/// Traces a child of its own that makes a page RWX, and looks whether that is seen. Takes a few milliseconds of
/// real time, and at most `patience`, after which the child is killed.
///
/// # Errors
/// When it is not, with the reason and its cure.
pub fn probe(patience: Duration) -> Result<(), Unfit> {
    unsupported_machine()?;
    let impossible = |error: SensorError| Unfit::new(error.to_string(), "report this: it should not happen");
    let rule = AuditRule::parse(RULE).map_err(|error| Unfit::new(error.to_string(), "report this"))?;
    let filter = Filter::new(&[rule]).map_err(impossible)?;
    let mut calls = Vec::new();
    let mut sink = |seen| match seen {
        Seen::Records(records) => calls.extend(records.into_iter().filter(|r| r.record_type == RecordType::SYSCALL)),
        Seen::Exec(_) => {}
    };
    let traced = trace(Some(&filter), patience, &mut sink)?;
    judge(traced, patience, calls.iter().any(|call| call.text.contains(" success=yes exit=0 ")))
}

/// As [`probe`], for a tracer that follows executions only ([`TraceSensor::exec_only`](super::TraceSensor::exec_only)).
///
/// # Errors
/// When a child cannot be traced, with the reason and its cure.
pub fn probe_exec(patience: Duration) -> Result<(), Unfit> {
    unsupported_machine()?;
    judge(trace(None, patience, &mut |_| {})?, patience, true)
}

/// Traces a child that makes a page RWX.
fn trace(filter: Option<&Filter>, patience: Duration, sink: &mut (dyn FnMut(Seen) + Send)) -> Result<Traced, Unfit> {
    let ready = launch::plan(Errand::MakePageExecutable, Vec::new(), filter.map(Filter::program))
        .map_err(|error| Unfit::new(format!("cannot make a pipe: {error}"), "allow more open files (ulimit -n)"))?;
    supervise(ready, Image::default(), filter, patience, sink).map_err(refused)
}

/// The filter and the numbers in it are those of x86.
pub(super) fn unsupported_machine() -> Result<(), Unfit> {
    if cfg!(target_arch = "x86_64") {
        return Ok(());
    }
    Err(Unfit::new(
        format!("the trace sensor knows x86_64 only, and this is {}", std::env::consts::ARCH),
        "use the audit sensor",
    ))
}

fn judge(traced: Traced, patience: Duration, seen: bool) -> Result<(), Unfit> {
    let Traced { found, report, timed_out } = traced;
    if timed_out {
        return Err(Unfit::new(
            format!("a traced child did not end within {} ms", patience.as_millis()),
            "try again when the machine is less busy",
        ));
    }
    match child::failure(report) {
        Some((Step::NoNewPrivileges, error)) => return Err(no_new_privileges(&error)),
        Some((Step::Filter, error)) => return Err(filter_refused(&error)),
        Some((step, error)) => {
            let reason = format!("a traced child failed at the step {step:?}: {error}");
            return Err(Unfit::new(reason, "allow programs to make memory executable"));
        }
        None => {}
    }
    if let Some(Loss::Unreadable { what }) = found.losses.first() {
        return Err(Unfit::new(
            format!("what /proc says about an own child cannot be read: {what}"),
            "mount /proc (in a container: without a mask over it)",
        ));
    }
    match (found.exit, seen) {
        (Some(Exit::Code(0)), true) => Ok(()),
        (Some(Exit::Code(0)), false) => Err(Unfit::new(
            "the system call of a traced child was not reported: this kernel does not implement SECCOMP_RET_TRACE",
            "use a Linux kernel, not an emulation of one (gVisor), or the audit sensor",
        )),
        (exit, _) => Err(Unfit::new(
            format!("a traced child ended with {exit:?}"),
            "see whether the kernel or a limit killed it",
        )),
    }
}

fn refused(error: SensorError) -> Unfit {
    match error {
        SensorError::Watch { action, source, .. } if action == SEIZE => Surroundings::read().why_not_traced(&source),
        SensorError::Watch { action, source, .. } if is_old_kernel(&source) => {
            Unfit::new(format!("cannot {action}: {source}"), "use Linux 5.3 or newer (PTRACE_GET_SYSCALL_INFO)")
        }
        error => Unfit::new(error.to_string(), "raise the limits of processes and memory (ulimit -u, ulimit -v)"),
    }
}

/// How kernels answer ptrace requests that they do not know.
fn is_old_kernel(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EIO | libc::EINVAL))
}

fn no_new_privileges(error: &io::Error) -> Unfit {
    Unfit::new(
        format!("PR_SET_NO_NEW_PRIVS is refused: {error}"),
        "run as root, or with a seccomp profile that allows prctl(2) (--security-opt seccomp=unconfined)",
    )
}

fn filter_refused(error: &io::Error) -> Unfit {
    let fix = match error.raw_os_error() {
        Some(libc::EINVAL) => "use a kernel with CONFIG_SECCOMP_FILTER",
        Some(libc::ENOMEM) => "this process has too many seccomp filters already: use fewer",
        _ => "allow seccomp(2) in the container's profile (--security-opt seccomp=unconfined)",
    };
    Unfit::new(format!("a seccomp filter is refused: {error}"), fix)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_millis(250);

    #[test]
    fn it_works_here_and_quickly() {
        let begun = std::time::Instant::now();
        assert_eq!((probe(PATIENCE), probe_exec(PATIENCE)), (Ok(()), Ok(())));
        assert!(begun.elapsed() < Duration::from_millis(300));
    }

    #[test]
    fn a_refused_filter_names_its_cure() {
        let fix = |number| filter_refused(&io::Error::from_raw_os_error(number)).fix;
        assert!(fix(libc::EINVAL).contains("CONFIG_SECCOMP_FILTER") && fix(libc::EPERM).contains("seccomp=unconfined"));
    }

    #[test]
    fn an_old_kernel_is_named() {
        let error = super::super::run::watch("follow the program", io::Error::from_raw_os_error(libc::EIO));
        assert!(refused(error).fix.contains("Linux 5.3"));
    }
}
