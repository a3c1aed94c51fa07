//! The undo journal: what a run changes on the machine is written down before it is changed, so that it can be put
//! back by the run itself, or, if that was killed, by whoever comes next.
//!
//! [`Journal`] is the main type; [`undo_all`] is for those who come next. The journal knows how to undo each kind of
//! [`Change`]; it never makes one.

mod change;
mod file;
mod owner;
mod run;
mod state_dir;
mod undo;

pub use change::{Change, Outcome, Undone};
pub use file::JournalError;
pub use owner::Owner;
pub use run::{Hold, Journal, Ticket};
pub use state_dir::{StateDir, StateDirError};
pub use undo::{undo_all, undo_all_with};
