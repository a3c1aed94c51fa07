//! The directory in which journals live: well known, so that the next start finds what a killed run left.

use std::ffi::OsString;
use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::unistd::AccessFlags;

/// Names the state directory, before every other place.
pub(super) const VARIABLE: &str = "FIRSTSEEN_STATE_DIR";

/// Name of the file whose lock keeps others from the journals.
const LOCK: &str = "lock";

/// Mode of a directory that was made here: the last one to leave removes it. The sticky bit, which means nothing in a
/// directory that only its owner can enter, tells it apart from one that somebody else made; that is left.
const OURS: u32 = 0o1700;

/// Longest wait for another process that is at the journals.
const LOCK_TIME: Duration = Duration::from_secs(10);

/// A directory that belongs to this user alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateDir {
    path: PathBuf,
}

/// Why there is no state directory.
#[derive(Debug, thiserror::Error)]
pub enum StateDirError {
    /// A place cannot be used.
    #[error("cannot keep the undo journal in '{path}': {why}")]
    Unusable {
        /// The place.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// No place can be used.
    #[error("there is no place for the undo journal ({tried}); set {VARIABLE} to a directory that can be written")]
    Nowhere {
        /// Every place with its reason.
        tried: String,
    },
}

impl StateDir {
    /// The well-known place of this user: `$FIRSTSEEN_STATE_DIR`; else for root `/run/firstseen` and
    /// `/var/lib/firstseen`, for others `$XDG_RUNTIME_DIR/firstseen`; else `firstseen-UID` in `/tmp`, in the directory for
    /// temporary files, or in `/dev/shm`. It is made if it is not there.
    ///
    /// # Errors
    /// When `$FIRSTSEEN_STATE_DIR` cannot be used, or none of the other places.
    pub fn find() -> Result<StateDir, StateDirError> {
        first_good(StateDir::at)
    }

    /// Says where [`StateDir::find`] would be, and makes nothing.
    ///
    /// # Errors
    /// When it would fail.
    pub fn try_find() -> Result<PathBuf, StateDirError> {
        first_good(|path| match fs::symlink_metadata(path) {
            Ok(found) => check(path, &found).map(|()| path.to_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let parent = path.parent().unwrap_or(Path::new("/"));
                let writable = nix::unistd::access(parent, AccessFlags::W_OK | AccessFlags::X_OK);
                writable.map(|()| path.to_owned()).map_err(|errno| unusable(parent, errno.desc()))
            }
            Err(error) => Err(unusable(path, &error.to_string())),
        })
    }

    /// This directory, made for this user alone if it is not there; its parent must exist. The last one to leave removes
    /// it, unless somebody else had made it.
    ///
    /// # Errors
    /// When it cannot be made or written, is a symbolic link, or is open to others.
    pub fn at(path: &Path) -> Result<StateDir, StateDirError> {
        let found = loop {
            match DirBuilder::new().mode(OURS).create(path) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(unusable(path, &error.to_string())),
            }
            match fs::symlink_metadata(path) {
                Ok(found) => break found,
                // The last one who left took it along at this very moment.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(unusable(path, &error.to_string())),
            }
        };
        check(path, &found)?;
        Ok(StateDir { path: path.to_owned() })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps every other process from the journals until the guard is dropped.
    pub(super) fn lock(&self) -> io::Result<Guard> {
        let deadline = Instant::now() + LOCK_TIME;
        loop {
            let path = self.path.join(LOCK);
            let file = match File::options().create(true).truncate(false).write(true).mode(0o600).open(&path) {
                Ok(file) => file,
                // The last one who left took the directory along.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    StateDir::at(&self.path).map_err(io::Error::other)?;
                    continue;
                }
                Err(error) => return Err(error),
            };
            match file.try_lock() {
                // One that was removed while we waited for it keeps nobody away.
                Ok(()) if file.metadata()?.nlink() == 0 => continue,
                Ok(()) => return Ok(Guard { file, directory: self.path.clone() }),
                Err(TryLockError::Error(error)) => return Err(error),
                Err(TryLockError::WouldBlock) if Instant::now() >= deadline => {
                    let text = format!("another firstseen holds '{}' for too long", path.display());
                    return Err(io::Error::new(io::ErrorKind::TimedOut, text));
                }
                Err(TryLockError::WouldBlock) => std::thread::sleep(Duration::from_millis(2)),
            }
        }
    }
}

/// Held while nobody else may be at the journals.
#[derive(Debug)]
pub(super) struct Guard {
    file: File,
    directory: PathBuf,
}

/// The last one to leave takes the lock along, and the directory if it was made here: nothing is left of a run.
impl Drop for Guard {
    fn drop(&mut self) {
        let only_lock = |entries: fs::ReadDir| entries.flatten().all(|entry| entry.file_name() == LOCK);
        if fs::read_dir(&self.directory).is_ok_and(only_lock) {
            let _ = fs::remove_file(self.directory.join(LOCK));
            if fs::symlink_metadata(&self.directory).is_ok_and(|found| found.permissions().mode() & 0o7777 == OURS) {
                let _ = fs::remove_dir(&self.directory);
            }
        }
        // Closing would not do while a process that was forked meanwhile still has the descriptor.
        let _ = self.file.unlock();
    }
}

