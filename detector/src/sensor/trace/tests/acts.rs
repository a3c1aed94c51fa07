//! Which system calls are recorded, and how.

use super::*;

const RWX: &str = "-a always,exit -F arch=b64 -S mprotect -F a2=7 -k rwx";
const RWX_32: &str = "-a always,exit -F arch=b32 -S mprotect -F a2=7 -k rwx32";

#[test]
fn a_page_that_becomes_rwx_is_recorded_with_its_result() {
    let observation = observe(&[RWX], "rwx");
    let [text] = syscalls(&observation)[..] else { panic!("{:?}", observation.records) };
    let pid = observation.execs[0].pid.to_string();
    let own = std::process::id().to_string();
    assert!(text.starts_with("arch=c000003e syscall=10 success=yes exit=0 a0="), "{text}");
    let fields = ["a1", "a2", "items", "ppid", "pid", "key"].map(|name| field(text, name));
    assert_eq!(fields, ["1000", "7", "0", &own, &pid, "\"rwx\""]);
    let exe = format!("\"{}\"", std::env::current_exe().expect("own path").display());
    assert_eq!(field(text, "exe"), exe);
    let types: Vec<u16> = observation.records.iter().map(|record| record.record_type.0).collect();
    assert_eq!(types, [1300, 1327, 1320]);
}

#[test]
fn without_the_act_the_same_rule_records_nothing() {
    let observation = observe(&[RWX], "read-only");
    assert!(observation.records.is_empty() && observation.execs.len() == 1);
}

#[test]
fn every_mprotect_is_recorded_when_the_rule_has_no_condition_on_it() {
    let observation = observe(&["-a always,exit -F arch=b64 -S mprotect"], "read-only");
    let calls = syscalls(&observation);
    assert!(calls.len() > 3 && calls.iter().all(|text| text.ends_with(" key=(null)")));
}

#[test]
fn a_call_that_fails_shows_its_error() {
    let observation = observe(&[RWX], "unmapped");
    let [text] = syscalls(&observation)[..] else { panic!("{:?}", observation.records) };
    assert!(text.contains(" success=no exit=-12 a0=10000 a1=1000 a2=7 "), "{text}");
    for (condition, expected) in [("success=1", 0), ("success=0", 1), ("exit=-ENOMEM", 1), ("exit=0", 0)] {
        let rule = format!("-a always,exit -F arch=b64 -S mprotect -F a2=7 -F {condition}");
        assert_eq!(syscalls(&observe(&[&rule], "unmapped")).len(), expected, "{condition}");
    }
}

#[test]
fn the_32_bit_gate_is_seen_by_a_rule_for_it_and_by_no_other() {
    assert!(observe(&[RWX], "int80").records.is_empty());
    let observation = observe(&[RWX, RWX_32], "int80");
    let [text] = syscalls(&observation)[..] else { panic!("{:?}", observation.records) };
    assert!(text.starts_with("arch=40000003 syscall=125 success=yes exit=0 "), "{text}");
    assert_eq!([field(text, "a2"), field(text, "key")], ["7", "\"rwx32\""]);
}

/// A static program of 32 bits that makes a page RWX and ends with the result. Its file says nothing about the stack, for
/// which the kernel sets READ_IMPLIES_EXEC.
#[test]
fn a_32_bit_program_is_seen_with_its_environment() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let program = elf32(&folder.path().canonicalize().expect("real path").join("program"));
    let launch = Launch { env: vec![("LD_PRELOAD".into(), "/x.so".into())], ..launch(&program) };
    let observation = match sensor(&[RWX, RWX_32]).observe(launch) {
        Err(SensorError::Start { source, .. }) if source.raw_os_error() == Some(libc::ENOEXEC) => return, // no such kernel
        observation => observation.expect("an observation"),
    };
    assert_eq!(observation.exit, Exit::Code(0));
    let [text] = syscalls(&observation)[..] else { panic!("{:?}", observation.records) };
    assert!(text.starts_with("arch=40000003 syscall=125 per=400000 success=yes exit=0 "), "{text}");
    assert_eq!(field(text, "a2"), "7");
    assert_eq!(observation.execs[0].env, ["LD_PRELOAD=/x.so"]);
    assert_eq!(observation.execs[0].executable, program);
}

#[test]
fn a_number_of_the_x32_kind_is_not_recorded_as_the_kernel_does_not_record_it() {
    assert!(observe(&[RWX], "x32").records.is_empty());
}

