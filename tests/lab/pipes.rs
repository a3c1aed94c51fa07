//! Closed pipes, full disks, narrow terminals, colours.

use std::fs::File;
use std::process::{Command, Stdio};

use crate::support::{firstseen, folder, skipped, stderr, stdout};

#[test]
fn a_closed_pipe_changes_nothing_of_the_verdict() {
    let folder = folder();
    let mut child = Command::new(env!("CARGO_BIN_EXE_firstseen"))
        .args(["run", "--sensor", "trace", "--only", "contract", "--verbose"])
        .env("FIRSTSEEN_STATE_DIR", folder.path().join("state"))
        .env("TMPDIR", folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stderr(&output), "");
}

#[test]
fn a_full_disk_is_said_once_and_is_5() {
    let Ok(full) = File::options().write(true).open("/dev/full") else {
        return skipped("a_full_disk_is_said_once_and_is_5", "there is no /dev/full here");
    };
    let folder = folder();
    for what in ["list", "--help"] {
        let output = Command::new(env!("CARGO_BIN_EXE_firstseen"))
            .arg(what)
            .env("FIRSTSEEN_STATE_DIR", folder.path().join("state"))
            .stdout(full.try_clone().expect("one more"))
            .stderr(Stdio::piped())
            .output()
            .expect("it runs");
        assert_eq!(output.status.code(), Some(5));
        assert_eq!(stderr(&output).lines().count(), 1, "{}", stderr(&output));
    }
}

#[test]
fn the_demo_fits_80_columns_has_no_colours_in_a_pipe_and_tells_both_rules() {
    let folder = folder();
    let output = firstseen(folder.path()).env_remove("NO_COLOR").arg("demo").output().expect("it runs");
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{text}{}", stderr(&output));
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert!(!text.contains('\u{1b}'), "no escapes outside a terminal");
    for part in ["RWX Memory Region", "Preload Environment", "record", "document", "match", "term", "ALERT", "silence"]
    {
        assert!(text.contains(part), "{part} is missing in {text}");
    }
}
