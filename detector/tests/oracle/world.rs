//! Random timelines: documents and executions that meet at the edges of windows and histories, one tick before and after.

use proptest::bool;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

pub(crate) const MINUTE: i64 = 60_000;
/// 2024-05-10T12:00:00Z; all times of a world are milliseconds from here.
pub(crate) const START: i64 = 1_715_342_400_000;

/// Everything that decides an outcome.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) rule: RuleShape,
    pub(crate) events: Vec<Event>,
    pub(crate) runs: Vec<Run>,
}

#[derive(Clone, Debug)]
pub(crate) struct RuleShape {
    /// Kinds of the term fields, one to three.
    pub(crate) kinds: Vec<Kind>,
    /// `from` is so far before the run.
    pub(crate) look_back: i64,
    /// `to` is so far behind the run (or before it, if negative).
    pub(crate) ahead: i64,
    pub(crate) interval: i64,
    /// `history_window_start` is so far before `to`.
    pub(crate) history: i64,
    pub(crate) max_signals: usize,
    pub(crate) time: TimeSource,
    pub(crate) except_red: bool,
    pub(crate) suppression: Option<SuppressionShape>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Keyword,
    Long,
    Boolean,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum TimeSource {
    Timestamp,
    IngestedElseTimestamp,
    IngestedOnly,
}

#[derive(Clone, Debug)]
pub(crate) struct SuppressionShape {
    /// Minutes; none: per execution.
    pub(crate) duration: Option<i64>,
    pub(crate) exempt_missing: bool,
    pub(crate) two_fields: bool,
}

/// One document; its position is its `_id` and its place in the order of indexing.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) timestamp: Option<i64>,
    pub(crate) ingested: Option<i64>,
    pub(crate) visible_from: Option<i64>,
    /// Indices into the alphabet of each field's kind.
    pub(crate) values: [Vec<u8>; 3],
    /// Values of the two fields that suppression may group by.
    pub(crate) groups: [Vec<u8>; 2],
    /// What the narrow query asks for.
    pub(crate) kept: bool,
    /// What the exception removes.
    pub(crate) red: bool,
    pub(crate) other_index: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Run {
    /// After the run before.
    pub(crate) delay: i64,
    pub(crate) manual: bool,
    /// From now on the query is the narrow one, or the wide one.
    pub(crate) narrow: Option<bool>,
    pub(crate) close_after: bool,
}

impl World {
    /// The moment of each run.
    pub(crate) fn moments(&self) -> Vec<i64> {
        let mut at = 0;
        let after = |run: &Run| {
            at += run.delay;
            at
        };
        self.runs.iter().map(after).collect()
    }
}

pub(crate) fn any() -> impl Strategy<Value = World> {
    (rule(), vec(event(), 1..18), vec(run(), 1..9)).prop_map(|(rule, events, runs)| World { rule, events, runs })
}

fn rule() -> impl Strategy<Value = RuleShape> {
    let kinds = vec(select(vec![Kind::Keyword, Kind::Keyword, Kind::Long, Kind::Boolean]), 1..4);
    let time = select(vec![
        TimeSource::Timestamp,
        TimeSource::IngestedElseTimestamp,
        TimeSource::IngestedElseTimestamp,
        TimeSource::IngestedOnly,
    ]);
    (
        kinds,
        select(vec![5, 6, 9, 9, 9]),
        select(vec![0, 0, 0, 0, -2, 4]),
        select(vec![5, 5, 5, 10]),
        select(vec![10, 12, 20, 30, 60]),
        select(vec![1, 1, 2, 3, 100]),
        time,
        bool::weighted(0.2),
        option::weighted(0.5, suppression()),
    )
        .prop_map(|(kinds, look_back, ahead, interval, history, max_signals, time, except_red, suppression)| {
            RuleShape {
                // A boolean alone fails the run: that has its own tests.
                kinds: if kinds == [Kind::Boolean] { vec![Kind::Long] } else { kinds },
                look_back: look_back * MINUTE,
                ahead: ahead * MINUTE,
                interval: interval * MINUTE,
                history: history * MINUTE,
                max_signals,
                time,
                except_red,
                suppression,
            }
        })
}

fn suppression() -> impl Strategy<Value = SuppressionShape> {
    (option::weighted(0.7, select(vec![5, 10, 30])), bool::ANY, bool::weighted(0.3))
        .prop_map(|(duration, exempt_missing, two_fields)| SuppressionShape { duration, exempt_missing, two_fields })
}

/// Whole minutes, and one millisecond beside them: that is where the edges are.
fn instant() -> impl Strategy<Value = i64> {
    (prop_oneof![4 => -12_i64..35, 1 => -70_i64..70], select(vec![0, 0, 0, 0, 1, -1]))
        .prop_map(|(minute, tick)| minute * MINUTE + tick)
}

fn event() -> impl Strategy<Value = Event> {
    let values = || prop_oneof![6 => vec(0_u8..4, 1..2), 2 => vec(0_u8..4, 2..4), 1 => Just(Vec::new())];
    let groups = || prop_oneof![5 => vec(0_u8..2, 1..2), 1 => vec(0_u8..2, 2..3), 1 => Just(Vec::new())];
    let late = option::weighted(0.25, 1_i64..20);
    (
        option::weighted(0.95, instant()),
        option::weighted(0.8, select(vec![0, 0, 0, MINUTE, 3 * MINUTE, 10 * MINUTE, -MINUTE])),
        late,
        [values(), values(), values()],
        [groups(), groups()],
        bool::weighted(0.8),
        bool::weighted(0.2),
        bool::weighted(0.1),
    )
        .prop_map(|(timestamp, skew, late, values, groups, kept, red, other_index)| Event {
            timestamp,
            ingested: skew.map(|skew| timestamp.unwrap_or(0) + skew),
            visible_from: late.map(|late| timestamp.unwrap_or(0) + late * MINUTE),
            values,
            groups,
            kept,
            red,
            other_index,
        })
}

fn run() -> impl Strategy<Value = Run> {
    let delays = vec![
        5 * MINUTE,
        5 * MINUTE,
        5 * MINUTE,
        5 * MINUTE + 1,
        9 * MINUTE,
        9 * MINUTE + 1,
        14 * MINUTE,
        35 * MINUTE,
        0,
    ];
    (select(delays), bool::weighted(0.1), option::weighted(0.1, bool::ANY), bool::weighted(0.1))
        .prop_map(|(delay, manual, narrow, close_after)| Run { delay, manual, narrow, close_after })
}
