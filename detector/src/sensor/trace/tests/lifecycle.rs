//! Starts, ends, signals and limits.

use std::time::Instant;

use super::*;

#[test]
fn exits_and_signals_are_reported_as_they_were() {
    let exit = |act: &str| TraceSensor::exec_only().observe(target_launch(act)).expect("an observation").exit;
    assert_eq!(exit("exit:0"), Exit::Code(0));
    assert_eq!(exit("exit:77"), Exit::Code(77));
    assert_eq!(exit(&format!("signal:{}", libc::SIGTERM)), Exit::Signal(libc::SIGTERM));
    assert_eq!(exit(&format!("signal:{}", libc::SIGKILL)), Exit::Signal(libc::SIGKILL));
}

#[test]
fn signals_reach_the_program_and_stops_stop_it() {
    for act in ["caught-signal", "stopped"] {
        observe(&["-a always,exit -F arch=b64 -S mprotect -F a2=7"], act);
    }
}

#[test]
fn a_program_that_cannot_start_says_why() {
    let error = TraceSensor::exec_only().observe(launch("/nonexistent/program")).expect_err("no such file");
    assert_eq!(error.to_string(), "cannot start '/nonexistent/program': No such file or directory (os error 2)");
    let error = sensor(&["-a always,exit -F arch=b64 -S execve,exit_group,write"]).observe(launch("/etc/passwd"));
    assert!(matches!(error, Err(SensorError::Start { source, .. }) if source.raw_os_error() == Some(libc::EACCES)));
    let elsewhere = Launch { cwd: PathBuf::from("/nonexistent"), ..launch("/bin/true") };
    let error = TraceSensor::exec_only().observe(elsewhere).expect_err("no such directory").to_string();
    assert!(error.contains("cannot enter its working directory: No such file or directory"), "{error}");
    let zero = Launch { argv: vec!["a\0b".into()], ..launch("/bin/true") };
    let error = TraceSensor::exec_only().observe(zero).expect_err("a zero byte").to_string();
    assert!(error.contains("an argument has a zero byte: \"a\\0b\""), "{error}");
}

#[test]
fn what_the_child_does_before_it_is_the_program_is_not_recorded() {
    let filter = super::super::Filter::new(&rules(&["-a always,exit -F arch=b64 -S execve,exit_group,write"]));
    let mut records = Vec::new();
    let mut sink = |seen| match seen {
        super::super::Seen::Records(event) => records.extend(event),
        super::super::Seen::Exec(exec) => panic!("{exec:?}"),
    };
    let error = super::super::run(launch("/nonexistent"), Some(&filter.expect("rules")), &mut sink);
    assert!(error.is_err());
    records.retain(|record: &RawRecord| record.record_type == RecordType::SYSCALL);
    assert!(records.len() == 1 && records[0].text.contains(" syscall=59 success=no exit=-2 "), "{records:?}");
}

#[test]
fn a_program_gets_the_descriptors_that_it_was_given_and_no_other() {
    let (mut out, out_end) = pipe();
    let (mut extra, extra_end) = pipe();
    let (_leak, leak_end) = pipe();
    nix::fcntl::fcntl(&leak_end, nix::fcntl::FcntlArg::F_SETFD(nix::fcntl::FdFlag::empty())).expect("ours");
    let script = "ls /proc/self/fd; echo seven >&7";
    let launch = Launch {
        argv: ["sh", "-c", script].map(OsString::from).to_vec(),
        descriptors: vec![(out_end, 1), (extra_end, 7)],
        ..launch("/bin/sh")
    };
    let observation = TraceSensor::exec_only().observe(launch).expect("an observation");
    drop(leak_end);
    let (mut listed, mut written) = (String::new(), String::new());
    out.read_to_string(&mut listed).expect("text");
    extra.read_to_string(&mut written).expect("text");
    // 0 and 2 are /dev/null; 3 is the directory that ls reads.
    assert_eq!((listed.as_str(), written.as_str()), ("0\n1\n2\n3\n7\n", "seven\n"));
    assert_eq!(observation.exit, Exit::Code(0));
}

#[test]
fn a_program_starts_with_no_signal_blocked_and_sigpipe_not_ignored() {
    use nix::sys::signal::{SigSet, SigmaskHow, Signal, pthread_sigmask};
    let mut blocked = SigSet::empty();
    blocked.add(Signal::SIGUSR1);
    pthread_sigmask(SigmaskHow::SIG_BLOCK, Some(&blocked), None).expect("blocked for this thread");
    let (mut out, out_end) = pipe();
    let launch = Launch {
        argv: ["grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"].map(OsString::from).to_vec(),
        descriptors: vec![(out_end, 1)],
        ..launch("/bin/grep")
    };
    TraceSensor::exec_only().observe(launch).expect("an observation");
    let mut text = String::new();
    out.read_to_string(&mut text).expect("text");
    let set = |name: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(name)).expect("a line");
        u64::from_str_radix(value.trim(), 16).expect("hex")
    };
    assert_eq!((set("SigBlk:"), set("SigIgn:") >> (libc::SIGPIPE - 1) & 1), (0, 0));
}

