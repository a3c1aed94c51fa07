//! What became of candidates, as far as it has to be remembered.

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use super::new_terms::Candidate;

/// The fate of a (term, document) pair that was new in some window. A pair that is not listed was left out of the budget, or
/// never was a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is the alert with this number.
    Alert(u32),
    /// It was counted by the alert with this number.
    Absorbed(u32),
    /// It was dropped because of the alert with this number.
    Dropped(u32),
}

/// Fates by (term, member). The entry saves computing an identity in every overlapping window; identities themselves are
/// the alert store's.
#[derive(Debug, Default)]
pub(super) struct Fates(HashMap<(u32, u32), Fate, FxBuildHasher>);

impl Fates {
    pub(super) fn get(&self, candidate: Candidate) -> Option<Fate> {
        self.0.get(&(candidate.term, candidate.member)).copied()
    }

    /// Remembers a fate; being dropped in a later window does not undo an earlier one.
    pub(super) fn set(&mut self, candidate: Candidate, fate: Fate) {
        let entry = self.0.entry((candidate.term, candidate.member));
        match fate {
            Fate::Dropped(_) => entry.or_insert(fate),
            Fate::Alert(_) | Fate::Absorbed(_) => entry.insert(fate).into_mut(),
        };
    }
}
