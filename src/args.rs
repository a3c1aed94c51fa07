//! What can be typed: verbs, options and their help texts. Nothing is decided here.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// A test lab and validation harness for first-sight (new_terms) detection rules on Linux.
#[derive(Debug, Parser)]
#[command(
    name = "firstseen",
    version,
    max_term_width = 100,
    after_help = "Exit codes: 0 proven, 1 internal error, 2 bad input, 3 inconclusive, 4 nothing ran, 5 environment \
                  unfit, 100 a verdict failed."
)]
pub(crate) struct Cli {
    /// Options that every verb has.
    #[command(flatten)]
    pub(crate) global: Global,
    /// The verb.
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

/// Options that every verb has.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Global {
    /// How the answer is written; JSON is documented in docs/json.md and carries a format_version
    #[arg(long, global = true, value_enum, default_value_t = Format::Text, value_name = "FORMAT")]
    pub(crate) format: Format,
    /// Say more: what was relocated, which records were seen, why a sensor was chosen
    #[arg(long, short, global = true)]
    pub(crate) verbose: bool,
}

/// Output formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Text,
    /// For programs
    Json,
    /// For CI systems; run, replay and matrix only
    Junit,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Tell the story of both rules on this machine: act, record, document, match, term, alert, silence
    Demo(DemoArgs),
    /// Run scenarios and judge them
    Run(RunArgs),
    /// Do every technique, and print what each rule makes of it: alert, silent, missed, not captured
    Matrix(MatrixArgs),
    /// Judge a recorded run again, from its raw records, on any machine
    Replay(ReplayArgs),
    /// Undo what runs left behind that were killed
    Cleanup,
    /// List scenarios, rules and techniques
    List,
    /// Show one scenario, rule or technique
    Show(ShowArgs),
    /// Check rules and scenarios without running anything
    Lint(LintArgs),
    /// Do one act, once, and print what it did
    Simulate(SimulateArgs),
    /// Run a rule over recorded telemetry and print its alerts, one JSON document a line
    Detect(DetectArgs),
    /// Say how far a document came, and which clause of the query failed
    Explain(ExplainArgs),
    /// Say which sensors work here and, for each that does not, why and how to fix it
    Doctor,
}

/// Which sensor watches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum SensorChoice {
    /// The kernel's audit where it works, else trace; says what was chosen, and why
    Auto,
    /// ptrace and seccomp: unprivileged
    Trace,
    /// The kernel's own audit records
    Audit,
}

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// Which sensor watches
    #[arg(long, value_enum, default_value_t = SensorChoice::Trace)]
    pub(crate) sensor: SensorChoice,
}

/// Arguments of `run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Scenario files, or folders that are searched for *.toml; the built-in catalog if none is given
    #[arg(value_name = "FILE|DIR")]
    pub(crate) paths: Vec<PathBuf>,
    /// Which sensor watches
    #[arg(long, value_enum, default_value_t = SensorChoice::Auto)]
    pub(crate) sensor: SensorChoice,
    /// Only scenarios whose id contains this text; may be repeated
    #[arg(long, value_name = "TEXT")]
    pub(crate) only: Vec<String>,
    /// Folder for scratch files instead of the temporary one
    #[arg(long, value_name = "DIR")]
    pub(crate) scratch: Option<PathBuf>,
    /// Write everything that was seen into one bundle, for firstseen replay
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
    /// Replace the names of this machine and of its users in the bundle
    #[arg(long, requires = "record")]
    pub(crate) redact: bool,
}

/// Arguments of `replay`.
#[derive(Debug, Args)]
pub(crate) struct ReplayArgs {
    /// A bundle that run --record wrote
    #[arg(value_name = "FILE")]
    pub(crate) bundle: PathBuf,
}

