use super::super::surroundings::Container;
use super::*;
use crate::netlink::MarkerKind;
use crate::sensor::kernel::fake::{FakeKernel, FakeState};

const RULE: &str = "-a always,exit -F arch=b64 -S mprotect";

fn rule(text: &str) -> AuditRule {
    AuditRule::parse(text).expect("valid")
}

fn host() -> Surroundings {
    Surroundings {
        user_namespace: Namespace::Initial,
        pid_namespace: Namespace::Initial,
        net_namespace: Namespace::Initial,
        capabilities: Some(u64::MAX),
        filtered: Some(false),
        ptrace_scope: None,
        container: None,
    }
}

fn without(capabilities: &[u32]) -> Option<u64> {
    Some(capabilities.iter().fold(u64::MAX, |bits, capability| bits & !(1 << capability)))
}

fn health(around: &Surroundings, change: impl FnOnce(&mut FakeState)) -> SensorHealth {
    let kernel = FakeKernel::with(change);
    let health = examine(Ok(Box::new(kernel.clone())), &[rule(RULE)], around);
    assert!(kernel.state().changes.is_empty(), "the doctor changes nothing");
    health
}

fn refused(around: &Surroundings, call: KernelCall, errno: Errno) -> SensorHealth {
    health(around, |state| state.refused.push((call, errno)))
}

fn no_socket(around: &Surroundings, errno: Errno) -> SensorHealth {
    examine(Err(KernelError { call: KernelCall::Socket, errno }), &[rule(RULE)], around)
}

/// Reason and fix of one that does not work.
fn told(health: SensorHealth) -> (String, String) {
    assert!(!health.works, "{}", health.reason);
    (health.reason, health.fix.expect("a fix"))
}

#[test]
fn a_plain_host_works_with_audit_on_or_off() {
    let off = health(&host(), |_| {});
    assert!(off.works, "{}", off.reason);
    let on = health(&host(), |state| {
        state.status.enabled = 1;
        state.status.pid = 77;
        state.status.lost = 5;
    });
    assert!(on.works && on.reason.contains("beside the audit daemon"), "{}", on.reason);
    let fact = |name: &str| on.facts.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str());
    assert_eq!(fact("audit daemon"), Some("pid 77"));
    assert_eq!(fact("lost since boot"), Some("5"));
    assert_eq!(fact("delivery"), Some("a marker came back"));
}

#[test]
fn a_kernel_without_audit_is_told_from_a_forbidding_profile() {
    let (reason, fix) = told(no_socket(&host(), Errno::EPROTONOSUPPORT));
    assert!(reason.contains("no audit") && fix.contains("CONFIG_AUDIT"), "{reason} {fix}");
    let podman = Surroundings { capabilities: without(&[29]), container: Some(Container::Podman), ..host() };
    let (reason, fix) = told(no_socket(&podman, Errno::EINVAL));
    assert!(reason.contains("seccomp profile") && reason.contains("EINVAL"), "{reason}");
    let flags = "--pid=host --network=host --cap-add=AUDIT_CONTROL --cap-add=AUDIT_READ --cap-add=AUDIT_WRITE";
    assert!(fix.contains(flags) && fix.contains("docker run"), "{fix}");
}

#[test]
fn a_user_namespace_is_told_by_the_hidden_answer() {
    let around = Surroundings { user_namespace: Namespace::Other, ..host() };
    let (reason, fix) = told(refused(&around, KernelCall::Status, Errno::ECONNREFUSED));
    assert!(reason.contains("user namespace") && fix.contains("outside of the user namespace"), "{reason} {fix}");
    let docker = Surroundings { container: Some(Container::Docker), ..around.clone() };
    assert!(told(refused(&docker, KernelCall::Status, Errno::ECONNREFUSED)).1.contains("--userns=host"));
    let rootless = Surroundings { container: Some(Container::RootlessPodman), ..around };
    assert!(told(refused(&rootless, KernelCall::Status, Errno::ECONNREFUSED)).1.contains("not possible"));
}

