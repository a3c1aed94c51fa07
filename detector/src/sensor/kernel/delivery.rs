//! Whether records really arrive: a bind to the multicast group also succeeds where nothing is ever delivered.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use nix::errno::Errno;

use super::tape::{EventId, Patience, Tape};
use crate::netlink::{AuditKernel, AuditStream, KernelCall, KernelError, MarkerKind};

/// What became of a marker on a system that is switched on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// It came back.
    Seen {
        /// Whether the thread that made it had an audit context: its SYSCALL record came too. Without any rule in the
        /// kernel no thread has one.
        has_context: bool,
    },
    /// Nothing came back.
    Nothing,
}

/// Puts a marker into the stream and waits for it, at most a little more than twice `patience`. The system must be
/// switched on: else the kernel writes no record.
///
/// # Errors
/// When the reader cannot be started or the kernel refuses the first kind of marker.
pub fn prove(
    kernel: &mut dyn AuditKernel,
    stream: Box<dyn AuditStream>,
    patience: Duration,
) -> Result<Delivery, KernelError> {
    let tape = start(stream)?;
    Ok(match find_marker(kernel, &tape, Patience { idle: patience, busy: patience })? {
        Some((_, event)) => Delivery::Seen { has_context: tape.has_syscall(event, patience / 5) },
        None => Delivery::Nothing,
    })
}

/// Reads a stream on a thread of its own.
pub(super) fn start(stream: Box<dyn AuditStream>) -> Result<Tape, KernelError> {
    Tape::new(stream).map_err(|error| KernelError {
        call: KernelCall::Listen,
        errno: error.raw_os_error().map_or(Errno::EAGAIN, Errno::from_raw),
    })
}

/// The kind of marker that comes back here, and the event of the one that did. The tape keeps on recording.
pub(super) fn find_marker(
    kernel: &mut dyn AuditKernel,
    tape: &Tape,
    patience: Patience,
) -> Result<Option<(MarkerKind, EventId)>, KernelError> {
    tape.start();
    if let Some(event) = mark(kernel, tape, MarkerKind::Listener, patience)? {
        return Ok(Some((MarkerKind::Listener, event)));
    }
    // An old kernel, or a rule that excludes the first kind; a refusal of this one means only that it is no help.
    let event = mark(kernel, tape, MarkerKind::UserMessage, patience).unwrap_or(None);
    Ok(event.map(|event| (MarkerKind::UserMessage, event)))
}

/// Puts a marker into the stream and waits for it; `None` if it did not come back in time.
pub(super) fn mark(
    kernel: &mut dyn AuditKernel,
    tape: &Tape,
    kind: MarkerKind,
    patience: Patience,
) -> Result<Option<EventId>, KernelError> {
    tape.mark(&marker_name(), patience, |name| kernel.mark(kind, name))
}

/// A name that no other marker on this machine has: 15 bytes, the longest name of a thread.
fn marker_name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let clock = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |time| time.subsec_nanos());
    let unique = (std::process::id() << 10) ^ clock;
    format!("fs{unique:08x}{:05x}", COUNT.fetch_add(1, Ordering::Relaxed) & 0xf_ffff)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::fake::FakeKernel;
    use super::*;

    fn on(change: impl FnOnce(&mut super::super::fake::FakeState)) -> Delivery {
        let mut kernel = FakeKernel::with(|state| {
            state.status.enabled = 1;
            change(state);
        });
        let stream = kernel.listen().expect("joined");
        prove(&mut kernel, stream, Duration::from_millis(50)).expect("allowed")
    }

    #[test]
    fn a_marker_is_seen_with_or_without_the_context_of_its_thread() {
        assert_eq!(on(|_| {}), Delivery::Seen { has_context: true });
        assert_eq!(on(|state| state.no_context = true), Delivery::Seen { has_context: false });
        assert_eq!(on(|state| state.deaf_to = vec![MarkerKind::Listener]), Delivery::Seen { has_context: false });
        let both = vec![MarkerKind::Listener, MarkerKind::UserMessage];
        assert_eq!(on(|state| state.deaf_to = both), Delivery::Nothing);
    }

    #[test]
    fn names_of_markers_are_names_of_threads_and_never_twice() {
        let names: BTreeSet<String> = (0..1000).map(|_| marker_name()).collect();
        assert_eq!(names.len(), 1000);
        assert!(names.iter().all(|name| name.len() == 15 && name.bytes().all(|byte| byte.is_ascii_alphanumeric())));
    }
}
