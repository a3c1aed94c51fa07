//! The documents that are kept, as bytes: alert documents are built from them, and a changed rule is applied to them.

use crate::time::Millis;

use super::document::DEFAULT_INDEX;
use super::prepare::Prepared;

/// Documents, numbered from 0 in order of ingestion. A document costs its own bytes, its `_id` and 32 bytes.
#[derive(Debug)]
pub(super) struct Store {
    /// One a batch, so that growing never copies.
    chunks: Vec<Box<[u8]>>,
    documents: Vec<Location>,
    /// Index names; number 0 stands for documents that do not say theirs.
    indices: Vec<Box<str>>,
}

#[derive(Clone, Copy, Debug)]
struct Location {
    chunk: u32,
    id_start: u32,
    source_start: u32,
    source_end: u32,
    index: u32,
    visible_from: Millis,
}

/// A kept document.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stored<'a> {
    /// `_index`, if the document said one.
    pub(super) own_index: Option<&'a str>,
    /// `_id`, as said or given.
    pub(super) id: &'a str,
    /// Executions before this moment do not find it.
    pub(super) visible_from: Millis,
    /// `_source`.
    pub(super) source: &'a [u8],
}

impl<'a> Stored<'a> {
    /// `_index`, or the name that stands in for it.
    pub(super) fn index(&self) -> &'a str {
        self.own_index.unwrap_or(DEFAULT_INDEX)
    }
}

impl Default for Store {
    fn default() -> Store {
        Store { chunks: Vec::new(), documents: Vec::new(), indices: vec![DEFAULT_INDEX.into()] }
    }
}

impl Store {
    /// Takes over the documents of a batch and returns the number of the first one.
    pub(super) fn append(&mut self, prepared: &mut Prepared) -> u32 {
        let first = self.len();
        let indices: Vec<u32> = prepared.indices.iter().map(|name| self.index_number(name.as_deref())).collect();
        let chunk = self.chunks.len() as u32;
        let mut id_start = 0;
        for document in &prepared.documents {
            self.documents.push(Location {
                chunk,
                id_start,
                source_start: document.source_start,
                source_end: document.source_end,
                index: indices[document.index as usize],
                visible_from: document.visible_from,
            });
            id_start = document.source_end;
        }
        self.chunks.push(std::mem::take(&mut prepared.bytes).into_boxed_slice());
        first
    }

    /// One document.
    pub(super) fn get(&self, number: u32) -> Stored<'_> {
        let at = &self.documents[number as usize];
        let chunk = &self.chunks[at.chunk as usize];
        let id = &chunk[at.id_start as usize..at.source_start as usize];
        Stored {
            own_index: (at.index != 0).then(|| &*self.indices[at.index as usize]),
            id: std::str::from_utf8(id).unwrap_or_default(), // it was a str when it came
            visible_from: at.visible_from,
            source: &chunk[at.source_start as usize..at.source_end as usize],
        }
    }

    /// How many documents there are.
    pub(super) fn len(&self) -> u32 {
        self.documents.len() as u32
    }

    fn index_number(&mut self, name: Option<&str>) -> u32 {
        let Some(name) = name else { return 0 };
        let known = self.indices.iter().skip(1).position(|known| &**known == name);
        let number = known.map_or(self.indices.len(), |position| position + 1);
        if number == self.indices.len() {
            self.indices.push(name.into());
        }
        number as u32
    }
}
