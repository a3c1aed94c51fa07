//! The whole catalog on this machine: real acts, seen by the sensor that needs no privilege.

use firstseen_detector::audit::AuditRule;
use firstseen_detector::sensor::trace::TraceSensor;
use firstseen_detector::sensor::{Sensor, SensorError};
use firstseen_scenarios::{LiveWorld, Plan, RunEvent, ScenarioOutcome, Verdict, catalog, find_rule, run};
use firstseen_simulator::Scratch;

fn open(rules: &[String]) -> Result<Box<dyn Sensor>, SensorError> {
    let rules: Vec<AuditRule> = rules.iter().map(|rule| AuditRule::parse(rule).expect("a rule of ours")).collect();
    Ok(Box::new(TraceSensor::new(&rules)?))
}

fn plans() -> Vec<Plan> {
    let (plans, problems) = catalog().plans(&find_rule);
    assert_eq!(problems, []);
    plans
}

fn run_live(plan: &Plan, scratch: &Scratch, emit: &mut dyn FnMut(RunEvent)) -> ScenarioOutcome {
    run(plan, &mut LiveWorld::new(scratch, open), emit).expect("a sensor")
}

#[test]
fn every_scenario_of_the_catalog_passes() {
    let scratch = Scratch::new(None).expect("a scratch folder");
    let mut failed = Vec::new();
    for plan in plans() {
        let outcome = run_live(&plan, &scratch, &mut |_| ());
        if outcome.verdict != Verdict::Pass {
            failed.push(format!("{}: {}", outcome.id, outcome.verdict));
            for step in &outcome.steps {
                failed.push(format!("  {} {:?}", step.at, step.verdict));
            }
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

#[test]
fn two_runs_give_the_same_bytes_and_no_document_names_the_run() {
    let json = |plan: &Plan| {
        let scratch = Scratch::new(None).expect("a scratch folder");
        let mark = scratch.path().file_name().expect("a name").to_string_lossy().into_owned();
        let outcome = run_live(plan, &scratch, &mut |event| match event {
            RunEvent::ActPerformed(act) => {
                let documents = serde_json::to_string(&act.documents).expect("serialisable");
                assert!(!act.documents.is_empty() && !documents.contains(&mark), "{documents}");
                assert!(act.evidence.is_some_and(|record| record.contains(&mark)), "raw records stay as they were");
            }
            RunEvent::AlertRaised { document, .. } => assert_eq!(document["kibana.alert.status"], "active"),
            _ => {}
        });
        serde_json::to_string(&outcome).expect("serialisable")
    };
    for plan in plans().into_iter().filter(|plan| plan.id.ends_with(".contract") || plan.id.ends_with(".control")) {
        assert_eq!(json(&plan), json(&plan));
    }
}
