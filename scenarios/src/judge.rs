//! From evidence to verdicts. Pure: expectations and facts in, outcomes out.
//!
//! A silence counts only if it is not empty: every act was done by its own report, the sensor saw it, its stream was seen
//! to drain, nothing was lost up to here, and (unless the scenario says otherwise) the rule's query matched.

use std::collections::{BTreeMap, BTreeSet};

use firstseen_detector::time::Millis;

use crate::facts::{ActFacts, Execution, RunFacts, StepFacts};
use crate::model::{Count, Expectation, Silence, Warning};
use crate::offset::Offset;
use crate::reason::{Fate, Timeline};
use crate::verdict::{AlertOutcome, Stage, Verdict};

/// What the judge finds out about one step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// How many documents came of it.
    pub documents: u64,
    /// How many of them show the act itself, with all fields of the rule's terms.
    pub captured: u64,
    /// How many of them the query matches.
    pub matched: u64,
    /// Alerts that show one of them, in the order of the executions.
    pub alerts: Vec<AlertOutcome>,
    /// Reasons of the acts without an alert, and how many acts have each.
    pub silences: BTreeMap<Silence, u64>,
    /// Warnings of the executions whose window held one of them.
    pub warnings: Vec<Warning>,
    /// The judgement itself.
    pub verdict: Verdict,
}

/// Judges all steps of a timeline that starts at the virtual instant `start`; `expectations` and `steps` are parallel.
#[must_use]
pub fn judge(start: Millis, expectations: &[Expectation], steps: &[StepFacts], runs: &[RunFacts]) -> Vec<Judgement> {
    let timeline = Timeline::new(steps, runs);
    let mut doubt = None;
    let mut judgements = Vec::with_capacity(steps.len());
    for (expect, step) in expectations.iter().zip(steps) {
        let mut seen = Seen::of(start, step, runs, &timeline);
        let verdict = verdict(expect, step, &mut seen, doubt.as_deref());
        // What is lost here may have been the first sight of anything later.
        doubt = doubt.or_else(|| step.acts.iter().find_map(loss).map(|what| format!("in an earlier step {what}")));
        judgements.push(Judgement {
            documents: seen.documents,
            captured: seen.captured,
            matched: seen.matched,
            alerts: seen.alerts,
            silences: seen.silences,
            warnings: seen.warnings.into_iter().collect(),
            verdict,
        });
    }
    judgements
}

/// One step's evidence, counted.
struct Seen {
    documents: u64,
    captured: u64,
    matched: u64,
    alerts: Vec<AlertOutcome>,
    silences: BTreeMap<Silence, u64>,
    unexplained: Option<String>,
    warnings: BTreeSet<Warning>,
}

impl Seen {
    fn of(start: Millis, step: &StepFacts, runs: &[RunFacts], timeline: &Timeline<'_>) -> Seen {
        let documents = || step.acts.iter().flat_map(|act| &act.documents);
        let ids: BTreeSet<&str> = documents().map(|document| document.id.as_str()).collect();
        let mut alerts = Vec::new();
        for run in runs {
            let own = run.alerts.iter().filter(|alert| ids.contains(alert.document.as_str()));
            alerts.extend(own.map(|alert| AlertOutcome {
                id: alert.id.clone(),
                terms: alert.terms.clone(),
                document: alert.document.clone(),
                raised_at: Offset(run.at - start),
                remark: alert.remark.clone(),
            }));
        }
        let mut silences = BTreeMap::new();
        let mut unexplained = None;
        for act in &step.acts {
            match timeline.fate(act) {
                Fate::Alerted => {}
                Fate::Silent(silence) => *silences.entry(silence).or_default() += 1,
                Fate::Unexplained(at) => unexplained = Some(format!("the term was new in the execution at {at}")),
            }
        }
        let covering = documents().filter(|document| document.matched).flat_map(|document| timeline.covering(document));
        Seen {
            documents: documents().count() as u64,
            captured: documents().filter(|document| document.is_capture()).count() as u64,
            matched: documents().filter(|document| document.matched).count() as u64,
            alerts,
            silences,
            unexplained,
            warnings: covering.flat_map(|(run, _)| run.warnings.iter().copied()).collect(),
        }
    }

