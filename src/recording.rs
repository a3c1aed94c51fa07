//! `run --record`: a bundle that gets its name only when it is whole.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use firstseen_detector::audit::Accounts;
use firstseen_detector::journal::{Change, Journal, Ticket};
use firstseen_scenarios::bundle::{Recorder, RecordingWorld, Redaction};
use firstseen_scenarios::report::Reporter;
use firstseen_scenarios::{RunEvent, World};

use crate::failure::Failure;
use crate::lab::Lab;
use crate::output::message;

/// A bundle that is being written.
pub(crate) struct Recording {
    recorder: Recorder,
    file: Unfinished,
}

impl Recording {
    /// Begins the bundle before anything is done: a place that cannot be written is found out now.
    pub(crate) fn begin(path: &Path, lab: &Lab, sensor: &str, redact: bool) -> Result<Recording, Failure> {
        let failed = |error: io::Error| cannot(path, &error);
        let file = Unfinished::make(path, lab.journal())?;
        let sink = Box::new(file.file.try_clone().map_err(failed)?);
        let redaction = if redact { redaction() } else { Redaction::none() };
        Ok(Recording { recorder: Recorder::new(sink, sensor, redaction), file })
    }

    /// A world whose acts are recorded.
    pub(crate) fn world<'r>(&'r self, inner: &'r mut dyn World) -> RecordingWorld<'r> {
        self.recorder.world(inner)
    }

    /// A reporter whose events are recorded too.
    pub(crate) fn reporter<'r>(&'r self, inner: &'r mut dyn Reporter) -> impl Reporter + 'r {
        Told { recorder: &self.recorder, inner }
    }

    /// Ends the bundle and gives it its name. On an error nothing of it is left.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        let path = self.file.target.clone();
        let whole = self.recorder.finish().and_then(|()| self.file.keep());
        whole.map_err(|error| cannot(&path, &error))
    }
}

struct Told<'r> {
    recorder: &'r Recorder,
    inner: &'r mut dyn Reporter,
}

impl Reporter for Told<'_> {
    fn event(&mut self, event: &RunEvent) -> String {
        self.recorder.event(event);
        self.inner.event(event)
    }

    fn finish(&mut self) -> String {
        self.inner.finish()
    }
}

/// A file under a name of the run's own, beside the one that it is to become.
struct Unfinished {
    target: PathBuf,
    file: File,
    /// None where the target is no regular file (a device, a pipe): that is written to as it is.
    own: Option<(PathBuf, Ticket)>,
    journal: Journal,
}

impl Unfinished {
    fn make(path: &Path, journal: &Journal) -> Result<Unfinished, Failure> {
        let failed = |error: io::Error| cannot(path, &error);
        let journal = journal.clone();
        // Behind a symbolic link stands the file that is meant.
        let target = match path.canonicalize() {
            Ok(real) if real.is_dir() => return Err(failed(io::ErrorKind::IsADirectory.into())),
            Ok(real) if !real.is_file() => {
                let file = File::options().write(true).open(&real).map_err(failed)?;
                return Ok(Unfinished { target: real, file, own: None, journal });
            }
            Ok(real) => real,
            Err(error) if error.kind() == io::ErrorKind::NotFound => std::path::absolute(path).map_err(failed)?,
            Err(error) => return Err(failed(error)),
        };
        let folder = target.parent().ok_or_else(|| failed(io::ErrorKind::IsADirectory.into()))?;
        let folder = folder.canonicalize().map_err(failed)?;
        let own = folder.join(format!("firstseen-{}.part", journal.run()));
        let hold = journal.hold().map_err(Failure::environment)?;
        let ticket = journal.will(Change::File { path: own.clone() }).map_err(Failure::environment)?;
        let file = File::options().write(true).create_new(true).open(&own);
        drop(hold);
        let file = file.map_err(|error| {
            journal.undo(&[ticket]);
            failed(error)
        })?;
        Ok(Unfinished { target, file, own: Some((own, ticket)), journal })
    }

    fn keep(mut self) -> io::Result<()> {
        let Some((path, ticket)) = self.own.take() else { return Ok(()) };
        let kept = self.file.sync_all().and_then(|()| fs::rename(path, &self.target));
        // After a success this finds nothing any more.
        self.journal.undo(&[ticket]);
        kept
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some((_, ticket)) = self.own.take() {
            self.journal.undo(&[ticket]);
        }
    }
}

fn cannot(path: &Path, error: &io::Error) -> Failure {
    let message = |advice: &str| format!("cannot record to '{}': {error}; {advice}", path.display());
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory => {
            Failure::input(message("name a file in a folder that is there"))
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            Failure::environment(message("free some space or record elsewhere; nothing of the bundle was kept"))
        }
        _ => Failure::environment(message("record to a place that can be written")),
    }
}

/// The names of this machine, and of its people: system accounts such as `daemon` say nothing about anybody.
fn redaction() -> Redaction {
    let first_line = |path: &str| fs::read_to_string(path).unwrap_or_default().trim().to_owned();
    let full = ["/proc/sys/kernel/hostname", "/etc/hostname"].map(first_line);
    let short = full.iter().map(|name| name.split('.').next().unwrap_or_default());
    let mut hosts: Vec<&str> = full.iter().map(String::as_str).chain(short).filter(|name| !name.is_empty()).collect();
    let accounts = Accounts::of_this_machine();
    let login = ["USER", "LOGNAME", "SUDO_USER"].map(|name| std::env::var(name).unwrap_or_default());
    let login = login.iter().map(String::as_str).filter(|name| !name.is_empty());
    let mut people: Vec<&str> = accounts.people().chain(login).collect();
    for names in [&mut hosts, &mut people] {
        names.sort_unstable();
        names.dedup();
    }
    people.retain(|name| !hosts.contains(name));
    for name in hosts.iter().chain(&people).filter(|name| Redaction::is_too_short(name)) {
        message(format!("firstseen: '{name}' stays in the bundle: so short a name stands inside other words"));
    }
    Redaction::of(hosts, people)
}
