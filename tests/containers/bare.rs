//! Containers that lack something: it works all the same, or says what it needs and ends with 5.

use std::path::Path;
use std::process::Command;

use rstest::rstest;

use crate::engine::{Answer, Doctor, engine};
use crate::verdicts::{assert_proven, verdicts};

const RUN: [&str; 5] = ["run", "--sensor", "trace", "--format", "json"];
const DOCTOR: [&str; 3] = ["doctor", "--format", "json"];

/// Nothing ran, and standard error says all of this.
#[track_caller]
fn assert_unfit(answer: &Answer, told: &[&str]) {
    assert_eq!(answer.code, Some(5), "{answer:?}");
    for text in told {
        assert!(answer.stderr.contains(text), "'{text}': {answer:?}");
    }
}

#[rstest]
#[case::operation_not_permitted(1)]
#[case::no_such_call(38)]
fn without_ptrace_doctor_names_the_profile_and_the_flags(#[case] errno: u32) {
    let Some(engine) = engine() else { return };
    let profile = engine.folder(&format!("profile-{errno}")).join("seccomp.json");
    let rule = format!(r#"{{"names": ["ptrace"], "action": "SCMP_ACT_ERRNO", "errnoRet": {errno}}}"#);
    let text = format!(r#"{{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{rule}]}}"#);
    std::fs::write(&profile, text).expect("written");
    let flag = format!("--security-opt=seccomp={}", profile.display());
    let doctor = engine.doctor(&[&flag]);
    assert_eq!(doctor.code, Some(5), "{doctor:?}");
    let (works, reason, fix) = doctor.sensor("trace");
    assert!(!works && reason.contains("a seccomp filter") && reason.contains("ptrace(2)"), "{reason}");
    assert!(fix.contains("--cap-add=SYS_PTRACE or --security-opt seccomp=unconfined"), "{fix}");
    let run = engine.run(&[&flag], &RUN);
    assert_unfit(&run, &["cannot trace an own child", "--cap-add=SYS_PTRACE", "firstseen doctor"]);
    assert_eq!(run.stderr.lines().count(), 1, "one message: {run:?}");
}

#[test]
fn with_podmans_own_profile_ptrace_is_allowed() {
    let Some(engine) = engine() else { return };
    assert!(engine.doctor(&[]).sensor("trace").0);
}

#[rstest]
#[case::no_tmpfs("", "Read-only file system")]
#[case::noexec_tmpfs("--tmpfs=/tmp:rw,noexec", "noexec")]
fn a_read_only_container_without_a_place_is_told_how_to_get_one(#[case] flags: &str, #[case] why: &str) {
    let Some(engine) = engine() else { return };
    let mut all = vec!["--read-only", "--read-only-tmpfs=false"];
    all.extend(flags.split_whitespace());
    let doctor = engine.doctor(&all);
    assert_eq!(doctor.code, Some(5), "{doctor:?}");
    let found = doctor.finding("scratch directory");
    assert!(found.starts_with("blocks: ") && found.contains(why) && found.contains("--tmpfs /tmp:exec"), "{found}");
    assert!(doctor.finding("read-only root").starts_with("limits: "), "{doctor:?}");
    assert_unfit(&engine.run(&all, &RUN), &["cannot make a scratch directory", why, "--tmpfs /tmp:exec"]);
}

#[test]
fn without_tmp_root_works_beside_it_and_nobody_is_told() {
    let Some(engine) = engine() else { return };
    let root = engine.folder("no-tmp");
    engine.fill_root(&root);
    std::fs::remove_dir(root.join("tmp")).expect("removed");
    assert_proven(&engine.run_root(&root, &["--user=0"], &RUN));
    assert_nothing_left(&root);
    let doctor = Doctor::of(&engine.run_root(&root, &["--user=65534"], &DOCTOR));
    assert_eq!(doctor.code, Some(5), "{doctor:?}");
    assert!(doctor.finding("scratch directory").contains("/tmp: there is no such directory"), "{doctor:?}");
    assert_unfit(&engine.run_root(&root, &["--user=65534"], &RUN), &["cannot make a scratch directory", "/tmp: "]);
}

#[rstest]
#[case::nobody("--user=65534")]
#[case::root("--user=0")]
fn a_hidden_proc_is_named_and_changes_nothing(#[case] user: &str) {
    let Some(engine) = engine() else { return };
    let flags = [user, "--security-opt=proc-opts=hidepid=2"];
    let doctor = engine.doctor(&flags);
    assert_eq!(doctor.code, Some(0), "{doctor:?}");
    assert!(doctor.finding("/proc").contains("hidepid="), "{doctor:?}");
    assert!(engine.doctor(&[user]).finding("/proc").is_empty());
    assert_proven(&engine.run(&flags, &RUN));
}

#[test]
fn without_proc_nothing_runs_and_it_is_said() {
    let Some(engine) = engine() else { return };
    let root = engine.folder("no-proc");
    engine.fill_root(&root);
    // No container engine starts anything without /proc.
    let bare = |arguments: &[&str]| {
        let mut command = Command::new("unshare");
        command.args(["--fork", "--pid", "--mount", "chroot"]).arg(&root).arg("/firstseen").args(arguments);
        Answer::of(&command.output().expect("unshare starts"))
    };
    let doctor = Doctor::of(&bare(&DOCTOR));
    assert_eq!(doctor.code, Some(5), "{doctor:?}");
    assert!(doctor.finding("/proc").starts_with("blocks: /proc is not mounted"), "{doctor:?}");
    assert_unfit(&bare(&RUN), &["/proc", "mount /proc"]);
    assert_nothing_left(&root);
}

#[test]
fn with_64_mib_doctor_warns_and_the_catalog_is_proven() {
    let Some(engine) = engine() else { return };
    let flags = ["--memory=64m"];
    let doctor = engine.doctor(&flags);
    assert_eq!(doctor.code, Some(0), "{doctor:?}");
    assert!(doctor.finding("memory").contains("limits: only 64 MiB"), "{doctor:?}");
    assert!(engine.doctor(&["--memory=512m"]).finding("memory").is_empty());
    assert_proven(&engine.run(&flags, &RUN));
}

#[test]
fn a_missing_machine_id_is_named_and_a_present_one_is_not() {
    let Some(engine) = engine() else { return };
    assert!(engine.doctor(&[]).finding("/etc/machine-id").starts_with("limits: "));
    let file = engine.folder("machine-id").join("id");
    std::fs::write(&file, "0123456789abcdef0123456789abcdef\n").expect("written");
    let mount = format!("--volume={}:/etc/machine-id:ro", file.display());
    assert_eq!(engine.doctor(&[&mount]).finding("/etc/machine-id"), "");
}

#[test]
fn without_a_loader_only_what_needs_it_is_skipped() {
    let Some(engine) = engine() else { return };
    let root = engine.folder("no-loader");
    engine.fill_root(&root);
    for folder in ["lib", "lib64"] {
        std::fs::remove_dir_all(root.join(folder)).expect("removed");
    }
    let answer = engine.run_root(&root, &["--user=65534"], &RUN);
    assert_eq!(answer.code, Some(0), "{answer:?}");
    for (id, kind) in verdicts(&answer) {
        assert_eq!(kind, if id.starts_with("rwx.") { "pass" } else { "skipped" }, "{id}");
    }
    assert!(answer.stdout.contains("put it and libc.so.6 into the image"), "{answer:?}");
    assert_nothing_left(&root);
}

/// A run leaves no file in the container's own root directory.
#[track_caller]
fn assert_nothing_left(root: &Path) {
    for folder in [root.to_owned(), root.join("tmp"), root.join("run"), root.join("var/lib")] {
        let names = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name());
        let left: Vec<_> = names.filter(|name| name.to_string_lossy().starts_with("firstseen-")).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}
