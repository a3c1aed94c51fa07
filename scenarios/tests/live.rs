//! The whole catalog on this machine: real acts, seen by every sensor that works here.

use std::fs::File;
use std::io::{self, Write};

use firstseen_detector::audit::AuditRule;
use firstseen_detector::journal::{Journal, StateDir};
use firstseen_detector::netlink::{AuditKernel, KernelError, Netlink};
use firstseen_detector::sensor::Sensor;
use firstseen_detector::sensor::kernel::{AuditSensor, Options};
use firstseen_detector::sensor::trace::TraceSensor;
use firstseen_scenarios::{LiveWorld, OpenError, Plan, RunEvent, ScenarioOutcome, Verdict, catalog, find_rule, run};
use firstseen_simulator::Scratch;

fn parsed(rules: &[String]) -> Vec<AuditRule> {
    rules.iter().map(|rule| AuditRule::parse(rule).expect("a rule of ours")).collect()
}

fn trace(rules: &[String]) -> Result<Box<dyn Sensor>, OpenError> {
    Ok(Box::new(TraceSensor::new(&parsed(rules))?))
}

fn plans() -> Vec<Plan> {
    let (plans, problems) = catalog().plans(&find_rule);
    assert_eq!(problems, []);
    plans
}

fn run_live(plan: &Plan, scratch: &Scratch, emit: &mut dyn FnMut(RunEvent)) -> ScenarioOutcome {
    run(plan, &mut LiveWorld::new(scratch, trace), emit).expect("a sensor")
}

/// Every step of a scenario that did not pass.
fn failures(outcome: &ScenarioOutcome) -> Vec<String> {
    let mut failures = Vec::new();
    if outcome.verdict != Verdict::Pass {
        failures.push(format!("{}: {}", outcome.id, outcome.verdict));
        failures.extend(outcome.steps.iter().map(|step| format!("  {} {:?}", step.at, step.verdict)));
    }
    failures
}

#[test]
fn every_scenario_of_the_catalog_passes() {
    let scratch = Scratch::new(None).expect("a scratch folder");
    let failed: Vec<String> =
        plans().iter().flat_map(|plan| failures(&run_live(plan, &scratch, &mut |_| ()))).collect();
    assert!(failed.is_empty(), "{failed:#?}");
}

/// Holds the kernel's audit for one test at a time, also against tests of another checkout; or why it cannot be used.
fn alone() -> Result<File, KernelError> {
    Netlink::connect()?.listen()?;
    let path = std::env::temp_dir().join("firstseen-audit-tests.lock");
    let lock = File::options().create(true).truncate(false).write(true).open(path).expect("a lock file");
    lock.lock().expect("locked");
    Ok(lock)
}

fn skipped(reason: impl std::fmt::Display) {
    writeln!(io::stderr(), "skipped: the catalog under the kernel's audit: {reason}").expect("standard error");
}

#[test]
fn the_kernels_audit_and_the_tracer_give_equal_outcomes() {
    let _lock = match alone() {
        Ok(lock) => lock,
        Err(error) => return skipped(error),
    };
    let scratch = Scratch::new(None).expect("a scratch folder");
    let state = tempfile::tempdir().expect("a folder");
    let state = StateDir::at(&state.path().join("state")).expect("a state folder");
    let audit = |rules: &[String]| -> Result<Box<dyn Sensor>, OpenError> {
        let options = Options { journal: Journal::open(&state)?, tracer: Box::new(TraceSensor::exec_only()) };
        Ok(Box::new(AuditSensor::new(&parsed(rules), options)?))
    };
    if let Err(reason) = audit(&[]) {
        return skipped(reason);
    }
    let json = |outcome: &ScenarioOutcome| serde_json::to_string_pretty(outcome).expect("serialisable");
    let mut world = LiveWorld::new(&scratch, audit);
    let mut failed = Vec::new();
    for plan in plans() {
        let kernel = run(&plan, &mut world, &mut |_| ()).expect("the sensor worked before");
        failed.extend(failures(&kernel));
        assert_eq!(json(&kernel), json(&run_live(&plan, &scratch, &mut |_| ())));
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
