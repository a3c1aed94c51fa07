//! Containers with every flag: the kernel's audit works in them, and the host's audit is left as it was.

use std::fs::File;

use firstseen_detector::sensor::kernel::{AuditKernel, AuditStatus, Enabled, Netlink, RuleData};

use crate::engine::{Engine, engine};
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
            Ok(status) if status.state() == Enabled::Locked => println!("skipped: containers and audit: it is locked"),
            Err(error) => println!("skipped: containers and audit: {error}"),
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

#[test]
fn audit_works_with_the_flags_that_doctor_names() {
    let Some(engine) = engine() else { return };
    proves_the_catalog_with_both_sensors(engine, &[&["--user=0"], FLAGS.as_slice()].concat());
}

#[test]
fn audit_works_in_a_privileged_container_in_the_hosts_namespaces() {
    let Some(engine) = engine() else { return };
    proves_the_catalog_with_both_sensors(engine, &["--user=0", "--privileged", "--pid=host", "--network=host"]);
}
