//! The four memory functions that compiled code may call, for the form of the worker that has no C library.
//!
//! The crate is `no_builtins`, so these loops are not turned back into calls of themselves.

#![expect(unsafe_code, reason = "these functions are C's")]

#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, count: usize) -> *mut u8 {
    let mut at = 0;
    while at < count {
        // SAFETY: the caller gives two valid areas of `count` bytes, as C's memcpy asks.
        unsafe { *to.add(at) = *from.add(at) };
        at += 1;
    }
    to
}

#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, count: usize) -> *mut u8 {
    let forward = (to as usize) < (from as usize);
    let mut done = 0;
    while done < count {
        let at = if forward { done } else { count - 1 - done };
        // SAFETY: as for memcpy; the direction keeps what is still to be read.
        unsafe { *to.add(at) = *from.add(at) };
        done += 1;
    }
    to
}

#[unsafe(no_mangle)]
unsafe extern "C" fn memset(to: *mut u8, byte: i32, count: usize) -> *mut u8 {
    let mut at = 0;
    while at < count {
        // SAFETY: the caller gives a valid area of `count` bytes, as C's memset asks.
        unsafe { *to.add(at) = byte as u8 };
        at += 1;
    }
    to
}

#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(left: *const u8, right: *const u8, count: usize) -> i32 {
    let mut at = 0;
    while at < count {
        // SAFETY: the caller gives two valid areas of `count` bytes, as C's memcmp asks.
        let (a, b) = unsafe { (*left.add(at), *right.add(at)) };
        if a != b {
            return i32::from(a) - i32::from(b);
        }
        at += 1;
    }
    0
}

#[unsafe(no_mangle)]
unsafe extern "C" fn bcmp(left: *const u8, right: *const u8, count: usize) -> i32 {
    // SAFETY: same contract.
    unsafe { memcmp(left, right, count) }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn strlen(text: *const u8) -> usize {
    let mut length = 0;
    // SAFETY: the caller gives a string that ends with a zero byte, as C's strlen asks.
    while unsafe { *text.add(length) } != 0 {
        length += 1;
    }
    length
}
