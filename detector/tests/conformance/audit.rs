//! Audit cases: golden files of several origins, one folder each (`README.md`).

mod aucoalesce;
mod auparse;
mod documents;
mod reassembler;
mod rules;

use std::path::Path;

use firstseen_detector::audit::{Accounts, AuditEvent, AuditRecord, Reassembler, ReassemblerConfig};

use super::CaseResult;

/// Runs every case below `folder/audit`.
pub(crate) fn run(folder: &Path) -> Vec<CaseResult> {
    let folder = folder.join("audit");
    let mut results = Vec::new();
    results.extend(auparse::run(&folder.join("auparse")));
    results.extend(reassembler::run(&folder.join("reassembler")));
    results.extend(aucoalesce::run(&folder.join("aucoalesce")));
    results.extend(documents::run(&folder.join("auditbeat")));
    results.extend(documents::run(&folder.join("captured")));
    results.extend(rules::run(&folder.join("rules")));
    results
}

/// The accounts that the golden documents were made with.
fn accounts() -> Accounts {
    let table = [
        (0, "root"),
        (1000, "vagrant"),
        (1001, "alice"),
        (1002, "oldbob"),
        (1003, "charlie"),
        (1004, "testuser"),
        (9999, "bob"),
    ];
    let accounts =
        table.iter().fold(Accounts::none(), |accounts, (id, name)| accounts.with_user(*id, name).with_group(*id, name));
    accounts.with_group(1004, "testgroup")
}

/// Gives every event of a log to `out`, in the order of completion; lines that are no records are left out.
fn each_event(log: &str, config: ReassemblerConfig, mut out: impl FnMut(&AuditEvent)) -> Reassembler {
    let mut reassembler = Reassembler::new(config);
    for line in log.lines() {
        if let Ok(record) = AuditRecord::parse_line(line) {
            reassembler.push(&record, &mut out);
        }
    }
    reassembler.finish(&mut out);
    reassembler
}

/// A name for people: the last two parts of a path.
fn short_name(path: &Path) -> String {
    let parts: Vec<_> = path.iter().rev().take(2).map(|part| part.to_string_lossy()).collect();
    parts.into_iter().rev().collect::<Vec<_>>().join("/")
}

/// Reads a file, and a golden file beside it.
fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

fn read_json(path: &Path) -> Result<serde_json::Value, String> {
    serde_json::from_str(&read(path)?).map_err(|error| format!("{}: {error}", path.display()))
}
