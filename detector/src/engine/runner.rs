//! One rule over its documents: feed it, execute it at any moment, look at its alerts.
//!
//! Pure: documents and moments in, alerts and reports out. No clock, no file, no thread; the parallel way in is
//! [`load`](super::load).

use std::ops::Range;
use std::sync::Arc;

use crate::ecs::{EcsDocument, Mappings, Row};
use crate::rule::{Rule, RuleKind};
use crate::time::Millis;

use super::alert::{Alert, AlertKind, AlertStatus, AlertWriter, Execution, ExecutionKind, alert_document};
use super::alerts::AlertStore;
use super::compile::Compiled;
use super::document::Document;
use super::error::EngineError;
use super::fates::Fates;
use super::population::Population;
use super::prepare::{Keep, Prepared, Preparer, Rejected};
use super::report::{ExecutionReport, SERVER_LIMIT, Warning};
use super::schedule::{Schedule, Window};
use super::store::Store;
use super::window::WindowRun;

/// A rule, its documents and its alerts.
///
/// Memory grows with the documents that are kept and their distinct terms, and with alerts; not with executions.
#[derive(Debug)]
pub struct RuleRunner {
    pub(super) compiled: Arc<Compiled>,
    mappings: Mappings,
    keep: Keep,
    pub(super) store: Store,
    pub(super) population: Population,
    pub(super) alerts: AlertStore,
    pub(super) fates: Fates,
    /// Windows searched since the rule last changed.
    pub(super) searched: Vec<Searched>,
    executions: usize,
    /// Start of the last scheduled execution.
    previous: Option<Millis>,
    /// Documents offered so far, kept or not.
    offered: u64,
    span: Option<(Millis, Millis)>,
    /// What `now` means in the compiled query.
    compiled_for: Option<Millis>,
    /// For the details of documents that become alerts.
    pub(super) row: Row,
}

/// One window of one execution.
#[derive(Clone, Copy, Debug)]
pub(super) struct Searched {
    pub(super) execution: usize,
    pub(super) at: Millis,
    pub(super) window: Window,
}

/// What became of documents that were handed in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ingested {
    /// Documents read.
    pub read: u64,
    /// Documents kept.
    pub kept: u64,
    /// Documents that could not be read.
    pub rejected: Vec<Rejected>,
}

impl RuleRunner {
    /// Checks and compiles a rule.
    ///
    /// # Errors
    /// What is refused whatever the documents are. Whether the history starts before the window depends on the present
    /// moment and is checked in every execution.
    pub fn new(rule: &Rule, mappings: &Mappings, keep: Keep) -> Result<RuleRunner, EngineError> {
        let compiled = Compiled::of(rule, mappings, Millis(0))?;
        Ok(RuleRunner {
            keep: keep.for_rule(&compiled),
            population: Population::new(compiled.fields.len()),
            compiled: Arc::new(compiled),
            mappings: mappings.clone(),
            store: Store::default(),
            alerts: AlertStore::default(),
            fates: Fates::default(),
            searched: Vec::new(),
            executions: 0,
            previous: None,
            offered: 0,
            span: None,
            compiled_for: None,
            row: Row::new(),
        })
    }

