//! Code brought into a program by the dynamic loader: the ways to it, and the ways around what a rule looks at.

use std::path::Path;

use crate::plan::{Content, Placed, Plan};
use crate::technique::{Inputs, Privileges, Technique};
use crate::worker::OBJECT_NAME;
use crate::{Expected, Form, Need, Parameter, ParameterKind, Text};

const OBJECT: Parameter = Parameter {
    name: "object",
    what: "path of the preload object",
    default: "/opt/acme/lib/libtrace.so",
    kind: ParameterKind::LoaderPath,
};

const DIRECTORY: Parameter = Parameter {
    name: "directory",
    what: "directory in which the program finds a library that it needs",
    default: "/opt/acme/lib",
    kind: ParameterKind::LoaderPath,
};

/// What most of this family has in common.
const PRELOAD: Technique = Technique {
    id: "",
    title: "",
    reason: "",
    evidence: "",
    attack: &["T1574.006"],
    touches: "one process of its own, into which a harmless object is loaded",
    privileges: Privileges::None,
    undo: "the process ends; its files go with the scratch directory",
    worker: Form::Dynamic,
    needs: &[Need::Loader],
    parameters: &[OBJECT],
    expected: Expected::Loaded,
    shape: |_, _| (),
};

pub(super) const TECHNIQUES: &[Technique] = &[
    Technique {
        id: "preload.env",
        title: "program start under LD_PRELOAD",
        reason: "the plain way to bring code into somebody else's program",
        evidence: "LD_PRELOAD=OBJECT in the environment of the exec; the object is mapped",
        shape: |plan, inputs| {
            let object = place_object(plan, inputs);
            plan.env.push(("LD_PRELOAD", object));
        },
        ..PRELOAD
    },
    Technique {
        id: "preload.library-path",
        title: "program start under LD_LIBRARY_PATH",
        reason: "a library that the program needs anyway is taken from somewhere else",
        evidence: "LD_LIBRARY_PATH=DIRECTORY in the environment of the exec; the library is mapped from there",
        worker: Form::Linked,
        parameters: &[DIRECTORY],
        shape: |plan, inputs| {
            let directory = inputs.parameters.path(DIRECTORY.name);
            place(plan, &directory.join(OBJECT_NAME), Content::Object);
            plan.object = Some(directory.join(OBJECT_NAME));
            plan.env.push(("LD_LIBRARY_PATH", Text::inside(directory)));
        },
        ..PRELOAD
    },
];

/// Plans the object at the path that the parameter names.
fn place_object(plan: &mut Plan, inputs: &Inputs<'_>) -> Text {
    let path = inputs.parameters.path(OBJECT.name);
    place(plan, &path, Content::Object);
    plan.object = Some(path.clone());
    Text::inside(path)
}

fn place(plan: &mut Plan, path: &Path, content: Content) {
    plan.files.push(Placed { path: path.to_owned(), content });
}
