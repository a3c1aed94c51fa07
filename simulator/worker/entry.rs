//! Where the kernel (static form) or the dynamic loader (dynamic forms) enters, with the ABI's initial stack.

#![expect(unsafe_code, reason = "a program without a C library has to take its stack from the kernel itself")]

use core::arch::global_asm;

use crate::sys::{self, Start};

global_asm!(
    ".globl _start",
    "_start:",
    "xor ebp, ebp",
    "mov rdi, rsp",
    "and rsp, -16",
    "call {enter}",
    "ud2",
    enter = sym enter,
);

extern "C" fn enter(stack: *const usize) -> ! {
    // SAFETY: `_start` hands over the stack pointer as it got it.
    let start = unsafe { Start::from_stack(stack) };
    sys::exit(crate::run(&start))
}
