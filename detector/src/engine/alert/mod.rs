//! Alerts: what an execution decided, its identity, and the document that an alerts index would hold.

mod document;
mod id;
mod model;
mod overrides;
mod reason;
mod source;
mod term;

pub use document::{AlertWriter, alert_document};
pub(super) use id::bucket_alert_id;
pub use id::{AlertIdentity, query_alert_id, threshold_event_id};
pub use model::{
    Alert, AlertKind, AlertStatus, DocumentRef, Execution, ExecutionKind, GroupTerm, Suppression, TermCount,
    ThresholdResult,
};
pub(super) use source::find as field;
pub use term::TermValue;
