//! What can go wrong in preparing or running an act.

use std::io;
use std::path::{Path, PathBuf};

/// Why an act could not be prepared, run or read back.
#[derive(Debug, thiserror::Error)]
pub enum SimulatorError {
    /// No technique of this name.
    #[error("unknown technique '{id}'{}; 'firstseen list' shows all of them", did_you_mean(.nearest))]
    UnknownTechnique {
        /// As written.
        id: String,
        /// The known id that looks most like it.
        nearest: Option<&'static str>,
    },
    /// The technique takes no parameter of this name.
    #[error("technique '{technique}' has no parameter '{name}'{}; it takes {}", did_you_mean(.nearest), list(.known))]
    UnknownParameter {
        /// Technique id.
        technique: &'static str,
        /// As written.
        name: String,
        /// The known name that looks most like it.
        nearest: Option<&'static str>,
        /// All names that it takes.
        known: Vec<&'static str>,
    },
    /// A parameter's value is not of its kind.
    #[error("parameter '{name}' of technique '{technique}' is '{value}', but must be {expected}")]
    BadParameter {
        /// Technique id.
        technique: &'static str,
        /// Parameter.
        name: &'static str,
        /// As written.
        value: String,
        /// What it must be.
        expected: String,
    },
    /// Two different files of one act would lie in one place.
    #[error("technique '{technique}' needs two different files at '{path}'; give its parameters another path")]
    SamePlace {
        /// Technique id.
        technique: &'static str,
        /// The path, as the scenario names it.
        path: PathBuf,
    },
    /// A path that a scenario names cannot be used.
    #[error(
        "cannot use '{path}' as a path of the scenario: {reason}; write an absolute path such as /opt/acme/updater"
    )]
    BadPath {
        /// As written.
        path: PathBuf,
        /// Why not.
        reason: &'static str,
    },
    /// No directory can take the scratch directory.
    #[error("cannot make a scratch directory: {}; set TMPDIR to a directory that is writable \
             (in a container: --tmpfs /tmp:exec), not mounted noexec, and has none of the characters that the dynamic loader \
             splits paths at", tried.join("; "))]
    NoScratch {
        /// One entry a directory that was tried: the directory and why it cannot be used.
        tried: Vec<String>,
    },
    /// A file of the act could not be put in its place.
    #[error("cannot {action} '{path}': {source}{}", advice(.source))]
    Place {
        /// What was tried, after "cannot".
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A program that the act needs is not on this machine.
    #[error(
        "cannot find the program '{name}' in /usr/local/bin, /usr/bin and /bin; install it, or leave this technique out"
    )]
    NoProgram {
        /// Its name.
        name: &'static str,
    },
    /// The act's program could not be started.
    #[error("cannot start '{program}': {source}{}", advice(.source))]
    Start {
        /// The file that was to be executed.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A pipe to the act could not be made or read.
    #[error("cannot {action} of technique '{technique}': {source}{}", advice(.source))]
    Pipe {
        /// Technique id.
        technique: &'static str,
        /// What was tried, after "cannot".
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
}

impl SimulatorError {
    pub(crate) fn place(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SimulatorError {
        move |source| SimulatorError::Place { action, path: path.to_owned(), source }
    }
}

/// The known name that looks most like `name`, if one does at all.
pub(crate) fn nearest(name: &str, known: impl IntoIterator<Item = &'static str>) -> Option<&'static str> {
    let score = |candidate: &&str| strsim::jaro_winkler(name, candidate);
    let best = known.into_iter().max_by(|left, right| score(left).total_cmp(&score(right)))?;
    (score(&best) > 0.7).then_some(best)
}

fn did_you_mean(nearest: &Option<&'static str>) -> String {
    nearest.map(|name| format!("; did you mean '{name}'?")).unwrap_or_default()
}

fn list(names: &[&'static str]) -> String {
    if names.is_empty() { "none".into() } else { names.join(", ") }
}

/// What to do about a failure of the file system, where there is something to do.
fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "; free some space, or set TMPDIR to a file system that has some"
        }
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            "; set TMPDIR to a directory that is writable and not mounted noexec"
        }
        io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory | io::ErrorKind::AlreadyExists => {
            "; one path of the scenario is both a file and a directory"
        }
        _ if matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE)) => {
            "; raise the limit of open files, ulimit -n"
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_name_finds_its_neighbour_and_a_strange_one_finds_none() {
        assert_eq!(nearest("rwx.mprotec", ["rwx.mprotect", "preload.env"]), Some("rwx.mprotect"));
        assert_eq!(nearest("zzzz", ["rwx.mprotect", "preload.env"]), None);
    }

    #[test]
    fn a_full_disk_is_answered_with_what_to_do() {
        let error = SimulatorError::place("write", Path::new("/x"))(io::Error::from_raw_os_error(libc::ENOSPC));
        assert!(error.to_string().contains("free some space"), "{error}");
    }
}
