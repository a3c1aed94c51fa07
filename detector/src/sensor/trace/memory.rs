//! Memory of a stopped tracee, and the stack as execve lays it out: arguments, environment and auxiliary vector.

use std::io::{self, IoSliceMut};

use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::unistd::Pid;

use crate::sys::ptrace;

/// Longest string that execve passes (`MAX_ARG_STRLEN`).
const LONGEST_STRING: usize = 32 * 4096;
/// Longest path (`PATH_MAX`).
const LONGEST_PATH: usize = 4096;
/// More arguments and variables do not fit onto a stack of 8 MiB, a quarter of which execve lets them have.
const MOST_STRINGS: usize = 1 << 18;
const PAGE: u64 = 4096;

/// Width of a pointer in a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Width {
    /// 32 bits.
    Four,
    /// 64 bits.
    Eight,
}

impl Width {
    /// Of the programs of an `AUDIT_ARCH_*`: bit 31 says 64 bits.
    pub(super) fn of_arch(arch: u32) -> Width {
        if arch & 0x8000_0000 == 0 { Width::Four } else { Width::Eight }
    }

    fn bytes(self) -> usize {
        match self {
            Width::Four => 4,
            Width::Eight => 8,
        }
    }

    fn word(self, bytes: &[u8]) -> u64 {
        let mut word = [0; 8];
        word[..self.bytes()].copy_from_slice(&bytes[..self.bytes()]);
        u64::from_le_bytes(word)
    }
}

/// What execve put onto the new stack.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct NewStack {
    /// Arguments.
    pub(super) argv: Vec<Vec<u8>>,
    /// Environment.
    pub(super) env: Vec<Vec<u8>>,
    /// `AT_EXECFN`: the file as it was named.
    pub(super) file: Option<Vec<u8>>,
    /// `AT_UID`, `AT_EUID`, `AT_GID`, `AT_EGID`.
    pub(super) ids: [Option<u32>; 4],
}

/// Reads the stack of a program that has not run yet. `stack` is its stack pointer.
pub(super) fn new_stack(pid: i32, stack: u64, width: Width) -> io::Result<NewStack> {
    let mut words = Words { pid, width, next: stack, ready: Vec::new(), at: 0 };
    words.next()?; // argc
    let argv = words.strings()?;
    let env = words.strings()?;
    let mut new = NewStack { argv, env, ..NewStack::default() };
    for _ in 0..64 {
        let (kind, value) = (words.next()?, words.next()?);
        match kind {
            0 => break,
            11..=14 => new.ids[kind as usize - 11] = Some(value as u32),
            31 => new.file = string(pid, value, LONGEST_PATH).ok(),
            _ => {}
        }
    }
    Ok(new)
}

/// A path that a system call was given.
pub(super) fn path(pid: i32, address: u64) -> io::Result<Vec<u8>> {
    string(pid, address, LONGEST_PATH)
}

/// Some words.
pub(super) fn words_u32<const N: usize>(pid: i32, address: u64) -> io::Result<[u32; N]> {
    let mut bytes = vec![0; N * 4];
    read_exact(pid, address, &mut bytes)?;
    Ok(std::array::from_fn(|index| Width::Four.word(&bytes[index * 4..]) as u32))
}

/// Words of the stack, upwards.
struct Words {
    pid: i32,
    width: Width,
    next: u64,
    ready: Vec<u8>,
    at: usize,
}

impl Words {
    fn next(&mut self) -> io::Result<u64> {
        if self.at == self.ready.len() {
            // Up to the end of a page: the next one may not be there. The stack is aligned, so no word is cut.
            self.ready.resize((PAGE - self.next % PAGE) as usize, 0);
            read_exact(self.pid, self.next, &mut self.ready)?;
            self.next += self.ready.len() as u64;
            self.at = 0;
        }
        let word = self.ready.get(self.at..self.at + self.width.bytes()).map(|bytes| self.width.word(bytes));
        self.at += self.width.bytes();
        word.ok_or_else(|| io::Error::other("the stack pointer is not aligned"))
    }

    /// The strings of an array that ends in a null.
    fn strings(&mut self) -> io::Result<Vec<Vec<u8>>> {
        let mut strings = Vec::new();
        while strings.len() < MOST_STRINGS {
            match self.next()? {
                0 => return Ok(strings),
                address => strings.push(string(self.pid, address, LONGEST_STRING)?),
            }
        }
        Err(io::Error::other("the array of arguments has no end"))
    }
}

/// A string without its end; cut at `longest`.
fn string(pid: i32, address: u64, longest: usize) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let mut next = address;
    while text.len() < longest {
        let start = text.len();
        // The first pieces are small, because most strings are; none crosses a page.
        let length = (PAGE - next % PAGE).min(if start == 0 { 256 } else { PAGE });
        text.resize(start + length as usize, 0);
        read_exact(pid, next, &mut text[start..])?;
        next += length;
        if let Some(end) = memchr::memchr(0, &text[start..]) {
            text.truncate(start + end);
            return Ok(text);
        }
    }
    text.truncate(longest);
    Ok(text)
}

/// process_vm_readv(2), and word by word with ptrace(2) where a filter refuses that.
fn read_exact(pid: i32, address: u64, buffer: &mut [u8]) -> io::Result<()> {
    let length = buffer.len();
    let remote = [RemoteIoVec { base: address as usize, len: length }];
    match process_vm_readv(Pid::from_raw(pid), &mut [IoSliceMut::new(buffer)], &remote) {
        Ok(count) if count == length => return Ok(()),
        Ok(_) | Err(nix::errno::Errno::EFAULT) => return Err(io::Error::from_raw_os_error(libc::EFAULT)),
        Err(_) => {}
    }
    for (index, chunk) in buffer.chunks_mut(8).enumerate() {
        let word = ptrace::peek_word(pid, address + index as u64 * 8)?;
        chunk.copy_from_slice(&word[..chunk.len()]);
    }
    Ok(())
}
