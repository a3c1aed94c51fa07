//! [`Filter`]: which system calls are stopped at, and which of them are recorded, as the kernel's exit filter decides it
//! (`audit_filter_syscall` and `audit_filter_rules`, kernel/auditsc.c).

use std::path::Path;

use super::bpf::{self, Calls};
use super::event::{Outcome, SyscallEvent};
use super::support;
use crate::audit::{Abi, Action, AuditRule, Field, FieldValue, FilterList, Op, Position, RuleField};
use crate::sensor::{SensorError, SensorKind};
use crate::sys::seccomp::Instruction;

/// Audit rules in a form in which this sensor can decide them.
#[derive(Clone, Debug)]
pub struct Filter {
    rules: Vec<AuditRule>,
}

/// What the rules say about an event that is recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Match {
    /// The rule's keys, joined by 0x01.
    pub(super) key: Option<Vec<u8>>,
}

impl Filter {
    /// Takes the rules in the order in which auditctl would add them.
    ///
    /// # Errors
    /// [`SensorError::Rule`] for a rule that needs the kernel: another list than `exit`, a condition on files or security
    /// labels, a system call whose events need more records than this sensor can make.
    pub fn new(rules: &[AuditRule]) -> Result<Filter, SensorError> {
        let mut ordered = Vec::with_capacity(rules.len());
        for rule in rules {
            let refused = |problem: String| SensorError::Rule {
                sensor: SensorKind::Trace,
                rule: rule.to_string(),
                problem,
                advice: "leave it out or use the audit sensor",
            };
            check(rule).map_err(refused)?;
            let at = if rule.position == Position::Prepend { 0 } else { ordered.len() };
            ordered.insert(at, resolved(rule));
        }
        Ok(Filter { rules: ordered })
    }

    /// Whether the event is recorded: the first rule that matches decides.
    pub(super) fn decide(&self, event: &SyscallEvent) -> Option<Match> {
        let rule = self.rules.iter().find(|rule| matches(rule, event))?;
        (rule.action == Action::Always).then(|| Match { key: key(rule) })
    }

    /// Whether a call can still be recorded, by what is known before its process was looked at: reading that is the
    /// expensive part. `outcome` is nothing while the call runs.
    pub(super) fn may_record(&self, abi: Abi, number: u32, arguments: &[u64; 4], outcome: Option<Outcome>) -> bool {
        self.rules.iter().any(|rule| {
            rule.action == Action::Always
                && rule.mask.contains(number)
                && rule.fields.iter().all(|field| holds_of_call(field, abi, arguments, outcome).unwrap_or(true))
        })
    }

    /// The seccomp program that stops at the calls that these rules can record.
    pub(super) fn program(&self) -> Vec<Instruction> {
        let calls: Vec<(u32, Calls)> =
            Abi::of_this_machine().iter().map(|abi| (abi.audit_arch(), self.calls(*abi))).collect();
        bpf::program(&calls)
    }

    fn calls(&self, abi: Abi) -> Calls {
        let mut numbers = std::collections::BTreeSet::new();
        for rule in self.rules.iter().filter(|rule| rule.action == Action::Always && rule.abis().contains(&abi)) {
            if rule.mask.is_all() {
                return Calls::All;
            }
            numbers.extend(rule.mask.numbers());
        }
        Calls::Some(numbers)
    }
}

fn key(rule: &AuditRule) -> Option<Vec<u8>> {
    rule.fields.iter().find_map(|field| match &field.value {
        FieldValue::Text(text) if field.field == Field::KEY => Some(text.clone()),
        _ => None,
    })
}

/// The path of an `exe` condition with its links followed: the kernel compares files, not names.
fn resolved(rule: &AuditRule) -> AuditRule {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    let mut rule = rule.clone();
    for field in rule.fields.iter_mut().filter(|field| field.field == Field::EXE) {
        if let FieldValue::Text(path) = &mut field.value
            && let Ok(real) = Path::new(std::ffi::OsStr::from_bytes(path)).canonicalize()
        {
            *path = real.into_os_string().into_vec();
        }
    }
    rule
}

