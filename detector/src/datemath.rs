//! Date math of the schedule: `from`, `to`, `history_window_start` and suppression windows.
//!
//! This is the dialect of Kibana's own parser (`@kbn/datemath`), not the search engine's, which KQL uses: weeks start on
//! Sunday, and rounding always goes down. Rounding uses UTC (a Kibana server uses its local zone).

use jiff::civil::DateTime;
use jiff::{Span, Timestamp, tz::Offset};

use crate::time::Millis;

/// A parsed text such as `now-7d/d` or `2024-05-01||+1M`. Evaluation needs the moment that `now` means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DateMath {
    anchor: Anchor,
    steps: Vec<Step>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Anchor {
    Now,
    Fixed(Millis),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Add(i64, Unit),
    RoundDown(Unit),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Millisecond,
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Year,
}

impl DateMath {
    /// Parses a whole text; `None` if it is no date math.
    #[must_use]
    pub fn parse(text: &str) -> Option<DateMath> {
        let (anchor, steps) = match text.strip_prefix("now") {
            Some(steps) => (Anchor::Now, steps),
            None => {
                let (date, steps) = text.split_once("||").unwrap_or((text, ""));
                (Anchor::Fixed(iso(date)?), steps)
            }
        };
        Some(DateMath { anchor, steps: parse_steps(steps)? })
    }

    /// The instant that is meant when `now` is this one. Saturates at the ends of the calendar.
    #[must_use]
    pub fn at(&self, now: Millis) -> Millis {
        let start = match self.anchor {
            Anchor::Now => now,
            Anchor::Fixed(date) => date,
        };
        self.steps.iter().fold(start, |time, step| match step {
            Step::Add(amount, unit) => add(time, *amount, *unit),
            Step::RoundDown(unit) => round_down(time, *unit),
        })
    }
}

/// Parses an interval: a number without leading zero and one of `s m h d`. Milliseconds; `None` if it is none.
#[must_use]
pub fn parse_interval(text: &str) -> Option<i64> {
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let unit = match unit {
        "s" => Unit::Second,
        "m" => Unit::Minute,
        "h" => Unit::Hour,
        "d" => Unit::Day,
        _ => return None,
    };
    if number.starts_with('0') || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    number.parse::<i64>().ok()?.checked_mul(unit.fixed()?)
}

fn parse_steps(mut text: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    while let Some(operator) = text.chars().next() {
        text = &text[operator.len_utf8()..];
        let (number, rest) = text.split_at(text.bytes().take_while(u8::is_ascii_digit).count());
        let (unit, rest) = rest.split_at(rest.bytes().take_while(u8::is_ascii_alphabetic).count());
        let amount: i64 = if number.is_empty() { 1 } else { number.parse().ok()? };
        let unit = Unit::parse(unit)?;
        steps.push(match operator {
            '+' => Step::Add(amount, unit),
            '-' => Step::Add(-amount, unit),
            '/' if amount == 1 => Step::RoundDown(unit),
            _ => return None,
        });
        text = rest;
    }
    Some(steps)
}

/// An ISO 8601 date with an optional time and offset; without an offset it is UTC.
fn iso(text: &str) -> Option<Millis> {
    // Plain digits would be epoch milliseconds to an index; the schedule knows only years.
    let plain_number = text.bytes().all(|byte| byte.is_ascii_digit()) && text.len() != 4;
    if plain_number || text.starts_with('-') { None } else { crate::ecs::parse_date(text) }
}

impl Unit {
    fn parse(text: &str) -> Option<Unit> {
        Some(match text {
            "ms" => Unit::Millisecond,
            "s" => Unit::Second,
            "m" => Unit::Minute,
            "h" => Unit::Hour,
            "d" => Unit::Day,
            "w" => Unit::Week,
            "M" => Unit::Month,
            "y" => Unit::Year,
            _ => return None,
        })
    }

    /// Milliseconds of a unit that always has the same length.
    fn fixed(self) -> Option<i64> {
        Some(match self {
            Unit::Millisecond => 1,
            Unit::Second => 1_000,
            Unit::Minute => 60_000,
            Unit::Hour => 3_600_000,
            Unit::Day => 86_400_000,
            Unit::Week => 7 * 86_400_000,
            Unit::Month | Unit::Year => return None,
        })
    }
}

fn add(time: Millis, amount: i64, unit: Unit) -> Millis {
    if let Some(length) = unit.fixed() {
        return time.plus(amount.saturating_mul(length));
    }
    let months = if unit == Unit::Year { amount.saturating_mul(12) } else { amount };
    let edge =
        if amount < 0 { Millis(Timestamp::MIN.as_millisecond()) } else { Millis(Timestamp::MAX.as_millisecond()) };
    // The calendar library clamps the day to the length of the month, as is wanted.
    let moved = || to_millis(civil(time)?.checked_add(Span::new().try_months(months).ok()?).ok()?);
    moved().unwrap_or(edge)
}

fn round_down(time: Millis, unit: Unit) -> Millis {
    match unit {
        Unit::Week => {
            // 1970-01-01 was a Thursday, so the Sunday before it is four days earlier.
            let since_sunday = time.0.saturating_add(4 * 86_400_000).rem_euclid(7 * 86_400_000);
            Millis(time.0.saturating_sub(since_sunday))
        }
        Unit::Month | Unit::Year => {
            let first = || {
                let date = civil(time)?.date();
                let month = if unit == Unit::Year { 1 } else { date.month() };
                to_millis(
                    jiff::civil::Date::new(date.year(), month, 1).ok()?.to_datetime(jiff::civil::Time::midnight()),
                )
            };
            first().unwrap_or(time)
        }
        fixed => fixed.fixed().map_or(time, |length| Millis(time.0.saturating_sub(time.0.rem_euclid(length)))),
    }
}

