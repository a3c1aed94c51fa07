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
            start_ticks: start_ticks(pid).unwrap_or(0),
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
        match start_ticks(self.pid) {
            Ok(ticks) if ticks == self.start_ticks => Life::Living,
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

/// Field 22 of `/proc/PID/stat`; the second field is a name in parentheses that may hold anything.
fn start_ticks(pid: u32) -> io::Result<u64> {
    let stat = fs::read(format!("/proc/{pid}/stat"))?;
    let stat = String::from_utf8_lossy(&stat);
    let ticks = stat.rsplit_once(')').and_then(|(_, fields)| fields.split_whitespace().nth(19)?.parse().ok());
    ticks.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("/proc/{pid}/stat has no field 22")))
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
        let other = Owner { pid: child.id(), start_ticks: start_ticks(child.id()).expect("alive"), ..own.clone() };
        assert_eq!(other.life(&own), Life::Living);
        child.kill().and_then(|()| child.wait()).expect("killed");
        assert_eq!(other.life(&own), Life::Gone);
    }

    #[test]
    fn another_pid_namespace_says_nothing() {
        let own = Owner::current();
        assert_eq!(Owner { pid_namespace: 1, start_ticks: 1, ..own.clone() }.life(&own), Life::Unknown);
    }
}
