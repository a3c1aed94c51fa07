//! Which documents a rule reads, of those that this lab can make.

use firstseen_detector::rule::Rule;

/// A shipper whose documents the lab makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Telemetry {
    /// Kernel audit, as Auditbeat indexes it.
    Auditbeat,
    /// Kernel audit, as the auditd_manager integration indexes it.
    AuditdManager,
    /// Executions, as Elastic Defend indexes them.
    Defend,
}

impl Telemetry {
    /// An index or data stream of this kind.
    #[must_use]
    pub fn index(self) -> &'static str {
        match self {
            Telemetry::Auditbeat => "auditbeat-9.0.0",
            Telemetry::AuditdManager => "logs-auditd_manager.auditd-default",
            Telemetry::Defend => "logs-endpoint.events.process-default",
        }
    }

    /// What the rule reads. Of the two forms of kernel audit a site has one: the integration, if the rule reads both.
    #[must_use]
    pub fn of(rule: &Rule) -> Vec<Telemetry> {
        let reads = |telemetry: &Telemetry| reads(&rule.index, telemetry.index());
        let audit = [Telemetry::AuditdManager, Telemetry::Auditbeat].into_iter().find(reads);
        audit.into_iter().chain(Some(Telemetry::Defend).filter(reads)).collect()
    }
}

/// Whether index patterns name an index; no pattern names all.
fn reads(patterns: &[String], index: &str) -> bool {
    patterns.is_empty() || patterns.iter().any(|pattern| glob(pattern.as_bytes(), index.as_bytes()))
}

fn glob(pattern: &[u8], text: &[u8]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((b'*', rest)) => (0..=text.len()).any(|skip| glob(rest, &text[skip..])),
        Some((byte, rest)) => text.first() == Some(byte) && glob(rest, &text[1..]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_name_indices() {
        let patterns = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let defend = Telemetry::Defend.index();
        assert!(reads(&patterns(&["logs-endpoint.events.process*"]), defend));
        assert!(reads(&patterns(&["auditbeat-*", "logs-*"]), defend));
        assert!(reads(&[], defend));
        assert!(!reads(&patterns(&["logs-endpoint.events.file*", "auditbeat-*"]), defend));
        assert!(!reads(&patterns(&["logs-endpoint.events.process"]), defend));
    }
}
