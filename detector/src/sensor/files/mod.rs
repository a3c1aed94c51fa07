//! Telemetry from files: logs of the audit daemon, and documents that were already indexed somewhere.
//!
//! What a file holds is seen in its content, never in its name: gzip, zstd or plain; audit log (RAW or ENRICHED) or NDJSON (plain
//! documents, `{"_index", "_id", "_source"}` a line, or the lines of a bulk request). Files are read once, in pieces, so their
//! size does not matter. A bad line is counted and reading goes on; an end that comes too early is reported, and loses nothing of
//! what came before it.

mod decompress;
mod error;
mod lines;
mod source;
#[cfg(test)]
mod tests;

pub use error::FileError;
pub use source::{Format, Item, Malformed, ReadOptions, Report, Source};
