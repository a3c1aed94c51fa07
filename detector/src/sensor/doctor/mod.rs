//! Which sensors work here, and for each that does not the reason and the fix.
//!
//! [`examine`] asks the system and changes nothing: a test that would need the audit system to be switched on is not made,
//! and said to be not made. It ends within two seconds. The texts are for people; nothing is decided by them.

mod audit;
mod fix;
mod machine;
mod report;
mod surroundings;

pub use report::{Doctor, Finding, SensorHealth, Weight};
pub use surroundings::{Container, Namespace, Surroundings};

use std::path::Path;
use std::time::Duration;

use super::{SensorKind, trace};
use crate::audit::AuditRule;
use crate::netlink::{AuditKernel, Netlink};

/// Longest wait for a traced child, which needs a few milliseconds.
const PATIENCE: Duration = Duration::from_millis(500);

/// Examines this machine for runs that need `rules`.
#[must_use]
pub fn examine(rules: &[AuditRule]) -> Doctor {
    let surroundings = Surroundings::read(Path::new("/"));
    let kernel = Netlink::connect().map(|kernel| Box::new(kernel) as Box<dyn AuditKernel>);
    Doctor {
        sensors: vec![audit::examine(kernel, rules, &surroundings), tracing(trace::probe(PATIENCE), &surroundings)],
        findings: machine::examine(Path::new("/")),
    }
}

/// The health of the `trace` sensor, which probes itself.
fn tracing(probed: Result<(), trace::Unfit>, surroundings: &Surroundings) -> SensorHealth {
    let works = probed.is_ok();
    let (reason, fix) = match probed {
        Ok(()) => ("a child that made a page RWX was traced and seen".to_owned(), None),
        Err(unfit) => (unfit.reason, Some(unfit.fix)),
    };
    SensorHealth { kind: SensorKind::Trace, works, reason, fix, facts: surroundings.facts_of_tracing() }
}
