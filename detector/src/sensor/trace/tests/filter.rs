//! Rules decided on events that were made by hand.

use super::super::event::{Detail, Outcome, ProcessFacts, SyscallEvent};
use super::super::filter::Filter;
use super::rules;
use crate::audit::Abi;
use crate::time::Millis;

fn event() -> SyscallEvent {
    SyscallEvent {
        time: Millis(0),
        abi: Abi::X86_64,
        number: 10,
        arguments: [0x7f00_0000_1000, 4096, 7, u64::MAX],
        outcome: Some(Outcome { success: true, exit: 0 }),
        process: ProcessFacts {
            pid: 500,
            ppid: 400,
            auid: u32::MAX,
            users: [1000, 1001, 1002, 1003],
            groups: [2000, 2001, 2002, 2003],
            supplementary: vec![27, 44],
            session: 3,
            comm: b"x".to_vec(),
            exe: Some(b"/opt/acme/updater".to_vec()),
            personality: 0,
            ..ProcessFacts::default()
        },
        detail: Detail::None,
    }
}

fn recorded(line: &str, event: &SyscallEvent) -> bool {
    let filter = Filter::new(&rules(&[line])).expect("a rule that can be decided");
    let decided = filter.decide(event).is_some();
    let may = filter.may_record(event.abi, event.number, &event.arguments, event.outcome);
    assert!(may || !decided, "{line}: what is recorded must be possible first");
    assert!(filter.may_record(event.abi, event.number, &event.arguments, None) || !decided, "{line}");
    decided
}

/// Each condition, once as it holds for [`event`] and once one tick beside.
#[test]
fn every_condition_is_decided_at_its_edge() {
    let cases = [
        ("a2=7", "a2=6"),
        ("a2!=6", "a2!=7"),
        ("a2>=7", "a2>=8"),
        ("a2>6", "a2>7"),
        ("a2<=7", "a2<=6"),
        ("a2<8", "a2<7"),
        ("a2&=6", "a2&=14"),
        ("a2&12", "a2&8"),
        ("a0=0x1000", "a0=0x1001"), // the lower half only
        ("a1=4096", "a1=4095"),
        ("a3=0xffffffff", "a3=0xfffffffe"),
        ("pid=500", "pid=501"),
        ("ppid=400", "ppid=401"),
        ("uid=1000", "uid=1001"),
        ("euid=1001", "euid=1000"),
        ("suid=1002", "suid=1000"),
        ("fsuid=1003", "fsuid=1000"),
        ("gid=2000", "gid=2001"),
        ("gid=27", "gid=28"), // further groups count
        ("gid!=28", "gid!=27"),
        ("egid=2001", "egid=2000"),
        ("egid=44", "egid=45"),
        ("sgid=2002", "sgid=27"),
        ("fsgid=2003", "fsgid=27"),
        ("auid=-1", "auid!=-1"),
        ("auid>=1000", "auid<1000"), // unset is the largest number
        ("sessionid=3", "sessionid=4"),
        ("pers=0", "pers=0x400000"),
        ("arch=b64", "arch=b32"),
        ("success=1", "success=0"),
        ("success!=0", "success!=1"),
        ("exit=0", "exit=-ENOMEM"),
        ("exe=/opt/acme/updater", "exe=/opt/acme/update"),
        ("exe!=/opt/acme/other", "exe!=/opt/acme/updater"),
    ];
    for (holds, fails) in cases {
        let line = |condition: &str| match condition.starts_with("arch") {
            true => format!("-a always,exit -F {condition} -S 10"),
            false => format!("-a always,exit -F arch=b64 -S mprotect -F {condition}"),
        };
        // Number 10 of i386 is unlink, which cannot be recorded; there the rule is refused instead.
        assert!(recorded(&line(holds), &event()), "{holds}");
        if fails != "arch=b32" {
            assert!(!recorded(&line(fails), &event()), "{fails}");
        }
    }
}

#[test]
fn ids_are_compared_with_each_other() {
    let names = ["uid", "euid", "suid", "fsuid", "auid"];
    for (index, left) in names.iter().enumerate() {
        for right in &names[index + 1..] {
            let line = |op: &str| format!("-a always,exit -F arch=b64 -S mprotect -C {left}{op}{right}");
            assert!(recorded(&line("!="), &event()) && !recorded(&line("="), &event()), "{left} {right}");
        }
    }
    let mut same = event();
    same.process.groups = [5; 4];
    for pair in ["gid=egid", "gid=sgid", "gid=fsgid", "egid=sgid", "egid=fsgid", "sgid=fsgid"] {
        let line = format!("-a always,exit -F arch=b64 -S mprotect -C {pair}");
        assert!(recorded(&line, &same) && !recorded(&line, &event()), "{pair}");
    }
}

#[test]
fn all_conditions_must_hold_and_the_call_must_be_named() {
    assert!(recorded("-a always,exit -F arch=b64 -S mprotect,mmap -F a2=7 -F uid=1000", &event()));
    assert!(!recorded("-a always,exit -F arch=b64 -S mprotect,mmap -F a2=7 -F uid=0", &event()));
    assert!(!recorded("-a always,exit -F arch=b64 -S pkey_mprotect,mmap -F a2=7", &event()));
}

#[test]
fn a_rule_for_one_abi_leaves_the_other_alone() {
    let gate = SyscallEvent { abi: Abi::I386, number: 125, ..event() };
    assert!(recorded("-a always,exit -F arch=b32 -S mprotect", &gate));
    assert!(!recorded("-a always,exit -F arch=b64 -S mprotect", &gate));
    assert!(!recorded("-a always,exit -F arch=b32 -S mprotect", &event()));
}

#[test]
fn an_x32_call_is_named_by_no_rule() {
    let call = SyscallEvent { number: 0x4000_000a, ..event() };
    assert!(!recorded("-a always,exit -F arch=b64 -S mprotect", &call));
}

#[test]
fn a_call_without_an_end_has_neither_success_nor_exit() {
    let ended = SyscallEvent { outcome: None, ..event() };
    for condition in ["success=1", "success=0", "exit=0", "exit!=0"] {
        assert!(!recorded(&format!("-a always,exit -F arch=b64 -S mprotect -F {condition}"), &ended), "{condition}");
    }
    assert!(recorded("-a always,exit -F arch=b64 -S mprotect -F a2=7", &ended));
}

#[test]
fn the_first_match_decides_and_gives_the_key() {
    let decide = |lines: &[&str]| {
        let matched = Filter::new(&rules(lines)).expect("rules that can be decided").decide(&event());
        matched.map(|matched| matched.key.map_or_else(String::new, |key| String::from_utf8(key).expect("text")))
    };
    let plain = "-a always,exit -F arch=b64 -S mprotect -k all";
    let narrow = "-a always,exit -F arch=b64 -S mprotect -F a2=7 -k rwx -k second";
    let never = "-a never,exit -F arch=b64 -S mprotect -F uid=1000";
    assert_eq!(decide(&[plain, narrow]).as_deref(), Some("all"));
    assert_eq!(decide(&[narrow, plain]).as_deref(), Some("rwx\u{1}second"));
    assert_eq!(decide(&[never, plain]), None);
    assert_eq!(decide(&[plain, &never.replace("-a", "-A")]), None);
    assert_eq!(decide(&[plain, never]).as_deref(), Some("all"));
    assert_eq!(decide(&["-a never,exit -F arch=b64 -S mprotect -F uid=1", plain]).as_deref(), Some("all"));
    assert_eq!(decide(&[]), None);
}
