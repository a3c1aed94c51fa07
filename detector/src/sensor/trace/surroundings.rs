//! What can forbid tracing: read once it failed, to name the reason.

use std::io;

use super::probe::Unfit;

/// The settings that ptrace(2) depends on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Surroundings {
    /// Who traces this process, 0 for nobody.
    tracer: i32,
    /// Whether this process is under a seccomp filter.
    filtered: bool,
    /// Whether it has CAP_SYS_PTRACE.
    may_trace: bool,
    /// `kernel.yama.ptrace_scope`, where there is Yama.
    yama: Option<u32>,
    /// The boolean `deny_ptrace` of SELinux.
    denied_by_selinux: bool,
    /// Whether the kernel protects this process's memory from others of the same user.
    protected: bool,
}

const CAP_SYS_PTRACE: u64 = 1 << 19;

impl Surroundings {
    /// Reads them; what cannot be read does not count.
    pub(super) fn read() -> Surroundings {
        let text = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let status = text("/proc/self/status");
        let line = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).map_or("", str::trim);
        Surroundings {
            tracer: line("TracerPid:").parse().unwrap_or(0),
            filtered: line("Seccomp:") == "2",
            may_trace: u64::from_str_radix(line("CapEff:"), 16).is_ok_and(|caps| caps & CAP_SYS_PTRACE != 0),
            yama: text("/proc/sys/kernel/yama/ptrace_scope").trim().parse().ok(),
            denied_by_selinux: text("/sys/fs/selinux/booleans/deny_ptrace").starts_with('1'),
            protected: matches!(nix::sys::prctl::get_dumpable(), Ok(false)),
        }
    }

    /// What was looked at, for a person.
    pub(super) fn facts(&self) -> Vec<(String, String)> {
        let yes = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
        let mut facts =
            vec![("seccomp filter".to_owned(), yes(self.filtered)), ("CAP_SYS_PTRACE".to_owned(), yes(self.may_trace))];
        facts.extend(self.yama.map(|scope| ("kernel.yama.ptrace_scope".to_owned(), scope.to_string())));
        if self.tracer != 0 {
            facts.push(("traced by process".to_owned(), self.tracer.to_string()));
        }
        facts
    }

    /// The likeliest reason why an own child could not be seized.
    pub(super) fn why_not_traced(&self, error: &io::Error) -> Unfit {
        const SECCOMP: &str = "run the container with --cap-add=SYS_PTRACE or --security-opt seccomp=unconfined \
                               (Docker and Podman allow ptrace by themselves on Linux 4.8 and newer)";
        let reason = |why: &str| format!("cannot trace an own child: {error}: {why}");
        match self {
            _ if error.raw_os_error() == Some(libc::ENOSYS) => {
                Unfit::new(reason("a seccomp filter or this kernel has no ptrace(2)"), SECCOMP)
            }
            Surroundings { tracer: tracer @ 1.., .. } => Unfit::new(
                reason(&format!("this process is traced itself (by process {tracer}), and so are its children")),
                "run without strace -f or a debugger that follows children",
            ),
            Surroundings { yama: Some(3..), .. } => Unfit::new(
                reason("kernel.yama.ptrace_scope is 3, so nobody may trace until the next boot"),
                "set kernel.yama.ptrace_scope to 1 in /etc/sysctl.d and boot, or use the audit sensor",
            ),
            Surroundings { yama: Some(2), may_trace: false, .. } => Unfit::new(
                reason("kernel.yama.ptrace_scope is 2, so only CAP_SYS_PTRACE may trace"),
                "run as root (container: --cap-add=SYS_PTRACE), or: sysctl kernel.yama.ptrace_scope=1",
            ),
            Surroundings { denied_by_selinux: true, .. } => {
                Unfit::new(reason("SELinux's deny_ptrace is on"), "setsebool deny_ptrace off")
            }
            Surroundings { protected: true, may_trace: false, .. } => Unfit::new(
                reason("the kernel protects this program, because this user may execute its file but not read it"),
                "make the file readable (chmod a+r), and not set-uid",
            ),
            Surroundings { filtered: true, .. } => Unfit::new(reason("a seccomp filter refuses ptrace(2)"), SECCOMP),
            _ => Unfit::new(
                reason("a security module (AppArmor, SELinux, Landlock) may forbid it"),
                "allow ptrace in its profile (container: --security-opt apparmor=unconfined), or use the audit sensor",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(surroundings: &Surroundings, errno: i32) -> String {
        surroundings.why_not_traced(&io::Error::from_raw_os_error(errno)).reason
    }

    #[test]
    fn each_obstacle_is_named() {
        let plain = Surroundings::default();
        let cases = [
            (Surroundings { tracer: 7, filtered: true, ..plain.clone() }, "traced itself (by process 7)"),
            (Surroundings { yama: Some(3), may_trace: true, ..plain.clone() }, "ptrace_scope is 3"),
            (Surroundings { yama: Some(2), filtered: true, ..plain.clone() }, "ptrace_scope is 2"),
            (Surroundings { denied_by_selinux: true, ..plain.clone() }, "deny_ptrace"),
            (Surroundings { protected: true, ..plain.clone() }, "not read it"),
            (Surroundings { filtered: true, yama: Some(1), ..plain.clone() }, "seccomp filter refuses"),
            (Surroundings { yama: Some(2), may_trace: true, ..plain.clone() }, "security module"),
        ];
        for (surroundings, expected) in cases {
            let reason = why(&surroundings, libc::EPERM);
            assert!(reason.contains(expected), "{reason}");
        }
        assert!(why(&Surroundings { yama: Some(2), ..plain }, libc::ENOSYS).contains("no ptrace(2)"));
    }

    #[test]
    fn this_process_can_be_read() {
        let read = Surroundings::read();
        assert!(!read.protected && !read.denied_by_selinux);
    }
}
