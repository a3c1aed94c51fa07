//! The sensor on the kernel of this machine. Each test says why it is skipped where that is not allowed.
//!
//! Others may use the audit system at the same time: a test only looks at rules and records of its own, and puts back
//! what it changes.

use std::fs::File;
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::*;
use crate::audit::{AuditRule, RecordType};
use crate::journal::{Journal, StateDir, undo_all};
use crate::netlink::{AuditKernel, Enabled, LAB_KEY_PREFIX, Netlink, RuleData, StatusField};
use crate::sensor::trace::TraceSensor;
use crate::sensor::{Launch, Loss, Observation, Sensor};

/// Keeps the tests of the kernel's audit apart, also those of another checkout.
pub(crate) struct Alone {
    _lock: File,
}

/// `None`, and the reason on standard error, where the kernel's audit cannot be used.
pub(crate) fn alone() -> Option<Alone> {
    let kernel = Netlink::connect().and_then(|mut kernel| {
        let status = kernel.status()?;
        kernel.listen().map(|_| status)
    });
    let reason = match kernel {
        Ok(status) if status.state() == Enabled::Locked => "it is locked".to_owned(),
        Ok(_) => {
            let path = std::env::temp_dir().join("firstseen-audit-tests.lock");
            let lock = File::options().create(true).truncate(false).write(true).open(path).expect("a lock file");
            lock.lock().expect("locked");
            return Some(Alone { _lock: lock });
        }
        Err(error) => error.to_string(),
    };
    let _ = writeln!(std::io::stderr(), "skipped: the kernel's audit cannot be used: {reason}");
    None
}

struct Place {
    _parent: tempfile::TempDir,
    state: StateDir,
}

impl Place {
    fn new() -> Place {
        let parent = tempfile::tempdir().expect("temporary directory");
        let state = StateDir::at(&parent.path().join("state")).expect("state directory");
        Place { _parent: parent, state }
    }

    fn sensor(&self, rules: &[AuditRule]) -> Result<AuditSensor, Unfit> {
        let journal = Journal::open(&self.state).expect("journal");
        AuditSensor::new(rules, Options { journal, tracer: Box::new(TraceSensor::exec_only()) })
    }
}

fn parsed(rule: &str) -> AuditRule {
    AuditRule::parse(rule).expect("valid")
}

fn mprotect() -> AuditRule {
    parsed("-a always,exit -F arch=b64 -S mprotect")
}

/// A dynamically linked program: its loader protects a few pages.
fn launch() -> Launch {
    shell("true")
}

fn shell(text: &str) -> Launch {
    Launch {
        program: PathBuf::from("/bin/sh"),
        argv: vec!["sh".into(), "-c".into(), text.into()],
        env: Vec::new(),
        cwd: PathBuf::from("/"),
        descriptors: Vec::new(),
        timeout: Duration::from_secs(30),
    }
}

fn kernel() -> Netlink {
    Netlink::connect().expect("connected")
}

/// A field of the status that is set back, also by a failed test.
struct Set {
    field: StatusField,
    before: u32,
}

impl Set {
    fn to(field: StatusField, value: u32) -> Set {
        let before = kernel().status().expect("status").value(field);
        kernel().set(field, value).expect("set");
        Set { field, before }
    }
}

impl Drop for Set {
    fn drop(&mut self) {
        kernel().set(self.field, self.before).expect("set back");
    }
}

/// Status and rules without what is not ours to judge: counters, and rules of other runs.
fn state() -> (u32, u32, Vec<String>) {
    let status = kernel().status().expect("status");
    let rules = kernel().rules().expect("rules");
    let own = rules.iter().filter(|rule| !rule.is_lab_rule() || rule.to_string().contains(&own_key()));
    (status.enabled, status.backlog_limit, own.map(ToString::to_string).collect())
}

/// What is in the keys of all rules that this process adds.
fn own_key() -> String {
    format!("{LAB_KEY_PREFIX}{}-", std::process::id())
}

fn mprotects(seen: &Observation) -> usize {
    let is_call = |record: &&crate::audit::RawRecord| {
        record.record_type == RecordType::SYSCALL && record.text.contains(" syscall=10 ")
    };
    seen.records.iter().filter(is_call).count()
}

/// A rule about calls that the shell below does all the time and the sensor itself does not: openat, fcntl, dup2.
fn busy() -> AuditRule {
    parsed("-a always,exit -F arch=b64 -S openat,fcntl,dup2")
}

fn flood(rounds: u32) -> String {
    format!("i=0; while [ $i -lt {rounds} ]; do i=$((i+1)); : </dev/null; done")
}

