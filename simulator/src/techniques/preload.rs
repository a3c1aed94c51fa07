//! Code brought into a program by a variable that the dynamic loader reads: values, names and targets.
//!
//! How the variable comes into the environment, and what does without it, is in `preload_ways`.

use std::path::Path;

use crate::plan::{Content, Placed, Plan};
use crate::technique::{Inputs, Privileges, Technique};
use crate::worker::OBJECT_NAME;
use crate::{Expected, Form, Need, Parameter, ParameterKind, Program, Text};

pub(super) const OBJECT: Parameter = Parameter {
    name: "object",
    what: "path of the preload object",
    default: "/opt/acme/lib/libtrace.so",
    kind: ParameterKind::LoaderPath,
};

const SECOND: Parameter = Parameter {
    name: "second",
    what: "path of a second preload object",
    default: "/opt/acme/lib/libextra.so",
    kind: ParameterKind::LoaderPath,
};

const DIRECTORY: Parameter = Parameter {
    name: "directory",
    what: "directory in which the program finds a library that it needs",
    default: "/opt/acme/lib",
    kind: ParameterKind::LoaderPath,
};

/// What most of this family has in common.
pub(super) const PRELOAD: Technique = Technique {
    id: "",
    title: "",
    reason: "",
    evidence: "",
    attack: &["T1574.006"],
    touches: "processes of its own, into which a harmless object is loaded",
    privileges: Privileges::None,
    undo: "the processes end; their files go with the scratch directory",
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
        shape: |plan, inputs| with_object(plan, inputs, "LD_PRELOAD"),
        ..PRELOAD
    },
    Technique {
        id: "preload.library-path",
        title: "program start under LD_LIBRARY_PATH",
        reason: "a library that the program needs anyway is taken from somewhere else",
        evidence: "LD_LIBRARY_PATH=DIRECTORY in the environment of the exec; the library is mapped from there",
        worker: Form::Linked,
        parameters: &[DIRECTORY],
        shape: library_path,
        ..PRELOAD
    },
    Technique {
        id: "preload.both",
        title: "program start under LD_PRELOAD and LD_LIBRARY_PATH",
        reason: "two variables in one start: two terms in one document",
        evidence: "both variables in the environment of one exec; the object is mapped",
        parameters: &[DIRECTORY],
        shape: |plan, inputs| {
            library_path(plan, inputs);
            plan.env.push(("LD_PRELOAD", Text::literal(OBJECT_NAME)));
        },
        ..PRELOAD
    },
    Technique {
        id: "preload.audit",
        title: "program start under LD_AUDIT",
        reason: "the loader's own audit interface loads code as well, and before any LD_PRELOAD",
        evidence: "LD_AUDIT=OBJECT in the environment of the exec; the object is mapped",
        shape: |plan, inputs| with_object(plan, inputs, "LD_AUDIT"),
        ..PRELOAD
    },
    Technique {
        id: "preload.tunables",
        title: "program start under GLIBC_TUNABLES",
        reason: "another variable that the loader reads, and has had holes in reading",
        evidence: "GLIBC_TUNABLES=.. in the environment of the exec; nothing is loaded",
        parameters: &[],
        expected: Expected::NotLoaded,
        shape: |plan, _| plan.env.push(("GLIBC_TUNABLES", Text::literal("glibc.malloc.arena_max=1"))),
        ..PRELOAD
    },
    Technique {
        id: "preload.lower-case",
        title: "program start under ld_preload",
        reason: "the control: names of variables are case-sensitive, for the loader and for a capture",
        evidence: "ld_preload=OBJECT in the environment of the exec; nothing is loaded",
        expected: Expected::NotLoaded,
        shape: |plan, inputs| with_object(plan, inputs, "ld_preload"),
        ..PRELOAD
    },
    Technique {
        id: "preload.missing",
        title: "LD_PRELOAD of a file that does not exist",
        reason: "left over from an uninstalled tool: the loader warns, goes on, and nothing was loaded",
        evidence: "LD_PRELOAD=OBJECT in the environment of the exec; the loader complains",
        expected: Expected::NotLoaded,
        shape: |plan, inputs| {
            let path = inputs.parameters.path(OBJECT.name).with_extension("missing.so");
            plan.object = Some(path.clone());
            plan.env.push(("LD_PRELOAD", Text::inside(path)));
        },
        ..PRELOAD
    },
    Technique {
        id: "preload.wrong-class",
        title: "LD_PRELOAD of an object for another word size",
        reason: "a 32-bit library in a 64-bit world: the loader warns, goes on, and nothing was loaded",
        evidence: "LD_PRELOAD=OBJECT in the environment of the exec; the loader complains of the ELF class",
        expected: Expected::NotLoaded,
        shape: |plan, inputs| {
            let path = inputs.parameters.path(OBJECT.name);
            place(plan, &path, Content::WrongClassObject);
            plan.object = Some(path.clone());
            plan.env.push(("LD_PRELOAD", Text::inside(path)));
        },
        ..PRELOAD
    },
    Technique {
        id: "preload.empty",
        title: "LD_PRELOAD without a value",
        reason: "how scripts switch a preload off: the variable is there and does nothing",
        evidence: "LD_PRELOAD= in the environment of the exec; nothing is loaded",
        parameters: &[],
        expected: Expected::NotLoaded,
        shape: |plan, _| plan.env.push(("LD_PRELOAD", Text::default())),
        ..PRELOAD
    },
    Technique {
        id: "preload.colon-list",
        title: "LD_PRELOAD of two objects, separated by a colon",
        reason: "one's own object beside a known one: the whole list is the term",
        evidence: "LD_PRELOAD=OBJECT:SECOND in the environment of the exec; both are mapped",
        parameters: &[OBJECT, SECOND],
        shape: |plan, inputs| list(plan, inputs, ":"),
        ..PRELOAD
    },
    Technique {
        id: "preload.space-list",
        title: "LD_PRELOAD of two objects, separated by a space",
        reason: "the other separator: the same objects and another term",
        evidence: "LD_PRELOAD=OBJECT SECOND in the environment of the exec; both are mapped",
        parameters: &[OBJECT, SECOND],
        shape: |plan, inputs| list(plan, inputs, " "),
        ..PRELOAD
    },
    Technique {
        id: "preload.relative-path",
        title: "LD_PRELOAD of a relative path",
        reason: "the same term whatever the directory, so it is known after the first time anywhere",
        evidence: "LD_PRELOAD=./NAME in the environment of the exec; the object is mapped",
        shape: |plan, inputs| long_value(plan, inputs, 0),
        ..PRELOAD
    },
    Technique {
        id: "preload.value-1023",
        title: "LD_PRELOAD of 1,023 characters",
        reason: "the longest value that a capture of the environment keeps",
        evidence: "LD_PRELOAD=././..NAME, 1,023 characters, in the environment of the exec; the object is mapped",
        shape: |plan, inputs| long_value(plan, inputs, 1023),
        ..PRELOAD
    },
    Technique {
        id: "preload.value-1024",
        title: "LD_PRELOAD of 1,024 characters",
        reason: "one more than a capture of the environment keeps: padding as a way to stay unseen",
        evidence: "LD_PRELOAD=././..NAME, 1,024 characters, in the environment of the exec; the object is mapped",
        shape: |plan, inputs| long_value(plan, inputs, 1024),
        ..PRELOAD
    },
    Technique {
        id: "preload.value-5000",
        title: "LD_PRELOAD of 5,000 characters",
        reason: "longer than any path can be, as a list that names one object again and again",
        evidence: "LD_PRELOAD=././..NAME:././..NAME:.., 5,000 characters; the object is mapped",
        shape: |plan, inputs| long_value(plan, inputs, 5000),
        ..PRELOAD
    },
    Technique {
        id: "preload.static-target",
        title: "LD_PRELOAD before a static program",
        reason: "there is no loader to read it, so nothing is loaded; the environment looks the same",
        evidence: "LD_PRELOAD=OBJECT in the environment of the exec; nothing is loaded",
        worker: Form::Static,
        needs: &[],
        expected: Expected::NotLoaded,
        shape: |plan, inputs| with_object(plan, inputs, "LD_PRELOAD"),
        ..PRELOAD
    },
    Technique {
        id: "preload.script",
        title: "LD_PRELOAD before a script",
        reason: "the object goes into the interpreter, which is the executable that is seen",
        evidence: "one exec, executable = interpreter, LD_PRELOAD=OBJECT in its environment; the object is mapped",
        shape: |plan, inputs| {
            with_object(plan, inputs, "LD_PRELOAD");
            let script = inputs.beside("script");
            let line = Text::literal("#!").then_inside(inputs.executable).then(" ").then(inputs.id).then("\n");
            place(plan, &script, Content::Script(line));
            plan.argv = vec![Text::inside(&script)];
            plan.program = Program::Placed(script);
        },
        ..PRELOAD
    },
];

