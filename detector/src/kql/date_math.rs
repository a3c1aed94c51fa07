//! Dates in queries: partial dates, `now`, and the search engine's date math.
//!
//! The rules are those of its `JavaDateMathParser` for the format `strict_date_optional_time||epoch_millis`. The schedule of
//! a rule has another date math: its weeks start on Sunday and it never rounds up.

use jiff::civil::{DateTime, Weekday};
use jiff::tz::Offset;
use jiff::{Span, Timestamp};

use crate::ecs::parse_date;
use crate::time::Millis;

/// Which end of what a literal names is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Round {
    /// The first millisecond (`>=`, `<`).
    Down,
    /// The last millisecond (`>`, `<=`).
    Up,
}

/// The instant that a literal names; `None` if it is no date.
///
/// `2024-05-01T12:30` names a minute, `2024-05-01` a day, and `2024-05` and `2024` their first day. `now` and `DATE||`, whose
/// date is always rounded down, may be followed by `+Nu`, `-Nu` and `/u`.
pub(super) fn instant(text: &str, now: Millis, round: Round) -> Option<Millis> {
    if let Some(math) = text.strip_prefix("now") {
        return apply(math, now, round);
    }
    match text.split_once("||") {
        Some((date, math)) => apply(math, parse_date(date)?, round),
        None => {
            let first = parse_date(text)?;
            Some(if round == Round::Up { first + (named_milliseconds(text) - 1) } else { first })
        }
    }
}

/// The length of what a date text names.
fn named_milliseconds(text: &str) -> i64 {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_year = text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_year && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return 1; // milliseconds since the epoch
    }
    let Some((_, time)) = text.split_once('T').filter(|(_, time)| !time.is_empty()) else {
        return 86_400_000;
    };
    let time = &time[..time.find(['Z', '+', '-']).unwrap_or(time.len())];
    match (time.len(), time.contains(['.', ','])) {
        (_, true) => 1,
        (2, _) => 3_600_000,
        (5, _) => 60_000,
        _ => 1_000,
    }
}

/// Applies a chain of `+Nu`, `-Nu`, `/u`.
fn apply(math: &str, start: Millis, round: Round) -> Option<Millis> {
    let mut time = Offset::UTC.to_datetime(Timestamp::from_millisecond(start.0).ok()?);
    let mut rest = math;
    while let Some(operator) = rest.chars().next() {
        rest = &rest[operator.len_utf8()..];
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let count: Option<i64> = if digits == 0 { None } else { Some(rest[..digits].parse::<i32>().ok()?.into()) };
        let unit = rest[digits..].chars().next()?;
        rest = &rest[digits + unit.len_utf8()..];
        time = match operator {
            '+' => time.checked_add(units(unit, count.unwrap_or(1))?).ok()?,
            '-' => time.checked_sub(units(unit, count.unwrap_or(1))?).ok()?,
            '/' if count.unwrap_or(1) == 1 => {
                let floor = floor(time, unit)?;
                match round {
                    Round::Down => floor,
                    Round::Up => {
                        let next = floor.checked_add(units(unit, 1)?).ok()?;
                        next.checked_sub(Span::new().milliseconds(1)).ok()?
                    }
                }
            }
            _ => return None,
        };
    }
    Some(Millis(Offset::UTC.to_timestamp(time).ok()?.as_millisecond()))
}

fn units(unit: char, count: i64) -> Option<Span> {
    let span = Span::new();
    match unit {
        'y' => span.try_years(count),
        'M' => span.try_months(count),
        'w' => span.try_weeks(count),
        'd' => span.try_days(count),
        'h' | 'H' => span.try_hours(count),
        'm' => span.try_minutes(count),
        's' => span.try_seconds(count),
        _ => return None,
    }
    .ok()
}

