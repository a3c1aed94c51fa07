//! Decimal literals, compared with whole and other numbers by value.

use super::ast::RangeOp;

/// A decimal number, as far as comparing with numbers of 64 bits needs it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Number {
    /// The nearest double.
    pub(super) double: f64,
    /// The greatest whole number that is not greater.
    floor: i128,
    /// Whether it is not `floor` itself.
    has_fraction: bool,
}

/// Reads digits with an optional sign, fraction and exponent. No hexadecimal, no white space, no infinity.
pub(super) fn parse(text: &str) -> Option<Number> {
    let plausible = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E'));
    let double: f64 = text.parse().ok().filter(|_| plausible)?;
    // Without an exponent the whole part is exact; a whole part too long for it is beyond every 64-bit number.
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let exact = if whole.is_empty() || text.contains(['e', 'E']) { None } else { whole.parse::<i128>().ok() };
    let Some(whole) = exact else {
        return Some(Number { double, floor: double.floor() as i128, has_fraction: double.fract() != 0.0 });
    };
    let has_fraction = fraction.bytes().any(|digit| digit != b'0');
    let below = has_fraction && text.starts_with('-');
    Some(Number { double, floor: whole - i128::from(below), has_fraction })
}

impl Number {
    /// The whole number that it is, if it is one of 64 bits.
    pub(super) fn long(self) -> Option<i64> {
        if self.has_fraction { None } else { i64::try_from(self.floor).ok() }
    }

    /// The whole numbers that compare with it like this: both bounds belong to them, and the lower may exceed the upper.
    pub(super) fn longs(self, op: RangeOp) -> (i64, i64) {
        let (low, high) = match op {
            RangeOp::Less if self.has_fraction => (i128::MIN, self.floor),
            RangeOp::Less => (i128::MIN, self.floor.saturating_sub(1)),
            RangeOp::LessOrEqual => (i128::MIN, self.floor),
            RangeOp::GreaterOrEqual if !self.has_fraction => (self.floor, i128::MAX),
            RangeOp::Greater | RangeOp::GreaterOrEqual => (self.floor.saturating_add(1), i128::MAX),
        };
        let (least, greatest) = (i128::from(i64::MIN), i128::from(i64::MAX));
        if low > greatest || high < least || low > high {
            return (1, 0);
        }
        (low.max(least) as i64, high.min(greatest) as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_number_are_equal() {
        for text in ["7", "007", "7.0", "7.", "+7", "7e0", "70E-1"] {
            assert_eq!(parse(text).and_then(Number::long), Some(7), "{text}");
        }
        assert_eq!(parse("9007199254740993.0").and_then(Number::long), Some(9_007_199_254_740_993));
        assert_eq!(parse(".5").map(|number| number.double), Some(0.5));
        assert_eq!(parse("7.5").and_then(Number::long), None);
        assert_eq!(parse("99999999999999999999").and_then(Number::long), None);
    }

    #[test]
    fn what_is_no_number_is_none() {
        for text in ["", "x", "0x7", "7d", " 7", "7 ", "inf", "NaN", "1e", "-", ".", "7,5", "1_000"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn ranges_of_whole_numbers_meet_fractions_exactly() {
        let range = |text: &str, op| parse(text).expect("a number").longs(op);
        assert_eq!(range("7.5", RangeOp::Greater), (8, i64::MAX));
        assert_eq!(range("7.5", RangeOp::GreaterOrEqual), (8, i64::MAX));
        assert_eq!(range("7.5", RangeOp::Less), (i64::MIN, 7));
        assert_eq!(range("-7.5", RangeOp::LessOrEqual), (i64::MIN, -8));
        assert_eq!(range("-0.5", RangeOp::Greater), (0, i64::MAX));
        assert_eq!(range("7", RangeOp::Greater), (8, i64::MAX));
        assert_eq!(range("7", RangeOp::GreaterOrEqual), (7, i64::MAX));
        assert_eq!(range("7", RangeOp::Less), (i64::MIN, 6));
        assert_eq!(range("1e30", RangeOp::Less), (i64::MIN, i64::MAX));
        assert_eq!(range("1e30", RangeOp::Greater), (1, 0));
        assert_eq!(range("9223372036854775807", RangeOp::Greater), (1, 0));
    }
}
