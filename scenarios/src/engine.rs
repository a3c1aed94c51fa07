//! The rule at work: takes the documents of a scenario and runs every execution of its schedule.

use firstseen_detector::ecs::{EcsDocument, Mappings, Schema, Value};
use firstseen_detector::engine::{
    Alert, Document, EngineError, ExecutionKind, Keep, RuleRunner, Warning as EngineWarning, alert_document,
};
use firstseen_detector::time::Millis;
use serde_json::Value as Json;

use crate::facts::{AlertFacts, DocumentFacts, RunFacts, Terms, WindowFacts};
use crate::model::Warning;
use crate::plan::Plan;

/// A timeline with more executions is a mistake: ten years at five minutes.
const MOST_EXECUTIONS: usize = 1_100_000;

/// Why a scenario's rule cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum RuleError {
    /// The engine refuses the rule, or an execution failed.
    #[error("the rule '{rule}' cannot be run: {source}")]
    Refused {
        /// Its name.
        rule: String,
        /// What the engine says.
        source: EngineError,
    },
    /// The schedule does not come to an end.
    #[error(
        "the schedule has more than {MOST_EXECUTIONS} executions until the look-back of the last step ends; shorten the timeline or lengthen the interval"
    )]
    TooLong,
    /// A document cannot be read by the engine.
    #[error("the engine cannot read document {id}: {reason}")]
    Rejected {
        /// `_id`
        id: String,
        /// Why.
        reason: String,
    },
}

/// The engine with one scenario's rule.
pub(crate) struct Engine<'p> {
    plan: &'p Plan,
    mappings: Mappings,
    runner: RuleRunner,
}

