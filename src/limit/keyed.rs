//! Windows of many clients, in bounded memory.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{Meter, Weight};

/// Clients that have a window of their own.
const CLIENTS: usize = 16_384;

/// A window for each client that has no connection to count by.
///
/// Clients that asked nothing for a whole span are forgotten. Where there are too many others,
/// the rest share one window: never more than the limit for one client, and never more memory.
#[derive(Debug)]
pub struct Windows<K>(Mutex<Kept<K>>);

#[derive(Debug)]
struct Kept<K> {
    own: HashMap<K, Meter>,
    shared: Meter,
    swept: Option<Instant>,
}

impl<K> Default for Windows<K> {
    fn default() -> Self {
        Self(Mutex::new(Kept {
            own: HashMap::new(),
            shared: Meter::new(0, Duration::ZERO),
            swept: None,
        }))
    }
}

impl<K: Eq + Hash> Windows<K> {
    /// Admits a message of a client to its window of `limit` reads in any `span`, or says how
    /// long until one would be; a limit of 0 admits everything.
    ///
    /// # Errors
    /// The time after which the oldest such message leaves the client's window.
    pub fn admit(
        &self,
        client: K,
        weight: Weight,
        (limit, span): (u32, Duration),
        now: Instant,
    ) -> Result<(), Duration> {
        if limit == 0 {
            return Ok(());
        }
        // Windows are sound whatever a panicking holder was about to do.
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !kept.own.contains_key(&client) {
            // A sweep looks at every client: once a span, not once for each new one.
            let due = |swept| now.saturating_duration_since(swept) >= span;
            if kept.swept.is_none_or(due) {
                kept.swept = Some(now);
                kept.own.retain(|_, window| !window.is_empty(now));
                kept.own.shrink_to_fit();
            }
            if kept.own.len() >= CLIENTS {
                kept.shared.follow(limit, span);
                return kept.shared.admit(weight, now);
            }
        }
        let window = kept.own.entry(client);
        let window = window.or_insert_with(|| Meter::new(limit, span));
        window.follow(limit, span);
        window.admit(weight, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Duration = Duration::from_secs(60);

    #[test]
    fn each_client_has_its_own_window() {
        let windows = Windows::default();
        let now = Instant::now();
        let admit = |client, limit, now| windows.admit(client, Weight::Read, (limit, SPAN), now);
        assert_eq!(admit("a", 1, now), Ok(()));
        assert_eq!(admit("b", 1, now), Ok(()));
        assert_eq!(admit("a", 1, now), Err(SPAN));
        assert_eq!(admit("a", 2, now), Ok(()));
        assert_eq!(admit("a", 1, now + SPAN), Ok(()));
        assert!((0..9).all(|_| admit("a", 0, now).is_ok()));
    }

    #[test]
    fn memory_is_bounded_and_clients_are_forgotten() {
        let windows = Windows::default();
        let now = Instant::now();
        let admit = |client, now| windows.admit(client, Weight::Read, (2, SPAN), now);
        for client in 0..CLIENTS {
            assert_eq!(admit(client, now), Ok(()));
        }
        assert_eq!(admit(CLIENTS, now), Ok(()));
        assert_eq!(admit(CLIENTS + 1, now), Ok(()));
        assert!(admit(CLIENTS + 2, now).is_err());
        assert_eq!(admit(0, now), Ok(()));
        assert_eq!(windows.0.lock().unwrap().own.len(), CLIENTS);
        assert_eq!(admit(CLIENTS, now + SPAN), Ok(()));
        assert_eq!(windows.0.lock().unwrap().own.len(), 1);
    }
}
