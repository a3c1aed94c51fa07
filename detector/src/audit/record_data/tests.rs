//! Records of every kind, and what is read from them.

use super::super::parse::AuditRecord;
use super::{NoData, RecordData};

fn data(line: &'static str) -> RecordData<'static> {
    RecordData::of(&AuditRecord::parse_line(line).expect("a record")).expect("data")
}

fn no_data(line: &str) -> NoData {
    RecordData::of(&AuditRecord::parse_line(line).expect("a record")).expect_err("no data")
}

#[test]
fn a_system_call_is_named_in_its_own_abi() {
    let line = "type=SYSCALL msg=audit(1.002:3): arch=40000003 syscall=125 success=no exit=-12 a2=7 auid=4294967295 \
                uid=4294967295 comm=\"x\" exe=2F612062 key=6161016262";
    let data = data(line);
    let get = |key| data.get(key);
    assert_eq!((get("arch"), get("syscall"), get("exit")), (Some("i386"), Some("mprotect"), Some("ENOMEM")));
    assert_eq!((get("auid"), get("uid"), get("result")), (Some("unset"), Some("4294967295"), Some("fail")));
    assert_eq!((get("exe"), get("key"), get("success")), (Some("/a b"), None, None));
    assert_eq!(data.tags(), ["aa", "bb"]);
}

#[test]
fn what_has_no_name_stays_a_number() {
    let data = data("type=SYSCALL msg=audit(1.002:3): arch=1234 syscall=9999 success=yes exit=-4095 exe=\"/x\"");
    assert_eq!(
        (data.get("arch"), data.get("syscall"), data.get("exit")),
        (Some("unknown[1234]"), Some("9999"), Some("-4095"))
    );
}

#[test]
fn useless_values_drop_their_field() {
    let data = data("type=USER msg=audit(1.002:3): a=? b=(null) c=\"\" d=?, e=\"x\" msg='f=? g=1'");
    assert_eq!(data.iter().collect::<Vec<_>>(), [("e", "x"), ("g", "1")]);
}

#[test]
fn the_last_value_of_a_name_counts() {
    let data = data("type=USER msg=audit(1.002:3): pid=1 pid=2 msg='pid=3 x=y'");
    assert_eq!(data.iter().collect::<Vec<_>>(), [("pid", "3"), ("x", "y")]);
}

#[test]
fn arguments_are_decoded_by_their_place_and_numbers_of_calls_are_not() {
    let execve = data("type=EXECVE msg=audit(1.002:3): argc=3 a0=\"x\" a1=6120620063 a2=10");
    assert_eq!(["a0", "a1", "a2"].map(|key| execve.get(key)), [Some("x"), Some("a b"), Some("\u{10}")]);
    let call = data("type=SYSCALL msg=audit(1.002:3): arch=c000003e syscall=10 a2=10 exe=\"/x\"");
    assert_eq!(call.get("a2"), Some("10"));
}

#[test]
fn a_record_that_lacks_what_its_type_needs_has_no_data() {
    for (line, reason) in [
        ("type=EOE msg=audit(1.002:3)", "message has no data content"),
        ("type=SYSCALL msg=audit(1.002:3): syscall=1", "arch key not found"),
        ("type=SYSCALL msg=audit(1.002:3): arch=c000003e syscall=1 exe=(null)", "exe key not found"),
        ("type=SECCOMP msg=audit(1.002:3): arch=c000003e", "sig key not found"),
        ("type=EXECVE msg=audit(1.002:3): a1=x", "argc key not found"),
        ("type=EXECVE msg=audit(1.002:3): argc=2 a0=x a1=\"\"", "failed to find arg a1"),
        ("type=EXECVE msg=audit(1.002:3): argc=12 a0=x", "failed to find arg a1"),
        ("type=PROCTITLE msg=audit(1.002:3): x=1", "proctitle key not found"),
        ("type=SOCKADDR msg=audit(1.002:3): saddr=02", "failed to parse saddr: invalid family: too short: 2"),
    ] {
        assert_eq!(no_data(line), reason);
    }
}

#[test]
fn a_process_title_has_spaces_for_nuls() {
    let data = data("type=PROCTITLE msg=audit(1.002:3): proctitle=6C73002D6C");
    assert_eq!(data.get("proctitle"), Some("ls -l"));
}

#[test]
fn a_quoted_value_is_never_hex() {
    let data = data("type=PATH msg=audit(1.002:3): name=\"4142\" obj=u:r:t:s0:c1,c2");
    assert_eq!((data.get("name"), data.get("obj_category"), data.get("obj")), (Some("4142"), Some("c1,c2"), None));
}

#[test]
fn selinux_and_apparmor_decisions_are_read() {
    let selinux = data("type=AVC msg=audit(1.002:3): avc:  denied  { read write } for  pid=5 comm=\"x\" tclass=file");
    assert_eq!(
        ["seresult", "seperms", "pid"].map(|key| selinux.get(key)),
        [Some("denied"), Some("read,write"), Some("5")]
    );
    let apparmor = data("type=AVC msg=audit(1.002:3): apparmor=\"DENIED\" operation=\"open\"");
    assert_eq!((apparmor.get("apparmor"), apparmor.get("seresult")), (Some("DENIED"), None));
}

#[test]
fn old_logins_keep_old_and_new_apart() {
    let data =
        data("type=LOGIN msg=audit(1.002:3): login pid=1 uid=0 old auid=4294967295 new auid=7 old ses=1 new ses=2");
    assert_eq!(
        ["old_auid", "new_auid", "old_ses", "new_ses"].map(|key| data.get(key)),
        [Some("4294967295"), Some("7"), Some("1"), Some("2")]
    );
}

#[test]
fn a_parenthesis_at_the_end_hides_nothing() {
    let line = "type=USER_END msg=audit(1.002:3): pid=1 msg='op=PAM:session_close acct=\"root\" exe=\"/x\" \
                (hostname=h, addr=?, terminal=t res=success)'";
    let data = data(line);
    assert_eq!(
        ["op", "acct", "hostname", "addr", "result"].map(|key| data.get(key)),
        [Some("PAM:session_close"), Some("root"), Some("h,"), None, Some("success")]
    );
}

#[test]
fn signals_have_names() {
    let data = data("type=SECCOMP msg=audit(1.002:3): sig=31 arch=c000003e syscall=39 exe=\"/x\"");
    assert_eq!((data.get("sig"), data.get("syscall")), (Some("SIGSYS"), Some("getpid")));
}
