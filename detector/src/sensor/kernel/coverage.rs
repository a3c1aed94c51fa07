//! What a set of rules lets through: whether a needed rule is already answered by others', and which rules would
//! silence it. Pure functions over the kernel's list; first match wins in each list.

use crate::audit::RecordType;
use crate::netlink::rule::{Condition, EQUAL, FIELD_ARCH, FIELD_MSGTYPE};
use crate::netlink::{RuleAction, RuleData, RuleList};

/// A needed rule that the kernel's own rules do not answer, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The rule that is needed.
    pub needed: RuleData,
    /// The `never` rule in front of it; `None`: no rule asks for these records at all.
    pub silencer: Option<RuleData>,
}

/// A rule of others that may keep records of a needed rule from being made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Silencer {
    /// A `never` rule on the exit list: a needed rule has to stand in front of it.
    Exit(RuleData),
    /// A `never` rule on the task list: processes that it matches have no audit context at all, and no rule helps.
    Task(RuleData),
    /// A rule on the exclude list that drops every record of a kind that is needed: no rule helps.
    Exclude(RuleData),
}

/// Which of `needed` the rules that are there do not answer fully. Nothing can be added in front of them.
#[must_use]
pub fn missing(needed: &[RuleData], there: &[RuleData]) -> Vec<Gap> {
    let mut gaps = Vec::new();
    for rule in needed {
        let same_list = there.iter().filter(|other| other.list() == rule.list());
        let mut gap = Some(Gap { needed: rule.clone(), silencer: None });
        for other in same_list {
            if other.action() == RuleAction::Always && covers(other, rule) {
                gap = None;
                break;
            }
            if other.action() == RuleAction::Never && may_overlap(other, rule) {
                gap = Some(Gap { needed: rule.clone(), silencer: Some(other.clone()) });
                break;
            }
        }
        gaps.extend(gap);
    }
    gaps
}

/// The rules of others that may silence one of `needed`, in the kernel's order.
#[must_use]
pub fn silencers(needed: &[RuleData], there: &[RuleData]) -> Vec<Silencer> {
    let mut found = Vec::new();
    for other in there.iter().filter(|other| !other.is_lab_rule()) {
        match (other.list(), other.action()) {
            (RuleList::Task, RuleAction::Never) => found.push(Silencer::Task(other.clone())),
            // On this list the kernel drops what matches, whichever action the rule names (audit_filter, kernel/audit.c).
            (RuleList::Exclude, _) if excludes_needed(other) => found.push(Silencer::Exclude(other.clone())),
            (RuleList::Exit, RuleAction::Never) if needed.iter().any(|rule| may_overlap(other, rule)) => {
                found.push(Silencer::Exit(other.clone()));
            }
            _ => {}
        }
    }
    found
}

/// Whether a rule of the exclude list drops, for everybody, records that say what was done.
fn excludes_needed(rule: &RuleData) -> bool {
    let needed = [RecordType::SYSCALL, RecordType::EXECVE].map(|kind| u32::from(kind.0));
    let mut conditions = rule.conditions().filter(Condition::is_filter);
    let first = conditions.next();
    conditions.next().is_none()
        && first.is_some_and(|it| it.field == FIELD_MSGTYPE && it.operator == EQUAL && needed.contains(&it.value))
}

/// Whether everything that `rule` matches is matched by `other`: all its calls, and no condition that `rule` lacks.
fn covers(other: &RuleData, rule: &RuleData) -> bool {
    let calls = other.mask().zip(rule.mask()).all(|(others, own)| own & !others == 0);
    let narrower = |condition: &Condition<'_>| rule.conditions().any(|own| own == *condition);
    calls && other.conditions().filter(Condition::is_filter).all(|condition| narrower(&condition))
}

/// Whether something may match both: a call in common, and no two conditions that exclude each other for certain.
fn may_overlap(other: &RuleData, rule: &RuleData) -> bool {
    let calls = other.mask().zip(rule.mask()).any(|(others, own)| own & others != 0);
    let machine = |of: &RuleData| of.conditions().find(|it| it.field == FIELD_ARCH).map(|it| (it.operator, it.value));
    let disjoint = match (machine(other), machine(rule)) {
        (Some((one, left)), Some((two, right))) => one == two && one == EQUAL && left != right,
        _ => false,
    };
    calls && !disjoint
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::rule::tests::{mprotect, rule};

    #[test]
    fn an_equal_or_broader_rule_covers_and_a_narrower_one_does_not() {
        let broader = rule("-a always,exit -S mprotect,pkey_mprotect -k site");
        let narrower = rule("-a always,exit -F arch=b64 -S mprotect -F a2=7 -k site");
        let other_call = rule("-a always,exit -F arch=b64 -S pkey_mprotect");
        assert!(missing(&[mprotect()], &[rule("-a always,exit -F arch=b64 -S mprotect -k other")]).is_empty());
        assert!(missing(&[mprotect()], &[other_call.clone(), broader]).is_empty());
        let gap = Gap { needed: mprotect(), silencer: None };
        assert_eq!(missing(&[mprotect()], &[narrower, other_call]), std::slice::from_ref(&gap));
        assert_eq!(missing(&[mprotect()], &[]), [gap]);
    }

    #[test]
    fn a_never_rule_in_front_silences_and_one_behind_does_not() {
        let never = rule("-a never,exit -S mprotect -F uid=1000");
        assert!(missing(&[mprotect()], &[mprotect(), never.clone()]).is_empty());
        let gap = Gap { needed: mprotect(), silencer: Some(never.clone()) };
        assert_eq!(missing(&[mprotect()], &[never, mprotect()]), [gap]);
    }

    #[test]
    fn a_never_rule_for_another_call_or_machine_silences_nothing() {
        let others = [rule("-a never,exit -S execve"), rule("-a never,exit -F arch=b32 -S unlink"), mprotect()];
        assert!(missing(&[mprotect()], &others).is_empty());
        assert!(silencers(&[mprotect()], &others).is_empty());
    }

    #[test]
    fn silencers_are_found_on_every_list_and_never_among_the_labs_own_rules() {
        let task = rule("-a never,task");
        let exclude = rule("-a always,exclude -F msgtype=SYSCALL");
        let harmless = rule("-a always,exclude -F msgtype=CWD");
        let exit = rule("-a never,exit -S mprotect");
        let own = rule("-a never,exit -S mprotect -k firstseen-1-2-3");
        let found = silencers(&[mprotect()], &[task.clone(), harmless, exclude.clone(), own, exit.clone()]);
        assert_eq!(found, [Silencer::Task(task), Silencer::Exclude(exclude), Silencer::Exit(exit)]);
    }
}
