//! Executions: what is read of them, and the records of a rule for execve.

use super::*;
use crate::exec::{ExecEvent, Ids};

const EXEC: &str = "-a always,exit -F arch=b64 -S execve,execveat -k exec";

fn shell(script: &str) -> Launch {
    Launch { argv: ["sh", "-c", script].map(OsString::from).to_vec(), ..launch("/bin/sh") }
}

fn names(execs: &[ExecEvent]) -> Vec<&str> {
    execs.iter().map(|exec| exec.argv[0].to_str().expect("text")).collect()
}

#[test]
fn an_execution_is_seen_with_arguments_and_environment_before_it_runs() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let folder = folder.path().canonicalize().expect("real path");
    let launch = Launch {
        argv: ["true", "two words", ""].map(OsString::from).to_vec(),
        env: vec![("LD_PRELOAD".into(), "/nowhere/a.so".into()), ("EMPTY".into(), "".into())],
        cwd: folder.clone(),
        ..launch("/bin/true")
    };
    let observation = TraceSensor::exec_only().observe(launch).expect("an observation");
    let [exec] = &observation.execs[..] else { panic!("{:?}", observation.execs) };
    assert_eq!(exec.argv, ["true", "two words", ""]);
    assert_eq!(exec.env, ["LD_PRELOAD=/nowhere/a.so", "EMPTY="]);
    assert_eq!(exec.cwd, folder);
    assert_eq!(exec.executable, Path::new("/bin/true").canonicalize().expect("real path"));
    assert_eq!(
        (exec.parent.pid, exec.parent.executable.clone()),
        (std::process::id() as i32, std::env::current_exe().ok())
    );
    assert_eq!(exec.ids.euid, nix::unistd::geteuid().as_raw());
    assert!(exec.start_ticks > 0 && exec.start_ticks >= exec.parent.start_ticks);
    assert!(observation.records.is_empty() && observation.drained && observation.losses.is_empty());
    assert_eq!(observation.pids, [exec.pid].into());
}

#[test]
fn every_execution_of_the_tree_is_seen_with_the_environment_it_got() {
    let script =
        "LD_PRELOAD=/nowhere/b.so /bin/true; env -i LD_LIBRARY_PATH=/x /bin/true x 2>/dev/null; exec /bin/true y";
    let observation = TraceSensor::exec_only().observe(shell(script)).expect("an observation");
    assert_eq!(names(&observation.execs), ["sh", "/bin/true", "env", "/bin/true", "/bin/true"]);
    let preloads = |exec: &ExecEvent| exec.env.contains(&"LD_PRELOAD=/nowhere/b.so".into());
    assert_eq!(observation.execs.iter().map(preloads).collect::<Vec<_>>(), [false, true, false, false, false]);
    assert_eq!(observation.execs[3].env, ["LD_LIBRARY_PATH=/x"]);
    assert_eq!(observation.execs[2].pid, observation.execs[3].pid);
    assert_eq!(observation.execs[1].parent.pid, observation.execs[0].pid);
    assert_eq!(observation.execs[1].parent.argv[0], "sh");
    assert_eq!(observation.pids.len(), 3);
}

#[test]
fn a_rule_for_execve_gives_the_event_of_the_kernel() {
    let launch = Launch { argv: ["true", "two words", ""].map(OsString::from).to_vec(), ..launch("/bin/true") };
    let observation = sensor(&[EXEC]).observe(launch).expect("an observation");
    let mut types: Vec<u16> = observation.records.iter().map(|record| record.record_type.0).collect();
    types.retain(|record_type| *record_type != 1321); // only where root may not do everything
    assert_eq!(types, [1300, 1309, 1307, 1302, 1302, 1327, 1320]);
    let call = syscalls(&observation)[0];
    assert!(call.starts_with("arch=c000003e syscall=59 success=yes exit=0 a0="), "{call}");
    assert_eq!(["items", "comm", "key"].map(|name| field(call, name)), ["2", "\"true\"", "\"exec\""]);
    assert_eq!(texts(&observation, RecordType::EXECVE), ["argc=3 a0=\"true\" a1=74776F20776F726473 a2=\"\""]);
    assert_eq!(texts(&observation, RecordType::CWD), ["cwd=\"/\""]);
    let paths = texts(&observation, RecordType::PATH);
    assert!(paths[0].starts_with("item=0 name=\"/bin/true\" inode=") && paths[0].contains(" mode=0100755 ouid=0 "));
    assert!(paths[1].starts_with("item=1 name=\"/lib") && paths[1].contains(" nametype=NORMAL "));
    assert_eq!(texts(&observation, RecordType::PROCTITLE), ["proctitle=747275650074776F20776F726473"]);
}

