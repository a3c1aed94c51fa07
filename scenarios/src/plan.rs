//! A scenario resolved: instants, hosts, requests, the rule as it will run. The runner's only input.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use firstseen_detector::ecs::HostInfo;
use firstseen_detector::rule::{Rule, RuleKind};
use firstseen_detector::time::Millis;
use firstseen_simulator::{Request, SimulatorError, Technique, techniques};
use toml::Spanned;

use crate::engine::Engine;
use crate::load::{Collection, Loaded};
use crate::model::{Actor, Expectation, RuleChanges, Step};
use crate::offset::Offset;
use crate::problem::{Problem, Source, nearest};
use crate::rules::FoundRule;
use crate::telemetry::Telemetry;

/// Virtual instant of `+0s` where a scenario names none: 2026-01-05T00:00:00Z, a Monday.
pub const DEFAULT_START: Millis = Millis(1_767_571_200_000);

/// A scenario, ready to be run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Id.
    pub id: String,
    /// Title.
    pub title: String,
    /// The scenario file.
    pub source: Source,
    /// The rule, with the scenario's changes.
    pub rule: Rule,
    /// The rule file.
    pub rule_text: String,
    /// Names of the environment variables that the endpoint captures.
    pub capture_env_vars: Vec<String>,
    /// Which documents are made of what the sensor sees.
    pub telemetry: Vec<Telemetry>,
    /// Virtual instant of `+0s`.
    pub start: Millis,
    /// Virtual instant of the first execution.
    pub first_run: Millis,
    /// Steps in the order of time.
    pub steps: Vec<PlannedStep>,
}

/// One step, resolved.
#[derive(Clone, Debug)]
pub struct PlannedStep {
    /// Number from 1.
    pub number: usize,
    /// Virtual time since the start.
    pub at: Offset,
    /// Virtual instant of its events.
    pub time: Millis,
    /// Virtual instant of `event.ingested`.
    pub ingested: Millis,
    /// First virtual instant at which an execution finds its documents.
    pub searchable: Millis,
    /// Names of the actors.
    pub actors: Vec<String>,
    /// Acts in order.
    pub acts: Vec<PlannedAct>,
    /// What has to come of it.
    pub expect: Expectation,
}

/// One act, resolved.
#[derive(Clone, Debug)]
pub struct PlannedAct {
    /// Who acts.
    pub actor: String,
    /// The virtual machine; its id follows from its name.
    pub host: HostInfo,
    /// What is done.
    pub technique: &'static Technique,
    /// By which program, with which parameters.
    pub request: Request,
}

/// Finds a rule by the name that a scenario gives it; the path is the scenario file's, for names that are relative paths.
///
/// The error says what was tried and what to write instead.
pub type FindRule<'a> = dyn Fn(&str, &Path) -> Result<FoundRule, String> + 'a;

impl Plan {
    /// Resolves a scenario.
    ///
    /// # Errors
    /// Every unknown rule, technique or parameter, and everything that contradicts the rule.
    pub fn new(loaded: &Loaded, find_rule: &FindRule<'_>) -> Result<Plan, Vec<Problem>> {
        let scenario = &loaded.scenario;
        let mut resolve = Resolve { source: &loaded.source, problems: Vec::new() };
        let found = resolve.rule(&scenario.rule, &scenario.rule_changes, find_rule);
        for actor in scenario.actors.values() {
            resolve.technique(actor);
        }
        let hosts: BTreeSet<&str> = scenario.actors.values().map(|actor| actor.host.as_str()).collect();
        if let Some(fields) = found.as_ref().and_then(|found| term_fields(&found.rule)) {
            for step in &scenario.steps {
                resolve.terms(&step.get_ref().expect, fields, &hosts);
            }
        }
        let (Some(FoundRule { rule, text: rule_text }), true) = (found, resolve.problems.is_empty()) else {
            return Err(resolve.problems);
        };
        let start = scenario.start.as_ref().map_or(DEFAULT_START, |start| *start.get_ref());
        let first_run = scenario.first_run.as_ref().map_or(Offset(0), |first| *first.get_ref());
        let mut steps = Vec::new();
        for (index, step) in scenario.steps.iter().enumerate() {
            steps.push(resolve.step(index + 1, step.get_ref(), start, &scenario.actors));
        }
        if !resolve.problems.is_empty() {
            return Err(resolve.problems);
        }
        let plan = Plan {
            id: scenario.id.get_ref().clone(),
            title: scenario.title.clone(),
            source: loaded.source.clone(),
            capture_env_vars: scenario.rule_changes.capture_env_vars.clone().unwrap_or_else(|| rule.capture_env_vars()),
            telemetry: Telemetry::of(&rule),
            rule,
            rule_text,
            start,
            first_run: start + first_run.0,
            steps,
        };
        // What the engine refuses is known before anything is done.
        match Engine::new(&plan).and_then(|engine| engine.executions()) {
            Ok(_) => Ok(plan),
            Err(error) => Err(vec![loaded.source.problem(scenario.rule.span(), error.to_string())]),
        }
    }