#[test]
fn the_kernel_sees_what_a_program_does_and_everything_is_put_back() {
    let Some(_alone) = alone() else { return };
    let place = Place::new();
    let before = state();
    let mut sensor = place.sensor(&[mprotect()]).expect("fit");
    assert_eq!(sensor.mode(), Mode::OwnRules);
    for _ in 0..3 {
        let seen = sensor.observe(launch()).expect("observed");
        assert!(mprotects(&seen) >= 1, "{:?}", seen.records);
        assert!(seen.drained);
        assert_eq!(seen.losses, []);
        let is_own = |text: &str| seen.pids.iter().any(|pid| text.contains(&format!(" pid={pid} ")));
        let mut syscalls = seen.records.iter().filter(|record| record.record_type == RecordType::SYSCALL);
        assert!(syscalls.all(|record| is_own(&record.text)));
        assert!(seen.records.iter().any(|record| record.record_type == RecordType::EOE), "EOE is sent on netlink");
    }
    let family = sensor.observe(shell("/bin/true; exec /bin/sh -c '/bin/true; :'")).expect("observed");
    assert_eq!((family.pids.len(), family.execs.len()), (3, 4), "lineage and executions come from the tracer");
    let callers =
        family.pids.iter().filter(|pid| family.records.iter().any(|it| it.text.contains(&format!(" pid={pid} "))));
    assert_eq!(callers.count(), 3, "each of them was seen");
    drop(sensor);
    assert_eq!(state(), before);
}

#[test]
fn without_its_rule_the_same_program_leaves_no_record() {
    let Some(_alone) = alone() else { return };
    let place = Place::new();
    let never_used = parsed("-a always,exit -F arch=b64 -S init_module");
    let seen = place.sensor(&[never_used]).expect("fit").observe(launch()).expect("observed");
    assert!(seen.drained);
    assert_eq!(mprotects(&seen), 0);
}

#[test]
fn a_never_rule_in_front_does_not_silence_the_act() {
    let Some(_alone) = alone() else { return };
    let place = Place::new();
    let key = format!("site-{}", std::process::id());
    let never = RuleData::from(&parsed(&format!("-a never,exit -F arch=b64 -S mprotect -k {key}")));
    kernel().add_rule(&never.prepended()).expect("added");
    let before = state();
    let seen = place.sensor(&[mprotect()]).map(|mut sensor| sensor.observe(launch()));
    let after = state();
    kernel().delete_rule(&never).expect("deleted");
    let seen = seen.expect("fit").expect("observed");
    assert!(mprotects(&seen) >= 1);
    assert_eq!(seen.losses, []);
    assert_eq!(after, before);
}

#[test]
fn two_runs_at_once_see_their_own_acts_and_put_everything_back() {
    let Some(_alone) = alone() else { return };
    let place = Place::new();
    let before = state();
    let mut first = place.sensor(&[mprotect()]).expect("fit");
    let mut second = place.sensor(&[mprotect()]).expect("fit");
    let (one, two) = (first.observe(launch()).expect("seen"), second.observe(launch()).expect("seen"));
    assert!(mprotects(&one) >= 1 && mprotects(&two) >= 1);
    drop(first);
    let two = second.observe(launch()).expect("the first one's end does not matter");
    assert!(mprotects(&two) >= 1);
    assert_eq!(two.losses, []);
    drop(second);
    assert_eq!(state(), before);
}

/// Not a test of its own: the process that the next test kills.
#[test]
fn helper_that_is_killed() {
    let Some(state) = std::env::var_os("FIRSTSEEN_TEST_KILLED") else { return };
    let state = StateDir::at(Path::new(&state)).expect("state directory");
    let journal = Journal::open(&state).expect("journal");
    let _sensor =
        AuditSensor::new(&[mprotect()], Options { journal, tracer: Box::new(TraceSensor::exec_only()) }).expect("fit");
    let _ = writeln!(std::io::stdout(), "\nready");
    std::thread::sleep(Duration::from_secs(60));
}

#[test]
fn what_a_killed_run_left_is_undone_by_the_next_start() {
    let Some(_alone) = alone() else { return };
    let place = Place::new();
    let before = state();
    let mut command = Command::new(std::env::current_exe().expect("this test"));
    command.args(["--exact", "sensor::kernel::live_tests::helper_that_is_killed", "--nocapture"]);
    command.env("FIRSTSEEN_TEST_KILLED", place.state.path());
    let mut child = command.stdout(Stdio::piped()).spawn().expect("started");
    let output = std::io::BufReader::new(child.stdout.take().expect("piped"));
    assert!(output.lines().map_while(Result::ok).any(|line| line == "ready"), "the helper is at work");
    let key = format!("{LAB_KEY_PREFIX}{}-", child.id());
    let is_there = || kernel().rules().expect("rules").iter().any(|rule| rule.to_string().contains(&key));
    assert!(is_there());
    assert!(undo_all(&place.state).is_empty(), "it lives");
    assert!(is_there());
    child.kill().and_then(|()| child.wait()).expect("killed");
    assert!(is_there(), "nobody undid it");
    let report = undo_all(&place.state);
    assert!(!report.is_empty() && report.iter().all(|undone| undone.is_settled()), "{report:?}");
    assert!(!is_there() && !place.state.path().exists());
    assert_eq!(state(), before);
}