    /// `2 alerts: web-1 / /opt/a; web-2 / /opt/a`
    fn alerts_text(&self) -> String {
        let terms: Vec<String> = self.alerts.iter().map(|alert| alert.terms.join(" / ")).collect();
        match terms.len() {
            0 => "no alert".to_owned(),
            number @ 1..=3 => format!("{}: {}", alerts(number as u64), terms.join("; ")),
            number => format!("{}: {}; ...", alerts(number as u64), terms[..3].join("; ")),
        }
    }

    /// `silence because known-term`
    fn silence_text(&self) -> String {
        let reasons: Vec<String> = self.silences.keys().map(ToString::to_string).collect();
        if reasons.is_empty() { "silence".to_owned() } else { format!("silence because {}", reasons.join(", ")) }
    }

    /// The first stage that an act without an alert did not reach.
    fn missing(&self, step: &StepFacts) -> Stage {
        let events = step.acts.iter().any(|act| act.events > 0);
        match self.silences.keys().next() {
            _ if self.unexplained.is_some() => Stage::Alerted,
            Some(Silence::NotCaptured) if self.documents == 0 && events => Stage::Normalised,
            Some(Silence::NotCaptured) => Stage::Captured,
            Some(Silence::Query) => Stage::Matched,
            Some(Silence::OutsideWindow | Silence::WindowStart | Silence::KnownTerm) => Stage::NewTerm,
            Some(Silence::MaxSignals) | None => Stage::Alerted,
        }
    }
}

/// The verdict on one step; `doubt` is what was lost before it.
fn verdict(expect: &Expectation, step: &StepFacts, seen: &mut Seen, doubt: Option<&str>) -> Verdict {
    let wanted = if expect.silent { 0 } else { expect.alerts.unwrap_or(0) };
    for act in &step.acts {
        match &act.execution {
            Execution::Done => {}
            Execution::Impossible(reason) => return Verdict::Skipped { reason: reason.clone() },
            Execution::NotDone(reason) if wanted == 0 => {
                let reason = format!("the act was not done, so its silence proves nothing: {reason}");
                return Verdict::Inconclusive { reason };
            }
            Execution::NotDone(reason) => {
                return fail(Stage::Executed, "the act to be done", format!("none: {reason}"));
            }
        }
    }
    if let Some(what) = step.acts.iter().find_map(loss).or(doubt.map(str::to_owned)) {
        return Verdict::Inconclusive { reason: format!("{what}; what is absent proves nothing") };
    }
    if step.acts.iter().any(|act| !act.watched) {
        let reason = "the sensor did not see the act's process start, so it may have missed the act too".to_owned();
        return Verdict::Inconclusive { reason };
    }
    alerts_verdict(expect, step, seen, wanted)
        .or_else(|| reason_verdict(expect, step, seen))
        .or_else(|| count_verdict(Stage::Captured, "captured documents", expect.captured, seen.captured))
        .or_else(|| count_verdict(Stage::Matched, "matched documents", expect.matched, seen.matched))
        .or_else(|| warnings_verdict(expect, seen))
        .unwrap_or(Verdict::Pass)
}

/// Number and terms of the alerts.
fn alerts_verdict(expect: &Expectation, step: &StepFacts, seen: &Seen, wanted: u64) -> Option<Verdict> {
    let got = seen.alerts.len() as u64;
    if got > wanted {
        let expected = if wanted == 0 { "silence".to_owned() } else { alerts(wanted) };
        return Some(fail(Stage::Alerted, expected, seen.alerts_text()));
    }
    if got < wanted {
        let why = seen.unexplained.clone().unwrap_or_else(|| seen.silence_text());
        return Some(fail(seen.missing(step), alerts(wanted), format!("{}, {why}", seen.alerts_text())));
    }
    if let Some(why) = &seen.unexplained {
        return Some(fail(Stage::Alerted, alerts(wanted), format!("a silence that nothing explains: {why}")));
    }
    terms_verdict(expect, seen, wanted).or_else(|| raised_verdict(expect, seen))
}

