//! The kernel's calls, made directly: the worker needs no C library, starts in microseconds and runs where there is none.
//!
//! Every unsafe block of the worker is here. The wrappers are safe to call because nothing in the worker ever
//! dereferences memory that it mapped itself: mapped pages are changed and unmapped, never read, written or run.

#![expect(unsafe_code, reason = "system calls and the process entry point cannot be written without it")]

use core::arch::asm;
use core::ffi::{CStr, c_char};

pub const PAGE: usize = 4096;

pub const PROT_READ: usize = 1;
pub const PROT_WRITE: usize = 2;
pub const PROT_EXEC: usize = 4;

pub const READ: usize = 0;
pub const WRITE: usize = 1;
pub const OPEN: usize = 2;
pub const CLOSE: usize = 3;
pub const MMAP: usize = 9;
pub const MPROTECT: usize = 10;
pub const MUNMAP: usize = 11;
const PRCTL: usize = 157;

/// One system call of the x86-64 ABI; a failure is `-errno`.
pub fn call(number: usize, arguments: [usize; 6]) -> isize {
    let result: isize;
    // SAFETY: the kernel checks every argument; which pages a call may change is said at the module.
    unsafe {
        asm!("syscall", inlateout("rax") number => result,
            in("rdi") arguments[0], in("rsi") arguments[1], in("rdx") arguments[2],
            in("r10") arguments[3], in("r8") arguments[4], in("r9") arguments[5],
            lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    result
}

pub fn call1(number: usize, a: usize) -> isize {
    call(number, [a, 0, 0, 0, 0, 0])
}

pub fn call2(number: usize, a: usize, b: usize) -> isize {
    call(number, [a, b, 0, 0, 0, 0])
}

pub fn call3(number: usize, a: usize, b: usize, c: usize) -> isize {
    call(number, [a, b, c, 0, 0, 0])
}

/// Whether a raw result is a failure.
pub fn is_error(result: isize) -> bool {
    (-4095..0).contains(&result)
}

/// One system call through the 32-bit gate: numbers and arguments of the i386 ABI.
pub fn call_int80(number: u32, a: u32, b: u32, c: u32) -> i32 {
    let result: i32;
    // SAFETY: as for `call`; rbx, which the compiler keeps for itself, is put back.
    unsafe {
        asm!("mov {kept}, rbx", "mov ebx, {a:e}", "int 0x80", "mov rbx, {kept}",
            kept = out(reg) _, a = in(reg) a, inlateout("eax") number as i32 => result, in("ecx") b, in("edx") c,
            lateout("r8") _, lateout("r9") _, lateout("r10") _, lateout("r11") _);
    }
    result
}

pub fn exit(status: i32) -> ! {
    const EXIT_GROUP: usize = 231;
    loop {
        call1(EXIT_GROUP, status as usize);
    }
}

pub fn write(descriptor: i32, bytes: &[u8]) -> isize {
    call3(WRITE, descriptor as usize, bytes.as_ptr() as usize, bytes.len())
}

pub fn read(descriptor: i32, buffer: &mut [u8]) -> isize {
    call3(READ, descriptor as usize, buffer.as_mut_ptr() as usize, buffer.len())
}

/// Opens for reading, close-on-exec.
pub fn open(path: &CStr) -> isize {
    const O_CLOEXEC: usize = 0o2_000_000;
    call3(OPEN, path.as_ptr() as usize, O_CLOEXEC, 0)
}

pub fn close(descriptor: i32) {
    call1(CLOSE, descriptor as usize);
}

/// What the kernel put on the stack of a new process: arguments, environment, auxiliary vector.
#[derive(Clone, Copy)]
pub struct Start {
    arguments: *const *const c_char,
    environment: *const *const c_char,
}

impl Start {
    /// From the initial stack pointer: `argc`, then the arguments, a null, the environment, a null, the auxiliary vector.
    ///
    /// # Safety
    /// `stack` is the stack pointer with which the kernel entered this program.
    pub unsafe fn from_stack(stack: *const usize) -> Start {
        // SAFETY: the layout above is the System V ABI's for a new process.
        unsafe {
            let count = *stack;
            let arguments = stack.add(1).cast();
            Start { arguments, environment: stack.add(1 + count + 1).cast() }
        }
    }

    pub fn argument(&self, index: usize) -> Option<&'static CStr> {
        Start::nth(self.arguments, index)
    }

    pub fn variable(&self, index: usize) -> Option<&'static CStr> {
        Start::nth(self.environment, index)
    }

    /// Writes over the first bytes of a variable, in place: what the kernel shows as the environment changes with it.
    pub fn overwrite(&self, index: usize, bytes: &[u8]) {
        let Some(variable) = self.variable(index) else { return };
        let length = bytes.len().min(variable.to_bytes().len());
        // SAFETY: the strings of the environment lie in writable memory of the stack, and no reference to this one is in
        // use while it is written; the terminating zero stays.
        unsafe { core::ptr::copy_nonoverlapping(bytes.as_ptr(), variable.as_ptr().cast_mut().cast(), length) }
    }

    fn nth(list: *const *const c_char, index: usize) -> Option<&'static CStr> {
        let mut at = 0;
        // SAFETY: the list ends with a null pointer and is not read behind it; its strings live as long as the process.
        unsafe {
            while at < index {
                if (*list.add(at)).is_null() {
                    return None;
                }
                at += 1;
            }
            let found = *list.add(index);
            if found.is_null() { None } else { Some(CStr::from_ptr(found)) }
        }
    }
}

/// prctl(PR_GET_NAME): the name of the calling thread, what audit writes as `comm`.
pub fn thread_name() -> [u8; 16] {
    const PR_GET_NAME: usize = 16;
    let mut name = [0u8; 16];
    call2(PRCTL, PR_GET_NAME, name.as_mut_ptr() as usize);
    name
}

/// prctl(PR_SET_NAME): gives the calling thread a name.
pub fn rename_thread(name: &CStr) {
    const PR_SET_NAME: usize = 15;
    call2(PRCTL, PR_SET_NAME, name.as_ptr() as usize);
}

/// The value of `NAME=value` if `variable` has that name.
pub fn value_of<'a>(variable: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let rest = variable.strip_prefix(name)?;
    rest.strip_prefix(b"=")
}

/// A small decimal number.
pub fn number(text: &[u8]) -> Option<usize> {
    if text.is_empty() {
        return None;
    }
    let mut value = 0usize;
    for &digit in text {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value.checked_mul(10)?.checked_add((digit - b'0') as usize)?;
    }
    Some(value)
}
