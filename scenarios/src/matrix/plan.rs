//! One technique under one rule as a scenario: a fresh virtual host, one act, the rule's executions around it.

use firstseen_detector::ecs::HostInfo;
use firstseen_simulator::{Request, Technique};

use super::model::{Column, Configuration, Expected, Matrix};
use crate::offset::Offset;
use crate::plan::{DEFAULT_START, Plan, PlannedAct, PlannedStep};
use crate::problem::Source;
use crate::telemetry::Telemetry;

/// The virtual host. Every plan has a history of its own, so it is fresh each time.
const HOST: &str = "lab";

/// The program that acts, as documents show it.
const EXECUTABLE: &str = "/opt/acme/updater";

/// Between the first execution and the second, and still in the look-back of the third: an alert is raised by the second,
/// and not again by the third.
const AT: Offset = Offset(3 * 60 * 1000);

impl Column {
    /// The technique under this rule.
    #[must_use]
    pub fn plan(&self, technique: &'static Technique, expected: &Expected) -> Plan {
        let act = PlannedAct {
            actor: "updater".to_owned(),
            host: HostInfo::named(HOST),
            technique,
            request: Request { executable: EXECUTABLE.into(), ..Request::default() },
        };
        let time = DEFAULT_START + AT.0;
        let step = PlannedStep {
            number: 1,
            at: AT,
            time,
            ingested: time,
            searchable: time,
            actors: vec![act.actor.clone()],
            acts: vec![act],
            expect: expected.as_expectation(),
        };
        Plan {
            id: format!("{}-{}", self.name, technique.id),
            title: format!("{} under rule {}", technique.title, self.name),
            source: Source::new("matrix.toml", ""),
            rule: self.rule.clone(),
            rule_text: self.rule_text.clone(),
            capture_env_vars: self.rule.capture_env_vars(),
            telemetry: Telemetry::of(&self.rule),
            start: DEFAULT_START,
            first_run: DEFAULT_START,
            steps: vec![step],
        }
    }

    /// The technique under this rule, where more is recorded.
    #[must_use]
    pub(super) fn extended(
        &self,
        technique: &'static Technique,
        configuration: &Configuration,
        expected: &Expected,
    ) -> Plan {
        let mut plan = self.plan(technique, expected);
        match configuration {
            Configuration::AuditRule(rule) => ask_for(&mut plan, rule),
            Configuration::CaptureEnvVars(name) => plan.capture_env_vars.push(name.clone()),
        }
        plan
    }
}

impl Matrix {
    /// The act of a technique alone, watched for what all rules together ask for, and for `more` audit rules.
    pub(super) fn watch(&self, technique: &'static Technique, more: Option<&str>) -> Option<Plan> {
        let column = self.columns.first()?;
        let mut plan = column.plan(technique, &Expected::Alert { alerts: 0, terms: None });
        for rule in self.audit_rules().iter().map(String::as_str).chain(more) {
            ask_for(&mut plan, rule);
        }
        Some(plan)
    }
}

/// Audit rules stand in a rule's setup text, one a line.
fn ask_for(plan: &mut Plan, audit_rule: &str) {
    plan.rule.setup = format!("{}\n{audit_rule}\n", plan.rule.setup);
}

#[cfg(test)]
mod tests {
    use super::super::matrix;

    #[test]
    fn an_act_is_watched_for_what_every_rule_asks_for_and_more() {
        let matrix = matrix().expect("valid");
        let technique = matrix.rows[0].technique;
        let rules = |more| matrix.watch(technique, more).expect("columns").rule.audit_rules();
        assert_eq!(rules(None), matrix.audit_rules());
        let more = "-a always,exit -F arch=b32 -S mprotect";
        assert_eq!(rules(Some(more)), [matrix.audit_rules(), vec![more.to_owned()]].concat());
    }
}
