//! What an execution decided.

use compact_str::CompactString;
use uuid::Uuid;

use super::TermValue;
use super::id::NAMESPACE;
use crate::time::Millis;

/// One alert, as it stands after the latest execution that touched it. Times are on the timeline of the run (virtual in
/// scenarios).
#[derive(Clone, Debug, PartialEq)]
pub struct Alert {
    /// `kibana.alert.uuid` and `_id` (section b.7: [`AlertIdentity`](super::AlertIdentity)).
    pub id: String,
    /// What only this kind of rule has.
    pub kind: AlertKind,
    /// The execution that created it.
    pub execution: Execution,
    /// The document it was made of.
    pub document: DocumentRef,
    /// `kibana.alert.start`: time of creation.
    pub created: Millis,
    /// `kibana.alert.last_detected`: creation, or the execution that last folded a candidate into it.
    pub last_detected: Millis,
    /// `kibana.alert.original_time`: the event's `@timestamp`, never the override; none if the event has none.
    pub original_time: Option<Millis>,
    /// Suppression fields, for an alert that leads a group.
    pub suppression: Option<Suppression>,
    /// `kibana.alert.workflow_status`.
    pub status: AlertStatus,
}

impl Alert {
    /// The terms of an alert of a `new_terms` rule; none for other kinds.
    #[must_use]
    pub fn new_terms(&self) -> &[TermValue] {
        match &self.kind {
            AlertKind::NewTerms(terms) => terms,
            AlertKind::Query | AlertKind::Threshold(_) => &[],
        }
    }
}

/// The part of an alert that depends on the kind of rule.
#[derive(Clone, Debug, PartialEq)]
pub enum AlertKind {
    /// `new_terms`: the terms, in the order of the rule's fields.
    NewTerms(Vec<TermValue>),
    /// `query`.
    Query,
    /// `threshold`.
    Threshold(ThresholdResult),
}

/// `threshold_result`.
#[derive(Clone, Debug, PartialEq)]
pub struct ThresholdResult {
    /// The key of the bucket: one term a field of the rule.
    pub terms: Vec<GroupTerm>,
    /// How many documents the bucket holds.
    pub count: u64,
    /// Field and number of distinct values, if the rule asks for a cardinality.
    pub cardinality: Option<TermCount>,
    /// Time of the oldest document.
    pub from: Millis,
    /// Time of the newest document: `@timestamp` of the synthetic event.
    pub to: Millis,
}

/// A field and a number of distinct values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TermCount {
    /// Field name.
    pub field: CompactString,
    /// Number of distinct values.
    pub value: u64,
}

/// One field of a group and its values.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupTerm {
    /// Field name.
    pub field: CompactString,
    /// The values in index form, sorted; none: the document has no value (shown as null).
    pub values: Option<Vec<TermValue>>,
}

/// `kibana.alert.suppression.*`.
#[derive(Clone, Debug, PartialEq)]
pub struct Suppression {
    /// `terms`.
    pub terms: Vec<GroupTerm>,
    /// `start`: time of the first event.
    pub start: Millis,
    /// `end`: time of the last event.
    pub end: Millis,
    /// `docs_count`: suppressed, without the alert itself.
    pub docs_count: u64,
}

/// The document that an alert was made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentRef {
    /// `_index`.
    pub index: CompactString,
    /// `_id`.
    pub id: CompactString,
}

/// One execution of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Execution {
    /// Position in the sequence of executions, from 0.
    pub number: usize,
    /// `kibana.alert.rule.execution.uuid`.
    pub uuid: Uuid,
    /// `kibana.alert.rule.execution.timestamp`: when it started.
    pub started_at: Millis,
    /// `kibana.alert.rule.execution.type`.
    pub kind: ExecutionKind,
}

impl Execution {
    /// The execution of a rule at a moment. Its UUID is derived from everything here (UUIDv5), so a replay gives the same.
    #[must_use]
    pub fn new(rule_object_id: &str, number: usize, started_at: Millis, kind: ExecutionKind) -> Execution {
        let name = format!("execution {rule_object_id} {number} {started_at} {}", kind.name());
        Execution { number, uuid: Uuid::new_v5(&NAMESPACE, name.as_bytes()), started_at, kind }
    }
}

/// Why an execution took place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExecutionKind {
    /// The schedule's turn.
    Scheduled,
    /// Somebody asked for it: no gap handling.
    Manual,
}

impl ExecutionKind {
    /// The value of `kibana.alert.rule.execution.type`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            ExecutionKind::Scheduled => "scheduled",
            ExecutionKind::Manual => "manual",
        }
    }
}

/// `kibana.alert.workflow_status`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AlertStatus {
    /// `open`
    #[default]
    Open,
    /// `closed`: suppression does not fold into it.
    Closed,
}

impl AlertStatus {
    /// The value of the field.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            AlertStatus::Open => "open",
            AlertStatus::Closed => "closed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_execution_has_the_same_uuid_in_every_replay_and_another_for_any_other_execution() {
        let base = Execution::new("r", 0, Millis(1), ExecutionKind::Scheduled);
        assert_eq!(base, Execution::new("r", 0, Millis(1), ExecutionKind::Scheduled));
        for other in [
            Execution::new("s", 0, Millis(1), ExecutionKind::Scheduled),
            Execution::new("r", 1, Millis(1), ExecutionKind::Scheduled),
            Execution::new("r", 0, Millis(2), ExecutionKind::Scheduled),
            Execution::new("r", 0, Millis(1), ExecutionKind::Manual),
        ] {
            assert_ne!(base.uuid, other.uuid);
        }
    }
}
