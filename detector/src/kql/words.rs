//! The words of an analysed text: the search engine's `standard` analyser, without keeping the words.
//!
//! Words are those of Unicode's annex 29 that hold a letter or a digit, in lower case, cut after 255 characters.

use std::cmp::Ordering;

use unicode_segmentation::UnicodeSegmentation;

/// The analyser's `max_token_length`: longer words are cut into pieces of this many characters.
const MAX_CHARS: usize = 255;

/// The words of a text, as they are written.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> + Clone {
    text.split_word_bounds().filter(|word| word.contains(char::is_alphanumeric)).flat_map(pieces)
}

/// The words of a text in lower case: what a query looks for.
pub(super) fn lower_words(text: &str) -> Vec<Box<str>> {
    words(text).map(|word| word.chars().map(lower).collect::<String>().into()).collect()
}

/// The lower case of a character, as one character.
pub(super) fn lower(c: char) -> char {
    if c.is_ascii() { c.to_ascii_lowercase() } else { c.to_lowercase().next().unwrap_or(c) }
}

/// Compares a word as written with a lower-case text, in the order of the index (UTF-8 bytes, which is that of characters).
pub(super) fn compare(word: &str, lower_text: &str) -> Ordering {
    word.chars().map(lower).cmp(lower_text.chars())
}

/// Whether the wanted words stand one behind the other somewhere in a text.
pub(super) fn has_phrase(text: &str, wanted: &[Box<str>]) -> bool {
    let mut from = words(text);
    loop {
        let mut found = from.clone();
        if wanted.iter().all(|wanted| found.next().is_some_and(|word| compare(word, wanted).is_eq())) {
            return !wanted.is_empty();
        }
        if from.next().is_none() {
            return false;
        }
    }
}

fn pieces(word: &str) -> impl Iterator<Item = &str> + Clone {
    let mut rest = word;
    std::iter::from_fn(move || {
        let end = if rest.len() <= MAX_CHARS {
            rest.len()
        } else {
            rest.char_indices().nth(MAX_CHARS).map_or(rest.len(), |(index, _)| index)
        };
        let piece = &rest[..end];
        rest = &rest[end..];
        (!piece.is_empty()).then_some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<String> {
        lower_words(text).into_iter().map(String::from).collect()
    }

    #[test]
    fn words_are_cut_where_the_index_cuts_them() {
        assert_eq!(of("Started cmd.exe, a_b and a-b"), ["started", "cmd.exe", "a_b", "and", "a", "b"]);
        assert_eq!(of("/usr/bin/id -u 10.0.0.1"), ["usr", "bin", "id", "u", "10.0.0.1"]);
        assert_eq!(of("--- ... ___ !"), [""; 0]);
        assert_eq!(of("Ünïcode ΣΑΣ can't"), ["ünïcode", "σασ", "can't"]);
        let long = of(&"x".repeat(300));
        assert_eq!(long.iter().map(String::len).collect::<Vec<_>>(), [255, 45]);
    }

    #[test]
    fn a_phrase_is_words_in_a_row() {
        let wanted = lower_words("b c");
        assert!(has_phrase("a B, C", &wanted));
        assert!(has_phrase("b b c", &wanted));
        assert!(!has_phrase("b x c", &wanted));
        assert!(!has_phrase("c b", &wanted));
        assert!(!has_phrase("b", &wanted));
        assert!(!has_phrase("anything", &[]));
    }
}
