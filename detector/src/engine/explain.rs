//! Why a document did or did not become an alert: the last stage that it reached, in every execution that could have seen it.

use super::alert::{DocumentRef, TermValue};
use super::compile::Examined;
use super::document::Document;
use super::elastic::ElasticBug;
use super::fates::Fate;
use super::new_terms::Candidate;
use super::prepare::{Keep, Preparer};
use super::runner::{RuleRunner, Searched};
use super::schedule::Window;
use crate::ecs::{Row, RowError};
use crate::kql::ClauseResult;
use crate::rule::RuleKind;
use crate::time::Millis;

/// What a document is to a rule, and what became of its terms.
#[derive(Clone, Debug, PartialEq)]
pub struct Explanation {
    /// What it is to the rule.
    pub standing: Standing,
    /// Document time, if it belongs to the population.
    pub time: Option<Millis>,
    /// Each of its terms. A rule of type `query` without suppression has one, which is empty; documents outside the population
    /// and other rules without terms have none.
    pub terms: Vec<TermExplanation>,
}

/// What a document is to a rule, whatever the executions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It cannot be read.
    Unreadable(String),
    /// The rule does not read its index.
    OtherIndex,
    /// The query does not match it.
    NotMatched,
    /// The exception item with this position (from 0) removes it.
    Excepted(usize),
    /// It has no document time: the override is absent, and the fallback is disabled or absent too.
    WithoutTime,
    /// One of the rule's fields has no indexed value in it.
    WithoutTerms,
    /// It belongs to the population.
    Member,
}

/// One term of a document.
#[derive(Clone, Debug, PartialEq)]
pub struct TermExplanation {
    /// Values in the order of the rule's fields.
    pub terms: Vec<TermValue>,
    /// Every searched window that holds the document's time, in order; none: no execution looked there, or the document was
    /// never handed in.
    pub sights: Vec<Sight>,
}

/// One window that holds the document's time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sight {
    /// Position of the execution, from 0.
    pub execution: usize,
    /// When it started.
    pub at: Millis,
    /// What it searched.
    pub window: Window,
    /// What it made of the term.
    pub outcome: SightOutcome,
    /// It was found here, and Elastic itself would have passed it over.
    pub elastic_would_miss: Option<ElasticBug>,
}

/// What one window made of a term of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SightOutcome {
    /// The document arrived after the execution.
    NotYetThere {
        /// From when on it is found.
        visible_from: Millis,
    },
    /// The term is not new: it was seen before the window, or exactly at its start.
    Known {
        /// First sight in the history.
        first_seen: Millis,
        /// The document of that sight.
        document: DocumentRef,
    },
    /// The term is new, but another document of it is older (or as old, and was first): the alert is that one's.
    OtherIsOldest {
        /// That document.
        document: DocumentRef,
    },
    /// This document's alert exists.
    Alert {
        /// Its number in [`RuleRunner::alerts`].
        alert: usize,
        /// The execution that created it: this one, an earlier one (nothing more happens then), or a later one (this one
        /// suppressed it, or had no budget left).
        execution: usize,
    },
    /// Suppression counted it in another alert.
    Absorbed {
        /// Number of that alert.
        alert: usize,
    },
    /// Suppression dropped it: an alert of its group, from another execution, ends later.
    Dropped {
        /// Number of that alert.
        alert: usize,
    },
    /// The alert budget was used up.
    Cut,
}

impl RuleRunner {
    /// Explains a document, whether it was kept or not. Windows are those searched since the rule last changed.
    #[must_use]
    pub fn explain(&self, document: &Document<'_>) -> Explanation {
        let outside = |standing| Explanation { standing, time: None, terms: Vec::new() };
        let time = match self.compiled.examine(&mut Row::new(), document) {
            Err(error) => return outside(Standing::Unreadable(error.to_string())),
            Ok(Examined::OtherIndex) => return outside(Standing::OtherIndex),
            Ok(Examined::NoMatch) => return outside(Standing::NotMatched),
            Ok(Examined::Excepted(item)) => return outside(Standing::Excepted(item)),
            Ok(Examined::NoTime) => return outside(Standing::WithoutTime),
            Ok(Examined::Member(time)) => time,
        };
        let mut preparer = Preparer::new(&self.compiled, Keep::Everything);
        preparer.add(0, document);
        let prepared = preparer.finish();
        if let Some(rejected) = prepared.rejected.first() {
            return outside(Standing::Unreadable(rejected.reason.clone()));
        }
        let arity = self.compiled.fields.len();
        if arity == 0 {
            let terms = self.query_sights(time, document).into_iter();
            let terms = terms.map(|sights| TermExplanation { terms: Vec::new(), sights }).collect();
            return Explanation { standing: Standing::Member, time: Some(time), terms };
        }
        let explain = |tuple: &[u32]| TermExplanation {
            terms: tuple.iter().map(|value| prepared.values.show(*value)).collect(),
            sights: self
                .population
                .find(&prepared.values, tuple)
                .map_or(Vec::new(), |term| self.sights(term, time, document)),
        };
        let terms: Vec<TermExplanation> = prepared.tuples.chunks_exact(arity).map(explain).collect();
        let standing = if terms.is_empty() { Standing::WithoutTerms } else { Standing::Member };
        Explanation { standing, time: Some(time), terms }
    }

