//! Record and replay: everything that a run saw in one portable file, and a world made of such a file.
//!
//! A bundle is gzip over lines of JSON: a header, then for each scenario its files and acts, and an end line. It holds raw
//! records, so a replay goes the whole way from record to verdict again, on any machine and without privileges, and gives
//! the same verdicts byte for byte.

mod format;
mod read;
mod record;
mod redact;
mod replay;

pub use format::BUNDLE_VERSION;
pub use read::{Bundle, BundleError, RecordedScenario};
pub use record::{Recorder, RecordingWorld};
pub use redact::Redaction;
pub use replay::ReplayWorld;

#[cfg(test)]
mod tests;
