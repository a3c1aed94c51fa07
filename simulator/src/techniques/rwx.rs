//! Memory that is writable and executable: the ways to it, and the ways around what a rule looks at.

use crate::technique::{Privileges, Technique};
use crate::{Expected, Form};

/// What most of this family has in common.
const RWX: Technique = Technique {
    id: "",
    title: "",
    reason: "",
    evidence: "",
    attack: &["T1059.004", "T1055"],
    touches: "pages of its own process, which are never executed",
    privileges: Privileges::None,
    undo: "the process ends and its memory with it; its file goes with the scratch directory",
    worker: Form::Static,
    needs: &[],
    parameters: &[],
    expected: Expected::Permissions("rwxp"),
    shape: |_, _| (),
};

pub(super) const TECHNIQUES: &[Technique] = &[
    Technique {
        id: "rwx.mprotect",
        title: "private page made RWX with mprotect",
        reason: "what loaders, packers and shellcode runners do before they jump into what they wrote",
        evidence: "mprotect(.., 4096, 7) = 0; the map shows rwxp",
        ..RWX
    },
    Technique {
        id: "rwx.two-step",
        title: "private page made RX after it was RW",
        reason: "the control: how a well-behaved JIT does it, never writable and executable at once",
        evidence: "mprotect(.., 4096, 5) = 0; the map shows r-xp",
        expected: Expected::Permissions("r-xp"),
        ..RWX
    },
];
