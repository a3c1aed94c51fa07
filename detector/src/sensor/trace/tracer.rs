//! [`Tracer`]: the loop of waits and stops, from the start of the program to the end of its last descendant.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use super::capabilities::FileCapabilities;
use super::event::{Detail, Outcome, Started, SyscallEvent};
use super::filter::Filter;
use super::image::{Image, executed};
use super::live::Live;
use super::run::Seen;
use super::{detail, process, record};
use crate::audit::{Abi, syscall_name};
use crate::sensor::{Exit, Loss};
use crate::sys::ptrace::{self, Change, Resume, SyscallPoint};
use crate::time::Millis;

/// Follows one launch. Lives on the thread that seized the first process.
pub(super) struct Tracer<'a> {
    /// The first process.
    pub(super) root: i32,
    /// What is recorded, if anything.
    pub(super) filter: Option<&'a Filter>,
    /// Shared with the clock.
    pub(super) live: &'a Live,
    /// Takes what is seen.
    pub(super) sink: &'a mut (dyn FnMut(Seen) + Send),
    /// What is known without asking.
    pub(super) images: HashMap<i32, Image>,
    tasks: HashMap<i32, Task>,
    /// Threads whose first stop was seen before the report of the one that made them.
    early: BTreeSet<i32>,
    /// What was found out so far.
    pub(super) found: Found,
}

/// The result of following.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Every process.
    pub(super) pids: BTreeSet<i32>,
    /// Whether the first process executed the program.
    pub(super) started: bool,
    /// How it ended.
    pub(super) exit: Option<Exit>,
    /// What could not be read.
    pub(super) losses: Vec<Loss>,
}

/// One thread.
#[derive(Debug, Default)]
struct Task {
    /// Its process.
    tgid: i32,
    /// The call that it is in, if that may be recorded.
    call: Option<Call>,
    /// The command line at its first record: the kernel keeps that for the rest of the thread's life.
    title: Option<Vec<u8>>,
}

/// A system call that has begun.
#[derive(Debug)]
struct Call {
    time: Millis,
    abi: Abi,
    number: u32,
    arguments: [u64; 4],
    detail: Detail,
}

