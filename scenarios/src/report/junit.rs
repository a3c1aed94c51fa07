//! JUnit XML, which CI systems show: a scenario is a test suite, a step a test case.

use super::Reporter;
use crate::event::RunEvent;
use crate::verdict::{ScenarioOutcome, StepOutcome, Totals, Verdict};

/// Collects outcomes and writes them at the end.
#[derive(Debug, Default)]
pub struct JunitReport {
    suites: String,
    steps: Totals,
}

impl Reporter for JunitReport {
    fn event(&mut self, event: &RunEvent) -> String {
        if let RunEvent::ScenarioJudged(outcome) = event {
            self.suite(outcome);
        }
        String::new()
    }

    fn finish(&mut self) -> String {
        let counts = counts(&self.steps);
        let suites = std::mem::take(&mut self.suites);
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"firstseen\" {counts}>\n{suites}</testsuites>\n"
        )
    }
}

impl JunitReport {
    fn suite(&mut self, outcome: &ScenarioOutcome) {
        let mut cases = String::new();
        let mut totals = Totals::default();
        let mut case = |name: &str, verdict: &Verdict| {
            totals.add(verdict);
            self.steps.add(verdict);
            let (class, name) = (escaped(&outcome.id), escaped(name));
            cases.push_str(&format!(
                "    <testcase classname=\"{class}\" name=\"{name}\">{}</testcase>\n",
                body(verdict)
            ));
        };
        for step in &outcome.steps {
            case(&step_name(step), &step.verdict);
        }
        if !outcome.steps.iter().any(|step| step.verdict == outcome.verdict) {
            case("scenario", &outcome.verdict);
        }
        let name = escaped(&outcome.id);
        self.suites.push_str(&format!("  <testsuite name=\"{name}\" {}>\n{cases}  </testsuite>\n", counts(&totals)));
    }
}

fn counts(totals: &Totals) -> String {
    let skipped = totals.skipped + totals.inconclusive;
    format!(
        "tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{skipped}\"",
        totals.scenarios, totals.fail, totals.error
    )
}

fn step_name(step: &StepOutcome) -> String {
    format!("{:02} {} {}", step.number, step.at, step.actors.join(", "))
}

/// JUnit knows no inconclusive result: it is shown as skipped, with its reason, and the exit code tells it apart.
fn body(verdict: &Verdict) -> String {
    let text = escaped(&verdict.to_string());
    match verdict {
        Verdict::Pass => String::new(),
        Verdict::Skipped { .. } => format!("<skipped message=\"{text}\"/>"),
        Verdict::Inconclusive { .. } => format!("<skipped message=\"inconclusive: {text}\"/>"),
        Verdict::Fail { .. } => format!("<failure message=\"{text}\"/>"),
        Verdict::Error { .. } => format!("<error message=\"{text}\"/>"),
    }
}

/// Text for an attribute; characters that XML 1.0 cannot hold become a question mark.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\t' | '\n' | '\r' => escaped.push(' '),
            '\u{fffe}' | '\u{ffff}' => escaped.push('?'),
            control if control < ' ' => escaped.push('?'),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::rendered;

    #[test]
    fn a_scenario_is_a_suite_and_a_step_a_case() {
        insta::assert_snapshot!(rendered(&mut JunitReport::default()), @r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <testsuites name="firstseen" tests="4" failures="1" errors="0" skipped="0">
          <testsuite name="rwx.contract" tests="2" failures="0" errors="0" skipped="0">
            <testcase classname="rwx.contract" name="01 +0s updater"></testcase>
            <testcase classname="rwx.contract" name="02 +3m updater"></testcase>
          </testsuite>
          <testsuite name="rwx.broken" tests="2" failures="1" errors="0" skipped="0">
            <testcase classname="rwx.broken" name="01 +0s updater"></testcase>
            <testcase classname="rwx.broken" name="02 +3m updater"><failure message="stopped at 'alerted': expected silence, got 1 alert: web-1 / /opt/&lt;acme&gt; &amp; co"/></testcase>
          </testsuite>
        </testsuites>
        "#);
    }

    #[test]
    fn what_xml_cannot_hold_is_replaced() {
        assert_eq!(escaped("a\u{1}<\"b\"\n&\u{ffff}"), "a?&lt;&quot;b&quot; &amp;?");
    }
}
