use super::super::fake::FakeKernel;
use super::*;
use crate::journal::{Outcome, StateDir, undo_all_with};
use crate::netlink::KernelCall;
use crate::netlink::rule::tests::{mprotect, rule};

struct Lab {
    _parent: tempfile::TempDir,
    directory: StateDir,
    kernel: FakeKernel,
}

impl Lab {
    fn new(kernel: FakeKernel) -> Lab {
        let parent = tempfile::tempdir().expect("temporary directory");
        let directory = StateDir::at(&parent.path().join("state")).expect("state directory");
        Lab { _parent: parent, directory, kernel }
    }

    fn journal(&self) -> Journal {
        Journal::open_with(&self.directory, self.kernel.connect()).expect("journal")
    }

    fn prepare(&self, journal: &Journal) -> Result<Setup, Unfit> {
        prepare(&mut self.kernel.clone(), &[mprotect()], journal)
    }

    /// Nothing in front of the lab's rule silences it.
    fn is_answered(&self) -> bool {
        let needed = mprotect().except(std::process::id()).expect("room");
        missing(&[needed], &self.kernel.state().rules).is_empty()
    }

    fn rules(&self) -> Vec<String> {
        self.kernel.state().rules.iter().map(ToString::to_string).collect()
    }

    fn status(&self) -> (u32, u32) {
        let status = self.kernel.state().status;
        (status.enabled, status.backlog_limit)
    }
}

fn off() -> FakeKernel {
    FakeKernel::with(|state| state.status.backlog_limit = 64)
}

#[test]
fn what_is_changed_is_put_back_at_the_end() {
    let site = rule("-a always,exit -S execve -k site");
    let lab = Lab::new(FakeKernel::with(|state| {
        state.status.backlog_limit = 64;
        state.rules.push(site.clone());
    }));
    let journal = lab.journal();
    let setup = lab.prepare(&journal).expect("fit");
    assert_eq!(setup.mode, Mode::OwnRules);
    assert_eq!(lab.status(), (1, 8192));
    let own = mprotect().except(std::process::id()).expect("room");
    let own = own.with_key(&format!("firstseen-{}", journal.run())).expect("room");
    assert_eq!(lab.rules(), [site.to_string(), own.to_string()]);
    let report = journal.close();
    assert!(report.iter().all(|undone| undone.outcome == Outcome::Restored), "{report:?}");
    assert_eq!(lab.status(), (0, 64));
    assert_eq!(lab.rules(), [site.to_string()]);
    assert!(journal.close().is_empty());
    assert!(matches!(lab.prepare(&journal), Err(Unfit::Journal(JournalError::Closed))));
    assert_eq!(lab.status(), (0, 64), "a closed journal lets nothing be changed");
}

#[test]
fn a_system_that_is_on_with_a_large_backlog_keeps_its_status() {
    let lab = Lab::new(FakeKernel::with(|state| {
        state.status.enabled = 1;
        state.status.backlog_limit = 8192;
    }));
    let journal = lab.journal();
    let setup = lab.prepare(&journal).expect("fit");
    assert_eq!(setup.tickets.len(), 1, "the rule alone");
    assert_eq!(lab.kernel.state().changes.len(), 1);
}

#[test]
fn a_rule_goes_in_front_only_if_a_never_rule_would_silence_it() {
    for (never, first) in [(rule("-a never,exit -S mprotect"), true), (rule("-a never,exit -S execve"), false)] {
        let lab = Lab::new(FakeKernel::with(|state| state.rules.push(never)));
        let journal = lab.journal();
        lab.prepare(&journal).expect("fit");
        assert_eq!(lab.kernel.state().rules[0].is_lab_rule(), first);
        assert!(lab.is_answered());
    }
}

#[test]
fn two_runs_have_their_own_rules_and_the_last_one_switches_audit_off() {
    for first_to_end in [0, 1] {
        let lab = Lab::new(off());
        let mut journals = vec![lab.journal(), lab.journal()];
        for journal in &journals {
            lab.prepare(journal).expect("fit");
        }
        assert_eq!(lab.rules().len(), 2);
        let report = journals.remove(first_to_end).close();
        assert_eq!(report.iter().filter(|it| matches!(it.outcome, Outcome::LeftAlone { .. })).count(), 2);
        assert_eq!(lab.status(), (1, 8192), "the other run still needs it");
        assert_eq!(lab.rules().len(), 1);
        drop(journals);
        assert_eq!(lab.status(), (0, 64));
        assert!(lab.rules().is_empty());
    }
}

