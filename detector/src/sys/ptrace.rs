//! ptrace(2) and the waits that belong to it, for a tracer that is one thread.
//!
//! Every call here must come from the thread that seized the tracee; the kernel answers `ESRCH` to any other, which is an
//! error and no danger. Signals are plain numbers: real-time signals have no name in the safe wrappers.

use std::io;

use libc::{c_int, c_void, pid_t};

/// `PTRACE_EVENT_STOP` of a seized tracee: its first stop, or a group-stop. `linux/ptrace.h`.
pub(crate) const EVENT_STOP: c_int = 128;
/// What `PTRACE_O_TRACESYSGOOD` adds to `SIGTRAP` at a system call stop.
pub(crate) const SYSCALL_STOP: c_int = libc::SIGTRAP | 0x80;

/// How a stopped tracee goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Resume {
    /// Until its next event.
    Continue,
    /// Until its next event or the end of the system call that it is in.
    ToSyscallEnd,
    /// It stays in its group-stop, but its end and `SIGCONT` are reported.
    Listen,
}

/// What a wait found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// It ended by itself.
    Exited(i32),
    /// A signal ended it.
    Killed(i32),
    /// It stopped: the signal, and `PTRACE_EVENT_*` or 0.
    Stopped {
        /// `WSTOPSIG`.
        signal: i32,
        /// The bits above.
        event: i32,
    },
}

/// What `PTRACE_GET_SYSCALL_INFO` says about a stopped tracee.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StopInfo {
    /// `AUDIT_ARCH_*` of the system call, or of the program outside of one.
    pub(crate) arch: u32,
    /// Stack pointer.
    pub(crate) stack: u64,
    /// Where in a system call it is.
    pub(crate) at: SyscallPoint,
}

/// Where in a system call a tracee stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SyscallPoint {
    /// In none, or the kernel cannot say.
    Outside,
    /// Before it.
    Entry,
    /// Behind it.
    Exit {
        /// The value that the program gets; negative error numbers included.
        value: i64,
        /// Whether that is an error.
        error: bool,
    },
    /// Before it, at the seccomp filter's wish.
    Filter {
        /// Number, as the program passed it.
        number: u64,
        /// Registers.
        arguments: [u64; 6],
    },
}

/// Makes this thread the tracer of `pid`, without stopping it. `options` are `PTRACE_O_*`.
pub(crate) fn seize(pid: pid_t, options: c_int) -> io::Result<()> {
    // SAFETY: SEIZE takes a number in `data` and touches no memory of ours.
    check(unsafe { libc::ptrace(libc::PTRACE_SEIZE, pid, std::ptr::null_mut::<c_void>(), options as usize) })
}

/// Lets a stopped tracee go on and delivers `signal` to it (0: none).
pub(crate) fn resume(pid: pid_t, how: Resume, signal: i32) -> io::Result<()> {
    let request = match how {
        Resume::Continue => libc::PTRACE_CONT,
        Resume::ToSyscallEnd => libc::PTRACE_SYSCALL,
        Resume::Listen => libc::PTRACE_LISTEN,
    };
    // SAFETY: the three requests take a number in `data` and touch no memory of ours.
    check(unsafe { libc::ptrace(request, pid, std::ptr::null_mut::<c_void>(), signal as usize) })
}

/// The number that belongs to the event which stopped the tracee: the new process, or the old id of the executing thread.
pub(crate) fn event_message(pid: pid_t) -> io::Result<i32> {
    let mut message: libc::c_ulong = 0;
    // SAFETY: GETEVENTMSG writes one unsigned long to `data`, which lives until the call returns.
    let result =
        unsafe { libc::ptrace(libc::PTRACE_GETEVENTMSG, pid, std::ptr::null_mut::<c_void>(), &raw mut message) };
    check(result).map(|()| message as i32)
}

/// `struct ptrace_syscall_info` of `linux/ptrace.h`, its union as words.
#[repr(C)]
#[derive(Default)]
struct RawInfo {
    op: u8,
    pad: [u8; 3],
    arch: u32,
    instruction: u64,
    stack: u64,
    words: [u64; 8],
}

/// Where a stopped tracee is. Linux 5.3 and newer.
pub(crate) fn stop_info(pid: pid_t) -> io::Result<StopInfo> {
    let mut raw = RawInfo::default();
    let size = std::mem::size_of::<RawInfo>();
    // SAFETY: the kernel writes at most `size` bytes to `data`; any bytes are a valid RawInfo.
    let result = unsafe { libc::ptrace(libc::PTRACE_GET_SYSCALL_INFO, pid, size, &raw mut raw) };
    check(result)?;
    let words = raw.words;
    let at = match raw.op {
        1 => SyscallPoint::Entry,
        2 => SyscallPoint::Exit { value: words[0] as i64, error: words[1] as u8 != 0 },
        3 => SyscallPoint::Filter {
            number: words[0],
            arguments: [words[1], words[2], words[3], words[4], words[5], words[6]],
        },
        _ => SyscallPoint::Outside,
    };
    Ok(StopInfo { arch: raw.arch, stack: raw.stack, at })
}

