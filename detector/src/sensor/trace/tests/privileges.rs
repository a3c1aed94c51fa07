//! The same tests as a user who may do nothing.

use super::*;

/// Everything here again as `nobody`, without capabilities and without the chance to get any.
#[test]
fn all_this_works_without_any_privilege() {
    if !nix::unistd::geteuid().is_root() || !Path::new("/usr/bin/setpriv").exists() {
        return; // without root the other tests are this test
    }
    let folder = tempfile::tempdir().expect("temporary folder");
    let program = folder.path().join("tests");
    // By another program: a child that this one forks meanwhile would hold the file open for writing.
    let copied =
        std::process::Command::new("cp").arg(std::env::current_exe().expect("own path")).arg(&program).status();
    assert!(copied.expect("cp").success());
    use std::os::unix::fs::PermissionsExt;
    for path in [folder.path(), &program] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("own file");
    }
    let output = std::process::Command::new("/usr/bin/setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all", "--inh-caps=-all"])
        .arg("--no-new-privs")
        .arg(&program)
        .args(["sensor::trace::", "--test-threads=2"])
        .env("TMPDIR", "/tmp")
        .env_remove("LD_LIBRARY_PATH")
        .current_dir("/")
        .output()
        .expect("started");
    let complaint = String::from_utf8_lossy(&output.stderr);
    if complaint.starts_with("setpriv:") {
        return; // a root that may not become somebody else
    }
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{complaint}");
    assert!(text.contains("test result: ok"));
}
