//! The population of one rule: the documents that its query matches, by time and by term.
//!
//! A term (a combination of values of the rule's fields) is a number; it has the timeline of its documents, so "when was it
//! first seen since H" is a binary search. Nothing here knows about executions: a document that arrives late is in place at
//! once, and every question names the moment at which it is asked.

use std::cmp::Ordering;
use std::hash::{BuildHasher, Hasher as _};

use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;

use super::alert::TermValue;
use super::prepare::Prepared;
use super::timeline::{Order, Timeline};
use super::values::Values;
use crate::time::Millis;

/// Members are documents of the population, numbered in order of ingestion.
#[derive(Debug, Default)]
pub(super) struct Population {
    /// How many fields a term has.
    arity: usize,
    /// Document time of each member.
    times: Vec<Millis>,
    members: Vec<Member>,
    /// Term numbers of all members, one behind the other.
    terms: Vec<u32>,
    values: Values,
    /// Value numbers of all terms, `arity` each.
    tuples: Vec<u32>,
    table: HashTable<u32>,
    /// By term.
    timelines: Vec<Timeline>,
    all: Timeline,
    /// Terms whose timeline is out of order.
    broken: Vec<u32>,
    has_arrays: bool,
}

#[derive(Clone, Copy, Debug)]
struct Member {
    document: u32,
    /// End of its terms; they start where those of the member before end.
    terms_end: u32,
    visible_from: Millis,
}

impl Population {
    pub(super) fn new(arity: usize) -> Population {
        Population { arity, ..Population::default() }
    }

    /// Takes over the members of a batch whose first document has this number.
    pub(super) fn append(&mut self, prepared: &Prepared, first_document: u32) {
        let values: Vec<u32> =
            (0..prepared.values.len()).map(|number| self.values.adopt(&prepared.values, number)).collect();
        let mut tuples = prepared.tuples.as_slice();
        let mut tuple = vec![0; self.arity];
        for (document, prepared) in (first_document..).zip(&prepared.documents) {
            let Some(time) = prepared.time else { continue };
            let member = self.times.len() as u32;
            self.times.push(time);
            self.all.push(member, &self.times);
            for _ in 0..prepared.combinations {
                let (local, rest) = tuples.split_at(self.arity);
                tuples = rest;
                for (value, local) in tuple.iter_mut().zip(local) {
                    *value = values[*local as usize];
                }
                let term = self.intern(&tuple);
                self.terms.push(term);
                if self.timelines[term as usize].push(member, &self.times) == Order::Broken {
                    self.broken.push(term);
                }
            }
            self.has_arrays |= prepared.combinations > 1;
            let terms_end = self.terms.len() as u32;
            self.members.push(Member { document, terms_end, visible_from: prepared.visible_from });
        }
    }

    /// Sorts what arrived out of order; has to be called between [`append`](Self::append) and any question.
    pub(super) fn settle(&mut self) {
        self.all.settle(&self.times);
        for term in self.broken.drain(..) {
            self.timelines[term as usize].settle(&self.times);
        }
    }

    /// The members between two instants, both included, that an execution at `at` finds, by (time, order of arrival).
    pub(super) fn between(&self, from: Millis, to: Millis, at: Millis) -> impl Iterator<Item = u32> {
        let members = self.all.between(from, to, &self.times);
        members.iter().copied().filter(move |member| self.is_visible(*member, at))
    }

    /// The first member with a term at or after an instant that an execution at `at` finds.
    pub(super) fn first_since(&self, term: u32, since: Millis, at: Millis) -> Option<u32> {
        let members = self.timelines[term as usize].since(since, &self.times);
        members.iter().copied().find(|member| self.is_visible(*member, at))
    }

    /// The members with a term between two instants, both included, that an execution at `at` finds.
    pub(super) fn with_term(&self, term: u32, from: Millis, to: Millis, at: Millis) -> impl Iterator<Item = u32> {
        let members = self.timelines[term as usize].between(from, to, &self.times);
        members.iter().copied().filter(move |member| self.is_visible(*member, at))
    }

    /// The member that a document is; nothing if it does not belong to the population.
    pub(super) fn member(&self, document: u32) -> Option<u32> {
        let found = self.members.binary_search_by_key(&document, |member| member.document);
        found.ok().map(|position| position as u32)
    }

    /// The terms of a member: distinct, possibly none.
    pub(super) fn terms(&self, member: u32) -> &[u32] {
        let member = member as usize;
        let start = if member == 0 { 0 } else { self.members[member - 1].terms_end };
        &self.terms[start as usize..self.members[member].terms_end as usize]
    }

    /// Document time of a member.
    pub(super) fn time(&self, member: u32) -> Millis {
        self.times[member as usize]
    }

    /// The number of a member's document.
    pub(super) fn document(&self, member: u32) -> u32 {
        self.members[member as usize].document
    }

    /// The values of a term, in the order of the fields.
    pub(super) fn show(&self, term: u32) -> Vec<TermValue> {
        self.tuple(term).iter().map(|value| self.values.show(*value)).collect()
    }

    /// The term with these values, given as a tuple of another set.
    pub(super) fn find(&self, values: &Values, tuple: &[u32]) -> Option<u32> {
        let own: Option<Vec<u32>> = tuple.iter().map(|value| self.values.find(values, *value)).collect();
        let own = own?;
        self.table.find(hash(&own), |term| self.tuple(*term) == own).copied()
    }

    /// The order of keys: field by field.
    pub(super) fn compare(&self, a: u32, b: u32) -> Ordering {
        let encoded = |term| self.tuple(term).iter().map(|value| self.values.encoded(*value));
        encoded(a).cmp(encoded(b))
    }

    /// Whether some member has more than one term.
    pub(super) fn has_arrays(&self) -> bool {
        self.has_arrays
    }

    /// How many members there are.
    pub(super) fn len(&self) -> usize {
        self.times.len()
    }

    /// How many distinct terms there are.
    pub(super) fn distinct_terms(&self) -> usize {
        self.timelines.len()
    }

    fn is_visible(&self, member: u32, at: Millis) -> bool {
        self.members[member as usize].visible_from <= at
    }

    fn tuple(&self, term: u32) -> &[u32] {
        &self.tuples[term as usize * self.arity..][..self.arity]
    }

    fn intern(&mut self, tuple: &[u32]) -> u32 {
        let Population { tuples, table, timelines, arity, .. } = self;
        let hash_of = |tuples: &[u32], term: u32| hash(&tuples[term as usize * *arity..][..*arity]);
        let equal = |term: &u32| tuples[*term as usize * *arity..][..*arity] == *tuple;
        if let Some(term) = table.find(hash(tuple), equal) {
            return *term;
        }
        let term = timelines.len() as u32;
        tuples.extend_from_slice(tuple);
        timelines.push(Timeline::default());
        table.insert_unique(hash(tuple), term, |term| hash_of(tuples, *term));
        term
    }
}

fn hash(tuple: &[u32]) -> u64 {
    let mut hasher = FxBuildHasher.build_hasher();
    for value in tuple {
        hasher.write_u32(*value);
    }
    hasher.finish()
}
