//! One journal on disk: lines of JSON, appended and synced one by one, locked by its owner as long as that lives.
//!
//! ```text
//! {"journal":{"version":1,"run":"4711-99-0","owner":{...}}}
//! {"will":{"id":1,"change":{"kind":"directory","path":"/tmp/firstseen-x"}}}
//! {"settled":{"id":1}}
//! ```

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::change::Change;
use super::owner::{Life, Owner};

/// Version of the format.
const VERSION: u32 = 1;
/// Ending of a journal.
const ENDING: &str = "journal";
/// Ending of one that is being made.
const UNFINISHED: &str = "new";

/// Why something could not be written down; what was to be changed is then not to be changed.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// A file of the journal could not be written.
    #[error("cannot {action} the undo journal '{path}': {source}; nothing was changed")]
    File {
        /// What was tried, after "cannot".
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Such a change is never undone by a journal.
    #[error("the undo journal does not take '{change}': {why}")]
    Refused {
        /// The change.
        change: String,
        /// The reason.
        why: &'static str,
    },
    /// The journal was closed, and everything undone: nothing more may be changed.
    #[error("the undo journal is closed: this run is ending")]
    Closed,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Line {
    Journal { version: u32, run: String, owner: Owner },
    Will { id: u64, change: Change },
    Settled { id: u64 },
}

/// A journal that is open for writing, locked.
#[derive(Debug)]
pub(super) struct JournalFile {
    file: File,
    path: PathBuf,
    length: u64,
}

/// What a journal says.
#[derive(Debug)]
pub(super) struct Contents {
    pub(super) run: String,
    pub(super) owner: Option<Owner>,
    /// Changes that are not settled, in the order in which they were made.
    pub(super) pending: Vec<(u64, Change)>,
    /// The first line that cannot be read; lines behind it were read all the same.
    pub(super) unreadable: Option<String>,
}

/// A journal found on disk.
pub(super) enum Found {
    /// Its owner lives.
    Live(Contents),
    /// Its owner is gone; the journal is ours now.
    Dead(JournalFile, Contents),
}

impl JournalFile {
    /// Makes, locks and names a new journal. The caller holds the lock of the directory.
    pub(super) fn create(directory: &Path, run: &str, owner: &Owner) -> Result<JournalFile, JournalError> {
        let unfinished = directory.join(format!("{run}.{UNFINISHED}"));
        let path = directory.join(format!("{run}.{ENDING}"));
        let failed = |source| JournalError::File { action: "make", path: path.clone(), source };
        let options = File::options().append(true).create_new(true).mode(0o600).clone();
        let file = options.open(&unfinished).map_err(failed)?;
        file.try_lock().map_err(|error| failed(error.into()))?;
        let mut journal = JournalFile { file, path: unfinished.clone(), length: 0 };
        journal.append(&Line::Journal { version: VERSION, run: run.to_owned(), owner: owner.clone() })?;
        fs::rename(&unfinished, &path).and_then(|()| File::open(directory)?.sync_all()).map_err(failed)?;
        journal.path = path.clone();
        Ok(journal)
    }

    pub(super) fn will(&mut self, id: u64, change: &Change) -> Result<(), JournalError> {
        self.append(&Line::Will { id, change: change.clone() })
    }

    pub(super) fn settled(&mut self, id: u64) -> Result<(), JournalError> {
        self.append(&Line::Settled { id })
    }

    /// Removes the journal: everything in it is settled.
    pub(super) fn remove(self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }

    fn append(&mut self, line: &Line) -> Result<(), JournalError> {
        let failed = |source| JournalError::File { action: "write to", path: self.path.clone(), source };
        let mut text = serde_json::to_vec(line).map_err(|error| failed(error.into()))?;
        text.push(b'\n');
        let written = self.file.write_all(&text).and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // Half a line would spoil the one that follows it.
            let _ = self.file.set_len(self.length);
            return Err(failed(error));
        }
        self.length += text.len() as u64;
        Ok(())
    }
}

impl Drop for JournalFile {
    fn drop(&mut self) {
        // Closing would not do while a process that was forked meanwhile still has the descriptor.
        let _ = self.file.unlock();
    }
}

/// Every journal in a directory but `own`, and what could not be read. The caller holds the lock of the directory.
pub(super) fn find(
    directory: &Path,
    own: Option<&str>,
    observer: &Owner,
) -> io::Result<Vec<(PathBuf, io::Result<Found>)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let (name, ending) = (path.file_stem().and_then(|it| it.to_str()), path.extension().and_then(|it| it.to_str()));
        match (name, ending) {
            (Some(name), Some(ENDING)) if Some(name) != own => match open(&path, name, observer) {
                // Its run, or somebody who cleaned up, was faster.
                Ok(None) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Ok(Some(journal)) => found.push((path, Ok(journal))),
                Err(error) => found.push((path, Err(error))),
            },
            // Its maker died before it had written anything down: makers hold the lock of the directory.
            (_, Some(UNFINISHED)) => fs::remove_file(&path)?,
            _ => {}
        }
    }
    found.sort_by(|left, right| left.0.cmp(&right.0));
    Ok(found)
}

