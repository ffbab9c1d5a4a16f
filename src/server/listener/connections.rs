//! The connections that a listener has accepted: whose they are, and which one goes when there are
//! too many.
//!
//! Who connects has proved nothing yet. So a connection that never showed a valid token has a place
//! only until somebody else needs it: when all are taken, or all that its address may have, the
//! oldest such one is closed for the newcomer, of the address that has most of them. Where every
//! one showed a token, the oldest that rests between two requests goes, of the holder that has most:
//! a client may be told so at any time, and nobody keeps others out by connections that do nothing.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};

use crate::auth::Holder;

/// How long a client may take to send the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection that never showed a valid token may rest.
const STRANGERS_REST: Duration = Duration::from_secs(10);
/// How long one that did may rest, as it is told: longer than pools of clients and proxies keep one.
pub(crate) const REST_SECONDS: u64 = 75;
/// How long it may rest in truth: a request that is on its way when the time is over still arrives.
const REST: Duration = Duration::from_secs(REST_SECONDS + 10);
/// How often a connection is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// How many connections there may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// In all.
    pub(crate) all: usize,
    /// Of one address.
    pub(crate) each: Option<usize>,
    /// Of one address, of those that never showed a valid token.
    pub(crate) strangers: Option<usize>,
}

/// The connections of a listener.
#[derive(Debug, Clone, Default)]
pub(crate) struct Connections(Arc<Mutex<Table>>);

#[derive(Debug, Default)]
struct Table {
    last: u64,
    open: HashMap<u64, Arc<State>>,
    by: HashMap<IpAddr, Own>,
}

/// The connections of one address.
#[derive(Debug, Default)]
struct Own {
    all: usize,
    /// Those that never showed a valid token, the oldest first.
    strangers: BTreeSet<u64>,
}

/// A connection, as the requests that it carries see it.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    state: Arc<State>,
    connections: Connections,
}

#[derive(Debug)]
struct State {
    id: u64,
    address: IpAddr,
    /// Who showed a valid token on it first.
    holder: OnceLock<Holder>,
    /// Requests that are being answered.
    active: AtomicUsize,
    /// Those of them that were heard whole and whose answer is no stream.
    owed: AtomicUsize,
    /// Requests that were begun.
    begun: AtomicU64,
    closed: CancellationToken,
}

/// A connection's place, which comes free when this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    connection: Connection,
    /// Whether another was closed for it.
    replaces: bool,
}

/// A request that is being answered for as long as this is held.
#[derive(Debug)]
pub(crate) struct Active {
    state: Arc<State>,
    owed: AtomicBool,
}

impl Connections {
    /// Lets a connection of an address in, perhaps in the place of another; `None` where there is
    /// no place.
    pub(crate) fn take(&self, address: IpAddr, bounds: Bounds) -> Option<Place> {
        let mut table = self.table();
        let own = table.by.get(&address);
        let (all, strangers) = own.map_or((0, 0), |own| (own.all, own.strangers.len()));
        let replaces = if bounds.strangers.is_some_and(|most| strangers >= most)
            || bounds.each.is_some_and(|most| all >= most)
        {
            let oldest = own.and_then(|own| own.strangers.first().copied())?;
            table.close(oldest);
            true
        } else if table.open.len() >= bounds.all {
            let most = table.by.values().max_by_key(|own| own.strangers.len())?;
            let oldest = most.strangers.first().copied();
            let oldest = oldest.or_else(|| table.resting())?;
            table.close(oldest);
            true
        } else {
            false
        };
        table.last += 1;
        let state = Arc::new(State {
            id: table.last,
            address,
            holder: OnceLock::new(),
            active: AtomicUsize::new(0),
            owed: AtomicUsize::new(0),
            begun: AtomicU64::new(0),
            closed: CancellationToken::new(),
        });
        table.open.insert(state.id, Arc::clone(&state));
        let own = table.by.entry(address).or_default();
        own.all += 1;
        own.strangers.insert(state.id);
        drop(table);
        Some(Place {
            connection: Connection {
                state,
                connections: self.clone(),
            },
            replaces,
        })
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // A table is sound whatever a panicking holder was about to do.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// The oldest connection that rests of the holder that has most; others give up none.
    fn resting(&self) -> Option<u64> {
        let mut held: HashMap<&Holder, (usize, Option<u64>)> = HashMap::new();
        for (id, state) in &self.open {
            let Some(holder) = state.holder.get() else {
                continue;
            };
            let (count, oldest) = held.entry(holder).or_default();
            *count += 1;
            if state.active.load(Ordering::Relaxed) == 0 {
                *oldest = Some(oldest.map_or(*id, |other| other.min(*id)));
            }
        }
        held.into_values().max_by_key(|(count, _)| *count)?.1
    }

    /// Forgets a connection, and ends it.
    fn close(&mut self, id: u64) {
        let Some(state) = self.open.remove(&id) else {
            return;
        };
        state.closed.cancel();
        if let Some(own) = self.by.get_mut(&state.address) {
            own.all -= 1;
            own.strangers.remove(&id);
            if own.all == 0 {
                self.by.remove(&state.address);
            }
        }
    }
}

impl Place {
    /// The connection that has it.
    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Whether another was closed for it.
    pub(crate) fn replaces(&self) -> bool {
        self.replaces
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let connection = &self.connection;
        connection.connections.table().close(connection.state.id);
    }
}

impl Connection {
    /// Notes whose valid token it showed.
    pub(crate) fn note_token(&self, holder: impl FnOnce() -> Holder) {
        if self.is_known() {
            return;
        }
        self.state.holder.get_or_init(holder);
        let mut table = self.connections.table();
        if let Some(own) = table.by.get_mut(&self.state.address) {
            own.strangers.remove(&self.state.id);
        }
    }

