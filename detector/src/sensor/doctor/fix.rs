//! What to do so that the kernel's audit can be used: the exact flags of the container engines.

use super::surroundings::{Container, Namespace, Surroundings};

pub(super) const CAP_AUDIT_WRITE: u32 = 29;
pub(super) const CAP_AUDIT_CONTROL: u32 = 30;
pub(super) const CAP_AUDIT_READ: u32 = 37;

const TRACE: &str = "use --sensor trace, which needs no privilege";

/// What both engines need.
const FLAGS: &str = "--pid=host --network=host --cap-add=AUDIT_CONTROL --cap-add=AUDIT_READ";

/// How to get to the audit system from where this process is. In a container all flags at once: each alone would only
/// show the next refusal. One way a line, that of the engine which runs it first.
pub(super) fn access(around: &Surroundings) -> String {
    let remapped = around.user_namespace == Namespace::Other;
    let userns = if remapped { " --userns=host" } else { "" };
    // Docker gives added capabilities to root only; Podman's seccomp profile asks for one more.
    let docker = format!("docker run --user=0 {FLAGS}{userns} ...");
    let podman = format!("podman run {FLAGS} --cap-add=AUDIT_WRITE{userns} ...");
    match &around.container {
        Some(Container::RootlessPodman) => {
            format!("not possible in a rootless container; as root: {podman}\nDocker: {docker}\nor {TRACE}")
        }
        Some(Container::Podman) => format!("Podman, as root: {podman}\nDocker: {docker}\nor {TRACE}"),
        Some(Container::Docker | Container::Other(_)) => {
            format!("Docker, not rootless: {docker}\nPodman, as root: {podman}\nor {TRACE}")
        }
        Some(Container::Kubernetes) => format!(
            "in the pod: hostPID: true, hostNetwork: true, securityContext.runAsUser: 0, \
             securityContext.capabilities.add: [AUDIT_CONTROL, AUDIT_READ, AUDIT_WRITE]; or {TRACE}"
        ),
        None if remapped => format!("run it outside of the user namespace, as root; or {TRACE}"),
        None if around.pid_namespace == Namespace::Other => {
            format!("run it in the initial pid namespace (nsenter --target 1 --pid --mount from the host); or {TRACE}")
        }
        None if around.net_namespace == Namespace::Other => {
            format!("run it in the initial network namespace (nsenter --net=/proc/1/ns/net); or {TRACE}")
        }
        None => format!("run it as root with CAP_AUDIT_CONTROL and CAP_AUDIT_READ; or {TRACE}"),
    }
}

/// When the kernel has no audit at all.
pub(super) fn no_audit() -> String {
    format!("boot a kernel with CONFIG_AUDIT=y and without audit=0; or {TRACE}")
}

/// When a rule of others is in the way.
pub(super) fn remove(rule: &str) -> String {
    let rule = rule.strip_prefix("-a ").map_or_else(|| rule.to_owned(), |rest| format!("-d {rest}"));
    format!("remove it for the run (auditctl {rule}); or {TRACE}")
}

/// When nothing else is known.
pub(super) fn trace() -> String {
    TRACE.to_owned()
}
