//! Contradictions inside one scenario: everything that can be known without a rule, a technique or a machine.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::Spanned;

use crate::model::{Actor, Count, Expectation, Scenario, Silence, Step};
use crate::offset::Offset;
use crate::problem::{Problem, Source, nearest};

/// A burst beyond this would only test patience.
const MOST_ACTS: u32 = 10_000;

/// All contradictions, in the order of the file.
pub(crate) fn check(source: &Source, scenario: &Scenario) -> Vec<Problem> {
    let mut check = Check { source, problems: Vec::new() };
    check.id(&scenario.id);
    for (name, actor) in &scenario.actors {
        check.actor(name, actor);
    }
    if scenario.steps.is_empty() {
        check.problems.push(source.whole("no steps: a scenario needs at least one [[steps]]"));
    }
    let mut earlier = Offset(0);
    for step in &scenario.steps {
        check.step(step, &scenario.actors, earlier);
        earlier = earlier.max(*step.get_ref().at.get_ref());
    }
    check.problems
}

struct Check<'a> {
    source: &'a Source,
    problems: Vec<Problem>,
}

impl Check<'_> {
    fn report(&mut self, span: Range<usize>, what: impl Into<String>) {
        self.problems.push(self.source.problem(span, what));
    }

    fn id(&mut self, id: &Spanned<String>) {
        let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-_".contains(&byte);
        if id.get_ref().is_empty() || !id.get_ref().bytes().all(good) {
            self.report(id.span(), format!("id '{}': use a-z, 0-9, '.', '-', '_'", id.get_ref()));
        }
    }

    fn actor(&mut self, name: &Spanned<String>, actor: &Actor) {
        let path = actor.executable.get_ref();
        let plain = path.split('/').skip(1).all(|part| !part.is_empty() && part != "." && part != "..");
        if !path.starts_with('/') || !plain || path.contains('\0') {
            let what = format!("executable '{path}' is no absolute path without '.', '..' and '//'");
            self.report(actor.executable.span(), what);
        }
        if actor.host.is_empty() {
            self.report(name.span(), format!("actor '{}': host is empty", name.get_ref()));
        }
    }

    fn step(&mut self, step: &Spanned<Step>, actors: &BTreeMap<Spanned<String>, Actor>, earlier: Offset) {
        let span = step.span();
        let step = step.get_ref();
        if *step.at.get_ref() < earlier {
            let what = format!("goes back in time: {} is before {earlier} of an earlier step", step.at.get_ref());
            self.report(step.at.span(), what);
        }
        match (&step.actor, &step.actors) {
            (None, None) => self.report(span, "nobody acts: write actor = \"NAME\" or actors = [\"NAME\", ...]"),
            (Some(one), Some(_)) => self.report(one.span(), "actor and actors: write one of them"),
            (None, Some(several)) if several.is_empty() => self.report(span, "actors is empty"),
            _ => {}
        }
        for name in step.actor.iter().chain(step.actors.iter().flatten()) {
            if !actors.contains_key(name.get_ref().as_str()) {
                let known = actors.keys().map(|known| known.get_ref().as_str());
                let what = format!("unknown actor '{}'{}", name.get_ref(), nearest("actor", name.get_ref(), known));
                self.report(name.span(), what);
            }
        }
        if let Some(burst) = step.burst.as_ref().filter(|burst| !(1..=MOST_ACTS).contains(burst.get_ref())) {
            self.report(burst.span(), format!("burst = {}: from 1 to {MOST_ACTS}", burst.get_ref()));
        }
        for what in contradictions(step.expect.get_ref()) {
            self.report(step.expect.span(), what);
        }
    }
}

