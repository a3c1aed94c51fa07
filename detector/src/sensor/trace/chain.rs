//! The files that the kernel looks up for one execve: the program, the interpreters of scripts, the loader. They become the
//! `PATH` records of the event.
//!
//! The chain is walked before the call goes on, through `/proc/TID/root`, `cwd` and `fd`, so that a program in another root
//! or mount namespace names the files that it means. Handlers of binfmt_misc are not known here.

use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::capabilities::FileCapabilities;
use super::event::{Inode, PathItem};

/// Interpreters of interpreters: the kernel allows so many (`exec_binprm`, fs/exec.c).
const MOST_SCRIPTS: usize = 5;
/// The kernel looks at so much of a file (`BINPRM_BUF_SIZE`).
const HEAD: usize = 256;
const PT_INTERP: u32 = 3;

/// Files of an execve of `name`, relative to the directory `base` (a descriptor of the thread; its working directory
/// otherwise). An empty name is the descriptor itself.
pub(super) fn walk(tid: i32, base: Option<i32>, name: &[u8]) -> Vec<PathItem> {
    let mut place = place(tid, base, name);
    let mut items = vec![PathItem { name: name.to_vec(), inode: inode(&place) }];
    for _ in 0..MOST_SCRIPTS {
        if !items.last().is_some_and(|item| item.inode.is_some_and(executable)) {
            break;
        }
        let Some((next, last)) = successor(&place) else { break };
        place = self::place(tid, None, &next);
        items.push(PathItem { name: next, inode: inode(&place) });
        if last {
            break;
        }
    }
    items
}

/// Where this process finds the file that the thread means.
fn place(tid: i32, base: Option<i32>, name: &[u8]) -> PathBuf {
    let text = std::ffi::OsStr::from_bytes(name);
    let proc = PathBuf::from(format!("/proc/{tid}"));
    match (name, base) {
        ([b'/', relative @ ..], _) => {
            let seen = proc.join("root").join(std::ffi::OsStr::from_bytes(relative));
            if seen.symlink_metadata().is_ok() { seen } else { PathBuf::from(text) }
        }
        ([], Some(descriptor)) => proc.join(format!("fd/{descriptor}")),
        (_, Some(descriptor)) => proc.join(format!("fd/{descriptor}")).join(text),
        (_, None) => proc.join("cwd").join(text),
    }
}

fn inode(place: &Path) -> Option<Inode> {
    let metadata = std::fs::metadata(place).ok()?;
    let device = |number| (libc::major(number), libc::minor(number));
    Some(Inode {
        number: metadata.ino(),
        device: device(metadata.dev()),
        mode: metadata.mode(),
        owner: (metadata.uid(), metadata.gid()),
        special: device(metadata.rdev()),
        capabilities: FileCapabilities::of(place),
    })
}

fn executable(inode: Inode) -> bool {
    inode.mode & libc::S_IFMT == libc::S_IFREG && inode.mode & 0o111 != 0
}

/// The file that is needed to run this one, and whether the chain ends there.
fn successor(place: &Path) -> Option<(Vec<u8>, bool)> {
    let mut file = File::open(place).ok()?;
    let mut head = Vec::with_capacity(HEAD);
    file.by_ref().take(HEAD as u64).read_to_end(&mut head).ok()?;
    match head.as_slice() {
        [b'#', b'!', line @ ..] => script_interpreter(line).map(|interpreter| (interpreter, false)),
        [0x7f, b'E', b'L', b'F', ..] => elf_interpreter(&file, &head).map(|loader| (loader, true)),
        _ => None,
    }
}

/// The first word behind `#!`.
fn script_interpreter(line: &[u8]) -> Option<Vec<u8>> {
    let line = line.split(|byte| *byte == b'\n').next()?.trim_ascii();
    let word = line.split(|byte| matches!(byte, b' ' | b'\t' | 0)).next()?;
    (!word.is_empty()).then(|| word.to_vec())
}

/// `PT_INTERP` of a little-endian ELF file of either width.
fn elf_interpreter(file: &File, head: &[u8]) -> Option<Vec<u8>> {
    let wide = *head.get(4)? == 2;
    let number = |bytes: &[u8], at: usize, length: usize| {
        let mut number = [0; 8];
        number[..length].copy_from_slice(bytes.get(at..at + length)?);
        Some(u64::from_le_bytes(number))
    };
    let word = if wide { 8 } else { 4 };
    // e_phoff, e_phentsize and e_phnum; p_offset and p_filesz: elf(5).
    let (table, size_at, offset_at, length_at) = if wide { (32, 54, 8, 32) } else { (28, 42, 4, 16) };
    let table = number(head, table, word)?;
    let (size, count) = (number(head, size_at, 2)? as usize, number(head, size_at + 2, 2)? as usize);
    let mut headers = vec![0; size * count];
    file.read_exact_at(&mut headers, table).ok()?;
    let header = headers.chunks_exact(size.max(1)).find(|header| number(header, 0, 4) == Some(PT_INTERP.into()))?;
    let mut name = vec![0; (number(header, length_at, word)? as usize).min(libc::PATH_MAX as usize)];
    file.read_exact_at(&mut name, number(header, offset_at, word)?).ok()?;
    name.truncate(memchr::memchr(0, &name).unwrap_or(name.len()));
    Some(name)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn names(name: &str) -> Vec<(String, bool)> {
        let tid = std::process::id() as i32;
        let items = walk(tid, None, name.as_bytes());
        items.into_iter().map(|item| (String::from_utf8(item.name).expect("text"), item.inode.is_some())).collect()
    }

    fn script(folder: &tempfile::TempDir, name: &str, text: &str, mode: u32) -> String {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("writable");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("own file");
        path.to_str().expect("text").to_owned()
    }

    #[test]
    fn scripts_lead_to_their_interpreters_and_to_the_loader() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let inner = script(&folder, "inner", "#! /bin/sh -e\nexit\n", 0o755);
        let outer = script(&folder, "outer", &format!("#!{inner}\n"), 0o755);
        let chain = names(&outer);
        assert_eq!(chain[..3], [(outer, true), (inner, true), ("/bin/sh".to_owned(), true)]);
        assert!(chain.len() == 3 || chain[3].0.contains("ld-"), "{chain:?}");
    }

    #[test]
    fn the_chain_ends_where_the_kernel_stops() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let plain = script(&folder, "plain", "#!/bin/sh\n", 0o644);
        assert_eq!(names(&plain), [(plain.clone(), true)]);
        let lost = script(&folder, "lost", "#!/nowhere/at/all\n", 0o755);
        assert_eq!(names(&lost), [(lost.clone(), true), ("/nowhere/at/all".to_owned(), false)]);
        let text = script(&folder, "text", "hello", 0o755);
        assert_eq!(names(&text), [(text.clone(), true)]);
        let directory = folder.path().to_str().expect("text").to_owned();
        assert_eq!(names(&directory), [(directory.clone(), true)]);
        assert_eq!(names("/nowhere"), [("/nowhere".to_owned(), false)]);
    }

    #[test]
    fn a_loop_of_scripts_ends() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("self");
        let own = script(&folder, "self", &format!("#!{}\n", path.display()), 0o755);
        assert_eq!(names(&own).len(), MOST_SCRIPTS + 1);
    }

    #[test]
    fn a_cut_elf_file_has_no_loader() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let cut = script(&folder, "cut", "\u{7f}ELF\u{2}", 0o755);
        assert_eq!(names(&cut).len(), 1);
    }
}
