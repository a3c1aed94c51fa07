//! Ctrl-C and SIGTERM: what was begun is undone, then the process ends as the signal asks.

use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// Starts the thread that waits for the signals. Tracees end with this process (`PTRACE_O_EXITKILL`), so nothing that was
/// started outlives it.
pub(crate) fn install() {
    // Without signals (a system out of descriptors) the undo journal still covers what is left.
    let Ok(mut signals) = Signals::new([SIGINT, SIGTERM, SIGHUP]) else { return };
    thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            firstseen_simulator::scratch::remove_all();
            let _ = signal_hook::low_level::emulate_default_handler(signal);
        }
    });
}
