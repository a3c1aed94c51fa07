//! A second thread of the worker, and a second process: clone(2) and fork(2) without a C library.

#![expect(unsafe_code, reason = "a new thread begins on a stack that somebody must have laid out")]

use core::arch::global_asm;
use core::sync::atomic::{AtomicU32, Ordering};

use crate::sys::{self, MMAP};

const STACK: usize = 64 * 1024;

unsafe extern "C" {
    /// clone(2): the new thread calls `function` with `argument` on the stack that ends at `stack`, then ends itself.
    fn firstseen_clone(
        flags: usize,
        stack: usize,
        gone: *const AtomicU32,
        function: extern "C" fn(*const ()),
        argument: *const (),
    ) -> isize;
}

global_asm!(
    ".globl firstseen_clone",
    "firstseen_clone:",
    "sub rsi, 16",
    "mov [rsi], rcx",
    "mov [rsi + 8], r8",
    "mov r10, rdx",
    "mov eax, 56",
    "syscall",
    "test rax, rax",
    "jnz 2f",
    "xor ebp, ebp",
    "pop rax",
    "pop rdi",
    "call rax",
    "mov eax, 60",
    "xor edi, edi",
    "syscall",
    "2: ret",
);

/// Runs `work` in a thread of its own and waits for the thread's end. A refusal is `-errno`.
pub fn run<F: Fn()>(work: &F) -> Result<(), isize> {
    const FLAGS: usize = 0x100 | 0x200 | 0x400 | 0x800 | 0x1_0000 | 0x4_0000; // VM FS FILES SIGHAND THREAD SYSVSEM
    const CHILD_CLEARTID: usize = 0x20_0000;
    const FUTEX: usize = 202;
    extern "C" fn enter<F: Fn()>(work: *const ()) {
        // SAFETY: `run` passed a reference to an F, and waits until this thread is gone.
        unsafe { (*work.cast::<F>())() }
    }
    let stack = sys::call(MMAP, [0, STACK, 3, 0x22, usize::MAX, 0]);
    if sys::is_error(stack) {
        return Err(stack);
    }
    let gone = AtomicU32::new(1);
    // SAFETY: the stack is new and ours, `gone` and `work` outlive the thread because of the wait below.
    let started = unsafe {
        firstseen_clone(
            FLAGS | CHILD_CLEARTID,
            stack as usize + STACK,
            &raw const gone,
            enter::<F>,
            (work as *const F).cast(),
        )
    };
    if started < 0 {
        return Err(started);
    }
    while gone.load(Ordering::Acquire) != 0 {
        sys::call(FUTEX, [(&raw const gone) as usize, 0, 1, 0, 0, 0]);
    }
    Ok(())
}

/// fork(2) and wait4(2): runs `work` in a child and returns the child's wait status, or `-errno`.
pub fn in_child(work: impl FnOnce() -> i32) -> isize {
    const FORK: usize = 57;
    const WAIT4: usize = 61;
    match sys::call1(FORK, 0) {
        0 => sys::exit(work()),
        child if child < 0 => child,
        child => {
            let mut status = 0i32;
            let waited = sys::call(WAIT4, [child as usize, (&raw mut status) as usize, 0, 0, 0, 0]);
            if waited < 0 { waited } else { status as isize }
        }
    }
}
