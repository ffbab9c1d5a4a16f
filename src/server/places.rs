//! Places for connections: counted, so that a reload may change how many there are.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many places are taken.
#[derive(Debug, Clone, Default)]
pub(super) struct Places(Arc<AtomicUsize>);

impl Places {
    /// Takes one of so many places, unless all are taken.
    pub(super) fn take(&self, most: usize) -> Option<Place> {
        let taken = |count: usize| (count < most).then_some(count + 1);
        self.0
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, taken)
            .ok()
            .map(|_| Place(Arc::clone(&self.0)))
    }
}

/// A place that is taken; it comes free when this is dropped.
#[derive(Debug)]
pub(super) struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_comes_free_and_the_number_may_change() {
        let places = Places::default();
        let (first, second) = (places.take(2), places.take(2));
        assert!(first.is_some() && second.is_some() && places.take(2).is_none());
        assert!(places.take(3).is_some());
        drop(first);
        assert!(places.take(2).is_some());
        drop(second);
    }
}
