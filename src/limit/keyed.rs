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
pub struct Windows<K> {
    limit: u32,
    span: Duration,
    kept: Mutex<Kept<K>>,
}

#[derive(Debug)]
struct Kept<K> {
    own: HashMap<K, Window>,
    shared: Window,
    swept: Option<Instant>,
}

impl<K: Eq + Hash> Windows<K> {
    /// Windows of `limit` requests in any `span`; a limit of 0 admits everything.
    pub fn new(limit: u32, span: Duration) -> Self {
        let kept = Kept {
            own: HashMap::new(),
            shared: Window::new(limit, span),
            swept: None,
        };
        Self {
            limit,
            span,
            kept: Mutex::new(kept),
        }
    }

    /// Admits a request of a client, or says how long until one would be.
    ///
    /// # Errors
    /// The time after which the oldest request leaves the client's window.
    pub fn admit(&self, client: K, now: Instant) -> Result<(), Duration> {
        if self.limit == 0 {
            return Ok(());
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if !kept.own.contains_key(&client) {
            // A sweep looks at every client: once a span, not once for each new one.
            let due = kept
                .swept
                .is_none_or(|swept| now.saturating_duration_since(swept) >= self.span);
            if due {
                kept.swept = Some(now);
                kept.own.retain(|_, window| !window.is_empty(now));
                kept.own.shrink_to_fit();
            }
            if kept.own.len() >= CLIENTS {
                return kept.shared.admit(now);
            }
        }
        let (limit, span) = (self.limit, self.span);
        let window = kept.own.entry(client);
        window
            .or_insert_with(|| Window::new(limit, span))
            .admit(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPAN: Duration = Duration::from_secs(60);

    #[test]
    fn each_client_has_its_own_window() {
        let windows = Windows::new(1, SPAN);
        let now = Instant::now();
        assert_eq!(windows.admit("a", now), Ok(()));
        assert_eq!(windows.admit("b", now), Ok(()));
        assert_eq!(windows.admit("a", now), Err(SPAN));
        assert_eq!(windows.admit("a", now + SPAN), Ok(()));
        assert!((0..9).all(|_| Windows::new(0, SPAN).admit("a", now).is_ok()));
    }

    #[test]
    fn memory_is_bounded_and_clients_are_forgotten() {
        let windows = Windows::new(2, SPAN);
        let now = Instant::now();
        for client in 0..CLIENTS {
            assert_eq!(windows.admit(client, now), Ok(()));
        }
        assert_eq!(windows.admit(CLIENTS, now), Ok(()));
        assert_eq!(windows.admit(CLIENTS + 1, now), Ok(()));
        assert!(windows.admit(CLIENTS + 2, now).is_err());
        assert_eq!(windows.admit(0, now), Ok(()));
        assert_eq!(windows.kept.lock().unwrap().own.len(), CLIENTS);
        assert_eq!(windows.admit(CLIENTS, now + SPAN), Ok(()));
        assert_eq!(windows.kept.lock().unwrap().own.len(), 1);
    }
}
