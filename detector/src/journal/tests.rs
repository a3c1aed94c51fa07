use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use super::super::Journal;
use super::*;
use crate::netlink::{Connect, KernelCall};

fn no_kernel() -> Connect {
    std::sync::Arc::new(|| Err(KernelError { call: KernelCall::Socket, errno: Errno::EPROTONOSUPPORT }))
}

struct Place {
    parent: tempfile::TempDir,
    state: StateDir,
}

impl Place {
    fn new() -> Place {
        let parent = tempfile::tempdir().expect("temporary directory");
        let state = StateDir::at(&parent.path().join("state")).expect("state directory");
        Place { parent, state }
    }

    fn journal(&self) -> Journal {
        Journal::open_with(&self.state, no_kernel()).expect("journal")
    }

    /// A directory with something in it, written down before it is made.
    fn scratch(&self, journal: &Journal, name: &str) -> PathBuf {
        let path = self.parent.path().join(name);
        journal.will(Change::Directory { path: path.clone() }).expect("written down");
        fs::create_dir_all(path.join("deep/er")).expect("made");
        fs::write(path.join("deep/file"), "text").expect("written");
        path
    }

    fn journals(&self) -> usize {
        fs::read_dir(self.state.path()).map_or(0, |entries| {
            entries.flatten().filter(|entry| entry.path().extension().is_some_and(|it| it == "journal")).count()
        })
    }
}

#[test]
fn the_end_of_a_run_removes_its_directories_and_its_journal() {
    let place = Place::new();
    let journal = place.journal();
    let path = place.scratch(&journal, "firstseen-a");
    let clone = journal.clone();
    drop(journal);
    assert!(path.exists(), "a clone still lives");
    drop(clone);
    assert!(!path.exists());
    assert!(!place.state.path().exists(), "nothing is left of a run");
}

#[test]
fn a_panic_undoes_too() {
    let place = Place::new();
    let path = place.parent.path().join("firstseen-a");
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let journal = place.journal();
        place.scratch(&journal, "firstseen-a");
        assert!(!path.exists(), "on purpose");
    }));
    assert!(result.is_err() && !path.exists());
}

#[test]
fn the_next_start_undoes_a_dead_run_and_leaves_a_live_one_alone() {
    let place = Place::new();
    let (dead, live) = (place.journal(), place.journal());
    let gone = place.scratch(&dead, "firstseen-dead");
    let kept = place.scratch(&live, "firstseen-live");
    dead.abandon();
    let report = undo_all_with(&place.state, &no_kernel());
    assert_eq!(report.len(), 1);
    assert_eq!(report[0].outcome, Outcome::Restored);
    assert!(!gone.exists() && kept.exists());
    assert!(undo_all_with(&place.state, &no_kernel()).is_empty(), "said once");
    drop(live);
    assert_eq!(place.journals(), 0);
}

#[test]
fn changes_are_undone_last_first_and_a_withdrawn_one_is_not() {
    let place = Place::new();
    let journal = place.journal();
    for name in ["firstseen-1", "firstseen-2"] {
        place.scratch(&journal, name);
    }
    let kept = place.parent.path().join("firstseen-3");
    let ticket = journal.will(Change::Directory { path: kept.clone() }).expect("written down");
    fs::create_dir(&kept).expect("made");
    journal.withdraw(ticket).expect("withdrawn");
    let names: Vec<String> =
        journal.close().iter().map(|it| it.change.as_ref().expect("a change").to_string()).collect();
    assert!(names[0].ends_with("firstseen-2") && names[1].ends_with("firstseen-1") && names.len() == 2, "{names:?}");
    assert!(kept.exists());
}

#[test]
fn a_directory_that_was_closed_to_its_owner_is_removed_and_a_link_in_it_is_not_followed() {
    let place = Place::new();
    let journal = place.journal();
    let outside = place.parent.path().join("outside");
    fs::create_dir(&outside).expect("made");
    fs::write(outside.join("file"), "kept").expect("written");
    let path = place.scratch(&journal, "firstseen-a");
    symlink(&outside, path.join("link")).expect("linked");
    fs::set_permissions(path.join("deep"), fs::Permissions::from_mode(0o000)).expect("closed");
    journal.close();
    assert!(!path.exists() && outside.join("file").exists());
}

#[test]
fn only_directories_of_our_own_name_are_taken() {
    let place = Place::new();
    let journal = place.journal();
    let inside = place.state.path().join("x");
    for path in ["/", "/home/user", "firstseen-relative", "/tmp/../firstseen-x", inside.to_str().expect("UTF-8")] {
        let refused = journal.will(Change::Directory { path: PathBuf::from(path) });
        assert!(matches!(refused, Err(JournalError::Refused { .. })), "{path}");
    }
    let parent = tempfile::Builder::new().prefix("firstseen-").tempdir().expect("temporary directory");
    let state = StateDir::at(&parent.path().join("state")).expect("state directory");
    let journal = Journal::open_with(&state, no_kernel()).expect("journal");
    let refused = journal.will(Change::Directory { path: parent.path().to_owned() });
    assert!(matches!(refused, Err(JournalError::Refused { .. })), "the journals are in it");
}

