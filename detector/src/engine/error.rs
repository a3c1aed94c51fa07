//! Why a rule cannot be run.

use crate::time::Millis;

/// A rule that is refused, when it is made or in one of its executions.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum EngineError {
    /// Not 1 to 3 fields.
    #[error("new_terms_fields: expected 1 to 3 fields, got {count}")]
    NewTermsFieldsCount {
        /// How many there are.
        count: usize,
    },
    /// Below 1.
    #[error("max_signals: expected at least 1, got {value}")]
    MaxSignalsTooSmall {
        /// What was written.
        value: i64,
    },
    /// Not 1 to 3 fields.
    #[error("alert_suppression.group_by: expected 1 to 3 fields, got {count}")]
    SuppressionGroupByCount {
        /// How many there are.
        count: usize,
    },
    /// Below 1, or a unit other than `s`, `m`, `h`.
    #[error("alert_suppression.duration: expected a value of at least 1 and a unit of s, m or h, got {value} '{unit}'")]
    SuppressionDuration {
        /// What was written.
        value: i64,
        /// What was written.
        unit: String,
    },
    /// Empty text.
    #[error("history_window_start is empty; write date math such as now-7d")]
    HistoryWindowStartEmpty,
    /// No date math.
    #[error("{parameter}: '{text}' is no date math; write something like now-7d")]
    Unparsable {
        /// Which parameter.
        parameter: DateParameter,
        /// What was written.
        text: String,
    },
    /// The history does not start before the window.
    #[error(
        "history_window_start '{history}' ({history_at}) must be earlier than 'from', '{from}' ({from_at}); move it further back"
    )]
    HistoryNotBeforeFrom {
        /// What was written.
        history: String,
        /// What it means now.
        history_at: Millis,
        /// What was written.
        from: String,
        /// What it means now.
        from_at: Millis,
    },
    /// The query does not parse, or the search engine would refuse it.
    #[error("{what}: {reason}")]
    QueryFailed {
        /// What was compiled: the query, an exception, a field.
        what: String,
        /// Why it is refused.
        reason: String,
    },
    /// A kind of rule that is not implemented, or one without new terms where they are needed.
    #[error("rules of type '{kind}' are not implemented")]
    Unsupported {
        /// The type as written.
        kind: String,
    },
    /// The rule changed, but documents that the old one did not match are gone.
    #[error(
        "the rule cannot change: only documents that matched were kept; keep all documents to change a rule between runs"
    )]
    DocumentsDropped,
}

/// The parameters that hold date math.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DateParameter {
    /// `from`
    From,
    /// `to`
    To,
    /// `history_window_start`
    HistoryWindowStart,
}

impl DateParameter {
    /// The name of the parameter.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            DateParameter::From => "from",
            DateParameter::To => "to",
            DateParameter::HistoryWindowStart => "history_window_start",
        }
    }
}

impl std::fmt::Display for DateParameter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl EngineError {
    /// A short stable name of the kind of error, for machines.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            EngineError::NewTermsFieldsCount { .. } => "new_terms_fields_count",
            EngineError::MaxSignalsTooSmall { .. } => "max_signals_too_small",
            EngineError::SuppressionGroupByCount { .. } => "suppression_group_by_count",
            EngineError::SuppressionDuration { .. } => "suppression_duration",
            EngineError::HistoryWindowStartEmpty => "history_window_start_empty",
            EngineError::Unparsable { parameter: DateParameter::From, .. } => "from_unparsable",
            EngineError::Unparsable { parameter: DateParameter::To, .. } => "to_unparsable",
            EngineError::Unparsable { parameter: DateParameter::HistoryWindowStart, .. } => {
                "history_window_start_unparsable"
            }
            EngineError::HistoryNotBeforeFrom { .. } => "history_window_start_not_before_from",
            EngineError::QueryFailed { .. } => "query_failed",
            EngineError::Unsupported { .. } => "unsupported",
            EngineError::DocumentsDropped => "documents_dropped",
        }
    }
}
