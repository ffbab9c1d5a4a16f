//! The windows that a message passes: of its connection, of its token, of its tenant.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::{Bound, Limited, Policy};
use crate::auth::{Holder, Principal};
use crate::limit::{Meter, Weight, Window, Windows};

/// Every window of requests of this service, asked in one place.
///
/// It is asynchronous, so that windows may be shared with other instances; those that are kept
/// here are ready at once.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    /// The window of each token of the configuration, over all its connections.
    tokens: Mutex<HashMap<Principal, Window>>,
    /// Requests by HTTP, which has no connection to count by: principal and network of the client.
    clients: Windows<Principal, IpAddr>,
    /// What is answered from memory: by principal, and by tenant where there is one.
    light: Windows<(), Holder>,
    /// The same by principal and network of the client, over all its connections.
    networks: Windows<Principal, IpAddr>,
}

/// Connections whose light messages one token, or one tenant, may send together.
const LIGHT_CONNECTIONS: u32 = 10;

/// By what the messages of one connection are counted.
#[derive(Debug)]
pub(crate) enum Tally<'m> {
    /// By the connection itself, from this network.
    Own(&'m mut Meter, IpAddr),
    /// By the network of a client that has none.
    Network(IpAddr),
}

impl Budget {
    /// Admits a message to the window of its connection, then to the one that all connections of
    /// its token share, and to that of its tenant; these two count reads alone.
    ///
    /// # Errors
    /// The message that is one too many for any of the three.
    pub(crate) async fn admit(
        &self,
        (policy, caller): (&Policy, &Principal),
        weight: Weight,
        tally: Tally<'_>,
    ) -> Result<(), Limited> {
        let (window, now) = (policy.window(), Instant::now());
        let network = match tally {
            Tally::Own(_, network) | Tally::Network(network) => network,
        };
        let admitted = match tally {
            Tally::Own(meter, _) => {
                meter.follow(window);
                meter.admit(weight, now)
            }
            Tally::Network(network) => {
                let client = (caller.clone(), network);
                self.clients.admit(client, weight, window, now)
            }
        };
        admitted.map_err(|wait| policy.limited(weight, wait))?;
        match (weight, &policy.grant) {
            (Weight::Light, _) => self.admit_light(policy, (caller, network), now),
            (Weight::Read, Some(grant)) => grant.token.admit().and_then(|()| grant.tenant.admit()),
            (Weight::Read, None) => self.admit_shared(policy, caller, now),
        }
    }

    /// What costs little is bounded too, over all connections of a token and of its tenant; from one
    /// network come three quarters of that at the most, so that another gets in.
    fn admit_light(
        &self,
        policy: &Policy,
        (caller, network): (&Principal, IpAddr),
        now: Instant,
    ) -> Result<(), Limited> {
        let (limit, span) = policy.window();
        let limit = limit.saturating_mul(LIGHT_CONNECTIONS);
        let limited = |wait| policy.limited(Weight::Light, wait);
        let of_network = (limit - limit / 4, span);
        let admitted =
            self.networks
                .admit((caller.clone(), network), Weight::Light, of_network, now);
        admitted.map_err(limited)?;
        let tenant = policy.grant.as_ref().map(|grant| &grant.client.tenant_id);
        let tenant = tenant.map(|id| Holder::Tenant(id.clone()));
        for holder in std::iter::once(Holder::Principal(caller.clone())).chain(tenant) {
            let admitted = self
                .light
                .admit(((), holder), Weight::Light, (limit, span), now);
            admitted.map_err(limited)?;
        }
        Ok(())
    }

    fn admit_shared(
        &self,
        policy: &Policy,
        caller: &Principal,
        now: Instant,
    ) -> Result<(), Limited> {
        let connections = &policy.settings.connections;
        let (limit, span) = (connections.token_rate_limit, connections.rate_window);
        if limit == 0 {
            return Ok(());
        }
        let mut tokens = self.tokens();
        let window = tokens
            .entry(caller.clone())
            .or_insert_with(|| Window::new(limit, span));
        window.follow(limit, span);
        let admitted = window.admit(now);
        admitted.map_err(|wait| Limited::new(Bound::EachToken, (limit, span), wait))
    }

    /// Forgets the windows of those who are gone.
    pub(crate) fn retain(&self, holds: impl Fn(&Principal) -> bool) {
        self.tokens().retain(|principal, _| holds(principal));
    }

    /// How many tokens have a window.
    #[cfg(test)]
    pub(crate) fn tokens_counted(&self) -> usize {
        self.tokens().len()
    }

    fn tokens(&self) -> MutexGuard<'_, HashMap<Principal, Window>> {
        // Windows are sound whatever a panicking holder was about to do.
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
