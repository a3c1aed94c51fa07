//! `key=value` out of the text of a record, exactly as go-libaudit's pattern finds it.
//!
//! A key is the longest run of `a-z 0-9 _ -` before a `=`. A value is a run without white space and quotes; or, if a quote
//! stands behind the `=`, all up to the closing one, where `\'` in `'...'` (and `\"` in `"..."`) does not close. A quote that
//! nothing closes is no value: the search goes on inside it.

/// One field as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawField<'a> {
    /// Its name.
    pub key: &'a str,
    /// Its value with its quotes: what tells hex from text.
    pub raw: &'a str,
    /// Where the name begins in the text that was searched, in bytes.
    pub offset: usize,
}

impl<'a> RawField<'a> {
    /// The value without quotes and spaces at its ends.
    #[must_use]
    pub fn value(&self) -> &'a str {
        // Most values are bare words: looking at both ends is enough for them.
        let bytes = self.raw.as_bytes();
        match (bytes.first(), bytes.last()) {
            (Some(first), Some(last)) if is_trimmed(*first) || is_trimmed(*last) => {
                self.raw.trim_matches(['\'', '"', ' '])
            }
            _ => self.raw,
        }
    }
}

fn is_trimmed(byte: u8) -> bool {
    matches!(byte, b'\'' | b'"' | b' ')
}

/// All fields of a text, in order.
pub(crate) fn raw_fields(text: &str) -> RawFields<'_> {
    RawFields { text, at: 0 }
}

/// See [`raw_fields`].
#[derive(Clone, Debug)]
pub(crate) struct RawFields<'a> {
    text: &'a str,
    /// Where the next key may begin: behind the last field, or behind a `=` that belongs to none.
    at: usize,
}

impl<'a> Iterator for RawFields<'a> {
    type Item = RawField<'a>;

    #[inline]
    fn next(&mut self) -> Option<RawField<'a>> {
        let bytes = self.text.as_bytes();
        loop {
            let rest = bytes.get(self.at..)?;
            let equals = find(rest, |word| word ^ EQUALS, ONES, |byte| byte == b'=')?;
            let key_length = rest[..equals].iter().rev().take_while(|byte| is(**byte, KEY)).count();
            let (key, value) = (self.at + equals - key_length, self.at + equals + 1);
            self.at = value;
            if key_length > 0
                && let Some(length) = value_length(&bytes[value..])
            {
                self.at = value + length;
                return Some(RawField {
                    key: &self.text[key..value - 1],
                    raw: &self.text[value..self.at],
                    offset: key,
                });
            }
        }
    }
}

/// How long the value at the beginning of `bytes` is; nothing if there is none.
#[inline]
fn value_length(bytes: &[u8]) -> Option<usize> {
    match *bytes.first()? {
        quote @ (b'"' | b'\'') => quoted_length(bytes, quote),
        _ => {
            let end = find(bytes, |word| word, ONES * 0x28, |byte| is(byte, END));
            Some(end.unwrap_or(bytes.len())).filter(|length| *length > 0)
        }
    }
}

fn quoted_length(bytes: &[u8], quote: u8) -> Option<usize> {
    let mut last_escaped = None;
    for at in memchr::memchr_iter(quote, &bytes[1..]).map(|at| at + 1) {
        // The pattern reads from the left, so a backslash that is itself behind a backslash escapes too.
        if bytes[at - 1] == b'\\' {
            last_escaped = Some(at);
        } else {
            return Some(at + 1);
        }
    }
    last_escaped.map(|at| at + 1)
}