    /// Whether it ever showed a valid token.
    pub(crate) fn is_known(&self) -> bool {
        self.state.holder.get().is_some()
    }

    /// Whether it ever asked for anything.
    pub(crate) fn has_asked(&self) -> bool {
        self.state.begun.load(Ordering::Relaxed) > 0
    }

    /// Begins a request.
    pub(crate) fn begin(&self) -> Active {
        self.state.begun.fetch_add(1, Ordering::Relaxed);
        self.state.active.fetch_add(1, Ordering::Relaxed);
        Active {
            state: Arc::clone(&self.state),
            owed: AtomicBool::new(false),
        }
    }

    /// Whether a request is under way.
    pub(super) fn is_active(&self) -> bool {
        self.state.active.load(Ordering::Relaxed) > 0
    }

    /// Whether an answer is under way that a client waits for though it may say no more.
    pub(super) fn owes_answer(&self) -> bool {
        self.state.owed.load(Ordering::Relaxed) > 0
    }

    /// Waits until somebody else needs its place.
    pub(crate) fn closed(&self) -> WaitForCancellationFuture<'_> {
        self.state.closed.cancelled()
    }

    /// Waits until it has rested for too long between requests, or a head takes too long to arrive;
    /// `read` counts the bytes that came.
    pub(crate) async fn overdue(&self, read: &AtomicU64) {
        let mut rest = self.look(read).rests(Instant::now());
        loop {
            sleep(LOOK).await;
            if rest.is_over(self.look(read), Instant::now()) {
                return;
            }
        }
    }

    fn look(&self, read: &AtomicU64) -> Look {
        Look {
            active: self.is_active(),
            begun: self.state.begun.load(Ordering::Relaxed),
            read: read.load(Ordering::Relaxed),
            known: self.is_known(),
        }
    }
}

/// A connection at one moment.
#[derive(Debug, Clone, Copy)]
struct Look {
    active: bool,
    begun: u64,
    read: u64,
    known: bool,
}

impl Look {
    /// A rest that begins at this moment.
    fn rests(self, now: Instant) -> Rest {
        Rest {
            first: self,
            since: now,
            head: None,
        }
    }
}

/// The time between two requests.
#[derive(Debug)]
struct Rest {
    first: Look,
    since: Instant,
    /// Since when the next head arrives.
    head: Option<Instant>,
}

impl Rest {
    /// Whether it has lasted for too long; it begins anew with each request.
    fn is_over(&mut self, look: Look, now: Instant) -> bool {
        if look.active || look.begun != self.first.begun {
            *self = look.rests(now);
            return false;
        }
        if look.read > self.first.read {
            let head = *self.head.get_or_insert(now);
            return now.duration_since(head) >= HEAD_TIMEOUT - LOOK;
        }
        let patience = match look.known {
            true => REST,
            false => STRANGERS_REST,
        };
        now.duration_since(self.since) >= patience
    }
}

