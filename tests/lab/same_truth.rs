//! Both sensors tell the same truth: whatever they can both see becomes equal documents.
//!
//! Every technique is done once under each of them, with rules that ask for every call that makes memory executable and for
//! every execution. The documents of all three shippers are compared field by field, in their order; what differs is
//! printed. Fields that name one run rather than what was done are set aside, and the list says why.

use std::collections::{BTreeMap, BTreeSet};

use firstseen_detector::audit::AuditRule;
use firstseen_detector::ecs::{EcsDocument, Value};
use firstseen_detector::journal::{Journal, StateDir};
use firstseen_detector::sensor::kernel::{AuditSensor, Options};
use firstseen_detector::sensor::trace::TraceSensor;
use firstseen_detector::sensor::{Sensor, SensorKind};
use firstseen_scenarios::matrix::{Expected, Matrix, matrix};
use firstseen_scenarios::{LiveWorld, OpenError, RunEvent, Telemetry, Verdict, run};
use firstseen_simulator::{Scratch, Technique, techniques};

use crate::machine::audit_alone;
use crate::support::skipped;

/// What is asked for besides what the rules of the lab ask for.
const MORE: [&str; 4] = [
    "-a always,exit -F arch=b64 -S pkey_mprotect",
    "-a always,exit -F arch=b64 -S mmap -F a2=7",
    "-a always,exit -F arch=b32 -S mprotect",
    "-a always,exit -F arch=b64 -S execve,execveat",
];

/// Fields that name one run rather than what was done: the system calls of which that is so (none: of all), and why.
const SET_ASIDE: [(&str, &[&str], &str); 14] = [
    ("event.id", &[], "a new one for every document"),
    ("event.sequence", &[], "serial numbers are the kernel's, or the sensor's own"),
    ("auditd.sequence", &[], "as event.sequence"),
    ("tags", &[], "keys of a site's own rules, where they stand in front; keys of the lab are looked for apart"),
    ("file.inode", &[], "the act's files are written anew each time"),
    ("auditd.paths.inode", &[], "as file.inode"),
    ("auditd.data.a0", &["mprotect", "pkey_mprotect"], "an address: the kernel chooses where memory lies"),
    ("auditd.data.a0", &["mmap"], "where the caller would like to have it: an address, or 0"),
    ("auditd.data.exit", &["mmap"], "an address, as a0 of mprotect"),
    ("auditd.data.a3", &["mprotect"], "a register that is no argument of the call"),
    ("auditd.data.a0", &["execve"], "a pointer into the memory of the caller"),
    ("auditd.data.a1", &["execve", "execveat"], "as a0"),
    ("auditd.data.a2", &["execve", "execveat"], "as a0"),
    ("auditd.data.a3", &["execve", "execveat"], "no argument of execve, a pointer of execveat"),
];

/// Fields that hold ids of processes, which are new each time; they are compared by their order of appearance.
const IDENTITIES: [&str; 5] =
    ["process.pid", "process.parent.pid", "process.entity_id", "process.parent.entity_id", "process.Ext.ancestry"];

/// Programs of the machine whose threads decide anew each time how often, in which order, in which thread and for how many bytes
/// they call: of these the sets of different documents are compared, without lengths and names of threads.
const OWN_WILL: [&str; 2] = ["rwx.jit-node", "rwx.jit-java"];

#[test]
fn both_sensors_make_equal_documents_of_every_technique() {
    let _alone = match audit_alone() {
        Ok(lock) => lock,
        Err(why) => return skipped("both_sensors_make_equal_documents_of_every_technique", why),
    };
    let folder = tempfile::tempdir().expect("a folder");
    let state = StateDir::at(&folder.path().join("state")).expect("a state directory");
    let journal = Journal::open(&state).expect("a journal");
    let scratch = Scratch::new(Some(folder.path())).expect("a scratch directory");
    let matrix = matrix().expect("valid");
    let [trace, audit] = [SensorKind::Trace, SensorKind::Audit].map(|kind| {
        let mut world = LiveWorld::new(&scratch, |rules| open(kind, rules, &journal));
        let of = |technique| documents(&matrix, technique, &mut world);
        techniques::all().map(of).collect::<Vec<_>>()
    });
    let mut differences = Vec::new();
    let mut compared = 0;
    for (technique, pair) in techniques::all().zip(trace.iter().zip(&audit)) {
        match pair {
            (Ok(trace), Ok(audit)) => {
                compared += trace.len();
                differences.extend(compare(technique.id, trace, audit));
            }
            (Err(reason), _) | (_, Err(reason)) => {
                skipped(&format!("same truth of {}", technique.id), reason);
            }
        }
    }
    assert!(differences.is_empty(), "{} differences\n{}", differences.len(), differences.join("\n"));
    assert!(compared > 100, "only {compared} documents were compared");
}

