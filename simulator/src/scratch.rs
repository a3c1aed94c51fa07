//! The private directory of one run, below which everything is placed that an act needs.
//!
//! `SCRATCH/root/opt/acme/updater` is what a scenario calls `/opt/acme/updater`. The directory is removed when the
//! [`Scratch`] is dropped, also by a panic, and by [`end_all`], which a handler thread of SIGINT or SIGTERM calls. For what a
//! SIGKILL leaves its path, `BASE/firstseen-PID-XXXXXX`, is told before it is made: see [`Scratch::announced`].

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use crate::SimulatorError;
use crate::files::{Files, ignore, lock, probe};
use crate::plan::below;
use crate::worker::Form;

/// Beginning of the name of every scratch directory; the process id follows.
pub const NAME_PREFIX: &str = "firstseen-";

/// Scratch directories of this process that still exist.
static LIVE: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Held as long as something is made in a scratch directory.
static MAKING: Mutex<()> = Mutex::new(());

/// The directory of one run.
#[derive(Debug)]
pub struct Scratch {
    path: PathBuf,
    root: PathBuf,
    files: Files,
}

impl Scratch {
    /// Makes a directory below `base`, or else below the first of `$TMPDIR`, `/tmp`, `/dev/shm` and the working directory
    /// where a program can really be written and executed (which is tried).
    ///
    /// # Errors
    /// [`SimulatorError::NoScratch`] with the reason for each directory that was tried.
    pub fn new(base: Option<&Path>) -> Result<Scratch, SimulatorError> {
        Scratch::announced(base, |_| Ok(()))
    }

    /// As [`Scratch::new`], but `announce` is told each directory's path before it is made, so that somebody can remove it
    /// whatever happens to this process. What it returns is kept until the directory is made. A directory that it refuses,
    /// with a reason, is not made.
    ///
    /// # Errors
    /// [`SimulatorError::NoScratch`] with the reason for each directory that was tried.
    pub fn announced<G>(
        base: Option<&Path>,
        mut announce: impl FnMut(&Path) -> Result<G, String>,
    ) -> Result<Scratch, SimulatorError> {
        let candidates = match base {
            Some(base) => vec![base.to_owned()],
            None => {
                let named = std::env::var_os("TMPDIR").filter(|value| !value.is_empty()).map(PathBuf::from);
                let usual = ["/tmp", "/dev/shm"].map(PathBuf::from);
                let all = named.into_iter().chain(usual).chain(std::env::current_dir().ok());
                let mut seen = BTreeSet::new();
                all.filter(|place| seen.insert(place.clone())).collect()
            }
        };
        let mut tried = Vec::new();
        for candidate in candidates {
            match Scratch::below(&candidate, &mut announce) {
                Ok(scratch) => return Ok(scratch),
                Err(reason) => tried.push(format!("{}: {reason}", candidate.display())),
            }
        }
        Err(SimulatorError::NoScratch { tried })
    }

    /// The directory itself; this is what has to be removed after a crash.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The directory that stands for `/` in a scenario.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where a scenario's path lies on this machine.
    pub fn real(&self, path: &Path) -> PathBuf {
        below(Some(&self.root), path)
    }

    /// Removes the directory and says if that failed, which dropping cannot.
    ///
    /// # Errors
    /// When something of it cannot be removed.
    pub fn close(self) -> Result<(), SimulatorError> {
        remove(&self.path).map_err(SimulatorError::place("remove", &self.path))
    }

    /// The files that are placed in it.
    pub(crate) fn files(&self) -> &Files {
        &self.files
    }

    /// Makes the directory and tries whether a program in it can be executed.
    fn below<G>(base: &Path, announce: &mut impl FnMut(&Path) -> Result<G, String>) -> Result<Scratch, String> {
        // The kernel reports resolved paths, so everything is named by its resolved path from the start.
        let base = base.canonicalize().map_err(|error| error.to_string())?;
        if base.as_os_str().as_bytes().iter().any(|byte| byte.is_ascii_whitespace() || b":;$".contains(byte)) {
            return Err("the dynamic loader would split this path at its white space, ':', ';' or '$'".into());
        }
        let path = base.join(unused_name(&base).map_err(|error| error.to_string())?);
        {
            let _making = making();
            let _kept = announce(&path)?;
            DirBuilder::new().mode(0o700).create(&path).map_err(|error| error.to_string())?;
            lock(&LIVE).insert(path.clone());
        }
        let root = path.join("root");
        let files = Files::new(path.clone(), root.clone());
        let scratch = Scratch { path, root, files };
        let worker = {
            let _making = making();
            fs::create_dir(&scratch.root).map_err(|error| error.to_string())?;
            scratch.files.master(Form::Static).map_err(|error| error.to_string())?
        };
        match probe(&worker, &[]) {
            Ok(status) if status.success() => Ok(scratch),
            Ok(status) => Err(format!("a program placed there ended with {status}")),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                Err("programs placed there cannot be executed (mounted noexec?)".into())
            }
            Err(error) => Err(format!("a program placed there cannot be executed: {error}")),
        }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Nobody is left to tell; `close` reports, and a later `firstseen cleanup` knows the name.
        remove(&self.path).ok();
    }
}

/// Removes every scratch directory of this process, for good: whoever wants to make something in one from now on waits for
/// the end of the process. For the thread that handles SIGINT or SIGTERM, which then ends it; it takes locks and is
/// therefore not for a signal handler itself.
pub fn end_all() {
    std::mem::forget(making());
    let all = lock(&LIVE).clone();
    for path in all {
        remove(&path).ok();
    }
}

/// To be held while something is made in a scratch directory.
pub(crate) fn making() -> MutexGuard<'static, ()> {
    lock(&MAKING)
}

/// `firstseen-PID-XXXXXX` of a directory that is not there yet.
fn unused_name(base: &Path) -> io::Result<String> {
    const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    loop {
        let mut random = RandomState::new().hash_one(std::process::id());
        let letters: String = (0..6)
            .map(|_| {
                random = random.rotate_right(5);
                char::from(LETTERS[(random % 32) as usize])
            })
            .collect();
        let name = format!("{NAME_PREFIX}{}-{letters}", std::process::id());
        match base.join(&name).symlink_metadata() {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(name),
            Err(error) => return Err(error),
        }
    }
}

/// Whether `path` can be a path of a scenario: absolute, not `/` itself, without `.`, `..` or a zero byte.
pub(crate) fn check_scenario_path(path: &Path) -> Result<(), SimulatorError> {
    let bytes = path.as_os_str().as_bytes();
    let reason = match bytes.strip_prefix(b"/") {
        None => "it is not absolute",
        Some(b"") => "it is the root directory",
        Some(_) if bytes.contains(&0) => "it contains a zero byte",
        Some(rest) if rest.split(|&byte| byte == b'/').any(|part| matches!(part, b"" | b"." | b"..")) => {
            "it contains '..', '.' or an empty component"
        }
        Some(_) => return Ok(()),
    };
    Err(SimulatorError::BadPath { path: path.to_owned(), reason })
}

fn remove(path: &Path) -> io::Result<()> {
    // A worker that is just ending may still make an entry; one more look is then enough.
    let mut result = fs::remove_dir_all(path);
    for _ in 0..3 {
        match &result {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => result = fs::remove_dir_all(path),
            _ => break,
        }
    }
    let result = result.or_else(ignore(io::ErrorKind::NotFound));
    if result.is_ok() {
        lock(&LIVE).remove(path);
    }
    result
}
