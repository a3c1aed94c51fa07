//! Which events the sensor was asked for.
//!
//! The audit system belongs to the whole machine: rules of the site, and of other runs, make records of the watched
//! processes too. On the host that a detection rule was written for they would not be there, so they are not handed on.

use crate::audit::{Abi, Action, AuditRule, Field, FieldValue, RuleField};

/// Whether one of `rules` asks for the event of a `SYSCALL` record, as far as the record says; in doubt it does.
pub(super) fn is_asked_for(rules: &[AuditRule], record: &str) -> bool {
    let call = Call::of(record);
    rules.iter().filter(|rule| rule.action == Action::Always).any(|rule| {
        call.number.is_none_or(|number| rule.mask.contains(number))
            && call.abi.is_none_or(|abi| rule.abis().contains(&abi))
            && rule.fields.iter().all(|field| call.fits(field).unwrap_or(true))
    })
}

/// What a record says of the call that a rule may ask for.
#[derive(Default)]
struct Call {
    abi: Option<Abi>,
    number: Option<u32>,
    arguments: [Option<u64>; 4],
    exit: Option<i64>,
    success: Option<bool>,
}

impl Call {
    /// Reads what stands in front of the names that a process chooses itself.
    fn of(record: &str) -> Call {
        let mut call = Call::default();
        for (name, value) in record.split(' ').filter_map(|word| word.split_once('=')) {
            match name {
                "arch" => call.abi = u32::from_str_radix(value, 16).ok().and_then(Abi::from_audit_arch),
                "syscall" => call.number = value.parse().ok(),
                "success" => call.success = Some(value == "yes"),
                "exit" => call.exit = value.parse().ok(),
                "a0" => call.arguments[0] = u64::from_str_radix(value, 16).ok(),
                "a1" => call.arguments[1] = u64::from_str_radix(value, 16).ok(),
                "a2" => call.arguments[2] = u64::from_str_radix(value, 16).ok(),
                "a3" => call.arguments[3] = u64::from_str_radix(value, 16).ok(),
                "comm" => break,
                _ => {}
            }
        }
        call
    }

    /// A condition on the call; nothing if it is on something else. Numbers are compared as 32 bits, as the kernel does.
    fn fits(&self, condition: &RuleField) -> Option<bool> {
        let FieldValue::Number(right) = condition.value else { return None };
        let left = match condition.field {
            Field::EXIT => self.exit? as u32,
            Field::SUCCESS => return Some(condition.op.holds(u32::from(self.success?), right.min(1))),
            field => self.arguments.get(field.0.checked_sub(Field::ARG0.0)? as usize).copied().flatten()? as u32,
        };
        Some(condition.op.holds(left, right))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MPROTECT: &str = "audit(1.000:5): arch=c000003e syscall=10 success=yes exit=0 a0=7f01 a1=1000 a2=7 a3=0 \
                            items=0 ppid=8 pid=7 auid=0 comm=\"x\" exe=\"/x\" key=(null)";

    fn asked(rules: &[&str], record: &str) -> bool {
        let rules: Vec<AuditRule> = rules.iter().map(|rule| AuditRule::parse(rule).expect("valid")).collect();
        is_asked_for(&rules, record)
    }

    #[test]
    fn the_call_its_table_its_arguments_and_its_outcome_decide() {
        for (rule, is_asked) in [
            ("-a always,exit -F arch=b64 -S mprotect", true),
            ("-a always,exit -S mprotect", true),
            ("-a always,exit -F arch=b64 -S execve", false),
            ("-a always,exit -F arch=b32 -S mprotect", false),
            ("-a always,exit -F arch=b64 -S mprotect -F a2=7", true),
            ("-a always,exit -F arch=b64 -S mprotect -F a2=5", false),
            ("-a always,exit -F arch=b64 -S mprotect -F a2&=6", true),
            ("-a always,exit -F arch=b64 -S mprotect -F success=1", true),
            ("-a always,exit -F arch=b64 -S mprotect -F success=0", false),
            ("-a always,exit -F arch=b64 -S mprotect -F exit=-12", false),
            ("-a always,exit -F arch=b64 -S mprotect -F exit=0", true),
            ("-a never,exit -F arch=b64 -S mprotect", false),
        ] {
            assert_eq!(asked(&[rule], MPROTECT), is_asked, "{rule}");
        }
        assert!(!asked(&[], MPROTECT));
        assert!(asked(&["-a always,exit -S execve", "-a always,exit -S mprotect"], MPROTECT));
    }

    #[test]
    fn what_a_record_does_not_say_is_taken_for_asked() {
        assert!(asked(&["-a always,exit -F arch=b64 -S mprotect -F auid=1000"], MPROTECT));
        assert!(asked(&["-a always,exit -F arch=b64 -S mprotect -F exit=0"], &MPROTECT.replace(" exit=0", "")));
        assert!(asked(&["-w /etc/passwd -p wa"], "audit(1.000:5): arch=c000003e syscall=257 comm=\"x\""));
    }

    #[test]
    fn a_process_cannot_claim_another_call_by_its_name() {
        let record = MPROTECT.replace("comm=\"x\"", "comm=a syscall=59");
        assert!(!asked(&["-a always,exit -F arch=b64 -S execve"], &record));
    }
}
