//! The program that does an act, so that the act belongs to a process and an executable of its own.
//!
//! `PROGRAM TECHNIQUE [VALUE...]` does the one thing that the technique is about, says on the report descriptor what came of
//! it, and ends. It never runs a page that it made executable, writes no file and touches no other process. Built without
//! the standard library in three forms from this one source: static, dynamic, and dynamic with the preload object as a library
//! that it needs.

#![no_std]
#![no_main]
#![no_builtins]
#![deny(unsafe_code)]

mod entry;
mod exec;
mod maps;
#[cfg(standalone)]
mod mem;
mod memory;
mod preload;
mod probe;
mod report;
mod rwx;
mod sys;
mod thread;

use report::Reporter;
use sys::Start;

/// Seconds after which the kernel ends the worker whatever happens.
const LIFETIME: usize = 20;

/// Exit status: 0 done, 64 no such technique, 69 the system refused a step.
fn run(start: &Start) -> i32 {
    const ALARM: usize = 37;
    sys::call1(ALARM, LIFETIME);
    let technique = start.argument(1).map_or(&b""[..], |argument| argument.to_bytes());
    let reporter = Reporter::new(start);
    match technique {
        b"probe" => probe::run(start),
        _ if maps::readable() < 0 => {
            // Without it nothing that happens could be proven.
            reporter.refused("read /proc/self/maps", maps::readable());
            69
        }
        _ if technique.starts_with(b"rwx.") => rwx::run(technique, start, reporter),
        _ if technique.starts_with(b"preload.") || technique.starts_with(b"exec.") => {
            preload::run(technique, start, reporter)
        }
        _ => 64,
    }
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    sys::exit(70)
}
