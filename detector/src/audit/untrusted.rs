//! How audit writes text that a program chose: in quotes if it is harmless, in hex if not.

use std::borrow::Cow;

/// Writes bytes as the kernel does (`audit_log_untrustedstring`): `"text"`, or upper-case hex without quotes if any byte is
/// below 0x21, above 0x7e, or a quote.
#[must_use]
pub fn encode_untrusted(bytes: &[u8]) -> String {
    if bytes.iter().all(|byte| (0x21..=0x7e).contains(byte) && *byte != b'"') {
        format!("\"{}\"", String::from_utf8_lossy(bytes))
    } else {
        encode_hex(bytes)
    }
}

/// Upper-case hex, whatever the bytes are.
#[must_use]
pub fn encode_hex(bytes: &[u8]) -> String {
    const DIGITS: [u8; 16] = *b"0123456789ABCDEF";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// The bytes of a value that [`encode_untrusted`] wrote; a value that is neither quoted nor hex stands for itself.
#[must_use]
pub fn decode_untrusted(raw: &str) -> Cow<'_, [u8]> {
    if let Some(text) = raw.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
        return Cow::Borrowed(text.as_bytes());
    }
    decode_hex(raw).map_or(Cow::Borrowed(raw.as_bytes()), Cow::Owned)
}

/// The bytes of an even number of *upper-case* hex digits; lower case is how the kernel writes numbers.
#[must_use]
pub fn decode_hex(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    // Most texts that are asked about are quoted.
    if !rest.is_empty() || text.starts_with('"') {
        return None;
    }
    // A digit that is none makes the highest bits of this non-zero.
    let mut wrong = 0_u8;
    let decode = |[high, low]: &[u8; 2]| {
        let (high, low) = (NIBBLE[usize::from(*high)], NIBBLE[usize::from(*low)]);
        wrong |= high | low;
        high << 4 | low & 15
    };
    let bytes: Vec<u8> = pairs.iter().map(decode).collect();
    (wrong & 0xf0 == 0).then_some(bytes)
}

/// The value of each upper-case hex digit; 0x80 for bytes that are none.
static NIBBLE: [u8; 256] = {
    let mut table = [0x80; 256];
    let mut value = 0;
    while value < 16 {
        table[b"0123456789ABCDEF"[value] as usize] = value as u8;
        value += 1;
    }
    table
};

/// Text out of any bytes: every byte that is not part of a character becomes one U+FFFD, as Go writes it into JSON.
pub(crate) fn text_of(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| {
        let mut text = String::with_capacity(error.as_bytes().len() + 8);
        for chunk in error.as_bytes().utf8_chunks() {
            text.push_str(chunk.valid());
            text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn harmless_text_is_quoted_and_other_bytes_are_hex() {
        assert_eq!(encode_untrusted(b"/opt/x"), "\"/opt/x\"");
        assert_eq!(encode_untrusted(b""), "\"\"");
        assert_eq!(encode_untrusted(b"two words"), "74776F20776F726473");
        assert_eq!(encode_untrusted(b"a\"b"), "612262");
    }

    #[test]
    fn the_limits_of_harmless_bytes_hold() {
        for (byte, quoted) in [(0x20_u8, false), (0x21, true), (0x22, false), (0x23, true), (0x7e, true), (0x7f, false)]
        {
            assert_eq!(encode_untrusted(&[byte]).starts_with('"'), quoted, "{byte:#x}");
        }
    }

    #[test]
    fn numbers_in_lower_case_are_no_hex() {
        assert_eq!(decode_hex("7f"), None);
        assert_eq!(decode_hex("7F"), Some(vec![0x7f]));
        assert_eq!(decode_hex("7"), None);
        assert_eq!(decode_untrusted("(null)").as_ref(), b"(null)");
    }

    #[test]
    fn every_byte_that_is_no_character_is_replaced_by_one() {
        assert_eq!(text_of(vec![b'a', 0xe2, 0x82, b'b', 0xff]), "a\u{fffd}\u{fffd}b\u{fffd}");
        assert_eq!(text_of("é".as_bytes().to_vec()), "é");
    }

    proptest! {
        #[test]
        fn what_is_encoded_decodes_to_the_same_bytes(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let encoded = encode_untrusted(&bytes);
            prop_assert!(encoded.bytes().all(|byte| (0x21..=0x7e).contains(&byte)));
            let decoded = decode_untrusted(&encoded);
            prop_assert_eq!(decoded.as_ref(), bytes.as_slice());
        }
    }
}
