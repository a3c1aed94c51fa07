//! Why a verb could not answer, and the exit code that says so.

use std::fmt::Display;

use crate::exit_code::Exit;

/// A message for a person, without a full stop, and an exit code for a program.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) message: String,
}

impl Failure {
    /// Something that was given cannot be used.
    pub(crate) fn input(error: impl Display) -> Failure {
        Failure { exit: Exit::BadInput, message: error.to_string() }
    }

    /// This machine does not allow it.
    pub(crate) fn environment(error: impl Display) -> Failure {
        Failure { exit: Exit::EnvironmentUnfit, message: error.to_string() }
    }
}

impl From<firstseen_simulator::SimulatorError> for Failure {
    fn from(error: firstseen_simulator::SimulatorError) -> Failure {
        use firstseen_simulator::SimulatorError as E;
        match error {
            E::UnknownTechnique { .. }
            | E::UnknownParameter { .. }
            | E::BadParameter { .. }
            | E::BadPath { .. }
            | E::SamePlace { .. } => Failure::input(error),
            E::NoScratch { .. } | E::Place { .. } | E::NoProgram { .. } | E::Start { .. } | E::Pipe { .. } => {
                Failure::environment(error)
            }
        }
    }
}
