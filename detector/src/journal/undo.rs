//! How each kind of change is taken back, and what the next start does about dead runs.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Component, Path};

use nix::errno::Errno;

use super::change::{Change, Outcome, Undone};
use super::file::{self, Found, JournalError};
use super::owner::{Life, Owner};
use super::state_dir::{Guard, StateDir};
use crate::netlink::{AuditKernel, Connect, Enabled, KernelError, Netlink, RuleData, StatusField};

/// Undoes what dead runs left behind, the last change of each first; what live runs hold is not touched.
///
/// The report has an entry for every change that was pending, and for every journal that could not be read.
pub fn undo_all(directory: &StateDir) -> Vec<Undone> {
    undo_all_with(directory, &Netlink::connector())
}

/// As [`undo_all`], with another way to the kernel's audit system.
pub fn undo_all_with(directory: &StateDir, connect: &Connect) -> Vec<Undone> {
    let observer = Owner::current();
    let found = {
        let guard = directory.lock();
        match guard.and_then(|_guard| file::find(directory.path(), None, &observer)) {
            Ok(found) => found,
            Err(error) => return vec![unreadable(&directory.path().display().to_string(), &error.to_string())],
        }
    };
    // From here on the dead journals are locked by us: to others they look alive.
    let mut report = Vec::new();
    for (path, journal) in found {
        let (mut file, contents) = match journal {
            Ok(Found::Live(_)) => continue,
            Ok(Found::Dead(file, contents)) => (file, contents),
            Err(error) => {
                report.push(unreadable(&path.display().to_string(), &error.to_string()));
                continue;
            }
        };
        let mut undoer = Undoer::new(directory, &contents.run, &observer, connect);
        let mut settled = true;
        for (id, change) in contents.pending.into_iter().rev() {
            let undone = match check(&change, directory.path()) {
                Ok(()) => undoer.undo(&contents.run, change),
                Err(error) => Undone {
                    run: contents.run.clone(),
                    change: Some(change),
                    outcome: Outcome::LeftAlone { why: error.to_string() },
                },
            };
            settled &= undone.is_settled();
            if undone.is_settled() {
                let _ = file.settled(id);
            }
            report.push(undone);
        }
        match contents.unreadable {
            Some(why) => report.push(unreadable(
                &path.display().to_string(),
                &format!("{why}; read it, undo by hand what it says, and remove it"),
            )),
            None if settled => drop(file.remove()),
            None => {}
        }
    }
    report.extend(orphans(connect, &observer));
    // The last one to leave takes the directory along.
    let _ = directory.lock();
    report
}

/// Deletes audit rules of runs that are gone and whose journals are lost, or lie where nobody looks: the key of a rule
/// names its run. Where rules cannot be listed there is nothing to do.
fn orphans(connect: &Connect, observer: &Owner) -> Vec<Undone> {
    let Ok(mut kernel) = connect() else { return Vec::new() };
    let mut report = Vec::new();
    for rule in kernel.rules().unwrap_or_default() {
        let Some(run) = rule.lab_run().map(str::to_owned) else { continue };
        if Owner::of_run(&run, observer).is_none_or(|owner| owner.life(observer) != Life::Gone) {
            continue;
        }
        let outcome = match kernel.delete_rule(&rule) {
            Ok(()) => Outcome::Restored,
            Err(error) if error.errno == Errno::ENOENT => continue,
            Err(error) => refused(&error),
        };
        report.push(Undone { run, change: Some(Change::AuditRule { rule }), outcome });
    }
    report
}

/// Whether a change is one that a journal may undo: a damaged or forged one must not remove a home directory.
pub(super) fn check(change: &Change, journals: &Path) -> Result<(), JournalError> {
    let refused = |why| Err(JournalError::Refused { change: change.to_string(), why });
    let path = match change {
        Change::Directory { path } | Change::File { path } => path.clone(),
        Change::AuditRule { .. } | Change::AuditStatus { .. } => return Ok(()),
    };
    let name = path.file_name().map(|name| name.as_encoded_bytes()).unwrap_or_default();
    if !path.is_absolute() || path.components().any(|part| part == Component::ParentDir) {
        return refused("its path is not absolute and plain");
    }
    if path.to_str().is_none() {
        return refused("its path is not UTF-8");
    }
    if !name.starts_with(b"firstseen-") {
        return refused("its name does not begin with 'firstseen-'");
    }
    if journals.starts_with(&path) {
        return refused("the journals are in it");
    }
    Ok(())
}

/// Undoes changes; connects to the kernel when the first one needs it.
pub(super) struct Undoer<'a> {
    directory: &'a StateDir,
    run: &'a str,
    observer: &'a Owner,
    connect: &'a Connect,
    kernel: Option<Box<dyn AuditKernel>>,
}

impl<'a> Undoer<'a> {
    pub(super) fn new(directory: &'a StateDir, run: &'a str, observer: &'a Owner, connect: &'a Connect) -> Self {
        Undoer { directory, run, observer, connect, kernel: None }
    }

