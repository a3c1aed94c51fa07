//! Alert suppression: candidates of one group become one alert, which counts the others.
//!
//! Sources: Kibana `utils/bulk_create_suppressed_alerts_in_memory.ts` and
//! `rule_registry/server/utils/create_persistence_rule_type_wrapper.ts` (`alertWithSuppression`, `suppressAlertsInMemory`).

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use super::alert::{GroupTerm, Suppression};
use super::alerts::{AlertStore, GroupKey};
use crate::rule::{AlertSuppression, MissingFields};
use crate::time::Millis;

/// Suppression as a rule says it, its duration in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    /// None: suppression per execution.
    pub(super) duration: Option<i64>,
    pub(super) missing_fields: MissingFields,
}

/// A candidate and its group.
#[derive(Clone, Debug)]
pub(super) struct Grouped<C> {
    pub(super) candidate: C,
    pub(super) key: GroupKey,
    pub(super) suppression: Suppression,
}

/// The moment and the execution on whose behalf candidates are handled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) execution: usize,
    pub(super) at: Millis,
    /// Start of the searched window.
    pub(super) window_from: Millis,
}

/// What becomes of the candidates of one chunk.
#[derive(Debug)]
pub(super) struct Decision<C> {
    /// Leaders that become alerts, in order, each with the candidates that it absorbed.
    pub(super) create: Vec<(Grouped<C>, Vec<C>)>,
    /// Candidates counted by existing alerts: the leader was folded, and took its own along.
    pub(super) folded: Vec<(u32, Vec<C>)>,
    /// Candidates dropped without a trace because of an alert of another execution that ends later.
    pub(super) dropped: Vec<(u32, C)>,
}

impl Settings {
    pub(super) fn of(suppression: &AlertSuppression) -> Settings {
        let duration = suppression.duration.as_ref().map(|(value, unit)| {
            let unit = match unit.as_str() {
                "s" => 1_000,
                "m" => 60_000,
                _ => 3_600_000,
            };
            value.saturating_mul(unit)
        });
        Settings { duration, missing_fields: suppression.missing_fields }
    }

    /// Whether a candidate with these group values becomes an ordinary alert.
    pub(super) fn exempts(&self, terms: &[GroupTerm]) -> bool {
        self.missing_fields == MissingFields::DoNotSuppress && terms.iter().any(|term| term.values.is_none())
    }

    /// Decides on candidates whose identity is not known yet, and folds into existing alerts what belongs there.
    pub(super) fn decide<C>(
        &self,
        alerts: &mut AlertStore,
        candidates: Vec<Grouped<C>>,
        moment: Moment,
    ) -> Decision<C> {
        let since = self.duration.map_or(moment.window_from, |duration| moment.at - duration);
        let mut decision = Decision { create: Vec::new(), folded: Vec::new(), dropped: Vec::new() };
        // Every candidate sees the alerts as they are before this chunk.
        let mut rest = Vec::new();
        for grouped in candidates {
            let existing = alerts.newest_open(&grouped.key, since);
            let handled = existing.filter(|number| {
                let alert = alerts.get(*number);
                let ends_later = alert.suppression.as_ref().is_some_and(|old| old.end >= grouped.suppression.end);
                alert.execution.number != moment.execution && ends_later
            });
            match handled {
                Some(number) => decision.dropped.push((number, grouped.candidate)),
                None => rest.push((grouped, existing)),
            }
        }
        rest.sort_by_key(|(grouped, _)| grouped.suppression.start);
        for (leader, existing, absorbed) in lead(rest) {
            let existing = existing
                .filter(|number| self.duration.is_some() || alerts.get(*number).execution.number == moment.execution);
            match existing {
                Some(number) => {
                    fold(alerts, number, &leader.suppression, moment);
                    let folded = std::iter::once(leader.candidate).chain(absorbed).collect();
                    decision.folded.push((number, folded));
                }
                None => decision.create.push((leader, absorbed)),
            }
        }
        decision
    }
}

/// A leader, the existing alert of its group, and the candidates behind it.
type Led<C> = (Grouped<C>, Option<u32>, Vec<C>);

/// The first of each group leads; the others add to its count and push its end.
fn lead<C>(candidates: Vec<(Grouped<C>, Option<u32>)>) -> Vec<Led<C>> {
    let mut leaders: Vec<Led<C>> = Vec::new();
    let mut by_key: HashMap<GroupKey, usize, FxBuildHasher> = HashMap::default();
    for (grouped, existing) in candidates {
        match by_key.get(&grouped.key) {
            Some(position) => {
                let (leader, _, absorbed) = &mut leaders[*position];
                leader.suppression.docs_count += grouped.suppression.docs_count + 1;
                leader.suppression.end = leader.suppression.end.max(grouped.suppression.end);
                absorbed.push(grouped.candidate);
            }
            None => {
                by_key.insert(grouped.key.clone(), leaders.len());
                leaders.push((grouped, existing, Vec::new()));
            }
        }
    }
    leaders
}

/// Counts a leader, and what it absorbed, in an existing alert.
fn fold(alerts: &mut AlertStore, number: u32, leader: &Suppression, moment: Moment) {
    let alert = alerts.get_mut(number);
    let same_execution = alert.execution.number == moment.execution;
    alert.last_detected = moment.at;
    if let Some(suppression) = &mut alert.suppression {
        suppression.docs_count += leader.docs_count + 1;
        suppression.end = suppression.end.max(leader.end);
        if same_execution {
            suppression.start = suppression.start.min(leader.start);
        }
    }
}
