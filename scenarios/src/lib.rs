//! Scenario files, the virtual timeline, the runner and its verdicts.

mod catalog;
mod check;
mod event;
mod facts;
mod judge;
mod load;
mod model;
mod offset;
mod problem;
mod reason;
mod relocate;
pub mod report;
mod restamp;
mod verdict;

pub use catalog::catalog;
pub use event::{ActPerformed, RunEvent};
pub use facts::{ActFacts, AlertFacts, DocumentFacts, Execution, RunFacts, StepFacts, Terms, WindowFacts};
pub use judge::{Judgement, judge};
pub use load::{Collection, Loaded, load_file, load_paths, load_text};
pub use model::{Actor, Count, Expectation, RuleChanges, Scenario, Silence, Step, Warning};
pub use offset::{Offset, OffsetError};
pub use problem::{Problem, Source};
pub use relocate::{Leftover, Relocation};
pub use restamp::{Placement, VirtualHost};
pub use verdict::{AlertOutcome, ScenarioOutcome, Stage, StepOutcome, Totals, Verdict};