    pub(super) fn undo(&mut self, run: &str, change: Change) -> Undone {
        let outcome = match &change {
            Change::Directory { path } => remove(path),
            Change::File { path } => remove_file(path),
            Change::AuditRule { rule } => self.delete(rule),
            Change::AuditStatus { field, old, new, auditd } => self.restore(*field, *old, *new, *auditd),
        };
        Undone { run: run.to_owned(), change: Some(change), outcome }
    }

    fn kernel(&mut self) -> Result<&mut dyn AuditKernel, KernelError> {
        let kernel = match self.kernel.take() {
            Some(kernel) => kernel,
            None => (self.connect)()?,
        };
        Ok(self.kernel.insert(kernel).as_mut())
    }

    fn delete(&mut self, rule: &RuleData) -> Outcome {
        match self.kernel().and_then(|kernel| kernel.delete_rule(rule)) {
            Ok(()) => Outcome::Restored,
            Err(error) if error.errno == Errno::ENOENT => Outcome::AlreadyGone,
            Err(error) => refused(&error),
        }
    }

    /// What other live runs hold; none of them can end as long as the guard is kept.
    fn others(&self) -> io::Result<(Guard, Vec<Change>)> {
        let guard = self.directory.lock()?;
        let found = file::find(self.directory.path(), Some(self.run), self.observer)?;
        let live = found.into_iter().filter_map(|(_, found)| match found {
            Ok(Found::Live(contents)) => Some(contents.pending),
            _ => None,
        });
        let held = live.flatten().map(|(_, change)| change).collect();
        Ok((guard, held))
    }

    fn restore(&mut self, field: StatusField, old: u32, new: u32, auditd: u32) -> Outcome {
        let (_guard, others) = match self.others() {
            Ok(both) => both,
            Err(error) => return Outcome::Failed { why: error.to_string() },
        };
        if others.iter().any(|change| holds(change, field, new)) {
            return Outcome::LeftAlone { why: "another run that still lives needs it and will put it back".to_owned() };
        }
        let status = match self.kernel().and_then(|kernel| kernel.status()) {
            Ok(status) => status,
            Err(error) => return refused(&error),
        };
        let value = status.value(field);
        if value == old {
            return Outcome::AlreadyGone;
        }
        if value != new {
            return Outcome::LeftAlone { why: format!("somebody has set it to {value} meanwhile") };
        }
        if status.pid != 0 && status.pid != auditd {
            return Outcome::LeftAlone { why: format!("an audit daemon (pid {}) was started meanwhile", status.pid) };
        }
        if status.state() == Enabled::Locked {
            return Outcome::LeftAlone { why: "the audit system is locked until the next boot".to_owned() };
        }
        match self.kernel().and_then(|kernel| kernel.set(field, old)) {
            Ok(()) => Outcome::Restored,
            Err(error) => refused(&error),
        }
    }
}

/// Whether a change keeps a field of the audit status at `value`.
fn holds(change: &Change, field: StatusField, value: u32) -> bool {
    matches!(change, Change::AuditStatus { field: other, new, .. } if *other == field && *new == value)
}

fn refused(error: &KernelError) -> Outcome {
    Outcome::Failed { why: format!("{error}; run 'firstseen cleanup' with the privileges of the run that did it") }
}

fn unreadable(what: &str, why: &str) -> Undone {
    Undone { run: what.to_owned(), change: None, outcome: Outcome::Failed { why: why.to_owned() } }
}

/// Removes a directory with everything in it. Symbolic links in it are removed, not followed.
fn remove(path: &Path) -> Outcome {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Outcome::AlreadyGone,
        Err(error) => return Outcome::Failed { why: error.to_string() },
    };
    if !found.is_dir() {
        return Outcome::LeftAlone { why: "it is no directory".to_owned() };
    }
    if found.uid() != nix::unistd::geteuid().as_raw() {
        return Outcome::LeftAlone { why: format!("it belongs to user {}", found.uid()) };
    }
    // A second try: an act may have closed a directory to its owner, or a dying process may have made one more file.
    let mut last = fs::remove_dir_all(path);
    for _ in 0..2 {
        if last.is_ok() {
            break;
        }
        open_up(path);
        last = fs::remove_dir_all(path);
    }
    match last {
        Ok(()) => Outcome::Restored,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Outcome::Restored,
        Err(error) => Outcome::Failed { why: format!("{error}; remove it by hand") },
    }
}

/// Removes a regular file.
fn remove_file(path: &Path) -> Outcome {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Outcome::AlreadyGone,
        Err(error) => return Outcome::Failed { why: error.to_string() },
    };
    if !found.is_file() {
        return Outcome::LeftAlone { why: "it is no regular file".to_owned() };
    }
    if found.uid() != nix::unistd::geteuid().as_raw() {
        return Outcome::LeftAlone { why: format!("it belongs to user {}", found.uid()) };
    }
    match fs::remove_file(path) {
        Ok(()) => Outcome::Restored,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Outcome::Restored,
        Err(error) => Outcome::Failed { why: format!("{error}; remove it by hand") },
    }
}

/// Gives the owner access to every directory below and including `path`.
fn open_up(path: &Path) {
    let _ = fs::set_permissions(path, fs::Permissions::from_mode(0o700));
    let Ok(entries) = fs::read_dir(path) else { return };
    for entry in entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        open_up(&entry.path());
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
