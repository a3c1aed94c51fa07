//! Benign twins: real just-in-time compilers of the machine, which need memory that is written and then executed.
//!
//! The program is the machine's own, so its path is the term, and what it does depends on its version.

use super::rwx::RWX;
use crate::{Expected, Need, Plan, Program, Technique, Text};

/// Calls a function until it is compiled, then says how many of its mappings are writable and executable.
const NODE: &str = "const fs=require('fs');\
    function work(n){let s=0;for(let i=0;i<n;i++)s+=i*i;return s}\
    for(let k=0;k<200;k++)work(20000);\
    const rwx=fs.readFileSync('/proc/self/maps','latin1').split('\\n').filter(l=>/ rwx/.test(l)).length;\
    fs.writeSync(+process.env.FIRSTSEEN_REPORT_FD,\
    JSON.stringify({say:'ran',pid:process.pid,secure:false,object:false,rwx_mappings:rwx})+'\\n')";

/// Makes C call back into Python, for which libffi writes a small function at run time.
const PYTHON: &str = "import ctypes,json,os\n\
    callback=ctypes.CFUNCTYPE(ctypes.c_int)(lambda:7)\n\
    assert callback()==7\n\
    rwx=sum(' rwx' in line for line in open('/proc/self/maps'))\n\
    line=dict(say='ran',pid=os.getpid(),secure=False,object=False,rwx_mappings=rwx)\n\
    os.write(int(os.environ['FIRSTSEEN_REPORT_FD']),(json.dumps(line)+'\\n').encode())";

const JAVA_PATH: &str = "/usr/bin/java";

/// Without the option the virtual machine would leave a directory in /tmp.
const JAVA: [&str; 3] = [JAVA_PATH, "-XX:-UsePerfData", "-version"];

const JIT: Technique =
    Technique { touches: "one process of an interpreter of the machine", expected: Expected::Ran, ..RWX };

pub(super) const TECHNIQUES: &[Technique] = &[
    Technique {
        id: "rwx.jit-node",
        title: "a real JIT: node",
        reason: "benign twin: V8 opens and closes its code pages with mprotect, exactly as the attack does",
        evidence: "mprotect(.., 7) by node's own threads, depending on its version",
        needs: &[Need::Program("node")],
        shape: |plan, _| host_program(plan, "node", &["-e", NODE]),
        ..JIT
    },
    Technique {
        id: "rwx.jit-python",
        title: "a real JIT: python ctypes",
        reason: "benign twin: libffi writes small functions for callbacks into memory born RWX",
        evidence: "mmap(.., 4096, 7, ..), depending on the version of libffi",
        needs: &[Need::Program("python3")],
        // -I: nothing of the user's own, -S: nothing of the site's, -B: no compiled files are written.
        shape: |plan, _| host_program(plan, "python3", &["-I", "-S", "-B", "-c", PYTHON]),
        ..JIT
    },
    Technique {
        id: "rwx.jit-java",
        title: "a real JIT: java",
        reason: "benign twin: the virtual machine's code cache is memory born RWX",
        evidence: "mmap(.., 7, ..) by java, started by the scenario's executable",
        needs: &[Need::File(JAVA_PATH)],
        shape: |plan, _| plan.argv.extend(JAVA.map(Text::literal)),
        ..JIT
    },
];

/// The act is a program of the machine; nothing is placed.
fn host_program(plan: &mut Plan, name: &'static str, arguments: &[&str]) {
    plan.files.clear();
    plan.program = Program::Search(name);
    plan.argv = [name].iter().chain(arguments).map(|word| Text::literal(*word)).collect();
}