/// Plans the object at the path that the parameter names, and the variable that names it.
fn with_object(plan: &mut Plan, inputs: &Inputs<'_>, variable: &'static str) {
    let object = place_object(plan, inputs);
    plan.env.push((variable, object));
}

/// Plans the object at the path that the parameter names.
pub(super) fn place_object(plan: &mut Plan, inputs: &Inputs<'_>) -> Text {
    let path = inputs.parameters.path(OBJECT.name);
    place(plan, &path, Content::Object);
    plan.object = Some(path.clone());
    Text::inside(path)
}

pub(super) fn place(plan: &mut Plan, path: &Path, content: Content) {
    plan.files.push(Placed { path: path.to_owned(), content });
}

fn library_path(plan: &mut Plan, inputs: &Inputs<'_>) {
    let directory = inputs.parameters.path(DIRECTORY.name);
    let library = directory.join(OBJECT_NAME);
    place(plan, &library, Content::Object);
    plan.object = Some(library);
    plan.env.push(("LD_LIBRARY_PATH", Text::inside(directory)));
}

fn list(plan: &mut Plan, inputs: &Inputs<'_>, separator: &str) {
    let first = place_object(plan, inputs);
    let second = inputs.parameters.path(SECOND.name);
    place(plan, &second, Content::Object);
    plan.env.push(("LD_PRELOAD", first.then(separator).then_inside(second)));
}

