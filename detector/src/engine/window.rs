//! One window of one execution: from candidates to alerts, within the budget.

use crate::ecs::RowError;
use crate::rule::Rule;

use super::alert::{
    Alert, AlertIdentity, AlertKind, AlertStatus, DocumentRef, Execution, GroupTerm, Suppression, TermValue,
};
use super::alerts::GroupKey;
use super::compile::{Compiled, date};
use super::error::EngineError;
use super::fates::Fate;
use super::new_terms::{Batches, Candidate, Sighted, in_order, search};
use super::report::{SERVER_LIMIT, Warning, WindowReport};
use super::runner::RuleRunner;
use super::schedule::Window;
use super::suppression::{Grouped, Moment, Settings};
use super::values;
use crate::time::Millis;

/// The work on one window.
pub(super) struct WindowRun<'r> {
    pub(super) runner: &'r mut RuleRunner,
    pub(super) compiled: &'r Compiled,
    pub(super) execution: Execution,
    pub(super) window: Window,
    /// The alert budget of this window.
    pub(super) limit: usize,
    pub(super) created: usize,
    pub(super) suppressed: usize,
}

/// Whether candidates were left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Budget {
    Enough,
    Truncated,
}

/// Candidates are handled in chunks of this many budgets, and with suppression as many may be handled at all.
const CHUNK_FACTOR: usize = 5;

