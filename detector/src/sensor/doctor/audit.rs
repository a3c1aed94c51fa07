//! The health of the `audit` sensor: every refusal of the kernel told by its cause.

use std::time::Duration;

use nix::errno::Errno;

use super::fix::{self, CAP_AUDIT_CONTROL, CAP_AUDIT_READ, CAP_AUDIT_WRITE};
use super::report::SensorHealth;
use super::surroundings::{Namespace, Surroundings};
use crate::audit::AuditRule;
use crate::netlink::{AuditKernel, AuditStatus, Enabled, KernelCall, KernelError, RuleAction, RuleData};
use crate::sensor::SensorKind;
use crate::sensor::kernel::{Delivery, Silencer, missing, prove, silencers};

/// Longest wait for a marker to come back.
const PATIENCE: Duration = Duration::from_millis(500);

/// Examines the kernel's audit for runs that need `rules`.
pub(super) fn examine(
    kernel: Result<Box<dyn AuditKernel>, KernelError>,
    rules: &[AuditRule],
    around: &Surroundings,
) -> SensorHealth {
    let mut facts = around.facts();
    let (works, reason, fix) = match kernel.and_then(|mut kernel| look(&mut *kernel, rules, around, &mut facts)) {
        Ok(Ok(reason)) => (true, reason, None),
        Ok(Err(trouble)) => (false, trouble.reason, Some(trouble.fix)),
        Err(error) => {
            let trouble = refusal(error, around);
            (false, trouble.reason, Some(trouble.fix))
        }
    };
    SensorHealth { kind: SensorKind::Audit, works, reason, fix, facts }
}

/// Why it does not work although the kernel answers.
struct Trouble {
    reason: String,
    fix: String,
}

fn look(
    kernel: &mut dyn AuditKernel,
    rules: &[AuditRule],
    around: &Surroundings,
    facts: &mut Vec<(String, String)>,
) -> Result<Result<String, Trouble>, KernelError> {
    let status = kernel.status()?;
    let there = kernel.rules()?;
    facts.extend(of_status(&status, &there));
    let needed: Vec<RuleData> = rules.iter().map(RuleData::from).collect();
    let stream = kernel.listen()?;
    let delivery = match status.state() {
        Enabled::Off => None,
        Enabled::On | Enabled::Locked => Some(prove(kernel, stream, PATIENCE)?),
    };
    let shown = match delivery {
        Some(Delivery::Seen { .. }) => "a marker came back",
        Some(Delivery::Nothing) => "no marker came back",
        None => "not tested, because audit is off; the sensor tests it when it starts",
    };
    facts.push(("delivery".to_owned(), shown.to_owned()));
    let unreachable =
        delivery == Some(Delivery::Nothing) || (delivery.is_none() && around.net_namespace == Namespace::Other);
    if unreachable {
        let reason = "this is not the initial network namespace: the kernel takes the reader and sends it nothing";
        return Ok(Err(Trouble { reason: reason.to_owned(), fix: fix::access(around) }));
    }
    let has_context = matches!(delivery, Some(Delivery::Seen { has_context: true }));
    if let Some(trouble) = silenced(&needed, &there, has_context, delivery.is_some()) {
        return Ok(Err(trouble));
    }
    if status.state() != Enabled::Locked {
        let beside = if status.pid == 0 { "there is no audit daemon" } else { "beside the audit daemon" };
        return Ok(Ok(format!("the kernel answers and its records can be read; {beside}")));
    }
    let gaps = missing(&needed, &there);
    Ok(match gaps.first() {
        None => Ok("the system is locked until the next boot; its own rules answer what is needed".to_owned()),
        Some(gap) => Err(Trouble {
            reason: match &gap.silencer {
                Some(silencer) => {
                    format!("the system is locked until the next boot, and '{silencer}' stands before '{}'", gap.needed)
                }
                None => format!("the system is locked until the next boot, and no rule answers '{}'", gap.needed),
            },
            fix: format!("add '{}' to the rules that are loaded at boot, and boot; or {}", gap.needed, fix::trace()),
        }),
    })
}