/// Terms of the alerts, in any order.
fn terms_verdict(expect: &Expectation, seen: &Seen, wanted: u64) -> Option<Verdict> {
    let mut expected = expect.terms.clone()?;
    let mut terms: Vec<&Vec<String>> = seen.alerts.iter().map(|alert| &alert.terms).collect();
    expected.sort();
    terms.sort();
    if terms.iter().copied().eq(&expected) {
        return None;
    }
    let expected: Vec<String> = expected.iter().map(|terms| terms.join(" / ")).collect();
    Some(fail(Stage::Alerted, format!("{}: {}", alerts(wanted), expected.join("; ")), seen.alerts_text()))
}

/// Which executions raised the alerts.
fn raised_verdict(expect: &Expectation, seen: &Seen) -> Option<Verdict> {
    let expected = expect.raised_at.as_ref()?;
    let mut got: BTreeMap<Offset, u64> = BTreeMap::new();
    for alert in &seen.alerts {
        *got.entry(alert.raised_at).or_default() += 1;
    }
    let list = |raised: &BTreeMap<Offset, u64>| {
        let parts: Vec<String> = raised.iter().map(|(at, number)| format!("{number} at {at}")).collect();
        parts.join(", ")
    };
    let wanted = expected.iter().filter(|(_, number)| **number > 0);
    (!wanted.eq(&got)).then(|| fail(Stage::Alerted, format!("alerts {}", list(expected)), list(&got)))
}

/// Why acts are silent: as the scenario says, and if it says nothing, not because there was nothing to see.
fn reason_verdict(expect: &Expectation, step: &StepFacts, seen: &Seen) -> Option<Verdict> {
    let Some(because) = expect.because else {
        let empty = seen.silences.keys().find(|silence| matches!(silence, Silence::NotCaptured | Silence::Query))?;
        let reason = format!("the silence is empty: no act may be silent because of '{empty}' unless the step says so");
        return Some(Verdict::Inconclusive { reason });
    };
    if because == Silence::Query && seen.silences.contains_key(&Silence::NotCaptured) {
        let reason = "the silence is empty: the act was not captured, so the query never saw it".to_owned();
        return Some(Verdict::Inconclusive { reason });
    }
    let only = seen.silences.keys().eq([&because]);
    let got = || if seen.silences.is_empty() { "an alert of every act".to_owned() } else { seen.silence_text() };
    (!only).then(|| fail(seen.missing(step), format!("silence because {because}"), got()))
}

/// An explicit number of documents.
fn count_verdict(stage: Stage, what: &str, wanted: Option<Count>, got: u64) -> Option<Verdict> {
    let wanted = wanted.filter(|wanted| !wanted.holds(got))?;
    Some(fail(stage, format!("{wanted} {what}"), got.to_string()))
}