#[test]
fn an_unfinished_file_is_removed_and_nothing_that_is_no_file() {
    let place = Place::new();
    let journal = place.journal();
    let [file, link, folder] =
        ["file", "link", "folder"].map(|name| place.parent.path().join(format!("firstseen-{name}")));
    for path in [&file, &link, &folder] {
        journal.will(Change::File { path: path.clone() }).expect("written down");
    }
    let refused = journal.will(Change::File { path: place.parent.path().join("victim") });
    assert!(matches!(refused, Err(JournalError::Refused { .. })));
    fs::write(&file, "half").expect("written");
    symlink(&file, &link).expect("linked");
    fs::create_dir(&folder).expect("made");
    journal.abandon();
    let report = undo_all_with(&place.state, &no_kernel());
    let left_alone = |undone: &Undone| matches!(undone.outcome, Outcome::LeftAlone { .. });
    assert!(left_alone(&report[0]) && left_alone(&report[1]), "{report:?}");
    assert_eq!(report[2].outcome, Outcome::Restored);
    assert!(!file.exists() && link.symlink_metadata().is_ok() && folder.exists());
}

#[test]
fn who_closes_the_journal_waits_until_what_was_written_down_is_made() {
    let place = Place::new();
    let journal = place.journal();
    let hold = journal.hold().expect("open");
    std::thread::scope(|scope| {
        let closing = scope.spawn(|| journal.close());
        let path = place.parent.path().join("firstseen-a");
        journal.will(Change::Directory { path: path.clone() }).expect("still open");
        std::thread::sleep(std::time::Duration::from_millis(50));
        fs::create_dir(&path).expect("made late");
        drop(hold);
        assert_eq!(closing.join().expect("ended")[0].outcome, Outcome::Restored);
        assert!(!path.exists());
    });
    assert!(matches!(journal.hold(), Err(JournalError::Closed)));
}

#[test]
fn a_forged_journal_removes_nothing_else() {
    let place = Place::new();
    let victim = place.parent.path().join("victim");
    fs::create_dir(&victim).expect("made");
    let line = format!(
        "{{\"will\":{{\"id\":1,\"change\":{{\"kind\":\"directory\",\"path\":{:?}}}}}}}\n",
        victim.to_str().expect("UTF-8")
    );
    fs::write(place.state.path().join("1-1-1.journal"), line).expect("written");
    let report = undo_all_with(&place.state, &no_kernel());
    assert!(matches!(report[0].outcome, Outcome::LeftAlone { .. }), "{report:?}");
    assert!(victim.exists());
}

#[test]
fn what_could_not_be_undone_stays_for_another_try() {
    let place = Place::new();
    let dead = place.journal();
    let rule = RuleData::new(&[0; 1040]).expect("a rule");
    dead.will(Change::AuditRule { rule }).expect("written down");
    let path = place.scratch(&dead, "firstseen-a");
    dead.abandon();
    let report = undo_all_with(&place.state, &no_kernel());
    assert_eq!(report[0].outcome, Outcome::Restored, "what can be undone is undone");
    assert!(report[1].to_string().contains("EPROTONOSUPPORT"), "{}", report[1]);
    assert!(!path.exists());
    let again = undo_all_with(&place.state, &no_kernel());
    assert_eq!(again.len(), 1, "only what failed: {again:?}");
    assert_eq!(place.journals(), 1);
}

#[test]
fn a_journal_that_cannot_be_read_is_reported_and_kept() {
    let place = Place::new();
    fs::write(place.state.path().join("1-1-1.journal"), "rubbish\n").expect("written");
    let report = undo_all_with(&place.state, &no_kernel());
    assert_eq!(report.len(), 1);
    assert!(report[0].to_string().contains("line 1"), "{}", report[0]);
    assert_eq!(place.journals(), 1);
}

#[test]
fn two_who_clean_up_at_once_do_it_once() {
    let place = Place::new();
    for round in 0..20 {
        let dead = place.journal();
        place.scratch(&dead, &format!("firstseen-{round}"));
        dead.abandon();
    }
    let reports: Vec<usize> = std::thread::scope(|scope| {
        let both = [(); 2].map(|()| scope.spawn(|| undo_all_with(&place.state, &no_kernel()).len()));
        both.map(|thread| thread.join().expect("ended")).into()
    });
    assert_eq!(reports.iter().sum::<usize>(), 20, "{reports:?}");
    assert_eq!(place.journals(), 0);
}
