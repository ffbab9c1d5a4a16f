//! A bounded set of sessions, each lent to one statement at a time.
//!
//! The driver's own pool sends a message on every return; this one does not. A session comes back
//! only when its statement has ended well: dropped in between, it is abandoned and closed, and its
//! place is free at once.
//!
//! A server may give fewer sessions than there are places. A place that it gives none for is
//! withheld, and whoever had it waits for a session in use; one withheld place at a time comes back
//! after a pause, to see whether there are more by now.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, SemaphorePermit};
use tracing::warn;

use super::{Failure, FailureKind, Options};
use crate::limit::{Part, Reservation, Share};

/// How long a place is withheld at the least.
const PAUSE: Duration = Duration::from_millis(500);

/// What the pool lends.
pub(super) trait Session: Send {
    /// Stops whatever the session is doing; it is dropped right after.
    fn abandon(&mut self);
}

/// What a session is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Records by their keys, which are quick: one session is left to them.
    Lookup,
    /// Whatever may take its time.
    Any,
}

/// Sessions at rest, and how many may be at work.
#[derive(Debug)]
pub(super) struct Pool<S> {
    /// The database, as the log names it.
    name: String,
    idle: Mutex<Vec<S>>,
    permits: Semaphore,
    /// Places of those that may take their time.
    unhurried: Semaphore,
    patience: Duration,
    size: usize,
    /// What the rows that are being read may take, over all pools.
    rows: Option<Share>,
    withheld: Mutex<Shortfall>,
    counts: Counts,
}

/// Places that the server gives no sessions for.
#[derive(Debug, Default)]
struct Shortfall {
    places: usize,
    /// As many of those that may take their time.
    unhurried: usize,
    /// When the next one comes back.
    again: Option<Instant>,
    is_told: bool,
}

/// What was lent so far, and how long it took, in microseconds.
#[derive(Debug, Default)]
struct Counts {
    lent: AtomicU64,
    busy: AtomicU64,
    waits: AtomicU64,
    waited: AtomicU64,
}

/// How the sessions of a database are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Sessions at the most.
    pub limit: u64,
    /// Sessions that are open and at rest.
    pub idle: u64,
    /// Places at work.
    pub busy: u64,
    /// Statements that had a session so far.
    pub statements: u64,
    /// How long sessions were at work, all together.
    pub(crate) worked: Duration,
    /// Statements that had to wait for a session.
    pub waits: u64,
    /// How long they waited, all together.
    pub waited: Duration,
}

impl<S: Session> Pool<S> {
    /// A pool of as many sessions as the options say; a request waits for one as long as a
    /// statement may take.
    pub(super) fn new(options: &Options) -> Self {
        let (size, patience) = (options.pool_size, options.query_timeout);
        Self {
            name: options.url.to_string(),
            idle: Mutex::new(Vec::new()),
            permits: Semaphore::new(size),
            unhurried: Semaphore::new(size.saturating_sub(1).max(1)),
            patience,
            size,
            rows: options.rows.clone(),
            withheld: Mutex::default(),
            counts: Counts::default(),
        }
    }

    /// How the sessions are used.
    pub(super) fn usage(&self) -> Usage {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let places = self.size.saturating_sub(self.withheld().places);
        let busy = places.saturating_sub(self.permits.available_permits());
        Usage {
            limit: self.size as u64,
            idle: self.with_idle(|idle| idle.len()) as u64,
            busy: busy as u64,
            statements: count(&self.counts.lent),
            worked: Duration::from_micros(count(&self.counts.busy)),
            waits: count(&self.counts.waits),
            waited: Duration::from_micros(count(&self.counts.waited)),
        }
    }