#[test]
fn a_condition_looks_at_the_lower_half_of_an_argument_as_the_kernel_does() {
    let observation = observe(&[RWX], "high-bits");
    let [text] = syscalls(&observation)[..] else { panic!("{:?}", observation.records) };
    assert_eq!([field(text, "exit"), field(text, "a2")], ["-22", "100000007"]);
}

#[test]
fn a_personality_is_shown() {
    let rule = "-a always,exit -F arch=b64 -S mprotect -F pers=0x400000";
    let observation = sensor(&[rule]).observe(target_launch("personality")).expect("an observation");
    if observation.exit == Exit::Code(77) {
        return; // refused by the container that this runs in
    }
    let text = syscalls(&observation)[0];
    assert!(text.starts_with("arch=c000003e syscall=10 per=400000 success=yes exit=0 ") && field(text, "a2") == "3");
}

#[test]
fn threads_are_told_by_name_and_share_a_pid() {
    let observation = observe(&[RWX], "threads");
    let calls = syscalls(&observation);
    assert_eq!(calls.len(), 20);
    let pid = observation.execs[0].pid.to_string();
    assert!(calls.iter().all(|text| field(text, "pid") == pid));
    for comm in ["worker 0", "worker 1", "worker 2", "worker 3"] {
        let comm = super::super::record::hex(comm.as_bytes());
        assert_eq!(calls.iter().filter(|text| field(text, "comm") == comm).count(), 5);
    }
    assert_eq!(observation.pids.len(), 1);
}

#[test]
fn children_of_every_kind_are_followed() {
    for act in ["fork", "vfork", "double-fork"] {
        let observation = observe(&[RWX], act);
        let [text] = syscalls(&observation)[..] else { panic!("{act}: {:?}", observation.records) };
        let pid: i32 = field(text, "pid").parse().expect("number");
        assert!(observation.pids.contains(&pid) && pid != observation.execs[0].pid, "{act}");
        assert_eq!(observation.pids.len(), if act == "double-fork" { 3 } else { 2 });
        assert!(observation.pids.iter().all(|pid| is_gone(*pid)), "{act}");
    }
}

#[test]
fn the_first_rule_that_matches_decides() {
    let never = "-a never,exit -F arch=b64 -S mprotect -F a2=7";
    let prepended = "-A never,exit -F arch=b64 -S mprotect -F a2=7";
    assert!(observe(&[never, RWX], "rwx").records.is_empty());
    assert_eq!(syscalls(&observe(&[RWX, never], "rwx")).len(), 1);
    assert!(observe(&[RWX, prepended], "rwx").records.is_empty());
}

#[test]
fn a_file_that_is_mapped_is_shown_with_its_descriptor() {
    let observation = observe(&["-a always,exit -F arch=b64 -S mmap -F a2=7"], "map-file");
    let [text] = texts(&observation, RecordType(1323))[..] else { panic!("{:?}", observation.records) };
    assert!(text.starts_with("fd=") && text.ends_with(" flags=0x2"), "{text}");
    let [call] = syscalls(&observation)[..] else { panic!("{:?}", observation.records) };
    assert!(field(call, "exit").parse::<u64>().expect("an address, in decimal") > 4096);
}

#[test]
fn a_call_that_ends_its_process_has_no_result() {
    let observation = sensor(&["-a always,exit -F arch=b64 -S exit_group"]).observe(target_launch("exit:9"));
    let observation = observation.expect("an observation");
    assert_eq!(observation.exit, Exit::Code(9));
    let [text] = syscalls(&observation)[..] else { panic!("{:?}", observation.records) };
    assert!(text.starts_with("arch=c000003e syscall=231 a0=9 a1="), "{text}");
}

#[test]
fn serial_numbers_rise_over_all_launches() {
    let serial = |record: &RawRecord| -> u32 {
        let stamp = record.text.split_once("): ").expect("a stamp").0;
        stamp.rsplit_once(':').expect("a serial").1.parse().expect("number")
    };
    let mut sensor = sensor(&[RWX]);
    let mut serials = Vec::new();
    for _ in 0..3 {
        let observation = sensor.observe(target_launch("rwx")).expect("an observation");
        let of_event: Vec<u32> = observation.records.iter().map(serial).collect();
        assert!(of_event.len() == 3 && of_event.iter().all(|serial| *serial == of_event[0]));
        serials.push(of_event[0]);
    }
    assert!(serials.is_sorted_by(|a, b| a < b), "{serials:?}");
}
