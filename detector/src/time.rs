//! Instants at the resolution of the detection engine: whole milliseconds since the epoch, always UTC.
//!
//! The module knows ISO 8601 text and epoch numbers; date *math* (`now-7d`) belongs to the engine's schedule and to KQL,
//! which round differently.

use std::fmt;
use std::ops::{Add, Sub};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Milliseconds since 1970-01-01T00:00:00Z; negative before. Real or virtual time: the type does not say which.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(pub i64);

impl Millis {
    /// The earliest representable instant.
    pub const MIN: Millis = Millis(i64::MIN);
    /// The latest representable instant.
    pub const MAX: Millis = Millis(i64::MAX);

    /// The instant that many milliseconds later; saturates at the ends of the range.
    #[must_use]
    pub fn plus(self, milliseconds: i64) -> Millis {
        Millis(self.0.saturating_add(milliseconds))
    }
}

impl Add<i64> for Millis {
    type Output = Millis;
    fn add(self, milliseconds: i64) -> Millis {
        self.plus(milliseconds)
    }
}

impl Sub<i64> for Millis {
    type Output = Millis;
    fn sub(self, milliseconds: i64) -> Millis {
        Millis(self.0.saturating_sub(milliseconds))
    }
}

impl Sub for Millis {
    type Output = i64;
    /// The distance in milliseconds.
    fn sub(self, earlier: Millis) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// `2026-11-22T08:22:44.503Z`; an instant outside the years -9999 to 9999 prints its number of milliseconds.
impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(timestamp) => write!(f, "{timestamp:.3}"),
            Err(_) => write!(f, "{}", self.0),
        }
    }
}

/// Text that is no ISO 8601 instant with an offset.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("'{text}' is not an ISO 8601 instant such as 2026-11-22T08:22:44.503Z")]
pub struct MillisError {
    text: String,
}

impl FromStr for Millis {
    type Err = MillisError;

    /// Reads an instant with an offset (`Z` or `+01:00`); fractions beyond milliseconds are cut, as the index does.
    fn from_str(text: &str) -> Result<Millis, MillisError> {
        let timestamp: jiff::Timestamp = text.parse().map_err(|_| MillisError { text: text.to_owned() })?;
        Ok(Millis(timestamp.as_millisecond()))
    }
}

impl Serialize for Millis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Millis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Millis, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_number_agree() {
        let instant: Millis = "2026-11-22T08:22:44.503Z".parse().expect("valid");
        assert_eq!(instant.to_string(), "2026-11-22T08:22:44.503Z");
        assert_eq!("2026-11-22T09:22:44.503999+01:00".parse(), Ok(instant));
        assert_eq!(instant + 1 - instant, 1);
    }

    #[test]
    fn text_without_an_offset_is_refused() {
        assert!("2026-11-22T08:22:44".parse::<Millis>().is_err());
    }
}
