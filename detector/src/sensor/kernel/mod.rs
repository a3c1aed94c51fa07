//! The `audit` sensor: the kernel's own audit records, read over netlink.
//!
//! [`AuditSensor`] is the main type. [`AuditKernel`] is the kernel as it needs it, [`Netlink`] the real one. How records
//! become events and documents is not decided here.

mod api;
mod asked;
mod coverage;
mod delivery;
#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
pub(crate) mod live_tests;
mod netlink;
mod rule;
mod sensor;
mod setup;
mod tape;
mod wire;

pub use api::{AuditKernel, AuditStream, KernelCall, KernelError, MarkerKind, Received};
pub use coverage::{Gap, Silencer, missing, silencers};
pub use delivery::{Delivery, prove};
pub use netlink::Netlink;
pub use rule::{LAB_KEY_PREFIX, RuleAction, RuleData, RuleError, RuleList, is_lab_key};
pub use sensor::{AuditSensor, Options, Statistics};
pub use setup::{Mode, Unfit};
pub use wire::{AuditStatus, Enabled, Message, StatusField, error_number, messages, record_of_datagram};
