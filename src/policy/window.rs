//! Which window refused a message, and how the client and the log are told.

use std::fmt;
use std::time::Duration;

use super::Policy;
use crate::error::{Error, ErrorKind};
use crate::limit::Weight;

/// A message that one of its windows refused, in words for the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limited {
    pub(crate) bound: Bound,
    pub(crate) limit: u32,
    /// The length of the window.
    pub span: Duration,
    /// How long until one would be admitted.
    pub wait: Duration,
}

/// Which window it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bound {
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
    pub(crate) fn new(bound: Bound, (limit, span): (u32, Duration), wait: Duration) -> Self {
        Self {
            bound,
            limit,
            span,
            wait,
        }
    }

    /// Whole seconds after which one is admitted.
    pub(crate) fn seconds(self) -> u64 {
        self.wait.as_secs() + 1
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
    pub(crate) fn limited(&self, weight: Weight, wait: Duration) -> Limited {
        let own = self.grant.as_ref().and_then(|grant| grant.token.own());
        let bound = match own {
            Some(_) => Bound::Token,
            None => Bound::Connection,
        };
        let (limit, span) = self.window();
        Limited::new(bound, (weight.limit(limit), span), wait)
    }
}
