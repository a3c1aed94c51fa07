//! What belongs to an event beyond the call and its process, as far as it is known before the call runs.

use super::event::Detail;
use super::{chain, memory, process};
use crate::audit::Abi;

/// What has to be known of a call before it runs: an execve replaces the memory with the names in it.
pub(super) fn of_call(tid: i32, abi: Abi, name: &str, arguments: &[u64; 6]) -> Detail {
    let exec = |base: Option<i32>, address: u64, empty: bool| {
        let name = memory::path(tid, address).ok().filter(|name| empty || !name.is_empty());
        let paths = name.map_or_else(Vec::new, |name| chain::walk(tid, base, &name));
        let before = process::status(tid).ok().map(|status| status.credentials());
        Detail::Exec { started: None, paths, before }
    };
    let map = |flags: u64, descriptor: u64| match flags as i32 & libc::MAP_ANONYMOUS {
        0 => Detail::Map { descriptor: descriptor as i32, flags: flags as u32 },
        _ => Detail::None,
    };
    match (name, abi) {
        ("execve", _) => exec(None, arguments[0], false),
        ("execveat", _) => {
            let base = Some(arguments[0] as i32).filter(|base| *base != libc::AT_FDCWD);
            exec(base, arguments[1], arguments[4] as i32 & libc::AT_EMPTY_PATH != 0)
        }
        // The old call of i386 has its arguments in memory.
        ("mmap", Abi::I386) => match memory::words_u32::<6>(tid, arguments[0]) {
            Ok(words) => map(words[3].into(), words[4].into()),
            Err(_) => Detail::None,
        },
        ("mmap" | "mmap2", _) => map(arguments[3], arguments[4]),
        _ => Detail::None,
    }
}
