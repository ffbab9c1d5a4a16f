//! Whether the database is lost: told once when it is, and once when it is back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long nothing may have failed before a database counts as back: one that stops or starts
/// answers some and refuses others for a moment.
const QUIET: Duration = Duration::from_secs(1);

/// The time in which the database gives no answer.
#[derive(Debug, Default)]
pub(super) struct Outage {
    lasts: AtomicBool,
    /// When an answer was last missed.
    missed: Mutex<Option<Instant>>,
}

impl Outage {
    /// Whether the database is lost.
    pub(super) fn lasts(&self) -> bool {
        self.lasts.load(Ordering::Relaxed)
    }

    /// Notes an answer that was missed; whether it is the first.
    pub(super) fn missed(&self, now: Instant) -> bool {
        *self.missed.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
        !self.lasts.swap(true, Ordering::Relaxed)
    }

    /// Notes an answer; whether the outage is over with it.
    pub(super) fn answered(&self, now: Instant) -> bool {
        let missed = *self.missed.lock().unwrap_or_else(PoisonError::into_inner);
        missed.is_some_and(|missed| now.saturating_duration_since(missed) >= QUIET)
            && self.lasts.swap(false, Ordering::Relaxed)
    }

    /// Notes that the database was read otherwise, and told so.
    pub(super) fn forget(&self) {
        self.lasts.store(false, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_begins_and_ends_once() {
        let outage = Outage::default();
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        assert!(!outage.answered(at(0)) && !outage.lasts());
        assert!(outage.missed(at(10)) && outage.lasts());
        // Some are still answered while it goes.
        assert!(!outage.answered(at(11)) && !outage.missed(at(12)) && outage.lasts());
        // And some are refused while it comes.
        assert!(!outage.answered(at(900)) && !outage.missed(at(901)));
        assert!(!outage.answered(at(1_900)) && outage.lasts());
        assert!(outage.answered(at(1_901)) && !outage.lasts());
        assert!(!outage.answered(at(1_902)) && outage.missed(at(1_903)));
        outage.forget();
        assert!(!outage.lasts() && outage.missed(at(1_904)));
    }
}
