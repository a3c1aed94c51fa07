//! The techniques, one file a family.

mod exec;
mod jit;
mod list;
mod preload;
mod preload_ways;
mod rwx;

pub use list::{all, find};
