//! A scenario as it is written: a rule, actors, and a timeline of steps with what is expected of each.
//!
//! The types here hold what the file says, with the places for error messages. What it *means* (instants, requests, the
//! changed rule) is [`Plan`](crate::Plan)'s matter.

use std::collections::BTreeMap;
use std::fmt;

use firstseen_detector::time::Millis;
use serde::de::{Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use toml::Spanned;

use crate::offset::Offset;

/// One scenario file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Stable name, unique in a folder: `rwx.contract`.
    pub id: Spanned<String>,
    /// One line for people.
    pub title: String,
    /// Name of a built-in rule, a `rule_id`, or a rule file (relative to the scenario file).
    pub rule: Spanned<String>,
    /// Virtual instant of `+0s`; a fixed one if absent.
    pub start: Option<Spanned<Millis>>,
    /// When the rule is switched on: its first execution. Absent: the schedule was running before `+0s`.
    pub first_run: Option<Spanned<Offset>>,
    /// Parameters that differ from the rule as published.
    #[serde(default)]
    pub rule_changes: RuleChanges,
    /// Who does what where, by name.
    pub actors: BTreeMap<Spanned<String>, Actor>,
    /// What happens, in the order of time.
    pub steps: Vec<Spanned<Step>>,
}

/// Parameters of the rule that a scenario changes, under their API names.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleChanges {
    /// `from`
    pub from: Option<String>,
    /// `to`
    pub to: Option<String>,
    /// `interval`
    pub interval: Option<String>,
    /// `history_window_start`
    pub history_window_start: Option<Spanned<String>>,
    /// `max_signals`
    pub max_signals: Option<i64>,
    /// Names of environment variables that the endpoint captures, in place of those that the rule asks for.
    pub capture_env_vars: Option<Vec<String>>,
}

/// Somebody who does one thing on one machine.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Actor {
    /// Name of the virtual host.
    pub host: String,
    /// Absolute path of the program that does it, as documents will show it; `{n}` is the number within a burst.
    pub executable: Spanned<String>,
    /// Technique id: `rwx.mprotect`.
    pub technique: Spanned<String>,
    /// Parameters of the technique; texts may hold `{n}`.
    #[serde(default)]
    pub params: BTreeMap<Spanned<String>, Spanned<toml::Value>>,
}

/// Something that happens at one virtual instant.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Virtual time since the start.
    pub at: Spanned<Offset>,
    /// Who acts.
    pub actor: Option<Spanned<String>>,
    /// Who acts, if they are several.
    pub actors: Option<Vec<Spanned<String>>>,
    /// How often every actor acts, each time with the next number for `{n}`; 1 if absent.
    pub burst: Option<Spanned<u32>>,
    /// Time from the event to `event.ingested`; none if absent.
    #[serde(default)]
    pub ingest_delay: Offset,
    /// Time from `event.ingested` to the first execution that can find the documents; none if absent.
    #[serde(default)]
    pub search_delay: Offset,
    /// What has to come of it.
    pub expect: Spanned<Expectation>,
}

/// What has to come of a step. Alerts belong to the step whose document they show.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// How many alerts show a document of this step.
    pub alerts: Option<u64>,
    /// The terms of those alerts, in any order; a `host.id` is written as the host's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub terms: Option<Vec<Vec<String>>>,
    /// Which executions raise them, by virtual time since the start, and how many each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raised_at: Option<BTreeMap<Offset, u64>>,
    /// No alert shows a document of this step.
    #[serde(default)]
    pub silent: bool,
    /// Why acts of this step stay without an alert.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<Silence>,
    /// How many documents of the step the query matches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matched: Option<Count>,
    /// How many documents of the step show the act itself, with all fields that the rule takes its terms from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub captured: Option<Count>,
    /// Warnings of the executions whose window held a document of the step; none if absent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
}

/// Why an act stays without an alert of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Silence {
    /// The sensor watched, but no document shows the act with all fields that the rule takes its terms from.
    NotCaptured,
    /// Documents show the act, and the rule's query matches none of them.
    Query,
    /// The query matches, but no execution's window held the document when it could be found.
    OutsideWindow,
    /// The first sight of the term is exactly the start of the window, which is not *after* the start.
    WindowStart,
    /// An earlier document of the history window holds the term.
    KnownTerm,
    /// The term is new, but the execution had spent its budget of alerts.
    MaxSignals,
}

impl fmt::Display for Silence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Silence::NotCaptured => "not-captured",
            Silence::Query => "query",
            Silence::OutsideWindow => "outside-window",
            Silence::WindowStart => "window-start",
            Silence::KnownTerm => "known-term",
            Silence::MaxSignals => "max-signals",
        })
    }
}

/// Warnings of an execution that a scenario can expect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Warning {
    /// The budget of alerts was spent; some were not created.
    MaxSignals,
    /// Any other.
    Other,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Warning::MaxSignals => "max-signals",
            Warning::Other => "other",
        })
    }
}

/// `true` (at least one), `false` (none) or an exact number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Count {
    /// At least one.
    Some,
    /// Exactly this many.
    Exactly(u64),
}

impl Count {
    /// Whether a number meets it.
    #[must_use]
    pub fn holds(self, number: u64) -> bool {
        match self {
            Count::Some => number > 0,
            Count::Exactly(wanted) => number == wanted,
        }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Count::Some => f.write_str("at least 1"),
            Count::Exactly(number) => write!(f, "{number}"),
        }
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Count, D::Error> {
        struct CountVisitor;
        impl Visitor<'_> for CountVisitor {
            type Value = Count;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true, false or a number from 0")
            }
            fn visit_bool<E>(self, some: bool) -> Result<Count, E> {
                Ok(if some { Count::Some } else { Count::Exactly(0) })
            }
            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Count, E> {
                let wrong = |_| E::invalid_value(serde::de::Unexpected::Signed(number), &self);
                u64::try_from(number).map(Count::Exactly).map_err(wrong)
            }
        }
        deserializer.deserialize_any(CountVisitor)
    }
}

impl Serialize for Count {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Count::Some => serializer.serialize_bool(true),
            Count::Exactly(number) => serializer.serialize_u64(*number),
        }
    }
}
