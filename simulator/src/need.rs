//! What a technique needs of the machine, and whether this machine has it.

use std::fmt;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};

use nix::sys::prctl;
use nix::sys::statvfs::{FsFlags, statvfs};
use nix::unistd::Uid;

use crate::files::probe;
use crate::scratch::making;
use crate::technique::SEARCH_PATH;
use crate::worker::Form;
use crate::{Scratch, SimulatorError};

/// One thing that a technique cannot do without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Need {
    /// A dynamic loader that can start the worker and finds the C library.
    Loader,
    /// An effective user id of 0.
    Root,
    /// Set-uid files that take effect: a file system without nosuid, and no "no new privileges".
    SetUid,
    /// A file of the machine, by its absolute path.
    File(&'static str),
    /// A program of the machine, looked for in the PATH that every act gets.
    Program(&'static str),
    /// Something that the kernel can do, and that no sandbox forbids.
    Kernel(Feature),
}

/// Something that a kernel may lack or a sandbox may forbid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Feature {
    /// `int 0x80` from a 64-bit process: IA-32 emulation.
    Int80,
    /// A mount namespace of its own, in a user namespace of its own where the caller is not root.
    MountNamespace,
    /// personality(READ_IMPLIES_EXEC).
    ReadImpliesExec,
}

/// Why a technique cannot be done on this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkipReason(pub String);

impl Need {
    /// Whether this machine has it, which is really tried where it is not simply looked up.
    ///
    /// # Errors
    /// With the reason if it has not.
    pub fn check(self, scratch: &Scratch) -> Result<(), SkipReason> {
        match self {
            Need::Root if Uid::effective().is_root() => Ok(()),
            Need::Root => Err(SkipReason("needs root".into())),
            Need::SetUid if prctl::get_no_new_privs().unwrap_or(false) => {
                Err(SkipReason("this process may get no new privileges, so set-uid files have no effect".into()))
            }
            Need::SetUid => match statvfs(scratch.path()) {
                Ok(system) if system.flags().contains(FsFlags::ST_NOSUID) => {
                    Err(SkipReason(format!("{} is mounted nosuid", scratch.path().display())))
                }
                _ => Ok(()),
            },
            Need::File(path) if Path::new(path).exists() => Ok(()),
            Need::File(path) => Err(SkipReason(format!("there is no {path} here"))),
            Need::Program(name) => match find_program(name) {
                Ok(_) => Ok(()),
                Err(_) => Err(SkipReason(format!("there is no {name} in {SEARCH_PATH}"))),
            },
            Need::Loader => match try_worker(scratch, Form::Dynamic, &[])? {
                0 => Ok(()),
                status => Err(SkipReason(format!("the dynamic loader ends our program with status {status}"))),
            },
            Need::Kernel(feature) => match try_worker(scratch, Form::Static, &[feature.word()])? {
                0 => Ok(()),
                errno => {
                    let error = io::Error::from_raw_os_error(errno);
                    Err(SkipReason(format!("{} is refused here: {error}", feature.describe())))
                }
            },
        }
    }

    /// What is needed, for a person.
    pub fn describe(self) -> String {
        match self {
            Need::Loader => "the GNU dynamic loader and the C library".into(),
            Need::Root => "root".into(),
            Need::SetUid => "set-uid files that take effect".into(),
            Need::File(path) => path.into(),
            Need::Program(name) => format!("{name} in PATH"),
            Need::Kernel(feature) => feature.describe().into(),
        }
    }
}

impl Feature {
    /// The worker's word for it.
    fn word(self) -> &'static str {
        match self {
            Feature::Int80 => "int80",
            Feature::MountNamespace => "mount-namespace",
            Feature::ReadImpliesExec => "read-implies-exec",
        }
    }

    fn describe(self) -> &'static str {
        match self {
            Feature::Int80 => "a 32-bit system call from a 64-bit process",
            Feature::MountNamespace => "a mount namespace of one's own",
            Feature::ReadImpliesExec => "personality(READ_IMPLIES_EXEC)",
        }
    }
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The resolved path of a program in the PATH that acts get, not in the caller's: what the kernel will report as its executable.
pub(crate) fn find_program(name: &'static str) -> Result<PathBuf, SimulatorError> {
    let found = std::env::split_paths(SEARCH_PATH).map(|folder| folder.join(name)).find(|file| file.is_file());
    found.and_then(|file| file.canonicalize().ok()).ok_or(SimulatorError::NoProgram { name })
}

/// Starts the worker for a try; the exit status, or the error number for a death by a signal (no such instruction).
fn try_worker(scratch: &Scratch, form: Form, arguments: &[&str]) -> Result<i32, SkipReason> {
    let program = {
        let _making = making();
        scratch.files().master(form).map_err(|error| SkipReason(error.to_string()))?
    };
    match probe(&program, arguments) {
        Ok(status) => Ok(status.code().unwrap_or_else(|| status.signal().map_or(libc::EIO, |_| libc::ENOSYS))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(SkipReason(
            "there is no /lib64/ld-linux-x86-64.so.2 here; in a container, put it and libc.so.6 into the image".into(),
        )),
        Err(error) => Err(SkipReason(format!("our program cannot be started: {error}"))),
    }
}