/// The start of the unit that holds an instant. Weeks start on Monday.
fn floor(time: DateTime, unit: char) -> Option<DateTime> {
    let date = time.date();
    let midnight = |date: jiff::civil::Date| date.at(0, 0, 0, 0);
    Some(match unit {
        'y' => midnight(date.first_of_year()),
        'M' => midnight(date.first_of_month()),
        'w' => {
            let behind_monday = date.weekday().since(Weekday::Monday);
            midnight(date.checked_sub(Span::new().days(behind_monday)).ok()?)
        }
        'd' => midnight(date),
        'h' | 'H' => date.at(time.hour(), 0, 0, 0),
        'm' => date.at(time.hour(), time.minute(), 0, 0),
        's' => date.at(time.hour(), time.minute(), time.second(), 0),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(text: &str) -> Option<(String, String)> {
        let now: Millis = "2024-05-05T18:30:15.250Z".parse().expect("valid"); // a Sunday
        let down = instant(text, now, Round::Down)?;
        Some((down.to_string(), instant(text, now, Round::Up)?.to_string()))
    }

    #[test]
    fn a_literal_names_an_interval() {
        for (text, first, last) in [
            ("2024", "2024-01-01T00:00:00.000Z", "2024-01-01T23:59:59.999Z"),
            ("2024-05", "2024-05-01T00:00:00.000Z", "2024-05-01T23:59:59.999Z"),
            ("2024-05-03", "2024-05-03T00:00:00.000Z", "2024-05-03T23:59:59.999Z"),
            ("2024-05-03T07", "2024-05-03T07:00:00.000Z", "2024-05-03T07:59:59.999Z"),
            ("2024-05-03T07:08", "2024-05-03T07:08:00.000Z", "2024-05-03T07:08:59.999Z"),
            ("2024-05-03T07:08:09", "2024-05-03T07:08:09.000Z", "2024-05-03T07:08:09.999Z"),
            ("2024-05-03T07:08:09.1", "2024-05-03T07:08:09.100Z", "2024-05-03T07:08:09.100Z"),
            ("2024-05-03T07:08:09+02:00", "2024-05-03T05:08:09.000Z", "2024-05-03T05:08:09.999Z"),
            ("2024-05-03T07:08-02:00", "2024-05-03T09:08:00.000Z", "2024-05-03T09:08:59.999Z"),
            ("2024-05-03T07Z", "2024-05-03T07:00:00.000Z", "2024-05-03T07:59:59.999Z"),
            ("1714564800000", "2024-05-01T12:00:00.000Z", "2024-05-01T12:00:00.000Z"),
            ("-1", "1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"),
            ("-100", "1969-12-31T23:59:59.900Z", "1969-12-31T23:59:59.900Z"),
            ("123", "1970-01-01T00:00:00.123Z", "1970-01-01T00:00:00.123Z"),
        ] {
            assert_eq!(both(text), Some((first.to_owned(), last.to_owned())), "{text}");
        }
    }

    #[test]
    fn math_is_applied_from_left_to_right() {
        for (text, first, last) in [
            ("now", "2024-05-05T18:30:15.250Z", "2024-05-05T18:30:15.250Z"),
            ("now-1d", "2024-05-04T18:30:15.250Z", "2024-05-04T18:30:15.250Z"),
            ("now+h", "2024-05-05T19:30:15.250Z", "2024-05-05T19:30:15.250Z"),
            ("now/s", "2024-05-05T18:30:15.000Z", "2024-05-05T18:30:15.999Z"),
            ("now/m", "2024-05-05T18:30:00.000Z", "2024-05-05T18:30:59.999Z"),
            ("now/H", "2024-05-05T18:00:00.000Z", "2024-05-05T18:59:59.999Z"),
            ("now/d", "2024-05-05T00:00:00.000Z", "2024-05-05T23:59:59.999Z"),
            ("now/w", "2024-04-29T00:00:00.000Z", "2024-05-05T23:59:59.999Z"),
            ("now/M", "2024-05-01T00:00:00.000Z", "2024-05-31T23:59:59.999Z"),
            ("now/y", "2024-01-01T00:00:00.000Z", "2024-12-31T23:59:59.999Z"),
            ("now-1d/d+12h", "2024-05-04T12:00:00.000Z", "2024-05-05T11:59:59.999Z"),
            ("2024-01-31||+1M", "2024-02-29T00:00:00.000Z", "2024-02-29T00:00:00.000Z"),
            ("2024-05||/M", "2024-05-01T00:00:00.000Z", "2024-05-31T23:59:59.999Z"),
            ("2024||/y", "2024-01-01T00:00:00.000Z", "2024-12-31T23:59:59.999Z"),
            ("2024-05-03||", "2024-05-03T00:00:00.000Z", "2024-05-03T00:00:00.000Z"),
        ] {
            assert_eq!(both(text), Some((first.to_owned(), last.to_owned())), "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "x",
            "now+",
            "now/2d",
            "now*1d",
            "nowhere",
            "now-1D",
            "now-1",
            "now+99999999999d",
            "2024-05-01||+",
            "x||+1d",
            "now+2000000000y",
            "now/",
            "now ",
        ] {
            assert_eq!(both(text), None, "{text}");
        }
    }
}
