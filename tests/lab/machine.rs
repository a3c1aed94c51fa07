//! What a run could leave on the machine: files, processes, audit rules, a changed audit status.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use assert_cmd::Command;
use firstseen_detector::netlink::{AuditKernel, AuditStatus, Enabled, Netlink};

/// How long a killed process may take to be gone (real time).
const DYING: Duration = Duration::from_secs(10);

/// A place with a temporary and a state directory of its own.
pub(crate) struct Arena {
    folder: tempfile::TempDir,
    /// Held as long as the kernel's audit is this place's, too.
    audit: Option<File>,
}

/// Everything that must be the same before and after.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Sight {
    /// Every path below the place.
    files: BTreeSet<PathBuf>,
    /// Processes that have to do with the place, but this one.
    processes: Vec<String>,
    /// None where the audit system is not this place's.
    audit: Option<Audit>,
}

#[derive(Debug, PartialEq, Eq)]
struct Audit {
    enabled: u32,
    failure: u32,
    rate_limit: u32,
    backlog_limit: u32,
    backlog_wait_time: Option<u32>,
    auditd: u32,
    rules: Vec<String>,
}

impl Sight {
    pub(crate) fn files(&self) -> &BTreeSet<PathBuf> {
        &self.files
    }
}

impl Arena {
    pub(crate) fn new() -> Arena {
        let folder = tempfile::Builder::new().prefix("firstseen-arena-").tempdir().expect("a folder");
        fs::create_dir(folder.path().join("tmp")).expect("made");
        Arena { folder, audit: None }
    }

    /// The same with the kernel's audit, for one test at a time; or the reason why it cannot be used here.
    pub(crate) fn with_audit() -> Result<Arena, String> {
        audit_alone().map(|lock| Arena { audit: Some(lock), ..Arena::new() })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The binary, at home in this place.
    pub(crate) fn firstseen(&self) -> Command {
        Command::from_std(self.plain())
    }

    /// The same without a time limit.
    pub(crate) fn plain(&self) -> std::process::Command {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_firstseen"));
        command.env("NO_COLOR", "1").env("TMPDIR", self.path().join("tmp"));
        command.env("FIRSTSEEN_STATE_DIR", self.path().join("state")).current_dir(self.path());
        command
    }

    /// Looks around; processes that are just dying are given time.
    pub(crate) fn look(&self) -> Sight {
        let deadline = Instant::now() + DYING;
        let mut processes = self.processes();
        while !processes.is_empty() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(5));
            processes = self.processes();
        }
        Sight { files: below(self.path()), processes, audit: self.audit.as_ref().map(|_| audit()) }
    }

    /// The same without waiting for processes.
    pub(crate) fn files(&self) -> BTreeSet<PathBuf> {
        below(self.path())
    }

    /// Processes whose program, working directory, arguments or environment name this place.
    fn processes(&self) -> Vec<String> {
        let own = std::process::id().to_string();
        let mark = self.path().as_os_str().as_bytes();
        let names = |bytes: &[u8]| bytes.windows(mark.len()).any(|part| part == mark);
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").expect("there").flatten() {
            let (name, path) = (entry.file_name().to_string_lossy().into_owned(), entry.path());
            if name == own || !name.bytes().all(|byte| byte.is_ascii_digit()) {
                continue;
            }
            let link = |of: &str| fs::read_link(path.join(of)).is_ok_and(|target| names(target.as_os_str().as_bytes()));
            let text = |of: &str| fs::read(path.join(of)).is_ok_and(|bytes| names(&bytes));
            if link("exe") || link("cwd") || text("cmdline") || text("environ") {
                let command = fs::read(path.join("cmdline")).unwrap_or_default();
                found.push(format!("{name} {}", String::from_utf8_lossy(&command).replace('\0', " ")));
            }
        }
        found
    }
}

fn below(folder: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.extend(below(&entry.path()));
        }
        found.insert(entry.path());
    }
    found
}

/// Rules and the status without its counters. Rules of other runs of this lab, which come and go, are left out.
fn audit() -> Audit {
    let mut kernel = Netlink::connect().expect("connected");
    let status = kernel.status().expect("status");
    let AuditStatus { enabled, failure, rate_limit, backlog_limit, backlog_wait_time, pid, .. } = status;
    let mut rules = Vec::new();
    for rule in kernel.rules().expect("rules") {
        let others = rule.lab_run().and_then(|run| run.split('-').next()?.parse::<u32>().ok());
        let lives = others.is_some_and(|pid| Path::new(&format!("/proc/{pid}")).exists());
        if !lives {
            rules.push(rule.to_string());
        }
    }
    Audit { enabled, failure, rate_limit, backlog_limit, backlog_wait_time, auditd: pid, rules }
}

/// Holds the kernel's audit for one test at a time, also against tests of another checkout; or the reason why it cannot
/// be used here.
pub(crate) fn audit_alone() -> Result<File, String> {
    let status = Netlink::connect().and_then(|mut kernel| {
        let status = kernel.status()?;
        kernel.listen().map(|_| status)
    });
    match status {
        Err(error) => Err(format!("the kernel's audit cannot be used: {error}")),
        Ok(status) if status.state() == Enabled::Locked => Err("the kernel's audit is locked".to_owned()),
        Ok(_) => {
            let path = std::env::temp_dir().join("firstseen-audit-tests.lock");
            let lock = File::options().create(true).truncate(false).write(true).open(path).expect("a lock file");
            lock.lock().expect("locked");
            Ok(lock)
        }
    }
}
