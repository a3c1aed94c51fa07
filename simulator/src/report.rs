//! What a worker said about its act: one JSON object a line, read from its pipe after it ended.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Everything that the processes of one act said, in the order in which they said it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Calls that change memory.
    pub memory: Vec<MemoryCall>,
    /// Processes into which the preload object was loaded.
    pub objects: Vec<ObjectLoaded>,
    /// Targets that ran.
    pub ran: Vec<TargetRan>,
    /// Steps that the system refused.
    pub refused: Vec<Refused>,
    /// Lines that could not be understood, kept as they were.
    pub unknown: Vec<String>,
    /// What the act's programs wrote to their standard output and error, a warning of the dynamic loader for example.
    pub complaints: String,
}

/// A call that changes memory.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct MemoryCall {
    /// Process.
    pub pid: i32,
    /// Thread.
    pub tid: i32,
    /// Name of the thread, what the kernel's audit calls `comm`. Bytes above ASCII stand for themselves as code points.
    pub thread: String,
    /// Name of the system call.
    pub call: String,
    /// Through which ABI it was made: `x86_64`, `i386` or `x32`.
    pub abi: String,
    /// Its number, in the ABI that was used.
    pub number: u64,
    /// First address.
    pub address: u64,
    /// Bytes.
    pub length: u64,
    /// Protection bits as they were asked for.
    pub protection: u64,
    /// The raw result: a failure is `-errno`.
    pub result: i64,
    /// Permissions before the call, as in `/proc/self/maps`; none if nothing was mapped there.
    pub before: Option<String>,
    /// Permissions after the call.
    pub after: Option<String>,
}

/// The preload object was loaded.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct ObjectLoaded {
    /// Into this process.
    pub pid: i32,
}

/// A target ran to its end.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct TargetRan {
    /// Process.
    pub pid: i32,
    /// Whether the kernel started it in secure-execution mode, getauxval(3) `AT_SECURE`.
    pub secure: bool,
    /// Whether the preload object was found in the process's own memory map.
    pub object: bool,
    /// How many mappings of the process are writable and executable, where that was looked at.
    #[serde(default)]
    pub rwx_mappings: Option<u32>,
}

/// The system refused a step.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct Refused {
    /// To this process.
    pub pid: i32,
    /// What was tried.
    pub step: String,
    /// Error number.
    pub errno: i32,
}

impl Report {
    /// Reads what came through the pipe. Lines that are not of the protocol are kept in [`Report::unknown`].
    pub(crate) fn parse(lines: &[u8], complaints: &[u8]) -> Report {
        let mut report = Report { complaints: String::from_utf8_lossy(complaints).into_owned(), ..Report::default() };
        for line in lines.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            match serde_json::from_slice(line) {
                Ok(Line::Memory(call)) => report.memory.push(call),
                Ok(Line::Object(object)) => report.objects.push(object),
                Ok(Line::Ran(ran)) => report.ran.push(ran),
                Ok(Line::Refused(refused)) => report.refused.push(refused),
                Err(_) => report.unknown.push(String::from_utf8_lossy(line).into_owned()),
            }
        }
        report
    }
}

#[derive(Deserialize)]
#[serde(tag = "say", rename_all = "lowercase")]
enum Line {
    Memory(MemoryCall),
    Object(ObjectLoaded),
    Ran(TargetRan),
    Refused(Refused),
}

impl fmt::Display for MemoryCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let MemoryCall { call, abi, address, length, protection, result, .. } = self;
        let shown = |permissions: &Option<String>| permissions.clone().unwrap_or_else(|| "unmapped".into());
        let (before, after) = (shown(&self.before), shown(&self.after));
        write!(f, "{abi} {call}({address:#x}, {length}, {protection:#x}) = {result}, {before} -> {after}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_sorted_by_what_they_say_and_strange_ones_are_kept() {
        let lines =
            b"{\"say\":\"object\",\"pid\":7}\ngarbage\n{\"say\":\"ran\",\"pid\":7,\"secure\":false,\"object\":true}\n";
        let report = Report::parse(lines, b"warning");
        assert_eq!(report.objects, [ObjectLoaded { pid: 7 }]);
        assert_eq!(report.ran, [TargetRan { pid: 7, secure: false, object: true, rwx_mappings: None }]);
        assert_eq!(report.unknown, ["garbage"]);
        assert_eq!(report.complaints, "warning");
    }
}
