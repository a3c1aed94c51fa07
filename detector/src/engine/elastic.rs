//! Where Elastic's own engine has a defect that is not copied: which alerts here would be missing there.
//!
//! Asked after the fact, so it costs nothing where nobody asks.

use std::fmt;

use crate::ecs::Row;
use crate::rule::RuleKind;
use crate::time::Millis;

use super::alert::AlertKind;
use super::new_terms::{BATCH, group_numbers, search};
use super::report::SERVER_LIMIT;
use super::runner::RuleRunner;
use super::schedule::Window;

/// A defect of Elastic's engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElasticBug {
    /// The second search of a `new_terms` rule over several fields returns only the first 500 combinations of the documents
    /// that it looks at, those of the history included: a new one that sorts behind them is passed over. Measured on a live
    /// search engine.
    CombinationsBeyond500,
    /// The searches of a `query` rule page by time alone: of documents with equal times at the end of a page, those that do
    /// not fit are never looked at (kibana issue 280769).
    EqualTimesAtTheEndOfAPage,
}

impl fmt::Display for ElasticBug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ElasticBug::CombinationsBeyond500 => {
                "Elastic itself would miss it: of the documents that share a term of the same batch it looks at the first 500 combinations only"
            }
            ElasticBug::EqualTimesAtTheEndOfAPage => {
                "Elastic itself may miss it: it has the same time as the last document of a page of results (kibana issue 280769)"
            }
        })
    }
}

/// Documents in a page of a `query` rule's search, at most.
const PAGE: usize = 100;

impl RuleRunner {
    /// Why Elastic itself would not have raised the alert with this number, if it would not. Documents that share all their
    /// times are taken in the order in which they arrived; there, any of them may be the one that is left out.
    #[must_use]
    pub fn elastic_would_miss(&self, alert: usize) -> Option<ElasticBug> {
        let of = self.alerts().get(alert)?;
        let member = self.population.member(self.alerts.document(alert))?;
        let time = self.population.time(member);
        let holds = |window: Window| window.from <= time && time <= window.to;
        let searched = self.searched.iter().find(|it| it.execution == of.execution.number && holds(it.window))?;
        match &of.kind {
            AlertKind::NewTerms(terms) => {
                let mut own = self.population.terms(member).iter().copied();
                let term = own.find(|term| self.population.show(*term) == *terms)?;
                self.would_miss_term(term, searched.at, searched.window)
            }
            AlertKind::Query => self.would_miss_member(member, searched.at, searched.window),
            AlertKind::Threshold(_) => None,
        }
    }

    /// Whether the second search over several fields would not return a new term: it asks for the terms of one batch, gets the
    /// first 500 terms of all documents that have one of them, and looks no further.
    pub(super) fn would_miss_term(&self, term: u32, at: Millis, window: Window) -> Option<ElasticBug> {
        let population = &self.population;
        if self.compiled.fields.len() < 2 || !population.has_arrays() {
            return None;
        }
        let batches =
            group_numbers(population, search(population, window, at, self.compiled.term_fields()).terms, BATCH);
        let batch = batches.get(&term)?;
        let of_batch = batches.iter().filter(|(_, number)| *number == batch).map(|(term, _)| *term);
        let documents = of_batch.flat_map(|term| population.with_term(term, window.history_start, window.to, at));
        let mut returned: Vec<u32> = documents.flat_map(|member| population.terms(member)).copied().collect();
        returned.sort_unstable_by(|a, b| population.compare(*a, *b));
        returned.dedup();
        let position = returned.iter().position(|returned| *returned == term);
        position.is_none_or(|position| position >= BATCH).then_some(ElasticBug::CombinationsBeyond500)
    }

    /// Whether the pages of a `query` rule's search would pass over a document.
    pub(super) fn would_miss_member(&self, member: u32, at: Millis, window: Window) -> Option<ElasticBug> {
        let rule = &self.compiled.rule;
        if !matches!(rule.kind, RuleKind::Query(_)) || rule.alert_suppression.is_some() {
            return None;
        }
        let mut row = Row::new();
        let mut hits: Vec<_> = self
            .population
            .between(window.from, window.to, at)
            .map(|member| (self.sort_values(&mut row, self.population.document(member)), member))
            .collect();
        hits.sort_unstable();
        let page = usize::try_from(rule.max_signals.min(SERVER_LIMIT)).unwrap_or(PAGE).clamp(1, PAGE);
        let mut rest = hits.as_slice();
        while rest.len() > page {
            let (last, _) = rest[page - 1];
            let next = rest.partition_point(|(values, _)| *values <= last);
            if rest[page..next].iter().any(|(_, passed_over)| *passed_over == member) {
                return Some(ElasticBug::EqualTimesAtTheEndOfAPage);
            }
            rest = &rest[next..];
        }
        None
    }
}