/// `None`: it was removed meanwhile.
fn open(path: &Path, name: &str, observer: &Owner) -> io::Result<Option<Found>> {
    let file = File::options().read(true).append(true).open(path)?;
    let locked = match file.try_lock() {
        Ok(()) => true,
        Err(TryLockError::WouldBlock) => false,
        Err(TryLockError::Error(error)) => return Err(error),
    };
    let mut bytes = Vec::new();
    (&file).read_to_end(&mut bytes)?;
    if file.metadata()?.nlink() == 0 {
        return Ok(None);
    }
    let contents = read(name, &bytes);
    // A process that its dead owner had forked may still have the lock.
    let gone = contents.owner.as_ref().is_some_and(|owner| owner.life(observer) == Life::Gone);
    if !locked && !gone {
        return Ok(Some(Found::Live(contents)));
    }
    Ok(Some(Found::Dead(JournalFile { file, path: path.to_owned(), length: bytes.len() as u64 }, contents)))
}

/// Reads what was written. A last line without an end was cut off by the owner's death: the change was not made yet.
fn read(name: &str, bytes: &[u8]) -> Contents {
    let mut contents = Contents { run: name.to_owned(), owner: None, pending: Vec::new(), unreadable: None };
    let complete = bytes.split_inclusive(|&byte| byte == b'\n').filter(|line| line.ends_with(b"\n"));
    for (index, line) in complete.enumerate() {
        match serde_json::from_slice(line) {
            Ok(Line::Journal { version: VERSION, run, owner }) => {
                contents.run = run;
                contents.owner = Some(owner);
            }
            Ok(Line::Will { id, change }) => contents.pending.push((id, change)),
            Ok(Line::Settled { id }) => contents.pending.retain(|(other, _)| *other != id),
            Ok(Line::Journal { version, .. }) => {
                contents.unreadable.get_or_insert(format!("line {}: version {version} is not known", index + 1));
            }
            Err(error) => {
                contents.unreadable.get_or_insert(format!("line {}: {error}", index + 1));
            }
        }
    }
    contents
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory_change(name: &str) -> Change {
        Change::Directory { path: PathBuf::from(name) }
    }

    fn journal(directory: &Path, run: &str) -> JournalFile {
        JournalFile::create(directory, run, &Owner::current()).expect("made")
    }

    #[test]
    fn what_was_written_is_read_without_what_was_settled() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let mut file = journal(directory.path(), "1-2-3");
        for (id, name) in [(1, "/firstseen-a"), (2, "/firstseen-b"), (3, "/firstseen-c")] {
            file.will(id, &directory_change(name)).expect("written");
        }
        file.settled(2).expect("written");
        let contents = read("x", &fs::read(&file.path).expect("there"));
        assert_eq!(contents.run, "1-2-3");
        assert_eq!(contents.owner, Some(Owner::current()));
        assert_eq!(contents.pending, [(1, directory_change("/firstseen-a")), (3, directory_change("/firstseen-c"))]);
        assert_eq!(contents.unreadable, None);
    }

    #[test]
    fn every_prefix_of_a_journal_reads_to_a_prefix_of_its_changes() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let mut file = journal(directory.path(), "1-2-3");
        file.will(1, &directory_change("/firstseen-a")).expect("written");
        file.will(2, &directory_change("/firstseen-b")).expect("written");
        let bytes = fs::read(&file.path).expect("there");
        let mut seen = 0;
        for length in 0..=bytes.len() {
            let contents = read("x", &bytes[..length]);
            assert_eq!(contents.unreadable, None, "cut at {length}");
            assert!(contents.pending.len() >= seen);
            seen = contents.pending.len();
        }
        assert_eq!(seen, 2);
    }

    #[test]
    fn a_bad_line_is_named_and_the_good_ones_beside_it_are_kept() {
        let text = b"{\"will\":{\"id\":1,\"change\":{\"kind\":\"directory\",\"path\":\"/firstseen-a\"}}}\nrubbish\n\
                     {\"will\":{\"id\":2,\"change\":{\"kind\":\"directory\",\"path\":\"/firstseen-b\"}}}\n";
        let contents = read("x", text);
        assert_eq!(contents.pending.len(), 2);
        assert!(contents.unreadable.expect("noted").starts_with("line 2"));
    }

    #[test]
    fn a_held_journal_is_live_and_a_dropped_one_is_dead() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let file = journal(directory.path(), "1-2-3");
        let states = || {
            let found = find(directory.path(), None, &Owner::current()).expect("listed");
            found.iter().map(|(_, found)| matches!(found, Ok(Found::Live(_)))).collect::<Vec<_>>()
        };
        assert_eq!(states(), [true]);
        assert!(find(directory.path(), Some("1-2-3"), &Owner::current()).expect("listed").is_empty());
        drop(file);
        assert_eq!(states(), [false]);
    }

    #[test]
    fn a_lock_that_outlives_its_owner_does_not_keep_the_journal_alive() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let gone = Owner { start_ticks: 1, ..Owner::current() };
        let _held = JournalFile::create(directory.path(), "1-2-3", &gone).expect("made");
        let found = find(directory.path(), None, &Owner::current()).expect("listed");
        assert!(matches!(found[0].1, Ok(Found::Dead(..))));
    }
}