/// The first byte for which `matches` holds, looking at eight at a time: names and values are too short for more.
///
/// A word has a candidate if, after `prepare`, one of its bytes is below the one that `below` repeats.
#[inline]
fn find(bytes: &[u8], prepare: impl Fn(u64) -> u64, below: u64, matches: impl Fn(u8) -> bool) -> Option<usize> {
    let mut at = 0;
    while let Some(chunk) = bytes[at..].first_chunk::<8>() {
        let word = prepare(u64::from_le_bytes(*chunk));
        let candidates = word.wrapping_sub(below) & !word & (ONES * 0x80);
        if candidates == 0 {
            at += 8;
            continue;
        }
        // The lowest candidate is right; a higher one may be an echo of it.
        at += candidates.trailing_zeros() as usize / 8;
        if matches(bytes[at]) {
            return Some(at);
        }
        at += 1;
    }
    bytes[at..].iter().position(|byte| matches(*byte)).map(|behind| at + behind)
}

const ONES: u64 = 0x0101_0101_0101_0101;
const EQUALS: u64 = ONES * b'=' as u64;

/// Part of a key.
const KEY: u8 = 1;
/// White space or a quote: ends a bare value.
const END: u8 = 2;

#[inline]
fn is(byte: u8, class: u8) -> bool {
    CLASS[usize::from(byte)] == class
}

static CLASS: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = match byte as u8 {
            b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' => KEY,
            b' ' | b'\t' | b'\n' | b'\r' | 0x0c | b'"' | b'\'' => END,
            _ => 0,
        };
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(text: &str) -> Vec<(&str, &str)> {
        raw_fields(text).map(|field| (field.key, field.raw)).collect()
    }

    #[test]
    fn bare_and_quoted_values() {
        assert_eq!(
            found(r#" a0=7f comm="two words" tty=(none) x='in "it"'"#),
            [("a0", "7f"), ("comm", "\"two words\""), ("tty", "(none)"), ("x", "'in \"it\"'")]
        );
    }

    #[test]
    fn a_key_is_the_longest_run_before_the_equals_sign() {
        assert_eq!(found("Xab-c_1=v A=1 =2 Bb=3"), [("ab-c_1", "v"), ("b", "3")]);
        assert_eq!(found("a[0]=4142 a1_len=4"), [("a1_len", "4")]);
    }

    #[test]
    fn a_value_may_hold_equals_signs_and_end_at_a_quote() {
        assert_eq!(found("a=b=c d=e\"f=g\""), [("a", "b=c"), ("d", "e"), ("f", "g")]);
    }

    #[test]
    fn a_value_may_be_missing() {
        assert_eq!(found("a= b=1 c="), [("b", "1")]);
        assert_eq!(found(r#"a="" b=''"#), [("a", "\"\""), ("b", "''")]);
    }

    #[test]
    fn an_escaped_quote_does_not_close_unless_nothing_else_does() {
        assert_eq!(found(r"x='a\'b' y=1"), [("x", r"'a\'b'"), ("y", "1")]);
        assert_eq!(found(r"x='a\'b c=1"), [("x", r"'a\'"), ("c", "1")]);
    }

    #[test]
    fn the_search_goes_on_inside_a_quote_that_nothing_closes() {
        assert_eq!(
            found("msg='op=x acct=\"root\" res=success"),
            [("op", "x"), ("acct", "\"root\""), ("res", "success")]
        );
    }

    proptest! {
        /// The same definition without any tricks.
        #[test]
        fn eight_bytes_at_a_time_find_what_one_at_a_time_finds(bytes in prop::collection::vec(prop_oneof![any::<u8>(), 0x18_u8..0x40], 0..40)) {
            prop_assert_eq!(
                find(&bytes, |word| word ^ EQUALS, ONES, |byte| byte == b'='),
                bytes.iter().position(|byte| *byte == b'=')
            );
            prop_assert_eq!(
                find(&bytes, |word| word, ONES * 0x28, |byte| is(byte, END)),
                bytes.iter().position(|byte| is(*byte, END))
            );
        }
    }

    #[test]
    fn quotes_and_spaces_at_the_ends_are_no_part_of_a_value() {
        let value = |raw: &'static str| RawField { key: "k", raw, offset: 0 }.value();
        assert_eq!((value("\"a b\""), value("'\"x\" '"), value("plain"), value("\"\"")), ("a b", "x", "plain", ""));
    }
}
