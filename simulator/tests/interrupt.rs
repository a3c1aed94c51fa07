//! What the handler of SIGINT and SIGTERM calls. Alone in its file: it removes every scratch directory of its process.

use firstseen_simulator::{Request, Scratch, scratch, techniques};

#[test]
fn a_handler_thread_removes_every_scratch_directory_of_the_process() {
    let first = Scratch::new(None).unwrap();
    let second = Scratch::new(None).unwrap();
    let request = Request { executable: "/opt/acme/updater".into(), ..Request::default() };
    techniques::find("preload.env").unwrap().prepare(&request, &first).unwrap();
    std::thread::spawn(scratch::remove_all).join().unwrap();
    assert!(!first.path().exists() && !second.path().exists());
    // Whoever still holds them closes them without an error.
    first.close().unwrap();
    drop(second);
}
