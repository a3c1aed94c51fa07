//! Memory that is writable and executable: the ways to it, and the ways around what a rule looks at.

use crate::technique::{Inputs, Privileges, Technique};
use crate::{Expected, Feature, Form, Need, Parameter, ParameterKind, Plan, Text};

const THREAD: Parameter =
    Parameter { name: "name", what: "name of the thread", default: "worker-thread-x", kind: ParameterKind::ThreadName };

const COVER: Parameter =
    Parameter { name: "name", what: "name to hide behind", default: "java", kind: ParameterKind::ThreadName };

const PAGES: Parameter = Parameter {
    name: "pages",
    what: "number of pages in one call",
    default: "64",
    kind: ParameterKind::Number { min: 2, max: 4096 },
};

const TIMES: Parameter = Parameter {
    name: "times",
    what: "number of calls",
    default: "5",
    kind: ParameterKind::Number { min: 2, max: 100 },
};

/// What most of this family has in common.
pub(super) const RWX: Technique = Technique {
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
    Technique {
        id: "rwx.relro",
        title: "private page made read-only",
        reason: "the noise: the dynamic loader does this in every program it starts",
        evidence: "mprotect(.., 4096, 1) = 0; the map shows r--p",
        expected: Expected::Permissions("r--p"),
        ..RWX
    },
    Technique {
        id: "rwx.shared",
        title: "shared page made RWX",
        reason: "memory that a second process could be given as well",
        evidence: "mprotect(.., 4096, 7) = 0; the map shows rwxs",
        expected: Expected::Permissions("rwxs"),
        ..RWX
    },
    Technique {
        id: "rwx.file-backed",
        title: "private mapping of a file made RWX",
        reason: "patching code of a mapped program or library in place",
        evidence: "mprotect(.., 4096, 7) = 0; the map shows rwxp with the file's path",
        ..RWX
    },
    Technique {
        id: "rwx.stack",
        title: "page of the stack made RWX",
        reason: "the classic end of a buffer overflow: make the stack executable, return into it",
        evidence: "mprotect(.., 4096, 7) = 0; the map shows rwxp inside the stack",
        ..RWX
    },
    Technique {
        id: "rwx.heap",
        title: "page of the heap made RWX",
        reason: "code that was unpacked into allocated memory",
        evidence: "mprotect(.., 4096, 7) = 0; the map shows rwxp inside [heap]",
        ..RWX
    },
    Technique {
        id: "rwx.unmapped",
        title: "mprotect RWX of an unmapped address",
        reason: "the call fails and nothing becomes executable; a rule without a test of the outcome cannot tell",
        evidence: "mprotect(.., 4096, 7) = -12 (ENOMEM); nothing is mapped",
        expected: Expected::Unchanged { result: -12 },
        ..RWX
    },
    Technique {
        id: "rwx.zero-length",
        title: "mprotect RWX of no bytes",
        reason: "the call succeeds and changes nothing, so even a test of the outcome cannot tell",
        evidence: "mprotect(.., 0, 7) = 0; the map still shows rw-p",
        expected: Expected::Unchanged { result: 0 },
        ..RWX
    },
    Technique {
        id: "rwx.unaligned",
        title: "mprotect RWX of an address inside a page",
        reason: "a buggy program: the call fails and nothing becomes executable",
        evidence: "mprotect(.., 4096, 7) = -22 (EINVAL); the map still shows rw-p",
        expected: Expected::Unchanged { result: -22 },
        ..RWX
    },
    Technique {
        id: "rwx.renamed-thread",
        title: "mprotect RWX from a renamed thread",
        reason: "audit names the thread, not the program: whoever names threads chooses the term",
        evidence: "mprotect(.., 4096, 7) = 0 with the thread's name as comm; the map shows rwxp",
        parameters: &[THREAD],
        shape: pass_parameter,
        ..RWX
    },
    Technique {
        id: "rwx.cover-name",
        title: "mprotect RWX under an allow-listed name",
        reason: "rules exclude java or node by name, and a process gives itself its name",
        evidence: "mprotect(.., 4096, 7) = 0 with comm java and its own path as exe; the map shows rwxp",
        parameters: &[COVER],
        shape: pass_parameter,
        ..RWX
    },
    Technique {
        id: "rwx.prot-sem",
        title: "mprotect RWX with PROT_SEM",
        reason: "one meaningless bit more, and an exact comparison of the argument misses",
        evidence: "mprotect(.., 4096, 15) = 0; the map shows rwxp",
        ..RWX
    },
    Technique {
        id: "rwx.grows-down",
        title: "mprotect RWX with PROT_GROWSDOWN",
        reason: "as glibc makes stacks executable: another bit that an exact comparison misses",
        evidence: "mprotect(.., 4096, 0x1000007) = 0; the map shows rwxp",
        ..RWX
    },
    Technique {
        id: "rwx.high-bits",
        title: "mprotect with a bit above the protection's 32",
        reason: "would hide the 7 if the kernel ignored the bit, which it does not",
        evidence: "mprotect(.., 4096, 0x100000007) = -22 (EINVAL); the map still shows rw-p",
        expected: Expected::Unchanged { result: -22 },
        ..RWX
    },
    Technique {
        id: "rwx.write-exec",
        title: "page made writable and executable, not readable",
        reason: "x86 cannot forbid reading, so this is RWX in effect, and the argument is 6",
        evidence: "mprotect(.., 4096, 6) = 0; the map shows -wxp",
        expected: Expected::Permissions("-wxp"),
        ..RWX
    },
    Technique {
        id: "rwx.transient",
        title: "page made RWX and at once RX",
        reason: "writable and executable for a moment only: who looks at memory later sees nothing",
        evidence: "mprotect(.., 4096, 7) = 0, then mprotect(.., 4096, 5) = 0; the map ends at r-xp",
        expected: Expected::Sequence(&["rwxp", "r-xp"]),
        ..RWX
    },
    Technique {
        id: "rwx.read-implies-exec",
        title: "mprotect RW under READ_IMPLIES_EXEC",
        reason: "a personality makes every readable page executable; the call asks for nothing suspicious",
        evidence: "per=400000, mprotect(.., 4096, 3) = 0; the map shows rwxp",
        needs: &[Need::Kernel(Feature::ReadImpliesExec)],
        ..RWX
    },
    Technique {
        id: "rwx.pkey-mprotect",
        title: "page made RWX with pkey_mprotect",
        reason: "the same change through a sister call that audit rules forget",
        evidence: "pkey_mprotect(.., 4096, 7, -1) = 0; the map shows rwxp",
        ..RWX
    },
    Technique {
        id: "rwx.mmap",
        title: "memory born RWX",
        reason: "nothing is changed afterwards, so there is no mprotect to see",
        evidence: "mmap(0, 8192, 7, 0x22, ..) = address; the map shows rwxp",
        ..RWX
    },
    Technique {
        id: "rwx.int80",
        title: "mprotect RWX through int 0x80",
        reason: "a 64-bit process may use the 32-bit gate, where mprotect has another number and architecture",
        evidence: "arch=40000003 syscall=125 a2=7; the map shows rwxp",
        needs: &[Need::Kernel(Feature::Int80)],
        ..RWX
    },
    Technique {
        id: "rwx.x32",
        title: "mprotect RWX by its x32 number",
        reason: "the same call with bit 30 set in its number; most kernels have it switched off",
        evidence: "syscall=1073741834 a2=7; rwxp, or ENOSYS and no change",
        expected: Expected::Attempted,
        ..RWX
    },
    Technique {
        id: "rwx.memfd-dual-view",
        title: "one memory file, mapped RW and RX",
        reason: "written through one window and executed through the other; no page is ever both",
        evidence: "memfd_create, mmap(.., 3, ..) and mmap(.., 5, ..) of /memfd:jit; the map shows rw-s and r-xs",
        expected: Expected::Sequence(&["rw-s", "r-xs"]),
        ..RWX
    },
    Technique {
        id: "rwx.memfd-program",
        title: "mprotect RWX by a program that exists in memory only",
        reason: "fileless: the executable is /memfd:NAME, a term that every victim shares",
        evidence: "exe=/memfd:NAME (deleted), mprotect(.., 4096, 7) = 0; the map shows rwxp",
        ..RWX
    },
    Technique {
        id: "rwx.deleted",
        title: "mprotect RWX by a program that removed its own file",
        reason: "the kernel then writes (deleted) behind the path, which makes another term of it",
        evidence: "exe=PATH (deleted), mprotect(.., 4096, 7) = 0; the map shows rwxp",
        ..RWX
    },
    Technique {
        id: "rwx.child",
        title: "mprotect RWX by a forked child",
        reason: "another process, the same executable: no new term",
        evidence: "mprotect(.., 4096, 7) = 0 with the child's pid; the map shows rwxp",
        ..RWX
    },
    Technique {
        id: "rwx.execstack",
        title: "executable that asks for an executable stack",
        reason: "one flag in its header, and the kernel makes the stack RWX by itself",
        evidence: "no call at all; the map shows rwxp [stack]",
        shape: |plan, inputs| plan.replace_worker(inputs.executable, crate::Content::ExecstackWorker),
        ..RWX
    },
    Technique {
        id: "rwx.many-pages",
        title: "many pages made RWX in one call",
        reason: "a whole unpacked program; one event, whatever its size",
        evidence: "mprotect(.., PAGES * 4096, 7) = 0; the map shows rwxp",
        parameters: &[PAGES],
        shape: pass_parameter,
        ..RWX
    },
    Technique {
        id: "rwx.repeated",
        title: "one page made RWX again and again",
        reason: "a JIT that opens and closes its page around each write: many events, one term",
        evidence: "TIMES times mprotect(.., 4096, 7) = 0; the map shows rwxp each time",
        parameters: &[TIMES],
        shape: pass_parameter,
        ..RWX
    },
];

/// Passes the technique's one parameter on to the worker as an argument.
fn pass_parameter(plan: &mut Plan, inputs: &Inputs<'_>) {
    if let Some((_, value)) = inputs.parameters.iter().next() {
        plan.argv.push(Text::literal(value));
    }
}
