//! The list of all techniques. A new one stands in its family's file; a new family stands here too.

use super::{exec, jit, preload, preload_ways, rwx};
use crate::error::nearest;
use crate::{SimulatorError, Technique};

const FAMILIES: &[&[Technique]] =
    &[exec::TECHNIQUES, preload::TECHNIQUES, preload_ways::TECHNIQUES, rwx::TECHNIQUES, jit::TECHNIQUES];

/// All techniques, family by family.
pub fn all() -> impl Iterator<Item = &'static Technique> {
    FAMILIES.iter().copied().flatten()
}

/// The technique of this name.
///
/// # Errors
/// When there is none, with the nearest name that exists.
pub fn find(id: &str) -> Result<&'static Technique, SimulatorError> {
    all().find(|technique| technique.id == id).ok_or_else(|| SimulatorError::UnknownTechnique {
        id: id.to_owned(),
        nearest: nearest(id, all().map(|technique| technique.id)),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_id_is_there_once() {
        let ids: Vec<_> = all().map(|technique| technique.id).collect();
        assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "{ids:?}");
    }

    #[test]
    fn an_unknown_technique_is_answered_with_the_nearest() {
        let error = find("preload.evn").unwrap_err().to_string();
        assert!(error.contains("did you mean 'preload.env'?"), "{error}");
        assert_eq!(find("preload.env").unwrap().id, "preload.env");
    }
}
