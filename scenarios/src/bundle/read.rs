//! Reading a bundle.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read};

use firstseen_detector::audit::Accounts;
use flate2::read::MultiGzDecoder;

use super::format::{ActLine, BUNDLE_VERSION, Header, Line, ScenarioLine};
use crate::load::load_text;
use crate::plan::Plan;
use crate::problem::Problem;
use crate::rules::only_rule;

/// Everything that was recorded of a run.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// Which sensor watched, and why.
    pub sensor: String,
    /// Scenarios in the order in which they ran.
    pub scenarios: Vec<RecordedScenario>,
}

/// One recorded scenario.
#[derive(Clone, Debug)]
pub struct RecordedScenario {
    pub(super) files: ScenarioLine,
    pub(super) acts: VecDeque<ActLine>,
}

/// Why a bundle cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The bytes cannot be read or decompressed.
    #[error(
        "cannot read the bundle after line {line}: {source}; is it whole, and written by 'firstseen run --record'?"
    )]
    Read {
        /// The last good line.
        line: usize,
        /// What the system said.
        source: io::Error,
    },
    /// Another version.
    #[error(
        "bundle format {found} is not the one of this version ({BUNDLE_VERSION}); use the firstseen that wrote it, {version}"
    )]
    Version {
        /// What it says.
        found: u64,
        /// Version of the program that wrote it.
        version: String,
    },
    /// A line that is none of a bundle.
    #[error("line {line} of the bundle: {what}")]
    Line {
        /// Number from 1.
        line: usize,
        /// What is wrong.
        what: String,
    },
}

/// Bytes of the lines of a bundle; one beyond this is no record of a run, but packed to exhaust the memory.
const MOST_BYTES: u64 = 1 << 30;

impl Bundle {
    /// Reads a bundle.
    ///
    /// # Errors
    /// When it is no bundle, one of another version, or torn.
    pub fn read(reader: impl Read) -> Result<Bundle, BundleError> {
        let mut lines = BufReader::new(MultiGzDecoder::new(reader).take(MOST_BYTES)).lines().enumerate();
        let mut next = || match lines.next() {
            None => Ok(None),
            Some((number, Ok(text))) => Ok(Some((number + 1, text))),
            Some((line, Err(source))) => Err(BundleError::Read { line, source }),
        };
        let Some((_, first)) = next()? else { return Err(wrong(1, "the bundle is empty")) };
        let header = header(&first)?;
        let mut bundle = Bundle { sensor: header.sensor, scenarios: Vec::new() };
        while let Some((number, text)) = next()? {
            match serde_json::from_str(&text).map_err(|error| wrong(number, error))? {
                Line::Scenario(files) => bundle.scenarios.push(RecordedScenario { files, acts: VecDeque::new() }),
                Line::Act(act) => match bundle.scenarios.last_mut() {
                    Some(scenario) => scenario.acts.push_back(*act),
                    None => return Err(wrong(number, "an act without a scenario")),
                },
                Line::Documents(_) => {}
                Line::End(end) => {
                    let acts: usize = bundle.scenarios.iter().map(|scenario| scenario.acts.len()).sum();
                    if acts != end.acts {
                        return Err(wrong(number, format!("{} acts were recorded, {acts} are there", end.acts)));
                    }
                    // Only at the end of the bytes their checksum is looked at.
                    return match next()? {
                        None => Ok(bundle),
                        Some((number, _)) => Err(wrong(number, "there is more after the end")),
                    };
                }
            }
        }
        Err(wrong(0, "the end is missing: the recording was cut off"))
    }
}

impl RecordedScenario {
    /// The plan that was run.
    ///
    /// # Errors
    /// When this version understands the scenario or its rule otherwise.
    pub fn plan(&self) -> Result<Plan, Vec<Problem>> {
        let loaded = load_text(&self.files.path, &self.files.text)?;
        Plan::new(&loaded, &|name, _| only_rule(name, &self.files.rule_text))
    }

    pub(super) fn accounts(&self) -> Accounts {
        let mut accounts = Accounts::none();
        for act in &self.acts {
            accounts = act.users.iter().fold(accounts, |accounts, (id, name)| accounts.with_user(*id, name));
            accounts = act.groups.iter().fold(accounts, |accounts, (id, name)| accounts.with_group(*id, name));
        }
        accounts
    }
}

/// The first line, whose version comes before everything else about it.
fn header(text: &str) -> Result<Header, BundleError> {
    let json: serde_json::Value = serde_json::from_str(text).map_err(|error| wrong(1, error))?;
    let Some(found) = json["firstseen_bundle"].as_u64() else {
        return Err(wrong(1, "no header of a firstseen bundle"));
    };
    if found != u64::from(BUNDLE_VERSION) {
        let version = json["version"].as_str().unwrap_or("unknown").to_owned();
        return Err(BundleError::Version { found, version });
    }
    serde_json::from_value(json).map_err(|error| wrong(1, error))
}

fn wrong(line: usize, what: impl ToString) -> BundleError {
    BundleError::Line { line, what: what.to_string() }
}
