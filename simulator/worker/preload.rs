//! Targets of preload acts: they say whether the object is mapped into them. Some first arrange how they are started.

use core::ffi::CStr;

use crate::exec::{self, List};
use crate::maps;
use crate::report::Reporter;
use crate::sys::{self, Start};
use crate::thread;

/// What a target is called when it was started by another image of the worker.
const TARGET: &CStr = c"preload.target";

/// Plays the part of this name. Status as of the worker. Every name that needs no part of its own is a plain target.
pub fn run(technique: &[u8], start: &Start, reporter: Reporter) -> i32 {
    match technique {
        b"preload.re-exec" => again_with_variable(start, &reporter),
        b"preload.inherited" => child_inherits(start, &reporter),
        b"preload.edited-later" => edit_environment(start, &reporter),
        b"preload.set-uid" => again_set_uid(start, &reporter),
        b"preload.ld-so-preload" => again_with_private_etc(start, &reporter),
        _ => target(start, &reporter),
    }
}

/// Reports and ends.
fn target(start: &Start, reporter: &Reporter) -> i32 {
    reporter.ran(is_secure(), object_is_mapped(start));
    0
}

/// AT_SECURE of the auxiliary vector, getauxval(3). Asked of the kernel, because in exactly this case the loader takes
/// variables away and leaves the vector on the stack at another distance from the environment.
fn is_secure() -> bool {
    const AT_SECURE: usize = 23;
    let mut vector = [0u8; 1024];
    let file = sys::open(c"/proc/self/auxv") as i32;
    let count = sys::read(file, &mut vector).max(0) as usize;
    sys::close(file);
    let (words, _) = vector[..count].as_chunks::<8>();
    let (entries, _) = words.as_chunks::<2>();
    entries.iter().any(|[key, value]| usize::from_ne_bytes(*key) == AT_SECURE && usize::from_ne_bytes(*value) == 1)
}

/// setenv and exec of oneself. Argument: the whole variable.
fn again_with_variable(start: &Start, reporter: &Reporter) -> i32 {
    let mut environment = List::environment(start);
    environment.push(start.argument(2).unwrap_or(c""));
    let own = own_path(start);
    refused(reporter, "execute itself again", exec::program(own, &List::of(&[own, TARGET]), &environment))
}

/// A child that executes itself again with the environment that it got, and then the parent as a target too.
fn child_inherits(start: &Start, reporter: &Reporter) -> i32 {
    let own = own_path(start);
    let status = thread::in_child(|| {
        exec::program(own, &List::of(&[own, TARGET]), &List::environment(start));
        127
    });
    if status != 0 {
        return refused(reporter, "start a child", if status < 0 { status } else { -8 });
    }
    target(start, reporter)
}

/// Makes `XX_PRELOAD=...` of its own environment `LD_PRELOAD=...`, long after the loader looked.
fn edit_environment(start: &Start, reporter: &Reporter) -> i32 {
    let mut index = 0;
    while let Some(variable) = start.variable(index) {
        if sys::value_of(variable.to_bytes(), b"XX_PRELOAD").is_some() {
            start.overwrite(index, b"LD");
            return target(start, reporter);
        }
        index += 1;
    }
    const ENOENT: isize = -2;
    refused(reporter, "find the variable to edit", ENOENT)
}

/// Becomes another user, then executes its own set-uid file. Argument: the whole variable.
///
/// The file is executed through a descriptor, because the directory is closed to that other user.
fn again_set_uid(start: &Start, reporter: &Reporter) -> i32 {
    const SETRESUID: usize = 117;
    const SETRESGID: usize = 119;
    const SETGROUPS: usize = 116;
    const OTHER: usize = 65534;
    let own = own_path(start);
    let file = sys::open(own);
    let steps = [
        file,
        sys::call2(SETGROUPS, 0, 0),
        sys::call3(SETRESGID, OTHER, OTHER, OTHER),
        sys::call3(SETRESUID, OTHER, OTHER, OTHER),
    ];
    if let Some(&error) = steps.iter().find(|&&result| sys::is_error(result)) {
        return refused(reporter, "become another user", error);
    }
    let mut environment = List::environment(start);
    environment.push(start.argument(2).unwrap_or(c""));
    let result = exec::descriptor(file as usize, &List::of(&[own, TARGET]), &environment);
    refused(reporter, "execute a set-uid file", result)
}

/// Puts a directory of its own over /etc, in a mount namespace that nobody else sees. Argument: the directory.
fn again_with_private_etc(start: &Start, reporter: &Reporter) -> i32 {
    let private = private_mount(start.argument(2).unwrap_or(c""), c"/etc");
    if private < 0 {
        return refused(reporter, "a mount namespace of one's own", private);
    }
    let own = own_path(start);
    let result = exec::program(own, &List::of(&[own, TARGET]), &List::environment(start));
    refused(reporter, "execute itself again", result)
}

/// Shows `from` at `to` in a new mount namespace, within a new user namespace if there is no other way.
pub fn private_mount(from: &CStr, to: &CStr) -> isize {
    const UNSHARE: usize = 272;
    const MOUNT: usize = 165;
    const NEW_MOUNTS: usize = 0x2_0000;
    const NEW_USERS: usize = 0x1000_0000;
    const MS_BIND: usize = 0x1000;
    const MS_REC: usize = 0x4000;
    const MS_PRIVATE: usize = 0x4_0000;
    let mut result = sys::call1(UNSHARE, NEW_MOUNTS);
    if sys::is_error(result) {
        result = sys::call1(UNSHARE, NEW_MOUNTS | NEW_USERS);
    }
    if sys::is_error(result) {
        return result;
    }
    let mount = |from: &CStr, to: &CStr, flags| {
        sys::call(MOUNT, [from.as_ptr() as usize, to.as_ptr() as usize, 0, flags, 0, 0])
    };
    // First nothing that happens here may reach the namespace that we come from.
    match mount(c"none", c"/", MS_REC | MS_PRIVATE) {
        error if sys::is_error(error) => error,
        _ => mount(from, to, MS_BIND),
    }
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

fn own_path(start: &Start) -> &'static CStr {
    start.argument(0).unwrap_or(c"")
}

fn refused(reporter: &Reporter, step: &str, result: isize) -> i32 {
    reporter.refused(step, result);
    69
}
