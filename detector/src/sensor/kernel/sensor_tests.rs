use std::collections::BTreeSet;
use std::path::PathBuf;

use nix::errno::Errno;

use super::super::fake::FakeKernel;
use super::*;
use crate::audit::RecordType;
use crate::journal::StateDir;
use crate::netlink::KernelCall;
use crate::netlink::rule::tests::rule;
use crate::sensor::Exit;

/// A sensor over a fake kernel whose "launch" is a change of that kernel; the launch's process is number 7.
fn sensor(kernel: &FakeKernel, act: impl Fn(&FakeKernel) + 'static) -> Result<AuditSensor, Unfit> {
    let parent = tempfile::tempdir().expect("temporary directory");
    let directory = StateDir::at(&parent.path().join("state")).expect("state directory");
    let journal = Journal::open_with(&directory, kernel.connect()).expect("journal");
    let tracer = FakeTracer { kernel: kernel.clone(), act: Box::new(act), _parent: parent };
    let options = Options { journal, tracer: Box::new(tracer) };
    let rules = [AuditRule::parse("-a always,exit -F arch=b64 -S mprotect").expect("valid")];
    AuditSensor::with_kernel(Box::new(kernel.clone()), &rules, options)
}

struct FakeTracer {
    kernel: FakeKernel,
    act: Box<dyn Fn(&FakeKernel)>,
    _parent: tempfile::TempDir,
}

impl Sensor for FakeTracer {
    fn kind(&self) -> SensorKind {
        SensorKind::Trace
    }

    fn observe(&mut self, _: Launch) -> Result<Observation, SensorError> {
        (self.act)(&self.kernel);
        Ok(Observation {
            records: Vec::new(),
            execs: Vec::new(),
            pids: BTreeSet::from([7]),
            exit: Exit::Code(0),
            drained: true,
            losses: Vec::new(),
        })
    }
}

fn launch() -> Launch {
    Launch {
        program: PathBuf::from("/bin/true"),
        argv: vec!["true".into()],
        env: Vec::new(),
        cwd: PathBuf::from("/"),
        descriptors: Vec::new(),
        timeout: Duration::from_secs(1),
    }
}

fn observe(act: impl Fn(&FakeKernel) + 'static) -> Observation {
    let kernel = FakeKernel::default();
    sensor(&kernel, act).expect("fit").observe(launch()).expect("observed")
}

fn act(kernel: &FakeKernel) {
    let mut state = kernel.state();
    state.emit(RecordType::SYSCALL, "syscall=10 ppid=1 pid=7 comm=\"x\"");
    state.emit_same(RecordType::EOE, "");
    state.emit(RecordType::SYSCALL, "syscall=10 ppid=1 pid=8 comm=\"y\"");
}

#[test]
fn the_launchs_own_records_are_kept_and_others_counted() {
    let kernel = FakeKernel::default();
    let mut sensor = sensor(&kernel, act).expect("fit");
    for _ in 0..2 {
        let seen = sensor.observe(launch()).expect("observed");
        assert_eq!(
            seen.records.iter().map(|it| it.record_type).collect::<Vec<_>>(),
            [RecordType::SYSCALL, RecordType::EOE]
        );
        assert!(seen.drained);
        assert_eq!(seen.losses, []);
        assert_eq!(sensor.statistics().own, 2);
        assert!(sensor.statistics().others >= 3, "{:?}", sensor.statistics());
    }
    drop(sensor);
    assert!(kernel.is_untouched());
}

#[test]
fn a_marker_that_does_not_come_back_leaves_the_stream_undrained() {
    let seen = observe(|kernel| {
        act(kernel);
        kernel.state().deaf_to = vec![MarkerKind::Listener, MarkerKind::UserMessage];
    });
    assert!(!seen.drained);
    assert_eq!(seen.records.len(), 2, "what came is kept");
}

#[test]
fn an_overflow_a_serial_gap_and_the_kernels_counter_are_losses() {
    assert_eq!(observe(|kernel| kernel.state().overflow()).losses, [Loss::BufferOverflow]);
    assert_eq!(observe(|kernel| kernel.state().status.lost += 3).losses, [Loss::KernelLost { records: 3 }]);
    let gap = observe(|kernel| {
        act(kernel);
        kernel.state().serial += 2;
        act(kernel);
    });
    let [Loss::SerialGap { after, before }] = gap.losses[..] else { panic!("{:?}", gap.losses) };
    assert_eq!(before - after, 3);
}

#[test]
fn what_is_lost_before_the_act_is_no_loss() {
    let kernel = FakeKernel::default();
    let mut sensor = sensor(&kernel, act).expect("fit");
    kernel.state().overflow();
    kernel.state().status.lost += 3;
    kernel.state().serial += 5;
    let seen = sensor.observe(launch()).expect("observed");
    assert!(seen.drained);
    assert_eq!(seen.losses, []);
}

