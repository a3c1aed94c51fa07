//! When a rule runs, and which windows one execution searches: look-back, gaps, catch-up.
//!
//! Source of the arithmetic: Kibana `rule_types/utils/utils.ts` (`getRuleRangeTuples`, `getGapBetweenRuns`).

use super::alert::ExecutionKind;
use super::error::{DateParameter, EngineError};
use crate::datemath::{DateMath, parse_interval};
use crate::rule::{Rule, RuleKind};
use crate::time::Millis;

/// The schedule of one rule, parsed.
#[derive(Clone, Debug)]
pub struct Schedule {
    from: DateMath,
    to: DateMath,
    /// `history_window_start` of a `new_terms` rule.
    history: Option<DateMath>,
    /// Milliseconds; `None` if the text is no interval, which means one window and no gap.
    interval: Option<i64>,
    texts: Texts,
}

#[derive(Clone, Debug)]
struct Texts {
    from: String,
    history: String,
}

/// One search range of an execution, both ends included, and the start of its history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// First instant.
    pub from: Millis,
    /// Last instant.
    pub to: Millis,
    /// First instant of the history, which ends with the window. Equal to `from` for rules without a history.
    pub history_start: Millis,
}

/// The windows of one execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What is searched, oldest first; the last one is the execution's own.
    pub windows: Vec<Window>,
    /// Milliseconds that lie between what the previous execution searched and what this one's own window does; 0 if none.
    pub gap: i64,
    /// The part of the gap that is not caught up.
    pub lost: Option<Lost>,
}

/// A stretch of time that no execution searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// The start of the execution before.
    pub from: Millis,
    /// The end of the part that is not covered, as Kibana reports it.
    pub to: Millis,
}

impl Lost {
    /// Milliseconds.
    #[must_use]
    pub fn duration(self) -> i64 {
        self.to - self.from
    }
}

/// More intervals than this are not caught up.
const MAX_CATCH_UP: i64 = 4;

impl Schedule {
    /// Parses `from`, `to`, `interval` and, for `new_terms`, `history_window_start`.
    ///
    /// # Errors
    /// When one of the dates is no date math, or the history's is empty. An unreadable interval is no error (it means one
    /// window and no gap).
    pub fn of(rule: &Rule) -> Result<Schedule, EngineError> {
        let history_text = match &rule.kind {
            RuleKind::NewTerms(new_terms) => Some(new_terms.history_window_start.as_str()),
            _ => None,
        };
        if history_text == Some("") {
            return Err(EngineError::HistoryWindowStartEmpty);
        }
        let history = history_text.map(|text| date_math(DateParameter::HistoryWindowStart, text)).transpose()?;
        Ok(Schedule {
            from: date_math(DateParameter::From, &rule.from)?,
            to: date_math(DateParameter::To, &rule.to)?,
            history,
            interval: parse_interval(&rule.interval),
            texts: Texts { from: rule.from.clone(), history: history_text.unwrap_or_default().to_owned() },
        })
    }

    /// Refuses a history that does not start strictly before `from`, both seen from the present moment.
    ///
    /// # Errors
    /// [`EngineError::HistoryNotBeforeFrom`].
    pub fn check(&self, present: Millis) -> Result<(), EngineError> {
        let Some(history) = &self.history else { return Ok(()) };
        let (history_at, from_at) = (history.at(present), self.from.at(present));
        if history_at < from_at {
            return Ok(());
        }
        let Texts { from, history } = self.texts.clone();
        Err(EngineError::HistoryNotBeforeFrom { history, history_at, from, from_at })
    }

    /// The windows of an execution that starts at `at`; `previous` is the start of the scheduled execution before it.
    #[must_use]
    pub fn plan(&self, at: Millis, kind: ExecutionKind, previous: Option<Millis>) -> Plan {
        let (from, to) = (self.from.at(at), self.to.at(at));
        let (mut gap, mut catch_up, mut lost) = (0, 0, None);
        if let (Some(interval), Some(previous), ExecutionKind::Scheduled) = (self.interval, previous, kind) {
            gap = ((at - previous) - (to - from)).max(0);
            let intervals = gap / interval + i64::from(gap % interval != 0);
            catch_up = intervals.min(MAX_CATCH_UP);
            let remaining = gap.saturating_sub(catch_up * interval).max(0);
            lost = (remaining > 0).then(|| Lost { from: previous, to: previous.plus(remaining) });
        }
        let window = |back: i64| {
            let shift = back.saturating_mul(self.interval.unwrap_or(0));
            let (from, to) = (from - shift, to - shift);
            // The history is measured from the end of each window, not from its start nor from the execution.
            let history_start = self.history.as_ref().map_or(from, |history| history.at(to));
            Window { from, to, history_start }
        };
        Plan { windows: (0..=catch_up).rev().map(window).collect(), gap, lost }
    }

    /// Milliseconds between two executions, if the interval is readable.
    #[must_use]
    pub fn interval(&self) -> Option<i64> {
        self.interval
    }

    /// The starts of the scheduled executions from the first instant on: every interval, up to and with the last instant. No
    /// readable interval means one execution.
    pub fn runs(&self, first: Millis, last: Millis) -> impl Iterator<Item = Millis> + use<> {
        let interval = self.interval;
        let next = move |at: &Millis| Some(at.plus(interval?)).filter(|next| next > at);
        std::iter::successors(Some(first), next).take_while(move |at| *at <= last)
    }
}

