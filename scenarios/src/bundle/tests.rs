use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::rc::Rc;

use firstseen_detector::audit::AuditRule;
use firstseen_detector::sensor::Sensor;
use firstseen_detector::sensor::trace::TraceSensor;
use firstseen_simulator::Scratch;

use super::*;
use crate::catalog::catalog;
use crate::live::{LiveWorld, OpenError};
use crate::model::{Expectation, Silence};
use crate::plan::Plan;
use crate::rules::find_rule;
use crate::runner::run;
use crate::verdict::{ScenarioOutcome, StepOutcome, Verdict};
use crate::world::World;

/// A file in memory that stays readable when its writer is gone.
#[derive(Clone, Default)]
struct Memory(Rc<RefCell<Vec<u8>>>);

impl Write for Memory {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn open(rules: &[String]) -> Result<Box<dyn Sensor>, OpenError> {
    let rules: Vec<AuditRule> = rules.iter().map(|rule| AuditRule::parse(rule).expect("a rule of ours")).collect();
    Ok(Box::new(TraceSensor::new(&rules)?))
}

/// Really runs a plan, and returns its bundle and its outcome as JSON.
fn recorded(plan: &Plan, redaction: Redaction) -> (Vec<u8>, String) {
    let scratch = Scratch::new(None).expect("a scratch folder");
    let memory = Memory::default();
    let recorder = Recorder::new(Box::new(memory.clone()), "trace", redaction);
    let mut live = LiveWorld::new(&scratch, open);
    let outcome = run(plan, &mut recorder.world(&mut live), &mut |event| recorder.event(&event)).expect("a sensor");
    recorder.finish().expect("written");
    let bytes = memory.0.borrow().clone();
    (bytes, json(&outcome))
}

fn replayed(scenario: &RecordedScenario) -> ScenarioOutcome {
    replayed_as(&scenario.plan().expect("the same plan"), scenario)
}

/// The same with a plan that expects something else.
fn replayed_as(plan: &Plan, scenario: &RecordedScenario) -> ScenarioOutcome {
    run(plan, &mut ReplayWorld::new(scenario), &mut |_| ()).expect("nothing to open")
}

fn json(outcome: &ScenarioOutcome) -> String {
    serde_json::to_string(outcome).expect("serialisable")
}

fn plan(id: &str) -> Plan {
    let loaded =
        catalog().scenarios.into_iter().find(|loaded| loaded.scenario.id.get_ref() == id).expect("in the catalog");
    Plan::new(&loaded, &find_rule).expect("valid")
}

#[test]
fn a_replay_gives_the_same_bytes_a_hundred_times() {
    for id in ["rwx.control", "preload.not-configured"] {
        let (bytes, outcome) = recorded(&plan(id), Redaction::none());
        let bundle = Bundle::read(bytes.as_slice()).expect("a bundle");
        assert!(outcome.contains("\"kind\":\"pass\""), "{outcome}");
        for _ in 0..100 {
            assert_eq!(json(&replayed(&bundle.scenarios[0])), outcome);
        }
    }
}

#[test]
fn a_redacted_bundle_replays_to_the_same_bytes() {
    // A part of every path of the run, and a word of the scenario, as if users had these names.
    let (bytes, outcome) = recorded(&plan("rwx.control"), Redaction::of([], ["acme", "tmp"]));
    let mut text = String::new();
    io::Read::read_to_string(&mut flate2::read::MultiGzDecoder::new(bytes.as_slice()), &mut text).expect("text");
    let acts: String = text.lines().filter(|line| line.starts_with("{\"act\"")).collect();
    assert!(
        acts.contains("\"/user-2/firstseen-") && !acts.contains("/tmp/") && acts.contains("/opt/acme/jit"),
        "{acts}"
    );
    let bundle = Bundle::read(bytes.as_slice()).expect("a bundle");
    assert_eq!(json(&replayed(&bundle.scenarios[0])), outcome);
}

/// Every bundle of which one record or one execution of one of these acts is missing.
fn torn(scenario: &RecordedScenario, acts: BTreeSet<usize>) -> impl Iterator<Item = RecordedScenario> {
    acts.into_iter().flat_map(move |act| {
        let seen = scenario.acts[act].observation.as_ref().expect("observed");
        (0..seen.records.len() + seen.execs.len()).map(move |number| {
            let mut torn = scenario.clone();
            let seen = torn.acts[act].observation.as_mut().expect("observed");
            match number.checked_sub(seen.records.len()) {
                None => drop(seen.records.remove(number)),
                Some(number) => drop(seen.execs.remove(number)),
            }
            torn
        })
    })
}

/// Positions of the first and the last act of every step; the acts of a burst between them are alike.
fn outer_acts(plan: &Plan) -> BTreeSet<usize> {
    let ends = plan.steps.iter().scan(0, |begin, step| {
        let first = *begin;
        *begin += step.acts.len();
        Some([first, *begin - 1])
    });
    ends.flatten().collect()
}

/// The plan, but every step claims to be silent for this reason.
fn claiming(plan: &Plan, because: Silence) -> Plan {
    let mut plan = plan.clone();
    for step in &mut plan.steps {
        step.expect = Expectation { silent: true, because: Some(because), ..Expectation::default() };
    }
    plan
}

#[test]
fn taking_out_any_record_of_any_bundle_never_makes_a_silence_pass() {
    // The first is what a missing record looks like; the others take turns.
    const CLAIMS: [Silence; 6] = [
        Silence::NotCaptured,
        Silence::Query,
        Silence::KnownTerm,
        Silence::OutsideWindow,
        Silence::WindowStart,
        Silence::MaxSignals,
    ];
    let (mut taken, mut kept) = (0, 0);
    for loaded in catalog().scenarios {
        let plan = Plan::new(&loaded, &find_rule).expect("valid");
        let (bytes, outcome) = recorded(&plan, Redaction::none());
        let scenario = Bundle::read(bytes.as_slice()).expect("a bundle").scenarios.remove(0);
        assert!(outcome.contains("\"kind\":\"pass\""), "{outcome}");
        let claims = CLAIMS.map(|because| {
            let plan = claiming(&plan, because);
            let honest = replayed_as(&plan, &scenario);
            (plan, honest)
        });
        let [not_captured, others @ ..] = &claims;
        for (number, torn) in torn(&scenario, outer_acts(&plan)).enumerate() {
            for (plan, honest) in [not_captured, &others[number % others.len()]] {
                let outcome = replayed_as(plan, &torn);
                for (before, after) in honest.steps.iter().zip(&outcome.steps) {
                    let passes = |step: &StepOutcome| step.verdict == Verdict::Pass;
                    assert!(passes(before) || !passes(after), "{}: step {} without {number}", plan.id, after.number);
                    kept += usize::from(!passes(before));
                }
            }
            taken += 1;
        }
    }
    assert!(
        taken > 200 && kept > taken,
        "the test proves nothing: {taken} taken out, {kept} verdicts that must not pass"
    );
}

#[test]
fn another_version_a_torn_file_and_no_bundle_are_told_apart() {
    let (bytes, _) = recorded(&plan("preload.control"), Redaction::none());
    let mut text = String::new();
    io::Read::read_to_string(&mut flate2::read::MultiGzDecoder::new(bytes.as_slice()), &mut text).expect("text");
    let error = |text: &str| {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(text.as_bytes()).expect("memory");
        Bundle::read(packed.finish().expect("memory").as_slice()).expect_err("refused").to_string()
    };
    let newer = error(&text.replacen("\"firstseen_bundle\":1", "\"firstseen_bundle\":2", 1));
    assert!(newer.contains("bundle format 2 is not the one of this version (1)"), "{newer}");
    let cut = text.trim_end().rsplit_once('\n').expect("lines").0;
    assert!(error(cut).contains("the end is missing"), "{}", error(cut));
    let without_act: String =
        text.lines().filter(|line| !line.starts_with("{\"act\"")).map(|line| format!("{line}\n")).collect();
    assert!(error(&without_act).contains("2 acts were recorded, 0 are there"), "{}", error(&without_act));
    assert!(error("{}").contains("no header"), "{}", error("{}"));
    assert!(Bundle::read(&b"plain text"[..]).is_err());
    assert!(Bundle::read(&bytes[..bytes.len() / 2]).is_err());
}

#[test]
fn a_recording_of_another_scenario_is_refused() {
    let (bytes, _) = recorded(&plan("preload.control"), Redaction::none());
    let scenario = Bundle::read(bytes.as_slice()).expect("a bundle").scenarios.remove(0);
    let other = plan("rwx.control");
    let outcome = run(&other, &mut ReplayWorld::new(&scenario) as &mut dyn World, &mut |_| ()).expect("runs");
    assert!(outcome.verdict.to_string().contains("the recording does not fit its scenario"), "{}", outcome.verdict);
}
