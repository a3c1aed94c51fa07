//! What can be wrong with a file as a whole.

use std::path::PathBuf;

/// Why a file cannot be read, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It cannot be opened.
    #[error("cannot open '{path}': {source}")]
    Open {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It is a directory.
    #[error("'{path}' is a directory; name a file in it, or '-' for standard input")]
    Directory {
        /// Which one.
        path: PathBuf,
    },
    /// It is neither an audit log nor NDJSON.
    #[error(
        "'{path}' holds {what}; expected an audit log (type=... msg=audit(...)) or JSON documents, one a line (as jq -c writes them)"
    )]
    Unknown {
        /// Which file.
        path: PathBuf,
        /// What it seems to be.
        what: &'static str,
    },
    /// Reading failed on the way: cut off, corrupt, or a failing disk. What came before was read.
    #[error("'{path}' cannot be read beyond line {line}: {source}; everything before was read")]
    Read {
        /// Which file.
        path: PathBuf,
        /// The last line that was read, from 1; 0 if there was none.
        line: u64,
        /// What went wrong.
        source: std::io::Error,
    },
}
