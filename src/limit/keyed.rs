//! Windows of many clients, in bounded memory.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Window;

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
    own: HashMap<K, Window>,
    shared: Window,
    swept: Option<Instant>,
}

impl<K> Default for Windows<K> {
    fn default() -> Self {
        Self(Mutex::new(Kept {
            own: HashMap::new(),
            shared: Window::new(0, Duration::ZERO),
            swept: None,
        }))
    }
}

impl<K: Eq + Hash> Windows<K> {
    /// Admits a request of a client to its window of `limit` requests in any `span`, or says how
    /// long until one would be; a limit of 0 admits everything.
    ///
    /// # Errors
    /// The time after which the oldest request leaves the client's window.
    pub fn admit(
        &self,
        client: K,
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
                return kept.shared.admit(now);
            }
        }
        let window = kept.own.entry(client);
        let window = window.or_insert_with(|| Window::new(limit, span));
        window.follow(limit, span);
        window.admit(now)
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
        assert_eq!(windows.admit("a", (1, SPAN), now), Ok(()));
        assert_eq!(windows.admit("b", (1, SPAN), now), Ok(()));
        assert_eq!(windows.admit("a", (1, SPAN), now), Err(SPAN));
        assert_eq!(windows.admit("a", (2, SPAN), now), Ok(()));
        assert_eq!(windows.admit("a", (1, SPAN), now + SPAN), Ok(()));
        assert!((0..9).all(|_| windows.admit("a", (0, SPAN), now).is_ok()));
    }

    #[test]
    fn memory_is_bounded_and_clients_are_forgotten() {
        let windows = Windows::default();
        let now = Instant::now();
        let admit = |client, now| windows.admit(client, (2, SPAN), now);
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
