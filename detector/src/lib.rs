//! What is seen and what is decided: sensors, audit records, ECS documents, KQL, rules and the detection engine.
//!
//! The way of the data is one direction:
//!
//! ```text
//! Sensor::observe -> RawRecord -> AuditRecord -> Reassembler -> AuditEvent -> normalise -> EcsDocument
//!                                                                  -> Row -> Engine -> Alert
//! ```
//!
//! Nothing here prints, exits or reads the clock for a decision; nothing here knows how an act is done (that is the
//! simulator's), so that a rule cannot pass because both sides agreed on a name.

pub mod audit;
pub mod datemath;
pub mod ecs;
pub mod engine;
pub mod exec;
pub mod journal;
pub mod kql;
pub mod lucene;
pub mod netlink;
pub mod rule;
pub mod sensor;
mod sys;
pub mod time;
