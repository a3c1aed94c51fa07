//! Distances on the virtual timeline as people write them: `+6d23h`, `+4m59s999ms`, `2s`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Milliseconds of virtual time, never negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset(pub i64);

/// The units, largest first, and their length in milliseconds.
const UNITS: [(&str, i64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// Text that is no distance on the timeline.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{text}' is no virtual time; write numbers with the units d, h, m, s, ms, largest first, such as +6d23h or +4m59s999ms"
)]
pub struct OffsetError {
    text: String,
}

impl FromStr for Offset {
    type Err = OffsetError;

    fn from_str(text: &str) -> Result<Offset, OffsetError> {
        read(text.strip_prefix('+').unwrap_or(text)).ok_or_else(|| OffsetError { text: text.to_owned() })
    }
}

/// Sums `NUMBER UNIT` pairs whose units get smaller; none if anything else is there or the sum leaves the range.
fn read(mut rest: &str) -> Option<Offset> {
    let mut total: i64 = 0;
    let mut next_unit = 0;
    loop {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let number: i64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.bytes().take_while(u8::is_ascii_alphabetic).count();
        let unit = UNITS.iter().position(|(name, _)| *name == &rest[..letters])?;
        if unit < next_unit {
            return None;
        }
        total = total.checked_add(number.checked_mul(UNITS[unit].1)?)?;
        next_unit = unit + 1;
        rest = &rest[letters..];
        if rest.is_empty() {
            return Some(Offset(total));
        }
    }
}

/// The shortest spelling with a plus sign: `+6d23h`; zero is `+0s`.
impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("+0s");
        }
        let mut rest = self.0;
        f.write_str("+")?;
        for (name, length) in UNITS {
            if rest / length > 0 {
                write!(f, "{}{name}", rest / length)?;
                rest %= length;
            }
        }
        Ok(())
    }
}

impl Serialize for Offset {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Offset {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Offset, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn units_are_summed() {
        assert_eq!("+6d23h".parse(), Ok(Offset(6 * 86_400_000 + 23 * 3_600_000)));
        assert_eq!("+7d1ms".parse(), Ok(Offset(7 * 86_400_000 + 1)));
        assert_eq!("2s".parse(), Ok(Offset(2000)));
        assert_eq!("+0s".parse(), Ok(Offset(0)));
    }

    #[test]
    fn what_is_no_distance_is_refused() {
        let bad =
            ["", "+", "5", "+5x", "-3m", "+1h1d", "+1m1m", "+1 m", "+1.5h", "++1m", "+1é", "+99999999999999999999d"];
        for text in bad.into_iter().chain(["+200000000000d"]) {
            assert!(text.parse::<Offset>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn display_reads_back(milliseconds in 0i64..=i64::MAX) {
            let offset = Offset(milliseconds);
            prop_assert_eq!(offset.to_string().parse(), Ok(offset));
        }
    }
}
