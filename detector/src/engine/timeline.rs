//! Documents in the order of their time, for one term or for all.

use std::ops::Range;

use crate::time::Millis;

/// Numbers of documents, sorted by (time, number), with new ones possibly still unsorted at the end.
///
/// Times are not stored here: every method gets the slice that holds the time of each document by its number. Documents
/// mostly arrive in order and are then sorted already; [`settle`](Timeline::settle) sorts what did not, and only the part
/// of the timeline that it reaches back into. Equal times keep the order of arrival, because numbers are given in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Timeline {
    members: Vec<u32>,
    sorted: u32,
}

/// Whether a timeline has to be settled before it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Kept,
    /// The first document out of order since the last settling.
    Broken,
    /// One more.
    StillBroken,
}

impl Timeline {
    /// Adds a document; numbers only grow.
    pub(super) fn push(&mut self, member: u32, times: &[Millis]) -> Order {
        let settled = self.sorted as usize == self.members.len();
        let in_order = self.members.last().is_none_or(|last| times[*last as usize] <= times[member as usize]);
        self.members.push(member);
        match (settled, in_order) {
            (true, true) => {
                self.sorted += 1;
                Order::Kept
            }
            (true, false) => Order::Broken,
            (false, _) => Order::StillBroken,
        }
    }

    /// Sorts what arrived out of order.
    pub(super) fn settle(&mut self, times: &[Millis]) {
        let key = |member: &u32| (times[*member as usize], *member);
        let (sorted, new) = self.members.split_at(self.sorted as usize);
        let Some(earliest) = new.iter().map(key).min() else { return };
        let untouched = sorted.partition_point(|member| key(member) < earliest);
        // The standard sort finds the runs that are sorted already and merges them.
        self.members[untouched..].sort_by_key(key);
        self.sorted = self.members.len() as u32;
    }

    /// The documents at or after an instant.
    pub(super) fn since(&self, from: Millis, times: &[Millis]) -> &[u32] {
        debug_assert_eq!(self.sorted as usize, self.members.len(), "read before it was settled");
        &self.members[self.position(from, times)..]
    }

    /// The documents between two instants, both included.
    pub(super) fn between(&self, from: Millis, to: Millis, times: &[Millis]) -> &[u32] {
        &self.members[self.range(from, to, times)]
    }

    fn range(&self, from: Millis, to: Millis, times: &[Millis]) -> Range<usize> {
        debug_assert_eq!(self.sorted as usize, self.members.len(), "read before it was settled");
        let start = self.position(from, times);
        let length = self.members[start..].partition_point(|member| times[*member as usize] <= to);
        start..start + length
    }

    fn position(&self, from: Millis, times: &[Millis]) -> usize {
        self.members.partition_point(|member| times[*member as usize] < from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeline(times: &[Millis]) -> Timeline {
        let mut timeline = Timeline::default();
        for member in 0..times.len() {
            timeline.push(member as u32, &times[..=member]);
        }
        timeline
    }

    #[test]
    fn both_ends_of_a_range_are_included() {
        let times = [10, 20, 20, 30].map(Millis);
        let timeline = timeline(&times);
        assert_eq!(timeline.between(Millis(10), Millis(20), &times), [0, 1, 2]);
        assert_eq!(timeline.between(Millis(11), Millis(30), &times), [1, 2, 3]);
        assert_eq!(timeline.between(Millis(11), Millis(19), &times), [0_u32; 0]);
        assert_eq!(timeline.between(Millis(30), Millis(10), &times), [0_u32; 0]);
        assert_eq!(timeline.since(Millis(20), &times), [1, 2, 3]);
        assert_eq!(timeline.since(Millis(31), &times), [0_u32; 0]);
    }

    #[test]
    fn late_documents_are_sorted_in_and_equal_times_keep_their_order() {
        let times = [30, 10, 20, 10, 30].map(Millis);
        let mut timeline = Timeline::default();
        let orders: Vec<Order> = (0..5).map(|member| timeline.push(member, &times)).collect();
        assert_eq!(orders, [Order::Kept, Order::Broken, Order::StillBroken, Order::StillBroken, Order::StillBroken]);
        timeline.settle(&times);
        assert_eq!(timeline.since(Millis::MIN, &times), [1, 3, 2, 0, 4]);
        timeline.settle(&times);
        assert_eq!(timeline.since(Millis::MIN, &times), [1, 3, 2, 0, 4]);
    }
}
