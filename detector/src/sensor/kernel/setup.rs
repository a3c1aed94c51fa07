//! What is changed in the audit system before anything is watched, and what makes that impossible.

use std::fmt;

use nix::errno::Errno;

use super::coverage::{Gap, Silencer, missing, silencers};
use crate::journal::{Change, Journal, JournalError, Ticket};
use crate::netlink::{AuditKernel, Enabled, KernelError, LAB_KEY_PREFIX, RuleData, StatusField};
use crate::sensor::{SensorError, SensorKind};

/// Records that may wait in the kernel while a run watches; a lower limit is raised to this.
const BACKLOG: u32 = 8192;

/// How the sensor gets its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// It added its own rules.
    OwnRules,
    /// The audit system is locked: the rules that are there answer what is needed.
    ExistingRules,
}

/// Why the `audit` sensor cannot work here.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// The kernel refused a request.
    #[error("{0}; 'firstseen doctor' says why and what to do")]
    Refused(#[from] KernelError),
    /// What would be changed cannot be written down first.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The system is locked, and its own rules do not answer what is needed.
    #[error("the audit system is locked until the next boot (enabled 2), and its rules do not answer: {}", Gaps(gaps))]
    Locked {
        /// What is not answered, and why.
        gaps: Vec<Gap>,
    },
    /// A rule of others drops the needed records for everybody, wherever a rule is added.
    #[error("the rule '{rule}' drops the records that are needed; remove it for the run (auditctl -d ...)")]
    Silenced {
        /// That rule.
        rule: RuleData,
    },
    /// Nothing of what was put into the stream came back.
    #[error(
        "the kernel takes the reader but sends it nothing: audit records only reach the initial network namespace \
         (container: add --network=host)"
    )]
    NoDelivery,
    /// A rule has no room for a key of ours.
    #[error("cannot mark the rule '{rule}' as this run's own: {source}")]
    Rule {
        /// The rule.
        rule: RuleData,
        /// What is wrong.
        source: crate::netlink::RuleError,
    },
}

impl From<Unfit> for SensorError {
    fn from(unfit: Unfit) -> SensorError {
        SensorError::Unfit { sensor: SensorKind::Audit, reason: unfit.to_string() }
    }
}

struct Gaps<'a>(&'a [Gap]);

impl fmt::Display for Gaps<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, gap) in self.0.iter().enumerate() {
            f.write_str(if index == 0 { "" } else { "; " })?;
            match &gap.silencer {
                Some(silencer) => write!(f, "'{}' stands behind '{silencer}'", gap.needed)?,
                None => write!(f, "'{}' is not there", gap.needed)?,
            }
        }
        Ok(())
    }
}

/// What was set up.
#[derive(Debug)]
pub(super) struct Setup {
    pub(super) mode: Mode,
    /// The rules that must stay answered while something is watched.
    pub(super) rules: Vec<RuleData>,
    /// Changes of ours, to be undone at the end.
    pub(super) tickets: Vec<Ticket>,
    /// A `never` rule of the task list that may leave our processes without an audit context.
    pub(super) task_silencer: Option<RuleData>,
}

/// Makes the kernel write the records that `needed` ask for. On an error everything is as it was.
pub(super) fn prepare(kernel: &mut dyn AuditKernel, needed: &[RuleData], journal: &Journal) -> Result<Setup, Unfit> {
    let there = kernel.rules()?;
    let found = silencers(needed, &there);
    if let Some(Silencer::Exclude(rule)) = found.iter().find(|it| matches!(it, Silencer::Exclude(_))) {
        return Err(Unfit::Silenced { rule: rule.clone() });
    }
    let task_silencer = found.iter().find_map(|silencer| match silencer {
        Silencer::Task(rule) => Some(rule.clone()),
        _ => None,
    });
    if kernel.status()?.state() == Enabled::Locked {
        let gaps = missing(needed, &there);
        return match gaps.is_empty() {
            true => Ok(Setup { mode: Mode::ExistingRules, rules: needed.to_vec(), tickets: Vec::new(), task_silencer }),
            false => Err(Unfit::Locked { gaps }),
        };
    }
    // Others' rules go first, and keep their keys in the site's own log, unless one of them would silence ours.
    let place = match found.iter().any(|it| matches!(it, Silencer::Exit(_))) {
        true => RuleData::prepended,
        false => RuleData::clone,
    };
    let _hold = journal.hold()?;
    let mut tickets = Vec::new();
    match change(kernel, needed, place, journal, &mut tickets) {
        Ok(rules) => Ok(Setup { mode: Mode::OwnRules, rules, tickets, task_silencer }),
        Err(unfit) => {
            journal.undo(&tickets);
            Err(unfit)
        }
    }
}

fn change(
    kernel: &mut dyn AuditKernel,
    needed: &[RuleData],
    place: impl Fn(&RuleData) -> RuleData,
    journal: &Journal,
    tickets: &mut Vec<Ticket>,
) -> Result<Vec<RuleData>, Unfit> {
    journal.beside_others(|others| {
        let enough = |limit: u32| limit == 0 || limit >= BACKLOG;
        raise(kernel, StatusField::BacklogLimit, BACKLOG, enough, others, journal, tickets)?;
        raise(kernel, StatusField::Enabled, 1, |enabled| enabled != 0, others, journal, tickets)
    })??;
    let key = format!("{LAB_KEY_PREFIX}{}", journal.run());
    let mut added: Vec<RuleData> = Vec::new();
    for rule in needed {
        // Without us: the reader's own calls would make records that it has to read.
        let own = rule.appended().except(std::process::id()).and_then(|own| own.with_key(&key));
        let own = own.map_err(|source| Unfit::Rule { rule: rule.clone(), source })?;
        if added.contains(&own) {
            continue;
        }
        let ticket = journal.will(Change::AuditRule { rule: own.clone() })?;
        match kernel.add_rule(&place(&own)) {
            Ok(()) => tickets.push(ticket),
            // Another sensor of this very run added it, and will delete it.
            Err(error) if error.errno == Errno::EEXIST => journal.withdraw(ticket)?,
            Err(error) => {
                journal.withdraw(ticket)?;
                return Err(error.into());
            }
        }
        added.push(own);
    }
    Ok(added)
}

/// Sets a field to `wanted` unless it is good as it is. If it is good only because another live run set it, that is
/// written down as ours too: the last of the runs puts back what was there before the first.
fn raise(
    kernel: &mut dyn AuditKernel,
    field: StatusField,
    wanted: u32,
    is_good: impl Fn(u32) -> bool,
    others: &[Change],
    journal: &Journal,
    tickets: &mut Vec<Ticket>,
) -> Result<(), Unfit> {
    let status = kernel.status()?;
    let value = status.value(field);
    if is_good(value) {
        let held = others.iter().find(|change| {
            matches!(change, Change::AuditStatus { field: other, new, .. } if *other == field && *new == value)
        });
        if let Some(held) = held {
            tickets.push(journal.will(held.clone())?);
        }
        return Ok(());
    }
    let ticket = journal.will(Change::AuditStatus { field, old: value, new: wanted, auditd: status.pid })?;
    match kernel.set(field, wanted) {
        Ok(()) => tickets.push(ticket),
        Err(error) => {
            journal.withdraw(ticket)?;
            return Err(error.into());
        }
    }
    Ok(())
}

#[cfg(test)]
#[path = "setup_tests.rs"]
mod tests;
