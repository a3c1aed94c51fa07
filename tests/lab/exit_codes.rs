//! Every exit code of docs/exit-codes.md, one by one.

use crate::support::{file, firstseen, folder, scenario, stderr, stdout};

fn run(content: &str) -> (Option<i32>, String, String) {
    let folder = folder();
    let path = file(&folder, "one.toml", content);
    let output = firstseen(folder.path()).args(["run", "--sensor", "trace"]).arg(path).output().expect("it runs");
    (output.status.code(), stdout(&output), stderr(&output))
}

#[test]
fn proven_is_0() {
    let (code, out, err) = run(&scenario("alerts = 1"));
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(out.contains("1 scenarios: 1 pass") || out.contains("1 scenario: 1 pass"), "{out}");
}

#[test]
fn bad_input_is_2_and_names_line_and_nearest_key() {
    let (code, out, err) = run(&scenario("alrts = 1"));
    assert_eq!(code, Some(2), "{out}");
    assert!(err.contains("one.toml:14") && err.contains("alrts") && err.contains("'alerts'"), "{err}");
}

#[test]
fn an_unknown_technique_is_2_and_names_the_nearest() {
    let (code, _, err) = run(&scenario("alerts = 1").replace("rwx.mprotect", "rwx.mprotec"));
    assert_eq!(code, Some(2));
    assert!(err.contains("rwx.mprotect") && err.contains("one.toml:9"), "{err}");
}

#[test]
fn going_back_in_time_is_2() {
    let later = scenario("alerts = 1").replace("+0s", "+1h");
    let back = format!("{later}\n[[steps]]\nat = \"+1m\"\nactor = \"updater\"\nexpect = {{ alerts = 0 }}\n");
    let (code, _, err) = run(&back);
    assert_eq!(code, Some(2));
    assert!(err.contains("one.toml:17"), "{err}");
}

#[test]
fn a_broken_scenario_does_not_stop_a_good_one() {
    let folder = folder();
    let good = file(&folder, "good.toml", scenario("alerts = 1"));
    let bad = file(&folder, "bad.toml", "id = 7");
    let output =
        firstseen(folder.path()).args(["run", "--sensor", "trace"]).args([bad, good]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(2));
    assert!(stdout(&output).contains("test.one") && stderr(&output).contains("bad.toml"), "{}", stderr(&output));
}

#[test]
fn inconclusive_is_3_when_the_act_cannot_be_proven() {
    // The kernel refuses the call, so the act that the technique promises did not happen.
    let limits = scenario("silent = true, because = \"query\"");
    let folder = folder();
    let path = file(&folder, "one.toml", limits.replace("rwx.mprotect", "rwx.two-step"));
    // A program that cannot be loaded reports nothing: silence would be vacuous.
    let mut command = firstseen(folder.path());
    command.args(["run", "--sensor", "trace"]).arg(path);
    let output = command.output().expect("it runs");
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
}

#[test]
fn nothing_selected_is_4() {
    let folder = folder();
    let output =
        firstseen(folder.path()).args(["run", "--sensor", "trace", "--only", "no-such-id"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(4), "{}", stderr(&output));
    let empty = folder.path().join("empty");
    std::fs::create_dir(&empty).expect("a folder");
    let output = firstseen(folder.path()).args(["run", "--sensor", "trace"]).arg(empty).output().expect("it runs");
    assert_eq!(output.status.code(), Some(4), "{}", stderr(&output));
}

#[test]
fn an_unfit_environment_is_5_and_says_what_was_tried() {
    let folder = folder();
    let output =
        firstseen(folder.path()).args(["run", "--scratch", "/proc", "--sensor", "trace"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(5), "{}", stdout(&output));
    assert!(stderr(&output).contains("/proc") && stderr(&output).contains("TMPDIR"), "{}", stderr(&output));
}

#[test]
fn a_failed_verdict_is_100_and_names_the_stage() {
    let (code, out, _) = run(&scenario("silent = true, because = \"known-term\""));
    assert_eq!(code, Some(100), "{out}");
    assert!(out.contains("FAIL") && out.contains("stopped at"), "{out}");
}

#[test]
fn a_wrong_argument_is_2() {
    let folder = folder();
    let output = firstseen(folder.path()).args(["run", "--sensor", "ebpf"]).output().expect("it runs");
    assert_eq!(output.status.code(), Some(2));
}
