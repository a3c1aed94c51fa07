//! [`SyscallEvent`]: everything about one system call that a rule can ask for or a record shows.

use super::capabilities::{Capabilities, Credentials, FileCapabilities};
use crate::audit::Abi;
use crate::time::Millis;

/// One system call of one watched thread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SyscallEvent {
    /// When it began. Real time.
    pub(super) time: Millis,
    /// Which table the number is of.
    pub(super) abi: Abi,
    /// Its number there.
    pub(super) number: u32,
    /// The first four arguments, as they were in the registers.
    pub(super) arguments: [u64; 4],
    /// What came of it; nothing if the thread ended in it.
    pub(super) outcome: Option<Outcome>,
    /// Who did it. Read behind the call, as the kernel does: after an execve it is the new program.
    pub(super) process: ProcessFacts,
    /// What belongs to the event beyond the call and its process.
    pub(super) detail: Detail,
}

/// The end of a system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    /// Whether it was no error.
    pub(super) success: bool,
    /// Its value, or minus the error number.
    pub(super) exit: i64,
}

impl Outcome {
    /// `ERESTARTSYS` to `ERESTART_RESTARTBLOCK` of `linux/errno.h`.
    const RESTARTS: std::ops::RangeInclusive<i64> = -516..=-512;
    /// `ENOIOCTLCMD`, which lies among them and is none.
    const NO_RESTART: i64 = -515;

    /// The kernel's own codes for "will be started again" are written as `EINTR` (`audit_return_fixup`, kernel/auditsc.c).
    pub(super) fn of(value: i64, error: bool) -> Outcome {
        let restarted = Self::RESTARTS.contains(&value) && value != Self::NO_RESTART;
        Outcome { success: !error, exit: if restarted { -i64::from(libc::EINTR) } else { value } }
    }
}

/// What belongs to an event beyond the call and its process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Detail {
    /// Nothing.
    #[default]
    None,
    /// execve or execveat.
    Exec {
        /// The new program, if it runs.
        started: Option<Started>,
        /// Files that were looked up on the way: program, interpreters, loader.
        paths: Vec<PathItem>,
        /// Who the process was before.
        before: Option<Credentials>,
    },
    /// mmap of a file.
    Map {
        /// Descriptor.
        descriptor: i32,
        /// `MAP_*`.
        flags: u32,
    },
}

/// A program that an execve started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Started {
    /// Its arguments.
    pub(super) argv: Vec<Vec<u8>>,
    /// What its file gives to it.
    pub(super) file: FileCapabilities,
}

/// A file that was looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PathItem {
    /// As the program named it.
    pub(super) name: Vec<u8>,
    /// What it is, if it exists.
    pub(super) inode: Option<Inode>,
}

/// What a `PATH` record says of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Inode {
    /// Number.
    pub(super) number: u64,
    /// Device that it is on: major and minor.
    pub(super) device: (u32, u32),
    /// `st_mode`.
    pub(super) mode: u32,
    /// Owner and group.
    pub(super) owner: (u32, u32),
    /// Device that it is: major and minor.
    pub(super) special: (u32, u32),
    /// What it may give to a process that executes it.
    pub(super) capabilities: FileCapabilities,
}

/// Who makes a system call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ProcessFacts {
    /// Thread-group id.
    pub(super) pid: u32,
    /// Of the parent.
    pub(super) ppid: u32,
    /// Login user.
    pub(super) auid: u32,
    /// Real, effective, saved and file system user.
    pub(super) users: [u32; 4],
    /// Real, effective, saved and file system group.
    pub(super) groups: [u32; 4],
    /// What it may do.
    pub(super) capabilities: Capabilities,
    /// Further groups.
    pub(super) supplementary: Vec<u32>,
    /// Audit session.
    pub(super) session: u32,
    /// Terminal, without `/dev/`.
    pub(super) tty: Option<String>,
    /// Name of the thread.
    pub(super) comm: Vec<u8>,
    /// File of the program.
    pub(super) exe: Option<Vec<u8>>,
    /// Label of the security module, where one has labels.
    pub(super) subject: Option<Vec<u8>>,
    /// personality(2), 0 for the usual one.
    pub(super) personality: u32,
    /// The command line, as the kernel cached it at the first record of the thread; at most 128 bytes.
    pub(super) title: Vec<u8>,
}

impl ProcessFacts {
    /// The part that an execution may change.
    pub(super) fn credentials(&self) -> Credentials {
        Credentials { uid: self.users[0], euid: self.users[1], capabilities: self.capabilities }
    }
}

/// A user, login or session id that is not set.
pub(super) const UNSET: u32 = u32::MAX;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_that_is_started_again_was_interrupted() {
        let codes = [-511, -512, -513, -514, -515, -516, -517].map(|code| Outcome::of(code, true).exit);
        assert_eq!(codes, [-511, -4, -4, -4, -515, -4, -517]);
    }
}
