//! Files of a run: what a scenario names, put where it really lies, once.

use std::collections::HashMap;
use std::fs::{self, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::SimulatorError;
use crate::elf;
use crate::plan::{Content, Placed, below};
use crate::scratch::{check_scenario_path, making};
use crate::sys;
use crate::worker::{Form, OBJECT};

/// The files below one scratch directory.
#[derive(Debug)]
pub(crate) struct Files {
    /// Where the single copies lie.
    home: PathBuf,
    /// What stands for `/`.
    root: PathBuf,
    /// What lies where, by the scenario's path, so that a second act of the same program costs nothing.
    placed: Mutex<HashMap<PathBuf, Content>>,
    /// Single copies that placed programs are links to.
    masters: Mutex<HashMap<&'static str, PathBuf>>,
}

impl Files {
    pub(crate) fn new(home: PathBuf, root: PathBuf) -> Files {
        Files { home, root, placed: Mutex::default(), masters: Mutex::default() }
    }

    /// Puts a file where the scenario names it. A file that already lies there with the same content is left alone.
    pub(crate) fn place(&self, file: &Placed) -> Result<PathBuf, SimulatorError> {
        check_scenario_path(&file.path)?;
        let real = below(Some(&self.root), &file.path);
        // Whatever goes wrong with paths: nothing is ever written outside.
        if !real.starts_with(&self.root) {
            return Err(SimulatorError::BadPath { path: real, reason: "it would lie outside the run's own directory" });
        }
        let _making = making();
        let mut placed = lock(&self.placed);
        if placed.get(&file.path) == Some(&file.content) && real.symlink_metadata().is_ok() {
            return Ok(real);
        }
        if let Some(parent) = real.parent() {
            fs::create_dir_all(parent).map_err(SimulatorError::place("make the directory", parent))?;
        }
        if placed.remove(&file.path).is_some() && file.content != Content::Directory {
            let gone = fs::remove_file(&real);
            if let Err(error) = gone.or_else(ignore(io::ErrorKind::NotFound)) {
                return Err(SimulatorError::place("replace", &real)(error));
            }
        }
        self.write(&file.content, &real)?;
        placed.insert(file.path.clone(), file.content.clone());
        Ok(real)
    }

    fn write(&self, content: &Content, real: &Path) -> Result<(), SimulatorError> {
        let plain = |bytes: &[u8], mode| write_file(real, bytes, mode).map_err(SimulatorError::place("write", real));
        match content {
            Content::Worker(form) => link(&self.master(*form)?, real),
            Content::ExecstackWorker => {
                let master =
                    self.master_copy("worker-execstack", || elf::with_executable_stack(Form::Static.bytes()))?;
                link(&master, real)
            }
            Content::SetUidWorker => {
                write_program(real, Form::Dynamic.bytes(), 0o4755).map_err(SimulatorError::place("write", real))
            }
            Content::Object => plain(OBJECT, 0o644),
            Content::WrongClassObject => plain(&elf::with_other_class(OBJECT), 0o644),
            Content::Script(text) => write_program(real, text.render(Some(&self.root)).as_bytes(), 0o755)
                .map_err(SimulatorError::place("write", real)),
            Content::Plain(text) => plain(text.render(Some(&self.root)).as_bytes(), 0o644),
            Content::CopyOf(source) => match fs::read(source) {
                Ok(bytes) => plain(&bytes, 0o644),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                Err(error) => Err(SimulatorError::place("read", source)(error)),
            },
            Content::Directory => fs::create_dir_all(real).map_err(SimulatorError::place("make the directory", real)),
        }
    }

    /// The one copy of a form of the worker, from which all others are linked.
    pub(crate) fn master(&self, form: Form) -> Result<PathBuf, SimulatorError> {
        self.master_copy(form.file_name(), || form.bytes().to_vec())
    }

    fn master_copy(&self, name: &'static str, bytes: impl FnOnce() -> Vec<u8>) -> Result<PathBuf, SimulatorError> {
        let mut masters = lock(&self.masters);
        if let Some(master) = masters.get(name) {
            return Ok(master.clone());
        }
        let path = self.home.join(name);
        write_program(&path, &bytes(), 0o755).map_err(SimulatorError::place("write", &path))?;
        masters.insert(name, path.clone());
        Ok(path)
    }
}

/// Runs a copy of the worker only to see whether and how it starts; it does nothing then.
pub(crate) fn probe(program: &Path, arguments: &[&str]) -> io::Result<ExitStatus> {
    // Pipes, because there may be no /dev/null.
    let mut command = Command::new(program);
    command.arg("probe").args(arguments).env_clear().stdin(Stdio::piped());
    sys::end_with_us(&mut command);
    Ok(command.output()?.status)
}

/// A link costs no data and leaves the path that was executed visible as its own; where there are no links, a copy.
fn link(master: &Path, real: &Path) -> Result<(), SimulatorError> {
    if fs::hard_link(master, real).is_ok() {
        return Ok(());
    }
    let bytes = fs::read(master).map_err(SimulatorError::place("read", master))?;
    write_program(real, &bytes, 0o755).map_err(SimulatorError::place("write", real))
}

/// Writes a program and waits until it can be executed.
///
/// Another thread that forks while the file is open for writing passes the open file on until its child executes; in that
/// moment the kernel refuses to execute the file (ETXTBSY). It never comes back once nobody has it open.
fn write_program(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    write_file(path, bytes, mode)?;
    for _ in 0..200 {
        match probe(path, &[]) {
            Err(error) if error.raw_os_error() == Some(libc::ETXTBSY) => thread::sleep(Duration::from_millis(2)),
            // Whether it may be executed at all is somebody else's question.
            _ => return Ok(()),
        }
    }
    Err(io::Error::from_raw_os_error(libc::ETXTBSY))
}

fn write_file(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    fs::write(path, bytes)?;
    // Set after writing: writing takes the set-uid bit away, and the process's umask has no say here.
    fs::set_permissions(path, Permissions::from_mode(mode))
}

pub(crate) fn ignore(kind: io::ErrorKind) -> impl FnOnce(io::Error) -> io::Result<()> {
    move |error| if error.kind() == kind { Ok(()) } else { Err(error) }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
