//! What go-libaudit says of an event: the words between records and documents.

use std::borrow::Cow;

use crate::audit::{AuditRecord, RecordType};
use crate::time::Millis;

use super::category::category;
use super::pairs::Pairs;

/// One event, described.
#[derive(Clone, Debug)]
pub struct CoalescedEvent<'a> {
    /// When.
    pub time: Millis,
    /// Its number.
    pub serial: u32,
    /// Type of the first record.
    pub record_type: RecordType,
    /// The old category name of that type: `audit-rule`, `user-login`, ...
    pub category: &'static str,
    /// `success`, `fail`, `unknown`; empty if the main record has no data.
    pub result: Cow<'a, str>,
    /// Audit session, `unset`, or empty.
    pub session: Cow<'a, str>,
    /// Keys of the rules.
    pub tags: Vec<Cow<'a, str>>,
    /// Who did what to what.
    pub summary: Summary<'a>,
    /// User and group ids of the main record, by field name.
    pub ids: Pairs<'a>,
    /// Parts of the SELinux context of the process.
    pub selinux: Pairs<'a>,
    /// The process.
    pub process: Process<'a>,
    /// The file that was acted on.
    pub file: Option<File<'a>>,
    /// Where something came from.
    pub source: Option<Address<'a>>,
    /// Where something went.
    pub destination: Option<Address<'a>>,
    /// `ingress` or `egress`.
    pub direction: Option<&'static str>,
    /// All other fields.
    pub data: Pairs<'a>,
    /// Fields of the socket address.
    pub socket: Pairs<'a>,
    /// Fields of each path record.
    pub paths: Vec<Pairs<'a>>,
    /// ECS categorisation and accounts.
    pub ecs: Ecs<'a>,
    /// What was odd, if [`Warnings::Kept`].
    pub warnings: Vec<String>,
}

/// Who did what to what; empty texts are unknown.
#[derive(Clone, Debug, Default)]
pub struct Summary<'a> {
    /// The login user.
    pub actor_primary: Cow<'a, str>,
    /// The user that was acted as.
    pub actor_secondary: Cow<'a, str>,
    /// What was done.
    pub action: &'static str,
    /// Kind of the object.
    pub object_type: &'static str,
    /// The object.
    pub object_primary: Cow<'a, str>,
    /// More about it.
    pub object_secondary: Cow<'a, str>,
    /// The program.
    pub how: Cow<'a, str>,
}

/// The process, as texts; empty if unknown.
#[derive(Clone, Debug, Default)]
pub struct Process<'a> {
    /// Process id.
    pub pid: Cow<'a, str>,
    /// Parent's process id.
    pub ppid: Cow<'a, str>,
    /// Command line as the kernel cached it.
    pub title: Cow<'a, str>,
    /// Name of the thread.
    pub name: Cow<'a, str>,
    /// File.
    pub exe: Cow<'a, str>,
    /// Working directory.
    pub cwd: Cow<'a, str>,
    /// Arguments of an execve.
    pub args: Vec<Cow<'a, str>>,
}

/// The file that was acted on.
#[derive(Clone, Debug, Default)]
pub struct File<'a> {
    /// As it was named, perhaps relative.
    pub path: Cow<'a, str>,
    /// Device number of a device file.
    pub device: Cow<'a, str>,
    /// Inode.
    pub inode: Cow<'a, str>,
    /// Permission bits, four octal digits.
    pub mode: String,
    /// Owner.
    pub uid: Cow<'a, str>,
    /// Group.
    pub gid: Cow<'a, str>,
    /// SELinux context.
    pub selinux: Pairs<'a>,
}

/// One end of a connection.
#[derive(Clone, Debug, Default)]
pub struct Address<'a> {
    /// IP address.
    pub ip: Cow<'a, str>,
    /// Port.
    pub port: Cow<'a, str>,
    /// Path of a unix socket.
    pub path: Cow<'a, str>,
}

/// What the table adds.
#[derive(Clone, Debug, Default)]
pub struct Ecs<'a> {
    /// `event.category`: of the record, then of the system call beside it.
    pub category: [&'static [String]; 2],
    /// `event.type`, likewise.
    pub types: [&'static [String]; 2],
    /// `alert` for anomalies; Auditbeat does not use it.
    pub kind: &'static str,
    /// `event.outcome`, if it differs from the result.
    pub outcome: Option<&'static str>,
    /// `user`
    pub user: Option<Account<'a>>,
    /// `user.effective`
    pub effective: Option<Account<'a>>,
    /// `user.target`
    pub target: Option<Account<'a>>,
    /// `group`
    pub group: Option<Account<'a>>,
}

/// A user or group that an event names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Account<'a> {
    /// By its number.
    Id(Cow<'a, str>),
    /// By its name.
    Name(Cow<'a, str>),
    /// Nobody: not logged in.
    Unset,
}

/// Whether oddities are put into words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Warnings {
    /// No.
    #[default]
    Dropped,
    /// Yes.
    Kept,
}

/// Why an event has no description.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CoalesceError {
    /// It has no record.
    #[error("messages is empty")]
    Empty,
    /// Several records without a system call.
    #[error("missing syscall message in compound event")]
    NoSyscall,
}

impl<'a> CoalescedEvent<'a> {
    /// What the first record says.
    pub(super) fn new(first: &AuditRecord<'a>) -> CoalescedEvent<'a> {
        CoalescedEvent {
            time: first.time,
            serial: first.serial,
            record_type: first.record_type,
            category: category(first.record_type),
            result: Cow::default(),
            session: Cow::default(),
            tags: Vec::new(),
            summary: Summary::default(),
            ids: Pairs::with_capacity(10),
            selinux: Pairs::default(),
            process: Process::default(),
            file: None,
            source: None,
            destination: None,
            direction: None,
            data: Pairs::with_capacity(32),
            socket: Pairs::default(),
            paths: Vec::new(),
            ecs: Ecs::default(),
            warnings: Vec::new(),
        }
    }

    /// A field, or an id if there is no such field.
    pub(super) fn value(&self, name: &str) -> Option<&Cow<'a, str>> {
        self.data.get(name).or_else(|| self.ids.get(name))
    }
}

impl<'a> Account<'a> {
    /// Tells ids, names and nobody apart.
    pub(super) fn of(text: &Cow<'a, str>) -> Account<'a> {
        match &**text {
            "" | "unset" | "4294967295" | "-1" => Account::Unset,
            number if number.parse::<u64>().is_ok() => Account::Id(text.clone()),
            _ => Account::Name(text.clone()),
        }
    }
}
