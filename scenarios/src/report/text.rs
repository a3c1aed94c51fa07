//! The report for people: one line a scenario, more for what did not pass.

use std::collections::BTreeMap;

use super::{Page, Reporter};
use crate::event::RunEvent;
use crate::verdict::{ScenarioOutcome, StepOutcome, Verdict};

/// How much is said of what passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detail {
    /// One line a scenario.
    #[default]
    Scenarios,
    /// Every step too.
    Steps,
}

/// Writes every scenario as soon as it is judged. Verdicts are coloured with ANSI escapes: strip them where they do not
/// belong.
#[derive(Debug, Default)]
pub struct TextReport {
    detail: Detail,
    page: Page,
}

pub(crate) const RESET: &str = "\u{1b}[0m";

impl TextReport {
    /// A report with that much detail.
    #[must_use]
    pub fn new(detail: Detail, page: Page) -> TextReport {
        TextReport { detail, page }
    }

    fn scenario(&self, outcome: &ScenarioOutcome) -> String {
        let (steps, runs) = (outcome.steps.len(), grouped(outcome.executions));
        let mut text =
            format!("{} {:<32} {steps:>3} steps {runs:>8} executions\n", label(&outcome.verdict), outcome.id);
        let passed = outcome.verdict == Verdict::Pass;
        if !passed || self.detail == Detail::Steps {
            text.push_str(&self.page.wrapped(&outcome.title, 6));
        }
        for step in &outcome.steps {
            let remarks = remarks(step);
            if self.detail == Detail::Steps || step.verdict != Verdict::Pass || !remarks.is_empty() {
                text.push_str(&step_lines(step, self.page));
                text.extend(remarks.iter().map(|remark| self.page.wrapped(remark, 12)));
            }
        }
        if !outcome.steps.iter().any(|step| step.verdict == outcome.verdict) && !passed {
            text.push_str(&self.page.wrapped(&outcome.verdict.to_string(), 6));
        }
        text
    }
}

impl Reporter for TextReport {
    fn event(&mut self, event: &RunEvent) -> String {
        match event {
            RunEvent::RunStarted { sensor, .. } => self.page.wrapped(&format!("sensor: {sensor}"), 0),
            RunEvent::ScenarioJudged(outcome) => self.scenario(outcome),
            RunEvent::RunFinished(totals) => format!("{totals}\n"),
            _ => String::new(),
        }
    }

    fn finish(&mut self) -> String {
        String::new()
    }
}

/// `+3m          updater                silent: known-term`, and the reason of a verdict that is no pass.
fn step_lines(step: &StepOutcome, page: Page) -> String {
    let acts = if step.acts > step.actors.len() { format!(" x{}", step.acts) } else { String::new() };
    let actors = format!("{}{acts}", step.actors.join(", "));
    let mut text =
        format!("      {} {:<12} {actors:<19} {}\n", label(&step.verdict), step.at.to_string(), what_came(step));
    if step.verdict != Verdict::Pass {
        text.push_str(&page.wrapped(&step.verdict.to_string(), 12));
    }
    text
}

/// What has to be said of alerts that Elastic itself would not have raised, each reason once.
pub(super) fn remarks(step: &StepOutcome) -> Vec<String> {
    let mut alerts_of: BTreeMap<&str, usize> = BTreeMap::new();
    for remark in step.alerts.iter().filter_map(|alert| alert.remark.as_deref()) {
        *alerts_of.entry(remark).or_default() += 1;
    }
    let remark = |(remark, alerts)| format!("{alerts} of {} alerts: {remark}", step.alerts.len());
    alerts_of.into_iter().map(remark).collect()
}

/// `1 alert`, `silent: known-term`, `100 alerts, 50 silent: max-signals`
pub(super) fn what_came(step: &StepOutcome) -> String {
    let alerts = step.alerts.len();
    let reasons: Vec<String> = step.silences.keys().map(ToString::to_string).collect();
    let silent: u64 = step.silences.values().sum();
    match (alerts, silent) {
        (0, 0) => "no alert".to_owned(),
        (0, _) => format!("silent: {}", reasons.join(", ")),
        (_, 0) => format!("{alerts} alert{}", if alerts == 1 { "" } else { "s" }),
        _ => format!("{alerts} alerts, {silent} silent: {}", reasons.join(", ")),
    }
}

/// The verdict, 5 columns wide.
pub(super) fn label(verdict: &Verdict) -> String {
    let (colour, word) = match verdict {
        Verdict::Pass => ("\u{1b}[32m", "pass "),
        Verdict::Skipped { .. } => ("\u{1b}[36m", "skip "),
        Verdict::Inconclusive { .. } => ("\u{1b}[33m", "open "),
        Verdict::Fail { .. } => ("\u{1b}[31m", "FAIL "),
        Verdict::Error { .. } => ("\u{1b}[31m", "ERROR"),
    };
    format!("{colour}{word}{RESET}")
}

/// `2,016`
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::rendered;

    fn plain(detail: Detail) -> String {
        let mut text = rendered(&mut TextReport::new(detail, Page::default()));
        for escape in ["\u{1b}[32m", "\u{1b}[31m", RESET] {
            text = text.replace(escape, "");
        }
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        text
    }

    #[test]
    fn what_passed_is_one_line_and_what_did_not_says_why() {
        insta::assert_snapshot!(plain(Detail::Scenarios), @r"
        sensor: trace (asked for)
        pass  rwx.contract                       2 steps    2,016 executions
        FAIL  rwx.broken                         2 steps    2,016 executions
              RWX memory
              FAIL  +3m          updater             silent: known-term
                    stopped at 'alerted': expected silence, got 1 alert: web-1 /
                    /opt/<acme> & co
        2 scenarios: 1 pass, 1 fail
        ");
    }

    #[test]
    fn what_elastic_would_miss_is_said_of_a_step_that_passed_too() {
        let mut events = crate::report::tests::events();
        for event in &mut events {
            if let RunEvent::ScenarioJudged(outcome) = event {
                outcome.steps[0].alerts[0].remark = Some("Elastic itself would miss it".to_owned());
            }
        }
        let mut report = TextReport::new(Detail::Scenarios, Page::default());
        let text: String = events.iter().map(|event| report.event(event)).collect();
        assert!(text.contains("            1 of 1 alerts: Elastic itself would miss it\n"), "{text}");
    }

    #[test]
    fn details_show_every_step() {
        insta::assert_snapshot!(plain(Detail::Steps), @r"
        sensor: trace (asked for)
        pass  rwx.contract                       2 steps    2,016 executions
              RWX memory
              pass  +0s          updater             1 alert
              pass  +3m          updater             silent: known-term
        FAIL  rwx.broken                         2 steps    2,016 executions
              RWX memory
              pass  +0s          updater             1 alert
              FAIL  +3m          updater             silent: known-term
                    stopped at 'alerted': expected silence, got 1 alert: web-1 /
                    /opt/<acme> & co
        2 scenarios: 1 pass, 1 fail
        ");
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!([grouped(7), grouped(2016), grouped(1_234_567)], ["7", "2,016", "1,234,567"]);
    }
}
