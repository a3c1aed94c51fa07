//! [`Image`]: what is known of a running program, and [`executed`], which reads it at the moment of its start.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use super::event::{ProcessFacts, UNSET};
use super::memory::{self, NewStack, Width};
use super::process;
use crate::exec::{ExecEvent, Ids};
use crate::sensor::Loss;
use crate::sys::ptrace;
use crate::time::Millis;

/// A running program. Kept for each process, so that something is known of it also where /proc is hidden.
#[derive(Clone, Debug, Default)]
pub(super) struct Image {
    /// Its file.
    pub(super) executable: PathBuf,
    /// Its arguments.
    pub(super) argv: Vec<Vec<u8>>,
    /// Where it works.
    pub(super) cwd: PathBuf,
    /// Who it is.
    pub(super) ids: Ids,
    /// The process that started it.
    pub(super) ppid: i32,
}

impl Image {
    /// What a record can say when /proc says nothing.
    pub(super) fn facts(&self, pid: i32) -> ProcessFacts {
        let Ids { uid, euid, gid, egid } = self.ids;
        let mut comm = self.executable.file_name().unwrap_or_default().as_bytes().to_vec();
        comm.truncate(15);
        ProcessFacts {
            pid: pid as u32,
            ppid: self.ppid as u32,
            auid: UNSET,
            session: UNSET,
            users: [uid, euid, euid, euid],
            groups: [gid, egid, egid, egid],
            comm,
            exe: Some(self.executable.clone().into_os_string().into_vec()),
            ..ProcessFacts::default()
        }
    }
}

/// Reads a program that has just been executed and has not run yet: from /proc, and what that hides from the stack.
/// `before` is what the process was.
pub(super) fn executed(pid: i32, time: Millis, before: &Image) -> (ExecEvent, Image, Option<Loss>) {
    let mut stack = Stack { pid, read: None };
    let mut hidden = Vec::new();
    let argv =
        process::argv(pid).unwrap_or_else(|_| strings(stack.get().map(|stack| &stack.argv), "argv", &mut hidden));
    let env =
        process::environment(pid).unwrap_or_else(|_| strings(stack.get().map(|stack| &stack.env), "env", &mut hidden));
    let cwd = process::cwd(pid).unwrap_or_else(|_| {
        hidden.push("working directory");
        before.cwd.clone()
    });
    let executable = process::executable(pid).unwrap_or_else(|_| {
        hidden.push("executable");
        let named = stack.get().and_then(|stack| stack.file.as_deref()).map(|file| cwd.join(OsStr::from_bytes(file)));
        let named = named.unwrap_or_default();
        named.canonicalize().unwrap_or(named)
    });
    let ids = process::status(pid).map(|status| status.ids()).unwrap_or_else(|_| {
        let known = stack.get().map_or([None; 4], |stack| stack.ids);
        let id = |index: usize, before| known[index].unwrap_or(before);
        let Ids { uid, euid, gid, egid } = before.ids;
        Ids { uid: id(0, uid), euid: id(1, euid), gid: id(2, gid), egid: id(3, egid) }
    });
    let stat = process::stat(pid).unwrap_or_else(|_| {
        hidden.push("start time");
        process::Stat { ppid: before.ppid, ..process::Stat::default() }
    });
    let loss = (!hidden.is_empty()).then(|| Loss::Unreadable {
        what: format!("{} of process {pid}, which executed {}", hidden.join(", "), executable.display()),
    });
    let bytes = argv.iter().map(|argument| argument.as_bytes().to_vec()).collect();
    let image = Image { executable: executable.clone(), argv: bytes, cwd: cwd.clone(), ids, ppid: stat.ppid };
    let start_ticks = stat.start_ticks;
    let parent = process::parent(stat.ppid);
    (ExecEvent { time, pid, start_ticks, executable, argv, env, cwd, ids, parent }, image, loss)
}

/// The new stack, read when it is first needed.
struct Stack {
    pid: i32,
    read: Option<Option<NewStack>>,
}

impl Stack {
    fn get(&mut self) -> Option<&NewStack> {
        let pid = self.pid;
        let read = || {
            let info = ptrace::stop_info(pid).ok()?;
            memory::new_stack(pid, info.stack, Width::of_arch(info.arch)).ok()
        };
        self.read.get_or_insert_with(read).as_ref()
    }
}

fn strings(found: Option<&Vec<Vec<u8>>>, what: &'static str, hidden: &mut Vec<&'static str>) -> Vec<OsString> {
    match found {
        Some(found) => found.iter().cloned().map(OsString::from_vec).collect(),
        None => {
            hidden.push(if what == "argv" { "arguments" } else { "environment" });
            Vec::new()
        }
    }
}

/// A program that is about to be started by this process.
pub(super) fn of_launch(program: &Path, cwd: &Path) -> Image {
    let ids = Ids {
        uid: nix::unistd::getuid().as_raw(),
        euid: nix::unistd::geteuid().as_raw(),
        gid: nix::unistd::getgid().as_raw(),
        egid: nix::unistd::getegid().as_raw(),
    };
    let ppid = std::process::id() as i32;
    Image { executable: program.to_owned(), argv: Vec::new(), cwd: cwd.to_owned(), ids, ppid }
}
