//! [`Live`]: the processes that may be killed when the time is over.

use std::collections::BTreeSet;
use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::sys::ptrace::{self, Change};

/// The processes of one launch, as the thread that waits for them and the one that watches the clock both see them.
#[derive(Debug, Default)]
pub(super) struct Live {
    pids: Mutex<BTreeSet<i32>>,
    doomed: AtomicBool,
}

impl Live {
    /// Kills every process, and each one that appears later.
    pub(super) fn doom(&self) {
        let pids = self.lock();
        self.doomed.store(true, Ordering::SeqCst);
        pids.iter().for_each(|pid| ptrace::kill(*pid));
    }

    /// Whether [`Live::doom`] was called.
    pub(super) fn is_doomed(&self) -> bool {
        self.doomed.load(Ordering::SeqCst)
    }

    /// Adds a process.
    pub(super) fn add(&self, pid: i32) {
        let mut pids = self.lock();
        pids.insert(pid);
        if self.is_doomed() {
            ptrace::kill(pid);
        }
    }

    /// Takes the end of a thread or process. Its number can be used anew from then on, so nobody may kill it meanwhile.
    pub(super) fn collect_end(&self, pid: i32) -> io::Result<Option<Change>> {
        let mut pids = self.lock();
        let change = ptrace::collect(pid)?;
        if !matches!(change, Some(Change::Stopped { .. }) | None) {
            pids.remove(&pid);
        }
        Ok(change)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeSet<i32>> {
        self.pids.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
