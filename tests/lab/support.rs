//! What every test of the binary needs.

use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::Command;

/// The binary, without colours, in a state directory of its own.
pub(crate) fn firstseen(scratch: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_firstseen"));
    command.env("NO_COLOR", "1").env("FIRSTSEEN_STATE_DIR", scratch.join("state")).env("TMPDIR", scratch);
    command.timeout(std::time::Duration::from_secs(120));
    command
}

/// A directory for one test; it must be executable for everybody, because acts are run below it.
pub(crate) fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("state")).expect("a folder inside");
    let mode = <std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o700);
    std::fs::set_permissions(folder.path().join("state"), mode).expect("private");
    folder
}

/// A file of the test.
pub(crate) fn file(folder: &tempfile::TempDir, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, content).expect("written");
    path
}

pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

/// A scenario of one act with these expectations of its only step.
pub(crate) fn scenario(expect: &str) -> String {
    format!(
        r#"# A test of the command line.
id = "test.one"
title = "One act"
rule = "23bcd283-2bc0-4db2-81d4-273fc051e5c0"

[actors.updater]
host = "web-1"
executable = "/opt/acme/updater"
technique = "rwx.mprotect"

[[steps]]
at = "+0s"
actor = "updater"
expect = {{ {expect} }}
"#
    )
}

/// Says why a test proves nothing on this machine; `make test` lists it.
#[expect(clippy::print_stdout, reason = "the line is for whoever runs the tests")]
pub(crate) fn skipped(test: &str, why: impl std::fmt::Display) {
    println!("skipped: {test}: {why}");
}
