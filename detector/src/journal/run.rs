//! [`Journal`]: the journal of this run.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use super::change::{Change, Undone};
use super::file::{self, Found, JournalError, JournalFile};
use super::owner::Owner;
use super::state_dir::StateDir;
use super::undo::{Undoer, check};
use crate::netlink::{Connect, Netlink};

/// The journal of one run. Clones are the same journal; when the last is dropped, everything is undone.
///
/// It can be handed to a signal handler's thread: [`Journal::close`] there undoes everything, and from then on
/// [`Journal::will`] refuses, so that nothing is changed behind its back.
#[derive(Clone)]
pub struct Journal {
    inner: Arc<Inner>,
}

/// As long as it lives the journal is not closed. Whoever has it must not ask for another one, nor wait for something that
/// the one who closes the journal holds.
#[derive(Debug)]
pub struct Hold<'j> {
    _open: RwLockReadGuard<'j, ()>,
}

/// A change that was written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

struct Inner {
    run: String,
    owner: Owner,
    directory: StateDir,
    connect: Connect,
    state: Mutex<State>,
    /// Held for writing by whoever closes the journal.
    ending: RwLock<()>,
}

struct State {
    /// `None` once it is closed.
    file: Option<JournalFile>,
    pending: Vec<(u64, Change)>,
    next: u64,
}

impl Journal {
    /// Starts the journal of a run.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn open(directory: &StateDir) -> Result<Journal, JournalError> {
        Journal::open_with(directory, Netlink::connector())
    }

    /// As [`Journal::open`], with another way to the kernel's audit system.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub fn open_with(directory: &StateDir, connect: Connect) -> Result<Journal, JournalError> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let owner = Owner::current();
        let run = owner.run(COUNT.fetch_add(1, Ordering::Relaxed));
        let action = "lock the directory of";
        let _guard = directory.lock().map_err(|source| JournalError::File {
            action,
            path: directory.path().to_owned(),
            source,
        })?;
        let file = JournalFile::create(directory.path(), &run, &owner)?;
        let state = Mutex::new(State { file: Some(file), pending: Vec::new(), next: 1 });
        let (directory, ending) = (directory.clone(), RwLock::new(()));
        Ok(Journal { inner: Arc::new(Inner { run, owner, directory, connect, state, ending }) })
    }

    /// The name of this run: process id, start time, count; unlike that of every other run on this machine.
    #[must_use]
    pub fn run(&self) -> &str {
        &self.inner.run
    }

    /// Keeps the journal open until the guard is dropped: taken before a change is written down and dropped when it is
    /// made, it lets nobody undo the change in between, who would find nothing.
    ///
    /// # Errors
    /// When the journal is closed.
    pub fn hold(&self) -> Result<Hold<'_>, JournalError> {
        let open = self.inner.ending.read().unwrap_or_else(PoisonError::into_inner);
        if self.inner.state().file.is_none() {
            return Err(JournalError::Closed);
        }
        Ok(Hold { _open: open })
    }

    /// Writes a change down; it is on disk when this returns, and only then may the change be made.
    ///
    /// # Errors
    /// When it cannot be written, is refused, or the journal is closed: the change must not be made.
    pub fn will(&self, change: Change) -> Result<Ticket, JournalError> {
        check(&change, self.inner.directory.path())?;
        let mut state = self.inner.state();
        let id = state.next;
        state.file.as_mut().ok_or(JournalError::Closed)?.will(id, &change)?;
        state.next += 1;
        state.pending.push((id, change));
        Ok(Ticket(id))
    }

    /// Takes a change back that was written down and then not made.
    ///
    /// # Errors
    /// When that cannot be written.
    pub fn withdraw(&self, ticket: Ticket) -> Result<(), JournalError> {
        let mut state = self.inner.state();
        state.pending.retain(|(id, _)| *id != ticket.0);
        state.file.as_mut().map_or(Ok(()), |file| file.settled(ticket.0))
    }

    /// Undoes these changes, the last one first.
    pub fn undo(&self, tickets: &[Ticket]) -> Vec<Undone> {
        self.inner.undo(|id| tickets.contains(&Ticket(id)))
    }

    /// Undoes everything, the last change first, and ends the journal. A second call waits for the first one's end and
    /// finds nothing to do.
    pub fn close(&self) -> Vec<Undone> {
        self.inner.close()
    }

    /// Runs `action` while no other run can begin, end or undo, with the changes that other live runs hold.
    ///
    /// # Errors
    /// When the journals cannot be read.
    pub(crate) fn beside_others<T>(&self, action: impl FnOnce(&[Change]) -> T) -> Result<T, JournalError> {
        let directory = &self.inner.directory;
        let failed =
            |source| JournalError::File { action: "read others beside", path: directory.path().to_owned(), source };
        let _guard = directory.lock().map_err(failed)?;
        let others = file::find(directory.path(), Some(&self.inner.run), &self.inner.owner).map_err(failed)?;
        let held = others.into_iter().filter_map(|(_, found)| match found {
            Ok(Found::Live(contents)) => Some(contents.pending),
            _ => None,
        });
        let held: Vec<Change> = held.flatten().map(|(_, change)| change).collect();
        Ok(action(&held))
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lock of the state is not held while changes are undone: that may wait for the lock of the directory, which
    /// another thread may hold while it writes something down.
    fn undo(&self, chosen: impl Fn(u64) -> bool) -> Vec<Undone> {
        let changes: Vec<(u64, Change)> =
            self.state().pending.iter().rev().filter(|(id, _)| chosen(*id)).cloned().collect();
        let mut undoer = Undoer::new(&self.directory, &self.run, &self.owner, &self.connect);
        let mut report = Vec::new();
        for (id, change) in changes {
            let undone = undoer.undo(&self.run, change);
            if undone.is_settled() {
                let mut state = self.state();
                state.pending.retain(|(other, _)| *other != id);
                // If this cannot be written, it will be undone once more, which finds nothing to do.
                let _ = state.file.as_mut().map(|file| file.settled(id));
            }
            report.push(undone);
        }
        report
    }

    fn close(&self) -> Vec<Undone> {
        let _ending = self.ending.write().unwrap_or_else(PoisonError::into_inner);
        let Some(file) = self.state().file.take() else { return Vec::new() };
        let report = self.undo(|_| true);
        if report.iter().all(Undone::is_settled) {
            // Left behind it would say that changes are pending that are not; undoing them finds nothing to do.
            let _ = file.remove();
            // The last one to leave takes the directory along.
            let _ = self.directory.lock();
        }
        report
    }
}

#[cfg(test)]
impl Journal {
    /// Leaves everything as SIGKILL would: unlocked, nothing undone.
    pub(crate) fn abandon(self) {
        let mut state = self.inner.state();
        state.file = None;
        state.pending.clear();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // In a forked child this is a copy: the changes are the parent's.
        if self.owner.pid == std::process::id() {
            self.close();
        }
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Journal({})", self.inner.run)
    }
}
