//! The report that tells a story: act, record, document, match, term, alert, silence. At most 80 columns.

use std::collections::BTreeMap;

use firstseen_detector::time::Millis;

use super::Reporter;
use super::text::{RESET, label, remarks, what_came, wrapped};
use crate::event::{ActPerformed, RunEvent};
use crate::verdict::{AlertOutcome, StepOutcome};

/// Tells one scenario after the other. The first step of a scenario is told in full, with the record as the sensor gave it
/// and the document made of it; the others in a few lines.
#[derive(Debug, Default)]
pub struct StoryReport {
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
const WIDTH: usize = 80;

impl Reporter for StoryReport {
    fn event(&mut self, event: &RunEvent) -> String {
        match event {
            RunEvent::RunStarted { sensor, .. } => wrapped(&format!("Sensor: {sensor}"), 0),
            RunEvent::ScenarioStarted { title, rule_name, terms, schedule, executions, .. } => {
                self.scenario = Told { executions: *executions, ..Told::default() };
                let mut text = format!("\n{BOLD}{rule_name}{RESET}\n");
                text.push_str(&wrapped(&format!("a term is: {}; {schedule}", terms.join(" + ")), 2));
                text.push_str(&wrapped(&format!("{title}."), 2));
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
    fn step(&self, step: &StepOutcome) -> String {
        let mut text = String::new();
        let acts = self.scenario.acts.get(&step.number).map(Vec::as_slice).unwrap_or_default();
        text.push_str(&format!("\n{BOLD}{:<10}{RESET} ", step.at.to_string()));
        match acts {
            [] => text.push_str("nothing was done\n"),
            [act, ..] => {
                let more = if acts.len() > 1 { format!(" and {} more", acts.len() - 1) } else { String::new() };
                text.push_str(&format!("{} runs {}{more}: {}\n", act.host, act.executable, act.technique));
                text.push_str(&act_lines(act, step.number == 1));
            }
        }
        for alert in self.scenario.alerts.get(&step.number).into_iter().flatten() {
            text.push_str(&labelled("ALERT", YELLOW, &format!("at {}, id {}", alert.raised_at, alert.id)));
            if step.number == 1 || acts.len() > 1 {
                text.push_str(&labelled("", "", &alert.terms.join(" + ")));
            }
        }
        if step.alerts.is_empty() {
            text.push_str(&labelled("silence", "", &format!("{}, proven", what_came(step))));
        }
        for remark in remarks(step) {
            text.push_str(&labelled("remark", "", &remark));
        }
        text.push_str(&format!("  {} {}\n", label(&step.verdict), verdict_line(step)));
        text
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

fn act_lines(act: &ActPerformed, in_full: bool) -> String {
    let mut text = labelled("act", "", &act.report);
    if in_full {
        if let Some(evidence) = &act.evidence {
            text.push_str(&labelled("record", "", &shortened(evidence)));
        }
        for (number, (name, value)) in act.fields.iter().enumerate() {
            text.push_str(&labelled(if number == 0 { "document" } else { "" }, DIM, &format!("{name}: {value}")));
        }
    }
    let documents =
        if act.documents.len() == 1 { "1 document".to_owned() } else { format!("{} documents", act.documents.len()) };
    text.push_str(&labelled("match", "", &format!("the query matches {} of {documents}", act.matched)));
    if let Some(terms) = &act.terms {
        text.push_str(&labelled("term", "", &terms.join(" + ")));
    }
    text
}

/// At most four lines of a record.
fn shortened(record: &str) -> String {
    const MOST: usize = 4 * (WIDTH - INDENT) - 16;
    match record.char_indices().nth(MOST) {
        Some((end, _)) => format!("{} ...", &record[..end]),
        None => record.to_owned(),
    }
}

/// A label, and text wrapped beside it; words that are longer than the page are broken.
fn labelled(name: &str, colour: &str, text: &str) -> String {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let mut rest = word;
        loop {
            let used = line.chars().count() + usize::from(!line.is_empty());
            let room = WIDTH - INDENT - used.min(WIDTH - INDENT);
            let length = rest.chars().count();
            if length <= room {
                if !line.is_empty() {
                    line.push(' ');
                }
                line.push_str(rest);
                break;
            }
            if !line.is_empty() && length <= WIDTH - INDENT {
                lines.push(std::mem::take(&mut line));
                continue;
            }
            let cut = rest.char_indices().nth(room).map_or(rest.len(), |(at, _)| at);
            if cut == 0 {
                lines.push(std::mem::take(&mut line));
                continue;
            }
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(&rest[..cut]);
            lines.push(std::mem::take(&mut line));
            rest = &rest[cut..];
        }
    }
    lines.push(line);
    let mut text = String::new();
    for (number, line) in lines.iter().enumerate() {
        let name = if number == 0 { name } else { "" };
        let reset = if colour.is_empty() { "" } else { RESET };
        text.push_str(&format!("  {colour}{name:<9}{reset}  {line}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labelled_text_never_leaves_the_page_and_loses_nothing() {
        let long = format!("a {} b {}", "x".repeat(200), "y".repeat(66));
        let text = labelled("record", "", &long);
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        let joined: String = text.replace("record", "").split_whitespace().collect();
        assert_eq!(joined, long.split_whitespace().collect::<String>());
    }
}
