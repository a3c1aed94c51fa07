//! An act: one command that is ready to be started, and the pipe on which it will say what it did.

use std::ffi::OsString;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use nix::fcntl::OFlag;
use nix::unistd::pipe2;

use crate::need::find_program;
use crate::plan::{Content, Placed};
use crate::{Command, Expected, Plan, Program, Report, Scratch, Shortfall, SimulatorError, Technique};

/// The environment variable that tells the worker where to report; it is no name that anybody captures.
pub const REPORT_VARIABLE: &str = "FIRSTSEEN_REPORT_FD";

/// The environment variable that tells the worker which file to look for in its memory map.
pub const OBJECT_VARIABLE: &str = "FIRSTSEEN_OBJECT";

/// Number of the report's descriptor in the act's process.
const REPORT_DESCRIPTOR: i32 = 3;

/// A command to start. It belongs to the [`Scratch`] that it was prepared in: undoing it is removing that.
#[derive(Debug)]
pub struct Act {
    /// What is being done.
    pub technique: &'static Technique,
    /// File to execute: its real path.
    pub program: PathBuf,
    /// Arguments with real paths, the program's name first.
    pub argv: Vec<OsString>,
    /// The whole environment with real paths.
    pub env: Vec<(OsString, OsString)>,
    /// Working directory: its real path.
    pub cwd: PathBuf,
    /// The same command as documents should show it once real paths are told from the scenario's.
    pub shown: Command,
    /// What the report must show.
    pub expected: Expected,
    report: Pipe,
    /// Standard output and standard error.
    complaints: Pipe,
    /// Standard input: always at its end. None of this needs a `/dev/null`.
    nothing: Option<OwnedFd>,
}

impl Act {
    pub(crate) fn new(technique: &'static Technique, plan: &Plan, scratch: &Scratch) -> Result<Act, SimulatorError> {
        for file in &plan.files {
            scratch.files().place(file)?;
        }
        scratch.files().place(&Placed { path: plan.cwd.clone(), content: Content::Directory })?;
        let root = Some(scratch.root());
        let program = match &plan.program {
            Program::Placed(path) => scratch.real(path),
            Program::Host(path) => path.clone(),
            Program::Search(name) => find_program(name)?,
        };
        let mut env: Vec<_> = plan.env.iter().map(|(name, value)| (OsString::from(name), value.render(root))).collect();
        env.push((REPORT_VARIABLE.into(), REPORT_DESCRIPTOR.to_string().into()));
        if let Some(object) = &plan.object {
            env.push((OBJECT_VARIABLE.into(), scratch.real(object).into()));
        }
        let failed = |action| move |source| SimulatorError::Pipe { technique: technique.id, action, source };
        Ok(Act {
            technique,
            program,
            argv: plan.argv.iter().map(|text| text.render(root)).collect(),
            env,
            cwd: scratch.real(&plan.cwd),
            shown: plan.command(),
            expected: plan.expected,
            report: Pipe::new().map_err(failed("make a pipe for the report"))?,
            complaints: Pipe::new().map_err(failed("make a pipe for the error output"))?,
            nothing: Some(Pipe::new().map_err(failed("make a pipe for the input"))?.read),
        })
    }

    /// The descriptors that the process must get, with the numbers that they must have there. The second time it is empty:
    /// whoever starts the act owns them, and closes them when it is started.
    pub fn take_descriptors(&mut self) -> Vec<(OwnedFd, i32)> {
        let mut descriptors = Vec::new();
        descriptors.extend(self.nothing.take().map(|pipe| (pipe, 0)));
        if let Some(pipe) = self.complaints.write.take() {
            descriptors.extend(pipe.try_clone().map(|output| (output, 1)));
            descriptors.push((pipe, 2));
        }
        descriptors.extend(self.report.write.take().map(|pipe| (pipe, REPORT_DESCRIPTOR)));
        descriptors
    }

    /// What the act's processes reported until now. To be called after they ended; it never waits.
    ///
    /// # Errors
    /// When the pipe cannot be read. That nothing was reported is no error here: see [`Report::proves`].
    pub fn report(&mut self) -> Result<Report, SimulatorError> {
        let technique = self.technique.id;
        let failed = |action| move |source| SimulatorError::Pipe { technique, action, source };
        let lines = self.report.drain().map_err(failed("read the report"))?;
        let complaints = self.complaints.drain().map_err(failed("read the error output"))?;
        Ok(Report::parse(&lines, &complaints))
    }

    /// Whether `report` proves that this act was done.
    ///
    /// # Errors
    /// With what is missing.
    pub fn proven_by(&self, report: &Report) -> Result<(), Shortfall> {
        report.proves(self.expected)
    }
}

/// A pipe that never blocks: an act that says too much loses words, not time.
#[derive(Debug)]
struct Pipe {
    read: OwnedFd,
    write: Option<OwnedFd>,
}

impl Pipe {
    fn new() -> io::Result<Pipe> {
        let (read, write) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
        Ok(Pipe { read, write: Some(write) })
    }

    fn drain(&mut self) -> io::Result<Vec<u8>> {
        self.write = None;
        let mut bytes = Vec::new();
        let mut file = std::fs::File::from(self.read.try_clone()?);
        match file.read_to_end(&mut bytes) {
            // A process that outlives the act still holds the other end.
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(bytes),
        }
    }
}
