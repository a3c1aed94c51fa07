//! Detection rules as Elastic publishes them: the model, and the readers that fill it.
//!
//! A [`Rule`] holds what a rule *says*, texts unparsed where their meaning needs a `now` or a mapping (`from`, the query):
//! the engine compiles those, and reports what it refuses.

mod model;

pub use model::{
    AlertSuppression, Exception, Language, MissingFields, NewTerms, Query, Rule, RuleKind, Severity, Threshold,
};