/// LD_PRELOAD with a relative path that is padded to `length` characters, in the object's own directory.
///
/// Nothing in the value depends on where the run lies, so it has the same length for the kernel and in every document.
fn long_value(plan: &mut Plan, inputs: &Inputs<'_>, length: usize) {
    let path = inputs.parameters.path(OBJECT.name);
    place_object(plan, inputs);
    plan.cwd = path.parent().unwrap_or(Path::new("/")).to_owned();
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    plan.env.push(("LD_PRELOAD", Text::literal(padded(&name, length))));
}

/// `././name:./name`, at least `./name` and otherwise exactly `length` bytes: entries of at most 2,048, so that each is a
/// path that can be opened.
fn padded(name: &str, length: usize) -> String {
    const LONGEST: usize = 2048;
    let shortest = name.len() + 2;
    if length > LONGEST {
        let rest = padded(name, length - LONGEST - 1);
        return format!("{}:{rest}", padded(name, LONGEST));
    }
    let missing = length.saturating_sub(shortest);
    let odd = if missing % 2 == 1 { "/" } else { "" };
    format!("{}./{odd}{name}", "./".repeat(missing / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_padded_value_has_exactly_the_length_that_was_asked_for() {
        for length in [20, 21, 1023, 1024, 2048, 2100, 5000] {
            let value = padded("libtrace.so", length);
            assert_eq!(value.len(), length);
            assert!(value.split(':').all(|entry| entry.len() < 4096 && entry.ends_with("/libtrace.so")), "{value}");
        }
        assert_eq!(padded("libtrace.so", 0), "./libtrace.so");
    }
}
