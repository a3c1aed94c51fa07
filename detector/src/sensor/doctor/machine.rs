//! What every run needs besides a sensor: `/proc`, a place for its files, memory, a machine id.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use nix::sys::statvfs::{FsFlags, statvfs};
use nix::unistd::{AccessFlags, access};

use super::report::{Finding, Weight};
use crate::journal::StateDir;

/// Below this a run may be killed for want of memory, bytes.
const MEMORY: u64 = 128 << 20;
/// A run's files need about this much, bytes.
const SCRATCH: u64 = 16 << 20;

/// Looks at the machine below `root`; nothing is written.
pub(super) fn examine(root: &Path) -> Vec<Finding> {
    let read = |path: &str| fs::read_to_string(root.join(path)).ok();
    let mut findings = Vec::new();
    if read("proc/self/stat").is_none() {
        findings.push(Finding {
            subject: "/proc".into(),
            weight: Weight::Blocks,
            what: "/proc is not mounted, or empty: nothing can be read of a process that is watched".into(),
            fix: "mount it (mount -t proc proc /proc); containers have it by default".into(),
        });
    } else if let Some(option) = read("proc/self/mountinfo").and_then(|table| hidden(&table)) {
        findings.push(Finding {
            subject: "/proc".into(),
            weight: Weight::Limits,
            what: format!("/proc is mounted with {option}: only processes of the same user can be read"),
            fix: "run set-uid acts as root, or mount /proc without that option".into(),
        });
    }
    findings.extend(scratch(&scratch_places()));
    if flags(root).is_some_and(|flags| flags.contains(FsFlags::ST_RDONLY)) {
        findings.push(Finding {
            subject: "read-only root".into(),
            weight: Weight::Limits,
            what: "the root file system is read-only: a run needs a place of its own for its files".into(),
            fix: "give it one: --tmpfs /tmp:exec (container), or TMPDIR=DIRECTORY".into(),
        });
    }
    if let Err(error) = StateDir::try_find() {
        findings.push(Finding {
            subject: "undo journal".into(),
            weight: Weight::Blocks,
            what: error.to_string(),
            fix: "set FIRSTSEEN_STATE_DIR to a directory that can be written".into(),
        });
    }
    let limits = ["sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory/memory.limit_in_bytes"];
    let limit = limits.iter().find_map(|path| read(path)?.trim().parse::<u64>().ok());
    let available = read("proc/meminfo").and_then(|table| available(&table));
    if let Some(memory) = limit.into_iter().chain(available).min().filter(|memory| *memory < MEMORY) {
        findings.push(Finding {
            subject: "memory".into(),
            weight: Weight::Limits,
            what: format!("only {} MiB of memory: a run over many documents may be killed", memory >> 20),
            fix: format!("give it {} MiB (container: --memory={0}m), or run fewer scenarios at a time", MEMORY >> 20),
        });
    }
    if read("etc/machine-id").is_none_or(|text| text.trim().is_empty()) {
        findings.push(Finding {
            subject: "/etc/machine-id".into(),
            weight: Weight::Limits,
            what: "there is no machine id, from which an agent would take host.id".into(),
            fix: "write one (systemd-machine-id-setup); scenarios name their hosts and do not need it".into(),
        });
    }
    findings
}

/// The option of the mount table that hides processes, as written there.
fn hidden(mountinfo: &str) -> Option<String> {
    let proc = mountinfo.lines().rev().find(|line| line.split(' ').nth(4) == Some("/proc"))?;
    let (_, options) = proc.rsplit_once(' ')?;
    let option = options.split(',').find(|option| option.starts_with("hidepid="))?;
    (!matches!(option, "hidepid=0" | "hidepid=off")).then(|| option.to_owned())
}

