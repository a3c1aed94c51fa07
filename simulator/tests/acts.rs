//! Every technique is really done, and its own report proves it.

#![expect(clippy::print_stderr, reason = "a test says what it skips")]

use std::path::PathBuf;
use std::time::Duration;

use firstseen_simulator::{Act, Outcome, Request, Scratch, Technique, run_alone, techniques};

const TIMEOUT: Duration = Duration::from_secs(30);

fn request(executable: &str) -> Request {
    Request { executable: PathBuf::from(executable), ..Request::default() }
}

fn run(technique: &'static Technique, request: &Request, scratch: &Scratch) -> Outcome {
    let act = technique.prepare(request, scratch).expect(technique.id);
    run_alone(act, TIMEOUT).expect(technique.id)
}

#[test]
fn every_technique_that_this_machine_allows_is_done_and_proven() {
    let scratch = Scratch::new(None).unwrap();
    let mut failures = Vec::new();
    for technique in techniques::all() {
        if let Err(reason) = technique.available(&scratch) {
            eprintln!("skipped: {}: {reason}", technique.id);
            continue;
        }
        let outcome = run(technique, &request(&format!("/opt/acme/{}", technique.id)), &scratch);
        if let Err(shortfall) = &outcome.proof {
            failures.push(format!("{}: {shortfall}\n{:#?}", technique.id, outcome));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn the_control_of_a_proof_fails_where_the_act_was_another_one() {
    let scratch = Scratch::new(None).unwrap();
    let rwx = techniques::find("rwx.mprotect").unwrap();
    let control = techniques::find("rwx.two-step").unwrap();
    let done = run(rwx, &request("/opt/acme/updater"), &scratch);
    let twin = run(control, &request("/opt/acme/updater"), &scratch);
    assert_eq!(done.report.memory[0].after.as_deref(), Some("rwxp"));
    assert_eq!(twin.report.memory[0].after.as_deref(), Some("r-xp"));
    assert!(done.report.proves(control.expected).is_err());
    assert!(twin.report.proves(rwx.expected).is_err());
}

#[test]
fn a_program_that_never_reports_proves_nothing() {
    let scratch = Scratch::new(None).unwrap();
    let mut act = techniques::find("rwx.mprotect").unwrap().prepare(&request("/opt/acme/updater"), &scratch).unwrap();
    act.program = PathBuf::from("/bin/true");
    let outcome = run_alone(act, TIMEOUT).unwrap();
    assert!(outcome.proof.is_err());
}

#[test]
fn a_worker_that_does_not_know_the_technique_proves_nothing() {
    let scratch = Scratch::new(None).unwrap();
    let mut act = techniques::find("rwx.mprotect").unwrap().prepare(&request("/opt/acme/updater"), &scratch).unwrap();
    act.argv[1] = "rwx.no-such-thing".into();
    let outcome = run_alone(act, TIMEOUT).unwrap();
    assert_eq!(outcome.status.unwrap().code(), Some(64));
    assert!(outcome.proof.is_err());
}

#[test]
fn the_command_is_the_same_in_every_run_once_the_root_is_taken_away() {
    let [first, second] = [(); 2].map(|()| Scratch::new(None).unwrap());
    for technique in techniques::all().filter(|technique| technique.available(&first).is_ok()) {
        let request = request("/opt/acme/updater");
        let shown = |scratch: &Scratch| {
            let act: Act = technique.prepare(&request, scratch).unwrap();
            let root = scratch.root().to_str().unwrap().to_owned();
            let strip = |text: &std::ffi::OsStr| text.to_str().unwrap().replace(&root, "");
            let argv: Vec<_> = act.argv.iter().map(|word| strip(word)).collect();
            let expected: Vec<_> = act.shown.argv.iter().map(|word| word.to_str().unwrap().to_owned()).collect();
            assert_eq!(argv, expected, "{}", technique.id);
            let env: Vec<_> = act.env.iter().map(|(name, value)| (name.clone(), strip(value))).collect();
            (argv, env, strip(act.program.as_os_str()), strip(act.cwd.as_os_str()))
        };
        assert_eq!(shown(&first), shown(&second), "{}", technique.id);
    }
}

#[test]
fn an_act_that_does_not_end_is_killed_and_proves_nothing() {
    let scratch = Scratch::new(None).unwrap();
    let mut act = techniques::find("rwx.mprotect").unwrap().prepare(&request("/opt/acme/updater"), &scratch).unwrap();
    act.program = PathBuf::from("/bin/sleep");
    act.argv = vec!["sleep".into(), "1000".into()];
    let outcome = run_alone(act, Duration::from_millis(100)).unwrap();
    assert!(outcome.status.is_none() && outcome.proof.is_err());
    assert!(!PathBuf::from(format!("/proc/{}", outcome.pid)).exists());
}

#[test]
fn the_process_runs_under_the_path_that_the_scenario_names() {
    let scratch = Scratch::new(None).unwrap();
    let act = techniques::find("rwx.jit-java").unwrap().prepare(&request("/opt/acme/updater"), &scratch).unwrap();
    assert_eq!(act.program, scratch.root().join("opt/acme/updater"));
    let mut act = act;
    // The worker waits for the program that it is given; this one shows the worker's own executable.
    act.argv = vec![act.argv[0].clone(), "rwx.jit-java".into(), "/bin/sh".into(), "-c".into()];
    act.argv.push("readlink /proc/$PPID/exe >&2".into());
    let program = act.program.clone();
    let outcome = run_alone(act, TIMEOUT).unwrap();
    assert_eq!(outcome.report.complaints.trim(), program.to_str().unwrap());
}

#[test]
fn the_object_loads_into_any_dynamic_program_and_says_nothing_unasked() {
    let scratch = Scratch::new(None).unwrap();
    let preload = techniques::find("preload.env").unwrap();
    if let Err(reason) = preload.available(&scratch) {
        eprintln!("skipped: the_object_loads_into_any_dynamic_program: {reason}");
        return;
    }
    let mut asked = preload.prepare(&request("/opt/acme/updater"), &scratch).unwrap();
    asked.program = "/bin/true".into();
    let loaded = run_alone(asked, TIMEOUT).unwrap();
    assert_eq!((loaded.report.objects.len(), loaded.report.complaints.as_str()), (1, ""));
    let mut unasked = preload.prepare(&request("/opt/acme/updater"), &scratch).unwrap();
    unasked.program = "/bin/true".into();
    unasked.env.retain(|(name, _)| name != "FIRSTSEEN_REPORT_FD");
    let silent = run_alone(unasked, TIMEOUT).unwrap();
    assert!(silent.status.unwrap().success());
    assert_eq!(silent.report, firstseen_simulator::Report::default());
}

#[rstest::rstest]
#[case("rwx.renamed-thread", "quote\" and \\", true)]
#[case("rwx.cover-name", "java", false)]
fn a_name_that_is_given_is_the_name_that_the_kernel_knows(
    #[case] id: &str,
    #[case] name: &str,
    #[case] in_a_second_thread: bool,
) {
    let scratch = Scratch::new(None).unwrap();
    let params = [("name".to_owned(), name.to_owned())].into();
    let request = Request { executable: "/opt/acme/updater".into(), params };
    let outcome = run(techniques::find(id).unwrap(), &request, &scratch);
    let [call] = outcome.report.memory.as_slice() else { panic!("{outcome:?}") };
    assert_eq!((call.thread.as_str(), call.tid != call.pid), (name, in_a_second_thread));
}

#[test]
fn without_a_name_the_kernel_takes_it_from_the_file() {
    let scratch = Scratch::new(None).unwrap();
    let outcome = run(techniques::find("rwx.mprotect").unwrap(), &request("/opt/acme/updater"), &scratch);
    assert_eq!(outcome.report.memory[0].thread, "updater");
}

#[test]
fn a_program_that_removed_its_own_file_is_placed_anew_the_next_time() {
    let scratch = Scratch::new(None).unwrap();
    let technique = techniques::find("rwx.deleted").unwrap();
    for _ in 0..2 {
        let act = technique.prepare(&request("/opt/acme/updater"), &scratch).unwrap();
        let program = act.program.clone();
        assert!(program.exists());
        run_alone(act, TIMEOUT).unwrap().proof.unwrap();
        assert!(!program.exists());
    }
}

#[rstest::rstest]
#[case("rwx.repeated", "times", "7", 7, 4096)]
#[case("rwx.many-pages", "pages", "3", 1, 3 * 4096)]
fn numbers_of_a_scenario_reach_the_kernel(
    #[case] id: &str,
    #[case] name: &str,
    #[case] value: &str,
    #[case] calls: usize,
    #[case] length: u64,
) {
    let scratch = Scratch::new(None).unwrap();
    let params = [(name.to_owned(), value.to_owned())].into();
    let request = Request { executable: "/opt/acme/updater".into(), params };
    let report = run(techniques::find(id).unwrap(), &request, &scratch).report;
    assert_eq!(report.memory.len(), calls);
    assert!(report.memory.iter().all(|call| call.length == length));
}
