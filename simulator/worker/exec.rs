//! Starting programs: ourselves again with another environment, ourselves from memory, or a program of the machine.

use core::ffi::{CStr, c_char};
use core::ptr::null;

use crate::report::Reporter;
use crate::sys::{self, Start};
use crate::thread;

const EXECVE: usize = 59;
const EXECVEAT: usize = 322;
const AT_EMPTY_PATH: usize = 0x1000;

/// As many arguments or variables as the worker ever passes on.
const MOST: usize = 64;

/// A list as execve(2) wants it.
pub struct List {
    entries: [*const c_char; MOST + 1],
    length: usize,
}

impl List {
    pub fn of(entries: &[&CStr]) -> List {
        let mut list = List { entries: [null(); MOST + 1], length: 0 };
        for entry in entries {
            list.push(entry);
        }
        list
    }

    /// The environment of this process.
    pub fn environment(start: &Start) -> List {
        let mut list = List::of(&[]);
        let mut index = 0;
        while let Some(variable) = start.variable(index) {
            list.push(variable);
            index += 1;
        }
        list
    }

    pub fn push(&mut self, entry: &CStr) {
        if self.length < MOST {
            self.entries[self.length] = entry.as_ptr();
            self.length += 1;
        }
    }
}

/// execve(2); returns only `-errno`.
pub fn program(path: &CStr, arguments: &List, environment: &List) -> isize {
    let (arguments, environment) = (arguments.entries.as_ptr() as usize, environment.entries.as_ptr() as usize);
    sys::call3(EXECVE, path.as_ptr() as usize, arguments, environment)
}

/// execveat(2) of an open file; returns only `-errno`.
pub fn descriptor(file: usize, arguments: &List, environment: &List) -> isize {
    let (arguments, environment) = (arguments.entries.as_ptr() as usize, environment.entries.as_ptr() as usize);
    sys::call(EXECVEAT, [file, c"".as_ptr() as usize, arguments, environment, AT_EMPTY_PATH, 0])
}

/// memfd_create(2), close-on-exec.
pub fn memfd(name: &CStr) -> isize {
    const MEMFD_CREATE: usize = 319;
    sys::call2(MEMFD_CREATE, name.as_ptr() as usize, 1)
}

/// Executes a copy of ourselves that lies in memory only, under our own file name; returns only `-errno`.
pub fn from_memory(start: &Start, technique: &CStr) -> isize {
    let path = start.argument(0).unwrap_or(c"");
    let copy = memfd(file_name(path));
    let own = sys::open(c"/proc/self/exe");
    for result in [copy, own] {
        if sys::is_error(result) {
            return result;
        }
    }
    let mut chunk = [0u8; 4096];
    loop {
        match sys::read(own as i32, &mut chunk) {
            0 => break,
            count if count < 0 => return count,
            count => {
                let written = sys::write(copy as i32, &chunk[..count as usize]);
                if written != count {
                    return if written < 0 { written } else { -28 };
                }
            }
        }
    }
    descriptor(copy as usize, &List::of(&[path, technique]), &List::environment(start))
}

/// Starts the program that the further arguments name, waits for it, and reports that it ran.
pub fn wait_for_program(start: &Start, reporter: &Reporter) -> i32 {
    let mut arguments = List::of(&[]);
    let mut index = 2;
    while let Some(argument) = start.argument(index) {
        arguments.push(argument);
        index += 1;
    }
    let path = start.argument(2).unwrap_or(c"");
    let status = thread::in_child(|| {
        program(path, &arguments, &List::environment(start));
        127
    });
    match status {
        0 => {
            reporter.ran(false, false);
            0
        }
        error if error < 0 => {
            reporter.refused("start a child", error);
            69
        }
        _ => {
            const ENOEXEC: isize = -8;
            reporter.refused("run the program to its end", ENOEXEC);
            69
        }
    }
}

/// What follows the last slash.
fn file_name(path: &CStr) -> &CStr {
    let bytes = path.to_bytes_with_nul();
    let start = bytes.iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
    CStr::from_bytes_with_nul(&bytes[start..]).unwrap_or(c"memory")
}
