//! Which system calls this sensor can record as the kernel would.
//!
//! Some calls make the kernel write more than `SYSCALL` and `PROCTITLE`: the files, addresses and processes that they
//! touched. Of those this sensor can only make the records of execve, execveat and mmap; a rule that names another is
//! refused, because half an event would be indexed as a different document.

use crate::audit::{Abi, syscall_name};

/// Says why events of this call cannot be made whole.
pub(super) fn check(abi: Abi, number: u32) -> Result<(), String> {
    let Some(name) = syscall_name(abi, number) else { return Ok(()) };
    match EXTRA_RECORDS.iter().find(|(_, names)| names.contains(&name)) {
        Some((record, _)) => Err(format!("events of '{name}' need {record} records, which only the kernel can write")),
        None => Ok(()),
    }
}

/// Records beside `SYSCALL` and `PROCTITLE`, and the calls that cause them. From the places in the kernel that call
/// `getname`, `audit_inode`, `audit_file`, `audit_sockaddr` and the other hooks of `linux/audit.h`.
const EXTRA_RECORDS: [(&str, &[&str]); 12] = [
    (
        "PATH",
        &[
            "access",
            "acct",
            "chdir",
            "chmod",
            "chown",
            "chown32",
            "chroot",
            "creat",
            "faccessat",
            "faccessat2",
            "fanotify_mark",
            "fchmod",
            "fchmodat",
            "fchmodat2",
            "fchown",
            "fchown32",
            "fchownat",
            "fgetxattr",
            "flistxattr",
            "fremovexattr",
            "fsconfig",
            "fsetxattr",
            "fspick",
            "fstatat64",
            "futimesat",
            "getxattr",
            "getxattrat",
            "inotify_add_watch",
            "lchown",
            "lchown32",
            "lgetxattr",
            "link",
            "linkat",
            "listxattr",
            "listxattrat",
            "llistxattr",
            "lremovexattr",
            "lsetxattr",
            "lstat",
            "lstat64",
            "mkdir",
            "mkdirat",
            "mknod",
            "mknodat",
            "mount",
            "mount_setattr",
            "move_mount",
            "name_to_handle_at",
            "newfstatat",
            "oldlstat",
            "oldstat",
            "open",
            "open_tree",
            "open_tree_attr",
            "openat",
            "pivot_root",
            "quotactl",
            "readlink",
            "readlinkat",
            "removexattr",
            "removexattrat",
            "rename",
            "renameat",
            "renameat2",
            "rmdir",
            "setxattr",
            "setxattrat",
            "stat",
            "stat64",
            "statfs",
            "statfs64",
            "statx",
            "swapoff",
            "swapon",
            "symlink",
            "symlinkat",
            "truncate",
            "truncate64",
            "ftruncate",
            "ftruncate64",
            "umount",
            "umount2",
            "unlink",
            "unlinkat",
            "uselib",
            "utime",
            "utimensat",
            "utimensat_time64",
            "utimes",
            "file_getattr",
            "file_setattr",
        ],
    ),
    ("OPENAT2", &["openat2"]),
    (
        "SOCKADDR",
        &[
            "accept",
            "accept4",
            "bind",
            "connect",
            "getpeername",
            "getsockname",
            "recvfrom",
            "recvmmsg",
            "recvmmsg_time64",
            "recvmsg",
            "sendmmsg",
            "sendmsg",
            "sendto",
            "socketcall",
        ],
    ),
    ("FD_PAIR", &["pipe", "pipe2", "socketpair"]),
    ("OBJ_PID", &["kill", "pidfd_send_signal", "ptrace", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "tgkill", "tkill"]),
    (
        "IPC",
        &[
            "ipc",
            "msgctl",
            "msgget",
            "msgrcv",
            "msgsnd",
            "semctl",
            "semget",
            "semop",
            "semtimedop",
            "semtimedop_time64",
            "shmat",
            "shmctl",
            "shmget",
        ],
    ),
    (
        "MQ_*",
        &[
            "mq_getsetattr",
            "mq_notify",
            "mq_open",
            "mq_timedreceive",
            "mq_timedreceive_time64",
            "mq_timedsend",
            "mq_timedsend_time64",
            "mq_unlink",
        ],
    ),
    ("CAPSET", &["capset"]),
    ("BPF", &["bpf"]),
    ("KERN_MODULE", &["create_module", "delete_module", "finit_module", "init_module"]),
    ("TIME_*", &["adjtimex", "clock_adjtime", "clock_adjtime64", "clock_settime", "clock_settime64", "settimeofday"]),
    ("NETFILTER_CFG", &["setsockopt"]),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::syscall_number;

    fn allowed(abi: Abi, name: &str) -> bool {
        check(abi, syscall_number(abi, name).expect("known call")).is_ok()
    }

    #[test]
    fn memory_calls_and_executions_can_be_recorded() {
        for abi in [Abi::X86_64, Abi::I386] {
            for name in ["mprotect", "pkey_mprotect", "mmap", "execve", "execveat", "memfd_create", "personality"] {
                assert!(allowed(abi, name), "{abi} {name}");
            }
        }
    }

    #[test]
    fn calls_with_files_addresses_or_other_processes_cannot() {
        for name in ["openat", "connect", "kill", "pipe2", "unlink"] {
            assert!(!allowed(Abi::X86_64, name) && !allowed(Abi::I386, name), "{name}");
        }
        let message = check(Abi::X86_64, 257).expect_err("openat");
        assert_eq!(message, "events of 'openat' need PATH records, which only the kernel can write");
    }

    #[test]
    fn every_listed_name_is_a_call_of_some_machine_and_is_listed_once() {
        let names: Vec<&str> = EXTRA_RECORDS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        for name in &names {
            assert!(Abi::ALL.iter().any(|abi| syscall_number(*abi, name).is_some()), "{name}");
            assert_eq!(names.iter().filter(|other| other == &name).count(), 1, "{name}");
        }
    }
}
