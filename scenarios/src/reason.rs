//! Why an act has no alert: explained from the documents and the windows alone, independently of the engine.
//!
//! This does not decide alerts. It says, from the definition of a first sight, what an execution must have thought of a
//! document; where the engine did something else, nothing explains it, and the judge says so.

use std::collections::{BTreeMap, BTreeSet};

use firstseen_detector::time::Millis;

use crate::facts::{ActFacts, DocumentFacts, RunFacts, StepFacts, Terms, WindowFacts};
use crate::model::{Silence, Warning};

/// What became of an act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// An alert shows one of its documents.
    Alerted,
    /// No alert, and this is why.
    Silent(Silence),
    /// No alert, although the term was new in the execution at this instant.
    Unexplained(Millis),
}

/// Everything that an explanation needs, ordered for it.
pub(crate) struct Timeline<'a> {
    runs: &'a [RunFacts],
    /// Sights of every term in the order of indexing.
    sights: BTreeMap<&'a Terms, Vec<Sight<'a>>>,
    /// Documents and terms of all alerts.
    alerted: BTreeSet<(&'a str, &'a Terms)>,
}

struct Sight<'a> {
    time: Millis,
    searchable: Millis,
    document: &'a str,
}

impl<'a> Timeline<'a> {
    pub(crate) fn new(steps: &'a [StepFacts], runs: &'a [RunFacts]) -> Timeline<'a> {
        let mut sights: BTreeMap<&Terms, Vec<Sight<'_>>> = BTreeMap::new();
        let documents = steps.iter().flat_map(|step| &step.acts).flat_map(|act| &act.documents);
        for document in documents.filter(|document| document.matched) {
            let Some(time) = document.time else { continue };
            for terms in &document.terms {
                let sight = Sight { time, searchable: document.searchable, document: &document.id };
                sights.entry(terms).or_default().push(sight);
            }
        }
        let alerts = runs.iter().flat_map(|run| &run.alerts);
        let alerted = alerts.map(|alert| (alert.document.as_str(), &alert.terms)).collect();
        Timeline { runs, sights, alerted }
    }

    /// The executions that had the document in a window.
    pub(crate) fn covering(&self, document: &DocumentFacts) -> impl Iterator<Item = (&'a RunFacts, WindowFacts)> {
        let (time, searchable) = (document.time, document.searchable);
        let holds = move |window: &WindowFacts| time.is_some_and(|time| window.from <= time && time <= window.to);
        let late_enough = self.runs.iter().filter(move |run| searchable <= run.at);
        late_enough.flat_map(move |run| run.windows.iter().filter(move |w| holds(w)).map(move |window| (run, *window)))
    }

    /// What became of an act.
    pub(crate) fn fate(&self, act: &ActFacts) -> Fate {
        let mut fates: Vec<Fate> = Vec::new();
        for document in act.documents.iter().filter(|document| document.matched) {
            fates.extend(document.terms.iter().map(|terms| self.term_fate(document, terms)));
        }
        let unexplained = fates.iter().find(|fate| matches!(fate, Fate::Unexplained(_)));
        let silence = fates.iter().filter_map(|fate| match fate {
            Fate::Silent(silence) => Some(*silence),
            Fate::Alerted | Fate::Unexplained(_) => None,
        });
        if fates.contains(&Fate::Alerted) {
            Fate::Alerted
        } else if let Some(unexplained) = unexplained {
            unexplained.clone()
        } else if let Some(silence) = silence.max() {
            Fate::Silent(silence)
        } else if act.documents.iter().any(DocumentFacts::is_capture) {
            Fate::Silent(Silence::Query)
        } else {
            Fate::Silent(Silence::NotCaptured)
        }
    }

    /// What became of one term of a matched document.
    fn term_fate(&self, document: &DocumentFacts, terms: &Terms) -> Fate {
        if self.alerted.contains(&(document.id.as_str(), terms)) {
            return Fate::Alerted;
        }
        let mut silence = Silence::OutsideWindow;
        for (run, window) in self.covering(document) {
            let Some(first) = self.first_sight(terms, run.at, window) else { continue };
            let own = first.document == document.id;
            let here = if !own {
                Silence::KnownTerm
            } else if first.time <= window.from {
                Silence::WindowStart
            } else if run.warnings.contains(&Warning::MaxSignals) {
                Silence::MaxSignals
            } else {
                return Fate::Unexplained(run.at);
            };
            silence = silence.max(here);
        }
        Fate::Silent(silence)
    }

    /// The earliest sight of a term in the history of a window; of equal times the first that was indexed.
    fn first_sight(&self, terms: &Terms, at: Millis, window: WindowFacts) -> Option<&Sight<'a>> {
        let sights = self.sights.get(terms)?.iter();
        sights
            .filter(|sight| sight.searchable <= at && window.history <= sight.time && sight.time <= window.to)
            .min_by_key(|sight| sight.time)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::facts::{AlertFacts, Execution};

    pub(crate) fn act(documents: Vec<DocumentFacts>) -> ActFacts {
        let execution = Execution::Done;
        ActFacts { execution, watched: true, drained: true, losses: Vec::new(), events: 1, documents }
    }

    pub(crate) fn document(id: &str, time: i64, term: &str) -> DocumentFacts {
        let terms = vec![vec![term.to_owned()]];
        let (time, searchable) = (Some(Millis(time)), Millis(time));
        DocumentFacts { id: id.to_owned(), time, searchable, terms, shows_act: true, matched: true }
    }

    pub(crate) fn step(documents: Vec<DocumentFacts>) -> StepFacts {
        StepFacts { acts: vec![act(documents)] }
    }

    /// An execution with a window of 9 and a history of 100.
    pub(crate) fn run(at: i64, alerts: &[(&str, &str)]) -> RunFacts {
        let window = WindowFacts { from: Millis(at - 9), to: Millis(at), history: Millis(at - 100) };
        let alert = |(document, term): &(&str, &str)| AlertFacts {
            id: format!("alert-{document}-{term}"),
            document: (*document).to_owned(),
            terms: vec![(*term).to_owned()],
            remark: None,
        };
        let alerts = alerts.iter().map(alert).collect();
        RunFacts { at: Millis(at), windows: vec![window], alerts, warnings: Vec::new() }
    }

    fn fate_of_last(steps: &[StepFacts], runs: &[RunFacts]) -> Fate {
        Timeline::new(steps, runs).fate(&steps[steps.len() - 1].acts[0])
    }

    #[test]
    fn an_alert_is_an_alert() {
        let steps = [step(vec![document("a", 3, "t")])];
        assert_eq!(fate_of_last(&steps, &[run(5, &[("a", "t")])]), Fate::Alerted);
    }

    #[test]
    fn a_new_term_without_an_alert_is_unexplained_unless_the_budget_was_spent() {
        let steps = [step(vec![document("a", 3, "t")])];
        assert_eq!(fate_of_last(&steps, &[run(5, &[])]), Fate::Unexplained(Millis(5)));
        let mut cut = run(5, &[]);
        cut.warnings.push(Warning::MaxSignals);
        assert_eq!(fate_of_last(&steps, &[cut]), Fate::Silent(Silence::MaxSignals));
    }

    #[test]
    fn an_earlier_sight_in_the_history_makes_it_known_and_one_before_does_not() {
        let steps = |earlier| [step(vec![document("h", earlier, "t")]), step(vec![document("a", 203, "t")])];
        assert_eq!(fate_of_last(&steps(105), &[run(205, &[])]), Fate::Silent(Silence::KnownTerm));
        assert_eq!(fate_of_last(&steps(104), &[run(205, &[])]), Fate::Unexplained(Millis(205)));
    }

    #[test]
    fn a_sight_exactly_at_the_start_of_the_window_is_not_new_and_one_after_is() {
        let steps = |time| [step(vec![document("a", time, "t")])];
        assert_eq!(fate_of_last(&steps(95), &[run(104, &[])]), Fate::Silent(Silence::WindowStart));
        assert_eq!(fate_of_last(&steps(96), &[run(104, &[])]), Fate::Unexplained(Millis(104)));
        assert_eq!(fate_of_last(&steps(94), &[run(104, &[])]), Fate::Silent(Silence::OutsideWindow));
    }

    #[test]
    fn a_document_that_cannot_be_found_yet_is_outside() {
        let mut late = document("a", 3, "t");
        late.searchable = Millis(6);
        assert_eq!(fate_of_last(&[step(vec![late])], &[run(5, &[])]), Fate::Silent(Silence::OutsideWindow));
    }

    #[test]
    fn no_match_and_no_term_are_told_apart() {
        let mut unmatched = document("a", 3, "t");
        unmatched.matched = false;
        assert_eq!(fate_of_last(&[step(vec![unmatched.clone()])], &[]), Fate::Silent(Silence::Query));
        let mut beside = unmatched.clone();
        beside.shows_act = false;
        assert_eq!(fate_of_last(&[step(vec![beside])], &[]), Fate::Silent(Silence::NotCaptured));
        unmatched.terms.clear();
        assert_eq!(fate_of_last(&[step(vec![unmatched])], &[]), Fate::Silent(Silence::NotCaptured));
        assert_eq!(fate_of_last(&[step(vec![])], &[]), Fate::Silent(Silence::NotCaptured));
    }

    #[test]
    fn of_equal_times_the_first_indexed_is_the_first_sight() {
        let steps = [step(vec![document("a", 3, "t")]), step(vec![document("b", 3, "t")])];
        assert_eq!(fate_of_last(&steps, &[run(5, &[("a", "t")])]), Fate::Silent(Silence::KnownTerm));
    }
}
