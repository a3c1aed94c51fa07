//! Builds the worker and the preload object, which the simulator carries inside itself.
//!
//! They are small programs of their own, without a standard library, so they are compiled here by the same `rustc` and not
//! as part of any crate; nothing is downloaded, and flags meant for the lab itself (RUSTFLAGS, the profile) do not reach them.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, exit};

fn main() {
    for folder in ["worker", "preload", "build.rs"] {
        println!("cargo:rerun-if-changed={folder}");
    }
    for name in ["RUSTC", "RUSTC_LINKER"] {
        println!("cargo:rerun-if-env-changed={name}");
    }
    println!("cargo:rustc-check-cfg=cfg(standalone)");
    let builder = Builder::from_cargo();
    builder.object();
    builder.worker("worker-static", Form::Static);
    builder.worker("worker-dynamic", Form::Dynamic);
    builder.worker("worker-linked", Form::Linked);
}

/// File name and library name of the preload object.
const OBJECT: &str = "libtrace.so";

#[derive(PartialEq)]
enum Form {
    /// No loader, no library.
    Static,
    /// Loaded by the dynamic loader, needs the C library.
    Dynamic,
    /// As `Dynamic`, and needs the preload object as a library.
    Linked,
}

struct Builder {
    rustc: OsString,
    linker: Option<OsString>,
    target: String,
    source: PathBuf,
    out: PathBuf,
}

impl Builder {
    fn from_cargo() -> Builder {
        let variable = |name: &str| env::var_os(name).unwrap_or_else(|| fail(&format!("cargo did not set {name}")));
        let text = |name: &str| variable(name).to_string_lossy().into_owned();
        if text("CARGO_CFG_TARGET_ARCH") != "x86_64" || text("CARGO_CFG_TARGET_OS") != "linux" {
            fail("firstseen does its acts with x86-64 Linux system calls; build for x86_64-unknown-linux-gnu");
        }
        // Preload acts need a dynamic loader that honours LD_PRELOAD the way the rules expect: the GNU one.
        let target = text("TARGET").replace("-musl", "-gnu");
        Builder {
            rustc: variable("RUSTC"),
            linker: env::var_os("RUSTC_LINKER"),
            target,
            source: variable("CARGO_MANIFEST_DIR").into(),
            out: variable("OUT_DIR").into(),
        }
    }

    fn object(&self) {
        let output = self.out.join(OBJECT);
        let mut rustc = self.rustc(&self.source.join("preload/object.rs"), &output);
        rustc.args(["--crate-name", "trace", "--crate-type", "cdylib", "-C", "relocation-model=pic"]);
        run(link_with(rustc, &["-nostdlib", &format!("-Wl,-soname,{OBJECT}")]));
    }

    fn worker(&self, name: &str, form: Form) {
        let mut rustc = self.rustc(&self.source.join("worker/main.rs"), &self.out.join(name));
        rustc.args(["--crate-name", "worker", "--crate-type", "bin", "--check-cfg", "cfg(standalone)"]);
        let library = self.out.join(OBJECT).display().to_string();
        let mut link = vec![];
        if form == Form::Static {
            rustc.args(["--cfg", "standalone", "-C", "relocation-model=static", "-C", "target-feature=+crt-static"]);
            link.extend(["-nostdlib", "-static", "-no-pie"]);
        } else {
            rustc.args(["-C", "relocation-model=pic", "-C", "target-feature=-crt-static"]);
            link.extend(["-pie", "-Wl,--no-as-needed"]);
            if form == Form::Linked {
                link.push(&library);
            }
            link.push("-lc");
        }
        run(link_with(rustc, &link));
    }

    fn rustc(&self, source: &Path, output: &Path) -> Command {
        let mut rustc = Command::new(&self.rustc);
        rustc.args(["--edition", "2024", "--target", &self.target, "--cap-lints", "warn"]);
        rustc.args(["-C", "opt-level=s", "-C", "panic=abort", "-C", "strip=symbols", "-C", "debuginfo=0"]);
        rustc.args(["-C", "codegen-units=1", "-C", "overflow-checks=off"]);
        if let Some(linker) = &self.linker {
            rustc.arg("-C").arg(["linker=".into(), linker.clone()].into_iter().collect::<OsString>());
        }
        rustc.arg("-o").arg(output).arg(source);
        rustc
    }
}

fn link_with(mut rustc: Command, arguments: &[&str]) -> Command {
    // The compiled core library names a function for unwinding, which a program that aborts never calls.
    let common = ["-nostartfiles", "-Wl,-z,noexecstack", "-Wl,--defsym=rust_eh_personality=0"];
    for argument in common.iter().chain(arguments) {
        rustc.arg("-C").arg(format!("link-arg={argument}"));
    }
    rustc
}

fn run(mut command: Command) {
    match command.status() {
        Ok(status) if status.success() => {}
        Ok(status) => fail(&format!("{command:?} ended with {status}; its own message is above")),
        Err(error) => fail(&format!("cannot start {command:?}: {error}")),
    }
}

fn fail(message: &str) -> ! {
    println!("cargo::error={message}");
    exit(1)
}
