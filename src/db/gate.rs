//! The way to a server: while it is down, one caller tries it and the others are refused at once.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Failure, FailureKind};

/// The pause after the first failed connection; each further one doubles it.
const SHORTEST: Duration = Duration::from_millis(100);
/// The longest pause, and so the longest time until a server that came back is noticed.
const LONGEST: Duration = Duration::from_secs(2);

/// Whether connecting makes sense just now.
#[derive(Debug, Default)]
pub(super) struct Gate(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    closed_until: Option<Instant>,
    trying: bool,
}

impl Gate {
    /// Asks to connect.
    ///
    /// # Errors
    /// `Unavailable` while a failed attempt is too young, or another one is on its way.
    pub(super) fn enter(&self) -> Result<Attempt<'_>, Failure> {
        let mut state = self.state();
        let closed = state
            .closed_until
            .is_some_and(|until| state.trying || Instant::now() < until);
        if closed {
            return Err(Failure::new(FailureKind::Unavailable));
        }
        // A server that answers is opened by as many at once as there are places.
        state.trying = state.failures > 0;
        Ok(Attempt(self))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The state is sound whatever a panicking holder was about to do.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One attempt to connect; dropped without a word, it tells nothing about the server.
pub(super) struct Attempt<'g>(&'g Gate);

impl Attempt<'_> {
    /// The server answered.
    pub(super) fn succeeded(self) {
        *self.0.state() = State::default();
    }

    /// It did not, or refused.
    pub(super) fn failed(self) {
        let mut state = self.0.state();
        let pause = SHORTEST * 2_u32.saturating_pow(state.failures.min(8));
        state.failures = state.failures.saturating_add(1);
        state.closed_until = Some(Instant::now() + pause.min(LONGEST));
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.0.state().trying = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_attempt_closes_the_gate_for_a_moment() {
        let gate = Gate::default();
        let (first, second) = (gate.enter().unwrap(), gate.enter().unwrap());
        first.succeeded();
        second.failed();
        assert!(gate.enter().is_err());
        std::thread::sleep(SHORTEST);
        let probe = gate.enter().unwrap();
        assert!(gate.enter().is_err(), "one at a time while it is down");
        drop(probe);
        let probe = gate.enter().unwrap();
        probe.succeeded();
        let (_first, _second) = (gate.enter().unwrap(), gate.enter().unwrap());
    }

    #[test]
    fn who_goes_away_while_connecting_shuts_nobody_out() {
        let gate = Gate::default();
        drop(gate.enter().unwrap());
        assert!(gate.enter().is_ok());
    }
}
