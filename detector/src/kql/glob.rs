//! Patterns with stars, matched without allocation and without exponential time.
//!
//! Only the star is special: `?` stands for itself. A piece between two stars is taken at its first place, which is always
//! right, so a match needs one search per piece.

use memchr::memmem::Finder;

use super::words::lower;

/// A pattern over whole texts, case sensitive.
#[derive(Clone, Debug)]
pub(super) struct Glob {
    prefix: Box<str>,
    middle: Box<[Finder<'static>]>,
    suffix: Box<str>,
}

/// A pattern over single words, which are lower-cased while they are read.
#[derive(Clone, Debug)]
pub(super) struct WordGlob {
    pieces: Box<[Box<str>]>,
}

impl Glob {
    /// A pattern from the pieces before, between and behind its stars: at least two.
    pub(super) fn new<S: AsRef<str>>(pieces: &[S]) -> Glob {
        let (first, last) = (pieces.first(), pieces.last());
        let middle = pieces.get(1..pieces.len().saturating_sub(1)).unwrap_or_default();
        Glob {
            prefix: first.map_or("", AsRef::as_ref).into(),
            middle: middle
                .iter()
                .map(AsRef::as_ref)
                .filter(|piece| !piece.is_empty())
                .map(|piece| Finder::new(piece).into_owned())
                .collect(),
            suffix: last.map_or("", AsRef::as_ref).into(),
        }
    }

    pub(super) fn matches(&self, text: &str) -> bool {
        let Some(rest) = text.as_bytes().strip_prefix(self.prefix.as_bytes()) else { return false };
        let Some(mut rest) = rest.strip_suffix(self.suffix.as_bytes()) else { return false };
        for piece in &self.middle {
            let Some(at) = piece.find(rest) else { return false };
            rest = &rest[at + piece.needle().len()..];
        }
        true
    }
}

impl WordGlob {
    /// A pattern from the pieces before, between and behind its stars, in any case.
    pub(super) fn new<S: AsRef<str>>(pieces: &[S]) -> WordGlob {
        let piece = |piece: &S| piece.as_ref().chars().map(lower).collect::<String>().into();
        WordGlob { pieces: pieces.iter().map(piece).collect() }
    }

    pub(super) fn matches(&self, word: &str) -> bool {
        let [first, middle @ .., last] = &*self.pieces else { return false };
        let Some(mut rest) = strip_lower(word, first) else { return false };
        for piece in middle {
            let mut starts = rest.char_indices().map(|(index, _)| index).chain([rest.len()]);
            let Some(behind) = starts.find_map(|start| strip_lower(&rest[start..], piece)) else { return false };
            rest = behind;
        }
        let length = last.chars().count();
        let Some(start) = rest.chars().count().checked_sub(length) else { return false };
        rest.chars().skip(start).map(lower).eq(last.chars())
    }
}

/// What stands behind a lower-case piece with which a text starts in any case.
fn strip_lower<'t>(text: &'t str, piece: &str) -> Option<&'t str> {
    let mut rest = text.chars();
    let starts = piece.chars().all(|wanted| rest.next().map(lower) == Some(wanted));
    starts.then_some(rest.as_str())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pieces(pattern: &str) -> Vec<&str> {
        pattern.split('*').collect()
    }

    /// The definition, without any wit.
    fn naive(pattern: &[char], text: &[char]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some(('*', rest)) => (0..=text.len()).any(|skip| naive(rest, &text[skip..])),
            Some((c, rest)) => text.first() == Some(c) && naive(rest, &text[1..]),
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(pattern in "[aé]{0,2}(\\*[aé]{0,2}){1,4}", text in "[aé]{0,6}") {
            let expected = naive(&pattern.chars().collect::<Vec<_>>(), &text.chars().collect::<Vec<_>>());
            prop_assert_eq!(Glob::new(&pieces(&pattern)).matches(&text), expected);
            prop_assert_eq!(WordGlob::new(&pieces(&pattern)).matches(&text.to_uppercase()), expected);
        }
    }

    #[test]
    fn pieces_do_not_overlap() {
        assert!(!Glob::new(&["ab", "ba"]).matches("aba"));
        assert!(Glob::new(&["ab", "ba"]).matches("abba"));
        assert!(!WordGlob::new(&["ab", "ba"]).matches("aba"));
        assert!(!Glob::new(&["", "ab", "b", ""]).matches("ab"));
        assert!(Glob::new(&["", "ab", "b", ""]).matches("abb"));
    }

    #[test]
    fn many_stars_take_no_exponential_time() {
        let pattern = vec!["a"; 2_000];
        let text = format!("{}b", "a".repeat(100_000));
        assert!(!Glob::new(&pattern).matches(&text));
        assert!(!WordGlob::new(&pattern).matches(&text));
    }
}
