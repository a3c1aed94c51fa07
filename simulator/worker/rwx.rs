//! Acts on the permissions of memory. Each makes the call, reads back what the page became, and reports both.

use crate::maps;
use crate::report::{MemoryCall, Reporter};
use crate::sys::{self, MMAP, MPROTECT, PAGE, PROT_EXEC, PROT_READ, PROT_WRITE, Start};

const RW: usize = PROT_READ | PROT_WRITE;
const RX: usize = PROT_READ | PROT_EXEC;
const RWX: usize = PROT_READ | PROT_WRITE | PROT_EXEC;

const MAP_PRIVATE: usize = 2;
const MAP_ANONYMOUS: usize = 0x20;

/// Does the act of this name. Status as of the worker.
pub fn run(technique: &[u8], _start: &Start, reporter: Reporter) -> i32 {
    let act = Act { reporter };
    let done = match technique {
        b"rwx.mprotect" => act.protect_new_page(RWX),
        b"rwx.two-step" => act.protect_new_page(RX),
        _ => return 64,
    };
    if done { 0 } else { 69 }
}

/// The means that the acts share.
struct Act {
    reporter: Reporter,
}

impl Act {
    fn protect_new_page(&self, protection: usize) -> bool {
        let Some(page) = self.map("mmap", PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS) else { return false };
        self.protect(page, PAGE, protection);
        true
    }

    /// Maps new memory; a refusal is reported.
    fn map(&self, step: &str, length: usize, protection: usize, flags: usize) -> Option<usize> {
        let result = sys::call(MMAP, [0, length, protection, flags, usize::MAX, 0]);
        if result < 0 && result > -4096 {
            self.reporter.refused(step, result);
            return None;
        }
        Some(result as usize)
    }

    /// `mprotect`, reported.
    fn protect(&self, address: usize, length: usize, protection: usize) {
        let before = maps::permissions(address);
        let result = sys::call3(MPROTECT, address, length, protection);
        let number = MPROTECT;
        self.reporter.memory(&MemoryCall { call: "mprotect", number, address, length, protection, result, before });
    }
}
