//! The windows that a message passes: of its connection, of its token, of its tenant.

use std::sync::PoisonError;
use std::time::{Duration, Instant};

use super::Service;
use crate::auth::TokenId;
use crate::limit::{Weight, Window};
use crate::policy::{Bound, Limited, Policy};

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