/// Why this sensor cannot decide or record a rule.
fn check(rule: &AuditRule) -> Result<(), String> {
    if rule.list != FilterList::Exit {
        return Err(format!("only the list 'exit' can be decided without the kernel, not '{}'", rule.list.name()));
    }
    for field in &rule.fields {
        let known = match field.field {
            Field::COMPARE => matches!(field.value, FieldValue::Number(10..=25)),
            field => DECIDABLE.contains(&field.0),
        };
        if !known {
            let name = field.field.name().unwrap_or("with an unknown number");
            return Err(format!("the condition '{name}' cannot be decided without the kernel"));
        }
    }
    if rule.action == Action::Always {
        for (abi, number) in rule.syscalls() {
            support::check(abi, number)?;
        }
    }
    Ok(())
}

/// Fields that [`matches()`] knows: ids, `pers`, `arch`, `ppid`, `sessionid`, `exit`, `success`, `exe`, arguments and the key.
const DECIDABLE: [u32; 22] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 18, 25, 103, 104, 112, 200, 201, 202, 203, 210];

fn matches(rule: &AuditRule, event: &SyscallEvent) -> bool {
    rule.mask.contains(event.number) && rule.fields.iter().all(|field| holds(field, event))
}

/// One condition; on the outcome of a call without one it does not hold. Numbers are compared as 32 bits, as the kernel does: of an argument or a result only the lower half.
fn holds(condition: &RuleField, event: &SyscallEvent) -> bool {
    let process = &event.process;
    let op = condition.op;
    let right = match &condition.value {
        FieldValue::Number(number) => *number,
        FieldValue::Text(path) if condition.field == Field::EXE => {
            return (process.exe.as_ref() == Some(path)) != (op == Op::NotEqual);
        }
        FieldValue::Text(_) => return condition.field == Field::KEY,
    };
    if let Some(holds) = holds_of_call(condition, event.abi, &event.arguments, event.outcome) {
        return holds;
    }
    match condition.field.0 {
        0 => op.holds(process.pid, right),
        number @ 1..=4 => op.holds(process.users[number as usize - 1], right),
        number @ (5 | 6) => in_group(op, process.groups[number as usize - 5], &process.supplementary, right),
        number @ (7 | 8) => op.holds(process.groups[number as usize - 5], right),
        9 => op.holds(process.auid, right),
        10 => op.holds(process.personality, right),
        18 => op.holds(process.ppid, right),
        25 => op.holds(process.session, right),
        111 => compares(op, right, event),
        _ => false,
    }
}

/// A condition on the call itself: nothing if it is on something else, or on an outcome that is not there.
fn holds_of_call(condition: &RuleField, abi: Abi, arguments: &[u64; 4], outcome: Option<Outcome>) -> Option<bool> {
    let op = condition.op;
    let FieldValue::Number(right) = condition.value else { return None };
    match condition.field.0 {
        11 => Some(op.holds(abi.audit_arch(), right)),
        103 => outcome.map(|outcome| op.holds(outcome.exit as u32, right)),
        // AUDITSC_SUCCESS is 1 and AUDITSC_FAILURE 2: the wanted one is compared with the one that came.
        104 => outcome.map(|outcome| op.holds(2 - u32::from(outcome.success), 2 - right.min(1))),
        number @ 200..=203 => Some(op.holds(arguments[number as usize - 200] as u32, right)),
        _ => None,
    }
}

/// `gid` and `egid` ask for the further groups too.
fn in_group(op: Op, group: u32, supplementary: &[u32], right: u32) -> bool {
    match op {
        Op::Equal => group == right || supplementary.contains(&right),
        Op::NotEqual => group != right && !supplementary.contains(&right),
        _ => op.holds(group, right),
    }
}

/// `-C`: two ids of the process, by `AUDIT_COMPARE_*` of `linux/audit.h`.
fn compares(op: Op, pair: u32, event: &SyscallEvent) -> bool {
    let [uid, euid, suid, fsuid] = event.process.users;
    let [gid, egid, sgid, fsgid] = event.process.groups;
    let auid = event.process.auid;
    let (left, right) = match pair {
        10 => (uid, auid),
        11 => (uid, euid),
        12 => (uid, fsuid),
        13 => (uid, suid),
        14 => (auid, fsuid),
        15 => (auid, suid),
        16 => (auid, euid),
        17 => (euid, suid),
        18 => (euid, fsuid),
        19 => (suid, fsuid),
        20 => (gid, egid),
        21 => (gid, fsgid),
        22 => (gid, sgid),
        23 => (egid, fsgid),
        24 => (egid, sgid),
        25 => (sgid, fsgid),
        _ => return false,
    };
    op.holds(left, right)
}
