//! The scratch directory is private, really usable, and gone afterwards.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::{fs, panic};

use firstseen_simulator::{Request, Scratch, SimulatorError, techniques};

fn prepare(scratch: &Scratch, executable: &str) -> Result<PathBuf, SimulatorError> {
    let request = Request { executable: PathBuf::from(executable), ..Request::default() };
    techniques::find("rwx.mprotect").unwrap().prepare(&request, scratch).map(|act| act.program)
}

#[test]
fn it_is_private_and_its_name_says_whose_it_is() {
    let scratch = Scratch::new(None).unwrap();
    assert_eq!(fs::metadata(scratch.path()).unwrap().permissions().mode() & 0o7777, 0o700);
    let name = scratch.path().file_name().unwrap().to_str().unwrap();
    assert!(name.starts_with(&format!("firstseen-{}-", std::process::id())), "{name}");
}

#[test]
fn it_is_gone_when_it_is_dropped() {
    let scratch = Scratch::new(None).unwrap();
    let program = prepare(&scratch, "/opt/acme/updater").unwrap();
    let path = scratch.path().to_owned();
    assert!(program.starts_with(&path) && program.exists());
    drop(scratch);
    assert!(!path.exists());
}

#[test]
fn it_is_gone_after_a_panic() {
    let (send, receive) = std::sync::mpsc::channel();
    let result = panic::catch_unwind(move || {
        let scratch = Scratch::new(None).unwrap();
        prepare(&scratch, "/opt/acme/updater").unwrap();
        send.send(scratch.path().to_owned()).unwrap();
        panic!("on purpose");
    });
    assert!(result.is_err());
    let path: PathBuf = receive.recv().unwrap();
    assert!(!path.exists());
}

#[test]
fn two_at_once_do_not_meet() {
    let (first, second) = (Scratch::new(None).unwrap(), Scratch::new(None).unwrap());
    let (one, other) = (prepare(&first, "/opt/acme/updater").unwrap(), prepare(&second, "/opt/acme/updater").unwrap());
    assert_ne!(one, other);
    first.close().unwrap();
    assert!(!one.exists() && other.exists());
}

#[test]
fn a_directory_that_is_not_there_is_named_in_the_error() {
    let error = Scratch::new(Some(Path::new("/no/such/directory"))).unwrap_err().to_string();
    assert!(error.contains("/no/such/directory: No such file") && error.contains("set TMPDIR"), "{error}");
}

#[test]
fn a_directory_whose_name_the_loader_would_split_is_refused() {
    let parent = Scratch::new(None).unwrap();
    let base = parent.path().join("with space");
    fs::create_dir(&base).unwrap();
    let error = Scratch::new(Some(&base)).unwrap_err().to_string();
    assert!(error.contains("dynamic loader would split"), "{error}");
    assert_eq!(fs::read_dir(&base).unwrap().count(), 0, "nothing may be left there");
}

#[rstest::rstest]
#[case("opt/acme/updater")]
#[case("/")]
#[case("/opt/../etc/passwd")]
#[case("/opt/./updater")]
#[case("/opt//updater")]
#[case("/opt/updater/")]
#[case("")]
fn a_path_that_could_lead_out_of_it_is_refused(#[case] path: &str) {
    let scratch = Scratch::new(None).unwrap();
    let error = prepare(&scratch, path).unwrap_err();
    assert!(matches!(error, SimulatorError::BadPath { .. }), "{error}");
}

#[test]
fn a_path_that_is_both_file_and_directory_is_an_error_that_says_so() {
    let scratch = Scratch::new(None).unwrap();
    prepare(&scratch, "/opt/acme").unwrap();
    let error = prepare(&scratch, "/opt/acme/updater").unwrap_err().to_string();
    assert!(error.contains("both a file and a directory"), "{error}");
}

#[test]
fn a_burst_of_programs_takes_links_and_not_copies() {
    use std::os::unix::fs::MetadataExt;
    let scratch = Scratch::new(None).unwrap();
    let programs: Vec<_> = (0..150).map(|n| prepare(&scratch, &format!("/opt/acme/tool-{n:03}")).unwrap()).collect();
    let inodes: std::collections::BTreeSet<_> =
        programs.iter().map(|program| fs::metadata(program).unwrap().ino()).collect();
    assert_eq!((programs.len(), inodes.len()), (150, 1));
}
