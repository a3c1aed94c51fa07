//! How a preload comes about: through other programs, at another moment, without any variable, into other processes.

use super::preload::{PRELOAD, place, place_object};
use crate::plan::{Content, Plan};
use crate::technique::{Inputs, Privileges, Technique};
use crate::{Expected, Feature, Loading, Need, Program, Text};

const SHELL: &str = "/bin/sh";
const ENV: &str = "/usr/bin/env";

/// Where the x86-64 ABI puts the dynamic loader.
const LOADER: &str = "/lib64/ld-linux-x86-64.so.2";

pub(super) const TECHNIQUES: &[Technique] = &[
    Technique {
        id: "preload.through-env",
        title: "LD_PRELOAD set by env",
        reason: "the variable is only in env's arguments at its own start, and in the environment of the next",
        evidence: "exec of env without, exec of the program with LD_PRELOAD=OBJECT; the object is mapped",
        needs: &[Need::Loader, Need::File(ENV)],
        shape: |plan, inputs| {
            let object = place_object(plan, inputs);
            let setting = Text::literal("LD_PRELOAD=").then_all(object);
            plan.program = Program::Host(ENV.into());
            plan.argv = vec![Text::literal("env"), setting, Text::inside(inputs.executable), Text::literal(inputs.id)];
        },
        ..PRELOAD
    },
    Technique {
        id: "preload.through-sh",
        title: "LD_PRELOAD set for one command of a shell",
        reason: "the way it stands in scripts and in crontabs",
        evidence: "exec of sh without, exec of the program with LD_PRELOAD=OBJECT; the object is mapped",
        needs: &[Need::Loader, Need::File(SHELL)],
        shape: |plan, inputs| shell(plan, inputs, |object| Text::literal("LD_PRELOAD=").then_all(object).then(" ")),
        ..PRELOAD
    },
    Technique {
        id: "preload.exported",
        title: "LD_PRELOAD exported by a shell, which then becomes the program",
        reason: "the way of profiles and wrappers: one process, two executables",
        evidence: "exec of sh without, exec of the program in the same process with LD_PRELOAD=OBJECT",
        needs: &[Need::Loader, Need::File(SHELL)],
        shape: |plan, inputs| {
            shell(plan, inputs, |object| Text::literal("export LD_PRELOAD=").then_all(object).then("; exec "));
        },
        ..PRELOAD
    },
    Technique {
        id: "preload.unset-before-exec",
        title: "LD_PRELOAD exported by a shell and taken back before the program starts",
        reason: "the control: it was in a process, but at no start of one",
        evidence: "exec of sh and exec of the program, both without; nothing is loaded",
        needs: &[Need::Loader, Need::File(SHELL)],
        expected: Expected::NotLoaded,
        shape: |plan, inputs| {
            shell(plan, inputs, |object| {
                Text::literal("export LD_PRELOAD=").then_all(object).then("; unset LD_PRELOAD; exec ")
            });
        },
        ..PRELOAD
    },
    Technique {
        id: "preload.re-exec",
        title: "program that sets LD_PRELOAD and starts itself again",
        reason: "needs no other program: setenv and exec, as tools do that instrument themselves",
        evidence: "first exec without, second exec in the same process with LD_PRELOAD=OBJECT; the object is mapped",
        shape: |plan, inputs| {
            let object = place_object(plan, inputs);
            plan.argv.push(Text::literal("LD_PRELOAD=").then_all(object));
        },
        ..PRELOAD
    },
    Technique {
        id: "preload.inherited",
        title: "LD_PRELOAD inherited by a child",
        reason: "one setting reaches everything below it: many starts, one term",
        evidence: "two execs with LD_PRELOAD=OBJECT, parent and child; the object is mapped in both",
        shape: |plan, inputs| {
            let object = place_object(plan, inputs);
            plan.env.push(("LD_PRELOAD", object));
        },
        ..PRELOAD
    },
    Technique {
        id: "preload.edited-later",
        title: "environment edited after the start",
        reason: "who reads /proc/PID/environ late sees a variable that was never in effect, or misses one that was",
        evidence: "exec with XX_PRELOAD=OBJECT; later the process shows LD_PRELOAD=OBJECT; nothing is loaded",
        expected: Expected::NotLoaded,
        shape: |plan, inputs| {
            let object = place_object(plan, inputs);
            plan.env.push(("XX_PRELOAD", object));
        },
        ..PRELOAD
    },
    Technique {
        id: "preload.loader-option",
        title: "object given to the dynamic loader as an option",
        reason: "the same effect without any variable; the executable that is seen is the loader",
        evidence: "exec of ld-linux with --preload OBJECT in its arguments, nothing in its environment",
        needs: &[Need::Loader, Need::File(LOADER)],
        shape: |plan, inputs| {
            let object = place_object(plan, inputs);
            plan.program = Program::Host(LOADER.into());
            plan.argv = vec![
                Text::literal(LOADER),
                Text::literal("--preload"),
                object,
                Text::inside(inputs.executable),
                Text::literal(inputs.id),
            ];
        },
        ..PRELOAD
    },
    Technique {
        id: "preload.ld-so-preload",
        title: "object named in ld.so.preload",
        reason: "the way of userland rootkits: every program loads it and no environment shows it",
        evidence: "two execs without any variable; the second finds /etc/ld.so.preload in a mount namespace of its own",
        touches: "a mount namespace of its own; the machine's /etc is neither written nor hidden from others",
        undo: "the processes end and their mount namespace with them; their files go with the scratch directory",
        needs: &[Need::Loader, Need::Kernel(Feature::MountNamespace)],
        shape: |plan, inputs| {
            let object = place_object(plan, inputs);
            let etc = inputs.beside("etc");
            place(plan, &etc.join("ld.so.preload"), Content::Plain(object.then("\n")));
            // The directory hides the machine's /etc, in which the loader finds where libraries are.
            place(plan, &etc.join("ld.so.cache"), Content::CopyOf("/etc/ld.so.cache".into()));
            plan.argv.push(Text::inside(etc));
        },
        ..PRELOAD
    },
    Technique {
        id: "preload.set-uid",
        title: "LD_PRELOAD before a set-uid program",
        reason: "the loader ignores it where privileges change, so it is an attempt that cannot succeed",
        evidence: "exec with LD_PRELOAD=OBJECT, real user 65534, effective user 0; nothing is loaded",
        touches: "one process of its own as user 65534, and a set-uid file in a directory that only root can enter",
        privileges: Privileges::Root,
        needs: &[Need::Loader, Need::Root, Need::SetUid],
        expected: Expected::Secure { loaded: Loading::Ignored },
        shape: |plan, inputs| {
            let object = place_object(plan, inputs);
            plan.replace_worker(inputs.executable, Content::SetUidWorker);
            plan.argv.push(Text::literal("LD_PRELOAD=").then_all(object));
        },
        ..PRELOAD
    },
];

/// `sh -c "BEFORE program technique"`.
fn shell(plan: &mut Plan, inputs: &Inputs<'_>, before: fn(Text) -> Text) {
    let object = place_object(plan, inputs);
    let command = before(object).then_word(inputs.executable).then(" ").then(inputs.id);
    plan.program = Program::Host(SHELL.into());
    plan.argv = vec![Text::literal("sh"), Text::literal("-c"), command];
}