    /// How many acts there are in all.
    #[must_use]
    pub fn acts(&self) -> usize {
        self.steps.iter().map(|step| step.acts.len()).sum()
    }

    /// The fields that the rule takes its terms from.
    #[must_use]
    pub fn term_fields(&self) -> &[String] {
        term_fields(&self.rule).unwrap_or_default()
    }

    /// The virtual host of an id.
    #[must_use]
    pub fn host_name(&self, id: &str) -> Option<&str> {
        let acts = self.steps.iter().flat_map(|step| &step.acts);
        acts.map(|act| &act.host).find(|host| host.id == id).map(|host| host.name.as_str())
    }
}

impl Collection {
    /// Resolves all scenarios; problems of reading and resolving stand together, so an empty list means that all is well.
    #[must_use]
    pub fn plans(self, find_rule: &FindRule<'_>) -> (Vec<Plan>, Vec<Problem>) {
        let mut problems = self.problems;
        let mut plans = Vec::new();
        for loaded in &self.scenarios {
            match Plan::new(loaded, find_rule) {
                Ok(plan) => plans.push(plan),
                Err(found) => problems.extend(found),
            }
        }
        (plans, problems)
    }
}

/// Resolves names, collecting everything that is wrong.
struct Resolve<'a> {
    source: &'a Source,
    problems: Vec<Problem>,
}

