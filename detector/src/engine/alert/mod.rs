//! Alerts: what an execution decided, its identity, and the document that an alerts index would hold.

mod id;
mod model;
mod term;

pub use id::{AlertIdentity, query_alert_id, threshold_event_id};
pub use model::{
    Alert, AlertKind, AlertStatus, DocumentRef, Execution, ExecutionKind, GroupTerm, Suppression, TermCount,
    ThresholdResult,
};
pub use term::TermValue;