#[test]
fn a_marker_is_waited_for_as_long_as_others_records_arrive_and_no_longer() {
    let kernel = FakeKernel::with(|state| state.status.enabled = 1);
    let tape = start(kernel.clone().listen().expect("joined")).expect("started");
    let patience = Patience { idle: Duration::from_millis(40), busy: Duration::from_millis(400) };
    let waited = |put: &mut dyn FnMut(&str)| {
        let begin = Instant::now();
        let mut put = |name: &str| {
            put(name);
            Ok::<(), KernelError>(())
        };
        let found = tape.mark("fs", patience, &mut put).expect("put");
        (found.is_some(), begin.elapsed())
    };
    let emit = |text: &str| kernel.state().emit(RecordType::USER, text);
    let (found, time) = waited(&mut |_| ());
    assert!(!found && time >= patience.idle && time < patience.busy, "silence: {time:?}");
    let (found, time) = waited(&mut |_| emit("others"));
    assert!(!found && time >= patience.busy, "others only: {time:?}");
    let mut before = 5;
    let (found, time) = waited(&mut |name| {
        emit(if before == 0 { name } else { "others" });
        before -= 1;
    });
    assert!(found && time >= patience.idle, "behind others: {time:?}");
}

#[test]
fn whoever_disturbs_the_audit_system_meanwhile_is_noticed() {
    let what = |act: fn(&FakeKernel)| match &observe(act).losses[..] {
        [.., Loss::Disturbed { what }] => what.clone(),
        other => panic!("{other:?}"),
    };
    assert!(what(|kernel| kernel.state().rules.clear()).contains("removed"));
    assert!(what(|kernel| kernel.state().rules.insert(0, rule("-a never,exit -S mprotect"))).contains("in front"));
    assert!(what(|kernel| kernel.state().status.enabled = 0).contains("switched the audit system off"));
    assert!(what(|kernel| kernel.state().refused.push((KernelCall::Rules, Errno::EPERM))).contains("EPERM"));
}

#[test]
fn a_reset_of_the_lost_counter_is_noticed() {
    let kernel = FakeKernel::with(|state| state.status.lost = 9);
    let seen = sensor(&kernel, |kernel| kernel.state().status.lost = 0).expect("fit").observe(launch());
    assert!(matches!(seen.expect("observed").losses[..], [Loss::Disturbed { .. }]));
}

#[test]
fn a_kernel_that_logs_no_listeners_is_marked_by_a_message() {
    let kernel = FakeKernel::with(|state| state.deaf_to = vec![MarkerKind::Listener]);
    let seen = sensor(&kernel, act).expect("fit").observe(launch()).expect("observed");
    assert!(seen.drained);
    assert_eq!(seen.losses, []);
}

#[test]
fn a_stream_that_nothing_arrives_on_is_unfit_and_everything_is_put_back() {
    let kernel = FakeKernel::with(|state| state.deaf_to = vec![MarkerKind::Listener, MarkerKind::UserMessage]);
    assert!(matches!(sensor(&kernel, act).err(), Some(Unfit::NoDelivery)));
    assert!(kernel.is_untouched());
}

#[test]
fn a_never_rule_on_the_task_list_is_fatal_only_if_new_tasks_have_no_context() {
    for (no_context, fit) in [(true, false), (false, true)] {
        let kernel = FakeKernel::with(|state| {
            state.rules.push(rule("-a never,task"));
            state.no_context = no_context;
        });
        let made = sensor(&kernel, act);
        assert_eq!(made.is_ok(), fit);
        if let Err(unfit) = made {
            assert!(unfit.to_string().contains("never,task"), "{unfit}");
        }
    }
}

#[test]
fn a_refusing_kernel_is_unfit_with_its_errno() {
    for (call, errno) in [
        (KernelCall::Status, Errno::ECONNREFUSED),
        (KernelCall::Listen, Errno::EPERM),
        (KernelCall::Rules, Errno::EPERM),
    ] {
        let kernel = FakeKernel::with(|state| state.refused.push((call, errno)));
        let Some(Unfit::Refused(error)) = sensor(&kernel, act).err() else { panic!("{call} was accepted") };
        assert_eq!(error, KernelError { call, errno });
    }
}

#[test]
fn a_broken_stream_is_a_loss_not_silence() {
    let seen = observe(|kernel| {
        kernel.state().refused.push((KernelCall::Receive, Errno::EIO));
    });
    assert!(!seen.drained);
    assert!(matches!(seen.losses[..], [Loss::Disturbed { .. }]));
}