impl Resolve<'_> {
    fn rule(&mut self, name: &Spanned<String>, changes: &RuleChanges, find: &FindRule<'_>) -> Option<FoundRule> {
        let mut found = match find(name.get_ref(), self.source.path()) {
            Ok(found) => found,
            Err(what) => {
                self.problems.push(self.source.problem(name.span(), what));
                return None;
            }
        };
        let rule = &mut found.rule;
        let mut refuse = |what: String| self.problems.push(self.source.problem(name.span(), what));
        let RuleKind::NewTerms(new_terms) = &mut rule.kind else {
            refuse(format!("rule '{}' is not of type new_terms; scenarios run only those", rule.name));
            return None;
        };
        if let Some(history) = &changes.history_window_start {
            new_terms.history_window_start.clone_from(history.get_ref());
        }
        let replace = |slot: &mut String, value: &Option<String>| {
            if let Some(value) = value {
                slot.clone_from(value);
            }
        };
        replace(&mut rule.from, &changes.from);
        replace(&mut rule.to, &changes.to);
        replace(&mut rule.interval, &changes.interval);
        rule.max_signals = changes.max_signals.unwrap_or(rule.max_signals);
        if Telemetry::of(rule).is_empty() {
            let made = [Telemetry::Auditbeat, Telemetry::AuditdManager, Telemetry::Defend].map(Telemetry::index);
            refuse(format!("rule '{}' reads none of the indices that are made here: {}", rule.name, made.join(", ")));
            return None;
        }
        Some(found)
    }

    /// Checks the technique and the parameters of an actor, so that acts can be planned without a failure.
    fn technique(&mut self, actor: &Actor) {
        let result = techniques::find(actor.technique.get_ref())
            .and_then(|technique| technique.plan(&request(actor, 1)).map(|_| ()));
        let Err(error) = result else { return };
        let span = match &error {
            SimulatorError::UnknownParameter { name, .. } => {
                actor.params.keys().find(|key| key.get_ref() == name).map(Spanned::span)
            }
            SimulatorError::BadParameter { name, .. } => actor.params.get(*name).map(Spanned::span),
            SimulatorError::BadPath { .. } => Some(actor.executable.span()),
            _ => None,
        };
        let span = span.unwrap_or_else(|| actor.technique.span());
        self.problems.push(self.source.problem(span, error.to_string()));
    }

    /// Expected terms have as many parts as the rule has fields, and name hosts that are there.
    fn terms(&mut self, expect: &Spanned<Expectation>, fields: &[String], hosts: &BTreeSet<&str>) {
        for terms in expect.get_ref().terms.iter().flatten() {
            if terms.len() != fields.len() {
                let what = format!("terms {terms:?}: this rule's terms are [{}]", fields.join(", "));
                self.problems.push(self.source.problem(expect.span(), what));
                continue;
            }
            for (field, value) in fields.iter().zip(terms) {
                if field == "host.id" && !hosts.contains(value.as_str()) {
                    let near = nearest("host", value, hosts.iter().copied());
                    let what = format!("terms {terms:?}: no actor is on host '{value}'{near}");
                    self.problems.push(self.source.problem(expect.span(), what));
                }
            }
        }
    }

    fn step(
        &mut self,
        number: usize,
        step: &Step,
        start: Millis,
        actors: &BTreeMap<Spanned<String>, Actor>,
    ) -> PlannedStep {
        let names: Vec<&Spanned<String>> = step.actor.iter().chain(step.actors.iter().flatten()).collect();
        let mut acts = Vec::new();
        for name in &names {
            let Some(actor) = actors.get(name.get_ref().as_str()) else { continue };
            for index in 1..=step.burst.as_ref().map_or(1, |burst| *burst.get_ref()) {
                match techniques::find(actor.technique.get_ref()) {
                    Ok(technique) => acts.push(PlannedAct {
                        actor: name.get_ref().clone(),
                        host: HostInfo::named(&actor.host),
                        technique,
                        request: request(actor, index),
                    }),
                    Err(error) => self.problems.push(self.source.problem(actor.technique.span(), error.to_string())),
                }
            }
        }
        let at = *step.at.get_ref();
        let time = start + at.0;
        let ingested = time + step.ingest_delay.0;
        PlannedStep {
            number,
            at,
            time,
            ingested,
            searchable: ingested + step.search_delay.0,
            actors: names.into_iter().map(|name| name.get_ref().clone()).collect(),
            acts,
            expect: step.expect.get_ref().clone(),
        }
    }
}

/// What the actor asks of its technique the `index`-th time.
fn request(actor: &Actor, index: u32) -> Request {
    let numbered = |text: &str| text.replace("{n}", &format!("{index:03}"));
    let value = |value: &toml::Value| match value {
        toml::Value::String(text) => numbered(text),
        other => other.to_string(),
    };
    let params = actor.params.iter().map(|(name, given)| (name.get_ref().clone(), value(given.get_ref())));
    Request { executable: numbered(actor.executable.get_ref()).into(), params: params.collect() }
}

