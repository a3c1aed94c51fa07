//! Runs a plan: acts are done in the order of virtual time, every scheduled execution is run, and the judge is asked.

use firstseen_detector::ecs::EcsDocument;
use firstseen_detector::kql;
use firstseen_detector::rule::{Rule, RuleKind};
use firstseen_detector::time::Millis;

use crate::act::{ActError, Acted, act};
use crate::engine::{Engine, RuleError};
use crate::event::{ActPerformed, RunEvent};
use crate::facts::{RunFacts, StepFacts};
use crate::judge::judge;
use crate::model::Expectation;
use crate::offset::Offset;
use crate::plan::{Plan, PlannedAct, PlannedStep};
use crate::verdict::{AlertOutcome, ScenarioOutcome, StepOutcome, Verdict};
use crate::world::{World, WorldError};

/// Runs one scenario. Everything that happens is emitted as it happens; the outcome is also the last event.
///
/// A failure of the lab on the way is an outcome with [`Verdict::Error`], so that other scenarios go on.
///
/// # Errors
/// When this world cannot watch for what the rule needs; nothing was done then.
pub fn run(plan: &Plan, world: &mut dyn World, emit: &mut dyn FnMut(RunEvent)) -> Result<ScenarioOutcome, WorldError> {
    world.begin(plan)?;
    Ok(run_with(plan, &mut |step, position| act(plan, step, position, world), emit))
}

/// How an act is done and turned into documents; the number is its position in the step.
type DoAct<'a> = dyn FnMut(&PlannedStep, usize) -> Result<Acted, ActError> + 'a;

/// The course of a scenario, whoever does the acts.
pub(crate) fn run_with(plan: &Plan, do_act: &mut DoAct<'_>, emit: &mut dyn FnMut(RunEvent)) -> ScenarioOutcome {
    let mut course = Course { plan, steps: Vec::new(), runs: Vec::new() };
    let failed = course.run(do_act, emit).err();
    let outcome = course.outcome(failed);
    for step in &outcome.steps {
        emit(RunEvent::StepJudged(step.clone()));
    }
    emit(RunEvent::ScenarioJudged(outcome.clone()));
    outcome
}

/// Why a scenario did not come to its end.
#[derive(Debug, thiserror::Error)]
enum CourseError {
    #[error(transparent)]
    Rule(#[from] RuleError),
    #[error("step {step} ({at}), actor '{actor}': {source}")]
    Act { step: usize, at: Offset, actor: String, source: Box<ActError> },
}

/// A scenario in the course of being run.
struct Course<'p> {
    plan: &'p Plan,
    steps: Vec<StepFacts>,
    runs: Vec<RunFacts>,
}

impl<'p> Course<'p> {
    fn run(&mut self, do_act: &mut DoAct<'_>, emit: &mut dyn FnMut(RunEvent)) -> Result<(), CourseError> {
        let plan = self.plan;
        let mut engine = Engine::new(plan)?;
        let executions = engine.executions()?;
        emit(RunEvent::ScenarioStarted {
            id: plan.id.clone(),
            title: plan.title.clone(),
            story: plan.source.story(),
            rule_name: plan.rule.name.clone(),
            terms: plan.term_fields().to_vec(),
            schedule: schedule(&plan.rule),
            steps: plan.steps.len(),
            acts: plan.acts(),
            executions: executions.len(),
        });
        let mut steps = plan.steps.iter().peekable();
        for at in executions {
            while let Some(step) = steps.next_if(|step| step.time <= at) {
                self.step(step, &mut engine, do_act, emit)?;
            }
            self.execute(at, &mut engine, emit)?;
        }
        steps.try_for_each(|step| self.step(step, &mut engine, do_act, emit))
    }

    fn step(
        &mut self,
        step: &'p PlannedStep,
        engine: &mut Engine<'_>,
        do_act: &mut DoAct<'_>,
        emit: &mut dyn FnMut(RunEvent),
    ) -> Result<(), CourseError> {
        let mut facts = StepFacts::default();
        for (position, planned) in step.acts.iter().enumerate() {
            let failed =
                |source| CourseError::Act { step: step.number, at: step.at, actor: planned.actor.clone(), source };
            let mut acted = do_act(step, position).map_err(|source| failed(Box::new(source)))?;
            for (document, shows_act) in &acted.documents {
                acted.facts.documents.push(engine.take(document, step.searchable, *shows_act)?);
            }
            emit(RunEvent::ActPerformed(performed(self.plan, step, planned, &acted)));
            facts.acts.push(acted.facts);
        }
        self.steps.push(facts);
        Ok(())
    }

