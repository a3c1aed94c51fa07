//! The only unsafe code of this crate: the few system calls that no safe wrapper covers. One file per concern.
#![expect(unsafe_code, reason = "system calls that no safe wrapper covers; every block says why it is sound")]

pub(crate) mod child;
pub(crate) mod ptrace;
pub(crate) mod seccomp;
#[cfg(test)]
pub(crate) mod target;
pub(crate) mod xattr;
