//! The techniques, one file a family.

mod exec;
mod list;
mod preload;
mod rwx;

pub use list::{all, find};
