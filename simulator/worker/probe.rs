//! Answers whether the kernel and the sandbox around us allow something, by trying it: the status is 0 or the error number.

use crate::preload;
use crate::rwx;
use crate::sys::{self, Start};

/// Tries the feature that the second argument names; without one it only proves that this program starts.
pub fn run(start: &Start) -> i32 {
    const I386_GETPID: u32 = 20;
    let own = start.argument(0).unwrap_or(c"");
    let result = match start.argument(2).map(|word| word.to_bytes()) {
        Some(b"int80") => sys::call_int80(I386_GETPID, 0, 0, 0) as isize,
        // Our own file, because a directory may have mounts below it, which only their owner may uncover.
        Some(b"mount-namespace") => preload::private_mount(own, own),
        Some(b"read-implies-exec") => rwx::read_implies_exec(),
        _ => 0,
    };
    if sys::is_error(result) { -result as i32 } else { 0 }
}
