//! Ctrl-C, SIGTERM and SIGHUP: what was begun is undone, then the process ends as the signal asks.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::{fs, thread};

use firstseen_detector::journal::Journal;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::failure::Failure;

/// What the handler's thread undoes.
static JOURNAL: Mutex<Option<Journal>> = Mutex::new(None);

/// A signal has come: the handler's thread ends the process.
static ENDING: AtomicBool = AtomicBool::new(false);

/// Starts the thread that waits for the signals. What was started and is watched ends with this process
/// (`PTRACE_O_EXITKILL`, `PR_SET_PDEATHSIG`).
///
/// # Errors
/// When no thread can be started; nothing else could be then.
pub(crate) fn install() -> Result<(), Failure> {
    let wanted: Vec<i32> = [SIGINT, SIGTERM, SIGHUP].into_iter().filter(|signal| !is_ignored(*signal)).collect();
    // Without signals (a system out of descriptors) the undo journal still covers what is left.
    let Ok(mut signals) = Signals::new(wanted) else { return Ok(()) };
    let waiting = thread::Builder::new().spawn(move || {
        if let Some(signal) = signals.forever().next() {
            ENDING.store(true, Ordering::SeqCst);
            // A journal that is just being made is waited for.
            let journal = journal();
            firstseen_simulator::scratch::end_all();
            if let Some(journal) = &*journal {
                journal.close();
            }
            let _ = signal_hook::low_level::emulate_default_handler(signal);
        }
    });
    let cannot =
        |error| Failure::environment(format!("cannot start a thread: {error}; raise 'ulimit -u' or 'ulimit -v'"));
    waiting.map(drop).map_err(cannot)
}

/// Makes a journal; from now on a signal undoes what it holds. The handler's clone does not keep it open: the lab closes
/// it when it is dropped. `make` must not write any output.
pub(crate) fn undo_at_the_end<T>(
    make: impl FnOnce() -> Result<(Journal, T), Failure>,
) -> Result<(Journal, T), Failure> {
    let mut kept = journal();
    if is_ending() {
        drop(kept);
        wait_for_the_end();
        kept = journal();
    }
    let (journal, more) = make()?;
    *kept = Some(journal.clone());
    Ok((journal, more))
}

/// Does not come back once a signal has come: what is undone behind our back would look like a failure. Not to be called
/// by who holds something that the handler's thread needs.
pub(crate) fn wait_for_the_end() {
    while is_ending() {
        thread::park();
    }
}

fn is_ending() -> bool {
    ENDING.load(Ordering::SeqCst)
}

fn journal() -> MutexGuard<'static, Option<Journal>> {
    JOURNAL.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether this process was started to ignore a signal, as nohup(1) does: so it goes on doing.
fn is_ignored(signal: i32) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}
