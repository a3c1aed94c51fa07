//! Acts for the tests of the trace sensor: the test program runs itself again and does one of them.

use std::io;
use std::ptr::null_mut;

use libc::{c_int, c_long};

const PAGE: usize = 4096;
const RW: c_int = libc::PROT_READ | libc::PROT_WRITE;
const RWX: c_int = RW | libc::PROT_EXEC;

/// Does what `act` names; a word behind a colon is its argument.
pub(crate) fn perform(act: &str) {
    let (act, argument) = act.split_once(':').unwrap_or((act, ""));
    match act {
        "rwx" => assert_eq!(protect(page(0), RWX), 0),
        "read-only" => assert_eq!(protect(page(0), libc::PROT_READ), 0),
        "unmapped" => assert_eq!(protect(0x10000 as *mut _, RWX), -1),
        "int80" => assert_eq!(protect_i386(page(libc::MAP_32BIT)), 0),
        "x32" => {
            // SAFETY: an unknown number is an error, a known one (x32) makes a page of ours executable.
            unsafe { libc::syscall(0x4000_000a, page(0), PAGE, RWX) };
        }
        "high-bits" => {
            // SAFETY: the kernel refuses the protection, and the page is ours.
            let result = unsafe { libc::syscall(libc::SYS_mprotect, page(0), PAGE, 0x1_0000_0007_u64) };
            assert_eq!(result, -1);
        }
        "personality" => {
            // SAFETY: takes a number; concerns later mappings of this process only.
            if unsafe { libc::personality(0x0040_0000) } == -1 {
                std::process::exit(77); // the seccomp profiles of containers refuse it
            }
            assert_eq!(protect(page(0), RW), 0);
        }
        "threads" => threads(),
        "fork" => in_child(|| perform("rwx")),
        "vfork" => vfork(),
        "double-fork" => {
            in_child(|| {
                fork(|| {
                    std::thread::sleep(std::time::Duration::from_millis(30));
                    perform("rwx");
                });
            });
        }
        "orphan" => {
            fork(|| std::thread::sleep(std::time::Duration::from_secs(100)));
        }
        "exec" => execute(argument),
        "exec-in-thread" => {
            let argument = argument.to_owned();
            let named = std::thread::Builder::new().name("not-the-leader".to_owned());
            named.spawn(move || execute(&argument)).map(|thread| thread.join()).expect("thread").expect("no panic");
        }
        "exec-missing" => drop(try_execute("/nonexistent/program")),
        "exit" => std::process::exit(argument.parse().expect("number")),
        "signal" => raise(argument.parse().expect("number")),
        "caught-signal" => caught_signal(),
        "stopped" => stopped(),
        "map-file" => map_file(),
        "sleep" => std::thread::sleep(std::time::Duration::from_secs(100)),
        other => panic!("no act '{other}'"),
    }
}

fn page(flags: c_int) -> *mut libc::c_void {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | flags;
    // SAFETY: a new mapping where the kernel likes, known to nobody else.
    let page = unsafe { libc::mmap(null_mut(), PAGE, RW, flags, -1, 0) };
    assert_ne!(page, libc::MAP_FAILED);
    page
}

fn protect(page: *mut libc::c_void, protection: c_int) -> c_int {
    // SAFETY: the page is a fresh one that nobody uses, or none at all, which is an error.
    unsafe { libc::mprotect(page, PAGE, protection) }
}

/// mprotect through the 32-bit gate of a 64-bit program.
fn protect_i386(page: *mut libc::c_void) -> c_long {
    let result: c_long;
    // SAFETY: the page is a fresh one of the lower 4 GiB that nobody uses; the gate changes the named registers only.
    unsafe {
        std::arch::asm!(
            "xchg rbx, {page}",
            "int 0x80",
            "xchg rbx, {page}",
            page = inout(reg) page => _,
            inlateout("rax") 125_i64 => result,
            in("rcx") PAGE,
            in("rdx") i64::from(RWX),
            out("r8") _, out("r9") _, out("r10") _, out("r11") _,
        );
    }
    result
}

