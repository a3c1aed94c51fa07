//! Reporters: events in, text out. They print nothing themselves.

mod json;
mod junit;
mod page;
mod story;
pub(crate) mod text;

pub use json::{FORMAT_VERSION, JsonReport};
pub use junit::JunitReport;
pub use page::Page;
pub use story::StoryReport;
pub use text::{Detail, TextReport};

use crate::event::RunEvent;

/// Turns events into the text of one format.
pub trait Reporter {
    /// What is to be shown now; often nothing.
    fn event(&mut self, event: &RunEvent) -> String;

    /// What is to be shown at the end.
    fn finish(&mut self) -> String;
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use firstseen_detector::time::Millis;

    use crate::model::{Expectation, Silence};
    use crate::offset::Offset;
    use crate::verdict::{AlertOutcome, ScenarioOutcome, Stage, StepOutcome, Totals, Verdict};

    use super::*;

    /// A run of two scenarios, one passed and one failed.
    pub(crate) fn events() -> Vec<RunEvent> {
        let fail = Verdict::Fail {
            stopped_at: Stage::Alerted,
            expected: "silence".to_owned(),
            got: "1 alert: web-1 / /opt/<acme> & co".to_owned(),
        };
        let mut totals = Totals::default();
        totals.add(&Verdict::Pass);
        totals.add(&fail);
        let mut events = vec![RunEvent::RunStarted { scenarios: 2, sensor: "trace (asked for)".to_owned() }];
        for (id, verdict) in [("rwx.contract", Verdict::Pass), ("rwx.broken", fail)] {
            let steps = vec![step(1, 0, Verdict::Pass), step(2, 180_000, verdict.clone())];
            events.push(RunEvent::ScenarioStarted {
                id: id.to_owned(),
                title: "RWX memory".to_owned(),
                story: String::new(),
                rule_name: "Rule A".to_owned(),
                terms: vec!["host.id".to_owned(), "process.executable".to_owned()],
                schedule: "every 5m".to_owned(),
                steps: 2,
                acts: 2,
                executions: 2016,
            });
            events.extend(steps.iter().cloned().map(RunEvent::StepJudged));
            events.push(RunEvent::ScenarioJudged(ScenarioOutcome {
                id: id.to_owned(),
                title: "RWX memory".to_owned(),
                rule_id: "a".to_owned(),
                rule_name: "Rule A".to_owned(),
                executions: 2016,
                steps,
                verdict,
            }));
        }
        events.push(RunEvent::RunFinished(totals));
        events
    }

    fn step(number: usize, at: i64, verdict: Verdict) -> StepOutcome {
        let first = number == 1;
        let alert = AlertOutcome {
            id: "0123".to_owned(),
            terms: vec!["web-1".to_owned(), "/opt/acme/updater".to_owned()],
            document: "rwx-1-1-1".to_owned(),
            raised_at: Offset(0),
            remark: None,
        };
        StepOutcome {
            number,
            at: Offset(at),
            time: Millis(at),
            actors: vec!["updater".to_owned()],
            acts: 1,
            expected: Expectation { alerts: first.then_some(1), silent: !first, ..Expectation::default() },
            documents: 3,
            captured: 3,
            matched: 1,
            alerts: if first { vec![alert] } else { Vec::new() },
            silences: if first { BTreeMap::new() } else { BTreeMap::from([(Silence::KnownTerm, 1)]) },
            warnings: Vec::new(),
            verdict,
        }
    }

    pub(crate) fn rendered(reporter: &mut dyn Reporter) -> String {
        let mut text: String = events().iter().map(|event| reporter.event(event)).collect();
        text.push_str(&reporter.finish());
        text
    }
}