/// `MemAvailable` of `/proc/meminfo`, bytes.
fn available(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// Where a run puts its files, best first.
fn scratch_places() -> Vec<PathBuf> {
    let named = std::env::var_os("TMPDIR").filter(|value| !value.is_empty()).map(PathBuf::from);
    let usual = ["/tmp", "/dev/shm"].map(PathBuf::from);
    let all = named.into_iter().chain(usual).chain(std::env::current_dir().ok());
    let mut seen = BTreeSet::new();
    all.filter(|place| seen.insert(place.clone())).collect()
}

/// What is wrong with all of these places, if none is good.
fn scratch(places: &[PathBuf]) -> Option<Finding> {
    let refusals: Option<Vec<String>> =
        places.iter().map(|place| refusal(place).map(|why| format!("{}: {why}", place.display()))).collect();
    Some(Finding {
        subject: "scratch directory".into(),
        weight: Weight::Blocks,
        what: format!("there is no place where a run can write and execute its files ({})", refusals?.join("; ")),
        fix: "give it one: --tmpfs /tmp:exec (container), or TMPDIR=DIRECTORY on a file system without noexec".into(),
    })
}

/// Why programs cannot be put and executed in a directory.
fn refusal(place: &Path) -> Option<String> {
    if !place.is_dir() {
        return Some("there is no such directory".into());
    }
    if let Err(errno) = access(place, AccessFlags::W_OK | AccessFlags::X_OK) {
        return Some(errno.desc().into());
    }
    let found = statvfs(place).ok()?;
    if found.flags().contains(FsFlags::ST_NOEXEC) {
        return Some("mounted noexec".into());
    }
    let room = found.blocks_available().saturating_mul(found.fragment_size());
    (room < SCRATCH).then(|| format!("only {} KiB are free", room >> 10))
}

fn flags(path: &Path) -> Option<FsFlags> {
    statvfs(path).ok().map(|found| found.flags())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidepid_is_read_from_the_last_mount_of_proc() {
        let mount = |options: &str| format!("22 1 0:21 / /proc rw,nosuid - proc proc rw,{options}\n");
        assert_eq!(hidden(&mount("hidepid=2")), Some("hidepid=2".into()));
        assert_eq!(hidden(&mount("hidepid=invisible,gid=4")), Some("hidepid=invisible".into()));
        assert_eq!(hidden(&mount("hidepid=0")), None);
        assert_eq!(hidden("22 1 0:21 / /proc rw - proc proc rw\n"), None);
        assert_eq!(hidden(&(mount("hidepid=2") + "23 22 0:22 / /proc rw - proc proc rw\n")), None);
        assert_eq!(hidden(""), None);
    }

    #[test]
    fn available_memory_is_bytes() {
        assert_eq!(available("MemTotal: 9 kB\nMemAvailable:   65536 kB\n"), Some(64 << 20));
        assert_eq!(available("MemTotal: 9 kB\n"), None);
    }

    #[test]
    fn one_good_place_is_enough_and_each_bad_one_is_named() {
        let good = tempfile::tempdir_in(env!("CARGO_MANIFEST_DIR")).expect("temporary directory");
        let bad = PathBuf::from("/proc/firstseen");
        assert_eq!(scratch(&[bad.clone(), good.path().to_owned()]), None);
        let finding = scratch(&[bad, PathBuf::from("/proc")]).expect("no place");
        assert_eq!(finding.weight, Weight::Blocks);
        assert!(finding.what.contains("/proc/firstseen: there is no such directory; /proc: "), "{}", finding.what);
    }

    #[test]
    fn a_machine_without_anything_is_told_everything() {
        let root = tempfile::tempdir().expect("temporary directory");
        let bare: Vec<String> = examine(root.path()).into_iter().map(|finding| finding.subject).collect();
        assert!(bare.contains(&"/proc".to_owned()) && bare.contains(&"/etc/machine-id".to_owned()), "{bare:?}");
        assert!(!bare.contains(&"memory".to_owned()));
        fs::create_dir_all(root.path().join("sys/fs/cgroup")).expect("made");
        for (limit, low) in [("67108864\n", true), ("134217728\n", false), ("max\n", false)] {
            fs::write(root.path().join("sys/fs/cgroup/memory.max"), limit).expect("written");
            assert_eq!(examine(root.path()).iter().any(|finding| finding.subject == "memory"), low, "{limit}");
        }
    }
}