fn date_math(parameter: DateParameter, text: &str) -> Result<DateMath, EngineError> {
    DateMath::parse(text).ok_or_else(|| EngineError::Unparsable { parameter, text: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::testing::{instant, new_terms_rule};

    fn schedule(from: &str, interval: &str) -> Schedule {
        let mut rule = new_terms_rule("*", &["a"], "now-7d");
        rule.from = from.to_owned();
        rule.interval = interval.to_owned();
        Schedule::of(&rule).expect("a valid schedule")
    }

    fn count_and_remaining(previous: &str, at: &str) -> (usize, i64) {
        let plan = schedule("now-9m", "5m").plan(instant(at), ExecutionKind::Scheduled, Some(instant(previous)));
        (plan.windows.len(), plan.lost.map_or(0, Lost::duration))
    }

    #[test]
    fn a_window_is_from_and_to_and_its_history_is_measured_from_its_end() {
        let plan = schedule("now-9m", "5m").plan(instant("12:00"), ExecutionKind::Scheduled, None);
        let window =
            Window { from: instant("11:51"), to: instant("12:00"), history_start: instant("12:00") - 7 * 86_400_000 };
        assert_eq!(plan, Plan { windows: vec![window], gap: 0, lost: None });
    }

    #[test]
    fn a_delay_inside_the_look_back_is_no_gap_and_one_ms_beyond_is_one_window_more() {
        assert_eq!(count_and_remaining("12:00", "12:05"), (1, 0));
        assert_eq!(count_and_remaining("12:00", "12:09"), (1, 0));
        assert_eq!(count_and_remaining("12:00", "12:09:00.001"), (2, 0));
        assert_eq!(count_and_remaining("12:00", "12:14"), (2, 0));
        assert_eq!(count_and_remaining("12:00", "12:14:00.001"), (3, 0));
        assert_eq!(count_and_remaining("12:00", "12:29"), (5, 0));
        assert_eq!(count_and_remaining("12:00", "12:29:00.001"), (5, 1));
    }

    #[test]
    fn windows_come_oldest_first_and_each_has_its_own_history() {
        let plan = schedule("now-9m", "5m").plan(instant("12:19"), ExecutionKind::Scheduled, Some(instant("12:00")));
        let ends: Vec<Millis> = plan.windows.iter().map(|window| window.to).collect();
        assert_eq!(ends, [instant("12:09"), instant("12:14"), instant("12:19")]);
        assert_eq!(plan.gap, 10 * 60_000);
        assert!(plan.windows.iter().all(|window| window.to - window.history_start == 7 * 86_400_000));
    }

    #[test]
    fn what_is_lost_starts_where_the_previous_execution_did() {
        let plan = schedule("now-9m", "5m").plan(instant("12:30"), ExecutionKind::Scheduled, Some(instant("12:00")));
        assert_eq!(plan.lost, Some(Lost { from: instant("12:00"), to: instant("12:01") }));
    }

    #[test]
    fn manual_first_and_unreadable_intervals_have_one_window() {
        let (early, late) = (instant("02:00"), instant("12:00"));
        let plain = schedule("now-9m", "5m");
        assert_eq!(plain.plan(late, ExecutionKind::Manual, Some(early)).windows.len(), 1);
        assert_eq!(plain.plan(late, ExecutionKind::Scheduled, None).windows.len(), 1);
        let unreadable = schedule("now-9m", "0m").plan(late, ExecutionKind::Scheduled, Some(early));
        assert_eq!((unreadable.windows.len(), unreadable.gap, unreadable.lost), (1, 0, None));
        assert_eq!(schedule("now-9m", "often").runs(early, late).count(), 1);
    }

    #[test]
    fn runs_come_every_interval_up_to_the_last_instant() {
        let schedule = schedule("now-9m", "5m");
        assert_eq!(schedule.runs(instant("12:00"), instant("12:10")).count(), 3);
        assert_eq!(schedule.runs(instant("12:00"), instant("12:10") - 1).count(), 2);
        assert_eq!(schedule.runs(instant("12:00"), instant("11:00")).count(), 0);
        let week = instant("12:00") + 7 * 86_400_000;
        assert_eq!(schedule.runs(instant("12:00"), week).count(), 2017);
    }

    #[test]
    fn the_history_must_start_strictly_before_from() {
        let check = |history: &str, from: &str| {
            let mut rule = new_terms_rule("*", &["a"], history);
            rule.from = from.to_owned();
            Schedule::of(&rule).and_then(|schedule| schedule.check(instant("12:00"))).map_err(|error| error.code())
        };
        assert_eq!(check("now-10m", "now-9m"), Ok(()));
        assert_eq!(check("now-540001ms", "now-9m"), Ok(()));
        assert_eq!(check("now-540s", "now-9m"), Err("history_window_start_not_before_from"));
        assert_eq!(check("now-5m", "now-9m"), Err("history_window_start_not_before_from"));
        assert_eq!(check("", "now-9m"), Err("history_window_start_empty"));
        assert_eq!(check("now/2d", "now-9m"), Err("history_window_start_unparsable"));
        assert_eq!(check("now-7d", "now-9x"), Err("from_unparsable"));
    }
}
