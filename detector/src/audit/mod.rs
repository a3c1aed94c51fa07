//! Linux audit: records as the kernel and auditd write them, events reassembled from them, audit rules.

mod record;

pub use record::{RawRecord, RecordType};