fn check(path: &Path, found: &fs::Metadata) -> Result<(), StateDirError> {
    if !found.is_dir() {
        return Err(unusable(path, "it is no directory"));
    }
    if found.uid() != nix::unistd::geteuid().as_raw() {
        return Err(unusable(path, &format!("it belongs to user {}", found.uid())));
    }
    let mode = found.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(unusable(path, &format!("others can enter it (mode {mode:04o}, expected 0700)")));
    }
    match nix::unistd::access(path, AccessFlags::W_OK | AccessFlags::X_OK) {
        Ok(()) | Err(Errno::ENOENT) => Ok(()),
        Err(errno) => Err(unusable(path, errno.desc())),
    }
}

fn unusable(path: &Path, why: &str) -> StateDirError {
    StateDirError::Unusable { path: path.to_owned(), why: why.to_owned() }
}

/// The first of this user's places that is good, or why none is.
fn first_good<T>(try_place: impl Fn(&Path) -> Result<T, StateDirError>) -> Result<T, StateDirError> {
    let uid = nix::unistd::geteuid().as_raw();
    let temporary = std::env::temp_dir();
    let mut tried = Vec::new();
    for path in candidates(uid, |name| std::env::var_os(name), &temporary) {
        match try_place(&path) {
            Ok(found) => return Ok(found),
            Err(error) if std::env::var_os(VARIABLE).is_some() => return Err(error),
            Err(error) => tried.push(error.to_string()),
        }
    }
    Err(StateDirError::Nowhere { tried: tried.join("; ") })
}

/// The places for a user, best first.
fn candidates(uid: u32, variable: impl Fn(&str) -> Option<OsString>, temporary: &Path) -> Vec<PathBuf> {
    if let Some(path) = variable(VARIABLE) {
        return vec![PathBuf::from(path)];
    }
    let mut places = Vec::new();
    if uid == 0 {
        places.extend([PathBuf::from("/run/firstseen"), PathBuf::from("/var/lib/firstseen")]);
    } else if let Some(runtime) = variable("XDG_RUNTIME_DIR").filter(|path| !path.is_empty()) {
        places.push(Path::new(&runtime).join("firstseen"));
    }
    let own = format!("firstseen-{uid}");
    places.extend([Path::new("/tmp"), temporary, Path::new("/dev/shm")].map(|place| place.join(&own)));
    places.dedup();
    places
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn the_variable_is_the_only_place_when_it_is_set() {
        let set = |name: &str| (name == VARIABLE).then(|| OsString::from("/state"));
        assert_eq!(candidates(0, set, Path::new("/tmp")), [Path::new("/state")]);
    }

    #[test]
    fn root_and_others_have_their_own_places() {
        let none = |_: &str| None;
        let paths = |uid| candidates(uid, none, Path::new("/tmp"));
        let of_root = ["/run/firstseen", "/var/lib/firstseen", "/tmp/firstseen-0", "/dev/shm/firstseen-0"];
        assert_eq!(paths(0), of_root.map(PathBuf::from));
        assert_eq!(paths(1000), ["/tmp/firstseen-1000", "/dev/shm/firstseen-1000"].map(PathBuf::from));
        let runtime = |name: &str| (name == "XDG_RUNTIME_DIR").then(|| OsString::from("/run/user/7"));
        assert_eq!(candidates(7, runtime, Path::new("/tmp"))[0], Path::new("/run/user/7/firstseen"));
    }

    #[test]
    fn a_directory_is_made_for_its_user_alone() {
        let parent = tempfile::tempdir().expect("temporary directory");
        let path = parent.path().join("state");
        StateDir::at(&path).expect("made");
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o7777, OURS);
        StateDir::at(&path).expect("found again");
    }

    #[test]
    fn a_directory_of_others_is_left_and_nothing_in_it() {
        let parent = tempfile::tempdir().expect("temporary directory");
        let path = parent.path().join("state");
        DirBuilder::new().mode(0o700).create(&path).expect("made");
        drop(StateDir::at(&path).expect("usable").lock());
        assert_eq!(fs::read_dir(&path).expect("still there").count(), 0);
    }

    #[test]
    fn an_open_directory_a_link_and_a_missing_parent_are_refused() {
        let parent = tempfile::tempdir().expect("temporary directory");
        let open = parent.path().join("open");
        fs::create_dir(&open).expect("made");
        fs::set_permissions(&open, fs::Permissions::from_mode(0o755)).expect("opened");
        let refusal = |path: &Path| StateDir::at(path).expect_err("refused").to_string();
        assert!(refusal(&open).contains("0755"), "{}", refusal(&open));
        fs::set_permissions(&open, fs::Permissions::from_mode(0o700)).expect("closed");
        let link = parent.path().join("link");
        symlink(&open, &link).expect("linked");
        assert!(refusal(&link).contains("no directory"));
        assert!(refusal(&parent.path().join("missing/state")).contains("No such file"));
    }

    #[test]
    fn two_holders_of_the_lock_wait_for_each_other_and_the_last_leaves_nothing() {
        let parent = tempfile::tempdir().expect("temporary directory");
        let directory = StateDir::at(&parent.path().join("state")).expect("made");
        let inside = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        let _guard = directory.lock().expect("free at some time");
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "alone");
                        inside.fetch_sub(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert!(!directory.path().exists());
    }

    #[test]
    fn looking_for_a_place_makes_nothing() {
        let found = StateDir::try_find().expect("a place");
        let there = found.exists();
        assert_eq!(StateDir::try_find().expect("a place"), found);
        assert_eq!(found.exists(), there);
    }
}
