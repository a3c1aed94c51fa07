//! Instants as documents write them, without the machinery of a date library: one for every document of a log.

use compact_str::{CompactString, ToCompactString};

use crate::time::Millis;

/// `2026-11-22T08:22:44.503Z`, exactly what [`Millis`] prints.
pub(crate) fn iso(time: Millis) -> CompactString {
    const MS_A_DAY: i64 = 86_400_000;
    const LAST_DAY: i64 = 2_932_894; // 9999-12-29: what comes behind is not printed as a date
    let (days, ms) = (time.0.div_euclid(MS_A_DAY), time.0.rem_euclid(MS_A_DAY));
    if !(0..=LAST_DAY).contains(&days) {
        return time.to_compact_string();
    }
    let (year, month, day) = civil(days);
    let mut text = *b"0000-00-00T00:00:00.000Z";
    let parts = [
        (0, 4, year),
        (5, 2, month),
        (8, 2, day),
        (11, 2, ms / 3_600_000),
        (14, 2, ms / 60_000 % 60),
        (17, 2, ms / 1000 % 60),
        (20, 3, ms % 1000),
    ];
    for (start, length, mut number) in parts {
        for digit in text[start..start + length].iter_mut().rev() {
            *digit = b'0' + (number % 10) as u8;
            number /= 10;
        }
    }
    CompactString::from_utf8_lossy(&text)
}

/// Year, month and day of a day number from 1970-01-01, by eras of 400 years that begin in March.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn leap_days_and_ends_of_years_are_right() {
        for text in [
            "1970-01-01T00:00:00.000Z",
            "2000-02-29T23:59:59.999Z",
            "2100-02-28T12:00:00.000Z",
            "2100-03-01T00:00:00.000Z",
            "2026-12-31T23:59:59.999Z",
            "9999-12-29T23:59:59.999Z",
        ] {
            assert_eq!(iso(text.parse().expect("an instant")), text);
        }
    }

    proptest! {
        #[test]
        fn every_instant_reads_as_millis_prints_it(ms in prop_oneof![any::<i64>(), -100_000_000_000..300_000_000_000_000_i64]) {
            prop_assert_eq!(iso(Millis(ms)).to_string(), Millis(ms).to_string());
        }
    }
}
