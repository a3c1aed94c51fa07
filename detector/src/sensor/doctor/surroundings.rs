//! Where this process runs: namespaces, capabilities, container.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Inodes of the initial namespaces, fixed in the kernel (`include/uapi/linux/nsfs.h`; those of network and mounts only
/// since Linux 6.18).
const INITIAL_USER: u64 = 0xEFFF_FFFD;
const INITIAL_PID: u64 = 0xEFFF_FFFC;
const INITIAL_NET: u64 = 0xEFFF_FFF9;
const INITIAL_MOUNT: u64 = 0xEFFF_FFF8;

/// What matters about the place of this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surroundings {
    /// Its user namespace.
    pub user_namespace: Namespace,
    /// Its process id namespace.
    pub pid_namespace: Namespace,
    /// Its network namespace.
    pub net_namespace: Namespace,
    /// Effective capabilities as in `/proc/self/status`; `None` if that cannot be read.
    pub capabilities: Option<u64>,
    /// Whether a seccomp filter is in force.
    pub filtered: Option<bool>,
    /// `kernel.yama.ptrace_scope`; `None` without Yama.
    pub ptrace_scope: Option<u8>,
    /// The container it is in, as far as it can be told.
    pub container: Option<Container>,
}

/// Whether a namespace is the one that the machine booted with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Namespace {
    /// It is.
    Initial,
    /// It is another one.
    Other,
    /// That cannot be told from here.
    Unknown,
}

/// Kinds of containers that leave a sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Container {
    /// Docker.
    Docker,
    /// Podman that was started by root.
    Podman,
    /// Podman that was started by another user.
    RootlessPodman,
    /// A pod of Kubernetes.
    Kubernetes,
    /// What the environment variable `container` names.
    Other(String),
}

impl Surroundings {
    /// Reads what `root/proc`, `root/run` and so on tell.
    #[must_use]
    pub fn read(root: &Path) -> Surroundings {
        let status = fs::read_to_string(root.join("proc/self/status")).unwrap_or_default();
        let inode = |name: &str| fs::metadata(root.join("proc").join(name)).map(|namespace| namespace.ino()).ok();
        // In the initial pid namespace number 2 is a thread of the kernel, which is in all the initial ones.
        let is_kernel = fs::read_to_string(root.join("proc/2/comm")).is_ok_and(|name| name.trim() == "kthreadd");
        let like_kernel = |own: &str, initial: u64| match (inode(&format!("self/ns/{own}")), is_kernel) {
            (Some(inode), _) if inode == initial => Namespace::Initial,
            (Some(own_inode), true) => match inode(&format!("2/ns/{own}")) {
                Some(kernels) if kernels == own_inode => Namespace::Initial,
                Some(_) => Namespace::Other,
                None => Namespace::Unknown,
            },
            _ => Namespace::Unknown,
        };
        // A machine whose root was once a container's still has its files.
        let is_host = like_kernel("mnt", INITIAL_MOUNT) == Namespace::Initial;
        Surroundings {
            user_namespace: fixed(inode("self/ns/user"), INITIAL_USER),
            pid_namespace: fixed(inode("self/ns/pid"), INITIAL_PID),
            net_namespace: match like_kernel("net", INITIAL_NET) {
                Namespace::Unknown => net_by_settings(root),
                told => told,
            },
            capabilities: field(&status, "CapEff:").and_then(|bits| u64::from_str_radix(bits, 16).ok()),
            filtered: field(&status, "Seccomp:").map(|mode| mode != "0"),
            ptrace_scope: fs::read_to_string(root.join("proc/sys/kernel/yama/ptrace_scope"))
                .ok()
                .and_then(|text| text.trim().parse().ok()),
            container: if is_host { None } else { container(root, |name| std::env::var(name).ok()) },
        }
    }

    /// Whether a capability is effective; one that cannot be read is taken to be.
    pub(super) fn has(&self, capability: u32) -> bool {
        self.capabilities.is_none_or(|bits| bits & (1 << capability) != 0)
    }

    /// Name and value, for a report.
    pub(super) fn facts(&self) -> Vec<(String, String)> {
        let namespace = |namespace| match namespace {
            Namespace::Initial => "initial".to_owned(),
            Namespace::Other => "another one".to_owned(),
            Namespace::Unknown => "cannot be told".to_owned(),
        };
        let container = match &self.container {
            None => "no sign of one".to_owned(),
            Some(Container::Docker) => "Docker".to_owned(),
            Some(Container::Podman) => "Podman".to_owned(),
            Some(Container::RootlessPodman) => "Podman, rootless".to_owned(),
            Some(Container::Kubernetes) => "Kubernetes".to_owned(),
            Some(Container::Other(name)) => name.clone(),
        };
        let capabilities = self.capabilities.map_or("cannot be read".to_owned(), |bits| format!("{bits:016x}"));
        let facts = [
            ("container", container),
            ("user namespace", namespace(self.user_namespace)),
            ("pid namespace", namespace(self.pid_namespace)),
            ("network namespace", namespace(self.net_namespace)),
            ("effective capabilities", capabilities),
        ];
        facts.map(|(name, value)| (name.to_owned(), value)).into()
    }

