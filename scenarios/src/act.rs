//! One act: done and watched, its telemetry normalised, relocated and placed on the timeline.

use std::collections::BTreeSet;

use firstseen_detector::audit::{Accounts, MalformedLine, RecordType};
use firstseen_detector::ecs::{
    Agent, CaptureEnvVars, CaptureEnvVarsError, EcsDocument, EndpointOptions, Flavour, HostInfo, NormaliseOptions,
    Value, exec_document, normalise_records,
};
use firstseen_detector::exec::ExecEvent;
use firstseen_detector::netlink::is_lab_key;
use firstseen_detector::sensor::Observation;
use firstseen_simulator::Report;

use crate::facts::{ActFacts, Execution};
use crate::plan::{Plan, PlannedAct, PlannedStep};
use crate::relocate::{Leftover, Relocation};
use crate::restamp::Placement;
use crate::telemetry::Telemetry;
use crate::world::{Performed, World, WorldError};

/// An act that was done, and the documents of it.
#[derive(Debug)]
pub(crate) struct Acted {
    /// Everything but the documents.
    pub(crate) facts: ActFacts,
    /// Documents in the order of their events, and whether each shows the act itself.
    pub(crate) documents: Vec<(EcsDocument, bool)>,
    /// What the act reports, in one line.
    pub(crate) report: String,
    /// The record or exec event that shows the act, as the sensor gave it.
    pub(crate) evidence: Option<String>,
}

