//! What the engine is fed with: documents as an index holds them.

use std::borrow::Cow;
use std::sync::LazyLock;

use memchr::memmem::Finder;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::ecs::RowError;
use crate::time::Millis;

/// One document.
#[derive(Clone, Debug)]
pub struct Document<'a> {
    /// `_index`; a document that does not say belongs to every rule.
    pub index: Option<Cow<'a, str>>,
    /// `_id`; a document that does not say gets its position in the input, from 1.
    pub id: Option<Cow<'a, str>>,
    /// Executions before this moment do not find the document (late arrival); none: it was always there.
    pub visible_from: Option<Millis>,
    /// `_source`: one JSON object.
    pub source: &'a [u8],
}

/// The index name of documents that do not say theirs, where one has to be named (alert ids).
pub const DEFAULT_INDEX: &str = "events";

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, rename = "_index")]
    index: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "_id")]
    id: Option<Cow<'a, str>>,
    #[serde(rename = "_visible_from")]
    visible_from: Option<Millis>,
    #[serde(borrow, rename = "_source")]
    source: &'a RawValue,
}

impl<'a> Document<'a> {
    /// A document that says nothing but its content.
    #[must_use]
    pub fn plain(source: &'a [u8]) -> Document<'a> {
        Document { index: None, id: None, visible_from: None, source }
    }

    /// Reads a line of NDJSON: a plain document, or `{"_index": .., "_id": .., "_source": {..}}` with an optional
    /// `_visible_from` (ISO time).
    ///
    /// # Errors
    /// When a line with a `_source` cannot be read as an envelope. Plain documents are not looked into.
    pub fn from_line(line: &'a [u8]) -> Result<Document<'a>, RowError> {
        if !looks_like_envelope(line) {
            return Ok(Document::plain(line));
        }
        let Envelope { index, id, visible_from, source } = serde_json::from_str(std::str::from_utf8(line)?)?;
        Ok(Document { index, id, visible_from, source: source.get().as_bytes() })
    }
}

/// Whether the line is an object with a `_source` on its first level. No document can have a field of that name.
fn looks_like_envelope(line: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Probe<'a> {
        #[serde(borrow, rename = "_source")]
        source: Option<&'a RawValue>,
    }
    static KEY: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"_source\""));
    KEY.find(line).is_some() && serde_json::from_slice(line).is_ok_and(|probe: Probe<'_>| probe.source.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_documents_and_envelopes_are_told_apart() {
        let plain = Document::from_line(br#"{"message":"the text \"_source\" means nothing","a":{"_source":1}}"#);
        assert!(plain.is_ok_and(|document| document.id.is_none() && document.index.is_none()));
        let line = br#"{"_index":"i","_source":{"a":1},"_id":"\u0041","_visible_from":"2024-05-10T12:00:00Z"}"#;
        let document = Document::from_line(line).expect("an envelope");
        assert_eq!((document.index.as_deref(), document.id.as_deref()), (Some("i"), Some("A")));
        assert_eq!(document.source, br#"{"a":1}"#);
        assert_eq!(document.visible_from.map(|time| time.to_string()).as_deref(), Some("2024-05-10T12:00:00.000Z"));
    }

    #[test]
    fn a_broken_envelope_is_an_error() {
        assert!(Document::from_line(br#"{"_source":{},"_id":7}"#).is_err());
        assert!(Document::from_line(br#"{"_source":{},"_visible_from":"soon"}"#).is_err());
    }
}