    /// Name and value of what matters to ptrace, for a report.
    pub(super) fn facts_of_tracing(&self) -> Vec<(String, String)> {
        let scope = self.ptrace_scope.map_or("no Yama".to_owned(), |scope| scope.to_string());
        let filter = match self.filtered {
            Some(true) => "in force",
            Some(false) => "none",
            None => "cannot be read",
        };
        vec![("ptrace scope".to_owned(), scope), ("seccomp filter".to_owned(), filter.to_owned())]
    }
}

/// Tells the network namespace by a setting that only the initial one has (`net_core_table` in the kernel's
/// net/core/sysctl_net_core.c): who lacks CAP_SYS_PTRACE may not look at the namespaces of the kernel's own threads.
fn net_by_settings(root: &Path) -> Namespace {
    let settings = root.join("proc/sys/net/core");
    match (settings.join("dev_weight").exists(), settings.join("somaxconn").exists()) {
        (true, _) => Namespace::Initial,
        (false, true) => Namespace::Other,
        (false, false) => Namespace::Unknown,
    }
}

fn fixed(inode: Option<u64>, initial: u64) -> Namespace {
    match inode {
        Some(inode) if inode == initial => Namespace::Initial,
        Some(_) => Namespace::Other,
        None => Namespace::Unknown,
    }
}

fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
}

fn container(root: &Path, variable: impl Fn(&str) -> Option<String>) -> Option<Container> {
    if let Ok(text) = fs::read_to_string(root.join("run/.containerenv")) {
        let rootless = text.lines().any(|line| line.trim() == "rootless=1");
        return Some(if rootless { Container::RootlessPodman } else { Container::Podman });
    }
    if variable("KUBERNETES_SERVICE_HOST").is_some() {
        return Some(Container::Kubernetes);
    }
    if root.join(".dockerenv").exists() {
        return Some(Container::Docker);
    }
    let named = variable("container").filter(|name| !name.is_empty())?;
    Some(match named.as_str() {
        "podman" => Container::Podman,
        "docker" => Container::Docker,
        _ => Container::Other(named),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_of_containers_are_read() {
        let root = tempfile::tempdir().expect("temporary directory");
        let none = |_: &str| None;
        assert_eq!(container(root.path(), none), None);
        fs::write(root.path().join(".dockerenv"), "").expect("written");
        assert_eq!(container(root.path(), none), Some(Container::Docker));
        let pod = |name: &str| (name == "KUBERNETES_SERVICE_HOST").then(|| "10.0.0.1".to_owned());
        assert_eq!(container(root.path(), pod), Some(Container::Kubernetes));
        fs::create_dir(root.path().join("run")).expect("made");
        fs::write(root.path().join("run/.containerenv"), "engine=\"podman\"\nrootless=1\n").expect("written");
        assert_eq!(container(root.path(), none), Some(Container::RootlessPodman));
        fs::write(root.path().join("run/.containerenv"), "rootless=0\n").expect("written");
        assert_eq!(container(root.path(), none), Some(Container::Podman));
    }

    #[test]
    fn without_proc_nothing_is_told_and_nothing_is_held_against_the_process() {
        let root = tempfile::tempdir().expect("temporary directory");
        let bare = Surroundings::read(root.path());
        assert_eq!(bare.capabilities, None);
        assert!(bare.has(30));
        assert_eq!(bare.user_namespace, Namespace::Unknown);
    }

    #[test]
    fn the_network_namespace_shows_in_its_settings() {
        let root = tempfile::tempdir().expect("temporary directory");
        let told = || Surroundings::read(root.path()).net_namespace;
        let settings = root.path().join("proc/sys/net/core");
        fs::create_dir_all(&settings).expect("made");
        assert_eq!(told(), Namespace::Unknown);
        fs::write(settings.join("somaxconn"), "4096\n").expect("written");
        assert_eq!(told(), Namespace::Other);
        fs::write(settings.join("dev_weight"), "64\n").expect("written");
        assert_eq!(told(), Namespace::Initial);
    }

    #[test]
    fn capabilities_are_bits() {
        let root = tempfile::tempdir().expect("temporary directory");
        fs::create_dir_all(root.path().join("proc/self")).expect("made");
        let status = "Name:\tx\nCapEff:\t0000000040000000\nSeccomp:\t2\n";
        fs::write(root.path().join("proc/self/status"), status).expect("written");
        let found = Surroundings::read(root.path());
        assert!(found.has(30) && !found.has(37));
        assert_eq!(found.filtered, Some(true));
    }
}