    /// Takes in documents, in the order of indexing. What cannot be read is reported and does not disturb the others.
    pub fn ingest<'a>(&mut self, documents: impl IntoIterator<Item = Document<'a>>) -> Ingested {
        let compiled = Arc::clone(&self.compiled);
        let mut preparer = Preparer::new(&compiled, self.keep);
        for document in documents {
            self.offered += 1;
            preparer.add(self.offered, &document);
        }
        self.take_over(preparer.finish())
    }

    /// Takes in documents as normalisers make them.
    pub fn ingest_ecs<'a>(&mut self, documents: impl IntoIterator<Item = &'a EcsDocument>) -> Ingested {
        let compiled = Arc::clone(&self.compiled);
        let mut preparer = Preparer::new(&compiled, self.keep);
        for EcsDocument { index, id, fields } in documents {
            self.offered += 1;
            match serde_json::to_vec(fields) {
                Ok(source) => {
                    let (index, id) = (Some(index.as_str().into()), Some(id.as_str().into()));
                    preparer.add(self.offered, &Document { index, id, visible_from: None, source: &source });
                }
                Err(error) => preparer.reject(self.offered, error.to_string()),
            }
        }
        self.take_over(preparer.finish())
    }

    /// Executes the rule at a moment: its clock, the base of `now`, and the time of creation of its alerts.
    ///
    /// # Errors
    /// When the run fails: the history does not start before the window, or the search is refused. Alerts of earlier windows
    /// of the same execution stay.
    pub fn execute(&mut self, at: Millis, kind: ExecutionKind) -> Result<ExecutionReport, EngineError> {
        let number = self.executions;
        self.executions += 1;
        let previous = self.previous;
        if kind == ExecutionKind::Scheduled {
            self.previous = Some(at);
        }
        self.compiled.schedule.check(at)?;
        self.look_at_the_clock(at)?;
        self.population.settle();
        let compiled = Arc::clone(&self.compiled);
        let plan = compiled.schedule.plan(at, kind, previous);
        let execution = Execution::new(compiled.rule.object_id(), number, at, kind);
        let first = self.alerts.len();
        let mut updated = Vec::new();
        let mut windows = Vec::with_capacity(plan.windows.len());
        for window in plan.windows {
            self.searched.push(Searched { execution: number, at, window });
            windows.push(match compiled.rule.kind {
                RuleKind::NewTerms(_) => WindowRun::new(self, &compiled, execution, window).new_terms(&mut updated)?,
                RuleKind::Query(_) => WindowRun::new(self, &compiled, execution, window).query(&mut updated),
                RuleKind::Threshold(ref threshold) => {
                    WindowRun::new(self, &compiled, execution, window).threshold(threshold, &mut updated)
                }
                RuleKind::Unsupported(ref kind) => return Err(EngineError::Unsupported { kind: kind.clone() }),
            });
        }
        updated.sort_unstable();
        updated.dedup();
        updated.retain(|alert| *alert < first);
        let (gap, lost) = (plan.gap, plan.lost);
        let created = first..self.alerts.len();
        Ok(ExecutionReport { execution, windows, gap, lost, created, updated, warnings: warnings(&compiled) })
    }

    /// Executes the rule on its schedule: at the first instant, and then every interval up to and with the last one, by default
    /// the times of the first and the last document (the last execution is then the first one that sees all documents).
    /// Everything an execution has to say goes to `observe` at once, so nothing piles up; a failed execution is reported there too.
    ///
    /// # Errors
    /// Only those of `observe`, which end the replay.
    pub fn replay<E>(
        &mut self,
        first: Option<Millis>,
        last: Option<Millis>,
        mut observe: impl FnMut(&RuleRunner, Millis, Result<ExecutionReport, EngineError>) -> Result<(), E>,
    ) -> Result<(), E> {
        let Some((earliest, latest)) = self.span.or(first.zip(last)) else { return Ok(()) };
        let interval = self.compiled.schedule.interval().unwrap_or(0);
        let first = first.unwrap_or(earliest);
        let last = last.unwrap_or(latest.plus(interval.saturating_sub(1).max(0)));
        let runs = self.compiled.schedule.runs(first, last);
        for at in runs {
            let report = self.execute(at, ExecutionKind::Scheduled);
            observe(self, at, report)?;
        }
        Ok(())
    }

    /// All alerts in order of creation, as they stand now.
    #[must_use]
    pub fn alerts(&self) -> &[Alert] {
        self.alerts.all()
    }

    /// `_source` of the document that the alert with this number was made of.
    #[must_use]
    pub fn alert_source(&self, alert: usize) -> &[u8] {
        self.store.get(self.alerts.document(alert)).source
    }

    /// The document of the alert with this number, as an alerts index would hold it; see [`alert_document`].
    #[must_use]
    pub fn alert_document(&self, alert: usize) -> serde_json::Map<String, serde_json::Value> {
        alert_document(&self.alerts()[alert], &self.compiled.rule, &self.alert_event(alert), &self.mappings)
    }

    /// The event that the alert with this number was made of.
    fn alert_event(&self, alert: usize) -> serde_json::Map<String, serde_json::Value> {
        match &self.alerts()[alert].kind {
            AlertKind::Threshold(result) => result.event(),
            // Kept documents were read before, hence are objects.
            AlertKind::NewTerms(_) | AlertKind::Query => {
                serde_json::from_slice(self.alert_source(alert)).unwrap_or_default()
            }
        }
    }

    /// Appends that document as JSON; `writer` is one for this runner's rule as it is now.
    pub fn write_alert(&self, alert: usize, writer: &AlertWriter, out: &mut Vec<u8>) {
        writer.write(&self.alerts()[alert], &self.compiled.rule, &self.alert_event(alert), &self.mappings, out);
    }

    /// Somebody closes all alerts: suppression does not fold into them any more.
    pub fn close_all_alerts(&mut self) {
        self.alerts.set_status(AlertStatus::Closed);
    }

    /// Puts another version of the rule in place. Alerts, documents and the schedule's past stay.
    ///
    /// # Errors
    /// What [`RuleRunner::new`] refuses, and any change at all if documents that did not match were dropped.
    pub fn change_rule(&mut self, rule: &Rule) -> Result<(), EngineError> {
        if *rule == self.compiled.rule {
            return Ok(());
        }
        if self.keep == Keep::Matching && self.offered > 0 {
            return Err(EngineError::DocumentsDropped);
        }
        let compiled = Compiled::of(rule, &self.mappings, self.compiled_for.unwrap_or_default())?;
        self.keep = self.keep.for_rule(&compiled);
        self.compiled_for = None;
        self.replace(compiled);
        Ok(())
    }

    /// The rule as it is now.
    #[must_use]
    pub fn rule(&self) -> &Rule {
        &self.compiled.rule
    }

    /// Its schedule.
    #[must_use]
    pub fn schedule(&self) -> &Schedule {
        &self.compiled.schedule
    }

    /// Times of the first and the last document of the population so far.
    #[must_use]
    pub fn span(&self) -> Option<(Millis, Millis)> {
        self.span
    }

    /// How many documents the population has, and how many distinct terms.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        (self.population.len(), self.population.distinct_terms())
    }

    pub(super) fn keep(&self) -> Keep {
        self.keep
    }

    /// Gives out the positions of documents that are about to be prepared elsewhere.
    pub(super) fn offer(&mut self, count: u64) -> Range<u64> {
        let first = self.offered + 1;
        self.offered += count;
        first..self.offered + 1
    }

    /// Takes over a batch.
    pub(super) fn take_over(&mut self, mut prepared: Prepared) -> Ingested {
        let first = self.store.append(&mut prepared);
        self.population.append(&prepared, first);
        self.span = match (self.span, prepared.span) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (known, new) => known.or(new),
        };
        let kept = prepared.documents.len() as u64;
        Ingested { read: prepared.read, kept, rejected: prepared.rejected }
    }

    /// A query with date math on `now` is another query in every execution, for the history as well.
    fn look_at_the_clock(&mut self, at: Millis) -> Result<(), EngineError> {
        if self.compiled.depends_on_now && self.compiled_for != Some(at) {
            let compiled = Compiled::of(&self.compiled.rule, &self.mappings, at)?;
            self.compiled_for = Some(at);
            self.replace(compiled);
        }
        Ok(())
    }

    /// Applies another version of the rule to the kept documents.
    fn replace(&mut self, compiled: Compiled) {
        const BATCH: u32 = 4096;
        self.population = Population::new(compiled.fields.len());
        self.fates = Fates::default();
        self.searched.clear();
        let mut preparer = Preparer::new(&compiled, Keep::Everything);
        for first in (0..self.store.len()).step_by(BATCH as usize) {
            for number in first..self.store.len().min(first + BATCH) {
                let stored = self.store.get(number);
                let (index, id) = (stored.own_index.map(Into::into), Some(stored.id.into()));
                let visible_from = Some(stored.visible_from);
                preparer.again(&Document { index, id, visible_from, source: stored.source });
            }
            self.population.append(&preparer.finish(), first);
        }
        self.compiled = Arc::new(compiled);
    }
}

impl Keep {
    /// What has to be kept for a rule: one that looks at the clock may match a document later.
    fn for_rule(self, compiled: &Compiled) -> Keep {
        if compiled.depends_on_now { Keep::Everything } else { self }
    }
}

fn warnings(compiled: &Compiled) -> Vec<Warning> {
    let value = compiled.rule.max_signals;
    let above = (value > SERVER_LIMIT).then_some(Warning::MaxSignalsAboveServerLimit { value });
    let unmapped =
        compiled.unmapped_time_fields.iter().map(|field| Warning::TimeFieldNotMapped { field: field.clone() });
    let exceptions = compiled.exceptions_not_applied.iter();
    let exceptions = exceptions.map(|what| Warning::ExceptionNotApplied { what: what.clone() });
    above.into_iter().chain(unmapped).chain(exceptions).collect()
}
