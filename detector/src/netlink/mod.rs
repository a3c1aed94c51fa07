//! The kernel's audit interface: requests over netlink, rules as it keeps them, its status, and the stream of its records.
//!
//! [`AuditKernel`] is the kernel as this crate needs it, [`Netlink`] the real one. What is asked of it, and what its records
//! mean, is not decided here.

mod api;
pub(crate) mod rule;
mod socket;
mod wire;

pub use api::{AuditKernel, AuditStream, Connect, KernelCall, KernelError, MarkerKind, Received};
pub use rule::{LAB_KEY_PREFIX, RuleAction, RuleData, RuleError, RuleList, is_lab_key};
pub use socket::Netlink;
pub use wire::{AuditStatus, Enabled, Message, StatusField, error_number, messages, record_of_datagram};