fn civil(time: Millis) -> Option<DateTime> {
    Some(Offset::UTC.to_datetime(Timestamp::from_millisecond(time.0).ok()?))
}

fn to_millis(datetime: DateTime) -> Option<Millis> {
    Some(Millis(Offset::UTC.to_timestamp(datetime).ok()?.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str, now: &str) -> String {
        let now: Millis = now.parse().expect("an instant");
        DateMath::parse(text).unwrap_or_else(|| panic!("'{text}' is date math")).at(now).to_string()
    }

    #[test]
    fn chains_apply_from_left_to_right() {
        for (text, result) in [
            ("now", "2024-05-10T12:34:56.789Z"),
            ("now-9m", "2024-05-10T12:25:56.789Z"),
            ("now-7d", "2024-05-03T12:34:56.789Z"),
            ("now-1ms", "2024-05-10T12:34:56.788Z"),
            ("now-540s", "2024-05-10T12:25:56.789Z"),
            ("now+d-h", "2024-05-11T11:34:56.789Z"),
            ("now/d+1h", "2024-05-10T01:00:00.000Z"),
            ("now+1h/d", "2024-05-10T00:00:00.000Z"),
            ("now/1d", "2024-05-10T00:00:00.000Z"),
            ("now-0d", "2024-05-10T12:34:56.789Z"),
            ("2024-05-01", "2024-05-01T00:00:00.000Z"),
            ("2024-05-01T10:00:00.000Z", "2024-05-01T10:00:00.000Z"),
            ("2024-05-01T10:00:00+02:00||", "2024-05-01T08:00:00.000Z"),
            ("2024-05-01||-5d/M", "2024-04-01T00:00:00.000Z"),
        ] {
            assert_eq!(at(text, "2024-05-10T12:34:56.789Z"), result, "{text}");
        }
    }

    #[test]
    fn rounding_goes_down_and_weeks_start_on_sunday() {
        for (text, result) in [
            ("now/s", "2024-05-08T12:34:56.000Z"),
            ("now/m", "2024-05-08T12:34:00.000Z"),
            ("now/h", "2024-05-08T12:00:00.000Z"),
            ("now/d", "2024-05-08T00:00:00.000Z"),
            ("now/w", "2024-05-05T00:00:00.000Z"),
            ("now/M", "2024-05-01T00:00:00.000Z"),
            ("now/y", "2024-01-01T00:00:00.000Z"),
        ] {
            assert_eq!(at(text, "2024-05-08T12:34:56.789Z"), result, "{text}");
        }
        assert_eq!(at("now/w", "2024-05-05T00:00:00.000Z"), "2024-05-05T00:00:00.000Z");
        assert_eq!(at("now/w", "2024-05-04T23:59:59.999Z"), "2024-04-28T00:00:00.000Z");
        assert_eq!(at("now/d", "1969-12-31T23:59:59.999Z"), "1969-12-31T00:00:00.000Z");
    }

    #[test]
    fn months_and_years_clamp_the_day() {
        assert_eq!(at("now+1M", "2024-01-31T10:00:00.000Z"), "2024-02-29T10:00:00.000Z");
        assert_eq!(at("now+1M", "2023-01-31T10:00:00.000Z"), "2023-02-28T10:00:00.000Z");
        assert_eq!(at("now-1y", "2024-02-29T10:00:00.000Z"), "2023-02-28T10:00:00.000Z");
        assert_eq!(at("now+1M+1M", "2024-01-31T10:00:00.000Z"), "2024-03-29T10:00:00.000Z");
    }

    #[test]
    fn anything_else_is_no_date_math() {
        for text in [
            "",
            "now&1d",
            "now+5f",
            "now/2y",
            "now-0",
            "now-",
            "now/",
            "now-5 m",
            " now",
            "now ",
            "Now",
            "now-5D",
            "now-5H",
            "now-5ys",
            "now5m",
            "now+-5m",
            "now-1.5h",
            "now-7d||",
            "yesterday",
            "||",
            "||-1d",
            "2024-13-01",
            "-1",
            "1715344496789",
            "2024-05-01-5d",
            "2024-05-01||5d",
            "now-99999999999999999999d",
            "nöw",
            "now−7d",
        ] {
            assert_eq!(DateMath::parse(text), None, "{text}");
        }
    }

    #[test]
    fn out_of_range_saturates() {
        assert_eq!(DateMath::parse("now-9223372036854775807d").map(|math| math.at(Millis(0))), Some(Millis::MIN));
        assert!(DateMath::parse("now-99999999M").is_some_and(|math| math.at(Millis(0)) < Millis(0)));
        assert!(DateMath::parse("now-9223372036854775807d/M").is_some_and(|math| math.at(Millis(0)) < Millis(0)));
        assert!(DateMath::parse("now-9223372036854775807d/w").is_some_and(|math| math.at(Millis(0)) < Millis(0)));
    }

    #[test]
    fn intervals_are_a_number_and_a_unit() {
        assert_eq!(parse_interval("5m"), Some(300_000));
        assert_eq!(parse_interval("10s"), Some(10_000));
        assert_eq!(parse_interval("24h"), parse_interval("1d"));
        for text in
            ["", "m", "0m", "05m", "5", "5M", "5ms", "5w", "-5m", "+5m", " 5m", "5 m", "1.5h", "99999999999999999999d"]
        {
            assert_eq!(parse_interval(text), None, "{text}");
        }
    }
}
