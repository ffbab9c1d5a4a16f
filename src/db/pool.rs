//! A bounded set of sessions, each lent to one statement at a time.
//!
//! The driver's own pool sends a message on every return; this one does not. A session comes back
//! only when its statement has ended well: dropped in between, it is abandoned and closed, and its
//! place is free at once.

use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

use super::{Failure, FailureKind};

/// What the pool lends.
pub(super) trait Session: Send {
    /// Stops whatever the session is doing; it is dropped right after.
    fn abandon(&mut self);
}

/// Sessions at rest, and how many may be at work.
#[derive(Debug)]
pub(super) struct Pool<S> {
    idle: Mutex<Vec<S>>,
    permits: Semaphore,
    patience: Duration,
}

impl<S: Session> Pool<S> {
    /// A pool of at most `size` sessions; a request waits for one as long as `patience`.
    pub(super) fn new(size: usize, patience: Duration) -> Self {
        Self {
            idle: Mutex::new(Vec::new()),
            permits: Semaphore::new(size),
            patience,
        }
    }

    /// Takes a session that is fit, or a place for a new one.
    ///
    /// # Errors
    /// `Overloaded` when every session stays at work.
    pub(super) async fn take(&self, fit: impl Fn(&S) -> bool) -> Result<Lease<'_, S>, Failure> {
        let permit = tokio::time::timeout(self.patience, self.permits.acquire())
            .await
            .ok()
            .and_then(Result::ok)
            .ok_or_else(|| Failure::new(FailureKind::Overloaded))?;
        let session = loop {
            match self.with_idle(Vec::pop) {
                Some(session) if !fit(&session) => drop(session),
                other => break other,
            }
        };
        Ok(Lease {
            pool: self,
            session,
            _permit: permit,
        })
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
    _permit: SemaphorePermit<'p>,
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
        if let Some(session) = &mut self.session {
            session.abandon();
        }
    }
}
