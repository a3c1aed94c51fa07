//! Reading rules: what is refused and why; and that text and bytes are two spellings of one rule.

use proptest::prelude::*;

use super::*;

fn reason(text: &str) -> String {
    AuditRule::parse(text).expect_err("refused").to_string()
}

#[test]
fn a_refusal_says_which_part_and_what_is_expected() {
    for (text, part) in [
        ("-a always,exit -F arch=b64 -S mprotekt", "x86_64 has no system call 'mprotekt'"),
        ("-a always,exit -F arch=b32 -S pread", "i386 has no system call 'pread'"),
        ("-a always,exit -F aiud>=1000", "did you mean 'auid'?"),
        ("-a always,exit -F a2~7", "is not FIELD"),
        ("-a always,exit -F a2=", "is not FIELD"),
        ("-a always,exit -F a2=zz", "'zz' is no 32-bit number"),
        ("-a always,exit -F a2=0x100000000", "no 32-bit number"),
        ("-a always,exit -F exit=-ENOTHING", "no error such as -EPERM"),
        ("-a always,exit -F arch=vax", "unknown machine 'vax'"),
        ("-a always,exit -F arch>b64", "cannot be compared"),
        ("-a always,exit -F msgtype=EOE", "belongs to the exclude and user lists"),
        ("-a always,exclude -F perm=wa", "belongs to the exit list"),
        ("-a always,user -F exit=0", "belongs to the exit list"),
        ("-a always,exit -F uid=no_such_user_here", "write the number"),
        ("-a entry,always -S open", "use 'exit'"),
        ("-a possible,exit", "use 'always'"),
        ("-a always,never", "LIST,ACTION"),
        ("-a exit", "LIST,ACTION"),
        ("-a always,exit -C uid>euid", "only = and !="),
        ("-a always,exit -C uid=gid", "cannot compare"),
        ("-w etc/passwd -p wa", "no absolute path"),
        ("-w /etc/passwd -p wq", "'q' is no permission"),
        ("-w /etc/passwd -S open", "takes only -p and -k"),
        ("-a always,exit -p wa", "-F perm="),
        ("-a always,exit -S 2016", "no place for system call 2016"),
        ("-a always,exit -F", "needs a value"),
        ("-b 8192", "adds no rule"),
        ("-Z", "unknown option"),
        ("-k 'x", "never closed"),
    ] {
        let message = reason(text);
        assert!(message.contains(part), "{text}: {message}");
        assert!(message.contains(text), "{text}: {message}");
    }
}

#[test]
fn length_limits_hold_to_the_byte() {
    let key = |length: usize| AuditRule::parse(&format!("-a always,exit -S kill -k {}", "k".repeat(length)));
    assert!(key(256).is_ok() && key(257).is_err());
    let exe = |length: usize| AuditRule::parse(&format!("-a always,exit -F exe=/{}", "e".repeat(length - 1)));
    assert!(exe(4096).is_ok() && exe(4097).is_err());
    let fields = |count: usize| AuditRule::parse(&format!("-a always,exit {}", "-F pid=1 ".repeat(count)));
    assert!(fields(64).is_ok() && fields(65).is_err());
}

#[test]
fn numbers_are_c_literals() {
    let value =
        |text: &str| AuditRule::parse(&format!("-a always,exit -F a2={text}")).map(|rule| rule.fields[0].value.clone());
    for (text, number) in
        [("7", 7), ("0x7", 7), ("010", 8), ("-1", u32::MAX), ("4294967295", u32::MAX), ("-2147483648", 1 << 31)]
    {
        assert_eq!(value(text), Ok(FieldValue::Number(number)), "{text}");
    }
    assert!(value("4294967296").is_err() && value("-2147483649").is_err() && value("+7").is_err());
}

#[test]
fn an_arch_may_stand_behind_the_calls() {
    let rule = AuditRule::parse("-a always,exit -S mprotect -F arch=b32").expect("valid");
    assert_eq!(rule.mask.numbers().collect::<Vec<_>>(), [125]);
}

