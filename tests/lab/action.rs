//! The GitHub Action, as its runner starts it.

use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Starts the action with inputs; what it prints, and what it hands to later steps.
fn act(folder: &TempDir, inputs: &[(&str, &str)]) -> (Output, String) {
    let file = folder.path().join("output");
    let mut command = Command::new(Path::new(ROOT).join("scripts/action"));
    for (name, default) in [("PATHS", ""), ("SENSOR", "trace"), ("FORMAT", "text"), ("REPORT", "")] {
        let given = inputs.iter().find(|(other, _)| *other == name);
        command.env(format!("INPUT_{name}"), given.map_or(default, |(_, value)| value));
    }
    command.env("INPUT_BINARY", env!("CARGO_BIN_EXE_firstseen")).env("GITHUB_OUTPUT", &file);
    command.env("TMPDIR", folder.path()).env("FIRSTSEEN_STATE_DIR", folder.path().join("state"));
    let output = command.output().expect("bash is there");
    (output, std::fs::read_to_string(file).expect("outputs"))
}

#[test]
fn proven_scenarios_pass_and_the_report_is_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let report = folder.path().join("report.xml");
    let paths = format!("{ROOT}/scenarios/catalog/rwx-control.toml\n {ROOT}/scenarios/catalog/preload-control.toml\n");
    let inputs = [("PATHS", paths.as_str()), ("FORMAT", "junit"), ("REPORT", report.to_str().expect("UTF-8"))];
    let (output, handed) = act(&folder, &inputs);
    assert!(output.status.success() && output.stdout.is_empty(), "{output:?}");
    assert_eq!(handed, "exit-code=0\n");
    let report = std::fs::read_to_string(report).expect("the report");
    assert!(report.contains("rwx.control") && report.contains("preload.control"), "{report}");
}

#[test]
fn a_failed_verdict_fails_the_step_and_hands_on_its_code() {
    let folder = tempfile::tempdir().expect("a folder");
    let good = std::fs::read_to_string(format!("{ROOT}/scenarios/catalog/rwx-control.toml")).expect("the scenario");
    let wrong = good.replace("alerts = 1, terms = [[\"web-1\", \"/opt/acme/jit\"]]", "alerts = 2");
    assert_ne!(good, wrong);
    let scenario = folder.path().join("wrong.toml");
    std::fs::write(&scenario, wrong).expect("written");
    let (output, handed) = act(&folder, &[("PATHS", scenario.to_str().expect("UTF-8"))]);
    assert_eq!((output.status.code(), handed.as_str()), (Some(100), "exit-code=100\n"), "{output:?}");
}

#[test]
fn an_input_is_never_a_command_or_an_option() {
    let folder = tempfile::tempdir().expect("a folder");
    let made = folder.path().join("made");
    let paths = format!("--version $(touch {0}) ; touch {0}", made.display());
    let (output, handed) = act(&folder, &[("PATHS", &paths)]);
    assert!(!made.exists());
    assert_eq!((output.status.code(), handed.as_str()), (Some(2), "exit-code=2\n"), "{output:?}");
}
