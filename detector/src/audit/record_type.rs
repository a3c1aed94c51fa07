//! Record types: numbers on netlink, names in logs.

use std::fmt;
use std::sync::LazyLock;

use super::table::{NameTable, Radix};

/// The number of a record type (`nlmsg_type`), as in `linux/audit.h` and `libaudit.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordType(pub u16);

impl RecordType {
    /// Message from user space (`AUDIT_USER`).
    pub const USER: RecordType = RecordType(1005);
    /// The login uid of a task was set.
    pub const LOGIN: RecordType = RecordType(1006);
    /// Credentials were disposed of.
    pub const CRED_DISP: RecordType = RecordType(1104);
    /// A session began.
    pub const USER_START: RecordType = RecordType(1105);
    /// A session ended.
    pub const USER_END: RecordType = RecordType(1106);
    /// A login, good or bad.
    pub const USER_LOGIN: RecordType = RecordType(1112);
    /// A command, as sudo reports it.
    pub const USER_CMD: RecordType = RecordType(1123);
    /// What was typed, as a program reports it.
    pub const USER_TTY: RecordType = RecordType(1124);
    /// A system call and its process.
    pub const SYSCALL: RecordType = RecordType(1300);
    /// A file that a system call named.
    pub const PATH: RecordType = RecordType(1302);
    /// The configuration of the audit system changed.
    pub const CONFIG_CHANGE: RecordType = RecordType(1305);
    /// A socket address.
    pub const SOCKADDR: RecordType = RecordType(1306);
    /// The working directory; present only beside `PATH`.
    pub const CWD: RecordType = RecordType(1307);
    /// Arguments of a successful execve.
    pub const EXECVE: RecordType = RecordType(1309);
    /// What was typed, as the kernel saw it.
    pub const TTY: RecordType = RecordType(1319);
    /// End of a multi-record event; auditd does not write it to its log.
    pub const EOE: RecordType = RecordType(1320);
    /// Capabilities gained at an execve.
    pub const BPRM_FCAPS: RecordType = RecordType(1321);
    /// Arguments of mmap that registers do not show.
    pub const MMAP: RecordType = RecordType(1323);
    /// A seccomp filter stopped something.
    pub const SECCOMP: RecordType = RecordType(1326);
    /// Command line of the process, as cached at its first record.
    pub const PROCTITLE: RecordType = RecordType(1327);
    /// The kernel asks whether the daemon is alive.
    pub const REPLACE: RecordType = RecordType(1329);
    /// A listener joined or left the multicast group.
    pub const EVENT_LISTENER: RecordType = RecordType(1335);
    /// SELinux decided.
    pub const AVC: RecordType = RecordType(1400);

    /// The name as auditd writes it, if it has one.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        TYPES.name(u32::from(self.0))
    }

    /// Reads `SYSCALL` or `UNKNOWN[1334]`, in any case, as log lines and `-F msgtype=` have it.
    #[must_use]
    pub fn from_name(name: &str) -> Option<RecordType> {
        // The five that make up most of a log need no table.
        match name {
            "SYSCALL" => return Some(RecordType::SYSCALL),
            "PROCTITLE" => return Some(RecordType::PROCTITLE),
            "PATH" => return Some(RecordType::PATH),
            "CWD" => return Some(RecordType::CWD),
            "EXECVE" => return Some(RecordType::EXECVE),
            _ => {}
        }
        let known = |name: &str| TYPES.number(name).and_then(|number| u16::try_from(number).ok()).map(RecordType);
        if let Some(found) = known(name) {
            return Some(found);
        }
        if let Some(number) = name.split_once('[').and_then(|(_, rest)| rest.split_once(']')) {
            return number.0.parse().ok().map(RecordType);
        }
        if name.bytes().any(|byte| byte.is_ascii_lowercase()) { known(&name.to_ascii_uppercase()) } else { None }
    }

    /// Whether a record of this type ends its event at once: go-libaudit's rule (reassembler.go), without EOE.
    #[must_use]
    pub fn completes_event(self) -> bool {
        self == RecordType::PROCTITLE || self.0 <= 1299 || self.0 >= 2100
    }
}

/// `SYSCALL`, or `UNKNOWN[1398]` without a name.
impl fmt::Display for RecordType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "UNKNOWN[{}]", self.0),
        }
    }
}

static TYPES: LazyLock<NameTable> =
    LazyLock::new(|| NameTable::embedded(include_str!("data/record-types.txt"), Radix::Decimal));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_agree() {
        assert_eq!(RecordType::from_name("PROCTITLE"), Some(RecordType::PROCTITLE));
        assert_eq!(RecordType::from_name("user_cmd"), Some(RecordType::USER_CMD));
        assert_eq!(RecordType::EVENT_LISTENER.to_string(), "EVENT_LISTENER");
    }

    #[test]
    fn types_without_a_name_keep_their_number() {
        assert_eq!(RecordType::from_name("UNKNOWN[1398]"), Some(RecordType(1398)));
        assert_eq!(RecordType(1398).to_string(), "UNKNOWN[1398]");
        assert_eq!(RecordType::from_name("UNKNOWN[99999]"), None);
        assert_eq!(RecordType::from_name("NONSENSE"), None);
    }

    #[test]
    fn only_the_ranges_of_upstream_complete_an_event() {
        let complete = [1005, 1006, 1112, 1299, 1327, 2100, 2404];
        let open = [1300, 1302, 1309, 1326, 1328, 1400, 1701, 2000, 2099];
        assert!(complete.iter().all(|number| RecordType(*number).completes_event()));
        assert!(!open.iter().any(|number| RecordType(*number).completes_event()));
    }
}
