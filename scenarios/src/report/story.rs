//! The report that tells a story: act, record, document, match, term, alert, silence.

use std::collections::BTreeMap;

use firstseen_detector::time::Millis;

use super::text::{RESET, label, remarks, what_came};
use super::{Page, Reporter};
use crate::event::{ActPerformed, RunEvent};
use crate::verdict::{AlertOutcome, StepOutcome};

/// Tells one scenario after the other. The first step of a scenario is told in full, with the record as the sensor gave it
/// and the document made of it; the others in a few lines.
#[derive(Debug, Default)]
pub struct StoryReport {
    page: Page,
    scenario: Told,
}

/// What is known of the scenario being told.
#[derive(Debug, Default)]
struct Told {
    executions: usize,
    first_execution: Option<Millis>,
    acts: BTreeMap<usize, Vec<ActPerformed>>,
    alerts: BTreeMap<usize, Vec<AlertOutcome>>,
}

const BOLD: &str = "\u{1b}[1m";
const DIM: &str = "\u{1b}[2m";
const YELLOW: &str = "\u{1b}[33m";
/// Where the text of a labelled line begins.
const INDENT: usize = 13;

impl Reporter for StoryReport {
    fn event(&mut self, event: &RunEvent) -> String {
        match event {
            RunEvent::RunStarted { sensor, .. } => self.page.wrapped(&format!("Sensor: {sensor}"), 0),
            RunEvent::ScenarioStarted { title, rule_name, terms, schedule, executions, .. } => {
                self.scenario = Told { executions: *executions, ..Told::default() };
                let mut text = format!("\n{BOLD}{rule_name}{RESET}\n");
                text.push_str(&self.page.wrapped(&format!("a term is: {}; {schedule}", terms.join(" + ")), 2));
                text.push_str(&self.page.wrapped(&format!("{title}."), 2));
                text
            }
            RunEvent::ActPerformed(act) => {
                self.scenario.acts.entry(act.step).or_default().push(act.clone());
                String::new()
            }
            RunEvent::ExecutionRun { at, .. } => {
                self.scenario.first_execution.get_or_insert(*at);
                String::new()
            }
            RunEvent::AlertRaised { step, alert, .. } => {
                self.scenario.alerts.entry(*step).or_default().push(alert.clone());
                String::new()
            }
            RunEvent::StepJudged(step) => self.step(step),
            RunEvent::ScenarioJudged(outcome) => {
                let days = outcome.steps.last().map_or(0, |step| step.at.0 / 86_400_000);
                let runs = self.scenario.executions;
                format!("\n{} {}: {runs} executions over {days} virtual days\n", label(&outcome.verdict), outcome.id)
            }
            RunEvent::RunFinished(totals) => format!("\n{totals}\n"),
        }
    }

    fn finish(&mut self) -> String {
        String::new()
    }
}

impl StoryReport {
    /// A story on that page.
    #[must_use]
    pub fn new(page: Page) -> StoryReport {
        StoryReport { page, scenario: Told::default() }
    }

    fn step(&self, step: &StepOutcome) -> String {
        let mut text = String::new();
        let acts = self.scenario.acts.get(&step.number).map(Vec::as_slice).unwrap_or_default();
        text.push_str(&format!("\n{BOLD}{:<10}{RESET} ", step.at.to_string()));
        match acts {
            [] => text.push_str("nothing was done\n"),
            [act, ..] => {
                let more = if acts.len() > 1 { format!(" and {} more", acts.len() - 1) } else { String::new() };
                text.push_str(&format!("{} runs {}{more}: {}\n", act.host, act.executable, act.technique));
                text.push_str(&self.act_lines(act, step.number == 1));
            }
        }
        for alert in self.scenario.alerts.get(&step.number).into_iter().flatten() {
            text.push_str(&self.labelled("ALERT", YELLOW, &format!("at {}, id {}", alert.raised_at, alert.id)));
            if step.number == 1 || acts.len() > 1 {
                text.push_str(&self.labelled("", "", &alert.terms.join(" + ")));
            }
        }
        if step.alerts.is_empty() {
            text.push_str(&self.labelled("silence", "", &format!("{}, proven", what_came(step))));
        }
        for remark in remarks(step) {
            text.push_str(&self.labelled("remark", "", &remark));
        }
        text.push_str(&format!("  {} {}\n", label(&step.verdict), verdict_line(step)));
        text
    }

    fn act_lines(&self, act: &ActPerformed, in_full: bool) -> String {
        let mut text = self.labelled("act", "", &act.report);
        if in_full {
            if let Some(evidence) = &act.evidence {
                text.push_str(&self.labelled("record", "", &self.shortened(evidence)));
            }
            for (number, (name, value)) in act.fields.iter().enumerate() {
                text.push_str(&self.labelled(
                    if number == 0 { "document" } else { "" },
                    DIM,
                    &format!("{name}: {value}"),
                ));
            }
        }
        let documents = if act.documents.len() == 1 {
            "1 document".to_owned()
        } else {
            format!("{} documents", act.documents.len())
        };
        text.push_str(&self.labelled("match", "", &format!("the query matches {} of {documents}", act.matched)));
        if let Some(terms) = &act.terms {
            text.push_str(&self.labelled("term", "", &terms.join(" + ")));
        }
        text
    }

    /// At most four lines of a record.
    fn shortened(&self, record: &str) -> String {
        match record.char_indices().nth(4 * (self.page.columns() - INDENT) - 16) {
            Some((end, _)) => format!("{} ...", &record[..end]),
            None => record.to_owned(),
        }
    }

    /// A label, and text beside it.
    fn labelled(&self, name: &str, colour: &str, text: &str) -> String {
        let reset = if colour.is_empty() { "" } else { RESET };
        self.page.beside(&format!("  {colour}{name:<9}{reset}  "), INDENT, text)
    }
}

fn verdict_line(step: &StepOutcome) -> String {
    let expected = &step.expected;
    match (&expected.because, expected.alerts) {
        (Some(because), _) => format!("expected silence because of {because}"),
        (None, Some(1)) => "expected 1 alert".to_owned(),
        (None, Some(alerts)) => format!("expected {alerts} alerts"),
        (None, None) => "expected silence".to_owned(),
    }
}
