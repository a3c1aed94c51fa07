//! One container after the other: the trace sensor proves the catalog in each, and doctor says what audit lacks there.

use rstest::rstest;

use crate::engine::engine;
use crate::verdicts::assert_proven;

const NO_SOCKET: &str = "the container's seccomp profile forbids audit sockets without CAP_AUDIT_WRITE, as Podman's \
                         default does (EINVAL)";
const USER_NAMESPACE: &str = "this is not the initial user namespace: the kernel hides its audit from rootless \
                              containers and user namespaces (ECONNREFUSED)";
const NETWORK: &str = "this is not the initial network namespace: the kernel takes the reader and sends it nothing";

/// What every one of them is told.
const FLAGS: &str = "--pid=host --network=host --cap-add=AUDIT_CONTROL --cap-add=AUDIT_READ";

/// All but the namespaces.
const CAPABILITIES: &str = "--cap-add=AUDIT_WRITE --cap-add=AUDIT_CONTROL --cap-add=AUDIT_READ";

#[rstest]
#[case::default_flags("", NO_SOCKET)]
#[case::root("--user=0", NO_SOCKET)]
#[case::sys_ptrace("--user=0 --cap-add=SYS_PTRACE", NO_SOCKET)]
#[case::audit_read("--user=0 --cap-add=AUDIT_READ", NO_SOCKET)]
#[case::audit_control("--user=0 --cap-add=AUDIT_CONTROL", NO_SOCKET)]
#[case::host_namespaces("--user=0 --pid=host --network=host", NO_SOCKET)]
#[case::no_network("--network=none", NO_SOCKET)]
#[case::nothing_allowed("--cap-drop=all --user=65534 --security-opt=no-new-privileges", NO_SOCKET)]
#[case::read_only_with_tmpfs("--read-only --read-only-tmpfs=false --tmpfs=/tmp:rw,exec", NO_SOCKET)]
#[case::read_only_with_podmans_own_tmpfs("--read-only", NO_SOCKET)]
#[case::audit_write(
    "--user=0 --cap-add=AUDIT_WRITE",
    "this is not the initial pid namespace, and CAP_AUDIT_CONTROL is missing, and CAP_AUDIT_READ is missing (EPERM)"
)]
#[case::no_seccomp(
    "--user=0 --security-opt=seccomp=unconfined",
    "this is not the initial pid namespace, and CAP_AUDIT_CONTROL is missing, and CAP_AUDIT_READ is missing (EPERM)"
)]
#[case::audit_write_and_control(
    "--user=0 --cap-add=AUDIT_WRITE --cap-add=AUDIT_CONTROL",
    "this is not the initial pid namespace, and CAP_AUDIT_READ is missing (EPERM)"
)]
#[case::all_capabilities_of_audit(
    &format!("--user=0 {CAPABILITIES}"),
    "this is not the initial pid namespace (EPERM)"
)]
#[case::privileged("--user=0 --privileged", "this is not the initial pid namespace (EPERM)")]
#[case::without_control(
    "--user=0 --pid=host --network=host --cap-add=AUDIT_WRITE --cap-add=AUDIT_READ",
    "CAP_AUDIT_CONTROL is missing (EPERM)"
)]
#[case::without_read(
    "--user=0 --pid=host --network=host --cap-add=AUDIT_WRITE --cap-add=AUDIT_CONTROL",
    "CAP_AUDIT_READ is missing (EPERM)"
)]
#[case::own_network_namespace(&format!("--user=0 --pid=host {CAPABILITIES}"), NETWORK)]
#[case::privileged_with_own_network("--user=0 --privileged --pid=host", NETWORK)]
#[case::own_user_namespace("--user=0 --uidmap=0:100000:65536 --cap-add=AUDIT_WRITE", USER_NAMESPACE)]
#[case::own_user_namespace_with_every_flag(
    &format!("--user=0 --uidmap=0:100000:65536 --privileged --network=host {CAPABILITIES}"),
    USER_NAMESPACE
)]
fn trace_proves_the_catalog_and_doctor_says_what_audit_lacks(#[case] flags: &str, #[case] reason: &str) {
    let Some(engine) = engine() else { return };
    let flags: Vec<&str> = flags.split_whitespace().collect();
    let doctor = engine.doctor(&flags);
    assert_eq!(doctor.code, Some(0), "one sensor works: {doctor:?}");
    assert!(doctor.sensor("trace").0, "{doctor:?}");
    let (works, said, fix) = doctor.sensor("audit");
    assert!(!works);
    assert_eq!(said, reason);
    for engine in ["docker run", "podman run"] {
        assert!(fix.to_lowercase().contains(engine), "{fix}");
    }
    assert!(fix.contains(FLAGS) && fix.contains("--cap-add=AUDIT_WRITE"), "{fix}");
    assert_proven(&engine.run(&flags, &["run", "--sensor", "trace", "--format", "json"]));
}
