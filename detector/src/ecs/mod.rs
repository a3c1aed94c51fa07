//! ECS documents: what the shippers would have indexed, and how an index sees it.

mod content_id;
mod convert;
mod date;
mod document;
mod endpoint;
mod host;
mod iso;
mod layout;
mod mapping;
mod normalise;
mod row;
mod schema;

pub(crate) use content_id::ContentId;
pub use convert::{display_ip, parse_ip};
pub use date::parse_date;
pub use document::{EcsDocument, Fields, Value};
pub use endpoint::{CaptureEnvVars, CaptureEnvVarsError, EndpointOptions, exec_document};
pub use host::{Agent, HostInfo, HostOs};
pub(crate) use iso::iso;
pub use layout::{Layout, NestedSlot, Slot};
pub use mapping::{FieldType, Mapping, MappingError, Mappings};
pub use normalise::{
    Account, Address, CoalesceError, CoalescedEvent, Ecs, File, Flavour, NormaliseOptions, OriginalText, Pairs,
    Process, Summary, Warnings, normalise, normalise_records,
};
pub use row::{IndexValue, Row, RowError};
pub use schema::{Schema, SchemaError};