impl<'a> Tracer<'a> {
    /// A tracer of `root`, which is seized and has not run yet.
    pub(super) fn new(
        root: i32,
        image: Image,
        filter: Option<&'a Filter>,
        live: &'a Live,
        sink: &'a mut (dyn FnMut(Seen) + Send),
    ) -> Tracer<'a> {
        let tasks = HashMap::from([(root, Task { tgid: root, ..Task::default() })]);
        let found = Found { pids: BTreeSet::from([root]), ..Found::default() };
        Tracer {
            root,
            filter,
            live,
            sink,
            images: HashMap::from([(root, image)]),
            tasks,
            early: BTreeSet::new(),
            found,
        }
    }

    /// Follows until this thread has no tracee any more: then the end of each one was seen.
    pub(super) fn follow(mut self) -> io::Result<Found> {
        while let Some((tid, ended)) = ptrace::peek()? {
            match if ended { self.live.collect_end(tid)? } else { ptrace::collect(tid)? } {
                Some(Change::Stopped { signal, event }) => self.stopped(tid, signal, event)?,
                Some(Change::Exited(status)) => self.ended(tid, Exit::Code(status)),
                Some(Change::Killed(signal)) => self.ended(tid, Exit::Signal(signal)),
                None => {} // it was killed out of its stop: its end comes next
            }
        }
        Ok(self.found)
    }

    fn ended(&mut self, tid: i32, exit: Exit) {
        if let Some(task) = self.tasks.remove(&tid) {
            self.gone(task);
        }
        self.images.remove(&tid);
        if tid == self.root {
            self.found.exit = Some(exit);
        }
    }

    /// A thread that was killed so suddenly that its call could not be recorded.
    fn gone(&mut self, task: Task) {
        if let Some(Call { abi, number, .. }) = task.call {
            let name = syscall_name(abi, number).map_or_else(|| number.to_string(), str::to_owned);
            let what = format!("the end of '{name}' in process {}, which was killed in it", task.tgid);
            self.found.losses.push(Loss::Unreadable { what });
        }
    }

    /// Deals with one stop and lets the thread go on. A thread that was killed meanwhile is no error: its end is reported.
    fn stopped(&mut self, tid: i32, signal: i32, event: i32) -> io::Result<()> {
        if !self.tasks.contains_key(&tid) {
            self.adopt(tid); // its first stop came before its parent's report
        }
        let mut deliver = 0;
        let mut listen = false;
        let handled = match event {
            0 if signal == ptrace::SYSCALL_STOP => self.syscall_ended(tid),
            0 => {
                deliver = signal;
                Ok(())
            }
            ptrace::EVENT_STOP => {
                listen = matches!(signal, libc::SIGSTOP | libc::SIGTSTP | libc::SIGTTIN | libc::SIGTTOU);
                Ok(())
            }
            libc::PTRACE_EVENT_FORK | libc::PTRACE_EVENT_VFORK | libc::PTRACE_EVENT_CLONE => self.forked(tid),
            libc::PTRACE_EVENT_EXEC => self.executed(tid),
            libc::PTRACE_EVENT_SECCOMP => self.syscall_began(tid),
            libc::PTRACE_EVENT_EXIT => {
                self.record(tid, None);
                Ok(())
            }
            _ => Ok(()),
        };
        let how = match self.tasks.get(&tid) {
            _ if listen => Resume::Listen,
            Some(Task { call: Some(_), .. }) => Resume::ToSyscallEnd,
            _ => Resume::Continue,
        };
        handled.and_then(|()| ptrace::resume(tid, how, deliver)).or_else(|error| match error.raw_os_error() {
            Some(libc::ESRCH) => Ok(()),
            _ => Err(error),
        })
    }

    fn forked(&mut self, parent: i32) -> io::Result<()> {
        let tid = ptrace::event_message(parent)?;
        let group = self.tasks.get(&parent).map_or(parent, |task| task.tgid);
        if let Some(image) = self.images.get(&group).cloned() {
            self.images.entry(tid).or_insert(image);
        }
        if !self.early.remove(&tid) {
            self.enter(tid, group);
        }
        Ok(())
    }

    /// A thread whose maker has not reported it yet. It may be gone when that comes, so its process is found out now.
    fn adopt(&mut self, tid: i32) {
        self.early.insert(tid);
        let maker = self.found.pids.iter().copied().find(|group| ptrace::is_thread_of(*group, tid));
        self.enter(tid, maker.unwrap_or(tid));
    }

    /// A new thread, of the process `group` or of its own.
    fn enter(&mut self, tid: i32, group: i32) {
        let tgid = if ptrace::is_thread_of(group, tid) { group } else { tid };
        self.tasks.entry(tid).or_default().tgid = tgid;
        if tid == tgid {
            self.found.pids.insert(tid);
            self.live.add(tid);
        }
    }

    /// The new image is there and has not run. A thread that was not the leader has taken over the leader's id.
    fn executed(&mut self, tid: i32) -> io::Result<()> {
        let former = ptrace::event_message(tid)?;
        if former != tid
            && let Some(task) = self.tasks.remove(&former)
            && let Some(leader) = self.tasks.insert(tid, task)
        {
            self.gone(leader);
        }
        self.found.started = true;
        let before = self.images.get(&tid).cloned().unwrap_or_default();
        let (event, image, loss) = executed(tid, now(), &before);
        self.images.insert(tid, image);
        self.found.losses.extend(loss);
        (self.sink)(Seen::Exec(event));
        Ok(())
    }

    fn syscall_began(&mut self, tid: i32) -> io::Result<()> {
        let (Some(filter), Some(task)) = (self.filter, self.tasks.get_mut(&tid)) else { return Ok(()) };
        let info = ptrace::stop_info(tid)?;
        let SyscallPoint::Filter { number, arguments } = info.at else { return Ok(()) };
        let (Some(abi), Ok(number)) = (Abi::from_audit_arch(info.arch), u32::try_from(number)) else { return Ok(()) };
        let first = [arguments[0], arguments[1], arguments[2], arguments[3]];
        let name = syscall_name(abi, number);
        let executes = matches!(name, Some("execve" | "execveat"));
        // What the child does before it is the program is this sensor's doing, not the program's.
        if (self.found.started || executes) && filter.may_record(abi, number, &first, None) {
            let detail = detail::of_call(tid, abi, name.unwrap_or_default(), &arguments);
            task.call = Some(Call { time: now(), abi, number, arguments: first, detail });
        }
        Ok(())
    }

    fn syscall_ended(&mut self, tid: i32) -> io::Result<()> {
        if let SyscallPoint::Exit { value, error } = ptrace::stop_info(tid)?.at {
            self.record(tid, Some(Outcome::of(value, error)));
        }
        Ok(())
    }

    /// Makes the event of the call that the thread is in, if a rule wants it.
    fn record(&mut self, tid: i32, outcome: Option<Outcome>) {
        let (Some(filter), Some(task)) = (self.filter, self.tasks.get_mut(&tid)) else { return };
        let Some(Call { time, abi, number, arguments, mut detail }) = task.call.take() else { return };
        if !filter.may_record(abi, number, &arguments, outcome) {
            return;
        }
        let mut facts = process::facts(tid, task.tgid).unwrap_or_else(|error| {
            let what = format!("/proc/{tid} of a process that made a recorded system call: {error}");
            let loss = Loss::Unreadable { what };
            if !self.found.losses.contains(&loss) {
                self.found.losses.push(loss);
            }
            self.images.get(&task.tgid).map_or_else(Default::default, |image| image.facts(task.tgid))
        });
        let succeeded = outcome.is_some_and(|outcome| outcome.success);
        if let Detail::Exec { started, .. } = &mut detail
            && succeeded
        {
            let argv = self.images.get(&task.tgid).map(|image| image.argv.clone()).unwrap_or_default();
            let file = FileCapabilities::of(&PathBuf::from(format!("/proc/{tid}/exe")));
            *started = Some(Started { argv, file });
        }
        let event = SyscallEvent { time, abi, number, arguments, outcome, process: Default::default(), detail };
        let title = task.title.clone();
        facts.title = title.unwrap_or_else(|| process::title(tid));
        let event = SyscallEvent { process: facts, ..event };
        let Some(matched) = filter.decide(&event) else { return };
        task.title = Some(event.process.title.clone()).filter(|title| !title.is_empty());
        let cwd = process::cwd(tid).ok().map(|cwd| cwd.into_os_string().into_encoded_bytes());
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        (self.sink)(Seen::Records(record::records(&event, &matched, cwd.as_deref(), serial)));
    }
}

/// Serial numbers of all trace sensors of this process, so that no two events share one.
static SERIAL: AtomicU32 = AtomicU32::new(1);

/// Real time.
fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis(since.as_millis() as i64)
}
