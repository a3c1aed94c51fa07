//! The means that all acts on memory share: each call is reported together with what it was asked and what became of the page.

use crate::maps;
use crate::report::{MemoryCall, Reporter};
use crate::sys::{self, MMAP, MPROTECT, PAGE, PROT_EXEC, PROT_READ, PROT_WRITE};

pub const RW: usize = PROT_READ | PROT_WRITE;
pub const RX: usize = PROT_READ | PROT_EXEC;
pub const RWX: usize = PROT_READ | PROT_WRITE | PROT_EXEC;
pub const PROT_SEM: usize = 8;
pub const PROT_GROWSDOWN: usize = 0x100_0000;
/// A bit above the 32 that a protection has.
pub const HIGH_BIT: usize = 1 << 32;

pub const MAP_SHARED: usize = 1;
pub const MAP_PRIVATE: usize = 2;
pub const MAP_ANONYMOUS: usize = 0x20;
pub const MAP_32BIT: usize = 0x40;
pub const MAP_GROWSDOWN: usize = 0x100;
pub const PRIVATE: usize = MAP_PRIVATE | MAP_ANONYMOUS;
/// In place of a descriptor.
pub const NONE: usize = usize::MAX;

/// Set in the number of a system call of the x32 ABI.
pub const X32_BIT: usize = 0x4000_0000;
pub const I386_MPROTECT: u32 = 125;
pub const PKEY_MPROTECT: usize = 329;
pub const EXECVE: usize = 59;

/// A step that was refused: it has been reported, and there is nothing more to do.
pub struct Refused;

pub type Done = Result<(), Refused>;

/// Whoever changes memory, and where that is reported.
pub struct Memory {
    pub reporter: Reporter,
}

impl Memory {
    /// `mmap`, as a step towards the act.
    pub fn map(&self, length: usize, protection: usize, flags: usize, file: usize) -> Result<usize, Refused> {
        self.checked("mmap", sys::call(MMAP, [0, length, protection, flags, file, 0]))
    }

    /// `mmap` as the act itself, reported.
    pub fn view(&self, protection: usize, flags: usize, file: usize, length: usize) -> Done {
        let result = sys::call(MMAP, [0, length, protection, flags, file, 0]);
        let address = if sys::is_error(result) { 0 } else { result as usize };
        let (call, abi, number) = ("mmap", "x86_64", MMAP);
        self.reporter.memory(&MemoryCall { call, abi, number, address, length, protection, result, before: None });
        Ok(())
    }

    /// `mprotect`, reported.
    pub fn protect(&self, address: usize, length: usize, protection: usize) {
        let before = maps::permissions(address);
        let result = sys::call3(MPROTECT, address, length, protection);
        let (call, abi, number) = ("mprotect", "x86_64", MPROTECT);
        self.reporter.memory(&MemoryCall { call, abi, number, address, length, protection, result, before });
    }

    /// Another way of changing one page, reported.
    pub fn call_on(
        &self,
        address: usize,
        protection: usize,
        call: &'static str,
        abi: &'static str,
        number: usize,
        change: impl FnOnce() -> isize,
    ) {
        let before = maps::permissions(address);
        let result = change();
        self.reporter.memory(&MemoryCall { call, abi, number, address, length: PAGE, protection, result, before });
    }

    /// The result of a step; a refusal is reported.
    pub fn checked(&self, step: &str, result: isize) -> Result<usize, Refused> {
        if sys::is_error(result) {
            self.reporter.refused(step, result);
            return Err(Refused);
        }
        Ok(result as usize)
    }
}
