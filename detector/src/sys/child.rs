//! fork(2), and what the child does between it and the watched program.
//!
//! The parent may have any number of threads, so the child runs only what is async-signal-safe: system calls over memory
//! that was prepared before. It waits for one byte (its tracer is there), sets itself up and executes; a step that fails
//! is written to a pipe which a successful execve closes.

use std::ffi::{CStr, CString};
use std::io::{self, Read};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use libc::{c_char, c_int};

use super::seccomp::{self, Instruction, Refused};

/// What the child is for.
#[derive(Debug)]
pub(crate) enum Errand {
    /// Become a program.
    Execute(Image),
    /// Make one page RWX and end: shows whether a filter and its tracer work here.
    MakePageExecutable,
}

/// A program as execve(2) takes it. `argv` and `env` are null-ended arrays into the strings beside them.
#[derive(Debug)]
pub(crate) struct Image {
    program: CString,
    cwd: CString,
    argv: Strings,
    env: Strings,
}

/// Everything that the child needs, made before the fork.
#[derive(Debug)]
pub(crate) struct Plan {
    /// What it does in the end.
    pub(crate) errand: Errand,
    /// Descriptors and the numbers that they get. No source may be one of the numbers.
    pub(crate) descriptors: Vec<(OwnedFd, c_int)>,
    /// Filter to set, if any.
    pub(crate) filter: Option<Vec<Instruction>>,
    /// The child reads one byte here before it does anything; without one it ends.
    pub(crate) go: OwnedFd,
    /// Number of the other end: the parent's, of which the child closes its copy.
    pub(crate) go_writer: c_int,
    /// Failures are written here.
    pub(crate) report: OwnedFd,
}

/// The step that failed in the child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Passing descriptors.
    Descriptors,
    /// chdir(2).
    WorkingDirectory,
    /// `PR_SET_NO_NEW_PRIVS`.
    NoNewPrivileges,
    /// seccomp(2).
    Filter,
    /// execve(2).
    Execute,
    /// mprotect(2) of the page.
    Page,
}

impl Step {
    const ALL: [Step; 6] =
        [Step::Descriptors, Step::WorkingDirectory, Step::NoNewPrivileges, Step::Filter, Step::Execute, Step::Page];
}

/// C strings and the array of their addresses.
#[derive(Debug)]
struct Strings {
    addresses: Vec<*const c_char>,
    _owned: Vec<CString>,
}

// SAFETY: the addresses point into the owned strings, which are never changed and whose bytes do not move with the vector.
unsafe impl Send for Strings {}
// SAFETY: as above: nothing is ever written through them.
unsafe impl Sync for Strings {}

impl Strings {
    fn new(owned: Vec<CString>) -> Strings {
        let addresses = owned.iter().map(|string| string.as_ptr()).chain([std::ptr::null()]).collect();
        Strings { addresses, _owned: owned }
    }
}

impl Image {
    /// Takes what execve(2) and chdir(2) take.
    pub(crate) fn new(program: CString, cwd: CString, argv: Vec<CString>, env: Vec<CString>) -> Image {
        Image { program, cwd, argv: Strings::new(argv), env: Strings::new(env) }
    }
}

/// Forks; the parent gets the child's id.
pub(crate) fn fork(plan: &Plan) -> io::Result<c_int> {
    // SAFETY: the child calls `run` only, which is async-signal-safe and never returns.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => run(plan),
        pid => Ok(pid),
    }
}

/// Takes a descriptor that fcntl(2) has just made.
pub(crate) fn adopt(number: c_int) -> OwnedFd {
    // SAFETY: the callers pass the number that F_DUPFD_CLOEXEC returned to them, and keep no copy.
    unsafe { OwnedFd::from_raw_fd(number) }
}

/// What the child wrote about its failure, if it failed. Blocks until it has executed or ended.
pub(crate) fn failure(report: OwnedFd) -> Option<(Step, io::Error)> {
    let mut bytes = [0; 8];
    std::fs::File::from(report).read_exact(&mut bytes).ok()?;
    let number = |bytes: &[u8]| bytes.try_into().map_or(0, i32::from_ne_bytes);
    let step = *Step::ALL.get(number(&bytes[..4]) as usize)?;
    Some((step, io::Error::from_raw_os_error(number(&bytes[4..]))))
}