pub(crate) fn term_fields(rule: &Rule) -> Option<&[String]> {
    match &rule.kind {
        RuleKind::NewTerms(new_terms) => Some(&new_terms.fields),
        RuleKind::Query(_) | RuleKind::Threshold(_) | RuleKind::Unsupported(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::catalog;
    use crate::load::load_text;
    use crate::rules::find_rule;

    const GOOD: &str = r#"
id = "a"
title = "t"
rule = "23bcd283-2bc0-4db2-81d4-273fc051e5c0"
[rule_changes]
history_window_start = "now-14d"
[actors.x]
host = "web-1"
executable = "/opt/x-{n}"
technique = "preload.env"
params = { object = "/opt/{n}.so" }
[[steps]]
at = "+5m"
actor = "x"
burst = 2
ingest_delay = "2s"
search_delay = "1ms"
expect = { alerts = 1, terms = [["web-1", "/opt/x-001"]] }
"#;

    fn plan(old: &str, new: &str) -> Result<Plan, Vec<String>> {
        assert!(GOOD.contains(old), "the test changes nothing: {old}");
        let loaded = load_text("a.toml", &GOOD.replacen(old, new, 1)).expect("valid");
        Plan::new(&loaded, &find_rule).map_err(|problems| problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn every_scenario_of_the_catalog_is_resolved() {
        let (plans, problems) = catalog().plans(&find_rule);
        assert_eq!(problems, []);
        assert_eq!(plans.len(), catalog().scenarios.len());
    }

    #[test]
    fn instants_numbers_and_changes_are_resolved() {
        let plan = plan("t", "t").expect("valid");
        assert_eq!(plan.start.to_string(), "2026-01-05T00:00:00.000Z");
        let step = &plan.steps[0];
        assert_eq!(
            [step.time - plan.start, step.ingested - step.time, step.searchable - step.ingested],
            [300_000, 2000, 1]
        );
        let acts: Vec<_> = step
            .acts
            .iter()
            .map(|act| (act.request.executable.display().to_string(), act.request.params["object"].as_str()))
            .collect();
        assert_eq!(acts, [("/opt/x-001".to_owned(), "/opt/001.so"), ("/opt/x-002".to_owned(), "/opt/002.so")]);
        let RuleKind::NewTerms(new_terms) = &plan.rule.kind else { panic!() };
        assert_eq!(new_terms.history_window_start, "now-14d");
        assert_eq!(plan.telemetry, [Telemetry::AuditdManager]);
    }

    #[test]
    fn unknown_names_are_refused_at_their_line() {
        let wrong = plan("preload.env", "preload.evn").expect_err("refused");
        assert!(wrong[0].starts_with("a.toml:10: unknown technique 'preload.evn'"), "{wrong:?}");
        let wrong = plan("{ object", "{ objct").expect_err("refused");
        assert!(wrong[0].starts_with("a.toml:11: ") && wrong[0].contains("objct"), "{wrong:?}");
        let wrong = plan("\"/opt/{n}.so\"", "\"relative\"").expect_err("refused");
        assert!(wrong[0].starts_with("a.toml:11: ") && wrong[0].contains("relative"), "{wrong:?}");
        let wrong = plan("23bcd283", "33bcd283").expect_err("refused");
        assert!(wrong[0].starts_with("a.toml:4: no rule"), "{wrong:?}");
    }

    #[test]
    fn what_the_engine_refuses_is_a_problem_of_the_file() {
        let wrong = plan("now-14d", "now-9m").expect_err("refused");
        assert!(wrong[0].starts_with("a.toml:4: ") && wrong[0].contains("must be earlier"), "{wrong:?}");
        let wrong = plan("history_window_start = \"now-14d\"", "from = \"now-5000y\"").expect_err("refused");
        assert!(wrong[0].starts_with("a.toml:4: "), "{wrong:?}");
    }

    #[test]
    fn terms_that_cannot_be_are_refused() {
        let wrong = plan("[[\"web-1\", ", "[[\"web-2\", ").expect_err("refused");
        assert!(wrong[0].contains("no actor is on host 'web-2'; the nearest known host is 'web-1'"), "{wrong:?}");
        let wrong = plan("[[\"web-1\", ", "[[").expect_err("refused");
        assert!(wrong[0].contains("this rule's terms are [host.id, process.executable]"), "{wrong:?}");
    }
}
