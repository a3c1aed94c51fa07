//! The lines of a bundle, and how the detector's and simulator's types are written in them.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use firstseen_detector::audit::{Accounts, RawRecord, RecordType};
use firstseen_detector::exec::{ExecEvent, Ids, ParentProcess};
use firstseen_detector::sensor::{Exit, Loss, Observation};
use firstseen_detector::time::Millis;
use firstseen_simulator::{MemoryCall, ObjectLoaded, Refused, Report, TargetRan};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::facts::Execution;
use crate::plan::PlannedAct;
use crate::relocate::Relocation;
use crate::world::{Performed, WorldError};

/// Version of the format; it rises when an older reader would misunderstand a bundle.
pub const BUNDLE_VERSION: u32 = 1;

/// The first line.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Header {
    pub(super) firstseen_bundle: u32,
    /// Version of the program that wrote it.
    pub(super) version: String,
    /// Which sensor watched, and why.
    pub(super) sensor: String,
    /// Names of the machine and of its users were replaced.
    pub(super) redacted: bool,
}

/// Every other line.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Line {
    Scenario(ScenarioLine),
    Act(Box<ActLine>),
    /// What the lab made of the act before; for people, a replay makes them anew.
    Documents(Vec<Json>),
    End(EndLine),
}

/// A scenario begins: the files that a plan is made of.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct ScenarioLine {
    pub(super) path: String,
    pub(super) text: String,
    pub(super) rule_text: String,
}

/// How many acts there are in all: a bundle without this line is torn.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub(super) struct EndLine {
    pub(super) acts: usize,
}

/// One act, as it was performed.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct ActLine {
    pub(super) actor: String,
    pub(super) technique: String,
    pub(super) executable: String,
    pub(super) execution: Execution,
    pub(super) report: ReportPart,
    pub(super) root: String,
    pub(super) mark: String,
    /// Names of the users and groups whose ids were seen.
    pub(super) users: BTreeMap<u32, String>,
    pub(super) groups: BTreeMap<u32, String>,
    pub(super) observation: Option<ObservationPart>,
    /// Why the lab failed at it; everything else is empty then.
    pub(super) failure: Option<String>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct ReportPart {
    memory: Vec<MemoryCall>,
    objects: Vec<ObjectLoaded>,
    ran: Vec<TargetRan>,
    refused: Vec<Refused>,
    unknown: Vec<String>,
    complaints: String,
}

/// An observation; the counts tell when something was taken out of the lists.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct ObservationPart {
    pub(super) record_count: usize,
    pub(super) records: Vec<(u16, String)>,
    pub(super) exec_count: usize,
    pub(super) execs: Vec<ExecPart>,
    pids: Vec<i32>,
    exit: ExitPart,
    drained: bool,
    losses: Vec<Loss>,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
enum ExitPart {
    Code(i32),
    Signal(i32),
}

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct ExecPart {
    time: i64,
    pid: i32,
    start_ticks: u64,
    executable: Bytes,
    argv: Vec<Bytes>,
    env: Vec<Bytes>,
    cwd: Bytes,
    /// uid, euid, gid, egid
    ids: [u32; 4],
    parent_pid: i32,
    parent_start_ticks: u64,
    parent_executable: Option<Bytes>,
    parent_argv: Vec<Bytes>,
}

/// Bytes of the system: text where they are text.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(untagged)]
enum Bytes {
    Text(String),
    Raw { bytes: Vec<u8> },
}

impl From<&OsStr> for Bytes {
    fn from(text: &OsStr) -> Bytes {
        match text.to_str() {
            Some(text) => Bytes::Text(text.to_owned()),
            None => Bytes::Raw { bytes: text.as_bytes().to_vec() },
        }
    }
}

impl From<Bytes> for OsString {
    fn from(bytes: Bytes) -> OsString {
        match bytes {
            Bytes::Text(text) => text.into(),
            Bytes::Raw { bytes } => OsString::from_vec(bytes),
        }
    }
}

impl ActLine {
    pub(super) fn of(act: &PlannedAct, performed: &Performed, accounts: &Accounts) -> ActLine {
        let (users, groups) = performed.observation.as_ref().map(seen_ids).unwrap_or_default();
        let user = |id: u32| accounts.user(id).map(|name| (id, name.to_owned()));
        let group = |id: u32| accounts.group(id).map(|name| (id, name.to_owned()));
        ActLine {
            actor: act.actor.clone(),
            technique: act.technique.id.to_owned(),
            executable: act.request.executable.display().to_string(),
            execution: performed.execution.clone(),
            report: ReportPart::from(&performed.report),
            root: performed.relocation.root().to_owned(),
            mark: performed.relocation.mark().to_owned(),
            users: users.into_iter().filter_map(user).collect(),
            groups: groups.into_iter().filter_map(group).collect(),
            observation: performed.observation.as_ref().map(ObservationPart::from),
            failure: None,
        }
    }

    /// An act that the lab failed at.
    pub(super) fn failed(act: &PlannedAct, failure: String) -> ActLine {
        ActLine {
            actor: act.actor.clone(),
            technique: act.technique.id.to_owned(),
            executable: act.request.executable.display().to_string(),
            execution: Execution::NotDone(failure.clone()),
            report: ReportPart::from(&Report::default()),
            root: String::new(),
            mark: String::new(),
            users: BTreeMap::new(),
            groups: BTreeMap::new(),
            observation: None,
            failure: Some(failure),
        }
    }

