//! The sliding window: no span of its length ever admits more than its number.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Keys that a sweep is not worth before.
const SWEEP: usize = 1_024;
/// The least time between two sweeps: each looks at every key.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// Keys that are told apart; strangers cannot fill the memory with more.
const MAX_KEYS: usize = 65_536;

/// The requests that one connection was admitted for, by their exact instants.
///
/// A bucket that refills would admit up to twice the number in some span; a log of instants does
/// not. It takes 16 bytes an admitted request, and only as many as are in the window.
#[derive(Debug)]
pub struct Window {
    limit: usize,
    span: Duration,
    admitted: VecDeque<Instant>,
}

/// A window for each key, such as a client's address; the keys of empty windows are forgotten.
#[derive(Debug)]
pub struct Windows<K> {
    limit: u32,
    span: Duration,
    kept: Mutex<Kept<K>>,
}

#[derive(Debug)]
struct Kept<K> {
    windows: HashMap<K, Window>,
    sweep_at: usize,
    swept: Option<Instant>,
}

impl<K: Eq + Hash> Windows<K> {
    /// Windows of `limit` events in any `span`, for each key; a limit of 0 admits everything.
    pub fn new(limit: u32, span: Duration) -> Self {
        let kept = Kept {
            windows: HashMap::new(),
            sweep_at: SWEEP,
            swept: None,
        };
        Self {
            limit,
            span,
            kept: Mutex::new(kept),
        }
    }

    /// Admits an event of that key, as [`Window::admit`] does.
    ///
    /// With very many keys in their windows a new one is admitted without being kept.
    ///
    /// # Errors
    /// The time after which an event of the key would be admitted.
    pub fn admit(&self, key: K, now: Instant) -> Result<(), Duration> {
        // A map of windows is sound whatever a panicking holder was about to do.
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(window) = kept.windows.get_mut(&key) {
            return window.admit(now);
        }
        let rested = |at: Instant| now.saturating_duration_since(at) >= SWEEP_EVERY;
        if kept.windows.len() >= kept.sweep_at && kept.swept.is_none_or(rested) {
            let span = self.span;
            kept.windows.retain(|_, window| window.is_in_use(now, span));
            kept.windows.shrink_to(SWEEP);
            kept.sweep_at = SWEEP.max(kept.windows.len() * 2).min(MAX_KEYS);
            kept.swept = Some(now);
        }
        if kept.windows.len() >= MAX_KEYS {
            return Ok(());
        }
        let window = kept.windows.entry(key);
        window
            .or_insert_with(|| Window::new(self.limit, self.span))
            .admit(now)
    }
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
        self.limit = limit as usize;
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

    fn is_in_use(&self, now: Instant, span: Duration) -> bool {
        let newest = self.admitted.back();
        newest.is_some_and(|newest| now.saturating_duration_since(*newest) < span)
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
        assert_eq!(window.admit(at(59)), Err(Duration::from_secs(1)));
        assert_eq!(window.admit(at(60)), Ok(()));
        assert_eq!(window.admit(at(61)), Err(Duration::from_secs(58)));
        assert_eq!(window.admit(at(119)), Ok(()));
    }

    #[test]
    fn a_limit_of_zero_is_none() {
        let mut window = Window::new(0, SPAN);
        let now = Instant::now();
        assert!((0..1000).all(|_| window.admit(now).is_ok()));
        assert!(window.admitted.is_empty());
    }

    #[test]
    fn each_key_has_its_own_window() {
        let start = Instant::now();
        let windows = Windows::new(1, SPAN);
        assert_eq!(windows.admit("a", start), Ok(()));
        assert_eq!(windows.admit("b", start), Ok(()));
        assert_eq!(windows.admit("a", start), Err(SPAN));
        assert_eq!(windows.admit("a", start + SPAN), Ok(()));
    }

    #[test]
    fn old_keys_are_forgotten_and_new_ones_bounded() {
        let start = Instant::now();
        let windows = Windows::new(1, SPAN);
        let kept = || windows.kept.lock().unwrap().windows.len();
        for key in 0..2 * MAX_KEYS {
            assert_eq!(windows.admit(key, start), Ok(()));
        }
        assert_eq!(kept(), MAX_KEYS);
        assert_eq!(windows.admit(0, start), Err(SPAN));
        assert_eq!(windows.admit(usize::MAX, start + SPAN), Ok(()));
        assert_eq!(kept(), 1);
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
