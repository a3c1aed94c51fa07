//! The engine through its public interface, statement by statement of the semantics (docs/fidelity.md).

mod budget;
mod explain;
mod lab;
mod loading;
mod population;
mod schedule;
mod suppression;
mod terms;
mod twice_or_never;
mod validation;
