//! The detection engine: documents and moments in, alerts out.
//!
//! A [`RuleRunner`] holds one rule, the documents that it reads and the alerts that it made. It is fed with
//! [`Document`]s, [executed](RuleRunner::execute) at any moment of a virtual or real timeline, or
//! [replayed](RuleRunner::replay) over a whole one, and answers with [`ExecutionReport`]s and [`Alert`]s. The semantics are
//! those of Elastic Security's detection engine; docs/fidelity.md says statement by statement which, and how each is known.
//!
//! Everything here is a pure function of what it is given: no clock, no file, no socket.

mod alert;
mod alerts;
mod compile;
mod document;
mod elastic;
mod error;
mod exceptions;
mod explain;
mod fates;
mod indices;
mod load;
mod new_terms;
mod population;
mod prepare;
mod query;
mod report;
mod runner;
mod schedule;
mod store;
mod suppression;
#[cfg(test)]
mod testing;
mod threshold;
mod timeline;
mod values;
mod window;

pub use alert::{
    Alert, AlertIdentity, AlertKind, AlertStatus, AlertWriter, DocumentRef, Execution, ExecutionKind, GroupTerm,
    Suppression, TermCount, TermValue, ThresholdResult, alert_document, query_alert_id, threshold_event_id,
};
pub use document::{DEFAULT_INDEX, Document};
pub use elastic::ElasticBug;
pub use error::{DateParameter, EngineError};
pub use explain::{Explanation, Sight, SightOutcome, Standing, TermExplanation};
pub use load::Feed;
pub use prepare::{Keep, Rejected};
pub use report::{ExecutionReport, Warning, WindowReport};
pub use runner::{Ingested, RuleRunner};
pub use schedule::{Lost, Plan, Schedule, Window};
