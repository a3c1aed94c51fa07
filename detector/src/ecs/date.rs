//! Dates as an index reads them from documents: the format `strict_date_optional_time||epoch_millis`.
//!
//! Date *math* and the rounding of partial dates in queries are KQL's and the schedule's.

use crate::time::Millis;

/// The first instant that a date text names; `None` if it is no date.
///
/// `2024`, `2024-05`, `2024-05-10`, `2024-05-10T12`, `..:34`, `..:56`, `..:56.789` (more digits are cut), each time with an
/// optional offset (`Z`, `+01:00`, `+0100`, `+01`; none is UTC), or milliseconds since the epoch. Exactly four digits are a
/// year.
#[must_use]
pub fn parse_date(text: &str) -> Option<Millis> {
    iso(text.as_bytes()).or_else(|| epoch(text))
}

/// Milliseconds since the epoch, possibly negative, possibly with a fraction that is cut.
fn epoch(text: &str) -> Option<Millis> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = whole.strip_prefix('-').unwrap_or(whole);
    let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !all_digits(digits) || !all_digits(fraction) {
        return None;
    }
    whole.parse().ok().map(Millis)
}

fn iso(text: &[u8]) -> Option<Millis> {
    let mut rest = Cursor(text);
    let year = rest.digits(4)?;
    let (mut month, mut day, mut time_ms, mut offset_ms) = (1, 1, 0, 0);
    if rest.eat(b'-') {
        month = rest.digits(2)?;
        if rest.eat(b'-') {
            day = rest.digits(2)?;
        }
    }
    if rest.eat(b'T') && !rest.0.is_empty() {
        time_ms = time(&mut rest)?;
        offset_ms = offset(&mut rest)?;
    }
    if !rest.0.is_empty() || !(1..=12).contains(&month) || !(1..=days_in(year, month)).contains(&day) {
        return None;
    }
    Some(Millis(days_from_epoch(year, month, day) * 86_400_000 + time_ms - offset_ms))
}

fn time(rest: &mut Cursor<'_>) -> Option<i64> {
    let hour = rest.digits(2)?;
    let (mut minute, mut second, mut milli) = (0, 0, 0);
    if rest.eat(b':') {
        minute = rest.digits(2)?;
        if rest.eat(b':') {
            second = rest.digits(2)?;
            if rest.eat(b'.') || rest.eat(b',') {
                milli = rest.fraction()?;
            }
        }
    }
    let valid = hour < 24 && minute < 60 && second < 60;
    valid.then_some(((hour * 60 + minute) * 60 + second) * 1000 + milli)
}

fn offset(rest: &mut Cursor<'_>) -> Option<i64> {
    if rest.0.is_empty() || rest.eat(b'Z') {
        return Some(0);
    }
    let sign = if rest.eat(b'+') {
        1
    } else if rest.eat(b'-') {
        -1
    } else {
        return None;
    };
    let hours = rest.digits(2)?;
    let minutes = if rest.eat(b':') || !rest.0.is_empty() { rest.digits(2)? } else { 0 };
    (hours <= 18 && minutes < 60).then_some(sign * (hours * 60 + minutes) * 60_000)
}

/// What is left of the text.
struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn eat(&mut self, byte: u8) -> bool {
        match self.0.split_first() {
            Some((first, rest)) if *first == byte => {
                self.0 = rest;
                true
            }
            _ => false,
        }
    }

    /// Exactly so many digits.
    fn digits(&mut self, count: usize) -> Option<i64> {
        let (digits, rest) = self.0.split_at_checked(count)?;
        let mut number = 0;
        for digit in digits {
            number = number * 10 + i64::from(digit.checked_sub(b'0').filter(|digit| *digit < 10)?);
        }
        self.0 = rest;
        Some(number)
    }

    /// One to nine digits of a second, as milliseconds.
    fn fraction(&mut self) -> Option<i64> {
        let count = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if !(1..=9).contains(&count) {
            return None;
        }
        let kept = self.digits(count.min(3))?;
        self.digits(count - count.min(3))?;
        Some(kept * [100, 10, 1][count.min(3) - 1])
    }
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days between 1970-01-01 and a date of the proleptic Gregorian calendar, counted in eras of 400 years that begin in March.
fn days_from_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_may_be_missing_from_the_right() {
        for (text, whole) in [
            ("2024", "2024-01-01T00:00:00.000Z"),
            ("2024-05", "2024-05-01T00:00:00.000Z"),
            ("2024-05-10", "2024-05-10T00:00:00.000Z"),
            ("2024-05-10T12", "2024-05-10T12:00:00.000Z"),
            ("2024-05-10T12:34", "2024-05-10T12:34:00.000Z"),
            ("2024-05-10T12:34:56,7", "2024-05-10T12:34:56.700Z"),
            ("2024-05-10T12:34:56.789999999+02:00", "2024-05-10T10:34:56.789Z"),
            ("2024-05-10T12:34:56.78-0130", "2024-05-10T14:04:56.780Z"),
            ("1715344496789", "2024-05-10T12:34:56.789Z"),
            ("-1", "1969-12-31T23:59:59.999Z"),
            ("2024-02-29", "2024-02-29T00:00:00.000Z"),
        ] {
            assert_eq!(parse_date(text).map(|date| date.to_string()).as_deref(), Some(whole), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in
            ["", "x", "2024-13", "2023-02-29", "2024-5-1", "2024-05-10 12:00", "2024-05-10T24:00", "12-", "1.x", "--1"]
        {
            assert_eq!(parse_date(text), None, "{text}");
        }
    }

    #[test]
    fn agrees_with_the_calendar_library() {
        for day in (-800_000..800_000_i64).step_by(997) {
            let text = Millis(day * 86_400_000).to_string();
            if !text.starts_with('-') {
                assert_eq!(parse_date(&text), Some(Millis(day * 86_400_000)), "{text}");
            }
        }
    }
}
