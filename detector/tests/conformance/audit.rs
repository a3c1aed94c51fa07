//! Audit cases: golden files of several origins, one folder each (`README.md`).

mod rules;

use std::path::Path;

use super::CaseResult;

/// Runs every case below `folder/audit`.
pub(crate) fn run(folder: &Path) -> Vec<CaseResult> {
    let folder = folder.join("audit");
    let mut results = Vec::new();
    results.extend(rules::run(&folder.join("rules")));
    results
}
