//! The `audit` sensor: the kernel's own audit records.
//!
//! [`AuditSensor`] is the main type. How records become events and documents is not decided here, nor how the kernel is
//! talked to (that is [`netlink`](crate::netlink)'s).

mod asked;
mod coverage;
mod delivery;
#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
pub(crate) mod live_tests;
mod sensor;
mod setup;
mod tape;

pub use coverage::{Gap, Silencer, missing, silencers};
pub use delivery::{Delivery, prove};
pub use sensor::{AuditSensor, Options, Statistics};
pub use setup::{Mode, Unfit};