impl<'p> Engine<'p> {
    pub(crate) fn new(plan: &'p Plan) -> Result<Engine<'p>, RuleError> {
        let mappings = Schema::known().mappings().with_dynamic_keywords();
        let runner = RuleRunner::new(&plan.rule, &mappings, Keep::Matching).map_err(|error| refused(plan, error))?;
        runner.schedule().check(plan.first_run).map_err(|error| refused(plan, error))?;
        Ok(Engine { plan, mappings, runner })
    }

    /// Every scheduled execution: from the first run to the last one whose look-back still holds a document.
    pub(crate) fn executions(&self) -> Result<Vec<Millis>, RuleError> {
        let steps = || self.plan.steps.iter();
        let last_document = steps().map(|step| step.time.max(step.ingested)).max().unwrap_or(self.plan.first_run);
        let last_searchable = steps().map(|step| step.searchable).max().unwrap_or(self.plan.first_run);
        let schedule = self.runner.schedule();
        let mut executions: Vec<Millis> = Vec::new();
        for at in schedule.runs(self.plan.first_run, Millis::MAX) {
            let windows = schedule.plan(at, ExecutionKind::Scheduled, executions.last().copied()).windows;
            let over = windows.iter().all(|window| last_document < window.from) && last_searchable <= at;
            if over {
                return Ok(executions);
            }
            if executions.len() == MOST_EXECUTIONS {
                return Err(RuleError::TooLong);
            }
            executions.push(at);
        }
        Ok(executions)
    }

    /// Takes in a document that can be found from the instant `searchable` on, and says what it is to the rule.
    pub(crate) fn take(
        &mut self,
        document: &EcsDocument,
        searchable: Millis,
        shows_act: bool,
    ) -> Result<DocumentFacts, RuleError> {
        let rejected = |reason: String| RuleError::Rejected { id: document.id.to_string(), reason };
        let source = serde_json::to_vec(&document.fields).map_err(|error| rejected(error.to_string()))?;
        let ingested = self.runner.ingest([Document {
            index: Some(document.index.as_str().into()),
            id: Some(document.id.as_str().into()),
            visible_from: Some(searchable),
            source: &source,
        }]);
        if let Some(refusal) = ingested.rejected.first() {
            return Err(rejected(refusal.reason.clone()));
        }
        Ok(DocumentFacts {
            id: document.id.to_string(),
            time: self.time(document),
            searchable,
            terms: self.terms(document),
            shows_act,
            matched: ingested.kept == 1,
        })
    }

    /// Runs one execution; beside its alerts stand the documents that an alerts index would hold.
    pub(crate) fn execute(&mut self, at: Millis) -> Result<(RunFacts, Vec<Json>), RuleError> {
        let plan = self.plan;
        let report = self.runner.execute(at, ExecutionKind::Scheduled).map_err(|error| refused(plan, error))?;
        let created = &self.runner.alerts()[report.created.clone()];
        let windows = report.windows.iter().map(|searched| WindowFacts {
            from: searched.window.from,
            to: searched.window.to,
            history: searched.window.history_start,
        });
        let warnings = report.windows.iter().flat_map(|searched| &searched.warnings).chain(&report.warnings);
        let alerts = created.iter().zip(report.created.clone()).map(|(alert, number)| AlertFacts {
            id: alert.id.clone(),
            document: alert.document.id.to_string(),
            terms: self.shown(alert),
            remark: self.runner.elastic_would_miss(number).map(|bug| bug.to_string()),
        });
        let facts = RunFacts {
            at,
            windows: windows.collect(),
            alerts: alerts.collect(),
            warnings: warnings.map(warning).collect(),
        };
        let documents = report.created.map(|number| {
            // The source is what `take` wrote.
            let event = serde_json::from_slice(self.runner.alert_source(number)).unwrap_or_default();
            alert_document(&self.runner.alerts()[number], &plan.rule, &event, &self.mappings).into()
        });
        Ok((facts, documents.collect()))
    }

    /// The terms of an alert, a `host.id` as the host's name.
    fn shown(&self, alert: &Alert) -> Terms {
        let values = alert.new_terms().iter().map(|value| value.to_text().to_string());
        self.plan.term_fields().iter().zip(values).map(|(field, value)| self.named(field, value)).collect()
    }

    fn named(&self, field: &str, value: String) -> String {
        match self.plan.host_name(&value) {
            Some(name) if field == "host.id" => name.to_owned(),
            _ => value,
        }
    }

    /// The document's time as the rule sees it, read from the document itself.
    fn time(&self, document: &EcsDocument) -> Option<Millis> {
        let rule = &self.plan.rule;
        let read = |field: &str| document.fields.text(field).and_then(|text| text.parse().ok());
        let own = rule.timestamp_override.as_deref().filter(|field| *field != "@timestamp");
        let fallback = own.is_none() || !rule.timestamp_override_fallback_disabled;
        own.and_then(read).or_else(|| fallback.then(|| read("@timestamp")).flatten())
    }

    /// The term tuples of a document, read from the document itself: the product of the distinct values of the fields.
    fn terms(&self, document: &EcsDocument) -> Vec<Terms> {
        let mut tuples: Vec<Terms> = vec![Vec::new()];
        for field in self.plan.term_fields() {
            let limit = self.mappings.resolve(field).and_then(|mapping| mapping.ignore_above).unwrap_or(usize::MAX);
            let mut values = Vec::new();
            texts(document.fields.get(field), &mut values);
            values.retain(|value| value.encode_utf16().count() <= limit);
            values.sort();
            values.dedup();
            let extend = |tuple: &Terms| {
                let mut extended = Vec::new();
                for value in &values {
                    let mut longer = tuple.clone();
                    longer.push(self.named(field, value.clone()));
                    extended.push(longer);
                }
                extended
            };
            tuples = tuples.iter().flat_map(extend).collect();
        }
        tuples
    }
}

/// All values of a field as text; arrays count value by value.
fn texts(value: Option<&Value>, into: &mut Vec<String>) {
    match value {
        Some(Value::Text(text) | Value::Number(text)) => into.push(text.to_string()),
        Some(Value::Integer(number)) => into.push(number.to_string()),
        Some(Value::Bool(truth)) => into.push(truth.to_string()),
        Some(Value::List(values)) => values.iter().for_each(|value| texts(Some(value), into)),
        Some(Value::Null | Value::Object(_)) | None => {}
    }
}

fn warning(warning: &EngineWarning) -> Warning {
    match warning {
        EngineWarning::MaxSignals { .. } | EngineWarning::MaxSignalsSuppressed { .. } => Warning::MaxSignals,
        _ => Warning::Other,
    }
}

fn refused(plan: &Plan, source: EngineError) -> RuleError {
    RuleError::Refused { rule: plan.rule.name.clone(), source }
}
