//! A bounded set of sessions, each lent to one statement at a time.
//!
//! The driver's own pool sends a message on every return; this one does not. A session comes back
//! only when its statement has ended well: dropped in between, it is abandoned and closed, and its
//! place is free at once.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, SemaphorePermit};

use super::{Failure, FailureKind};

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
    idle: Mutex<Vec<S>>,
    permits: Semaphore,
    /// Places of those that may take their time.
    unhurried: Semaphore,
    patience: Duration,
    size: usize,
    counts: Counts,
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
    pub worked: Duration,
    /// Statements that had to wait for a session.
    pub waits: u64,
    /// How long they waited, all together.
    pub waited: Duration,
}

impl<S: Session> Pool<S> {
    /// A pool of at most `size` sessions; a request waits for one as long as `patience`.
    pub(super) fn new(size: usize, patience: Duration) -> Self {
        Self {
            idle: Mutex::new(Vec::new()),
            permits: Semaphore::new(size),
            unhurried: Semaphore::new(size.saturating_sub(1).max(1)),
            patience,
            size,
            counts: Counts::default(),
        }
    }

    /// How the sessions are used.
    pub(super) fn usage(&self) -> Usage {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let busy = self.size.saturating_sub(self.permits.available_permits());
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

    /// Takes a session that is fit, or a place for a new one.
    ///
    /// # Errors
    /// `Overloaded` when every session stays at work.
    pub(super) async fn take(
        &self,
        purpose: Purpose,
        fit: impl Fn(&S) -> bool,
    ) -> Result<Lease<'_, S>, Failure> {
        let unhurried = match purpose {
            Purpose::Lookup => None,
            Purpose::Any => Some(self.place(&self.unhurried).await?),
        };
        let permit = self.place(&self.permits).await?;
        self.counts.lent.fetch_add(1, Ordering::Relaxed);
        let session = loop {
            match self.with_idle(Vec::pop) {
                Some(session) if !fit(&session) => drop(session),
                other => break other,
            }
        };
        Ok(Lease {
            pool: self,
            session,
            since: Instant::now(),
            _permits: (unhurried, permit),
        })
    }

    async fn place<'s>(&self, places: &'s Semaphore) -> Result<SemaphorePermit<'s>, Failure> {
        if let Ok(permit) = places.try_acquire() {
            return Ok(permit);
        }
        let since = Instant::now();
        let permit = tokio::time::timeout(self.patience, places.acquire()).await;
        self.counts.waits.fetch_add(1, Ordering::Relaxed);
        self.counts
            .waited
            .fetch_add(micros(since), Ordering::Relaxed);
        permit
            .ok()
            .and_then(Result::ok)
            .ok_or_else(|| Failure::new(FailureKind::Overloaded))
    }

    /// Closes the sessions at rest.
    pub(super) fn clear(&self) {
        self.with_idle(|idle| drop(std::mem::take(idle)));
    }

    fn with_idle<T>(&self, use_it: impl FnOnce(&mut Vec<S>) -> T) -> T {
        // A list of sessions is sound whatever a panicking holder was about to do.
        use_it(
            &mut self
                .idle
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        )
    }
}

/// A place in the pool, with a session once there is one.
pub(super) struct Lease<'p, S: Session> {
    pool: &'p Pool<S>,
    session: Option<S>,
    since: Instant,
    _permits: (Option<SemaphorePermit<'p>>, SemaphorePermit<'p>),
}

impl<S: Session> Lease<'_, S> {
    /// Whether the session was used before, and may have been lost since.
    pub(super) fn is_used(&self) -> bool {
        self.session.is_some()
    }

    /// Closes the session that is held and keeps the place.
    pub(super) fn discard(&mut self) {
        self.session = None;
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

    /// The session; opened if there is none.
    ///
    /// # Errors
    /// Those of opening it.
    pub(super) async fn session(
        &mut self,
        open: impl Future<Output = Result<S, Failure>>,
    ) -> Result<&mut S, Failure> {
        let session = match self.session.take() {
            Some(session) => session,
            None => open.await?,
        };
        Ok(self.session.insert(session))
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
