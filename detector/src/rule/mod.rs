//! Detection rules as Elastic publishes them: the model, and the readers that fill it.
//!
//! A [`Rule`] holds what a rule *says*, texts unparsed where their meaning needs a `now` or a mapping (`from`, the query):
//! the engine compiles those, and reports what it refuses.

mod api;
mod builtin;
mod error;
mod exceptions;
mod fields;
mod filters;
mod json_form;
pub mod lint;
mod load;
mod model;
mod needs;
mod spans;
mod toml_form;

pub(crate) use api::number;
pub use builtin::builtin;
pub use error::{FieldError, Position, RuleError, nearest};
pub use load::{LoadedRule, RuleFile, RuleSource, file_bytes, load_text, read_bytes, read_file, read_text};
pub use model::{
    AlertSuppression, Exception, Language, MissingFields, NewTerms, Query, Rule, RuleKind, Severity, Threshold,
};
