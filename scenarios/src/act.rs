//! One act: done and watched, its telemetry normalised, relocated and placed on the timeline.

use firstseen_detector::ecs::EcsDocument;

use crate::facts::ActFacts;
use crate::relocate::Leftover;
use crate::world::WorldError;

/// An act that was done, and the documents of it.
#[derive(Debug)]
pub(crate) struct Acted {
    /// Everything but the documents.
    pub(crate) facts: ActFacts,
    /// Documents in the order of their events, and whether each shows the act itself.
    pub(crate) documents: Vec<(EcsDocument, bool)>,
    /// What the act reports, in one line.
    pub(crate) report: String,
    /// The record or exec event that shows the act, as the sensor gave it.
    pub(crate) evidence: Option<String>,
}

/// Why an act could not be done and turned into documents.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ActError {
    #[error(transparent)]
    World(#[from] WorldError),
    #[error(transparent)]
    Leftover(#[from] Leftover),
}
