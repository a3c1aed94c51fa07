//! What is done to the machine: techniques, and the acts prepared from them.
//!
//! ```text
//! Request -> Technique::plan -> Plan (pure: what a dry run shows)
//!         -> Technique::prepare (+ Scratch) -> Act (a command to start, with the read end of its report)
//!         -> started by a sensor, or by run_alone -> Act::report -> Report -> Report::proves(Expected)
//! ```
//!
//! An act is done by a *worker*, a small program that is placed at the path that the scenario names, below the scratch
//! directory's `root`. The worker says on a pipe what really became of the act; without that report nothing is claimed.
//!
//! Nothing here watches or decides anything: the simulator and the detector meet only in the operating system.

mod act;
mod alone;
mod describe;
mod elf;
mod error;
mod expected;
mod files;
mod need;
mod parameters;
mod plan;
mod report;
pub mod scratch;
mod sys;
mod technique;
pub mod techniques;
mod worker;

pub use act::{Act, OBJECT_VARIABLE, REPORT_VARIABLE};
pub use alone::{Outcome, run_alone};
pub use describe::{Description, FileDescription};
pub use error::SimulatorError;
pub use expected::{Expected, Loading, Shortfall};
pub use need::{Feature, Need, SkipReason};
pub use parameters::{Parameter, ParameterKind, Parameters};
pub use plan::{Command, Content, Placed, Plan, Program, Text};
pub use report::{MemoryCall, ObjectLoaded, Refused, Report, TargetRan};
pub use scratch::Scratch;
pub use technique::{Privileges, Request, Technique};
pub use worker::Form;