/// Rules of others that no rule of ours helps against.
fn silenced(needed: &[RuleData], there: &[RuleData], has_context: bool, tested: bool) -> Option<Trouble> {
    silencers(needed, there).into_iter().find_map(|silencer| match silencer {
        Silencer::Exclude(rule) => Some(Trouble {
            reason: format!("the rule '{rule}' drops records that are needed"),
            fix: fix::remove(&rule.to_string()),
        }),
        Silencer::Task(rule) if !has_context && (tested || rule.is_unconditional()) => Some(Trouble {
            reason: format!("the rule '{rule}' keeps new processes from being audited at all"),
            fix: fix::remove(&rule.to_string()),
        }),
        // Ours go in front of it.
        Silencer::Task(_) | Silencer::Exit(_) => None,
    })
}

fn of_status(status: &AuditStatus, there: &[RuleData]) -> Vec<(String, String)> {
    let enabled = match status.state() {
        Enabled::Off => "no (the sensor switches it on for the run, and off again)".to_owned(),
        Enabled::On => "yes".to_owned(),
        Enabled::Locked => "yes, locked until the next boot".to_owned(),
    };
    let daemon = if status.pid == 0 { "none".to_owned() } else { format!("pid {}", status.pid) };
    let never: Vec<String> =
        there.iter().filter(|rule| rule.action() == RuleAction::Never).map(ToString::to_string).collect();
    let rate = if status.rate_limit == 0 { "none".to_owned() } else { format!("{} records/s", status.rate_limit) };
    let facts = [
        ("enabled", enabled),
        ("audit daemon", daemon),
        ("backlog", format!("{} of {}", status.backlog, status.backlog_limit)),
        ("rate limit", rate),
        ("lost since boot", status.lost.to_string()),
        ("rules", there.len().to_string()),
        ("never rules", if never.is_empty() { "none".to_owned() } else { never.join("; ") }),
    ];
    facts.map(|(name, value)| (name.to_owned(), value)).into()
}

/// A refusal of the kernel, told by its cause: the same number means different things to different calls.
fn refusal(error: KernelError, around: &Surroundings) -> Trouble {
    let lacks = |capability| !around.has(capability);
    let with = |reason: &str, fix: String| Trouble { reason: format!("{reason} ({:?})", error.errno), fix };
    match (error.call, error.errno) {
        (KernelCall::Socket, Errno::EPROTONOSUPPORT) => {
            with("this kernel has no audit: built without CONFIG_AUDIT, or booted with audit=0", fix::no_audit())
        }
        (KernelCall::Socket, Errno::EINVAL) if lacks(CAP_AUDIT_WRITE) => with(
            "the container's seccomp profile forbids audit sockets without CAP_AUDIT_WRITE, as Podman's default does",
            fix::access(around),
        ),
        (KernelCall::Socket, _) => {
            with("a seccomp filter or security module forbids audit sockets", fix::access(around))
        }
        (_, Errno::ECONNREFUSED) => with(
            "this is not the initial user namespace: the kernel hides its audit from rootless containers and user \
             namespaces",
            fix::access(around),
        ),
        (KernelCall::Listen, Errno::EPERM) => match around.user_namespace {
            Namespace::Other => with("audit cannot be read from a user namespace", fix::access(around)),
            _ => with("CAP_AUDIT_READ is missing", fix::access(around)),
        },
        (_, Errno::EPERM) => {
            let mut causes = Vec::new();
            if around.pid_namespace == Namespace::Other {
                causes.push("this is not the initial pid namespace");
            }
            if lacks(CAP_AUDIT_CONTROL) {
                causes.push("CAP_AUDIT_CONTROL is missing");
            }
            if lacks(CAP_AUDIT_READ) {
                causes.push("CAP_AUDIT_READ is missing");
            }
            let causes = match causes.as_slice() {
                [] => "the kernel does not allow it here".to_owned(),
                all => all.join(", and "),
            };
            with(&causes, fix::access(around))
        }
        (_, Errno::ETIMEDOUT) => with("the kernel does not answer within a second", fix::trace()),
        _ => Trouble { reason: error.to_string(), fix: fix::trace() },
    }
}

#[cfg(test)]
#[path = "audit_tests.rs"]
mod tests;
