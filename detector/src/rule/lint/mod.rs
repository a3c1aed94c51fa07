//! What is wrong, or probably wrong, with a rule before it is ever run.
//!
//! [`lint`] is the main function. An [`Severity::Error`] is a rule that a detection engine refuses or that can never alert; a
//! warning is a rule that probably does not do what its author meant. Each check is a function of its own in one of the
//! files here and reports under a stable code. Documents are not looked at.

mod finding;
mod keys;
mod parameters;
mod prerequisites;
mod query;
mod schedule;

pub use finding::{Finding, LintContext, Severity};

use super::Rule;
use finding::Findings;

/// Everything that is to be said about a rule: errors first, otherwise in the order of the file.
#[must_use]
pub fn lint(rule: &Rule, context: &LintContext<'_>) -> Vec<Finding> {
    let mut findings = Findings::new(context);
    parameters::check(rule, &mut findings);
    keys::check(rule, &mut findings);
    schedule::check(rule, context.now, &mut findings);
    query::check(rule, context, &mut findings);
    prerequisites::check(rule, &mut findings);
    findings.finish()
}

#[cfg(test)]
mod tests;
