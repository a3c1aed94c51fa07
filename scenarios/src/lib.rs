//! Scenario files, the virtual timeline, the runner and its verdicts.

mod check;
mod load;
mod model;
mod offset;
mod problem;

pub use load::{Collection, Loaded, load_file, load_paths, load_text};
pub use model::{Actor, Count, Expectation, RuleChanges, Scenario, Silence, Step, Warning};
pub use offset::{Offset, OffsetError};
pub use problem::{Problem, Source};
