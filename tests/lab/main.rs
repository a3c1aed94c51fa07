//! The whole lab through its binary: what is typed, what is printed, and the exit code.

mod catalog;
mod exit_codes;
mod pipes;
mod support;
mod verbs;
