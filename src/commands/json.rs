//! What all JSON answers share; docs/json.md describes them.

/// Raised when a key changes its meaning or goes away; new keys may come at any time.
pub(crate) const FORMAT_VERSION: u32 = 1;
