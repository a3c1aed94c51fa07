//! What the worker says: one JSON object a line, on the descriptor that `FIRSTSEEN_REPORT_FD` names.
//!
//! A line is written with one call, so lines of several processes on one pipe never mix (pipe(7), PIPE_BUF).

use core::fmt::{self, Write};

use crate::maps::{self, Permissions};
use crate::sys;

const GETPID: usize = 39;

/// Where to report to.
#[derive(Clone, Copy)]
pub struct Reporter {
    descriptor: i32,
    pid: isize,
}

/// One call that changes memory, as it was asked for and answered.
pub struct MemoryCall {
    pub call: &'static str,
    pub abi: &'static str,
    pub number: usize,
    pub address: usize,
    pub length: usize,
    pub protection: usize,
    pub result: isize,
    pub before: Option<Permissions>,
}

impl Reporter {
    /// A reporter for the calling process; says nothing if the environment names no descriptor.
    pub fn new(start: &sys::Start) -> Reporter {
        let mut descriptor = -1;
        let mut index = 0;
        while let Some(variable) = start.variable(index) {
            if let Some(value) = sys::value_of(variable.to_bytes(), b"FIRSTSEEN_REPORT_FD") {
                descriptor = sys::number(value).map_or(-1, |number| number as i32);
            }
            index += 1;
        }
        Reporter { descriptor, pid: sys::call1(GETPID, 0) }
    }

    /// The same for a child process of this one.
    pub fn of_child(&self) -> Reporter {
        Reporter { descriptor: self.descriptor, pid: sys::call1(GETPID, 0) }
    }

    /// Reports a memory call together with the permissions that the page at its address has now.
    pub fn memory(&self, done: &MemoryCall) {
        const GETTID: usize = 186;
        let tid = sys::call1(GETTID, 0);
        let thread = sys::thread_name();
        let MemoryCall { call, abi, number, address, length, protection, result, before } = done;
        let after = maps::permissions(*address);
        self.line(format_args!(
            "{{\"say\":\"memory\",\"pid\":{},\"tid\":{tid},\"thread\":{},\"call\":\"{call}\",\"abi\":\"{abi}\",\"number\":{number},\"address\":{address},\
             \"length\":{length},\"protection\":{protection},\"result\":{result},\"before\":{},\"after\":{}}}\n",
            self.pid,
            Quoted(&thread),
            Permission(before),
            Permission(&after),
        ));
    }

    /// Reports that the system refused a step without which the act makes no sense.
    pub fn refused(&self, step: &str, result: isize) {
        self.line(format_args!(
            "{{\"say\":\"refused\",\"pid\":{},\"step\":\"{step}\",\"errno\":{}}}\n",
            self.pid, -result
        ));
    }

    /// Reports that the target ran, whether it is in secure-execution mode, and whether the object is mapped into it.
    pub fn ran(&self, secure: bool, object: bool) {
        self.line(format_args!("{{\"say\":\"ran\",\"pid\":{},\"secure\":{secure},\"object\":{object}}}\n", self.pid));
    }

    fn line(&self, text: fmt::Arguments<'_>) {
        let mut line = Line { bytes: [0; 512], length: 0 };
        if self.descriptor >= 0 && line.write_fmt(text).is_ok() {
            sys::write(self.descriptor, &line.bytes[..line.length]);
        }
    }
}

struct Permission<'a>(&'a Option<Permissions>);

impl fmt::Display for Permission<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("null"),
            Some(permissions) => Quoted(permissions).fmt(f),
        }
    }
}

/// A JSON string, up to the first zero byte.
struct Quoted<'a>(&'a [u8]);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for &byte in self.0.iter().take_while(|&&byte| byte != 0) {
            match byte {
                b'"' | b'\\' => write!(f, "\\{}", byte as char)?,
                b' '..=b'~' => f.write_char(byte as char)?,
                _ => write!(f, "\\u{byte:04x}")?,
            }
        }
        f.write_char('"')
    }
}

struct Line {
    bytes: [u8; 512],
    length: usize,
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let end = self.length + text.len();
        let target = self.bytes.get_mut(self.length..end).ok_or(fmt::Error)?;
        target.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}
