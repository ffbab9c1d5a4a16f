//! The windows of one client, by what its messages ask for.

use std::time::{Duration, Instant};

use super::Window;

/// What a message asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    /// Something that is read, or nothing that is known.
    Read,
    /// What is answered from memory: a greeting, a list of tools.
    Light,
}

impl Weight {
    /// How many of such messages are admitted where reads have this limit.
    ///
    /// A client greets, lists and asks again for each read; ten messages of that kind for one
    /// read are more than any does, and keep what costs little from becoming a flood.
    pub(crate) fn limit(self, reads: u32) -> u32 {
        match self {
            Self::Read => reads,
            Self::Light => reads.saturating_mul(10),
        }
    }
}

/// A window for reads, and one for what is light, which takes nothing of the first.
#[derive(Debug)]
pub(crate) struct Meter {
    reads: Window,
    light: Window,
}

impl Meter {
    /// The windows of `limit` reads in any `span`; a limit of 0 admits everything.
    pub(crate) fn new((limit, span): (u32, Duration)) -> Self {
        let window = |weight: Weight| Window::new(weight.limit(limit), span);
        Self {
            reads: window(Weight::Read),
            light: window(Weight::Light),
        }
    }

    /// Takes on another number or length, from the next message on.
    pub(crate) fn follow(&mut self, (limit, span): (u32, Duration)) {
        self.reads.follow(Weight::Read.limit(limit), span);
        self.light.follow(Weight::Light.limit(limit), span);
    }

    /// Admits a message at this instant, or says how long until one would be.
    ///
    /// # Errors
    /// The time after which the oldest such message leaves its window.
    pub(crate) fn admit(&mut self, weight: Weight, now: Instant) -> Result<(), Duration> {
        match weight {
            Weight::Read => self.reads.admit(now),
            Weight::Light => self.light.admit(now),
        }
    }

    /// Whether nothing that was admitted counts any more.
    pub(super) fn is_empty(&self, now: Instant) -> bool {
        self.reads.is_empty(now) && self.light.is_empty(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Duration = Duration::from_secs(60);

    #[test]
    fn what_is_light_costs_no_reads_and_is_bounded() {
        let now = Instant::now();
        let mut meter = Meter::new((2, SPAN));
        assert!((0..20).all(|_| meter.admit(Weight::Light, now).is_ok()));
        assert_eq!(meter.admit(Weight::Light, now), Err(SPAN));
        assert!((0..2).all(|_| meter.admit(Weight::Read, now).is_ok()));
        assert_eq!(meter.admit(Weight::Read, now), Err(SPAN));
        assert!(!meter.is_empty(now) && meter.is_empty(now + SPAN));
        for weight in [Weight::Read, Weight::Light] {
            let mut meter = Meter::new((2, SPAN));
            assert!(meter.is_empty(now));
            assert_eq!(meter.admit(weight, now), Ok(()));
            assert!(!meter.is_empty(now));
        }
        meter.follow((0, SPAN));
        assert!((0..99).all(|_| meter.admit(Weight::Light, now).is_ok()));
    }
}
