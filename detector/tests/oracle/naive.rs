//! The oracle: the definition, restated as loops over all documents. Slow, plain, and without the engine's code.

use std::collections::{BTreeMap, BTreeSet};

use crate::world::{Event, Kind, RuleShape, TimeSource, World};

/// What both sides must agree on.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) runs: Vec<RunOutcome>,
    /// As they stand at the end, in order of creation.
    pub(crate) alerts: Vec<AlertOutcome>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct RunOutcome {
    /// (from, to, documents, combinations, new)
    pub(crate) windows: Vec<(i64, i64, usize, usize, usize)>,
    pub(crate) remaining: i64,
    pub(crate) warnings: Vec<&'static str>,
    pub(crate) created: usize,
    /// Alerts of earlier runs that this one folded into.
    pub(crate) updated: Vec<usize>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AlertOutcome {
    pub(crate) run: usize,
    pub(crate) event: usize,
    pub(crate) terms: Vec<Term>,
    pub(crate) last_detected: i64,
    pub(crate) original_time: Option<i64>,
    pub(crate) suppression: Option<SuppressionOutcome>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SuppressionOutcome {
    pub(crate) groups: Groups,
    pub(crate) start: i64,
    pub(crate) end: i64,
    pub(crate) docs_count: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Term {
    Flag(bool),
    Number(i64),
    Text(String),
}

/// The value with a number in the alphabet of a kind. The alphabets are not in the order of their numbers.
pub(crate) fn term(kind: Kind, value: u8) -> Term {
    match kind {
        Kind::Keyword => Term::Text(["b", "B", "é", "10"][usize::from(value)].to_owned()),
        Kind::Long => Term::Number([7, -3, 10, 0][usize::from(value)]),
        Kind::Boolean => Term::Flag(value.is_multiple_of(2)),
    }
}

/// The text of a group value.
pub(crate) fn group(value: u8) -> String {
    ["y", "x"][usize::from(value)].to_owned()
}

/// Sorted values of each group field; none: missing.
type Groups = Vec<Option<Vec<String>>>;

#[derive(Clone)]
struct Alert {
    outcome: AlertOutcome,
    created_at: i64,
    closed: bool,
}

#[derive(Clone)]
struct Candidate {
    event: usize,
    terms: Vec<Term>,
    count: usize,
}

struct Naive<'w> {
    world: &'w World,
    narrow: bool,
    alerts: Vec<Alert>,
}

/// State of one window.
struct Budget {
    created: usize,
    suppressed: usize,
}

pub(crate) fn run(world: &World) -> Outcome {
    let mut naive = Naive { world, narrow: false, alerts: Vec::new() };
    let mut previous = None;
    let mut runs = Vec::new();
    for (number, (run, at)) in world.runs.iter().zip(world.moments()).enumerate() {
        naive.narrow = run.narrow.unwrap_or(naive.narrow);
        let rule = &world.rule;
        let (from, to) = (at - rule.look_back, at + rule.ahead);
        let mut windows = vec![(from, to)];
        let mut outcome = RunOutcome::default();
        if !run.manual {
            if let Some(previous) = previous {
                let gap: i64 = (at - previous) - (to - from);
                if gap > 0 {
                    let mut catch_up = 0;
                    while catch_up < 4 && catch_up * rule.interval < gap {
                        catch_up += 1;
                        windows.insert(0, (from - catch_up * rule.interval, to - catch_up * rule.interval));
                    }
                    outcome.remaining = (gap - catch_up * rule.interval).max(0);
                }
            }
            previous = Some(at);
        }
        let before = naive.alerts.len();
        let mut updated = BTreeSet::new();
        for (from, to) in windows {
            naive.window(number, at, from, to, &mut outcome, &mut updated);
        }
        outcome.created = naive.alerts.len() - before;
        outcome.updated = updated.into_iter().filter(|alert| *alert < before).collect();
        runs.push(outcome);
        if run.close_after {
            naive.alerts.iter_mut().for_each(|alert| alert.closed = true);
        }
    }
    Outcome { runs, alerts: naive.alerts.into_iter().map(|alert| alert.outcome).collect() }
}

impl Naive<'_> {
    fn time(&self, event: &Event) -> Option<i64> {
        match self.world.rule.time {
            TimeSource::Timestamp => event.timestamp,
            TimeSource::IngestedElseTimestamp => event.ingested.or(event.timestamp),
            TimeSource::IngestedOnly => event.ingested,
        }
    }

    /// Documents of the rule's population that the run finds between two instants: (time, position).
    fn population(&self, at: i64, from: i64, to: i64) -> Vec<(i64, usize)> {
        let mut found = Vec::new();
        for (position, event) in self.world.events.iter().enumerate() {
            let visible = event.visible_from.is_none_or(|visible| at >= visible);
            let matches = !self.narrow || event.kept;
            let excepted = self.world.rule.except_red && event.red;
            if let (true, true, false, Some(time)) = (visible, matches, excepted, self.time(event))
                && from <= time
                && time <= to
            {
                found.push((time, position));
            }
        }
        found.sort();
        found
    }

    fn window(
        &mut self,
        run: usize,
        at: i64,
        from: i64,
        to: i64,
        outcome: &mut RunOutcome,
        updated: &mut BTreeSet<usize>,
    ) {
        let rule = self.world.rule.clone();
        let in_window = self.population(at, from, to);
        let history = self.population(at, to - rule.history, to);
        let mut counts: BTreeMap<Vec<Term>, usize> = BTreeMap::new();
        for (_, event) in &in_window {
            for terms in combinations(&rule, &self.world.events[*event]) {
                *counts.entry(terms).or_default() += 1;
            }
        }
        let has = |event: usize, terms: &Vec<Term>| combinations(&rule, &self.world.events[event]).contains(terms);
        let mut new = Vec::new();
        for (terms, count) in &counts {
            let first = history.iter().find(|(_, event)| has(*event, terms));
            let Some((first_seen, first_event)) = first else { continue };
            if *first_seen > from {
                let oldest_in_window = in_window.iter().find(|(_, event)| has(*event, terms)).map(|(_, event)| *event);
                let event = if rule.kinds.len() == 1 { oldest_in_window.unwrap_or(*first_event) } else { *first_event };
                new.push(Candidate { event, terms: terms.clone(), count: *count });
            }
        }
        outcome.windows.push((from, to, in_window.len(), counts.len(), new.len()));
        if rule.kinds.len() == 1 {
            new.sort_by(|a, b| b.count.cmp(&a.count).then(a.terms.cmp(&b.terms)));
        }
        let mut budget = Budget { created: 0, suppressed: 0 };
        for chunk in new.chunks(5 * rule.max_signals) {
            let truncated = if rule.suppression.is_some() {
                self.suppressed(run, at, from, chunk, &mut budget, updated)
            } else {
                self.plain(run, at, chunk, &mut budget)
            };
            if truncated {
                outcome.warnings.push(if rule.suppression.is_some() {
                    "max_signals_suppressed"
                } else {
                    "max_signals"
                });
                return;
            }
        }
    }

    fn exists(&self, candidate: &Candidate) -> bool {
        self.alerts.iter().any(|alert| alert.outcome.event == candidate.event && alert.outcome.terms == candidate.terms)
    }

    fn create(&mut self, run: usize, at: i64, candidate: &Candidate, suppression: Option<SuppressionOutcome>) {
        let outcome = AlertOutcome {
            run,
            event: candidate.event,
            terms: candidate.terms.clone(),
            last_detected: at,
            original_time: self.world.events[candidate.event].timestamp,
            suppression,
        };
        self.alerts.push(Alert { outcome, created_at: at, closed: false });
    }

    fn plain(&mut self, run: usize, at: i64, chunk: &[Candidate], budget: &mut Budget) -> bool {
        let fresh: Vec<Candidate> = chunk.iter().filter(|candidate| !self.exists(candidate)).cloned().collect();
        let allowed = self.world.rule.max_signals - budget.created;
        for candidate in fresh.iter().take(allowed) {
            self.create(run, at, candidate, None);
            budget.created += 1;
        }
        fresh.len() > allowed
    }

    fn suppressed(
        &mut self,
        run: usize,
        at: i64,
        from: i64,
        chunk: &[Candidate],
        budget: &mut Budget,
        updated: &mut BTreeSet<usize>,
    ) -> bool {
        let rule = self.world.rule.clone();
        let Some(shape) = &rule.suppression else { return false };
        let groups = |candidate: &Candidate| -> Groups {
            let event = &self.world.events[candidate.event];
            let fields = if shape.two_fields { 2 } else { 1 };
            let values = event.groups[..fields].iter().map(|values| {
                let mut values: Vec<String> = values.iter().map(|value| group(*value)).collect();
                values.sort();
                (!values.is_empty()).then_some(values)
            });
            values.collect()
        };
        let is_exempt = |candidate: &Candidate| shape.exempt_missing && groups(candidate).contains(&None);
        let exempt: Vec<Candidate> = chunk.iter().filter(|candidate| is_exempt(candidate)).cloned().collect();
        let grouped: Vec<(Candidate, Groups, i64)> = chunk
            .iter()
            .filter(|candidate| !is_exempt(candidate))
            .map(|candidate| {
                let time = self.time(&self.world.events[candidate.event]).unwrap_or_default();
                (candidate.clone(), groups(candidate), time)
            })
            .collect();
        self.plain(run, at, &exempt, budget);

        let since = shape.duration.map_or(from, |minutes| at - minutes * crate::world::MINUTE);
        let lookup = |alerts: &[Alert], key: &Groups| -> Option<usize> {
            let mut newest: Option<usize> = None;
            for (number, alert) in alerts.iter().enumerate() {
                let same = alert.outcome.suppression.as_ref().is_some_and(|suppression| suppression.groups == *key);
                let newer = newest.is_none_or(|other: usize| alerts[other].created_at <= alert.created_at);
                if same && !alert.closed && alert.created_at >= since && newer {
                    newest = Some(number);
                }
            }
            newest
        };
        let snapshot = self.alerts.clone();
        let mut rest = Vec::new();
        for (candidate, key, time) in grouped {
            if snapshot
                .iter()
                .any(|alert| alert.outcome.event == candidate.event && alert.outcome.terms == candidate.terms)
            {
                continue;
            }
            let existing = lookup(&snapshot, &key);
            let silently = existing.is_some_and(|number| {
                let alert = &snapshot[number].outcome;
                alert.run != run && alert.suppression.as_ref().is_some_and(|suppression| suppression.end >= time)
            });
            if !silently {
                rest.push((candidate, key, time, existing));
            }
        }
        rest.sort_by_key(|(_, _, time, _)| *time);
        let mut keys: Vec<Groups> = Vec::new();
        for (_, key, ..) in &rest {
            if !keys.contains(key) {
                keys.push(key.clone());
            }
        }
        for key in keys {
            let members: Vec<_> = rest.iter().filter(|(_, other, ..)| *other == key).collect();
            let (leader, _, start, existing) = members[0];
            let end = members.iter().map(|(_, _, time, _)| *time).max().unwrap_or(*start);
            let others = members.len() as u64 - 1;
            let usable = existing.filter(|number| shape.duration.is_some() || snapshot[*number].outcome.run == run);
            if let Some(number) = usable {
                let alert = &mut self.alerts[number].outcome;
                alert.last_detected = at;
                if let Some(suppression) = &mut alert.suppression {
                    suppression.docs_count += others + 1;
                    suppression.end = suppression.end.max(end);
                    if alert.run == run {
                        suppression.start = suppression.start.min(*start);
                    }
                }
                updated.insert(number);
                budget.suppressed += members.len();
            } else {
                budget.suppressed += members.len() - 1;
                if budget.created < rule.max_signals {
                    let suppression =
                        SuppressionOutcome { groups: key.clone(), start: *start, end, docs_count: others };
                    self.create(run, at, leader, Some(suppression));
                    budget.created += 1;
                }
            }
        }
        budget.created >= rule.max_signals || budget.created + budget.suppressed >= 5 * rule.max_signals
    }
}

/// All combinations of the distinct values of a document.
fn combinations(rule: &RuleShape, event: &Event) -> BTreeSet<Vec<Term>> {
    let mut all = BTreeSet::from([Vec::new()]);
    for (kind, values) in rule.kinds.iter().zip(&event.values) {
        let mut longer = BTreeSet::new();
        for start in &all {
            for value in values {
                let mut terms = start.clone();
                terms.push(term(*kind, *value));
                longer.insert(terms);
            }
        }
        all = longer;
    }
    all
}

/// How often random timelines reached what they are for.
#[derive(Debug, Default)]
pub(crate) struct Reached {
    alerts: usize,
    silent_windows: usize,
    catch_up: usize,
    remaining: usize,
    truncated: usize,
    truncated_with_suppression: usize,
    absorbed: usize,
    updated: usize,
    second_alert_for_a_term: usize,
}

impl Reached {
    pub(crate) fn add(&mut self, world: &World, outcome: &Outcome) {
        self.alerts += outcome.alerts.len();
        for run in &outcome.runs {
            self.silent_windows +=
                run.windows.iter().filter(|(.., combinations, new)| *combinations > 0 && *new == 0).count();
            self.catch_up += usize::from(run.windows.len() > 1);
            self.remaining += usize::from(run.remaining > 0);
            self.updated += run.updated.len();
            let suppressed = world.rule.suppression.is_some();
            self.truncated += if suppressed { 0 } else { run.warnings.len() };
            self.truncated_with_suppression += if suppressed { run.warnings.len() } else { 0 };
        }
        let absorbed = outcome.alerts.iter().filter_map(|alert| alert.suppression.as_ref());
        self.absorbed += absorbed.filter(|suppression| suppression.docs_count > 0).count();
        let terms: BTreeSet<&Vec<Term>> = outcome.alerts.iter().map(|alert| &alert.terms).collect();
        self.second_alert_for_a_term += outcome.alerts.len() - terms.len();
    }

    pub(crate) fn all_at_least(&self, count: usize) -> bool {
        let Reached { alerts, silent_windows, catch_up, remaining, truncated, .. } = self;
        let Reached { truncated_with_suppression, absorbed, updated, second_alert_for_a_term, .. } = self;
        [
            alerts,
            silent_windows,
            catch_up,
            remaining,
            truncated,
            truncated_with_suppression,
            absorbed,
            updated,
            second_alert_for_a_term,
        ]
        .into_iter()
        .all(|reached| *reached >= count)
    }
}
