//! The words of an analysed text: the search engine's `standard` analyser, without keeping the words.
//!
//! Words are those of Unicode's annex 29 that hold a letter or a digit, in lower case, cut after 255 characters.

use std::cmp::Ordering;

use unicode_segmentation::UnicodeSegmentation;

/// The analyser's `max_token_length`: longer words are cut into pieces of this many characters.
const MAX_CHARS: usize = 255;

/// The words of a text, as they are written.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.unicode_words().flat_map(pieces).map(|(_, word)| word)
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
    let Some((first, others)) = wanted.split_first() else { return false };
    let starts =
        text.unicode_word_indices().flat_map(|(at, word)| pieces(word).map(move |(offset, word)| (at + offset, word)));
    starts.filter(|(_, word)| compare(word, first).is_eq()).any(|(at, word)| {
        let mut behind = words(&text[at + word.len()..]);
        others.iter().all(|wanted| behind.next().is_some_and(|word| compare(word, wanted).is_eq()))
    })
}

/// A word, or the pieces of a very long one, with the bytes before each.
fn pieces(word: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = &word[at..];
        let length = if rest.len() <= MAX_CHARS {
            rest.len()
        } else {
            rest.char_indices().nth(MAX_CHARS).map_or(rest.len(), |(index, _)| index)
        };
        let piece = (at, &rest[..length]);
        at += length;
        (length > 0).then_some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        // The library has a shorter way for ASCII.
        #[test]
        fn ascii_words_are_the_same_as_among_other_text(text in "[ -~\\t\\n]{0,40}") {
            let mixed = format!("{text} é");
            let mut expected = of(&mixed);
            expected.pop();
            proptest::prop_assert_eq!(of(&text), expected);
        }
    }

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
        let long = format!("a {} b", "x".repeat(300));
        assert!(has_phrase(&long, &lower_words(&format!("{} {} b", "x".repeat(255), "x".repeat(45)))));
        assert!(has_phrase(&long, &lower_words(&format!("{} b", "x".repeat(45)))));
    }
}
