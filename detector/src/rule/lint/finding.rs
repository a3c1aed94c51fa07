//! What lint says, and what it needs to know.

use std::fmt;

use crate::ecs::{Mappings, Schema};
use crate::rule::{Position, RuleSource};
use crate::time::Millis;

/// One remark.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// A short stable name of the check, for machines: `query-syntax`.
    pub code: &'static str,
    /// What is wrong, and what to do. May have several lines.
    pub message: String,
    /// The field that it is about, as a dotted path in the names of the API.
    pub field: Option<String>,
    /// Where that stands in the file, if the rule came from one.
    pub position: Option<Position>,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// A detection engine refuses the rule, or it can never alert.
    Error,
    /// The rule probably does not do what was meant.
    Warning,
}

/// `error[query-syntax]: ...`, without the file.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{severity}[{}]: ", self.code)?;
        if let Some(field) = &self.field {
            write!(f, "{field}: ")?;
        }
        f.write_str(&self.message)
    }
}

/// What lint needs besides the rule. Made once for many rules.
#[derive(Clone, Debug)]
pub struct LintContext<'s> {
    pub(super) source: Option<&'s RuleSource>,
    pub(super) schema: &'static Schema,
    pub(super) mappings: std::sync::Arc<Mappings>,
    pub(super) now: Millis,
}

impl LintContext<'_> {
    /// `now` is what relative dates are compared at.
    #[must_use]
    pub fn new(now: Millis) -> LintContext<'static> {
        let schema = Schema::known();
        LintContext { source: None, schema, mappings: schema.mappings().into(), now }
    }

    /// The same for a rule of a file, so that findings say where.
    #[must_use]
    pub fn of<'s>(&self, source: &'s RuleSource) -> LintContext<'s> {
        LintContext { source: Some(source), schema: self.schema, mappings: self.mappings.clone(), now: self.now }
    }
}

/// Findings in the making.
pub(super) struct Findings<'c> {
    source: Option<&'c RuleSource>,
    found: Vec<Finding>,
}

impl<'c> Findings<'c> {
    pub(super) fn new(context: &LintContext<'c>) -> Findings<'c> {
        Findings { source: context.source, found: Vec::new() }
    }

    pub(super) fn error(&mut self, code: &'static str, field: &str, message: impl Into<String>) {
        let position = self.source.map(|source| source.position_of(field));
        self.add(Severity::Error, code, field, message.into(), position);
    }

    pub(super) fn warning(&mut self, code: &'static str, field: &str, message: impl Into<String>) {
        let position = self.source.map(|source| source.position_of(field));
        self.add(Severity::Warning, code, field, message.into(), position);
    }

    /// A finding about a byte of the text of a field.
    pub(super) fn inside(
        &mut self,
        severity: Severity,
        code: &'static str,
        (field, text, offset): (&str, &str, usize),
        message: impl Into<String>,
    ) {
        let position = self.source.map(|source| source.position_in(field, text, offset));
        self.add(severity, code, field, message.into(), position);
    }

    pub(super) fn finish(self) -> Vec<Finding> {
        let mut found = self.found;
        found.sort_by_key(|finding| (finding.severity, finding.position));
        found
    }

    fn add(
        &mut self,
        severity: Severity,
        code: &'static str,
        field: &str,
        message: String,
        position: Option<Position>,
    ) {
        let field = (!field.is_empty()).then(|| field.to_owned());
        self.found.push(Finding { severity, code, message, field, position });
    }
}
