//! What can be wrong with a rule.

/// A rule that cannot be read or sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("audit rule '{rule}': {reason}")]
pub struct AuditRuleError {
    rule: String,
    reason: String,
}

impl AuditRuleError {
    pub(super) fn new(rule: &str, reason: impl Into<String>) -> AuditRuleError {
        AuditRuleError { rule: rule.trim().to_owned(), reason: reason.into() }
    }
}

/// Bytes that are no `audit_rule_data`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleBytesError {
    /// Too short for what they announce.
    #[error("an audit rule of {got} bytes, {needed} are needed")]
    Short {
        /// Bytes given.
        got: usize,
        /// Bytes needed.
        needed: usize,
    },
    /// A number that means nothing here.
    #[error("an audit rule with {what} {number:#x}, which is unknown")]
    Unknown {
        /// Which part.
        what: &'static str,
        /// Its value.
        number: u32,
    },
    /// A text field is longer than the texts of the rule.
    #[error("text field {index} of an audit rule is longer than the text behind the rule")]
    Overlong {
        /// Position of the field, from 0.
        index: usize,
    },
}
