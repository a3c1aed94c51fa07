//! The two rules of the lab, as files: our own texts in the published format.

/// Name and text of each built-in rule; the name is the file's, without `.toml`.
#[must_use]
pub fn builtin() -> &'static [(&'static str, &'static str)] {
    &BUILTIN
}

static BUILTIN: [(&str, &str); 2] = [
    ("execution_unknown_rwx_memory_region", include_str!("../../rules/execution_unknown_rwx_memory_region.toml")),
    (
        "defense_evasion_unusual_preload_env_vars",
        include_str!("../../rules/defense_evasion_unusual_preload_env_vars.toml"),
    ),
];

#[cfg(test)]
mod tests {
    use super::super::{Rule, RuleKind, load_text};
    use super::*;

    fn rule(number: usize) -> Rule {
        let (name, text) = builtin()[number];
        load_text(name, text).expect("a built-in rule loads").remove(0)
    }

    fn new_terms(rule: &Rule) -> (&str, Vec<&str>, &str) {
        let RuleKind::NewTerms(kind) = &rule.kind else { panic!("{:?}", rule.kind) };
        (kind.query.text.trim(), kind.fields.iter().map(String::as_str).collect(), &kind.history_window_start)
    }

    #[test]
    fn the_memory_rule_is_the_one_of_the_lab() {
        let rule = rule(0);
        assert_eq!(rule.rule_id, "23bcd283-2bc0-4db2-81d4-273fc051e5c0");
        assert_eq!(
            new_terms(&rule),
            (
                "event.category:process and host.os.type:linux and auditd.data.syscall:mprotect and auditd.data.a2:7",
                vec!["host.id", "process.executable"],
                "now-7d"
            )
        );
        assert_eq!((rule.from.as_str(), rule.interval.as_str(), rule.max_signals), ("now-9m", "5m", 100));
        assert_eq!(rule.timestamp_override.as_deref(), Some("event.ingested"));
        assert_eq!(rule.index, ["auditbeat-*", "logs-auditd_manager.auditd-*"]);
        assert_eq!((rule.severity.name(), rule.risk_score), ("medium", 47.0));
        assert_eq!(rule.audit_rules(), ["-a always,exit -F arch=b64 -S mprotect"]);
        assert_eq!(rule.capture_env_vars(), Vec::<String>::new());
    }

    #[test]
    fn the_preload_rule_is_the_one_of_the_lab() {
        let rule = rule(1);
        assert_eq!(rule.rule_id, "a22b8486-5c4b-4e05-ad16-28de550b1ccc");
        assert_eq!(
            new_terms(&rule),
            (
                "event.category:process and host.os.type:linux and event.type:start and event.action:exec and \
                 process.env_vars:*",
                vec!["process.env_vars"],
                "now-7d"
            )
        );
        assert_eq!((rule.from.as_str(), rule.interval.as_str(), rule.max_signals), ("now-9m", "5m", 100));
        assert_eq!(rule.timestamp_override, None);
        assert_eq!(rule.index, ["logs-endpoint.events.process*"]);
        assert_eq!((rule.severity.name(), rule.risk_score), ("low", 21.0));
        assert_eq!(rule.audit_rules(), Vec::<String>::new());
        assert_eq!(rule.capture_env_vars(), ["LD_PRELOAD", "LD_LIBRARY_PATH"]);
    }
}