fn open(kind: SensorKind, rules: &[String], journal: &Journal) -> Result<Box<dyn Sensor>, OpenError> {
    let rules = rules.iter().map(|rule| AuditRule::parse(rule)).collect::<Result<Vec<_>, _>>()?;
    match kind {
        SensorKind::Trace => Ok(Box::new(TraceSensor::new(&rules)?)),
        SensorKind::Audit => {
            let tracer = Box::new(TraceSensor::exec_only());
            Ok(Box::new(AuditSensor::new(&rules, Options { journal: journal.clone(), tracer })?))
        }
    }
}

/// Documents of all shippers, of one act; the reason if it cannot be done here.
fn documents(
    matrix: &Matrix,
    technique: &'static Technique,
    world: &mut LiveWorld<'_>,
) -> Result<Vec<EcsDocument>, String> {
    let mut plan = matrix.columns[0].plan(technique, &Expected::Alert { alerts: 1, terms: None });
    plan.telemetry = vec![Telemetry::Auditbeat, Telemetry::AuditdManager, Telemetry::Defend];
    plan.capture_env_vars = matrix.columns.iter().flat_map(|column| column.rule.capture_env_vars()).collect();
    plan.rule.setup = [matrix.audit_rules().as_slice(), &MORE.map(str::to_owned)].concat().join("\n");
    let mut documents = Vec::new();
    let outcome = run(&plan, world, &mut |event| {
        if let RunEvent::ActPerformed(act) = event {
            documents = act.documents;
        }
    });
    match outcome.unwrap_or_else(|error| panic!("{}: {error}", technique.id)).verdict {
        Verdict::Skipped { reason } => Err(reason),
        Verdict::Pass | Verdict::Fail { .. } => Ok(documents),
        other => panic!("{}: {other}", technique.id),
    }
}

/// A flat document: names and values as JSON.
type Plain = BTreeMap<String, String>;

/// One line for each field that differs.
fn compare(id: &str, trace: &[EcsDocument], audit: &[EcsDocument]) -> Vec<String> {
    let (mut trace, mut audit) = (plain(trace), plain(audit));
    if OWN_WILL.contains(&id) {
        for documents in [&mut trace, &mut audit] {
            for document in documents.iter_mut().filter(|document| document.contains_key("auditd.data.a1")) {
                document.retain(|field, _| !["auditd.data.a1", "process.name"].contains(&field.as_str()));
            }
            documents.sort();
            documents.dedup();
        }
    }
    let mut differences = Vec::new();
    if trace.len() != audit.len() {
        differences.push(format!("{id}: {} documents by trace, {} by audit", trace.len(), audit.len()));
        let only = |these: &[Plain], others: &[Plain]| {
            let only = these.iter().filter(|document| !others.contains(document));
            only.map(|document| format!("{document:?}")).collect::<Vec<_>>().join("\n    ")
        };
        differences.push(format!("  only by trace:\n    {}", only(&trace, &audit)));
        differences.push(format!("  only by audit:\n    {}", only(&audit, &trace)));
        return differences;
    }
    for (number, (trace, audit)) in (1..).zip(trace.iter().zip(&audit)) {
        let fields: BTreeSet<&String> = trace.keys().chain(audit.keys()).collect();
        for field in fields.into_iter().filter(|field| trace.get(*field) != audit.get(*field)) {
            let shown = |document: &Plain| document.get(field).map_or("absent", String::as_str).to_owned();
            differences.push(format!(
                "{id}, document {number}, {field}: trace {}, audit {}",
                shown(trace),
                shown(audit)
            ));
        }
    }
    differences
}

/// Documents without what is set aside, ids by their order of appearance.
fn plain(documents: &[EcsDocument]) -> Vec<Plain> {
    let mut known: Vec<String> = Vec::new();
    let mut role = |id: String| {
        let at = known.iter().position(|known| *known == id).unwrap_or_else(|| {
            known.push(id);
            known.len() - 1
        });
        format!("id {at}")
    };
    let mut plain = Vec::new();
    for document in documents {
        let tags = document.fields.get("tags").map(|tags| serde_json::to_string(tags).expect("a value"));
        assert!(!tags.as_ref().is_some_and(|tags| tags.contains("firstseen-")), "a key of the lab: {tags:?}");
        let call = document.fields.text("auditd.data.syscall").unwrap_or_default();
        let mut fields = Plain::new();
        for (name, value) in document.fields.iter().filter(|(name, _)| !is_set_aside(name, call)) {
            let text = serde_json::to_string(&kept(name, value, call)).expect("a value");
            fields.insert(name.to_owned(), if IDENTITIES.contains(&name) { role(text) } else { text });
        }
        plain.push(fields);
    }
    plain
}

fn is_set_aside(field: &str, call: &str) -> bool {
    SET_ASIDE.iter().any(|(aside, calls, _)| *aside == field && (calls.is_empty() || calls.contains(&call)))
}

/// A value without what is set aside inside it.
fn kept(field: &str, value: &Value, call: &str) -> Value {
    match value {
        Value::List(values) => Value::List(values.iter().map(|value| kept(field, value, call)).collect()),
        Value::Object(fields) => {
            let mut fields = fields.clone();
            fields.edit(|name, _| !is_set_aside(&format!("{field}.{name}"), call));
            Value::Object(fields)
        }
        other => other.clone(),
    }
}
