//! The lab in containers: the static binary in a scratch image, run with Podman. `make test-containers` builds the binary
//! first; a plain `cargo test` lists these tests as skipped.

mod bare;
mod engine;
mod host_audit;
mod image;
mod places;
mod verdicts;
