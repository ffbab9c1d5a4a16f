//! Who is let in, from where, and by which policy: one immutable value, which a reload or a change
//! of the store swaps whole.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use ipnet::IpNet;

use super::databases::Held;
use super::{Policy, Settings};
use crate::advice::Advice;
use crate::auth::{self, Client, Credential, Digest, Refused, Standing, Tokens};
use crate::config::{AllowedHosts, AllowedOrigins, Page, Setting, Tls};
use crate::egress::Reach;
use crate::store::{Tenant, TenantId};

/// Who is let in, and from where.
#[derive(Debug, Clone)]
pub struct Access {
    /// What holds for everybody.
    pub settings: Arc<Settings>,
    /// The tokens of the configuration.
    pub tokens: Tokens,
    /// What these may ask for.
    pub shared: Arc<Policy>,
    /// The tokens of the store.
    pub clients: Arc<Clients>,
    /// Whether a client without a token is refused.
    pub require_auth: bool,
    /// `Host` values answered.
    pub hosts: AllowedHosts,
    /// Browser origins let in.
    pub origins: AllowedOrigins,
    /// Whether the WebSocket route takes `?token=`.
    pub query_token: bool,
    /// Networks whose `X-Forwarded-For` is believed.
    pub proxies: Vec<IpNet>,
    /// What connections are encrypted with, if they are.
    pub tls: Option<Tls>,
    /// Who administers the service.
    pub administration: Arc<Administration>,
    /// Which configuration it is of.
    pub edition: Edition,
}

/// A configuration among those that were in force, one after the other.
#[derive(Debug, Clone, Copy)]
pub struct Edition {
    /// How many reloads came before it since the start.
    pub number: u64,
    /// Since when it is in force.
    pub since: DateTime<Utc>,
}

impl Edition {
    /// That of the start.
    pub(crate) fn first() -> Self {
        Self {
            number: 0,
            since: Utc::now(),
        }
    }

    /// That of a reload, which takes the place of this one now.
    pub(crate) fn next(self) -> Self {
        Self {
            number: self.number + 1,
            ..Self::first()
        }
    }
}

/// Who administers the service by the admin API, and what may be done there.
#[derive(Debug)]
pub struct Administration {
    /// Whether there is a store, be it one that has not answered yet.
    pub(crate) has_store: bool,
    /// The tokens that open it.
    pub tokens: Tokens,
    /// Where databases may be that come by it.
    pub reach: Reach,
    /// Where the service's own database is, without user and password.
    pub place: String,
    /// Where the page is.
    pub page: Page,
    /// Whether rows may be read as a token would.
    pub reads: bool,
    /// Each variable as it counts, without secrets.
    pub settings: Arc<[Setting]>,
    /// What is weak about them.
    pub warnings: Arc<[Advice]>,
}

impl Administration {
    /// Whether the admin API is there.
    pub(crate) fn is_open(&self) -> bool {
        self.has_store && !self.tokens.is_empty()
    }
}

impl Access {
    /// Lets in whom another lets in too, as far as that can be told without a database: what a
    /// configuration takes away waits for nothing.
    pub(crate) fn within(self, other: &Self) -> Self {
        let administration = &self.administration;
        Self {
            tokens: self.tokens.within(&other.tokens),
            require_auth: self.require_auth || other.require_auth,
            hosts: self.hosts.within(&other.hosts),
            origins: self.origins.within(&other.origins),
            query_token: self.query_token && other.query_token,
            proxies: self
                .proxies
                .iter()
                .filter(|network| other.proxies.contains(network))
                .copied()
                .collect(),
            administration: Arc::new(Administration {
                tokens: administration.tokens.within(&other.administration.tokens),
                has_store: administration.has_store,
                reach: administration.reach.clone(),
                place: administration.place.clone(),
                page: administration.page.min(other.administration.page),
                reads: administration.reads && other.administration.reads,
                settings: Arc::clone(&administration.settings),
                warnings: Arc::clone(&administration.warnings),
            }),
            ..self
        }
    }

    /// What is to be done about a certificate that ends soon, or has ended, as a line of the log.
    pub(crate) fn certificate_warning(&self) -> Option<String> {
        let warning = self.tls.as_ref()?.warning(Utc::now())?;
        Some(warning.line())
    }

    /// The tenant of the store with this name or id.
    pub fn tenant(&self, name: &str) -> Option<TenantId> {
        let mut tenants = self.clients.owners.iter().map(|owner| &owner.tenant);
        let found = tenants.find(|tenant| tenant.name == name || tenant.id.as_str() == name)?;
        Some(found.id.clone())
    }

    /// Whether this address is that of a proxy which tells of its clients.
    pub(crate) fn is_proxy(&self, address: IpAddr) -> bool {
        self.proxies
            .iter()
            .any(|network| network.contains(&address))
    }

    /// Judges the tokens that a client gave, one for each way that it used.
    ///
    /// # Errors
    /// None, where one is needed; several that differ; one that lets nobody in now.
    pub fn judge<'t>(
        &self,
        given: impl IntoIterator<Item = &'t str>,
    ) -> Result<(Credential, Arc<Policy>), Refused> {
        match auth::judge(given, |token| self.policy(token)) {
            Err(Refused::Missing) if !self.require_auth => {
                Ok((Credential::LOCAL, Arc::clone(&self.shared)))
            }
            judged => judged,
        }
    }

    /// Whose token of the store a client gave, which is not let in by it, where it is one at all.
    pub fn whose<'t>(
        &self,
        given: impl IntoIterator<Item = &'t str>,
    ) -> Option<(Credential, Arc<Client>)> {
        let find = |token: &Credential| self.clients.whose(token).ok_or(Refused::Invalid);
        auth::judge(given, find).ok()
    }

    /// What a token may ask for at this moment.
    ///
    /// # Errors
    /// One that lets nobody in, or not any more.
    pub fn policy(&self, token: &Credential) -> Result<Arc<Policy>, Refused> {
        // Both are asked, whatever the first says: the time tells nothing of which it is.
        let (shared, client) = (self.tokens.holds(token), self.clients.find(token));
        let nobody = *token == Credential::LOCAL && !self.require_auth;
        match shared || nobody {
            true => Ok(Arc::clone(&self.shared)),
            false => client,
        }
    }
}