#[test]
fn a_second_run_takes_over_what_a_dead_first_one_changed() {
    let lab = Lab::new(off());
    let (first, second) = (lab.journal(), lab.journal());
    lab.prepare(&first).expect("fit");
    lab.prepare(&second).expect("fit");
    // As SIGKILL does: the lock is gone, nothing is undone.
    first.abandon();
    assert_eq!(lab.status(), (1, 8192));
    let report = undo_all_with(&lab.directory, &lab.kernel.connect());
    assert_eq!(report.len(), 3, "{report:?}"); // two fields of the status, and the rule
    assert_eq!((lab.status(), lab.rules().len()), ((1, 8192), 1), "the second run lives");
    assert!(undo_all_with(&lab.directory, &lab.kernel.connect()).is_empty());
    second.close();
    assert_eq!((lab.status(), lab.rules().len()), ((0, 64), 0));
}

#[test]
fn what_somebody_changed_meanwhile_is_left_alone() {
    let lab = Lab::new(off());
    let journal = lab.journal();
    lab.prepare(&journal).expect("fit");
    lab.kernel.state().status.backlog_limit = 1000;
    lab.kernel.state().status.pid = 77;
    lab.kernel.state().rules.clear();
    let report = journal.close();
    assert_eq!(lab.status(), (1, 1000));
    let text: Vec<String> = report.iter().map(ToString::to_string).collect();
    assert!(text.iter().any(|line| line.contains("already gone")), "{text:?}");
    assert!(text.iter().any(|line| line.contains("set it to 1000")), "{text:?}");
    assert!(text.iter().any(|line| line.contains("audit daemon (pid 77)")), "{text:?}");
}

#[test]
fn a_refused_rule_leaves_nothing_changed() {
    let lab = Lab::new(FakeKernel::with(|state| {
        state.status.backlog_limit = 64;
        state.refused.push((KernelCall::AddRule, Errno::EINVAL));
    }));
    let journal = lab.journal();
    assert!(matches!(lab.prepare(&journal), Err(Unfit::Refused(KernelError { errno: Errno::EINVAL, .. }))));
    assert_eq!((lab.status(), lab.rules().len()), ((0, 64), 0));
    assert!(journal.close().is_empty());
}

#[test]
fn a_locked_system_is_used_as_it_is_or_refused_with_the_missing_rule() {
    let locked = |rules: Vec<RuleData>| {
        Lab::new(FakeKernel::with(|state| {
            state.status.enabled = 2;
            state.status.backlog_limit = 64;
            state.rules = rules;
        }))
    };
    let lab = locked(vec![mprotect().with_key("site").expect("room")]);
    let journal = lab.journal();
    assert_eq!(lab.prepare(&journal).expect("fit").mode, Mode::ExistingRules);
    let bare = locked(Vec::new());
    let refusal = bare.prepare(&bare.journal()).expect_err("nothing answers").to_string();
    assert!(refusal.contains("locked") && refusal.contains("-S mprotect"), "{refusal}");
    let silenced = locked(vec![rule("-a never,exit -S mprotect -k quiet"), mprotect()]);
    let refusal = silenced.prepare(&silenced.journal()).expect_err("silenced").to_string();
    assert!(refusal.contains("stands behind") && refusal.contains("quiet"), "{refusal}");
    for lab in [lab, bare, silenced] {
        assert!(lab.kernel.state().changes.is_empty(), "a locked system is only read");
    }
}

#[test]
fn records_that_a_site_excludes_for_everybody_make_the_sensor_unfit() {
    let lab = Lab::new(FakeKernel::with(|state| state.rules.push(rule("-a always,exclude -F msgtype=SYSCALL"))));
    assert!(matches!(lab.prepare(&lab.journal()), Err(Unfit::Silenced { .. })));
    assert!(lab.kernel.state().changes.is_empty());
}

#[test]
fn a_rule_without_a_journal_is_deleted_once_its_run_is_gone() {
    let own = crate::journal::Owner::current();
    let named = |pid: u32, ticks: u64| mprotect().with_key(&format!("firstseen-{pid}-{ticks}-0")).expect("room");
    let (gone, live) = (named(own.pid, own.start_ticks + 1), named(own.pid, own.start_ticks));
    let odd = mprotect().with_key("firstseen-by-hand").expect("room");
    let lab = Lab::new(FakeKernel::with(|state| state.rules = vec![gone.clone(), live.clone(), odd.clone()]));
    let report = undo_all_with(&lab.directory, &lab.kernel.connect());
    assert_eq!(report.len(), 1, "{report:?}");
    assert_eq!(lab.rules(), [live.to_string(), odd.to_string()]);
}
