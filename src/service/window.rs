//! The windows that a message passes: of its connection, of its token, of its tenant.

use std::fmt;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use super::{Policy, Service};
use crate::auth::TokenId;
use crate::error::{Error, ErrorKind};
use crate::limit::{Weight, Window};

/// A message that one of its windows refused, in words for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limited {
    bound: Bound,
    limit: u32,
    /// The length of the window.
    pub span: Duration,
    /// How long until one would be admitted.
    pub wait: Duration,
}

/// Which window it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bound {
    /// That of each connection.
    Connection,
    /// That of each token, by the configuration.
    EachToken,
    /// That of this token, by its record.
    Token,
    /// That of all tokens of its tenant.
    Tenant,
}

impl Limited {
    /// A message over this number in any such span.
    pub(super) fn new(bound: Bound, (limit, span): (u32, Duration), wait: Duration) -> Self {
        Self {
            bound,
            limit,
            span,
            wait,
        }
    }
}

impl fmt::Display for Limited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (limit, seconds) = (self.limit, self.span.as_secs());
        let (whose, remedy) = match self.bound {
            Bound::Connection => (
                "each connection",
                "raise MCP_RATE_LIMIT, or give the token a limit of its own: \
                 lucarne token update --rate-limit",
            ),
            Bound::EachToken => ("each token", "raise MCP_TOKEN_RATE_LIMIT"),
            Bound::Token => (
                "this token",
                "raise it with lucarne token update --rate-limit",
            ),
            Bound::Tenant => (
                "all tokens of its tenant",
                "raise it with lucarne tenant update --rate-limit",
            ),
        };
        write!(f, "{limit} requests per {seconds}s of {whose}; {remedy}")
    }
}

/// What the client reads of it.
impl From<Limited> for Error {
    fn from(limited: Limited) -> Self {
        ErrorKind::RateLimited {
            limit: limited.limit,
            window: limited.span.as_secs(),
        }
        .into()
    }
}

impl Policy {
    /// The window of each connection: that of its token, where that has one of its own.
    pub fn window(&self) -> (u32, Duration) {
        let own = self.grant.as_ref().and_then(|grant| grant.token.own());
        let connections = &self.settings.connections;
        own.unwrap_or((connections.rate_limit, connections.rate_window))
    }

    /// A message that the window of its connection refused.
    fn limited(&self, weight: Weight, wait: Duration) -> Limited {
        let own = self.grant.as_ref().and_then(|grant| grant.token.own());
        let bound = match own {
            Some(_) => Bound::Token,
            None => Bound::Connection,
        };
        let (limit, span) = self.window();
        Limited::new(bound, (weight.limit(limit), span), wait)
    }
}

impl Service {
    /// Admits a message that the window of its connection admitted to the window that all
    /// connections of its token share, and to that of its tenant; these count reads alone.
    ///
    /// # Errors
    /// The message that is one too many for any of the three.
    pub fn admit(
        &self,
        policy: &Policy,
        token: &TokenId,
        weight: Weight,
        by_connection: Result<(), Duration>,
    ) -> Result<(), Limited> {
        let admitted = match (by_connection, weight, &policy.grant) {
            (Err(wait), ..) => Err(policy.limited(weight, wait)),
            (Ok(()), Weight::Light, _) => Ok(()),
            (Ok(()), Weight::Read, Some(grant)) => {
                grant.token.admit().and_then(|()| grant.tenant.admit())
            }
            (Ok(()), Weight::Read, None) => self.admit_shared(policy, token),
        };
        if admitted.is_err() {
            self.metrics.rate_limited();
        }
        admitted
    }

    fn admit_shared(&self, policy: &Policy, token: &TokenId) -> Result<(), Limited> {
        let connections = &policy.settings.connections;
        let (limit, span) = (connections.token_rate_limit, connections.rate_window);
        if limit == 0 {
            return Ok(());
        }
        // Windows are sound whatever a panicking holder was about to do.
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let window = windows
            .entry(*token)
            .or_insert_with(|| Window::new(limit, span));
        window.follow(limit, span);
        let admitted = window.admit(Instant::now());
        admitted.map_err(|wait| Limited::new(Bound::EachToken, (limit, span), wait))
    }
}
