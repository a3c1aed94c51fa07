//! The matrix: what each rule makes of each technique, as data, and the run that proves it on this machine.
//!
//! ```text
//! matrix.toml -> Matrix -> one act a technique -> one Plan a rule -> run (runner, engine, judge) -> CellOutcome
//! ```
//!
//! Every technique is done once; the act is then played to each rule's real engine on a fresh virtual host. The judge is
//! the scenarios' own: a silence counts only if the act was done, watched to its end and without loss. Besides, a rule's
//! silences count only if its control alerted in the same run.

mod json;
mod load;
mod model;
mod outcome;
mod page;
mod plan;
mod run;
mod table;

pub use json::json;
pub use load::{load_matrix, matrix};
pub use model::{Case, Cell, Column, Configuration, Expected, Extension, Matrix, Row, Unseen, When};
pub use outcome::{CellOutcome, Judged, MatrixOutcome, RowOutcome, Seen};
pub use page::{PageError, page, page_with};
pub use run::run_matrix;
pub use table::table;
