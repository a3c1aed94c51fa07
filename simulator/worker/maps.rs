//! What the kernel says about our own memory: `/proc/self/maps`, proc(5), read as a stream.

use crate::sys;

/// `rwxp` and the like.
pub type Permissions = [u8; 4];

/// 0 if the file can be read, or else `-errno`.
pub fn readable() -> isize {
    let descriptor = sys::open(c"/proc/self/maps");
    sys::close(descriptor as i32);
    descriptor.min(0)
}

/// Permissions of the page at `address`; none if nothing is mapped there or the file cannot be read.
pub fn permissions(address: usize) -> Option<Permissions> {
    let mut found = None;
    each_line(|line| {
        if let Some((start, end, permissions)) = parse(line)
            && (start..end).contains(&address)
        {
            found = Some(permissions);
        }
    });
    found
}

/// Permissions of the mapping with this name, `[stack]` for example.
pub fn permissions_of(name: &[u8]) -> Option<(usize, Permissions)> {
    let mut found = None;
    each_line(|line| {
        if line.ends_with(name)
            && let Some((start, _, permissions)) = parse(line)
        {
            found = Some((start, permissions));
        }
    });
    found
}

/// Whether a file of this path is mapped. The path is looked for at the end of a line, where the kernel writes it.
pub fn has_file(path: &[u8]) -> bool {
    let mut found = false;
    each_line(|line| found |= line.ends_with(path));
    found
}

/// Calls back for each line without its line feed. Lines longer than any that we look for are cut.
fn each_line(mut callback: impl FnMut(&[u8])) {
    let descriptor = sys::open(c"/proc/self/maps");
    if descriptor < 0 {
        return;
    }
    let (mut line, mut length) = ([0u8; 4352], 0);
    let mut chunk = [0u8; 4096];
    loop {
        let count = sys::read(descriptor as i32, &mut chunk);
        if count <= 0 {
            break;
        }
        for &byte in &chunk[..count as usize] {
            if byte == b'\n' {
                callback(&line[..length]);
                length = 0;
            } else if length < line.len() {
                line[length] = byte;
                length += 1;
            }
        }
    }
    sys::close(descriptor as i32);
}

/// `7f12-7f13 rwxp ...` as start, end, permissions.
fn parse(line: &[u8]) -> Option<(usize, usize, Permissions)> {
    let dash = line.iter().position(|&byte| byte == b'-')?;
    let space = line.iter().position(|&byte| byte == b' ')?;
    let permissions = line.get(space + 1..space + 5)?;
    Some((hex(&line[..dash])?, hex(line.get(dash + 1..space)?)?, permissions.try_into().ok()?))
}

fn hex(text: &[u8]) -> Option<usize> {
    let mut value = 0usize;
    for &digit in text {
        value = value.checked_mul(16)?.checked_add((digit as char).to_digit(16)? as usize)?;
    }
    Some(value)
}
