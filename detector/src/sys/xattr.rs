//! getxattr(2): extended attributes have no safe wrapper in the standard library.

use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// The value of an attribute of the file that `path` leads to; longer than `N` bytes is an error.
pub(crate) fn read<const N: usize>(path: &Path, name: &std::ffi::CStr) -> io::Result<Vec<u8>> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let mut value = vec![0; N];
    // SAFETY: two C strings and a buffer of N bytes, all of which outlive the call.
    match unsafe { libc::getxattr(path.as_ptr(), name.as_ptr(), value.as_mut_ptr().cast(), N) } {
        -1 => Err(io::Error::last_os_error()),
        length => {
            value.truncate(length as usize);
            Ok(value)
        }
    }
}
