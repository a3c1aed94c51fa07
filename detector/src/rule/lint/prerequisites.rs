//! What the rule needs on a host, and whether its set-up text asks for it.
//!
//! Rules in KQL and Lucene syntax are read exactly. Of other languages only the names of fields are looked for.

use std::collections::BTreeSet;

use super::finding::Findings;
use crate::audit::{Abi, AuditRule, syscall_number};
use crate::kql::{Expr, ExprKind, Literal, Values};
use crate::rule::Rule;

/// Elastic Defend captures at most so many variables.
const MOST_VARIABLES: usize = 5;

pub(super) fn check(rule: &Rule, findings: &mut Findings<'_>) {
    let audit_rules = readable_audit_rules(rule, findings);
    let expr = rule.kind.query().and_then(|query| query.parse().ok());
    if let Some(expr) = &expr
        && reads_audit(rule)
    {
        let mut names = BTreeSet::new();
        syscalls(expr, &mut names);
        for name in names {
            syscall(&name, &audit_rules, findings);
        }
    }
    environment(rule, expr.as_ref(), findings);
}

/// The audit rules of the set-up text; those that cannot be read are told.
fn readable_audit_rules(rule: &Rule, findings: &mut Findings<'_>) -> Vec<AuditRule> {
    let mut readable = Vec::new();
    for line in rule.audit_rules() {
        match AuditRule::parse(&line) {
            Ok(rule) => readable.push(rule),
            Err(error) => findings.warning("audit-rule", "setup", error.to_string()),
        }
    }
    readable
}

/// Whether audit events are among what the rule reads. A rule without indices reads all.
fn reads_audit(rule: &Rule) -> bool {
    rule.index.is_empty()
        || rule.index.iter().any(|index| ["auditbeat", "auditd"].iter().any(|name| index.contains(name)))
}

/// The system calls that a query asks for: plain values of `auditd.data.syscall` outside a negation.
fn syscalls(expr: &Expr, names: &mut BTreeSet<String>) {
    match &expr.kind {
        ExprKind::Or(parts) | ExprKind::And(parts) => parts.iter().for_each(|part| syscalls(part, names)),
        ExprKind::Field(field, values) if field.value.text() == "auditd.data.syscall" => {
            plain_values(values, &mut |literal| {
                let text = literal.value.text();
                if !text.contains('*') {
                    names.insert(text.into_owned());
                }
            });
        }
        ExprKind::Not(_)
        | ExprKind::Nested(..)
        | ExprKind::Everything
        | ExprKind::Range(..)
        | ExprKind::Between(..)
        | ExprKind::Field(..)
        | ExprKind::Value(_) => {}
    }
}

fn plain_values(values: &Values, visit: &mut impl FnMut(&Literal)) {
    match values {
        Values::Or(parts) | Values::And(parts) => parts.iter().for_each(|part| plain_values(part, visit)),
        Values::One(literal) => visit(literal),
        Values::Not(_) => {}
    }
}

/// Whether some audit rule records a system call, and in which ABI.
fn syscall(name: &str, audit_rules: &[AuditRule], findings: &mut Findings<'_>) {
    if Abi::ALL.iter().all(|abi| syscall_number(*abi, name).is_none()) {
        findings.warning("syscall-unknown", "query", format!("there is no system call '{name}'"));
        return;
    }
    let records = |abi: &Abi, rule: &AuditRule| {
        let number = syscall_number(*abi, name);
        rule.abis().contains(abi) && number.is_some_and(|number| rule.mask.contains(number))
    };
    let recorded: Vec<Abi> =
        Abi::ALL.into_iter().filter(|abi| audit_rules.iter().any(|rule| records(abi, rule))).collect();
    if recorded.is_empty() {
        let message = format!(
            "the query asks for '{name}', which the kernel does not report by itself: name the audit rule \
             `-a always,exit -F arch=b64 -S {name}`"
        );
        findings.warning("audit-rule-missing", "setup", message);
    } else if recorded == [Abi::I386] {
        let message = format!(
            "the audit rule for '{name}' covers 32-bit programs only: add `-a always,exit -F arch=b64 -S {name}`"
        );
        findings.warning("audit-rule-arch", "setup", message);
    }
}

fn environment(rule: &Rule, expr: Option<&Expr>, findings: &mut Findings<'_>) {
    const FIELD: &str = "process.env_vars";
    let in_text = rule.other.get("query").and_then(|query| query.as_str()).is_some_and(|query| query.contains(FIELD));
    let in_query = expr.is_some_and(|expr| expr.fields().iter().any(|field| field.name == FIELD));
    let names = rule.capture_env_vars();
    if (in_text || in_query) && names.is_empty() {
        let message = format!(
            "the query reads {FIELD}, which is empty by default: name the variables to capture in \
             linux.advanced.capture_env_vars"
        );
        findings.warning("capture-env-vars-missing", "setup", message);
    }
    if names.len() > MOST_VARIABLES {
        let message = format!("{} variables are named, and at most {MOST_VARIABLES} are captured", names.len());
        findings.warning("capture-env-vars-many", "setup", message);
    }
}