/// Why an act could not be done and turned into documents.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ActError {
    #[error(transparent)]
    World(#[from] WorldError),
    #[error("a record of the sensor cannot be read: {0}")]
    Record(#[from] MalformedLine),
    #[error(transparent)]
    Capture(#[from] CaptureEnvVarsError),
    #[error(transparent)]
    Leftover(#[from] Leftover),
}

/// Does the act at this position of a step.
pub(crate) fn act(plan: &Plan, step: &PlannedStep, position: usize, world: &mut dyn World) -> Result<Acted, ActError> {
    let planned = &step.acts[position];
    let performed = world.perform(planned)?;
    let Performed { execution, report, observation, relocation } = performed;
    let said = said(&report, &execution);
    let Some(observation) = observation else {
        return Ok(Acted { facts: facts(execution, None), documents: Vec::new(), report: said, evidence: None });
    };
    let shown = Shown::of(&report);
    let mut documents = Vec::new();
    for telemetry in &plan.telemetry {
        let made = match telemetry {
            Telemetry::Auditbeat => audit_documents(Flavour::Auditbeat, &observation, planned, world.accounts())?,
            Telemetry::AuditdManager => {
                audit_documents(Flavour::AuditdManager, &observation, planned, world.accounts())?
            }
            Telemetry::Defend => exec_documents(plan, &observation, planned, &relocation, world.accounts())?,
        };
        for mut document in made {
            let place = Placement {
                id: format!("{}-{}-{}-{}", plan.id, step.number, position + 1, documents.len() + 1),
                time: step.time,
                ingested: (*telemetry != Telemetry::Auditbeat).then_some(step.ingested),
            };
            relocation.apply(&mut document)?;
            place.apply(&mut document);
            let shows_act = shown.by_document(&document);
            documents.push((document, shows_act));
        }
    }
    let evidence = shown.evidence(&observation);
    Ok(Acted { facts: facts(execution, Some(&observation)), documents, report: said, evidence })
}

fn facts(execution: Execution, observation: Option<&Observation>) -> ActFacts {
    let watched = |seen: &Observation| seen.execs.iter().any(|exec| seen.pids.contains(&exec.pid));
    ActFacts {
        execution,
        watched: observation.is_some_and(watched),
        drained: observation.is_some_and(|seen| seen.drained),
        losses: observation.map(|seen| seen.losses.clone()).unwrap_or_default(),
        events: observation.map_or(0, |seen| seen.records.len() + seen.execs.len()),
        documents: Vec::new(),
    }
}

/// Documents of the audit events of the act's own processes.
fn audit_documents(
    flavour: Flavour,
    seen: &Observation,
    act: &PlannedAct,
    accounts: &Accounts,
) -> Result<Vec<EcsDocument>, MalformedLine> {
    let agent = Agent::of(&act.host);
    let options = NormaliseOptions {
        accounts: Some(accounts),
        host: Some(&act.host),
        agent: Some(&agent),
        ..NormaliseOptions::bare(flavour)
    };
    let mut documents = normalise_records(&seen.records, &options)?;
    documents.retain(|document| pid(document).is_some_and(|pid| seen.pids.contains(&pid)));
    documents.iter_mut().for_each(drop_lab_keys);
    Ok(documents)
}

/// The audit sensor's rules carry a key of its run; on the host that the scenario means, there is none.
fn drop_lab_keys(document: &mut EcsDocument) {
    const TAGS: &str = "tags";
    let is_own = |value: &Value| matches!(value, Value::Text(text) if is_lab_key(text));
    let Some(Value::List(tags)) = document.fields.get(TAGS) else { return };
    let kept: Vec<Value> = tags.iter().filter(|tag| !is_own(tag)).cloned().collect();
    if kept.is_empty() {
        document.fields.remove(TAGS);
    } else {
        document.fields.set(TAGS, Value::List(kept));
    }
}

/// Documents of the executions of the act's own processes.
///
/// Executions are relocated before the endpoint looks at them: its limits are about the environment that the scenario
/// means, not about the length of this run's folder.
fn exec_documents(
    plan: &Plan,
    seen: &Observation,
    act: &PlannedAct,
    relocation: &Relocation,
    accounts: &Accounts,
) -> Result<Vec<EcsDocument>, CaptureEnvVarsError> {
    let host: &HostInfo = &act.host;
    let capture = CaptureEnvVars::parse(&plan.capture_env_vars.join(","))?;
    let agent = Agent::of(host);
    let options = EndpointOptions { host, agent: &agent, capture: &capture, accounts, ingested: None };
    let own = seen.execs.iter().filter(|exec| seen.pids.contains(&exec.pid));
    let document = |(sequence, exec): (u32, &ExecEvent)| exec_document(&relocation.exec(exec), sequence, &options);
    Ok((1..).zip(own).map(document).collect())
}

/// What an act says that it did, in the terms in which telemetry shows it.
struct Shown {
    /// Process, first address and protection of every call, in the hexadecimal digits of audit records.
    calls: BTreeSet<(i64, String, String)>,
    /// Processes that did something.
    processes: BTreeSet<i64>,
}

impl Shown {
    fn of(report: &Report) -> Shown {
        let calls = report.memory.iter();
        let processes = report.memory.iter().map(|call| call.pid);
        let processes = processes.chain(report.ran.iter().map(|ran| ran.pid));
        let processes = processes.chain(report.objects.iter().map(|object| object.pid));
        Shown {
            calls: calls
                .map(|call| (call.pid.into(), format!("{:x}", call.address), format!("{:x}", call.protection)))
                .collect(),
            processes: processes.map(i64::from).collect(),
        }
    }

    /// Whether a document shows the act itself: the very call by its registers, or the execution of the very process.
    fn by_document(&self, document: &EcsDocument) -> bool {
        let Some(pid) = pid(document).map(i64::from) else { return false };
        let data = |name: &str| document.fields.text(name).unwrap_or_default().to_owned();
        match document.fields.text("auditd.data.syscall") {
            None | Some("execve" | "execveat") => self.processes.contains(&pid),
            // The kernel chose the address, so it is the result and not an argument.
            Some("mmap" | "mmap2") => {
                let address = data("auditd.data.exit").parse::<i64>().map(|exit| format!("{exit:x}"));
                address.is_ok_and(|address| self.calls.contains(&(pid, address, data("auditd.data.a2"))))
            }
            Some(_) => self.calls.contains(&(pid, data("auditd.data.a0"), data("auditd.data.a2"))),
        }
    }

    /// The record of the last such call, else the last such execution.
    fn evidence(&self, seen: &Observation) -> Option<String> {
        let field = |text: &str, name: &str| {
            text.split(' ').find_map(|part| part.strip_prefix(name)?.strip_prefix('=')).unwrap_or_default().to_owned()
        };
        let is_call = |text: &str| {
            let pid = field(text, "pid").parse().unwrap_or_default();
            self.calls.contains(&(pid, field(text, "a0"), field(text, "a2")))
        };
        let mut records = seen.records.iter().filter(|record| record.record_type == RecordType::SYSCALL);
        let call = records.rfind(|record| is_call(&record.text));
        call.map(|record| format!("type=SYSCALL msg={}", record.text))
            .or_else(|| seen.execs.iter().rfind(|exec| self.processes.contains(&exec.pid.into())).map(exec_text))
    }
}

/// `exec pid=7 exe=/opt/x argv=[..] env=[..]`
fn exec_text(exec: &ExecEvent) -> String {
    let (exe, argv, env) = (exec.executable.display(), &exec.argv, &exec.env);
    format!("exec pid={} ppid={} exe={exe} argv={argv:?} env={env:?}", exec.pid, exec.parent.pid)
}

fn pid(document: &EcsDocument) -> Option<i32> {
    match document.fields.get("process.pid") {
        Some(Value::Integer(pid)) => i32::try_from(*pid).ok(),
        _ => None,
    }
}

/// The act's own report in one line.
fn said(report: &Report, execution: &Execution) -> String {
    if let Execution::NotDone(reason) | Execution::Impossible(reason) = execution {
        return reason.clone();
    }
    let mut parts: Vec<String> = report.memory.iter().map(ToString::to_string).collect();
    parts.extend(report.ran.last().map(|ran| {
        let object = if ran.object { ", preload object loaded" } else { "" };
        format!("the program ran{object}")
    }));
    if parts.is_empty() { "done".to_owned() } else { parts.join("; ") }
}