/// Arguments of `matrix`.
#[derive(Debug, Args)]
pub(crate) struct MatrixArgs {
    /// Which sensor watches
    #[arg(long, value_enum, default_value_t = SensorChoice::Auto)]
    pub(crate) sensor: SensorChoice,
    /// Only techniques whose id contains this text; may be repeated
    #[arg(long, value_name = "TEXT")]
    pub(crate) only: Vec<String>,
    /// Another table of expectations than the built-in one, for rules of one's own; docs/matrix.md describes it
    #[arg(long, value_name = "FILE")]
    pub(crate) table: Option<PathBuf>,
    /// Write the table between the markers of this page
    #[arg(long, value_name = "FILE", conflicts_with = "only")]
    pub(crate) write_docs: Option<PathBuf>,
    /// Folder for scratch files instead of the temporary one
    #[arg(long, value_name = "DIR")]
    pub(crate) scratch: Option<PathBuf>,
}

/// Arguments of `show`.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// Id of a scenario, rule or technique, as `list` prints it
    pub(crate) id: String,
}

/// Arguments of `lint`.
#[derive(Debug, Args)]
pub(crate) struct LintArgs {
    /// Rule files (TOML, NDJSON, JSON), scenario files, or folders of them
    #[arg(required = true, value_name = "FILE|DIR")]
    pub(crate) paths: Vec<PathBuf>,
}

/// Arguments of `simulate`.
#[derive(Debug, Args)]
pub(crate) struct SimulateArgs {
    /// Id of a technique, as `list` prints it
    pub(crate) technique: String,
    /// Where the program that acts seems to stand
    #[arg(long, value_name = "PATH", default_value = "/opt/acme/updater")]
    pub(crate) executable: PathBuf,
    /// A parameter of the technique; may be repeated
    #[arg(long = "param", short = 'p', value_name = "NAME=VALUE", value_parser = parameter)]
    pub(crate) params: Vec<(String, String)>,
    /// Only say what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Arguments of `detect`.
#[derive(Debug, Args)]
pub(crate) struct DetectArgs {
    /// Rule file, or the id of a built-in rule
    #[arg(long, value_name = "FILE|ID")]
    pub(crate) rule: String,
    /// Telemetry: audit.log (RAW or ENRICHED), NDJSON of documents, plain or .gz or .zst; - is standard input
    ///
    /// A line of NDJSON is a document, or a hit: {"_index": ..., "_id": ..., "_source": {...}}. A hit with "_visible_from" (ISO
    /// time) arrived late: executions before that time do not find it. All others are found at once.
    #[arg(long, required = true, value_name = "FILE")]
    pub(crate) input: Vec<PathBuf>,
    /// First execution; the first document's time if absent
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,
    /// Last execution; the last document's time if absent
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<String>,
    /// Print one line an execution (documents, combinations, new terms, alerts) instead of alerts
    #[arg(long)]
    pub(crate) executions: bool,
    /// Mappings of the index: a JSON object of field names and types; ECS if absent
    #[arg(long, value_name = "FILE")]
    pub(crate) mappings: Option<PathBuf>,
    /// Index name of documents that do not say theirs
    #[arg(long, value_name = "NAME")]
    pub(crate) index: Option<String>,
    /// Name of the machine that an audit log comes from; this machine's if absent
    #[arg(long, value_name = "NAME")]
    pub(crate) host: Option<String>,
}

/// Arguments of `explain`.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    /// Rule file, or the id of a built-in rule
    #[arg(long, value_name = "FILE|ID")]
    pub(crate) rule: String,
    /// Telemetry, as for detect
    #[arg(long, required = true, value_name = "FILE")]
    pub(crate) input: Vec<PathBuf>,
    /// `_id` of the document to explain; every document if absent
    #[arg(long, value_name = "ID")]
    pub(crate) id: Option<String>,
    /// Mappings of the index: a JSON object of field names and types; ECS if absent
    #[arg(long, value_name = "FILE")]
    pub(crate) mappings: Option<PathBuf>,
    /// Index name of documents that do not say theirs
    #[arg(long, value_name = "NAME")]
    pub(crate) index: Option<String>,
    /// Name of the machine that an audit log comes from; this machine's if absent
    #[arg(long, value_name = "NAME")]
    pub(crate) host: Option<String>,
}

fn parameter(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}
