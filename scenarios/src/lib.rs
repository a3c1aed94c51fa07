//! Scenario files, the virtual timeline, the runner and its verdicts.

mod catalog;
mod check;
mod event;
mod facts;
mod judge;
mod live;
mod load;
mod model;
mod offset;
mod plan;
mod problem;
mod reason;
mod relocate;
pub mod report;
mod restamp;
mod rules;
mod telemetry;
mod verdict;
mod world;

pub use catalog::catalog;
pub use event::{ActPerformed, RunEvent};
pub use facts::{ActFacts, AlertFacts, DocumentFacts, Execution, RunFacts, StepFacts, Terms, WindowFacts};
pub use judge::{Judgement, judge};
pub use live::{LiveWorld, OpenSensor};
pub use load::{Collection, Loaded, load_file, load_paths, load_text};
pub use model::{Actor, Count, Expectation, RuleChanges, Scenario, Silence, Step, Warning};
pub use offset::{Offset, OffsetError};
pub use plan::{DEFAULT_START, FindRule, Plan, PlannedAct, PlannedStep};
pub use problem::{Problem, Source};
pub use relocate::{Leftover, Relocation};
pub use restamp::{Placement, VirtualHost};
pub use rules::find_rule;
pub use telemetry::Telemetry;
pub use verdict::{AlertOutcome, ScenarioOutcome, Stage, StepOutcome, Totals, Verdict};
pub use world::{Performed, World, WorldError};
