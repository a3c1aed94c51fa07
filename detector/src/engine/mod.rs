//! The detection engine.

mod alert;

pub use alert::{
    Alert, AlertIdentity, AlertKind, AlertStatus, DocumentRef, Execution, ExecutionKind, GroupTerm, Suppression,
    TermCount, TermValue, ThresholdResult, alert_document, query_alert_id, threshold_event_id,
};
