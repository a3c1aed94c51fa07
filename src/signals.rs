//! Ctrl-C and SIGTERM: what was begun is undone, then the process ends as the signal asks.

use std::sync::{Mutex, PoisonError};
use std::thread;

use firstseen_detector::journal::Journal;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// What the handler's thread undoes.
static JOURNAL: Mutex<Option<Journal>> = Mutex::new(None);

/// Starts the thread that waits for the signals. Tracees end with this process (`PTRACE_O_EXITKILL`), so nothing that was
/// started outlives it.
pub(crate) fn install() {
    // Without signals (a system out of descriptors) the undo journal still covers what is left.
    let Ok(mut signals) = Signals::new([SIGINT, SIGTERM, SIGHUP]) else { return };
    thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            firstseen_simulator::scratch::remove_all();
            if let Some(journal) = JOURNAL.lock().unwrap_or_else(PoisonError::into_inner).take() {
                journal.close();
            }
            let _ = signal_hook::low_level::emulate_default_handler(signal);
        }
    });
}

/// From now on a signal undoes what this journal holds. The handler's clone does not keep the journal open: the lab closes
/// it when it is dropped.
pub(crate) fn undo_at_the_end(journal: Journal) {
    *JOURNAL.lock().unwrap_or_else(PoisonError::into_inner) = Some(journal);
}
