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

use super::kernel::{AuditKernel, Netlink};
use crate::audit::AuditRule;

/// Examines this machine for runs that need `rules`. `trace` examines the other sensor.
pub fn examine(rules: &[AuditRule], trace: impl FnOnce(&Surroundings) -> SensorHealth) -> Doctor {
    let surroundings = Surroundings::read(Path::new("/"));
    let kernel = Netlink::connect().map(|kernel| Box::new(kernel) as Box<dyn AuditKernel>);
    Doctor {
        sensors: vec![audit::examine(kernel, rules, &surroundings), trace(&surroundings)],
        findings: machine::examine(Path::new("/")),
    }
}
