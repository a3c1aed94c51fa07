//! Audit rules: auditctl's text, the kernel's bytes, and what both say.

mod bytes;
mod display;
mod error;
mod field;
mod line;
mod model;
mod parse;
#[cfg(test)]
mod tests;
mod words;

pub use error::{AuditRuleError, RuleBytesError};
pub use field::{Field, Op};
pub use line::{RuleLine, Setting};
pub use model::{Action, AuditRule, FieldValue, FilterList, Position, RuleField, SyscallMask};