/// The tokens of a store, each with its policy; empty without a store.
#[derive(Default)]
pub struct Clients {
    by_digest: HashMap<Digest, Admission>,
    owners: Vec<Owner>,
    freshness: Option<Arc<Freshness>>,
}

/// A tenant, and what is read for it, in the order in which names are looked up.
pub(crate) struct Owner {
    pub(crate) tenant: Tenant,
    pub(crate) held: Vec<Arc<Held>>,
}

/// What is known of a digest.
struct Admission {
    policy: Arc<Policy>,
    standing: Standing,
}

impl fmt::Debug for Clients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Clients({})", self.by_digest.len())
    }
}

/// What a token is let in by.
pub(crate) struct Entry {
    pub(crate) digest: Digest,
    pub(crate) policy: Arc<Policy>,
    pub(crate) standing: Standing,
}

impl Clients {
    /// The tokens of a store that vouches for them.
    pub(crate) fn new(
        entries: impl Iterator<Item = Entry>,
        owners: Vec<Owner>,
        freshness: Arc<Freshness>,
    ) -> Self {
        let known = entries.map(|entry| {
            let known = Admission {
                policy: entry.policy,
                standing: entry.standing,
            };
            (entry.digest, known)
        });
        Self {
            by_digest: known.collect(),
            owners,
            freshness: Some(freshness),
        }
    }

    /// What a token may ask for: it is known, active, not expired, and its tenant is active.
    ///
    /// A digest is looked up, not the token: whoever does not have the token cannot choose the
    /// bytes that are compared.
    fn find(&self, token: &Credential) -> Result<Arc<Policy>, Refused> {
        let known = self.by_digest.get(token.digest());
        let known = known.ok_or(Refused::Invalid)?;
        if self.freshness.as_ref().is_none_or(|fresh| fresh.is_over()) {
            return Err(Refused::StoreAway);
        }
        known.standing.judge(Utc::now())?;
        Ok(Arc::clone(&known.policy))
    }

    /// Whose token this is, be it one that lets nobody in any more.
    fn whose(&self, token: &Credential) -> Option<Arc<Client>> {
        let known = self.by_digest.get(token.digest())?;
        let grant = known.policy.grant.as_ref()?;
        Some(Arc::clone(&grant.client))
    }

    /// The tenants of the store with their databases.
    pub(crate) fn owners(&self) -> &[Owner] {
        &self.owners
    }

    /// How many digests let somebody in, or would.
    pub(crate) fn count(&self) -> usize {
        self.by_digest.len()
    }

    /// Whether a token of this digest is known.
    pub(crate) fn knows(&self, digest: &Digest) -> bool {
        self.by_digest.contains_key(digest)
    }

    /// The policies, one for each digest.
    pub(crate) fn policies(&self) -> impl Iterator<Item = (&Digest, &Arc<Policy>)> {
        let known = self.by_digest.iter();
        known.map(|(digest, known)| (digest, &known.policy))
    }

    /// The policies of the digests that let somebody in at that moment.
    pub(crate) fn admitted(&self, now: DateTime<Utc>) -> impl Iterator<Item = &Arc<Policy>> {
        let known = self.by_digest.values();
        let known = known.filter(move |known| known.standing.judge(now).is_ok());
        known.map(|known| &known.policy)
    }

    /// What lets somebody in at that moment by a policy.
    pub(crate) fn credential(&self, policy: &Policy, now: DateTime<Utc>) -> Option<Credential> {
        let mut known = self.by_digest.iter();
        let found = known.find(|(_, known)| {
            std::ptr::eq(&*known.policy, policy) && known.standing.judge(now).is_ok()
        });
        found.map(|(digest, _)| Credential::from(*digest))
    }

    /// Whether the time of any digest came to its end after the one and before the other.
    pub(crate) fn has_ended(&self, after: DateTime<Utc>, before: DateTime<Utc>) -> bool {
        self.by_digest.values().any(|known| {
            let mut ends = known.standing.ends();
            ends.any(|end| end > after && end <= before)
        })
    }
}

/// How long ago a store answered, and for how long its tokens are let in all the same.
#[derive(Debug)]
pub(crate) struct Freshness {
    grace: Duration,
    begun: Instant,
    /// Milliseconds from then to the last answer.
    answered: AtomicU64,
}

impl Freshness {
    /// That of a store which answers now.
    pub(crate) fn new(grace: Duration) -> Self {
        Self {
            grace,
            begun: Instant::now(),
            answered: AtomicU64::new(0),
        }
    }

    /// Notes that the store answers.
    pub(crate) fn renew(&self) {
        let now = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.answered.store(now, Ordering::Relaxed);
    }

    /// Whether the store was away for longer than the grace.
    ///
    /// It is asked every second, and may take a moment to answer.
    pub(crate) fn is_over(&self) -> bool {
        let answered = Duration::from_millis(self.answered.load(Ordering::Relaxed));
        let away = self.begun.elapsed().saturating_sub(answered);
        away > self.grace + PATIENCE
    }
}

/// What a store that is there may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);
