//! The whole lab through its binary: what is typed, what is printed, and the exit code.

mod catalog;
mod exit_codes;
mod matrix;
mod pipes;
mod replay;
mod same_truth;
mod support;
mod verbs;