/// What cannot all be true of one step.
fn contradictions(expect: &Expectation) -> Vec<String> {
    let mut found = Vec::new();
    let mut refuse = |condition: bool, what: &str| {
        if condition {
            found.push(what.to_owned());
        }
    };
    let alerts = if expect.silent { Some(0) } else { expect.alerts };
    let none = |count: Option<Count>| count == Some(Count::Exactly(0));
    let some = |count: Option<Count>| count.is_some_and(|count| count != Count::Exactly(0));
    refuse(alerts.is_none(), "says nothing: write alerts = N or silent = true");
    refuse(
        expect.silent && expect.alerts.is_some_and(|alerts| alerts > 0),
        "silent and alerts > 0 contradict each other; write one of them",
    );
    if let (Some(alerts), Some(terms)) = (alerts, &expect.terms) {
        let what = format!("terms lists {} alerts, but {alerts} are expected; list every alert's terms", terms.len());
        refuse(terms.len() as u64 != alerts, &what);
    }
    if let (Some(alerts), Some(raised)) = (alerts, &expect.raised_at) {
        let sum = raised.values().fold(0, |sum: u64, number| sum.saturating_add(*number));
        refuse(sum != alerts, &format!("raised_at counts {sum} alerts, but {alerts} are expected"));
    }
    let seen = alerts.is_some_and(|alerts| alerts > 0);
    refuse(seen && none(expect.matched), "alerts without matched documents are impossible");
    refuse(seen && none(expect.captured), "alerts without captured documents are impossible");
    refuse(some(expect.matched) && none(expect.captured), "matched documents that were not captured are impossible");
    match expect.because {
        Some(Silence::NotCaptured) => {
            refuse(some(expect.captured), "because = \"not-captured\" contradicts captured");
            refuse(some(expect.matched), "because = \"not-captured\" contradicts matched");
        }
        Some(Silence::Query) => {
            refuse(none(expect.captured), "because = \"query\" needs captured documents");
            refuse(some(expect.matched), "because = \"query\" contradicts matched");
        }
        Some(_) => {
            refuse(none(expect.captured), "this reason needs captured documents");
            refuse(none(expect.matched), "this reason needs matched documents");
        }
        None => {
            refuse(
                expect.silent && (none(expect.matched) || none(expect.captured)),
                "silence without a match is empty unless its reason is said: because = \"query\" or \"not-captured\"",
            );
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use crate::load::load_text;

    fn problems(old: &str, new: &str) -> Vec<String> {
        let good = r#"
id = "a"
title = "t"
rule = "rwx-memory"
[actors.x]
host = "web-1"
executable = "/opt/x"
technique = "rwx.mprotect"
[[steps]]
at = "+5m"
actor = "x"
expect = { alerts = 1 }
[[steps]]
at = "+5m"
actor = "x"
expect = { silent = true, because = "known-term" }
"#;
        assert!(good.contains(old), "the test changes nothing: {old}");
        match load_text("a.toml", &good.replacen(old, new, 1)) {
            Ok(_) => Vec::new(),
            Err(problems) => problems.iter().map(ToString::to_string).collect(),
        }
    }

    #[test]
    fn going_back_in_time_is_refused_and_the_same_instant_is_not() {
        assert!(problems("at = \"+5m\"", "at = \"+5m\"").is_empty());
        let wrong = problems("at = \"+5m\"", "at = \"+5m1ms\"");
        assert_eq!(wrong, ["a.toml:14: goes back in time: +5m is before +5m1ms of an earlier step"]);
    }

    #[test]
    fn an_unknown_actor_names_the_nearest() {
        assert_eq!(
            problems("actor = \"x\"", "actor = \"y\""),
            ["a.toml:11: unknown actor 'y'; the nearest known actor is 'x'"]
        );
    }

    #[test]
    fn several_problems_are_all_reported() {
        let wrong = problems(
            "id = \"a\"\ntitle = \"t\"\nrule = \"rwx-memory\"\n[actors.x]\nhost = \"web-1\"\nexecutable = \"/opt/x\"",
            "id = \"A b\"\ntitle = \"t\"\nrule = \"rwx-memory\"\n[actors.x]\nhost = \"\"\nexecutable = \"opt/../x\"",
        );
        assert_eq!(wrong.len(), 3, "{wrong:#?}");
    }

    #[rstest]
    #[case("alerts = 1", "matched = 1", "says nothing")]
    #[case("alerts = 1", "alerts = 1, silent = true", "contradict each other")]
    #[case("alerts = 1", "alerts = 1, terms = []", "terms lists 0 alerts, but 1 are expected")]
    #[case("alerts = 1", "alerts = 1, raised_at = { '+5m' = 2 }", "raised_at counts 2 alerts, but 1 are expected")]
    #[case("alerts = 1", "alerts = 1, matched = false", "alerts without matched")]
    #[case("alerts = 1", "alerts = 1, captured = 0", "alerts without captured")]
    #[case("because = \"known-term\"", "matched = false", "silence without a match is empty")]
    #[case("\"known-term\"", "\"query\", matched = true", "because = \"query\" contradicts matched")]
    #[case("\"known-term\"", "\"query\", captured = false", "needs captured documents")]
    #[case("\"known-term\"", "\"not-captured\", captured = 3", "contradicts captured")]
    #[case("\"known-term\"", "\"known-term\", matched = 0", "needs matched documents")]
    #[case("actor = \"x\"", "", "nobody acts")]
    #[case("actor = \"x\"", "actor = \"x\"\nactors = [\"x\"]", "write one of them")]
    #[case("actor = \"x\"", "actor = \"x\"\nburst = 0", "burst = 0: from 1")]
    fn impossible_combinations_are_refused(#[case] old: &str, #[case] new: &str, #[case] said: &str) {
        let wrong = problems(old, new);
        assert!(wrong.iter().any(|problem| problem.contains(said)), "{wrong:#?}");
    }

    #[rstest]
    #[case("alerts = 1", "alerts = 1, matched = true, captured = 1")]
    #[case("alerts = 1", "alerts = 3, raised_at = { '+5m' = 2, '+10m' = 1 }")]
    #[case("alerts = 1", "alerts = 0, because = \"max-signals\"")]
    #[case("\"known-term\"", "\"query\", captured = true, matched = false")]
    #[case("\"known-term\"", "\"not-captured\", captured = false, matched = 0")]
    fn possible_combinations_are_not(#[case] old: &str, #[case] new: &str) {
        assert_eq!(problems(old, new), [""; 0]);
    }
}