impl Active {
    /// The request was heard to its end, and is owed an answer.
    pub(super) fn heard(&self) {
        if !self.owed.swap(true, Ordering::Relaxed) {
            self.state.owed.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The answer is a stream, which lasts as long as its client.
    pub(super) fn streams(&self) {
        if self.owed.swap(false, Ordering::Relaxed) {
            self.state.owed.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.streams();
        self.state.active.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const BOUNDS: Bounds = Bounds {
        all: 4,
        each: None,
        strangers: None,
    };

    fn address(last: u8) -> IpAddr {
        Ipv4Addr::new(10, 0, 0, last).into()
    }

    fn holder() -> Holder {
        Holder::Tenant("one".to_owned())
    }

    fn is_closed(place: &Place) -> bool {
        place.connection().state.closed.is_cancelled()
    }

    #[test]
    fn the_oldest_stranger_of_the_address_with_most_goes_for_a_newcomer() {
        let connections = Connections::default();
        let take = |last| connections.take(address(last), BOUNDS);
        let alone = take(1).unwrap();
        let two: Vec<Place> = (0..3).map(|_| take(2).unwrap()).collect();
        two[0].connection().note_token(holder);
        let newcomer = take(3).unwrap();
        let closed: Vec<bool> = two.iter().map(is_closed).collect();
        assert_eq!(closed, [false, true, false]);
        assert!(!is_closed(&alone) && !is_closed(&newcomer));
        // Whoever showed a token keeps its place.
        for place in [&alone, &two[2], &newcomer] {
            place.connection().note_token(holder);
        }
        let asking: Vec<_> = [&alone, &two[0], &two[2], &newcomer]
            .map(|place| place.connection().begin())
            .into();
        assert!(take(4).is_none());
        drop(alone);
        assert!(take(4).is_some());
        drop((two, newcomer, asking));
        assert!(connections.table().open.is_empty() && connections.table().by.is_empty());
    }

    #[test]
    fn who_has_most_gives_up_what_rests() {
        let connections = Connections::default();
        let take = |last| connections.take(address(last), BOUNDS);
        let other = || Holder::Tenant("other".to_owned());
        let held: Vec<Place> = (1..=4).map(|last| take(last).unwrap()).collect();
        held[0].connection().note_token(other);
        for place in &held[1..] {
            place.connection().note_token(holder);
        }
        let asking = held[1].connection().begin();
        let newcomer = take(5).unwrap();
        let closed: Vec<bool> = held.iter().map(is_closed).collect();
        assert_eq!(closed, [false, false, true, false]);
        // Strangers have one place of it among them, however many come.
        let second = take(6).unwrap();
        let closed: Vec<bool> = held.iter().map(is_closed).collect();
        assert_eq!(closed, [false, false, true, false]);
        assert!(is_closed(&newcomer) && !is_closed(&second));
        drop(asking);
    }

    #[test]
    fn an_address_replaces_its_own() {
        let connections = Connections::default();
        let bounds = Bounds {
            each: Some(3),
            strangers: Some(2),
            ..BOUNDS
        };
        let take = || connections.take(address(1), bounds);
        let (first, second) = (take().unwrap(), take().unwrap());
        let third = take().unwrap();
        assert!(is_closed(&first) && !is_closed(&second));
        second.connection().note_token(holder);
        third.connection().note_token(holder);
        let fourth = take().unwrap();
        fourth.connection().note_token(holder);
        assert!(take().is_none());
        assert!(connections.take(address(2), bounds).is_some());
    }

    /// The second in which a connection that looks so is closed.
    fn closed_after(look: impl Fn(u64) -> Look) -> Option<u64> {
        let start = Instant::now();
        let mut rest = look(0).rests(start);
        (1..200).find(|second| rest.is_over(look(*second), start + Duration::from_secs(*second)))
    }

    const LOOKED: Look = Look {
        active: false,
        begun: 1,
        read: 100,
        known: false,
    };

    #[test]
    fn a_rest_is_short_for_strangers_and_long_for_the_known() {
        assert_eq!(closed_after(|_| LOOKED), Some(10));
        let known = Look {
            known: true,
            ..LOOKED
        };
        assert_eq!(closed_after(|_| known), Some(85));
        // Half a head is no rest, and is not waited for as long.
        let half = |second| Look {
            read: if second > 30 { 107 } else { 100 },
            ..known
        };
        assert_eq!(closed_after(half), Some(40));
    }

    #[test]
    fn an_answer_that_goes_on_is_no_rest_and_each_request_begins_one() {
        let answering = |second| Look {
            active: second < 100,
            ..LOOKED
        };
        assert_eq!(closed_after(answering), Some(109));
        let asking = |second| Look {
            begun: second / 8,
            read: second / 8 * 100,
            ..LOOKED
        };
        assert_eq!(closed_after(asking), None);
    }
}
