//! Starting a program, and nothing more.

use crate::technique::{Privileges, Technique};
use crate::{Expected, Form, Need};

pub(super) const TECHNIQUES: &[Technique] = &[Technique {
    id: "exec.plain",
    title: "program start with a clean environment",
    reason: "the control of every preload act: the same program without the variable",
    evidence: "one exec, no LD_ variable in the environment",
    attack: &[],
    touches: "nothing: one process starts and ends",
    privileges: Privileges::None,
    undo: "the process ends; its file goes with the scratch directory",
    worker: Form::Dynamic,
    needs: &[Need::Loader],
    parameters: &[],
    expected: Expected::Ran,
    shape: |_, _| (),
}];