    fn execute(
        &mut self,
        at: Millis,
        engine: &mut Engine<'_>,
        emit: &mut dyn FnMut(RunEvent),
    ) -> Result<(), CourseError> {
        let (facts, documents) = engine.execute(at)?;
        let raised_at = Offset(at - self.plan.start);
        emit(RunEvent::ExecutionRun {
            at,
            windows: facts.windows.clone(),
            alerts: facts.alerts.len(),
            warnings: facts.warnings.clone(),
        });
        for (alert, document) in facts.alerts.iter().zip(documents) {
            let outcome = AlertOutcome {
                id: alert.id.clone(),
                terms: alert.terms.clone(),
                document: alert.document.clone(),
                raised_at,
                remark: alert.remark.clone(),
            };
            let step = self.step_of(&alert.document);
            emit(RunEvent::AlertRaised { step, alert: outcome, document });
        }
        self.runs.push(facts);
        Ok(())
    }

    /// Number of the step that a document belongs to; 0 for a document of no step.
    fn step_of(&self, id: &str) -> usize {
        let owns =
            |step: &StepFacts| step.acts.iter().any(|act| act.documents.iter().any(|document| document.id == id));
        self.steps.iter().position(owns).map_or(0, |index| index + 1)
    }

    fn outcome(&self, failed: Option<CourseError>) -> ScenarioOutcome {
        let plan = self.plan;
        let expectations: Vec<Expectation> = plan.steps.iter().map(|step| step.expect.clone()).collect();
        let judged =
            if failed.is_none() { judge(plan.start, &expectations, &self.steps, &self.runs) } else { Vec::new() };
        let steps: Vec<StepOutcome> = plan
            .steps
            .iter()
            .zip(judged)
            .map(|(step, judgement)| StepOutcome {
                number: step.number,
                at: step.at,
                time: step.time,
                actors: step.actors.clone(),
                acts: step.acts.len(),
                expected: step.expect.clone(),
                documents: judgement.documents,
                captured: judgement.captured,
                matched: judgement.matched,
                alerts: judgement.alerts,
                silences: judgement.silences,
                warnings: judgement.warnings,
                verdict: judgement.verdict,
            })
            .collect();
        let verdict = match failed {
            Some(error) => Verdict::Error { message: error.to_string() },
            None => Verdict::worst(steps.iter().map(|step| &step.verdict)),
        };
        ScenarioOutcome {
            id: plan.id.clone(),
            title: plan.title.clone(),
            rule_id: plan.rule.rule_id.clone(),
            rule_name: plan.rule.name.clone(),
            executions: self.runs.len(),
            steps,
            verdict,
        }
    }
}

/// `every 5m over the last 9m, history since now-7d`
fn schedule(rule: &Rule) -> String {
    let history = match &rule.kind {
        RuleKind::NewTerms(kind) => format!(", history since {}", kind.history_window_start),
        _ => String::new(),
    };
    format!("every {} from {} to {}{history}", rule.interval, rule.from, rule.to)
}

/// The values that the rule reads of a document, by field.
fn fields_read(plan: &Plan, document: &EcsDocument) -> Vec<(String, String)> {
    let query = plan.rule.kind.query().and_then(|query| kql::parse(&query.text).ok());
    let asked = query.iter().flat_map(kql::Expr::fields).map(|field| field.name);
    let mut read: Vec<(String, String)> = Vec::new();
    for name in asked.chain(plan.term_fields().iter().cloned()) {
        if let Some(value) = document.fields.get(&name)
            && !read.iter().any(|(known, _)| *known == name)
        {
            let text = serde_json::to_string(value).unwrap_or_default();
            read.push((name, text));
        }
    }
    read
}

fn performed(plan: &Plan, step: &PlannedStep, act: &PlannedAct, acted: &Acted) -> ActPerformed {
    let documents = &acted.facts.documents;
    let with_terms = || documents.iter().filter(|document| !document.terms.is_empty());
    let telling = with_terms().find(|document| document.matched).or_else(|| with_terms().next());
    let document =
        telling.and_then(|facts| acted.documents.iter().find(|(document, _)| document.id == facts.id.as_str()));
    ActPerformed {
        step: step.number,
        at: step.at,
        actor: act.actor.clone(),
        host: act.host.name.clone(),
        executable: act.request.executable.display().to_string(),
        technique: act.technique.id.to_owned(),
        report: acted.report.clone(),
        events: acted.facts.events,
        evidence: acted.evidence.clone(),
        documents: acted.documents.iter().map(|(document, _)| document.clone()).collect(),
        matched: documents.iter().filter(|document| document.matched).count(),
        fields: document.map(|(document, _)| fields_read(plan, document)).unwrap_or_default(),
        terms: telling.and_then(|document| document.terms.first()).cloned(),
    }
}

