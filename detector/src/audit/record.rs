//! One audit record as it arrives, whatever carried it: netlink, a log file, or the trace sensor.

/// The number of a record type (`nlmsg_type`), as in `linux/audit.h` and `libaudit.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordType(pub u16);

impl RecordType {
    /// Message from user space (`AUDIT_USER`).
    pub const USER: RecordType = RecordType(1005);
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
    /// End of a multi-record event; auditd does not write it to its log.
    pub const EOE: RecordType = RecordType(1320);
    /// Command line of the process, as cached at its first record.
    pub const PROCTITLE: RecordType = RecordType(1327);
    /// A listener joined or left the multicast group.
    pub const EVENT_LISTENER: RecordType = RecordType(1335);
}

/// One record: its type and its text from `audit(SEC.MSEC:SERIAL): ` on, without the type name, without a newline.
///
/// This is exactly what a netlink datagram carries. The text is kept as the kernel wrote it and is never rewritten.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawRecord {
    /// What the record describes.
    pub record_type: RecordType,
    /// `audit(1700000000.123:42): arch=c000003e syscall=10 ...`
    pub text: String,
}
