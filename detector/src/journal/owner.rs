//! Who keeps a journal, so that a dead owner is recognised.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;

use serde::{Deserialize, Serialize};

/// A process, told apart from later ones with the same number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Process id in its own pid namespace.
    pub pid: u32,
    /// Clock ticks since boot at which it started: field 22 of `/proc/PID/stat`; 0 if that cannot be read.
    pub start_ticks: u64,
    /// `/proc/sys/kernel/random/boot_id`; empty if that cannot be read.
    pub boot_id: String,
    /// Inode of its pid namespace; 0 if that cannot be read.
    pub pid_namespace: u64,
}

/// Whether an owner can be said to live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    /// It is this process.
    Living,
    /// It is certainly gone.
    Gone,
    /// It lives in another pid namespace, or `/proc` cannot be read.
    Unknown,
}

impl Owner {
    /// This process. Without `/proc` what it does not tell is left empty.
    #[must_use]
    pub fn current() -> Owner {
        let pid = std::process::id();
        Owner {
            pid,
            start_ticks: Stat::of(pid).map_or(0, |stat| stat.start_ticks),
            boot_id: boot_id(),
            pid_namespace: fs::metadata("/proc/self/ns/pid").map_or(0, |namespace| namespace.ino()),
        }
    }

    /// The owner of a run by the run's name, if it ran in this boot and in the pid namespace of `observer`.
    pub(super) fn of_run(run: &str, observer: &Owner) -> Option<Owner> {
        let mut numbers = run.split('-');
        let (pid, start_ticks) = (numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?);
        Some(Owner { pid, start_ticks, ..observer.clone() })
    }

    /// The name of a run of this owner.
    pub(super) fn run(&self, count: u32) -> String {
        format!("{}-{}-{count}", self.pid, self.start_ticks)
    }

    /// Whether it still runs, seen from `observer`.
    pub(super) fn life(&self, observer: &Owner) -> Life {
        let known = |owner: &Owner| owner.start_ticks != 0 && owner.pid_namespace != 0 && !owner.boot_id.is_empty();
        if !known(self) || !known(observer) {
            return Life::Unknown;
        }
        if self.boot_id != observer.boot_id {
            return Life::Gone;
        }
        if self.pid_namespace != observer.pid_namespace {
            return Life::Unknown;
        }
        match Stat::of(self.pid) {
            // One that was killed a moment ago may hold its lock for a while yet, but does nothing more.
            Ok(stat) if stat.start_ticks == self.start_ticks && !stat.is_ending && !is_killed(self.pid) => Life::Living,
            Ok(_) => Life::Gone,
            // With hidepid the directory of another user's process looks absent.
            Err(error) if error.kind() == io::ErrorKind::NotFound && !is_there(self.pid) => Life::Gone,
            Err(_) => Life::Unknown,
        }
    }
}

/// Asks the kernel instead of `/proc`: signal 0 is delivered to nobody.
fn is_there(pid: u32) -> bool {
    let Ok(pid) = i32::try_from(pid) else { return false };
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), None) != Err(nix::errno::Errno::ESRCH)
}

fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|text| text.trim().to_owned()).unwrap_or_default()
}

/// What `/proc/PID/stat` tells, proc_pid_stat(5).
struct Stat {
    /// Field 22.
    start_ticks: u64,
    /// Field 3 is Z or X, or field 9 has `PF_EXITING`.
    is_ending: bool,
}

impl Stat {
    fn of(pid: u32) -> io::Result<Stat> {
        let stat = fs::read(format!("/proc/{pid}/stat"))?;
        let odd = || io::Error::new(io::ErrorKind::InvalidData, format!("/proc/{pid}/stat is not as in proc(5)"));
        Stat::parse(&String::from_utf8_lossy(&stat)).ok_or_else(odd)
    }

    /// The second field is a name in parentheses that may hold anything.
    fn parse(stat: &str) -> Option<Stat> {
        const PF_EXITING: u64 = 0x4;
        let (_, fields) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let flags: u64 = fields.get(6)?.parse().ok()?;
        let is_ending = matches!(fields.first(), Some(&("Z" | "X"))) || flags & PF_EXITING != 0;
        Some(Stat { start_ticks: fields.get(19)?.parse().ok()?, is_ending })
    }
}

/// Whether a SIGKILL waits to be delivered, as `/proc/PID/status` shows it.
fn is_killed(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let pending = status.lines().filter_map(|line| line.strip_prefix("SigPnd:").or(line.strip_prefix("ShdPnd:")));
    let kill = 1 << (libc::SIGKILL - 1);
    pending.filter_map(|mask| u64::from_str_radix(mask.trim(), 16).ok()).any(|mask| mask & kill != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_lives_and_another_start_time_or_boot_is_gone() {
        let own = Owner::current();
        assert_eq!(own.life(&own), Life::Living);
        assert_eq!(Owner { start_ticks: own.start_ticks + 1, ..own.clone() }.life(&own), Life::Gone);
        assert_eq!(Owner { boot_id: "another".into(), ..own.clone() }.life(&own), Life::Gone);
    }

    #[test]
    fn a_process_that_ended_is_gone() {
        let mut child = std::process::Command::new("/bin/sleep").arg("9").spawn().expect("sleep starts");
        let own = Owner::current();
        let other =
            Owner { pid: child.id(), start_ticks: Stat::of(child.id()).expect("alive").start_ticks, ..own.clone() };
        assert_eq!(other.life(&own), Life::Living);
        child.kill().expect("killed");
        assert_eq!(other.life(&own), Life::Gone, "before anybody has waited for it");
        child.wait().expect("ended");
        assert_eq!(other.life(&own), Life::Gone);
    }

    #[test]
    fn the_name_of_a_process_does_not_shift_its_fields() {
        let line = |state: char, flags: u32| {
            format!("7 (a) Z 1 (b) {state} 1 7 7 0 -1 {flags} 0 0 0 0 0 0 0 0 20 0 1 0 4711 0 0")
        };
        let stat = |state, flags| Stat::parse(&line(state, flags)).map(|it| (it.start_ticks, it.is_ending));
        assert_eq!(stat('S', 0x40_0000), Some((4711, false)));
        assert_eq!(stat('S', 0x40_0004), Some((4711, true)));
        assert_eq!(stat('Z', 0), Some((4711, true)));
        assert_eq!(Stat::parse("7 (a) S 1").map(|it| it.start_ticks), None);
    }

    #[test]
    fn another_pid_namespace_says_nothing() {
        let own = Owner::current();
        assert_eq!(Owner { pid_namespace: 1, start_ticks: 1, ..own.clone() }.life(&own), Life::Unknown);
    }
}
