//! Containers with every flag: the kernel's audit works in them, and the host's audit is left as it was, in the end also
//! by a container that is killed.

use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use firstseen_detector::netlink::{AuditKernel, AuditStatus, Enabled, Netlink, RuleData};
use rstest::rstest;

use crate::engine::{Engine, engine, skipped};
use crate::verdicts::{assert_proven, verdicts};

/// What doctor says, word for word.
const FLAGS: [&str; 5] =
    ["--pid=host", "--network=host", "--cap-add=AUDIT_CONTROL", "--cap-add=AUDIT_READ", "--cap-add=AUDIT_WRITE"];

/// The host's audit, and a lock that keeps other tests of it away.
struct Host {
    _lock: File,
}

impl Host {
    fn alone() -> Option<Host> {
        match Netlink::connect().and_then(|mut kernel| kernel.status()) {
            Ok(status) if status.state() == Enabled::Locked => skipped("the host's audit is locked"),
            Err(error) => skipped(&format!("the host's audit cannot be used: {error}")),
            Ok(_) => {
                let path = std::env::temp_dir().join("firstseen-audit-tests.lock");
                let lock = File::options().create(true).truncate(false).write(true).open(path).expect("a lock file");
                lock.lock().expect("locked");
                return Some(Host { _lock: lock });
            }
        }
        None
    }

    /// Rules, and what of the status is set and not counted.
    fn configuration(&self) -> (Vec<RuleData>, [u32; 4]) {
        let mut kernel = Netlink::connect().expect("connected");
        let rules = kernel.rules().expect("the rules");
        let AuditStatus { enabled, failure, rate_limit, backlog_limit, .. } = kernel.status().expect("the status");
        (rules, [enabled, failure, rate_limit, backlog_limit])
    }
}

fn proves_the_catalog_with_both_sensors(engine: &Engine, flags: &[&str]) {
    let Some(host) = Host::alone() else { return };
    let doctor = engine.doctor(flags);
    assert!(doctor.sensor("audit").0 && doctor.sensor("trace").0, "{doctor:?}");
    let before = host.configuration();
    let audit = engine.run(flags, &["run", "--sensor", "audit", "--format", "json"]);
    assert_eq!(host.configuration(), before);
    assert_proven(&audit);
    let trace = engine.run(flags, &["run", "--sensor", "trace", "--format", "json"]);
    assert_eq!(verdicts(&audit), verdicts(&trace));
}

#[rstest]
#[case::as_the_images_own_user("")]
#[case::as_root("--user=0")]
#[case::as_nobody_without_new_privileges("--user=65534 --security-opt=no-new-privileges")]
#[case::with_a_read_only_root("--read-only")]
fn audit_works_with_the_flags_that_doctor_names(#[case] more: &str) {
    let Some(engine) = engine() else { return };
    let flags: Vec<&str> = FLAGS.iter().copied().chain(more.split_whitespace()).collect();
    proves_the_catalog_with_both_sensors(engine, &flags);
}

#[test]
fn audit_works_in_a_privileged_container_in_the_hosts_namespaces() {
    let Some(engine) = engine() else { return };
    proves_the_catalog_with_both_sensors(engine, &["--user=0", "--privileged", "--pid=host", "--network=host"]);
}

#[test]
fn a_killed_container_is_cleaned_up_by_the_next_one_that_shares_its_journal() {
    let Some(engine) = engine() else { return };
    let Some(host) = Host::alone() else { return };
    let before = host.configuration();
    let state = engine.folder("state");
    std::fs::set_permissions(&state, PermissionsExt::from_mode(0o700)).expect("private");
    let volume = format!("--volume={}:/run/firstseen", state.display());
    let flags: Vec<&str> = FLAGS.iter().copied().chain(["--user=0", &volume]).collect();
    let mut dying = engine.begin("dying", &flags, &["run", "--sensor", "audit"]);
    let changed = (0..400).any(|_| {
        std::thread::sleep(Duration::from_millis(25));
        host.configuration() != before
    });
    assert!(changed, "the run never touched the audit system");
    engine.kill("dying");
    dying.wait().expect("podman ends");
    assert_ne!(host.configuration(), before, "it had no time to put anything back");
    let next = engine.run(&flags, &["run", "--sensor", "trace", "--format", "json"]);
    assert_proven(&next);
    assert!(next.stderr.contains("undone after a run that had died"), "{next:?}");
    assert_eq!(host.configuration(), before);
}
