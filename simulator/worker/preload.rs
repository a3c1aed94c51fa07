//! Targets of preload acts: they do nothing but say whether the object is mapped into them.

use crate::maps;
use crate::report::Reporter;
use crate::sys::{self, Start};

/// Plays the part of this name. Status as of the worker.
pub fn run(technique: &[u8], start: &Start, reporter: Reporter) -> i32 {
    match technique {
        b"exec.plain" | b"preload.env" | b"preload.library-path" => target(start, reporter),
        _ => 64,
    }
}

/// Reports and ends.
fn target(start: &Start, reporter: Reporter) -> i32 {
    reporter.ran(false, object_is_mapped(start));
    0
}

/// Looks for the file that `FIRSTSEEN_OBJECT` names in the process's own map: proof beside what the object itself says.
fn object_is_mapped(start: &Start) -> bool {
    let mut index = 0;
    while let Some(variable) = start.variable(index) {
        if let Some(path) = sys::value_of(variable.to_bytes(), b"FIRSTSEEN_OBJECT") {
            return maps::has_file(path);
        }
        index += 1;
    }
    false
}