    /// Takes a session that is fit, or a place for a new one, until that moment and no longer than a
    /// statement may take.
    ///
    /// # Errors
    /// `Overloaded` when every session stays at work.
    pub(super) async fn take(
        &self,
        purpose: Purpose,
        until: Instant,
        fit: impl Fn(&S) -> bool,
    ) -> Result<Lease<'_, S>, Failure> {
        let until = until.min(Instant::now() + self.patience);
        let lease = self.take_until(until, purpose, fit).await?;
        self.counts.lent.fetch_add(1, Ordering::Relaxed);
        Ok(lease)
    }

    async fn take_until(
        &self,
        until: Instant,
        purpose: Purpose,
        fit: impl Fn(&S) -> bool,
    ) -> Result<Lease<'_, S>, Failure> {
        self.restore();
        let unhurried = match purpose {
            Purpose::Lookup => None,
            Purpose::Any => Some(self.place(&self.unhurried, until).await?),
        };
        let permit = self.place(&self.permits, until).await?;
        let session = loop {
            match self.with_idle(Vec::pop) {
                Some(session) if !fit(&session) => drop(session),
                other => break other,
            }
        };
        Ok(Lease {
            pool: self,
            used: session.is_some(),
            session,
            lost: false,
            purpose,
            until,
            since: Instant::now(),
            permits: (unhurried, Some(permit)),
            row: None,
        })
    }

    /// Sets memory aside for what is made of several rows.
    pub(super) async fn set_aside(
        &self,
        bytes: usize,
        until: Instant,
    ) -> Result<Option<Part>, Failure> {
        let Some(rows) = &self.rows else {
            return Ok(None);
        };
        let part = tokio::time::timeout_at(until.into(), rows.part(bytes)).await;
        let part = part.ok().flatten();
        part.map(Some)
            .ok_or_else(|| Failure::new(FailureKind::Overloaded))
    }

    async fn place<'s>(
        &'s self,
        places: &'s Semaphore,
        until: Instant,
    ) -> Result<SemaphorePermit<'s>, Failure> {
        if let Ok(permit) = places.try_acquire() {
            return Ok(permit);
        }
        let since = Instant::now();
        let mut acquired = pin!(places.acquire());
        let permit = loop {
            let again = self.withheld().again;
            let wake = again.map_or(until, |again| again.min(until));
            match tokio::time::timeout_at(wake.into(), &mut acquired).await {
                Ok(permit) => break permit.ok(),
                Err(_) if wake < until => self.restore(),
                Err(_) => break None,
            }
        };
        self.counts.waits.fetch_add(1, Ordering::Relaxed);
        self.counts
            .waited
            .fetch_add(micros(since), Ordering::Relaxed);
        permit.ok_or_else(|| Failure::new(FailureKind::Overloaded))
    }

    /// Keeps a place back for a while, for the server gives no session for it.
    fn withhold(&self, (unhurried, permit): Permits<'_>) {
        let mut withheld = self.withheld();
        // One that may take its time stays in any case, and one less than there are places.
        if self.size - withheld.places > 2 {
            let unhurried = unhurried.or_else(|| self.unhurried.try_acquire().ok());
            withheld.unhurried += usize::from(unhurried.is_some());
            if let Some(unhurried) = unhurried {
                unhurried.forget();
            }
        }
        withheld.places += usize::from(permit.is_some());
        if let Some(permit) = permit {
            permit.forget();
        }
        withheld.again = Some(Instant::now() + PAUSE);
        if !std::mem::replace(&mut withheld.is_told, true) {
            let (database, size) = (&self.name, self.size);
            warn!(
                "{database} gives this account fewer connections than MCP_POOL_SIZE ({size}): \
                 requests wait for those that there are. Set MCP_POOL_SIZE to what it gives, or \
                 raise its limit"
            );
        }
    }

    /// Gives back a withheld place whose pause is over.
    fn restore(&self) {
        let mut withheld = self.withheld();
        let now = Instant::now();
        if withheld.again.is_none_or(|again| now < again) {
            return;
        }
        withheld.places -= 1;
        withheld.again = (withheld.places > 0).then(|| now + PAUSE);
        if withheld.unhurried > withheld.places {
            withheld.unhurried -= 1;
            self.unhurried.add_permits(1);
        }
        self.permits.add_permits(1);
    }

    fn withheld(&self) -> MutexGuard<'_, Shortfall> {
        // The numbers are sound whatever a panicking holder was about to do.
        self.withheld.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes the sessions at rest.
    pub(super) fn clear(&self) {
        self.with_idle(|idle| drop(std::mem::take(idle)));
    }

    fn with_idle<T>(&self, use_it: impl FnOnce(&mut Vec<S>) -> T) -> T {
        // A list of sessions is sound whatever a panicking holder was about to do.
        use_it(&mut self.idle.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A place among those that may take their time, and one among all.
type Permits<'p> = (Option<SemaphorePermit<'p>>, Option<SemaphorePermit<'p>>);

/// A place in the pool, with a session once there is one.
pub(super) struct Lease<'p, S: Session> {
    pool: &'p Pool<S>,
    session: Option<S>,
    used: bool,
    /// Whether it takes none of those at rest any more.
    lost: bool,
    purpose: Purpose,
    /// How long a session is waited for.
    until: Instant,
    since: Instant,
    permits: Permits<'p>,
    /// The memory of the row at hand.
    row: Option<Reservation>,
}

impl<S: Session> Lease<'_, S> {
    /// Whether the session was used before, and may have been lost since.
    pub(super) fn is_used(&self) -> bool {
        self.used
    }

    /// Sets memory aside for rows that take so many bytes each, of which one is in memory at a time;
    /// it is waited for as long as a session is.
    ///
    /// # Errors
    /// `Overloaded` when none comes free in time.
    pub(super) async fn set_aside(&mut self, row_bytes: usize) -> Result<(), Failure> {
        let Some(rows) = self.pool.rows.as_ref().filter(|_| row_bytes > 0) else {
            return Ok(());
        };
        // Of lists on their way into rows a part is held meanwhile.
        let row_bytes = row_bytes.min(rows.beside_part());
        self.row = match rows.try_reserve(row_bytes) {
            Some(row) => Some(row),
            None => {
                let row = tokio::time::timeout_at(self.until.into(), rows.reserve(row_bytes));
                row.await.ok().flatten()
            }
        };
        let is_there = self.row.is_some();
        is_there
            .then_some(())
            .ok_or_else(|| Failure::new(FailureKind::Overloaded))
    }

    /// Closes the session that is held and keeps the place, for a new one alone.
    pub(super) fn discard(&mut self) {
        self.session = None;
        (self.used, self.lost) = (false, true);
    }

    /// The session that is held, if there is one.
    pub(super) fn held(&self) -> Option<&S> {
        self.session.as_ref()
    }

    /// Lends the session to another thread, which gives it back or drops it.
    pub(super) fn lend(&mut self) -> Option<S> {
        self.session.take()
    }

    /// Takes back what was lent, or what was opened instead.
    pub(super) fn give_back(&mut self, session: S) {
        self.session = Some(session);
    }

    /// The session; opened if there is none. Where the server gives no more, one that is in use is
    /// waited for.
    ///
    /// # Errors
    /// Those of opening it; `Overloaded` when the server gives none in time.
    pub(super) async fn session<F>(&mut self, open: impl Fn() -> F) -> Result<&mut S, Failure>
    where
        F: Future<Output = Result<S, Failure>>,
    {
        let session = loop {
            if let Some(session) = self.session.take() {
                break session;
            }
            // Rare, and large: it takes no room of the statement's own.
            match Box::pin(open()).await {
                Err(failure) if *failure.kind() == FailureKind::Overloaded => self.wait().await?,
                opened => break opened?,
            }
        };
        Ok(self.session.insert(session))
    }

    /// Gives up the place, for it has no session, and takes the next that is free.
    async fn wait(&mut self) -> Result<(), Failure> {
        let (pool, lost, row) = (self.pool, self.lost, self.row.take());
        pool.withhold(std::mem::take(&mut self.permits));
        let next = pool.take_until(self.until, self.purpose, |_| !lost).await?;
        *self = next;
        (self.lost, self.row) = (lost, row);
        Ok(())
    }

    /// Gives the session back: its statement has ended well.
    pub(super) fn keep(mut self) {
        if let Some(session) = self.session.take() {
            self.pool.with_idle(|idle| idle.push(session));
        }
    }
}

impl<S: Session> Drop for Lease<'_, S> {
    fn drop(&mut self) {
        let busy = &self.pool.counts.busy;
        busy.fetch_add(micros(self.since), Ordering::Relaxed);
        if let Some(session) = &mut self.session {
            session.abandon();
        }
    }
}

fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}