#[test]
fn usual_rules_of_distributions_are_understood() {
    for text in [
        "-a always,exit -F arch=b64 -S clone -F a0&0x7C020000 -F key=container-create",
        "-a always,exit -F dir=/home -F uid=0 -F auid>=1000 -F auid!=unset -C auid!=obj_uid -F key=power-abuse",
        "-a always,exit -F arch=b32 -S socketcall -F a0=0x3 -F success=1 -F key=external-access",
        "-a always,exit -F arch=b64 -S connect -F saddr_fam=10 -F success!=0 -F key=external-access",
        "-a always,exit -F perm=x -F filetype=file -F inode=7 -F devmajor=0xfd -F devminor=1",
        "-a always,exit -S open -S openat -F exit=-EACCES -F subj_type=crond_t -F obj_lev_low=s0 -k denied",
        "-a never,filesystem -F fstype=0x64626720",
        "-a always,exclude -F msgtype=PATH",
        "-a task,never",
    ] {
        let rule = AuditRule::parse(text).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(AuditRule::parse(&rule.to_string()), Ok(rule), "{text}");
    }
}

fn rules() -> impl Strategy<Value = AuditRule> {
    let condition = prop_oneof![
        (prop::sample::select(vec![0_u32, 18, 25, 100, 102, 104, 200, 203]), any::<u32>())
            .prop_map(|(field, number)| (Field(field), FieldValue::Number(number))),
        (prop::sample::select(vec![1_u32, 2, 5, 9, 109]), prop_oneof![Just(u32::MAX), any::<u32>()])
            .prop_map(|(field, number)| (Field(field), FieldValue::Number(number))),
        any::<i16>().prop_map(|exit| (Field::EXIT, FieldValue::Number(i32::from(exit).cast_unsigned()))),
        (1_u32..=25).prop_map(|pair| (Field::COMPARE, FieldValue::Number(pair))),
        "[a-z/ '\"\\\\=]{1,12}".prop_map(|text| (Field::EXE, FieldValue::Text(text.into_bytes()))),
        "[a-z _.]{1,12}".prop_map(|text| (Field::KEY, FieldValue::Text(text.into_bytes()))),
    ];
    let field = (condition, any::<bool>()).prop_map(|((field, value), equal)| RuleField {
        field,
        op: if equal { Op::Equal } else { Op::NotEqual },
        value,
    });
    let arch = prop::option::of(prop::sample::select(vec![0xc000_003e_u32, 0x4000_0003, 0xc000_00b7]));
    let calls = prop_oneof![Just(None), prop::collection::btree_set(0_u32..460, 1..5).prop_map(Some)];
    (arch, calls, prop::collection::vec(field, 0..6), any::<bool>(), any::<bool>()).prop_map(
        |(arch, calls, mut fields, always, append)| {
            if let Some(arch) = arch {
                fields.insert(0, RuleField { field: Field::ARCH, op: Op::Equal, value: FieldValue::Number(arch) });
            }
            let mut mask = SyscallMask::ALL;
            if let Some(calls) = calls {
                mask = SyscallMask::NONE;
                for call in calls {
                    assert!(mask.insert(call));
                }
            }
            let action = if always { Action::Always } else { Action::Never };
            let position = if append { Position::Append } else { Position::Prepend };
            AuditRule { list: FilterList::Exit, position, action, mask, fields }
        },
    )
}

proptest! {
    #[test]
    fn text_reads_back_to_an_equal_rule(rule in rules()) {
        let printed = rule.to_string();
        prop_assert_eq!(AuditRule::parse(&printed).map_err(|error| error.to_string()), Ok(rule));
    }

    #[test]
    fn bytes_read_back_to_an_equal_rule(rule in rules()) {
        prop_assert_eq!(AuditRule::from_bytes(&rule.to_bytes()), Ok(rule));
    }

    #[test]
    fn no_text_and_no_bytes_panic(text in "\\PC{0,80}", bytes in prop::collection::vec(any::<u8>(), 0..1200)) {
        let _ = RuleLine::parse(&text);
        let _ = AuditRule::from_bytes(&bytes).map(|rule| rule.to_string());
    }
}