/// The next child or tracee of this thread alone that has something to report, and whether that is its end. It stays
/// reportable: [`collect`] takes it. `None` when this thread has no child and no tracee any more.
pub(crate) fn peek() -> io::Result<Option<(pid_t, bool)>> {
    let options = libc::WEXITED | libc::WSTOPPED | libc::WNOWAIT | libc::__WALL | libc::__WNOTHREAD;
    loop {
        // SAFETY: all zeroes is a valid siginfo_t.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        // SAFETY: waitid writes one siginfo_t, which lives until the call returns.
        let result = unsafe { libc::waitid(libc::P_ALL, 0, &raw mut info, options) };
        if result == 0 {
            // SAFETY: waitid succeeded without WNOHANG, so it filled in the fields of a SIGCHLD.
            let pid = unsafe { info.si_pid() };
            let ended = matches!(info.si_code, libc::CLD_EXITED | libc::CLD_KILLED | libc::CLD_DUMPED);
            return Ok(Some((pid, ended)));
        }
        let error = io::Error::last_os_error();
        match error.raw_os_error() {
            Some(libc::EINTR) => {}
            Some(libc::ECHILD) => return Ok(None),
            _ => return Err(error),
        }
    }
}

/// Takes the report of one child or tracee, and its zombie if it ended. `None` if there is nothing to take at the moment.
pub(crate) fn collect(pid: pid_t) -> io::Result<Option<Change>> {
    let mut status: c_int = 0;
    let options = libc::__WALL | libc::__WNOTHREAD | libc::WNOHANG;
    // SAFETY: waitpid writes one int, which lives until the call returns.
    match unsafe { libc::waitpid(pid, &raw mut status, options) } {
        0 => Ok(None),
        -1 => Err(io::Error::last_os_error()),
        _ if libc::WIFEXITED(status) => Ok(Some(Change::Exited(libc::WEXITSTATUS(status)))),
        _ if libc::WIFSIGNALED(status) => Ok(Some(Change::Killed(libc::WTERMSIG(status)))),
        _ => Ok(Some(Change::Stopped { signal: libc::WSTOPSIG(status), event: status >> 16 })),
    }
}

/// Takes the zombie of an orphan that became a child of this process; does nothing for any other.
pub(crate) fn collect_orphan(pid: pid_t) {
    // SAFETY: a null status is allowed.
    unsafe { libc::waitpid(pid, std::ptr::null_mut(), libc::__WALL | libc::WNOHANG) };
}

/// Waits for the end of a child that is not traced.
pub(crate) fn collect_blocking(pid: pid_t) -> io::Result<()> {
    // SAFETY: a null status is allowed.
    check(unsafe { libc::waitpid(pid, std::ptr::null_mut(), libc::__WALL) }.into())
}

/// Whether `tid` is a thread of the process `tgid`; needs no /proc.
pub(crate) fn is_thread_of(tgid: pid_t, tid: pid_t) -> bool {
    // SAFETY: signal 0 is no signal; the call takes numbers only.
    unsafe { libc::syscall(libc::SYS_tgkill, tgid, tid, 0) == 0 }
}

/// Kills a process. An error means that it is gone.
pub(crate) fn kill(pid: pid_t) {
    // SAFETY: takes numbers only. The caller owns `pid`: a tracee that has not been collected, so it is not reused.
    unsafe { libc::kill(pid, libc::SIGKILL) };
}

/// One word of a stopped tracee's memory.
pub(crate) fn peek_word(pid: pid_t, address: u64) -> io::Result<[u8; 8]> {
    let mut word: libc::c_long = 0;
    // SAFETY: the raw system call (unlike the C function) writes the word to `data`, which lives until it returns.
    let result = unsafe {
        libc::syscall(libc::SYS_ptrace, libc::c_long::from(libc::PTRACE_PEEKDATA), pid, address, &raw mut word)
    };
    check(result).map(|()| word.to_ne_bytes())
}

/// The options of every tracee: follow forks, see executions, die with the tracer.
pub(crate) fn follow_options() -> c_int {
    libc::PTRACE_O_TRACEEXEC
        | libc::PTRACE_O_TRACEFORK
        | libc::PTRACE_O_TRACEVFORK
        | libc::PTRACE_O_TRACECLONE
        | libc::PTRACE_O_TRACESYSGOOD
        | libc::PTRACE_O_EXITKILL
}

fn check(result: libc::c_long) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

const _: () = assert!(std::mem::size_of::<RawInfo>() == 88);
