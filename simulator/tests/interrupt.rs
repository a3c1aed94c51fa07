//! What the handler of SIGINT and SIGTERM calls. Alone in its file: it removes every scratch directory of its process.

use firstseen_simulator::{Request, Scratch, scratch, techniques};

#[test]
fn a_handler_thread_removes_every_scratch_directory_for_good() {
    let first = Scratch::new(None).unwrap();
    let second = Scratch::new(None).unwrap();
    let request = Request { executable: "/opt/acme/updater".into(), ..Request::default() };
    techniques::find("preload.env").unwrap().prepare(&request, &first).unwrap();
    std::thread::spawn(scratch::end_all).join().unwrap();
    assert!(!first.path().exists() && !second.path().exists());
    // Who goes on making something, or begins to, does not come back.
    let path = second.path().to_owned();
    let (send, receive) = std::sync::mpsc::channel();
    let send_too = send.clone();
    std::thread::spawn(move || {
        let made = techniques::find("preload.env").unwrap().prepare(&request, &second);
        send.send(()).unwrap();
        drop((made, second));
    });
    std::thread::spawn(move || {
        let third = Scratch::new(None);
        send_too.send(()).unwrap();
        drop(third);
    });
    assert!(receive.recv_timeout(std::time::Duration::from_millis(200)).is_err());
    assert!(!path.exists());
    // Whoever still holds them closes them without an error.
    first.close().unwrap();
}
