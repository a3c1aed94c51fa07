//! A few named texts, found by looking through them: faster than a hash for the thirty fields of an event.

use std::borrow::Cow;

/// Names and values in the order in which they came; a name occurs once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pairs<'a>(Vec<(&'a str, Cow<'a, str>)>);

impl<'a> Pairs<'a> {
    /// No pairs, with room for some.
    pub(super) fn with_capacity(capacity: usize) -> Pairs<'a> {
        Pairs(Vec::with_capacity(capacity))
    }

    /// A value by its name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Cow<'a, str>> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// All pairs.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &Cow<'a, str>)> {
        self.0.iter().map(|(name, value)| (*name, value))
    }

    /// Whether there is no pair.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a pair whose name is known to be new.
    pub(super) fn push(&mut self, name: &'a str, value: Cow<'a, str>) {
        self.0.push((name, value));
    }

    /// Replaces or adds.
    pub(super) fn set(&mut self, name: &'a str, value: Cow<'a, str>) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, slot)) => *slot = value,
            None => self.0.push((name, value)),
        }
    }

    /// Takes a pair out.
    pub(super) fn take(&mut self, name: &str) -> Option<Cow<'a, str>> {
        let at = self.0.iter().position(|(known, _)| *known == name)?;
        Some(self.0.swap_remove(at).1)
    }
}

impl<'a> IntoIterator for Pairs<'a> {
    type Item = (&'a str, Cow<'a, str>);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