fn warnings_verdict(expect: &Expectation, seen: &Seen) -> Option<Verdict> {
    let wanted: BTreeSet<Warning> = expect.warnings.iter().copied().collect();
    let list = |warnings: &BTreeSet<Warning>| match warnings.len() {
        0 => "no warning".to_owned(),
        _ => format!("warnings {}", warnings.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
    };
    (wanted != seen.warnings).then(|| fail(Stage::Alerted, list(&wanted), list(&seen.warnings)))
}

/// What an act's observation lost, for a person.
fn loss(act: &ActFacts) -> Option<String> {
    if let Some(loss) = act.losses.first() {
        return Some(format!("telemetry was lost ({loss:?})"));
    }
    (!act.drained).then(|| "the end of the sensor's stream was not seen".to_owned())
}

fn fail(stopped_at: Stage, expected: impl Into<String>, got: impl Into<String>) -> Verdict {
    Verdict::Fail { stopped_at, expected: expected.into(), got: got.into() }
}

fn alerts(number: u64) -> String {
    format!("{number} alert{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use firstseen_detector::sensor::Loss;
    use rstest::rstest;

    use super::*;
    use crate::reason::tests::{document, run, step};

    fn expect(text: &str) -> Expectation {
        toml::from_str(text).expect("an expectation")
    }

    fn one(text: &str, step: StepFacts, run: RunFacts) -> Verdict {
        judge(Millis(0), &[expect(text)], &[step], &[run]).remove(0).verdict
    }

    fn stopped_at(verdict: &Verdict) -> Option<Stage> {
        match verdict {
            Verdict::Fail { stopped_at, .. } => Some(*stopped_at),
            _ => None,
        }
    }

    fn seen() -> StepFacts {
        step(vec![document("a", 3, "t")])
    }

    fn unmatched() -> StepFacts {
        let mut document = document("a", 3, "t");
        document.matched = false;
        step(vec![document])
    }

    fn termless() -> StepFacts {
        let mut step = unmatched();
        step.acts[0].documents[0].terms.clear();
        step
    }

    #[test]
    fn an_alert_where_one_is_due_passes_and_silence_does_not() {
        assert_eq!(one("alerts = 1", seen(), run(5, &[("a", "t")])), Verdict::Pass);
        assert_eq!(stopped_at(&one("alerts = 1", seen(), run(5, &[]))), Some(Stage::Alerted));
        assert_eq!(stopped_at(&one("silent = true", seen(), run(5, &[("a", "t")]))), Some(Stage::Alerted));
    }

    #[test]
    fn the_terms_have_to_be_the_expected_ones() {
        assert_eq!(one("alerts = 1\nterms = [['t']]", seen(), run(5, &[("a", "t")])), Verdict::Pass);
        let wrong = one("alerts = 1\nterms = [['u']]", seen(), run(5, &[("a", "t")]));
        assert_eq!(wrong.to_string(), "stopped at 'alerted': expected 1 alert: u, got 1 alert: t");
    }

    #[test]
    fn an_alert_by_another_execution_than_the_expected_one_fails() {
        let raised = |at: &str| format!("alerts = 1\nraised_at = {{ '{at}' = 1 }}");
        assert_eq!(one(&raised("+5ms"), seen(), run(5, &[("a", "t")])), Verdict::Pass);
        let wrong = one(&raised("+6ms"), seen(), run(5, &[("a", "t")]));
        assert_eq!(wrong.to_string(), "stopped at 'alerted': expected alerts 1 at +6ms, got 1 at +5ms");
    }

    #[rstest]
    #[case(unmatched(), Stage::Matched)]
    #[case(termless(), Stage::Captured)]
    #[case(step(vec![]), Stage::Normalised)]
    #[case(step(vec![document("a", 30, "t")]), Stage::NewTerm)]
    fn a_missing_alert_names_the_first_missing_stage(#[case] step: StepFacts, #[case] stage: Stage) {
        assert_eq!(stopped_at(&one("alerts = 1", step, run(5, &[]))), Some(stage));
    }

    #[test]
    fn a_silence_without_a_match_is_inconclusive_unless_the_scenario_says_so() {
        for empty in [unmatched(), termless(), step(vec![])] {
            let verdict = one("silent = true", empty.clone(), run(5, &[]));
            assert_eq!(verdict.name(), "inconclusive", "{verdict:?}");
        }
        assert_eq!(one("silent = true\nbecause = 'query'", unmatched(), run(5, &[])), Verdict::Pass);
        assert_eq!(one("silent = true\nbecause = 'not-captured'", termless(), run(5, &[])), Verdict::Pass);
    }

    #[test]
    fn a_silence_because_of_the_query_needs_something_captured() {
        let verdict = one("silent = true\nbecause = 'query'", termless(), run(5, &[]));
        assert_eq!(verdict.name(), "inconclusive", "{verdict:?}");
    }

    #[test]
    fn another_reason_than_the_expected_one_fails() {
        let verdict = one("silent = true\nbecause = 'not-captured'", unmatched(), run(5, &[]));
        assert_eq!(
            verdict.to_string(),
            "stopped at 'matched': expected silence because not-captured, got silence because query"
        );
        let mut cut = run(5, &[]);
        cut.warnings.push(Warning::MaxSignals);
        let verdict = one("silent = true\nbecause = 'known-term'\nwarnings = ['max-signals']", seen(), cut.clone());
        assert_eq!(stopped_at(&verdict), Some(Stage::Alerted));
        let verdict = one("silent = true\nbecause = 'max-signals'\nwarnings = ['max-signals']", seen(), cut);
        assert_eq!(verdict, Verdict::Pass);
    }

    #[test]
    fn an_act_that_was_not_done_proves_no_silence_and_fails_an_alert() {
        let mut undone = seen();
        undone.acts[0].execution = Execution::NotDone("mprotect: EACCES".to_owned());
        assert_eq!(one("silent = true", undone.clone(), run(5, &[])).name(), "inconclusive");
        assert_eq!(stopped_at(&one("alerts = 1", undone.clone(), run(5, &[]))), Some(Stage::Executed));
        undone.acts[0].execution = Execution::Impossible("needs root".to_owned());
        assert_eq!(one("alerts = 1", undone, run(5, &[])).name(), "skipped");
    }

    #[rstest]
    #[case(|step: &mut StepFacts| step.acts[0].losses.push(Loss::BufferOverflow))]
    #[case(|step: &mut StepFacts| step.acts[0].drained = false)]
    #[case(|step: &mut StepFacts| step.acts[0].watched = false)]
    fn without_full_sight_nothing_is_proven(#[case] blind: fn(&mut StepFacts)) {
        for (text, alerts) in [("alerts = 1", &[("a", "t")][..]), ("silent = true\nbecause = 'query'", &[])] {
            let mut step = if alerts.is_empty() { unmatched() } else { seen() };
            assert_eq!(one(text, step.clone(), run(5, alerts)), Verdict::Pass);
            blind(&mut step);
            assert_eq!(one(text, step, run(5, alerts)).name(), "inconclusive");
        }
    }

    #[test]
    fn a_loss_makes_every_later_step_inconclusive_and_no_earlier_one() {
        let mut steps = [seen(), step(vec![document("b", 3, "u")]), step(vec![document("c", 3, "v")])];
        steps[1].acts[0].losses.push(Loss::BufferOverflow);
        let expectations = [expect("alerts = 1"), expect("alerts = 1"), expect("alerts = 1")];
        let judgements = judge(Millis(0), &expectations, &steps, &[run(5, &[("a", "t"), ("b", "u"), ("c", "v")])]);
        let names: Vec<&str> = judgements.iter().map(|judgement| judgement.verdict.name()).collect();
        assert_eq!(names, ["pass", "inconclusive", "inconclusive"]);
    }

    #[test]
    fn explicit_numbers_are_checked() {
        assert_eq!(one("alerts = 1\nmatched = 1\ncaptured = true", seen(), run(5, &[("a", "t")])), Verdict::Pass);
        let wrong = one("alerts = 1\nmatched = 2", seen(), run(5, &[("a", "t")]));
        assert_eq!(wrong.to_string(), "stopped at 'matched': expected 2 matched documents, got 1");
    }

    #[test]
    fn a_warning_that_nobody_expects_fails_and_so_does_a_missing_one() {
        let mut warned = run(5, &[("a", "t")]);
        warned.warnings.push(Warning::MaxSignals);
        assert_eq!(stopped_at(&one("alerts = 1", seen(), warned.clone())), Some(Stage::Alerted));
        assert_eq!(one("alerts = 1\nwarnings = ['max-signals']", seen(), warned), Verdict::Pass);
        let missing = one("alerts = 1\nwarnings = ['max-signals']", seen(), run(5, &[("a", "t")]));
        assert_eq!(stopped_at(&missing), Some(Stage::Alerted));
    }

    #[test]
    fn a_right_number_of_alerts_beside_an_unexplained_silence_fails() {
        let steps = step(vec![document("a", 3, "t")]);
        let mut two = steps.clone();
        two.acts.push(step(vec![document("b", 3, "u")]).acts.remove(0));
        let verdict = one("alerts = 1", two, run(5, &[("a", "t")]));
        assert!(verdict.to_string().contains("nothing explains"), "{verdict}");
    }
}
