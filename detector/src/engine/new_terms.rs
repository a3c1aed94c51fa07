//! Which terms of a window are new, and in which order they become candidates.
//!
//! The three searches of Kibana's aggregation path, restated over the [`Population`]: terms of the window, first sight of
//! each since the start of the history, oldest document of the new ones. Source: Kibana `new_terms/create_new_terms_alert_type.ts`
//! and `new_terms/multi_terms_composite.ts`.

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use super::compile::Fields;
use super::population::Population;
use super::schedule::Window;
use crate::time::Millis;

/// A new term and the document that would become its alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) term: u32,
    /// The oldest one; of equally old ones the first that arrived.
    pub(super) member: u32,
    /// Documents of the window that have the term.
    pub(super) count: u32,
}

/// What one window holds.
#[derive(Debug, Default)]
pub(super) struct Sighted {
    /// Documents of the population in the window.
    pub(super) documents: usize,
    /// Distinct terms in the window.
    pub(super) combinations: usize,
    /// New terms, in no particular order.
    pub(super) new: Vec<Candidate>,
    /// All terms of the window, in no particular order.
    pub(super) terms: Vec<u32>,
}

/// Whether batches of several fields are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Batches {
    Apart,
    Together,
}

/// Terms in a page of the first search; within a page the terms of a single field are ordered by frequency.
const PAGE: usize = 10_000;
/// Combinations in a batch of the second search.
pub(super) const BATCH: usize = 500;

/// Searches a window on behalf of an execution at `at`.
pub(super) fn search(population: &Population, window: Window, at: Millis, fields: Fields) -> Sighted {
    let mut terms: HashMap<u32, (u32, u32), FxBuildHasher> = HashMap::default();
    let mut sighted = Sighted::default();
    for member in population.between(window.from, window.to, at) {
        sighted.documents += 1;
        for term in population.terms(member) {
            // Members come oldest first, so the first one of a term is its oldest in the window.
            terms.entry(*term).or_insert((member, 0)).1 += 1;
        }
    }
    sighted.combinations = terms.len();
    let candidate = |(term, (oldest, count)): (&u32, &(u32, u32))| {
        let first = first_new_sight(population, *term, window, at)?;
        Some(Candidate { term: *term, member: fields.oldest(*oldest, first), count: *count })
    };
    sighted.new = terms.iter().filter_map(candidate).collect();
    sighted.terms = terms.into_keys().collect();
    sighted
}

impl Candidate {
    /// The candidate that a term with a document in the window is, if it is new.
    pub(super) fn of(
        population: &Population,
        term: u32,
        window: Window,
        at: Millis,
        fields: Fields,
    ) -> Option<Candidate> {
        let first = first_new_sight(population, term, window, at)?;
        let mut in_window = population.with_term(term, window.from, window.to, at);
        let oldest = in_window.next()?;
        let count = 1 + in_window.count() as u32;
        Some(Candidate { term, member: fields.oldest(oldest, first), count })
    }
}

impl Fields {
    /// Which document becomes the alert: the third search looks for it in the window for one field, and in window and
    /// history for several. They differ only where the history starts after the window does.
    fn oldest(self, in_window: u32, in_history: u32) -> u32 {
        match self {
            Fields::One => in_window,
            Fields::Several => in_history,
        }
    }
}

/// The first document of a term since the start of the history, if the term is new: that sight has to be later than the start
/// of the window, strictly, and not later than its end.
fn first_new_sight(population: &Population, term: u32, window: Window, at: Millis) -> Option<u32> {
    let first = population.first_since(term, window.history_start, at)?;
    let first_seen = population.time(first);
    (first_seen > window.from && first_seen <= window.to).then_some(first)
}

/// The candidates in the order in which they are handled, in groups that are handled apart: pages of terms by frequency and
/// then key for one field, batches by key for several.
///
/// Batches follow each other in the order of keys, so where nothing depends on their ends they need not be told apart.
pub(super) fn in_order(
    population: &Population,
    sighted: Sighted,
    fields: Fields,
    batches: Batches,
) -> Vec<Vec<Candidate>> {
    let Sighted { mut new, terms, .. } = sighted;
    let size = match (fields, batches) {
        (Fields::One, _) => PAGE,
        (Fields::Several, Batches::Apart) => BATCH,
        (Fields::Several, Batches::Together) => usize::MAX,
    };
    let order = |group: &mut Vec<Candidate>| {
        group.sort_unstable_by(|a, b| {
            let frequency = match fields {
                Fields::One => b.count.cmp(&a.count),
                Fields::Several => std::cmp::Ordering::Equal,
            };
            frequency.then_with(|| population.compare(a.term, b.term))
        });
    };
    if terms.len() <= size {
        order(&mut new);
        return vec![new];
    }
    let group_of = group_numbers(population, terms, size);
    let mut groups: Vec<Vec<Candidate>> = Vec::new();
    for candidate in new {
        let group = group_of[&candidate.term];
        if groups.len() <= group {
            groups.resize_with(group + 1, Vec::new);
        }
        groups[group].push(candidate);
    }
    groups.iter_mut().for_each(order);
    groups
}

/// The number of the page or batch of each term of a window.
pub(super) fn group_numbers(
    population: &Population,
    mut terms: Vec<u32>,
    size: usize,
) -> HashMap<u32, usize, FxBuildHasher> {
    terms.sort_unstable_by(|a, b| population.compare(*a, *b));
    terms.into_iter().enumerate().map(|(position, term)| (term, position / size)).collect()
}
