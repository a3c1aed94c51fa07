//! `_id`s that depend on nothing but what a document says: the same input gives the same ids on every machine.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use compact_str::CompactString;

use crate::time::Millis;

/// Collects what a document is made from.
///
/// The id has the form of a search engine's own: 20 characters out of 15 bytes, of which the first six are the time in
/// milliseconds, the next four a position, the last five a hash of the content.
#[derive(Clone, Debug)]
pub(crate) struct ContentId {
    hash: u64,
}

/// Odd, with about as many ones as zeros: the golden ratio.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

impl ContentId {
    /// Begins with the index, so that two documents of one event differ.
    pub(crate) fn new(index: &str) -> ContentId {
        let mut id = ContentId { hash: FACTOR };
        id.add(index.as_bytes());
        id
    }

    /// Adds a part; where parts end matters.
    pub(crate) fn add(&mut self, part: &[u8]) {
        let words = part.chunks_exact(8);
        let mut last = [0; 8];
        last[..words.remainder().len()].copy_from_slice(words.remainder());
        for word in words {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(word);
            self.mix(u64::from_le_bytes(bytes));
        }
        self.mix(u64::from_le_bytes(last));
        self.mix(part.len() as u64);
    }

    /// The id.
    pub(crate) fn finish(&self, time: Millis, position: u32) -> CompactString {
        let mut bytes = [0; 15];
        bytes[..6].copy_from_slice(&time.0.to_be_bytes()[2..]);
        bytes[6..10].copy_from_slice(&position.to_be_bytes());
        bytes[10..].copy_from_slice(&self.hash.to_be_bytes()[..5]);
        let mut text = [0; 20];
        // 15 bytes are exactly 20 characters, so this cannot fail.
        let _ = URL_SAFE_NO_PAD.encode_slice(bytes, &mut text);
        CompactString::from_utf8_lossy(&text)
    }

    fn mix(&mut self, word: u64) {
        self.hash = (self.hash ^ word).wrapping_mul(FACTOR);
        self.hash ^= self.hash >> 29;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(index: &str, parts: &[&str], time: i64, position: u32) -> CompactString {
        let mut id = ContentId::new(index);
        parts.iter().for_each(|part| id.add(part.as_bytes()));
        id.finish(Millis(time), position)
    }

    #[test]
    fn an_id_is_the_same_everywhere() {
        assert_eq!(id("i", &["a", "b"], 1_795_337_123_355, 7), id("i", &["a", "b"], 1_795_337_123_355, 7));
        assert_eq!(id("i", &["a"], 1, 2).len(), 20);
    }

    #[test]
    fn every_part_counts() {
        let first = id("i", &["ab", "c"], 1, 2);
        for other in [
            id("j", &["ab", "c"], 1, 2),
            id("i", &["a", "bc"], 1, 2),
            id("i", &["ab", "d"], 1, 2),
            id("i", &["ab", "c"], 2, 2),
            id("i", &["ab", "c"], 1, 3),
            id("i", &["ab", "c", ""], 1, 2),
        ] {
            assert_ne!(first, other);
        }
    }
}
