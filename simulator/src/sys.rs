//! What needs unsafe code: giving a new process descriptors of chosen numbers, and letting it end with its parent.

#![expect(unsafe_code, reason = "code between fork and exec")]

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use nix::fcntl::{FcntlArg, fcntl};

/// Makes `command` start a process that is killed when the thread that starts it ends, also by a SIGKILL. Its own children
/// are not.
pub(crate) fn end_with_us(command: &mut Command) {
    let parent = std::process::id() as libc::pid_t;
    // SAFETY: between fork and exec only prctl and getppid are called, which are async-signal-safe and allocate nothing.
    unsafe {
        command.pre_exec(move || {
            if libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) < 0 {
                return Err(io::Error::last_os_error());
            }
            // The parent may have ended before the request.
            if libc::getppid() == parent { Ok(()) } else { Err(io::Error::from_raw_os_error(libc::ESRCH)) }
        });
    }
}

/// Makes `command` start its program with these descriptors under these numbers. Returns ours, which must live until the
/// program was started.
pub(crate) fn pass(command: &mut Command, descriptors: Vec<(OwnedFd, i32)>) -> io::Result<Vec<OwnedFd>> {
    // Above every target number, so that putting one in place never covers another that is still to be put.
    let above = descriptors.iter().map(|(_, number)| number + 1).max().unwrap_or(0);
    let mut kept = Vec::new();
    let mut pairs = Vec::new();
    for (descriptor, number) in descriptors {
        let moved = fcntl(&descriptor, FcntlArg::F_DUPFD_CLOEXEC(above))?;
        pairs.push((moved, number));
        kept.push(descriptor);
    }
    // SAFETY: the numbers were just returned by the kernel and belong to nobody else.
    let owned: Vec<OwnedFd> =
        pairs.iter().map(|(moved, _)| unsafe { std::os::fd::FromRawFd::from_raw_fd(*moved) }).collect();
    let pairs: Vec<_> = owned.iter().map(AsRawFd::as_raw_fd).zip(pairs.into_iter().map(|(_, number)| number)).collect();
    // SAFETY: between fork and exec only dup2 is called, which is async-signal-safe and allocates nothing.
    unsafe {
        command.pre_exec(move || {
            for &(from, to) in &pairs {
                if libc::dup2(from, to) < 0 {
                    return Err(io::Error::last_os_error());
                }
            }
            Ok(())
        });
    }
    drop(kept);
    Ok(owned)
}
