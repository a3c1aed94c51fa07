//! [`examine`]: what the doctor says about this sensor.

use std::time::Duration;

use super::filter::Filter;
use super::probe::{Unfit, probe};
use super::surroundings::Surroundings;
use crate::audit::AuditRule;
use crate::sensor::SensorKind;
use crate::sensor::doctor::SensorHealth;

/// Longest wait for the child, in real time.
const PATIENCE: Duration = Duration::from_millis(500);

/// Examines whether this sensor works here, for runs that need `rules`. Traces a child of its own; takes a few milliseconds.
#[must_use]
pub fn examine(rules: &[AuditRule]) -> SensorHealth {
    let facts = Surroundings::read().facts();
    let decidable = || {
        let advice = "leave the rule out, or use --sensor audit";
        Filter::new(rules).map(drop).map_err(|error| Unfit::new(error.to_string(), advice))
    };
    let (works, reason, fix) = match probe(PATIENCE).and_then(|()| decidable()) {
        Ok(()) => (true, "a child was traced and its system call was recorded".to_owned(), None),
        Err(Unfit { reason, fix }) => (false, reason, Some(fix)),
    };
    SensorHealth { kind: SensorKind::Trace, works, reason, fix, facts }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_works_here_and_says_what_was_looked_at() {
        let health = examine(&[]);
        assert!(health.works && health.fix.is_none(), "{health:?}");
        assert_eq!(health.facts[0].0, "seccomp filter");
    }

    #[test]
    fn a_rule_that_needs_the_kernel_makes_it_unfit() {
        let watch = AuditRule::parse("-w /etc/passwd -p wa").expect("valid rule");
        let health = examine(&[watch]);
        assert!(!health.works && health.reason.contains("the condition 'path'"), "{health:?}");
    }
}