    /// Whether this is what the plan asks for now.
    pub(super) fn is(&self, act: &PlannedAct) -> bool {
        let executable = act.request.executable.display().to_string();
        self.actor == act.actor && self.technique == act.technique.id && self.executable == executable
    }

    /// What came of it then.
    pub(super) fn performed(self) -> Result<Performed, WorldError> {
        match self.failure {
            Some(message) => Err(WorldError::Recorded { message }),
            None => Ok(Performed {
                execution: self.execution,
                report: self.report.into(),
                observation: self.observation.map(Observation::from),
                relocation: Relocation::new(self.root.as_ref(), &self.mark),
            }),
        }
    }
}

/// Ids of users and of groups that an observation holds: of executions, and of record fields such as `auid=` and `fsgid=`.
fn seen_ids(seen: &Observation) -> (BTreeSet<u32>, BTreeSet<u32>) {
    let mut users: BTreeSet<u32> = seen.execs.iter().flat_map(|exec| [exec.ids.uid, exec.ids.euid]).collect();
    let mut groups: BTreeSet<u32> = seen.execs.iter().flat_map(|exec| [exec.ids.gid, exec.ids.egid]).collect();
    for (name, id) in
        seen.records.iter().flat_map(|record| record.text.split(' ')).filter_map(|field| field.split_once('='))
    {
        let Ok(id) = id.parse() else { continue };
        if name.ends_with("uid") {
            users.insert(id);
        } else if name.ends_with("gid") {
            groups.insert(id);
        }
    }
    (users, groups)
}

impl From<&Report> for ReportPart {
    fn from(report: &Report) -> ReportPart {
        let Report { memory, objects, ran, refused, unknown, complaints } = report.clone();
        ReportPart { memory, objects, ran, refused, unknown, complaints }
    }
}

impl From<ReportPart> for Report {
    fn from(part: ReportPart) -> Report {
        let ReportPart { memory, objects, ran, refused, unknown, complaints } = part;
        Report { memory, objects, ran, refused, unknown, complaints }
    }
}

impl From<&Observation> for ObservationPart {
    fn from(seen: &Observation) -> ObservationPart {
        ObservationPart {
            record_count: seen.records.len(),
            records: seen.records.iter().map(|record| (record.record_type.0, record.text.clone())).collect(),
            exec_count: seen.execs.len(),
            execs: seen.execs.iter().map(ExecPart::from).collect(),
            pids: seen.pids.iter().copied().collect(),
            exit: match seen.exit {
                Exit::Code(code) => ExitPart::Code(code),
                Exit::Signal(signal) => ExitPart::Signal(signal),
            },
            drained: seen.drained,
            losses: seen.losses.clone(),
        }
    }
}

impl From<ObservationPart> for Observation {
    fn from(part: ObservationPart) -> Observation {
        let mut losses = part.losses;
        for (what, there, recorded) in
            [("records", part.records.len(), part.record_count), ("executions", part.execs.len(), part.exec_count)]
        {
            if there != recorded {
                losses.push(Loss::Unreadable { what: format!("the bundle holds {there} of {recorded} {what}") });
            }
        }
        let record = |(number, text)| RawRecord { record_type: RecordType(number), text };
        Observation {
            records: part.records.into_iter().map(record).collect(),
            execs: part.execs.into_iter().map(ExecEvent::from).collect(),
            pids: part.pids.into_iter().collect(),
            exit: match part.exit {
                ExitPart::Code(code) => Exit::Code(code),
                ExitPart::Signal(signal) => Exit::Signal(signal),
            },
            drained: part.drained,
            losses,
        }
    }
}

impl From<&ExecEvent> for ExecPart {
    fn from(exec: &ExecEvent) -> ExecPart {
        let all = |texts: &[OsString]| texts.iter().map(|text| Bytes::from(text.as_os_str())).collect();
        ExecPart {
            time: exec.time.0,
            pid: exec.pid,
            start_ticks: exec.start_ticks,
            executable: exec.executable.as_os_str().into(),
            argv: all(&exec.argv),
            env: all(&exec.env),
            cwd: exec.cwd.as_os_str().into(),
            ids: [exec.ids.uid, exec.ids.euid, exec.ids.gid, exec.ids.egid],
            parent_pid: exec.parent.pid,
            parent_start_ticks: exec.parent.start_ticks,
            parent_executable: exec.parent.executable.as_ref().map(|path| path.as_os_str().into()),
            parent_argv: all(&exec.parent.argv),
        }
    }
}

impl From<ExecPart> for ExecEvent {
    fn from(part: ExecPart) -> ExecEvent {
        let all = |texts: Vec<Bytes>| texts.into_iter().map(OsString::from).collect();
        let [uid, euid, gid, egid] = part.ids;
        ExecEvent {
            time: Millis(part.time),
            pid: part.pid,
            start_ticks: part.start_ticks,
            executable: OsString::from(part.executable).into(),
            argv: all(part.argv),
            env: all(part.env),
            cwd: OsString::from(part.cwd).into(),
            ids: Ids { uid, euid, gid, egid },
            parent: ParentProcess {
                pid: part.parent_pid,
                start_ticks: part.parent_start_ticks,
                executable: part.parent_executable.map(|path| OsString::from(path).into()),
                argv: all(part.parent_argv),
            },
        }
    }
}
