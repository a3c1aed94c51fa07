//! ECS documents: what the shippers would have indexed, and how an index sees it.

mod document;

pub use document::{EcsDocument, Fields, Value};
