//! ECS documents: what the shippers would have indexed, and how an index sees it.

mod convert;
mod date;
mod document;
mod layout;
mod mapping;
mod row;
mod schema;

pub use convert::{display_ip, parse_ip};
pub use date::parse_date;
pub use document::{EcsDocument, Fields, Value};
pub use layout::{Layout, NestedSlot, Slot};
pub use mapping::{FieldType, Mapping, MappingError, Mappings};
pub use row::{IndexValue, Row, RowError};
pub use schema::{Schema, SchemaError};
