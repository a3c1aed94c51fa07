//! A technique: facts about one way of doing something, and the one function that plans it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::plan::{Content, Placed};
use crate::scratch::check_scenario_path;
use crate::{
    Act, Expected, Form, Need, Parameter, Parameters, Plan, Program, Scratch, SimulatorError, SkipReason, Text,
};

/// One thing that can be done to a machine.
#[derive(Clone, Copy, Debug)]
pub struct Technique {
    /// Its name in scenarios: family, dot, variant.
    pub id: &'static str,
    /// A few words.
    pub title: &'static str,
    /// Why somebody would try exactly this, in one line.
    pub reason: &'static str,
    /// What the machine shows of it: call, permissions, environment, in one line.
    pub evidence: &'static str,
    /// MITRE ATT&CK techniques.
    pub attack: &'static [&'static str],
    /// What it touches.
    pub touches: &'static str,
    /// What it takes to do it.
    pub privileges: Privileges,
    /// How it is undone.
    pub undo: &'static str,
    /// How the worker that does it is linked.
    pub worker: Form,
    /// What of the machine it needs; where something is missing it is skipped.
    pub needs: &'static [Need],
    /// Parameters that a scenario may set.
    pub parameters: &'static [Parameter],
    /// What the report must show.
    pub expected: Expected,
    /// Adds to the plan what is particular.
    pub(crate) shape: fn(&mut Plan, &Inputs<'_>),
}

/// What it takes to do a technique.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Privileges {
    /// Any user can.
    None,
    /// Only root can.
    Root,
}

/// The PATH of every act: the same on every machine, so that what runs does not depend on who runs it.
pub(crate) const SEARCH_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// What a scenario asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// The executable that the act belongs to, as the scenario names it: `/opt/acme/updater`.
    pub executable: PathBuf,
    /// Values of the technique's parameters; the others have their defaults.
    pub params: BTreeMap<String, String>,
}

/// What a technique's function gets.
pub(crate) struct Inputs<'a> {
    pub(crate) id: &'static str,
    pub(crate) executable: &'a Path,
    pub(crate) parameters: &'a Parameters,
}

impl Inputs<'_> {
    /// A path beside the executable: its own with a further extension.
    pub(crate) fn beside(&self, extension: &str) -> PathBuf {
        let mut path = self.executable.as_os_str().to_owned();
        path.push(".");
        path.push(extension);
        path.into()
    }
}

impl Technique {
    /// What the act will be, without doing anything: for a dry run, and for everybody who has to know the command.
    ///
    /// # Errors
    /// When the request's path or parameters are wrong.
    pub fn plan(&self, request: &Request) -> Result<Plan, SimulatorError> {
        check_scenario_path(&request.executable)?;
        let parameters = self.parameters(request)?;
        let executable = request.executable.as_path();
        let mut plan = Plan {
            program: Program::Placed(executable.to_owned()),
            argv: vec![Text::inside(executable), Text::literal(self.id)],
            env: vec![("PATH", Text::literal(SEARCH_PATH))],
            cwd: executable.parent().unwrap_or(Path::new("/")).to_owned(),
            files: vec![Placed { path: executable.to_owned(), content: Content::Worker(self.worker) }],
            object: None,
            expected: self.expected,
        };
        (self.shape)(&mut plan, &Inputs { id: self.id, executable, parameters: &parameters });
        match plan.contradiction() {
            Some(path) => Err(SimulatorError::SamePlace { technique: self.id, path }),
            None => Ok(plan),
        }
    }

    /// The values that all its parameters have in a request.
    ///
    /// # Errors
    /// When one is unknown or not of its kind.
    pub fn parameters(&self, request: &Request) -> Result<Parameters, SimulatorError> {
        Parameters::check(self.id, self.parameters, &request.params)
    }

    /// Whether this machine has all that the technique needs.
    ///
    /// # Errors
    /// With the first thing that is missing.
    pub fn available(&self, scratch: &Scratch) -> Result<(), SkipReason> {
        self.needs.iter().try_for_each(|need| need.check(scratch))
    }

    /// Puts everything in place for one act.
    ///
    /// # Errors
    /// When the request is wrong or a file cannot be written. Nothing was done then.
    pub fn prepare(&'static self, request: &Request, scratch: &Scratch) -> Result<Act, SimulatorError> {
        Act::new(self, &self.plan(request)?, scratch)
    }
}
