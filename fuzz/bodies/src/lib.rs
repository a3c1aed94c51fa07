//! What each fuzz target checks, as plain functions: `fuzz/fuzz_targets/NAME.rs` calls the function NAME with what
//! libfuzzer makes up, and a test runs every function over `fuzz/corpus/NAME` on a stable toolchain.
//!
//! A function returns if all is well, whatever the bytes are, and panics if not.

mod audit_line;
mod kql;
mod netlink_datagram;
mod reassembler;
mod rule_toml;
mod scenario_toml;

pub use audit_line::audit_line;
pub use kql::kql;
pub use netlink_datagram::netlink_datagram;
pub use reassembler::reassembler;
pub use rule_toml::rule_toml;
pub use scenario_toml::scenario_toml;

/// What one target does with one input; it panics where something is wrong.
pub type Body = fn(&[u8]);

/// All targets by name.
pub const TARGETS: [(&str, Body); 6] = [
    ("audit_line", audit_line),
    ("kql", kql),
    ("netlink_datagram", netlink_datagram),
    ("reassembler", reassembler),
    ("rule_toml", rule_toml),
    ("scenario_toml", scenario_toml),
];
