//! The sockets and streams that are open: whose they are, what they ask, and how one is ended.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use tokio_util::sync::{CancellationToken, WaitForCancellationFuture};

use crate::auth::Caller;
use crate::observe::SessionGuard;

/// Bytes that are made for a client and that it has not taken yet, whoever counts them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Waiting(Arc<AtomicU64>);

impl Waiting {
    /// Counts what is to be written.
    pub(crate) fn add(&self, bytes: usize) {
        self.0.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Takes away what was counted, and is written.
    pub(crate) fn take(&self, bytes: usize) {
        self.0.fetch_sub(bytes as u64, Ordering::Relaxed);
    }

    /// How many there are.
    pub(crate) fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The list of what is open.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sessions(Arc<Mutex<List>>);

#[derive(Debug, Default)]
struct List {
    last: u64,
    open: BTreeMap<u64, Arc<Session>>,
}

/// A socket or stream.
#[derive(Debug)]
pub(crate) struct Session {
    /// Its number since the start of the service.
    pub(crate) id: u64,
    /// Who opened it.
    pub(crate) caller: Caller,
    /// When it was opened.
    pub(crate) since: DateTime<Utc>,
    /// What it has not read.
    pub(crate) waiting: Waiting,
    begun: Instant,
    requests: AtomicU64,
    /// Milliseconds from its beginning to its last request.
    last: AtomicU64,
    end: CancellationToken,
}

/// What is open for as long as this is held.
#[derive(Debug)]
pub(crate) struct Listing {
    session: Arc<Session>,
    sessions: Sessions,
    _counted: SessionGuard,
}

impl Sessions {
    /// Lists a socket or stream that ends when `end` is cancelled.
    pub(crate) fn list(
        &self,
        caller: &Caller,
        end: CancellationToken,
        counted: SessionGuard,
    ) -> Listing {
        let mut list = self.get();
        list.last += 1;
        let session = Arc::new(Session {
            id: list.last,
            caller: caller.clone(),
            since: Utc::now(),
            waiting: Waiting::default(),
            begun: Instant::now(),
            requests: AtomicU64::new(0),
            last: AtomicU64::new(0),
            end,
        });
        list.open.insert(session.id, Arc::clone(&session));
        drop(list);
        Listing {
            session,
            sessions: self.clone(),
            _counted: counted,
        }
    }

    /// All that are open, the oldest first.
    pub(crate) fn open(&self) -> Vec<Arc<Session>> {
        self.get().open.values().cloned().collect()
    }

    /// The open one of that number.
    pub(crate) fn find(&self, id: u64) -> Option<Arc<Session>> {
        self.get().open.get(&id).cloned()
    }

    fn get(&self) -> MutexGuard<'_, List> {
        // A list is sound whatever a panicking holder was about to do.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    /// Counts a request.
    pub(crate) fn asked(&self) {
        let millis = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(millis, Ordering::Relaxed);
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// How many requests there were, and when the last one was.
    pub(crate) fn requests(&self) -> (u64, Option<DateTime<Utc>>) {
        let requests = self.requests.load(Ordering::Relaxed);
        let last = Duration::from_millis(self.last.load(Ordering::Relaxed));
        let last = TimeDelta::from_std(last).ok();
        let last = last.and_then(|last| self.since.checked_add_signed(last));
        (requests, last.filter(|_| requests > 0))
    }

    /// Waits until somebody ends it.
    pub(crate) fn ended(&self) -> WaitForCancellationFuture<'_> {
        self.end.cancelled()
    }

    /// Ends it, once the answers that are under way are written.
    pub(crate) fn end(&self) {
        self.end.cancel();
    }
}

impl Listing {
    /// What is listed.
    pub(crate) fn session(&self) -> &Arc<Session> {
        &self.session
    }
}

impl Drop for Listing {
    fn drop(&mut self) {
        self.sessions.get().open.remove(&self.session.id);
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use super::*;
    use crate::auth::Credential;
    use crate::observe::Metrics;

    #[tokio::test]
    async fn what_is_open_is_listed_counted_and_ended() {
        let (sessions, metrics) = (Sessions::default(), Metrics::default());
        let caller = Caller::new(
            Credential::LOCAL,
            None,
            IpAddr::V4(Ipv4Addr::LOCALHOST),
            "ws",
        );
        let open = || sessions.list(&caller, CancellationToken::new(), metrics.session());
        let (first, second) = (open(), open());
        let ids = || {
            let open = sessions.open();
            open.iter().map(|session| session.id).collect::<Vec<_>>()
        };
        assert_eq!(ids(), [1, 2]);
        assert_eq!(first.session().requests(), (0, None));
        first.session().asked();
        first.session().asked();
        let (requests, last) = first.session().requests();
        assert_eq!(requests, 2);
        assert!(last.is_some_and(|last| last >= first.session().since));
        sessions.find(2).unwrap().end();
        second.session().ended().await;
        drop(first);
        assert_eq!(ids(), [2]);
        drop(second);
        assert!(ids().is_empty() && sessions.find(2).is_none());
        // A number is not given twice.
        assert_eq!(open().session().id, 3);
    }
}
