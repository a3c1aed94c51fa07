//! The `trace` sensor: the program runs under ptrace(2), and a seccomp(2) filter stops it at the system calls that the
//! audit rules name. Needs no privilege, so it works where the kernel's audit system cannot be reached: for any user, in
//! containers.
//!
//! What it writes is what the kernel's audit system would have written ([`RawRecord`](crate::audit::RawRecord)s), decided by
//! the same rules; plus every execution with its whole environment, read before the new program runs one instruction.
//!
//! ```text
//! Launch -> child (fork, filter, execve) -> Tracer -> SyscallEvent -> Filter::decide -> records
//!                                                  -> ExecEvent
//! ```
//!
//! Where it differs from the kernel:
//! - ids are those of this user and pid namespace, the kernel's audit writes those of the initial ones;
//! - serial numbers are the sensor's own;
//! - calls whose events need records that it cannot make (`PATH` of `openat`, `SOCKADDR` of `connect`, ...) are refused in a
//!   rule instead of being recorded in part: [`Filter::new`];
//! - a child that is made with `CLONE_UNTRACED` escapes, and a program that traces children of its own cannot.

mod bpf;
mod capabilities;
mod chain;
mod detail;
mod event;
mod execve;
mod filter;
mod health;
mod image;
mod launch;
mod live;
mod memory;
mod probe;
mod process;
mod record;
mod run;
mod sensor;
mod support;
mod surroundings;
#[cfg(test)]
mod tests;
mod tracer;

pub use filter::Filter;
pub use health::examine;
pub use probe::{Unfit, probe, probe_exec};
pub use run::{Seen, TraceOutcome, run};
pub use sensor::TraceSensor;