#[test]
fn a_program_that_does_not_end_is_killed_with_everything_it_started() {
    for (act, children) in [("sleep", 1), ("orphan", 2)] {
        let begun = Instant::now();
        let launch = Launch { timeout: Duration::from_millis(300), ..target_launch(act) };
        let observation = sensor(&["-a always,exit -F arch=b64 -S mprotect -F a2=7"]).observe(launch);
        let observation = observation.expect("an observation");
        assert_eq!(observation.losses, [Loss::TimedOut], "{act}");
        assert_eq!(observation.pids.len(), children, "{act}");
        assert!(observation.pids.iter().all(|pid| is_gone(*pid)), "{act}");
        assert!(begun.elapsed() < Duration::from_secs(5), "{act}");
    }
}

#[test]
fn a_bomb_of_forks_is_killed_too() {
    let script = "f() { f & f & wait; }; f";
    let launch = Launch {
        argv: ["sh", "-c", &format!("ulimit -u 400 2>/dev/null; {script}")].map(OsString::from).to_vec(),
        timeout: Duration::from_millis(150),
        ..launch("/bin/sh")
    };
    let observation = TraceSensor::exec_only().observe(launch).expect("an observation");
    assert!(observation.pids.len() > 3 && observation.losses == [Loss::TimedOut]);
    assert!(observation.pids.iter().all(|pid| is_gone(*pid)));
}

#[test]
fn children_of_the_caller_are_left_alone() {
    let mut other = std::process::Command::new("/bin/true").spawn().expect("started");
    std::thread::sleep(Duration::from_millis(20));
    observe(&["-a always,exit -F arch=b64 -S mprotect -F a2=7"], "rwx");
    assert!(other.wait().expect("still ours").success());
}

#[test]
fn nothing_is_left_when_the_sink_panics() {
    let mut seen = 0;
    let mut sink = |event| {
        if let super::super::Seen::Exec(exec) = event {
            seen = exec.pid;
        }
        panic!("on purpose");
    };
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        super::super::run(target_launch("sleep"), None, &mut sink)
    }));
    assert!(caught.is_err() && seen > 0);
    let begun = Instant::now();
    while !is_gone(seen) {
        assert!(begun.elapsed() < Duration::from_secs(5), "process {seen} lives on");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn many_launches_in_a_row_all_give_their_event() {
    let mut sensor = sensor(&["-a always,exit -F arch=b64 -S execve"]);
    for _ in 0..150 {
        let observation = sensor.observe(launch("/bin/true")).expect("an observation");
        assert_eq!((observation.execs.len(), syscalls(&observation).len()), (1, 1));
        assert!(observation.drained && observation.losses.is_empty());
    }
}

#[test]
fn a_rule_that_needs_the_kernel_is_refused_with_the_reason() {
    for (rule, problem) in [
        ("-w /etc/passwd -p wa", "the condition 'path' cannot be decided without the kernel"),
        ("-a never,task", "only the list 'exit' can be decided without the kernel, not 'task'"),
        ("-a always,exit -F arch=b64 -S openat", "events of 'openat' need PATH records"),
        ("-a always,exit -F arch=b64 -S mprotect -F subj_type=x", "the condition 'subj_type' cannot be decided"),
        ("-a always,exit -F arch=b64 -S mprotect -C uid!=obj_uid", "the condition 'field_cmp' cannot be decided"),
    ] {
        let error = TraceSensor::new(&rules(&[rule])).expect_err(rule).to_string();
        assert!(error.contains(problem) && error.contains("use the audit sensor"), "{error}");
    }
    assert!(TraceSensor::new(&rules(&["-a never,exit -F arch=b64 -S openat"])).is_ok());
}

/// What [`nothing_is_left_when_the_watcher_is_killed`] kills; does nothing by itself.
#[test]
#[ignore = "started by another test"]
fn watcher() {
    let mut sink = |seen| {
        let super::super::Seen::Exec(exec) = seen else { return };
        std::fs::write(std::env::var_os("FIRSTSEEN_TEST_PID").expect("a path"), exec.pid.to_string()).expect("written");
    };
    super::super::run(target_launch("sleep"), None, &mut sink).expect("an outcome");
}

#[test]
fn nothing_is_left_when_the_watcher_is_killed() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let file = folder.path().join("pid");
    for signal in [libc::SIGKILL, libc::SIGINT] {
        let mut watcher = std::process::Command::new(std::env::current_exe().expect("own path"))
            .args(["--exact", "sensor::trace::tests::lifecycle::watcher", "--ignored"])
            .env("FIRSTSEEN_TEST_PID", &file)
            .stdout(std::process::Stdio::null())
            .spawn()
            .expect("started");
        let begun = Instant::now();
        let pid = loop {
            match std::fs::read_to_string(&file).ok().and_then(|text| text.parse::<i32>().ok()) {
                Some(pid) => break pid,
                None if begun.elapsed() > Duration::from_secs(10) => panic!("the watcher did not start"),
                None => std::thread::sleep(Duration::from_millis(2)),
            }
        };
        assert!(!is_gone(pid));
        let signal = nix::sys::signal::Signal::try_from(signal).expect("a signal");
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(watcher.id() as i32), signal).expect("our child");
        watcher.wait().expect("our child");
        let begun = Instant::now();
        while !is_gone(pid) {
            assert!(begun.elapsed() < Duration::from_secs(5), "process {pid} lives on after {signal}");
            std::thread::sleep(Duration::from_millis(2));
        }
        std::fs::remove_file(&file).expect("ours");
    }
}
