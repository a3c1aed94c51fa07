//! The whole lab through its binary: what is typed, what is printed, and the exit code.

mod action;
mod catalog;
mod chaos;
mod exit_codes;
mod hidden_proc;
mod loss;
mod machine;
mod matrix;
mod pipes;
mod replay;
mod same_truth;
mod support;
mod telemetry;
mod verbs;
