//! A `/proc` that hides the processes of others: doctor says so, and the lab works all the same.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};

use crate::support::{folder, skipped, stderr, stdout};

/// Runs the binary as nobody, in namespaces of its own where `/proc` hides what is not nobody's.
fn hidden(folder: &tempfile::TempDir, arguments: &str) -> Result<Output, String> {
    let script = "mount -t proc -o hidepid=2 proc /proc || exit 77; state=$1; binary=$2; shift 2; \
                  FIRSTSEEN_STATE_DIR=$state TMPDIR=${state%/*} exec setpriv --reuid 65534 --regid 65534 --clear-groups $binary $1";
    // Nobody must reach the program and write beside it.
    let open = |path: &std::path::Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode));
    let (state, binary) = (folder.path().join("hidden"), folder.path().join("firstseen"));
    fs::copy(env!("CARGO_BIN_EXE_firstseen"), &binary).map_err(|error| error.to_string())?;
    open(folder.path(), 0o777).map_err(|error| error.to_string())?;
    let mut command = Command::new("unshare");
    command.args(["--mount", "--pid", "--fork", "sh", "-c", script, "sh"]);
    let output = command.arg(state).arg(binary).arg(arguments).env("NO_COLOR", "1").output();
    let output = output.map_err(|error| format!("unshare: {error}"))?;
    match output.status.code() {
        Some(77 | 126 | 127) => Err(stderr(&output).trim().to_owned()),
        _ if stderr(&output).starts_with("unshare:") => Err(stderr(&output).trim().to_owned()),
        _ => Ok(output),
    }
}

#[test]
fn hidden_processes_are_named_and_stop_no_proof() {
    let folder = folder();
    let test = "hidden_processes_are_named_and_stop_no_proof";
    let doctor = match hidden(&folder, "doctor") {
        Ok(output) => output,
        Err(reason) => return skipped(test, reason),
    };
    assert_eq!(doctor.status.code(), Some(0), "{}", stderr(&doctor));
    let said = stdout(&doctor);
    assert!(said.contains("hidepid=") && said.contains("trace sensor: works"), "{said}");
    let run = hidden(&folder, "run --only contract").expect("as before");
    assert_eq!(run.status.code(), Some(0), "{}{}", stdout(&run), stderr(&run));
    assert!(stdout(&run).contains("2 scenarios: 2 pass"), "{}", stdout(&run));
}