#[test]
fn a_flood_that_the_kernel_cannot_queue_is_a_loss() {
    let Some(_alone) = alone() else { return };
    let place = Place::new();
    let mut sensor = place.sensor(&[busy()]).expect("fit");
    // Without a wait time the audited task does not sleep until there is room.
    let narrow = [Set::to(StatusField::BacklogWaitTime, 0), Set::to(StatusField::BacklogLimit, 1)];
    let seen = sensor.observe(shell(&flood(2000))).expect("observed");
    drop(narrow);
    assert!(seen.losses.iter().any(|loss| matches!(loss, Loss::KernelLost { .. })), "{:?}", seen.losses);
}

#[test]
fn a_long_stream_has_no_gap() {
    let Some(_alone) = alone() else { return };
    let place = Place::new();
    let mut sensor = place.sensor(&[busy()]).expect("fit");
    let started = Instant::now();
    let seen = sensor.observe(shell(&flood(3000))).expect("observed");
    assert!(seen.records.len() > 10_000, "{}", seen.records.len());
    assert!(seen.drained);
    assert_eq!(seen.losses, [], "after {:?}: {:?}", started.elapsed(), sensor.statistics());
}

#[test]
fn a_running_auditd_gets_its_records_and_keeps_its_status() {
    let Some(_alone) = alone() else { return };
    let Some(daemon) = Auditd::start() else { return };
    let place = Place::new();
    let before = state();
    let mut sensor = place.sensor(&[mprotect()]).expect("fit");
    let seen = sensor.observe(launch()).expect("observed");
    assert!(mprotects(&seen) >= 1 && seen.drained);
    assert_eq!(seen.losses, []);
    drop(sensor);
    assert_eq!(state(), before);
    assert_eq!(kernel().status().expect("status").pid, daemon.pid());
    let record = seen.records.iter().find(|record| record.record_type == RecordType::SYSCALL).expect("one");
    let serial = record.text.split_once(')').expect("a head").0;
    assert!(daemon.logs(serial), "the daemon has it too");
}

/// An audit daemon with its own configuration and log.
struct Auditd {
    child: std::process::Child,
    folder: tempfile::TempDir,
    enabled: u32,
}

impl Auditd {
    fn start() -> Option<Auditd> {
        let skip = |reason: &str| {
            let _ = writeln!(std::io::stderr(), "skipped: {reason}");
            None
        };
        let Some(program) = ["/sbin/auditd", "/usr/sbin/auditd"].iter().find(|path| Path::new(path).exists()) else {
            return skip("auditd is not installed");
        };
        let status = kernel().status().expect("status");
        if status.pid != 0 {
            return skip("an auditd is running already");
        }
        let folder = tempfile::tempdir().expect("temporary directory");
        let log = folder.path().join("audit.log");
        let text = format!(
            "log_file = {}\nlog_format = RAW\nwrite_logs = yes\nflush = NONE\nlocal_events = yes\nlog_group = root\n\
             space_left = 1\nadmin_space_left = 0\nplugin_dir = {}\n",
            log.display(),
            folder.path().display()
        );
        std::fs::write(folder.path().join("auditd.conf"), text).expect("configured");
        let mut command = Command::new(program);
        command.args(["-n", "-s", "enable", "-c"]).arg(folder.path());
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("auditd starts");
        let mut daemon = Auditd { child, folder, enabled: status.enabled };
        let deadline = Instant::now() + Duration::from_secs(5);
        while kernel().status().expect("status").pid != daemon.child.id() {
            if daemon.child.try_wait().is_ok_and(|ended| ended.is_some()) || Instant::now() > deadline {
                return skip("auditd does not start here");
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Some(daemon)
    }

    fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether the log has something within a second.
    fn logs(&self, text: &str) -> bool {
        let deadline = Instant::now() + Duration::from_secs(1);
        while Instant::now() < deadline {
            let log = std::fs::read_to_string(self.folder.path().join("audit.log")).unwrap_or_default();
            if log.contains(text) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        false
    }
}

impl Drop for Auditd {
    fn drop(&mut self) {
        let pid = nix::unistd::Pid::from_raw(self.child.id() as i32);
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM);
        let _ = self.child.wait();
        let _ = kernel().set(StatusField::Enabled, self.enabled);
    }
}