#[cfg(test)]
mod tests {
    use firstseen_detector::ecs::Fields;
    use serde_json::json;

    use super::*;
    use crate::catalog::catalog;
    use crate::facts::{ActFacts, Execution};
    use crate::restamp::Placement;
    use crate::rules::find_rule;
    use crate::telemetry::Telemetry;

    /// What a sensor and a normaliser would make of an act, reduced to what the two rules read.
    fn made_up(plan: &Plan, step: &PlannedStep, position: usize) -> Acted {
        let act = &step.acts[position];
        let captured = |name: &str| plan.capture_env_vars.iter().any(|captured| captured == name);
        let params = &act.request.params;
        let mut process = json!({"executable": act.request.executable.display().to_string()});
        let mut fields =
            json!({"host": {"id": act.host.id, "os": {"type": "linux"}}, "event": {"category": ["process"]}});
        match act.technique.id {
            "rwx.mprotect" => fields["auditd"] = json!({"data": {"syscall": "mprotect", "a2": "7"}}),
            "rwx.two-step" => fields["auditd"] = json!({"data": {"syscall": "mprotect", "a2": "5"}}),
            "preload.env" if captured("LD_PRELOAD") => {
                process["env_vars"] = json!([format!("LD_PRELOAD={}", params["object"])]);
            }
            "preload.library-path" if captured("LD_LIBRARY_PATH") => {
                process["env_vars"] = json!([format!("LD_LIBRARY_PATH={}", params["directory"])]);
            }
            "exec.plain" | "preload.env" => {}
            other => panic!("no document for technique {other}"),
        }
        if plan.telemetry == [Telemetry::Defend] {
            fields["event"] = json!({"category": ["process"], "type": ["start"], "action": "exec"});
        }
        fields["process"] = process;
        let fields = Fields::from_json(fields.as_object().expect("an object"));
        let mut document = EcsDocument { index: plan.telemetry[0].index().into(), id: "".into(), fields };
        let id = format!("{}-{}-{position}", plan.id, step.number);
        let placement = Placement { id, time: step.time, ingested: Some(step.ingested) };
        placement.apply(&mut document);
        let execution = Execution::Done;
        let facts =
            ActFacts { execution, watched: true, drained: true, losses: Vec::new(), events: 1, documents: Vec::new() };
        Acted { facts, documents: vec![(document, true)], report: String::new(), evidence: None }
    }

    fn outcome(plan: &Plan) -> ScenarioOutcome {
        run_with(plan, &mut |step, position| Ok(made_up(plan, step, position)), &mut |_| ())
    }

    #[test]
    fn an_alert_that_elastic_would_miss_carries_a_remark() {
        use firstseen_detector::rule::RuleKind;
        let text = r#"
            id = "equal-times"
            title = "Three documents of one instant, pages of two"
            rule = "23bcd283-2bc0-4db2-81d4-273fc051e5c0"
            [actors.x]
            host = "web-1"
            executable = "/opt/x-{n}"
            technique = "rwx.mprotect"
            [[steps]]
            at = "+1m"
            actor = "x"
            burst = 3
            expect = { alerts = 3 }
        "#;
        let loaded = crate::load::load_text("a.toml", text).expect("valid");
        let mut plan = Plan::new(&loaded, &find_rule).expect("valid");
        let RuleKind::NewTerms(new_terms) = plan.rule.kind.clone() else { panic!("a new_terms rule") };
        plan.rule.kind = RuleKind::Query(new_terms.query);
        for (max_signals, missed) in [(2, [false, false, true]), (3, [false; 3])] {
            plan.rule.max_signals = max_signals;
            let step = outcome(&plan).steps.remove(0);
            let remarks: Vec<bool> = step.alerts.iter().map(|alert| alert.remark.is_some()).collect();
            assert_eq!(remarks, missed, "{max_signals}");
        }
    }

    #[test]
    fn the_whole_catalog_holds_on_made_up_documents() {
        let mut failed = Vec::new();
        for loaded in catalog().scenarios {
            let plan = Plan::new(&loaded, &find_rule).expect("valid");
            let outcome = outcome(&plan);
            for step in outcome.steps.iter().filter(|step| step.verdict != Verdict::Pass) {
                failed.push(format!("{} {}: {}", outcome.id, step.at, step.verdict));
            }
            if outcome.steps.is_empty() {
                failed.push(format!("{}: {}", outcome.id, outcome.verdict));
            }
        }
        assert!(failed.is_empty(), "{failed:#?}");
    }
}
