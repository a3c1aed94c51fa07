//! seccomp(2) filters: one instruction as the kernel reads it, and the call that sets a filter.

use libc::c_int;

/// One instruction of classic BPF: `struct sock_filter` of `linux/filter.h`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Instruction {
    /// Operation.
    pub(crate) code: u16,
    /// Instructions to skip if a comparison holds.
    pub(crate) then: u8,
    /// Instructions to skip if it does not.
    pub(crate) otherwise: u8,
    /// Operand.
    pub(crate) operand: u32,
}

/// What [`install`] could not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// `PR_SET_NO_NEW_PRIVS`, with this error number.
    NoNewPrivileges(c_int),
    /// The filter itself, with this error number.
    Filter(c_int),
}

/// Sets a filter for this thread and everything that it will start.
///
/// The kernel lets a process with `CAP_SYS_ADMIN` do so as it is. Any other gives up set-uid programs first
/// (`PR_SET_NO_NEW_PRIVS`): that is done only where it has to be, because it changes what the watched program can do.
///
/// Async-signal-safe: for the time between fork and execve.
pub(crate) fn install(program: &[Instruction]) -> Result<(), Refused> {
    match set_filter(program) {
        Err(libc::EACCES) => {}
        result => return result.map_err(Refused::Filter),
    }
    // SAFETY: takes numbers only.
    if unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) } != 0 {
        return Err(Refused::NoNewPrivileges(errno()));
    }
    set_filter(program).map_err(Refused::Filter)
}

fn set_filter(program: &[Instruction]) -> Result<(), c_int> {
    // The kernel takes 4096 instructions at most, so a longer program is its EINVAL and not a cut one.
    let length = u16::try_from(program.len()).unwrap_or(u16::MAX);
    let program = libc::sock_fprog { len: length, filter: program.as_ptr().cast_mut().cast() };
    // SAFETY: `filter` points to `len` instructions (the layout is sock_filter's) that live until the call returns; the
    // kernel copies and does not write them.
    match unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const program) } {
        0 => Ok(()),
        _ => Err(errno()),
    }
}

fn errno() -> c_int {
    // SAFETY: the address of this thread's errno is always valid.
    unsafe { *libc::__errno_location() }
}

const _: () = assert!(std::mem::size_of::<Instruction>() == std::mem::size_of::<libc::sock_filter>());