#[test]
fn a_refused_request_is_the_pid_namespace_or_a_capability_or_both() {
    let told_by = |around: Surroundings| told(refused(&around, KernelCall::Status, Errno::EPERM));
    let pid = told_by(Surroundings { pid_namespace: Namespace::Other, ..host() });
    assert!(pid.0.contains("pid namespace") && !pid.0.contains("CAP_"), "{}", pid.0);
    assert!(pid.1.contains("nsenter"), "{}", pid.1);
    let capability = told_by(Surroundings { capabilities: without(&[30]), ..host() });
    assert!(capability.0.contains("CAP_AUDIT_CONTROL") && !capability.0.contains("namespace"), "{}", capability.0);
    let docker = Surroundings {
        pid_namespace: Namespace::Other,
        capabilities: without(&[30, 37]),
        container: Some(Container::Docker),
        ..host()
    };
    let (reason, fix) = told_by(docker);
    assert!(["pid namespace", "CAP_AUDIT_CONTROL", "CAP_AUDIT_READ"].iter().all(|it| reason.contains(it)), "{reason}");
    let flags = "--pid=host --network=host --cap-add=AUDIT_CONTROL --cap-add=AUDIT_READ";
    assert!(fix.starts_with(&format!("Docker, not rootless: docker run --user=0 {flags} ...\n")), "{fix}");
    assert!(fix.contains(&format!("podman run {flags} --cap-add=AUDIT_WRITE ...")), "{fix}");
}

#[test]
fn a_refused_reader_lacks_a_capability() {
    let (reason, _) = told(refused(&host(), KernelCall::Listen, Errno::EPERM));
    assert!(reason.contains("CAP_AUDIT_READ"), "{reason}");
}

#[test]
fn a_stream_without_delivery_is_the_network_namespace() {
    let deaf = health(&host(), |state| {
        state.status.enabled = 1;
        state.deaf_to = vec![MarkerKind::Listener, MarkerKind::UserMessage];
    });
    assert!(told(deaf).0.contains("network namespace"));
    let around = Surroundings { net_namespace: Namespace::Other, ..host() };
    assert!(told(health(&around, |_| {})).1.contains("nsenter --net"), "also while audit is off");
}

#[test]
fn a_locked_system_works_only_with_rules_of_its_own() {
    let locked = |rules: &[&str]| {
        health(&host(), |state| {
            state.status.enabled = 2;
            state.rules = rules.iter().map(|text| RuleData::from(&rule(text))).collect();
        })
    };
    let works = locked(&["-a always,exit -F arch=b64 -S mprotect,mmap -k site"]);
    assert!(works.works && works.reason.contains("locked"), "{}", works.reason);
    let (reason, fix) = told(locked(&[]));
    assert!(reason.contains("locked") && reason.contains(RULE) && fix.contains("boot"), "{reason} {fix}");
    let (reason, _) = told(locked(&["-a never,exit -F arch=b64 -S mprotect -k quiet", RULE]));
    assert!(reason.contains("quiet"), "{reason}");
}

#[test]
fn rules_that_silence_everything_are_named_with_the_way_to_remove_them() {
    let exclude = health(&host(), |state| {
        state.rules.push(RuleData::from(&rule("-a always,exclude -F msgtype=SYSCALL")));
    });
    assert!(told(exclude).1.contains("auditctl -d always,exclude -F msgtype=SYSCALL"));
    for (no_context, works) in [(true, false), (false, true)] {
        let task = health(&host(), |state| {
            state.status.enabled = 1;
            state.no_context = no_context;
            state.rules.push(RuleData::from(&rule("-a never,task")));
        });
        assert_eq!(task.works, works, "{}", task.reason);
    }
    assert!(
        told(health(&host(), |state| state.rules.push(RuleData::from(&rule("-a never,task")))))
            .0
            .contains("never,task")
    );
    let exit = health(&host(), |state| state.rules.push(RuleData::from(&rule("-a never,exit -S mprotect"))));
    assert!(exit.works, "ours goes in front of it: {}", exit.reason);
}

#[test]
fn an_unknown_refusal_keeps_its_number_and_a_kernel_that_hangs_is_told() {
    assert!(told(refused(&host(), KernelCall::Rules, Errno::EIO)).0.contains("EIO"));
    assert!(told(refused(&host(), KernelCall::Status, Errno::ETIMEDOUT)).0.contains("does not answer"));
}