/// The whole life of the child. Async-signal-safe.
fn run(plan: &Plan) -> ! {
    reset_signals();
    // SAFETY: closes this process's copy of a descriptor that the child never uses.
    unsafe { libc::close(plan.go_writer) };
    let mut byte = 0_u8;
    // SAFETY: read writes one byte, which lives until it returns.
    if unsafe { libc::read(plan.go.as_raw_fd(), (&raw mut byte).cast(), 1) } != 1 {
        exit(1); // the tracer is gone
    }
    let step = match set_up(plan) {
        Err(step) => step,
        Ok(()) => match &plan.errand {
            Errand::Execute(image) => execute(image),
            Errand::MakePageExecutable => make_page_executable(),
        },
    };
    let (step, errno) = step;
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&(step as i32).to_ne_bytes());
    bytes[4..].copy_from_slice(&errno.to_ne_bytes());
    // SAFETY: writes eight bytes that live until the call returns.
    unsafe { libc::write(plan.report.as_raw_fd(), bytes.as_ptr().cast(), bytes.len()) };
    exit(127)
}

type Failed = (Step, c_int);

fn set_up(plan: &Plan) -> Result<(), Failed> {
    close_on_exec();
    for (source, target) in &plan.descriptors {
        // SAFETY: takes numbers only; what it may replace is this process's own.
        check(unsafe { libc::dup2(source.as_raw_fd(), *target) }, Step::Descriptors)?;
    }
    if let Errand::Execute(image) = &plan.errand {
        // SAFETY: a C string that outlives the call.
        check(unsafe { libc::chdir(image.cwd.as_ptr()) }, Step::WorkingDirectory)?;
    }
    match plan.filter.as_deref().map_or(Ok(()), seccomp::install) {
        Ok(()) => Ok(()),
        Err(Refused::NoNewPrivileges(errno)) => Err((Step::NoNewPrivileges, errno)),
        Err(Refused::Filter(errno)) => Err((Step::Filter, errno)),
    }
}

fn execute(image: &Image) -> Failed {
    let (program, argv, env): (&CStr, _, _) = (&image.program, &image.argv.addresses, &image.env.addresses);
    for _ in 0..PATIENCE {
        // SAFETY: a C string and two null-ended arrays of C strings, all of which outlive the call.
        unsafe { libc::execve(program.as_ptr(), argv.as_ptr(), env.as_ptr()) };
        if errno() != libc::ETXTBSY {
            break;
        }
        let pause = libc::timespec { tv_sec: 0, tv_nsec: 2_000_000 };
        // SAFETY: reads one timespec; the rest of the time is not asked for.
        unsafe { libc::nanosleep(&raw const pause, std::ptr::null_mut()) };
    }
    (Step::Execute, errno())
}

/// A program that was just written is busy while the child of another thread, forked before the file was closed, has not
/// executed yet: that passes within milliseconds.
const PATIENCE: u32 = 100;

fn make_page_executable() -> Failed {
    let (flags, writable) = (libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, libc::PROT_READ | libc::PROT_WRITE);
    // SAFETY: a new mapping where the kernel likes; nobody else knows it, and nothing in it is executed.
    let page = unsafe { libc::mmap(std::ptr::null_mut(), 4096, writable, flags, -1, 0) };
    // SAFETY: the page is the one above (or MAP_FAILED, which is an error of the call).
    match unsafe { libc::mprotect(page, 4096, writable | libc::PROT_EXEC) } {
        0 => exit(0),
        _ => (Step::Page, errno()),
    }
}

/// Signals as a fresh program expects them: none blocked, and SIGPIPE, which the Rust runtime ignores, at its default.
fn reset_signals() {
    // SAFETY: an empty set is made and set; SIG_DFL is a valid disposition. Nothing of ours is referenced afterwards.
    unsafe {
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
    }
}

/// Every descriptor is closed by execve, except those which are passed after this.
fn close_on_exec() {
    // SAFETY: takes numbers only.
    if unsafe { libc::syscall(libc::SYS_close_range, 0, c_int::MAX, libc::CLOSE_RANGE_CLOEXEC) } == 0 {
        return;
    }
    // Linux before 5.11, or a filter that does not know the call.
    // SAFETY: takes numbers only; numbers that are not open are an error that does not matter.
    unsafe {
        let highest = libc::sysconf(libc::_SC_OPEN_MAX).clamp(256, 65536) as c_int;
        (0..highest).for_each(|number| _ = libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC));
    }
}

fn exit(status: c_int) -> ! {
    // SAFETY: ends the process at once, without the parent's handlers and buffers.
    unsafe { libc::_exit(status) }
}

fn check(result: c_int, step: Step) -> Result<(), Failed> {
    if result < 0 { Err((step, errno())) } else { Ok(()) }
}

fn errno() -> c_int {
    // SAFETY: the address of this thread's errno is always valid.
    unsafe { *libc::__errno_location() }
}
