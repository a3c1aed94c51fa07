//! Podman on this machine, and the image that is run with it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

/// Name of the image.
const IMAGE: &str = "localhost/firstseen";

/// Limits that may be set everywhere: what Podman would set may be more than a nested machine allows.
const LIMITS: [&str; 4] = ["--ulimit", "nofile=1024:1024", "--ulimit", "nproc=8192:8192"];

/// Podman with images and containers in a folder of this test, so that the user's own are left alone.
pub(crate) struct Engine {
    folder: PathBuf,
    binary: PathBuf,
}

/// How a program in a container ended.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Answer {
    pub(crate) fn of(output: &Output) -> Answer {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Answer { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
    }
}

/// The engine with its image, or `None` and the reason on standard output.
pub(crate) fn engine() -> Option<&'static Engine> {
    static ENGINE: OnceLock<Result<Engine, String>> = OnceLock::new();
    match ENGINE.get_or_init(Engine::new) {
        Ok(engine) => Some(engine),
        Err(reason) => {
            skipped(reason);
            None
        }
    }
}

/// Says on standard output why a test does nothing here.
#[expect(clippy::print_stdout, reason = "skipped tests are listed by what they print")]
pub(crate) fn skipped(reason: &str) {
    println!("skipped: containers: {reason}");
}

impl Engine {
    fn new() -> Result<Engine, String> {
        let variable = |name: &str| std::env::var_os(name).map(PathBuf::from);
        let (Some(folder), Some(binary)) = (variable("FIRSTSEEN_CONTAINERS"), variable("FIRSTSEEN_STATIC")) else {
            return Err("they need a static binary; 'make test-containers' builds it and runs them".to_owned());
        };
        if !is_root() {
            return Err("they need root: the kernel's audit is out of reach of rootless containers".to_owned());
        }
        let engine = Engine { folder, binary };
        engine.fill_root(&engine.root());
        engine.build();
        Ok(engine)
    }

    /// The static binary.
    pub(crate) fn binary(&self) -> &Path {
        &self.binary
    }

    /// The root directory that the image is made of.
    pub(crate) fn root(&self) -> PathBuf {
        self.folder.join("context/image")
    }

    /// A folder of a test.
    pub(crate) fn folder(&self, name: &str) -> PathBuf {
        let folder = self.folder.join(name);
        std::fs::create_dir_all(&folder).expect("a folder");
        folder
    }

    /// Runs the program of the image.
    pub(crate) fn run(&self, flags: &[&str], arguments: &[&str]) -> Answer {
        self.start(&[flags, &[IMAGE]].concat(), arguments)
    }

    /// Starts the program of the image in a container of this name.
    pub(crate) fn begin(&self, name: &str, flags: &[&str], arguments: &[&str]) -> Child {
        let mut podman = self.podman();
        podman.args(["run", "--rm", "--name", name]).args(LIMITS).args(flags).arg(IMAGE).args(arguments);
        podman.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("podman starts")
    }

    /// Kills a container, with SIGKILL.
    pub(crate) fn kill(&self, name: &str) {
        run_to_end(self.podman().args(["kill", "--signal=KILL", name]));
    }

    /// Runs the program of a root directory that is no image.
    pub(crate) fn run_root(&self, root: &Path, flags: &[&str], arguments: &[&str]) -> Answer {
        let root = root.to_str().expect("UTF-8");
        self.start(&[flags, &["--rootfs", root, "/firstseen"]].concat(), arguments)
    }

    /// What `doctor` finds, and its exit code.
    pub(crate) fn doctor(&self, flags: &[&str]) -> Doctor {
        Doctor::of(&self.run(flags, &["doctor", "--format", "json"]))
    }

    /// Copies what an image needs to run to a folder.
    pub(crate) fn fill_root(&self, root: &Path) {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/image-root");
        run_to_end(Command::new(script).arg(&self.binary).arg(root));
    }

    /// Builds the last stage of the project's own Containerfile; the folder stands for the stage that compiles.
    fn build(&self) {
        let context = format!("build={}", self.folder.join("context").display());
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/Containerfile");
        let mut podman = self.podman();
        podman.args(["build", "--quiet", "--tag", IMAGE, "--file", file, "--build-context", &context]);
        run_to_end(podman.arg(self.folder("empty")));
    }

    fn start(&self, flags: &[&str], arguments: &[&str]) -> Answer {
        let output = self.podman().args(["run", "--rm"]).args(LIMITS).args(flags).args(arguments).output();
        let output = output.expect("podman starts");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let answer = Answer { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) };
        // These are Podman's own: the program did not start.
        assert!(!matches!(answer.code, None | Some(125..=127)), "podman run {flags:?}: {answer:?}");
        answer
    }

    fn podman(&self) -> Command {
        let mut podman = Command::new("podman");
        podman.arg("--root").arg(self.folder.join("store")).arg("--runroot").arg(self.folder.join("run"));
        // The driver that works on every file system, inside of containers too.
        podman.arg("--storage-driver=vfs").stdin(Stdio::null());
        podman
    }
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

fn run_to_end(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The JSON answer of `doctor`.
#[derive(Debug)]
pub(crate) struct Doctor {
    pub(crate) code: Option<i32>,
    report: Value,
}

impl Doctor {
    pub(crate) fn of(answer: &Answer) -> Doctor {
        let report = serde_json::from_str(&answer.stdout).unwrap_or_else(|error| panic!("{error}: {answer:?}"));
        Doctor { code: answer.code, report }
    }

    /// Whether a sensor works, and its reason and fix.
    pub(crate) fn sensor(&self, kind: &str) -> (bool, String, String) {
        let sensors = self.report["sensors"].as_array().expect("a list");
        let sensor = sensors.iter().find(|sensor| sensor["kind"] == kind).expect("the sensor");
        let text = |name: &str| sensor[name].as_str().unwrap_or_default().to_owned();
        (sensor["works"] == true, text("reason"), text("fix"))
    }

    /// Everything about a subject: weight, what and fix in one text; empty if nothing was found.
    pub(crate) fn finding(&self, subject: &str) -> String {
        let findings = self.report["findings"].as_array().expect("a list").iter();
        let about = findings.filter(|finding| finding["subject"] == subject);
        let text = |finding: &Value, name: &str| finding[name].as_str().expect("text").to_owned();
        about.map(|it| format!("{}: {}; {}\n", text(it, "weight"), text(it, "what"), text(it, "fix"))).collect()
    }
}
