//! What bounds clients: the sliding window, of which no span ever admits more than its number, and
//! the memory that all of them share.

mod arrival;
mod keyed;
mod memory;
mod meter;

pub(crate) use arrival::Arrival;
pub(crate) use keyed::Windows;
pub use memory::Part;
pub(crate) use memory::{Memory, Pressure, Reservation, Share};
pub(crate) use meter::{Meter, Weight};

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// The requests that one connection was admitted for, by their exact instants.
///
/// A bucket that refills would admit up to twice the number in some span; a log of instants does
/// not. It takes 16 bytes for each request that was admitted and still counts, and room for at most
/// twice the number.
#[derive(Debug)]
pub struct Window {
    limit: usize,
    span: Duration,
    admitted: VecDeque<Instant>,
}

impl Window {
    /// A window of `limit` requests in any `span`; a limit of 0 admits everything.
    pub fn new(limit: u32, span: Duration) -> Self {
        Self {
            limit: limit as usize,
            span,
            admitted: VecDeque::new(),
        }
    }

    /// Takes on another number or length, from the next request on.
    pub fn follow(&mut self, limit: u32, span: Duration) {
        let limit = limit as usize;
        if limit < self.limit {
            self.admitted.shrink_to(limit);
        }
        self.limit = limit;
        self.span = span;
    }

    /// Admits a request at this instant, or says how long until one would be.
    ///
    /// # Errors
    /// The time after which the oldest request leaves the window. Instants must not go back.
    pub fn admit(&mut self, now: Instant) -> Result<(), Duration> {
        if self.limit == 0 {
            return Ok(());
        }
        while let Some(oldest) = self.admitted.front() {
            let age = now.saturating_duration_since(*oldest);
            if age >= self.span {
                self.admitted.pop_front();
            } else if self.admitted.len() < self.limit {
                break;
            } else {
                return Err(self.span - age);
            }
        }
        self.admitted.push_back(now);
        Ok(())
    }

    /// How many more requests would be admitted at this instant; without a limit there is no number.
    pub fn left(&self, now: Instant) -> Option<usize> {
        let counts = |at: &&Instant| now.saturating_duration_since(**at) < self.span;
        let counted = self.admitted.iter().rev().take_while(counts).count();
        (self.limit > 0).then(|| self.limit.saturating_sub(counted))
    }

    /// Whether nothing that was admitted counts any more.
    fn is_empty(&self, now: Instant) -> bool {
        let newest = self.admitted.back();
        newest.is_none_or(|newest| now.saturating_duration_since(*newest) >= self.span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SPAN: Duration = Duration::from_secs(60);

    #[test]
    fn room_returns_as_requests_age() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut window = Window::new(2, SPAN);
        assert_eq!(window.admit(at(0)), Ok(()));
        assert_eq!(window.admit(at(59)), Ok(()));
        assert_eq!(window.left(at(59)), Some(0));
        assert_eq!(window.left(at(60)), Some(1));
        assert_eq!(window.admit(at(59)), Err(Duration::from_secs(1)));
        assert_eq!(window.admit(at(60)), Ok(()));
        assert_eq!(window.admit(at(61)), Err(Duration::from_secs(58)));
        assert_eq!(window.admit(at(119)), Ok(()));
    }

    #[test]
    fn a_limit_of_zero_is_none() {
        let mut window = Window::new(0, SPAN);
        let now = Instant::now();
        assert_eq!(window.left(now), None);
        assert!((0..1000).all(|_| window.admit(now).is_ok()));
        assert!(window.admitted.is_empty());
    }

    #[test]
    fn memory_is_bounded_by_the_number() {
        let start = Instant::now();
        let mut window = Window::new(1_000, SPAN);
        for millisecond in 0..200_000 {
            let _ = window.admit(start + Duration::from_millis(millisecond));
            assert!(window.admitted.len() <= 1_000);
        }
        assert!(window.admitted.capacity() <= 2_000);
        // What a reload takes away is given back once it counts no more.
        let later = start + Duration::from_secs(400);
        assert!(window.admit(later).is_ok());
        window.follow(10, SPAN);
        assert!(window.admitted.capacity() <= 20);
    }

    proptest! {
        #[test]
        fn no_span_admits_more_and_none_is_refused_for_nothing(
            limit in 1usize..20,
            steps in prop::collection::vec(0u64..20_000, 1..300),
        ) {
            let start = Instant::now();
            let mut window = Window::new(limit as u32, SPAN);
            let mut admitted: Vec<u64> = Vec::new();
            let mut now = 0;
            for step in steps {
                now += step;
                let recent = admitted.iter().filter(|at| now - **at < 60_000).count();
                let admits = window.admit(start + Duration::from_millis(now)).is_ok();
                prop_assert_eq!(admits, recent < limit);
                if admits {
                    admitted.push(now);
                }
            }
        }
    }
}
