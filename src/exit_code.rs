//! What the exit status means; docs/exit-codes.md says it for people.

use std::process::ExitCode;

/// The exit status of every verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Exit {
    /// Everything that was asked is proven, or was done.
    Proven,
    /// A defect of firstseen itself.
    Internal,
    /// A file, rule, scenario or argument that cannot be used.
    BadInput,
    /// Something was lost or not seen to its end: neither proven nor refuted.
    Inconclusive,
    /// There was nothing to run, or everything was skipped.
    NothingRan,
    /// This machine does not allow what was asked.
    EnvironmentUnfit,
    /// At least one verdict failed.
    Failed,
}

impl Exit {
    pub(crate) fn code(self) -> u8 {
        match self {
            Exit::Proven => 0,
            Exit::Internal => 1,
            Exit::BadInput => 2,
            Exit::Inconclusive => 3,
            Exit::NothingRan => 4,
            Exit::EnvironmentUnfit => 5,
            Exit::Failed => 100,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit.code())
    }
}
