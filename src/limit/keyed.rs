//! Windows of many clients, in bounded memory.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{Meter, Weight};

/// Clients of one group that have a window of their own.
const OF_A_GROUP: usize = 256;
/// Clients in all that have one.
const CLIENTS: usize = 16_384;
/// Groups in all.
const GROUPS: usize = 16_384;

/// A window for each client that has no connection to count by.
///
/// Clients come in groups, such as the networks from which one token is shown, and nobody fills the
/// table for another group: where a group has too many clients, or all groups together have, the
/// group's other clients share one window. Groups are not chosen by strangers, or there are very
/// many of them before the last ones share one. Clients that asked nothing for a whole span are
/// forgotten.
#[derive(Debug)]
pub(crate) struct Windows<G, K>(Mutex<Groups<G, K>>);

#[derive(Debug)]
struct Groups<G, K> {
    groups: HashMap<G, Group<K>>,
    /// Windows of clients, over all groups.
    clients: usize,
    /// The window of the groups beyond.
    beyond: Meter,
    swept: Option<Instant>,
}

#[derive(Debug)]
struct Group<K> {
    own: HashMap<K, Meter>,
    /// The window of the clients beyond.
    beyond: Meter,
}

impl<G, K> Default for Windows<G, K> {
    fn default() -> Self {
        Self(Mutex::new(Groups {
            groups: HashMap::new(),
            clients: 0,
            beyond: Meter::new((0, Duration::ZERO)),
            swept: None,
        }))
    }
}

impl<G: Eq + Hash, K: Eq + Hash> Windows<G, K> {
    /// Admits a message of a client to its window of `limit` reads in any `span`, or says how
    /// long until one would be; a limit of 0 admits everything.
    ///
    /// # Errors
    /// The time after which the oldest such message leaves the client's window.
    pub(crate) fn admit(
        &self,
        (group, client): (G, K),
        weight: Weight,
        (limit, span): (u32, Duration),
        now: Instant,
    ) -> Result<(), Duration> {
        if limit == 0 {
            return Ok(());
        }
        // Windows are sound whatever a panicking holder was about to do.
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let window = kept.window(group, client, span, now);
        window.follow((limit, span));
        window.admit(weight, now)
    }
}

impl<G: Eq + Hash, K: Eq + Hash> Groups<G, K> {
    fn window(&mut self, group: G, client: K, span: Duration, now: Instant) -> &mut Meter {
        let known = |kept: &Self| {
            let group = kept.groups.get(&group);
            group.is_some_and(|group| group.own.contains_key(&client))
        };
        // A sweep looks at every client: once a span, not once for each new one.
        let due = |swept| now.saturating_duration_since(swept) >= span;
        if !known(self) && self.swept.is_none_or(due) {
            self.sweep(now);
        }
        if !self.groups.contains_key(&group) && self.groups.len() >= GROUPS {
            return &mut self.beyond;
        }
        let full = self.clients >= CLIENTS;
        let group = self.groups.entry(group).or_insert_with(|| Group {
            own: HashMap::new(),
            beyond: Meter::new((0, span)),
        });
        if !group.own.contains_key(&client) {
            if full || group.own.len() >= OF_A_GROUP {
                return &mut group.beyond;
            }
            self.clients += 1;
        }
        let window = group.own.entry(client);
        window.or_insert_with(|| Meter::new((0, span)))
    }

    /// Forgets whoever asked nothing for so long that nothing counts any more.
    fn sweep(&mut self, now: Instant) {
        self.swept = Some(now);
        for group in self.groups.values_mut() {
            group.own.retain(|_, window| !window.is_empty(now));
            group.own.shrink_to_fit();
        }
        self.groups
            .retain(|_, group| !group.own.is_empty() || !group.beyond.is_empty(now));
        self.groups.shrink_to_fit();
        self.clients = self.groups.values().map(|group| group.own.len()).sum();
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
        assert_eq!(admit(("a", 1), 1, now), Ok(()));
        assert_eq!(admit(("a", 2), 1, now), Ok(()));
        assert_eq!(admit(("b", 1), 1, now), Ok(()));
        assert_eq!(admit(("a", 1), 1, now), Err(SPAN));
        assert_eq!(admit(("a", 1), 2, now), Ok(()));
        assert_eq!(admit(("a", 1), 1, now + SPAN), Ok(()));
        assert!((0..9).all(|_| admit(("a", 1), 0, now).is_ok()));
    }

    #[test]
    fn a_group_with_too_many_clients_shares_one_window_and_no_other_group_does() {
        let windows = Windows::default();
        let now = Instant::now();
        let admit =
            |group, client, now| windows.admit((group, client), Weight::Read, (2, SPAN), now);
        for client in 0..OF_A_GROUP {
            assert_eq!(admit("many", client, now), Ok(()));
        }
        assert_eq!(admit("many", OF_A_GROUP, now), Ok(()));
        assert_eq!(admit("many", OF_A_GROUP + 1, now), Ok(()));
        assert!(admit("many", OF_A_GROUP + 2, now).is_err());
        assert_eq!(admit("many", 0, now), Ok(()));
        for client in 0..9 {
            assert_eq!(admit("few", client, now), Ok(()));
            assert_eq!(admit("few", client, now), Ok(()));
        }
        // All of it is forgotten once it counts no more and a new client comes.
        assert_eq!(admit("new", 0, now + SPAN), Ok(()));
        let kept = windows.0.lock().unwrap();
        assert_eq!((kept.groups.len(), kept.clients), (1, 1));
    }

    #[test]
    fn memory_is_bounded_over_all_groups() {
        let windows = Windows::default();
        let now = Instant::now();
        for group in 0..GROUPS + 10 {
            for client in 0..3 {
                let _ = windows.admit((group, client), Weight::Read, (2, SPAN), now);
            }
        }
        let kept = windows.0.lock().unwrap();
        assert_eq!((kept.groups.len(), kept.clients), (GROUPS, CLIENTS));
    }

    #[test]
    fn a_sweep_leaves_what_still_counts() {
        let windows = Windows::default();
        let (now, later) = (
            Instant::now(),
            Instant::now() + SPAN - Duration::from_secs(1),
        );
        let admit = |client, now| windows.admit(client, Weight::Read, (2, SPAN), now);
        for client in 0..OF_A_GROUP {
            assert_eq!(admit(("full", client), now), Ok(()));
        }
        // One too many, and one of another group, that outlast the others.
        assert_eq!(admit(("full", OF_A_GROUP), later), Ok(()));
        assert_eq!(admit(("few", 0), later), Ok(()));
        assert_eq!(admit(("new", 0), now + SPAN), Ok(()));
        let kept = windows.0.lock().unwrap();
        assert_eq!((kept.groups.len(), kept.clients), (3, 2));
    }
}
