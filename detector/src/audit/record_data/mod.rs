//! What a record says, decoded by field name.

mod data;
mod enrich;
#[cfg(test)]
mod tests;

pub use data::{NoData, RecordData};
