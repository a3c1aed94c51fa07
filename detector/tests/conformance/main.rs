//! Runs every conformance case: one line a failed case, one line a kind, and a non-zero exit if anything failed.
//!
//! Cases are found by listing, in `detector/tests/conformance/` and, when the variable `FIRSTSEEN_CONFORMANCE` names a
//! folder of the same layout, there too: from where cargo runs the test or from the root of the project if it is a relative
//! path. A folder without any case is an error. The layout is described in `README.md` beside this file. A word on the
//! command line (`cargo test --test conformance -- kql`) runs the kinds of that name only.

mod alert_ids;
mod audit;
mod kql;
mod new_terms;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use firstseen_detector::ecs::{IndexValue, Layout, Mappings, Row};
use serde_json::Value;

/// A kind of cases: its name and the function that runs all of them below a folder.
struct Kind {
    name: &'static str,
    run: fn(&Path) -> Vec<CaseResult>,
}

/// Adding a kind is one line here and one file beside this one.
const KINDS: [Kind; 4] = [
    Kind { name: "alert_ids", run: alert_ids::run },
    Kind { name: "audit", run: audit::run },
    Kind { name: "kql", run: kql::run },
    Kind { name: "new_terms", run: new_terms::run },
];

/// How one case ended.
pub(crate) struct CaseResult {
    /// The name of the case.
    pub(crate) name: String,
    /// Nothing, or what is wrong.
    pub(crate) failure: Option<String>,
}

impl CaseResult {
    /// The case agrees, or says what is wrong with it.
    pub(crate) fn new(name: impl Into<String>, outcome: Result<(), String>) -> CaseResult {
        CaseResult { name: name.into(), failure: outcome.err() }
    }
}

/// Nothing if both are equal; otherwise the first places that differ, with both values.
pub(crate) fn difference(expected: &Value, got: &Value) -> Result<(), String> {
    let mut lines = Vec::new();
    differ("", expected, got, &mut lines);
    let more = lines.len().saturating_sub(8);
    lines.truncate(8);
    match lines.is_empty() {
        true => Ok(()),
        false if more > 0 => Err(format!("{}; and {more} more", lines.join("; "))),
        false => Err(lines.join("; ")),
    }
}

fn differ(path: &str, expected: &Value, got: &Value, lines: &mut Vec<String>) {
    match (expected, got) {
        (Value::Object(expected), Value::Object(got)) => {
            for (key, value) in expected {
                differ(&format!("{path}.{key}"), value, got.get(key).unwrap_or(&Value::Null), lines);
            }
            for (key, value) in got.iter().filter(|(key, _)| !expected.contains_key(*key)) {
                lines.push(format!("{path}.{key}: expected nothing, got {value}"));
            }
        }
        (Value::Array(expected), Value::Array(got)) if expected.len() == got.len() => {
            for (index, (expected, got)) in expected.iter().zip(got).enumerate() {
                differ(&format!("{path}[{index}]"), expected, got, lines);
            }
        }
        _ if expected != got => lines.push(format!("{path}: expected {expected}, got {got}")),
        _ => {}
    }
}

/// Fixes every open `constant_keyword` as an index does: the first document that has a value decides.
pub(crate) fn fix_constants<'a>(mappings: &mut Mappings, sources: impl Iterator<Item = &'a [u8]> + Clone) {
    let open: Vec<String> = mappings.open_constants().map(str::to_owned).collect();
    let (mut layout, mut row) = (Layout::new(), Row::new());
    for name in open {
        let Some(slot) = layout.slot(mappings, &name) else { continue };
        let value = sources.clone().find_map(|source| {
            row.load(&layout, source).ok()?;
            row.values(slot).find_map(|value| match value {
                IndexValue::Text(text) => Some(text.to_owned()),
                _ => None,
            })
        });
        if let Some(value) = value {
            mappings.set_constant(&name, &value);
        }
    }
}

/// The files of a folder whose names end so, sorted; none if there is no such folder.
///
/// # Panics
/// If the folder exists and cannot be listed.
pub(crate) fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    if !folder.is_dir() {
        return Vec::new();
    }
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("cannot list {}: {error}", folder.display()));
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    files.retain(|path| path.is_file() && path.to_string_lossy().ends_with(ending));
    files.sort();
    files
}

#[expect(clippy::print_stdout, reason = "this is the test's own report")]
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--list") {
        return ExitCode::SUCCESS; // test runners ask every target for its tests; this one is run as a whole
    }
    let wanted: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let folders = folders();
    let mut cases_of = vec![0; folders.len()];
    let mut failed_at_all = false;
    if !wanted.is_empty() && KINDS.iter().all(|kind| wanted.iter().all(|name| *name != kind.name)) {
        // `cargo test NAME` hands its name to every target.
        println!("no kind of cases has that name: {}", KINDS.map(|kind| kind.name).join(", "));
        return ExitCode::SUCCESS;
    }
    for kind in KINDS.iter().filter(|kind| wanted.is_empty() || wanted.iter().any(|name| *name == kind.name)) {
        let (mut passed, mut failed) = (0, 0);
        for (folder, cases) in folders.iter().zip(&mut cases_of) {
            for case in (kind.run)(folder) {
                *cases += 1;
                match case.failure {
                    None => passed += 1,
                    Some(failure) => {
                        failed += 1;
                        println!("FAILED {} {}: {failure}", kind.name, case.name);
                    }
                }
            }
        }
        println!("{}: {passed} passed, {failed} failed", kind.name);
        failed_at_all |= failed > 0;
    }
    for (folder, _) in folders.iter().zip(cases_of).filter(|(_, cases)| *cases == 0) {
        println!("FAILED no case was found below {}", folder.display());
        failed_at_all = true;
    }
    ExitCode::from(u8::from(failed_at_all))
}

/// The project's own cases, and those of the folder that the environment names.
fn folders() -> Vec<PathBuf> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let other = std::env::var_os("FIRSTSEEN_CONFORMANCE").map(PathBuf::from).map(|path| {
        let from_the_root = package.join("..").join(&path);
        if !path.is_dir() && from_the_root.is_dir() { from_the_root } else { path }
    });
    [package.join("tests/conformance")].into_iter().chain(other).collect()
}
