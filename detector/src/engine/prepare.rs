//! The expensive half of ingestion, which needs nothing but the compiled rule: reading, matching, taking out the terms.
//!
//! Batches are prepared by any number of workers, and then taken over in order (see [`load`](super::load)).

use std::ops::Range;

use super::compile::{Compiled, Examined};
use super::document::Document;
use super::values::Values;
use crate::ecs::Row;
use crate::time::Millis;

/// Which documents a runner keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// All of them: a rule can change between executions.
    Everything,
    /// Those that the rule matches. Rules whose query looks at the clock (`now-1h`) keep everything nevertheless.
    Matching,
}

/// A document that could not be read. Nothing else is lost with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Position in the input, from 1.
    pub position: u64,
    /// Why.
    pub reason: String,
}

/// One batch of documents, read and matched, in order.
#[derive(Debug, Default)]
pub(super) struct Prepared {
    /// `_id` and `_source` of each kept document, one behind the other.
    pub(super) bytes: Vec<u8>,
    pub(super) documents: Vec<PreparedDocument>,
    /// Index names by local number; the first is "not said".
    pub(super) indices: Vec<Option<Box<str>>>,
    /// Term values by local number.
    pub(super) values: Values,
    /// Local value numbers of all combinations of all documents.
    pub(super) tuples: Vec<u32>,
    pub(super) rejected: Vec<Rejected>,
    /// Documents read, kept or not.
    pub(super) read: u64,
    /// Earliest and latest document time of the population.
    pub(super) span: Option<(Millis, Millis)>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct PreparedDocument {
    pub(super) source_start: u32,
    pub(super) source_end: u32,
    pub(super) index: u32,
    pub(super) visible_from: Millis,
    /// Document time, if it belongs to the population.
    pub(super) time: Option<Millis>,
    pub(super) combinations: u32,
}

/// A batch is closed when its bytes grow beyond this, so that positions fit.
const MAX_BATCH_BYTES: usize = 1 << 30;
/// More combinations in one document are refused: nothing real has them, and they would fill the memory.
const MAX_COMBINATIONS: usize = 1 << 20;

/// Prepares documents, one batch after the other, reusing what it can.
#[derive(Debug)]
pub(super) struct Preparer<'c> {
    compiled: &'c Compiled,
    keep: Keep,
    row: Row,
    /// Local value numbers of one document, field by field.
    field_values: Vec<u32>,
    fields: Vec<Range<usize>>,
    prepared: Prepared,
}

impl<'c> Preparer<'c> {
    pub(super) fn new(compiled: &'c Compiled, keep: Keep) -> Preparer<'c> {
        Preparer {
            compiled,
            keep,
            row: Row::new(),
            field_values: Vec::new(),
            fields: Vec::new(),
            prepared: Prepared::empty(),
        }
    }

    /// Reads one document; what cannot be read is noted.
    pub(super) fn add(&mut self, position: u64, document: &Document<'_>) {
        if let Err(reason) = self.try_add(position, document) {
            self.prepared.rejected.push(Rejected { position, reason });
        }
    }

    /// Notes a document that could not even be told apart.
    pub(super) fn reject(&mut self, position: u64, reason: String) {
        self.prepared.rejected.push(Rejected { position, reason });
    }

    /// What was prepared so far; the next batch begins.
    pub(super) fn finish(&mut self) -> Prepared {
        std::mem::replace(&mut self.prepared, Prepared::empty())
    }

    /// Examines a document again that is kept already: whatever comes out, it stays in its place.
    pub(super) fn again(&mut self, document: &Document<'_>) {
        let (time, combinations) = self.judge(document).unwrap_or((None, 0));
        let visible_from = document.visible_from.unwrap_or(Millis::MIN);
        let again = PreparedDocument { source_start: 0, source_end: 0, index: 0, visible_from, time, combinations };
        self.prepared.documents.push(again);
    }

    fn try_add(&mut self, position: u64, document: &Document<'_>) -> Result<(), String> {
        let size = document.source.len() + document.id.as_ref().map_or(20, |id| id.len());
        if self.prepared.bytes.len() + size > MAX_BATCH_BYTES {
            return Err(format!("a document of {size} bytes is too large"));
        }
        let (time, combinations) = self.judge(document)?;
        let prepared = &mut self.prepared;
        prepared.read += 1;
        if let Some(time) = time {
            let (first, last) = prepared.span.unwrap_or((time, time));
            prepared.span = Some((first.min(time), last.max(time)));
        } else if self.keep == Keep::Matching {
            return Ok(());
        }
        match &document.id {
            Some(id) => prepared.bytes.extend_from_slice(id.as_bytes()),
            None => prepared.bytes.extend_from_slice(position.to_string().as_bytes()),
        }
        let source_start = prepared.bytes.len() as u32;
        prepared.bytes.extend_from_slice(document.source);
        let source_end = prepared.bytes.len() as u32;
        let index = prepared.index_number(document.index.as_deref());
        let visible_from = document.visible_from.unwrap_or(Millis::MIN);
        prepared.documents.push(PreparedDocument { source_start, source_end, index, visible_from, time, combinations });
        Ok(())
    }

    /// Document time and number of combinations, if the document belongs to the population.
    fn judge(&mut self, document: &Document<'_>) -> Result<(Option<Millis>, u32), String> {
        match self.compiled.examine(&mut self.row, document).map_err(|error| error.to_string())? {
            Examined::Member(time) => Ok((Some(time), self.combine()?)),
            _ => Ok((None, 0)),
        }
    }

    /// Adds the combinations of the distinct values of the row that was just examined, and returns how many they are.
    fn combine(&mut self) -> Result<u32, String> {
        let Some(slots) = self.compiled.term_slots() else { return Ok(0) };
        self.field_values.clear();
        self.fields.clear();
        let mut product = 1_usize;
        for slot in slots {
            let start = self.field_values.len();
            let values = &mut self.prepared.values;
            self.field_values.extend(self.row.values(*slot).map(|value| values.intern(value)));
            let length = sort_distinct(&mut self.field_values[start..]);
            self.field_values.truncate(start + length);
            self.fields.push(start..start + length);
            product = product.saturating_mul(length);
        }
        if product > MAX_COMBINATIONS {
            return Err(format!(
                "its fields hold {product} combinations of terms; at most {MAX_COMBINATIONS} are supported"
            ));
        }
        let tuples = &mut self.prepared.tuples;
        for number in 0..product {
            // The number of a combination, read as digits: the last field turns fastest.
            let mut block = product;
            for field in &self.fields {
                block /= field.len();
                tuples.push(self.field_values[field.start + number / block % field.len()]);
            }
        }
        Ok(product as u32)
    }
}

impl Prepared {
    fn empty() -> Prepared {
        Prepared { indices: vec![None], ..Prepared::default() }
    }

    fn index_number(&mut self, name: Option<&str>) -> u32 {
        let number = self.indices.iter().position(|known| known.as_deref() == name);
        let number = number.unwrap_or_else(|| {
            self.indices.push(name.map(Into::into));
            self.indices.len() - 1
        });
        number as u32
    }
}

/// Sorts a slice and moves its distinct elements to the front; returns how many they are.
fn sort_distinct(values: &mut [u32]) -> usize {
    values.sort_unstable();
    let mut length = 0;
    for at in 0..values.len() {
        if length == 0 || values[at] != values[length - 1] {
            values[length] = values[at];
            length += 1;
        }
    }
    length
}
