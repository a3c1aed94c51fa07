//! The kernel's audit system as this sensor needs it: a trait, so that refusals and a locked system can be tested
//! without locking a real one.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;

use super::rule::RuleData;
use super::wire::{AuditStatus, StatusField};
use crate::audit::RawRecord;

/// Requests to the audit system. Every method is one call to the kernel, none of them waits longer than a second.
pub trait AuditKernel: Send {
    /// `AUDIT_GET`.
    ///
    /// # Errors
    /// The kernel's refusal.
    fn status(&mut self) -> Result<AuditStatus, KernelError>;

    /// `AUDIT_SET` of one field.
    ///
    /// # Errors
    /// The kernel's refusal; EPERM when the system is locked.
    fn set(&mut self, field: StatusField, value: u32) -> Result<(), KernelError>;

    /// `AUDIT_LIST_RULES`: every rule, each list in the order in which the kernel tries it.
    ///
    /// # Errors
    /// The kernel's refusal.
    fn rules(&mut self) -> Result<Vec<RuleData>, KernelError>;

    /// `AUDIT_ADD_RULE`, behind all others of its list unless the rule says to be prepended.
    ///
    /// # Errors
    /// The kernel's refusal; EEXIST when the very same rule is there.
    fn add_rule(&mut self, rule: &RuleData) -> Result<(), KernelError>;

    /// `AUDIT_DEL_RULE`.
    ///
    /// # Errors
    /// The kernel's refusal; ENOENT when there is no such rule.
    fn delete_rule(&mut self, rule: &RuleData) -> Result<(), KernelError>;

    /// Joins the multicast group of readers (`AUDIT_NLGRP_READLOG`).
    ///
    /// # Errors
    /// The kernel's refusal.
    fn listen(&mut self) -> Result<Box<dyn AuditStream>, KernelError>;

    /// Makes the kernel write a record that holds `name` (at most 15 bytes of letters and digits) into the stream.
    ///
    /// # Errors
    /// The kernel's refusal.
    fn mark(&mut self, kind: MarkerKind, name: &str) -> Result<(), KernelError>;
}

/// Connects to a kernel, whenever one is needed.
pub type Connect = Arc<dyn Fn() -> Result<Box<dyn AuditKernel>, KernelError> + Send + Sync>;

/// A reader of the multicast group.
pub trait AuditStream: Send {
    /// The next thing that arrives, or [`Received::Nothing`] after `timeout`.
    ///
    /// # Errors
    /// When the socket itself fails; an overflow is no error.
    fn receive(&mut self, timeout: Duration) -> Result<Received, KernelError>;
}

/// What a stream had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Received {
    /// A record.
    Record(RawRecord),
    /// The socket's buffer overflowed since the last call: an unknown number of records is gone (`ENOBUFS`).
    Overflow,
    /// Nothing within the time.
    Nothing,
}

/// How a marker is put into the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MarkerKind {
    /// A second reader joins the group for a moment: the kernel logs that (`EVENT_LISTENER`, Linux 5.8 and later) with
    /// the name of the thread. Needs nothing that reading does not need.
    Listener,
    /// A message from user space (`AUDIT_USER`); needs CAP_AUDIT_WRITE.
    UserMessage,
}

/// A call that the kernel refused, or that had no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{call}: {} ({errno:?})", errno.desc())]
pub struct KernelError {
    /// What was asked.
    pub call: KernelCall,
    /// The answer; ETIMEDOUT when there was none, EBADMSG when it could not be read.
    pub errno: Errno,
}

/// The calls there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KernelCall {
    /// `socket(AF_NETLINK, SOCK_RAW, NETLINK_AUDIT)`
    Socket,
    /// Joining the multicast group.
    Listen,
    /// Reading from the group.
    Receive,
    /// `AUDIT_GET`
    Status,
    /// `AUDIT_SET`
    Set(StatusField),
    /// `AUDIT_LIST_RULES`
    Rules,
    /// `AUDIT_ADD_RULE`
    AddRule,
    /// `AUDIT_DEL_RULE`
    DeleteRule,
    /// A message from user space.
    UserMessage,
}

impl fmt::Display for KernelCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KernelCall::Socket => f.write_str("opening an audit socket"),
            KernelCall::Listen => f.write_str("joining the audit multicast group"),
            KernelCall::Receive => f.write_str("reading audit records"),
            KernelCall::Status => f.write_str("asking for the audit status"),
            KernelCall::Set(field) => write!(f, "setting the audit status field {}", field.name()),
            KernelCall::Rules => f.write_str("listing the audit rules"),
            KernelCall::AddRule => f.write_str("adding an audit rule"),
            KernelCall::DeleteRule => f.write_str("deleting an audit rule"),
            KernelCall::UserMessage => f.write_str("sending an audit message"),
        }
    }
}