fn threads() {
    let threads: Vec<_> = (0..4)
        .map(|number| {
            let named = std::thread::Builder::new().name(format!("worker {number}"));
            named.spawn(|| (0..5).for_each(|_| perform("rwx"))).expect("thread")
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
}

fn fork(child: impl FnOnce()) -> c_int {
    // SAFETY: the tests' targets have no other thread that holds a lock the child needs; it ends without returning.
    match unsafe { libc::fork() } {
        -1 => panic!("{}", io::Error::last_os_error()),
        0 => {
            child();
            // SAFETY: ends the process.
            unsafe { libc::_exit(0) }
        }
        pid => pid,
    }
}

fn in_child(child: impl FnOnce()) {
    let pid = fork(child);
    // SAFETY: a null status is allowed.
    assert_eq!(unsafe { libc::waitpid(pid, null_mut(), 0) }, pid);
}

/// The child of a vfork shares our memory, and does nothing but this call and its end.
fn vfork() {
    // SAFETY: CLONE_VFORK without CLONE_VM: we wait for the child's end, but its memory is a copy.
    match unsafe { libc::syscall(libc::SYS_clone, libc::CLONE_VFORK | libc::SIGCHLD, 0, 0, 0, 0) } {
        0 => {
            perform("rwx");
            // SAFETY: ends the process.
            unsafe { libc::_exit(0) }
        }
        // SAFETY: a null status is allowed.
        pid => assert_eq!(i64::from(unsafe { libc::waitpid(pid as c_int, null_mut(), 0) }), pid),
    }
}

fn try_execute(program: &str) -> io::Error {
    use std::os::unix::process::CommandExt;
    std::process::Command::new(program).exec()
}

fn execute(program: &str) {
    panic!("{program}: {}", try_execute(program));
}

fn raise(signal: c_int) {
    // SAFETY: takes numbers only.
    unsafe { libc::raise(signal) };
}

/// A real-time signal, which has no name in most libraries, must arrive.
fn caught_signal() {
    static CAUGHT: std::sync::atomic::AtomicI32 = std::sync::atomic::AtomicI32::new(0);
    extern "C" fn catch(signal: c_int) {
        CAUGHT.store(signal, std::sync::atomic::Ordering::SeqCst);
    }
    let signal = libc::SIGRTMIN() + 3;
    // SAFETY: the handler stores into an atomic only.
    unsafe { libc::signal(signal, catch as extern "C" fn(c_int) as libc::sighandler_t) };
    raise(signal);
    assert_eq!(CAUGHT.load(std::sync::atomic::Ordering::SeqCst), signal);
}

/// A child stops itself; its parent sees the stop, lets it go on and sees its end.
fn stopped() {
    let child = fork(|| {
        raise(libc::SIGSTOP);
        perform("rwx");
    });
    let mut status = 0;
    // SAFETY: writes one int, which lives until the call returns.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, libc::WUNTRACED) }, child);
    assert!(libc::WIFSTOPPED(status) && libc::WSTOPSIG(status) == libc::SIGSTOP);
    std::thread::sleep(std::time::Duration::from_millis(20));
    // SAFETY: writes one int, which lives until the call returns.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, libc::WNOHANG) }, 0, "it must not have gone on");
    // SAFETY: our own child, which has not been waited for.
    unsafe { libc::kill(child, libc::SIGCONT) };
    // SAFETY: as above.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert!(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0);
}

fn map_file() {
    use std::os::fd::AsRawFd;
    let file = std::fs::File::open("/proc/self/exe").expect("own program");
    // SAFETY: a new private mapping of a file, where the kernel likes.
    let page = unsafe { libc::mmap(null_mut(), PAGE, RWX, libc::MAP_PRIVATE, file.as_raw_fd(), 0) };
    assert_ne!(page, libc::MAP_FAILED);
}
