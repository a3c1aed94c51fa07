//! Places where no act can be done, for real: each in a mount namespace of its own, which root is needed for.

#![expect(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a test says what it skips, and its copy inside says what it found"
)]

use std::path::Path;
use std::process::Command;

use firstseen_simulator::{Request, Scratch, techniques};

/// Set for the copy of this test that runs inside.
const INSIDE: &str = "FIRSTSEEN_TEST_PLACE";

/// What the simulator says of a tmpfs that is mounted with these options; none if this machine does not let us try.
fn said_of_tmpfs(test: &str, options: &str) -> Option<String> {
    let holder = Scratch::new(None).unwrap();
    let place = holder.path().join("place");
    std::fs::create_dir(&place).unwrap();
    let script = r#"mount -t tmpfs -o "$1" none "$2" && exec "$3" --exact "$4" --nocapture"#;
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-c", script, "sh", options])
        .arg(&place)
        .arg(std::env::current_exe().unwrap())
        .arg(test)
        .env(INSIDE, &place)
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = text.lines().find_map(|line| line.split_once("SAID ").map(|(_, said)| said.to_owned()));
    if said.is_none() {
        eprintln!("skipped: {test}: cannot mount here: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    said
}

/// Inside: says what became of an act there.
fn inside() -> bool {
    let Some(place) = std::env::var_os(INSIDE) else { return false };
    let request = Request { executable: "/opt/acme/updater".into(), ..Request::default() };
    let done = Scratch::new(Some(Path::new(&place)))
        .and_then(|scratch| techniques::find("rwx.mprotect").unwrap().prepare(&request, &scratch).map(|_| ()));
    println!("SAID {}", done.map_or_else(|error| error.to_string(), |()| "done".into()));
    true
}

#[test]
fn a_place_without_obstacles_is_fine() {
    if inside() {
        return;
    }
    if let Some(said) = said_of_tmpfs("a_place_without_obstacles_is_fine", "size=1m") {
        assert_eq!(said, "done");
    }
}

#[test]
fn a_place_where_nothing_may_be_executed_is_named() {
    if inside() {
        return;
    }
    if let Some(said) = said_of_tmpfs("a_place_where_nothing_may_be_executed_is_named", "noexec") {
        assert!(said.contains("mounted noexec") && said.contains("set TMPDIR"), "{said}");
    }
}

#[test]
fn a_full_place_is_named() {
    if inside() {
        return;
    }
    if let Some(said) = said_of_tmpfs("a_full_place_is_named", "size=4k") {
        assert!(said.contains("No space left") && said.contains("set TMPDIR"), "{said}");
    }
}

#[test]
fn a_read_only_place_is_named() {
    if inside() {
        return;
    }
    if let Some(said) = said_of_tmpfs("a_read_only_place_is_named", "ro") {
        assert!(said.contains("Read-only file system") && said.contains("set TMPDIR"), "{said}");
    }
}