#[test]
fn an_execve_that_fails_is_recorded_and_is_no_execution() {
    let observation = observe(&[EXEC], "exec-missing");
    let [started, failed] = syscalls(&observation)[..] else { panic!("{:?}", observation.records) };
    assert!(started.contains(" success=yes ") && failed.contains(" success=no exit=-2 "));
    assert_eq!(texts(&observation, RecordType::EXECVE).len(), 1);
    let paths = texts(&observation, RecordType::PATH);
    assert!(paths.last().expect("a path").starts_with("item=0 name=\"/nonexistent/program\" nametype=UNKNOWN cap_fp="));
    assert_eq!(observation.execs.len(), 1);
}

#[test]
fn a_title_is_the_one_of_the_first_record_for_ever() {
    let observation = sensor(&[EXEC]).observe(shell("exec /bin/true")).expect("an observation");
    let title = "proctitle=7368002D630065786563202F62696E2F74727565";
    assert_eq!(texts(&observation, RecordType::PROCTITLE), [title, title]);
    assert_eq!(observation.execs[1].argv, ["/bin/true"]);
    let rule = "-a always,exit -F arch=b64 -S execve -F exe!=/bin/sh";
    let first = sensor(&[rule]).observe(shell("exec /bin/true")).expect("an observation");
    assert_eq!(texts(&first, RecordType::PROCTITLE), ["proctitle=\"/bin/true\""]);
}

#[test]
fn a_thread_that_executes_takes_the_process_over() {
    let observation = observe(&[EXEC], "exec-in-thread:/bin/true");
    assert_eq!(observation.execs.len(), 2);
    assert_eq!(observation.execs[0].pid, observation.execs[1].pid);
    let calls = syscalls(&observation);
    assert_eq!(field(calls[1], "pid"), observation.execs[1].pid.to_string());
    assert_eq!([field(calls[1], "comm"), field(calls[1], "success")], ["\"true\"", "yes"]);
    assert_eq!(observation.pids.len(), 1);
}

#[test]
fn a_script_shows_its_interpreter_as_program_and_itself_as_argument() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = folder.path().join("script");
    std::fs::write(&path, "#!/bin/sh -e\nexit 3\n").expect("writable");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("own file");
    let observation = sensor(&[EXEC]).observe(launch(&path)).expect("an observation");
    assert_eq!(observation.exit, Exit::Code(3));
    let [exec] = &observation.execs[..] else { panic!("{:?}", observation.execs) };
    assert_eq!(exec.executable, Path::new("/bin/sh").canonicalize().expect("real path"));
    assert_eq!(exec.argv, [OsString::from("/bin/sh"), "-e".into(), path.clone().into_os_string()]);
    assert_eq!(field(syscalls(&observation)[0], "comm"), "\"script\"");
    assert!(texts(&observation, RecordType::PATH).len() >= 2);
}

#[test]
fn the_stack_says_the_same_as_proc() {
    compare_stack_with_proc("/bin/true".into());
}

#[test]
fn the_stack_of_a_32_bit_program_is_read_too() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let program = elf32(&folder.path().canonicalize().expect("real path").join("program"));
    if std::process::Command::new(&program).status().is_ok() {
        compare_stack_with_proc(program);
    }
}

fn compare_stack_with_proc(program: PathBuf) {
    use super::super::{image, memory, process};
    let launch = Launch {
        argv: ["true", "", &"x".repeat(5000), "ü"].map(OsString::from).to_vec(),
        env: (0..600).map(|number| (format!("NAME{number}").into(), "v".repeat(number).into())).collect(),
        ..launch(&program)
    };
    let mut compared = 0;
    let mut sink = |seen| {
        let super::super::Seen::Exec(exec) = seen else { return };
        // The sink runs on the tracer's thread while the program is stopped.
        let info = crate::sys::ptrace::stop_info(exec.pid).expect("a stop");
        let stack = memory::new_stack(exec.pid, info.stack, memory::Width::of_arch(info.arch)).expect("a stack");
        let bytes = |strings: &[OsString]| -> Vec<Vec<u8>> {
            strings.iter().map(|string| string.clone().into_encoded_bytes()).collect()
        };
        assert_eq!((stack.argv, stack.env), (bytes(&exec.argv), bytes(&exec.env)));
        assert_eq!(stack.file.as_deref(), Some(program.as_os_str().as_encoded_bytes()));

        let Ids { uid, euid, gid, egid } = exec.ids;
        assert_eq!(stack.ids, [uid, euid, gid, egid].map(Some));
        assert_eq!(process::argv(exec.pid).expect("readable"), exec.argv);
        let known = image::of_launch(&program, Path::new("/")).facts(exec.pid);
        let facts = process::facts(exec.pid, exec.pid).expect("readable");
        assert_eq!(
            (known.pid, known.ppid, known.comm, known.users[1]),
            (facts.pid, facts.ppid, facts.comm, facts.users[1])
        );
        compared += 1;
    };
    super::super::run(launch, None, &mut sink).expect("an outcome");
    assert_eq!(compared, 1);
}
