//! Audit events -> the documents that Auditbeat, or the auditd_manager integration, would have indexed.
//!
//! records -> [`CoalescedEvent`] (what go-libaudit says of an event) -> fields (what Auditbeat makes of it) -> what the
//! integration's ingest pipeline changes. Both flavours share one code path; where they differ, the flavour decides on the spot.
//! The environment (machine, user database, time of ingest) comes in as values: nothing here looks at the machine.

mod accounts;
mod category;
mod coalesce;
mod coalesced;
mod coalesced_json;
mod fields;
mod integration;
mod names;
mod options;
mod pairs;
mod table;
#[cfg(test)]
mod tests;

pub use coalesced::{Account, Address, CoalesceError, CoalescedEvent, Ecs, File, Process, Summary, Warnings};
pub use fields::{normalise, normalise_records};
pub use options::{Flavour, NormaliseOptions, OriginalText};
pub use pairs::Pairs;