impl<'r> WindowRun<'r> {
    pub(super) fn new(
        runner: &'r mut RuleRunner,
        compiled: &'r Compiled,
        execution: Execution,
        window: Window,
    ) -> WindowRun<'r> {
        let limit = usize::try_from(compiled.rule.max_signals).unwrap_or(usize::MAX);
        WindowRun { runner, compiled, execution, window, limit, created: 0, suppressed: 0 }
    }

    /// Runs a `new_terms` rule. Numbers of alerts that were folded into are added to `updated`.
    pub(super) fn new_terms(mut self, updated: &mut Vec<usize>) -> Result<WindowReport, EngineError> {
        let fields = self.compiled.term_fields();
        let at = self.execution.started_at;
        let mut sighted = search(&self.runner.population, self.window, at, fields);
        let Sighted { documents, combinations, .. } = sighted;
        let new = sighted.new.len();
        if self.compiled.boolean_alone && new > 0 {
            return Err(EngineError::QueryFailed {
                what: format!("term field '{}'", self.compiled.fields[0]),
                reason: "a boolean alone cannot be searched for new values; combine it with another field".to_owned(),
            });
        }
        let budget = match &self.compiled.rule.alert_suppression {
            None => {
                // What is known already need not be sorted.
                sighted.new.retain(|candidate| !self.is_alert(*candidate));
                let groups = in_order(&self.runner.population, sighted, fields, Batches::Together);
                self.create(groups.into_iter().flatten())
            }
            Some(suppression) => {
                let settings = Settings::of(suppression);
                let chunk = self.limit.saturating_mul(CHUNK_FACTOR);
                self.limit = self.limit.min(SERVER_LIMIT as usize);
                let groups = in_order(&self.runner.population, sighted, fields, Batches::Apart);
                let mut chunks = groups.iter().flat_map(|group| group.chunks(chunk));
                let truncated = chunks.any(|chunk| self.suppress(settings, chunk, updated) == Budget::Truncated);
                if truncated { Budget::Truncated } else { Budget::Enough }
            }
        };
        let warning = match (budget, &self.compiled.rule.alert_suppression) {
            (Budget::Enough, _) => None,
            (Budget::Truncated, None) => Some(Warning::MaxSignals { limit: self.limit }),
            (Budget::Truncated, Some(_)) => Some(Warning::MaxSignalsSuppressed { limit: self.limit }),
        };
        Ok(WindowReport {
            window: self.window,
            documents,
            combinations,
            new,
            created: self.created,
            suppressed: self.suppressed,
            warnings: warning.into_iter().collect(),
        })
    }

    /// Whether the candidate is an alert of the rule as it is.
    fn is_alert(&self, candidate: Candidate) -> bool {
        matches!(self.runner.fates.get(candidate), Some(Fate::Alert(_)))
    }

    /// The identity of a candidate, unless an alert with it exists.
    fn fresh_identity(&mut self, candidate: Candidate) -> Option<String> {
        if self.is_alert(candidate) {
            return None;
        }
        let identity = self.identity(candidate);
        match self.runner.alerts.find(&identity) {
            Some(alert) => {
                self.runner.fates.set(candidate, Fate::Alert(alert));
                None
            }
            None => Some(identity),
        }
    }

    /// Makes ordinary alerts of the candidates that are none yet, in order, while the budget lasts.
    fn create(&mut self, candidates: impl IntoIterator<Item = Candidate>) -> Budget {
        for candidate in candidates {
            let Some(identity) = self.fresh_identity(candidate) else { continue };
            if self.created >= self.limit {
                return Budget::Truncated;
            }
            self.add(candidate, identity, None);
        }
        Budget::Enough
    }

    /// Handles one chunk of candidates with suppression.
    fn suppress(&mut self, settings: Settings, chunk: &[Candidate], updated: &mut Vec<usize>) -> Budget {
        let mut exempt = Vec::new();
        let mut grouped = Vec::new();
        for candidate in chunk {
            let Some(identity) = self.fresh_identity(*candidate) else { continue };
            let terms = self.group_terms(*candidate);
            if settings.exempts(&terms) {
                exempt.push(*candidate);
                continue;
            }
            let time = self.runner.population.time(candidate.member);
            let suppression = Suppression { terms, start: time, end: time, docs_count: 0 };
            grouped.push(Grouped {
                candidate: (*candidate, identity),
                key: GroupKey::of(&self.compiled.rule, &suppression.terms),
                suppression,
            });
        }
        self.create(exempt);
        let (execution, at) = (self.execution.number, self.execution.started_at);
        let moment = Moment { execution, at, window_from: self.window.from };
        let decision = settings.decide(&mut self.runner.alerts, grouped, moment);
        for (alert, (candidate, _)) in decision.dropped {
            self.runner.fates.set(candidate, Fate::Dropped(alert));
        }
        for (alert, candidates) in decision.folded {
            self.suppressed += candidates.len();
            updated.push(alert as usize);
            for (candidate, _) in candidates {
                self.runner.fates.set(candidate, Fate::Absorbed(alert));
            }
        }
        for (leader, absorbed) in decision.create {
            self.suppressed += absorbed.len();
            if self.created < self.limit {
                let (candidate, identity) = leader.candidate;
                let alert = self.add(candidate, identity, Some((leader.suppression, leader.key)));
                for (candidate, _) in absorbed {
                    self.runner.fates.set(candidate, Fate::Absorbed(alert));
                }
            }
        }
        let handled = self.created + self.suppressed;
        let full = handled >= self.limit.saturating_mul(CHUNK_FACTOR) || self.created >= self.limit;
        if full { Budget::Truncated } else { Budget::Enough }
    }

    fn add(&mut self, candidate: Candidate, id: String, group: Option<(Suppression, GroupKey)>) -> u32 {
        let document = self.runner.population.document(candidate.member);
        let original_time = self.original_time(document);
        let stored = self.runner.store.get(document);
        let at = self.execution.started_at;
        let (suppression, key) = group.unzip();
        let alert = Alert {
            id,
            kind: AlertKind::NewTerms(self.runner.population.show(candidate.term)),
            execution: self.execution,
            document: DocumentRef { index: stored.index().into(), id: stored.id.into() },
            created: at,
            last_detected: at,
            original_time,
            suppression,
            status: AlertStatus::Open,
        };
        let number = self.runner.alerts.add(alert, document, key);
        self.runner.fates.set(candidate, Fate::Alert(number));
        self.created += 1;
        number
    }

    fn identity(&self, candidate: Candidate) -> String {
        let population = &self.runner.population;
        let terms = population.show(candidate.term);
        let document = self.runner.store.get(population.document(candidate.member));
        identity(&self.compiled.rule, document.index(), document.id, &terms)
    }

    /// The event's own `@timestamp`; of several values the first.
    pub(super) fn original_time(&mut self, document: u32) -> Option<Millis> {
        let details = &self.compiled.details;
        self.load(document).ok()?;
        let slot = details.original_time?;
        self.runner.row.values(slot).find_map(date)
    }

    /// The group of a candidate's document: the values of each field, sorted.
    fn group_terms(&mut self, candidate: Candidate) -> Vec<GroupTerm> {
        // A document of the population was readable before; were it not, it would have no values.
        let readable = self.load(self.runner.population.document(candidate.member)).is_ok();
        let row = &self.runner.row;
        let group_by = self.compiled.details.group_by.iter();
        group_by
            .map(|(field, slot)| {
                let slot = slot.filter(|_| readable);
                let mut shown: Vec<TermValue> =
                    slot.map_or(Vec::new(), |slot| row.values(slot).map(values::show).collect());
                shown.sort_by(TermValue::compare);
                GroupTerm { field: field.as_str().into(), values: (!shown.is_empty()).then_some(shown) }
            })
            .collect()
    }

    pub(super) fn load(&mut self, document: u32) -> Result<(), RowError> {
        let RuleRunner { row, store, .. } = &mut *self.runner;
        row.load(&self.compiled.details.layout, store.get(document).source)
    }
}

/// The alert id of a `new_terms` rule for a document and its terms.
pub(super) fn identity(rule: &Rule, index: &str, document_id: &str, new_terms: &[TermValue]) -> String {
    let (version, space) = (AlertIdentity::VERSION, AlertIdentity::SPACE);
    AlertIdentity { index, document_id, version, space, rule: rule.object_id(), new_terms }.id()
}

impl GroupKey {
    /// The group of a rule with these values.
    pub(super) fn of(rule: &Rule, terms: &[GroupTerm]) -> GroupKey {
        let json = |term: &GroupTerm| serde_json::json!([term.field.as_str(), term.values]);
        let terms = serde_json::Value::from_iter(terms.iter().map(json));
        GroupKey(serde_json::json!([rule.object_id(), terms]).to_string())
    }
}