    /// How a document met each clause of the rule's query, in the order of its text, and each clause of its filters.
    ///
    /// # Errors
    /// When the document cannot be read.
    pub fn clauses(&self, document: &Document<'_>) -> Result<Vec<ClauseResult>, RowError> {
        self.compiled.clauses(&mut Row::new(), document)
    }

    fn is(&self, document: &Document<'_>, member: u32) -> bool {
        let stored = self.store.get(self.population.document(member));
        document.id.as_deref() == Some(stored.id) && document.index.as_deref() == stored.own_index
    }

    /// The searched windows that hold an instant.
    fn searched_at(&self, time: Millis) -> impl Iterator<Item = Searched> {
        self.searched.iter().copied().filter(move |it| it.window.from <= time && time <= it.window.to)
    }

    fn sights(&self, term: u32, time: Millis, document: &Document<'_>) -> Vec<Sight> {
        let mut members = self.population.with_term(term, time, time, Millis::MAX);
        let Some(member) = members.find(|member| self.is(document, *member)) else { return Vec::new() };
        let sight = |Searched { execution, at, window }| {
            let outcome = self.outcome(term, member, at, window);
            let is_new = !matches!(outcome, SightOutcome::NotYetThere { .. } | SightOutcome::Known { .. });
            let elastic_would_miss = self.would_miss_term(term, at, window).filter(|_| is_new);
            Sight { execution, at, window, outcome, elastic_would_miss }
        };
        self.searched_at(time).map(sight).collect()
    }

    /// What became of a document of a `query` rule that makes an alert of each; nothing for other rules, and for an alert of
    /// the rule itself.
    fn query_sights(&self, time: Millis, document: &Document<'_>) -> Option<Vec<Sight>> {
        let rule = &self.compiled.rule;
        if !matches!(rule.kind, RuleKind::Query(_)) || rule.alert_suppression.is_some() {
            return None;
        }
        let mut members = self.population.between(time, time, Millis::MAX);
        let Some(member) = members.find(|member| self.is(document, *member)) else { return Some(Vec::new()) };
        let number = self.population.document(member);
        if self.descends_from_this_rule(number) {
            return None;
        }
        let visible_from = self.store.get(number).visible_from;
        let alert = self.alerts.find(&self.document_alert_id(number));
        let sight = |Searched { execution, at, window }| {
            let outcome = match alert {
                _ if visible_from > at => SightOutcome::NotYetThere { visible_from },
                None => SightOutcome::Cut,
                Some(alert) => {
                    SightOutcome::Alert { alert: alert as usize, execution: self.alerts.get(alert).execution.number }
                }
            };
            let is_there = visible_from <= at;
            let elastic_would_miss = self.would_miss_member(member, at, window).filter(|_| is_there);
            Sight { execution, at, window, outcome, elastic_would_miss }
        };
        Some(self.searched_at(time).map(sight).collect())
    }

    fn outcome(&self, term: u32, member: u32, at: Millis, window: Window) -> SightOutcome {
        let population = &self.population;
        let visible_from = self.store.get(population.document(member)).visible_from;
        if visible_from > at {
            return SightOutcome::NotYetThere { visible_from };
        }
        let reference = |member: u32| {
            let stored = self.store.get(population.document(member));
            DocumentRef { index: stored.index().into(), id: stored.id.into() }
        };
        let fields = self.compiled.term_fields();
        let first = population.first_since(term, window.history_start, at).unwrap_or(member);
        let Some(Candidate { member: oldest, .. }) = Candidate::of(population, term, window, at, fields) else {
            return SightOutcome::Known { first_seen: population.time(first), document: reference(first) };
        };
        if oldest != member {
            return SightOutcome::OtherIsOldest { document: reference(oldest) };
        }
        match self.fates.get(Candidate { term, member, count: 0 }) {
            None => SightOutcome::Cut,
            Some(Fate::Absorbed(alert)) => SightOutcome::Absorbed { alert: alert as usize },
            Some(Fate::Dropped(alert)) => SightOutcome::Dropped { alert: alert as usize },
            Some(Fate::Alert(alert)) => {
                SightOutcome::Alert { alert: alert as usize, execution: self.alerts.get(alert).execution.number }
            }
        }
    }
}
