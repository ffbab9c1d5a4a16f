//! Who may ask, and from where: one gate for every transport.
//!
//! Host and origin first (against rebinding and foreign pages), then the token, by every way of
//! the contract. Failures are counted by address; the right token always passes.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use axum::http::header::{
    AUTHORIZATION, HOST, HeaderMap, HeaderName, ORIGIN, SEC_WEBSOCKET_PROTOCOL,
};
use axum::http::request::Parts;
use governor::clock::{Clock as _, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use ipnet::IpNet;
use tracing::warn;

use crate::auth::{self, Refused, TokenId, Tokens};
use crate::config::{AllowedHosts, AllowedOrigins, Config};

/// Failed attempts of one address in a minute that are answered as such.
const FAILURES_A_MINUTE: u32 = 10;
/// Failures between two sweeps of the addresses that failed long ago.
const SWEEP: u32 = 1_024;
const TOKEN_HEADER: HeaderName = HeaderName::from_static("x-mcp-token");
const FORWARDED: HeaderName = HeaderName::from_static("x-forwarded-for");
/// The subprotocol by which a browser carries its token.
pub(super) const TOKEN_PROTOCOL: &str = "mcp.auth.";

/// Decides who may ask.
#[derive(Debug)]
pub struct Gate {
    tokens: ArcSwap<Tokens>,
    hosts: AllowedHosts,
    origins: AllowedOrigins,
    query_token: bool,
    proxies: Vec<IpNet>,
    failures: DefaultKeyedRateLimiter<IpAddr>,
    /// At most one line a minute and address in the log.
    logged: DefaultKeyedRateLimiter<IpAddr>,
    counted: AtomicU32,
}

/// A client that is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// A `Host` that is not the service's own.
    Host,
    /// A page of another origin.
    Origin,
    /// No token, or a wrong one.
    Token(Refused),
    /// Too many failures of this address; seconds until one is answered as such again.
    TooManyFailures(u64),
}

impl Gate {
    /// The gate of a configuration.
    pub fn new(config: &Config) -> Self {
        let failures = NonZeroU32::new(FAILURES_A_MINUTE).unwrap_or(NonZeroU32::MIN);
        Self {
            tokens: ArcSwap::from_pointee(Tokens::new(&config.tokens)),
            hosts: config.allowed_hosts.clone(),
            origins: config.allowed_origins.clone(),
            query_token: config.allow_query_token,
            proxies: config.trusted_proxies.clone(),
            failures: RateLimiter::keyed(Quota::per_minute(failures)),
            logged: RateLimiter::keyed(Quota::per_minute(NonZeroU32::MIN)),
            counted: AtomicU32::new(0),
        }
    }

    /// The tokens that are valid now.
    pub fn tokens(&self) -> Arc<Tokens> {
        self.tokens.load_full()
    }

    /// The client's own address: behind trusted proxies what they say, read from the right.
    pub fn address(&self, peer: SocketAddr, headers: &HeaderMap) -> IpAddr {
        let mut address = canonical(peer.ip());
        let said = headers.get_all(FORWARDED).into_iter().rev();
        let said = said
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.rsplit(','));
        for hop in said {
            if !self
                .proxies
                .iter()
                .any(|network| network.contains(&address))
            {
                break;
            }
            match forwarded(hop.trim()) {
                Some(hop) => address = canonical(hop),
                None => break,
            }
        }
        address
    }

    /// Checks where a request is sent to, and the page that it comes from.
    ///
    /// # Errors
    /// A host or an origin that is not allowed.
    pub fn place(&self, parts: &Parts) -> Result<(), Denied> {
        let mut hosts = parts.headers.get_all(HOST).into_iter();
        let host = match (parts.uri.authority(), hosts.next(), hosts.next()) {
            (Some(authority), ..) => Some(authority.as_str()),
            (None, Some(host), None) => host.to_str().ok(),
            _ => None,
        };
        if !host.is_some_and(|host| self.hosts.allows(host)) {
            return Err(Denied::Host);
        }
        let mut origins = parts.headers.get_all(ORIGIN).into_iter();
        let allowed = origins.all(|origin| {
            origin
                .to_str()
                .is_ok_and(|origin| self.origins.allows(origin))
        });
        if allowed { Ok(()) } else { Err(Denied::Origin) }
    }

    /// Judges the token, and counts a failure; `from_query` where the route takes `?token=`.
    ///
    /// # Errors
    /// A missing or wrong token, and too many failures before.
    pub fn token(
        &self,
        parts: &Parts,
        address: IpAddr,
        from_query: bool,
    ) -> Result<TokenId, Denied> {
        let given = given(parts, from_query && self.query_token);
        let judged = match &given {
            Ok(given) => auth::judge(&self.tokens.load(), given.iter().map(String::as_str)),
            Err(Unreadable) => Err(Refused::Invalid),
        };
        judged.map_err(|refused| self.failed(refused, address))
    }

    fn failed(&self, refused: Refused, address: IpAddr) -> Denied {
        let network = network(address);
        // Addresses that failed long ago are forgotten from time to time, so that strangers cannot
        // fill the memory.
        if self.counted.fetch_add(1, Ordering::Relaxed) % SWEEP == SWEEP - 1 {
            self.failures.retain_recent();
            self.failures.shrink_to_fit();
            self.logged.retain_recent();
            self.logged.shrink_to_fit();
        }
        if self.logged.check_key(&network).is_ok() {
            warn!(%address, "MCP connection rejected: {}", refused.text());
        }
        match self.failures.check_key(&network) {
            Ok(()) => Denied::Token(refused),
            Err(until) => {
                let wait: Duration = until.wait_time_from(DefaultClock::default().now());
                Denied::TooManyFailures(wait.as_secs() + 1)
            }
        }
    }
}

/// A way that should hold a token holds something that is no text.
#[derive(Debug, Clone, Copy)]
struct Unreadable;

/// The tokens that a request gives, one for each way.
fn given(parts: &Parts, from_query: bool) -> Result<Vec<String>, Unreadable> {
    let mut given = Vec::new();
    for value in parts.headers.get_all(TOKEN_HEADER) {
        given.push(value.to_str().map_err(|_| Unreadable)?.to_owned());
    }
    for value in parts.headers.get_all(AUTHORIZATION) {
        let value = value.to_str().map_err(|_| Unreadable)?;
        let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
        if scheme.eq_ignore_ascii_case("bearer") {
            given.push(token.trim().to_owned());
        }
    }
    for protocol in protocols(&parts.headers) {
        if let Some(token) = protocol.strip_prefix(TOKEN_PROTOCOL) {
            given.push(token.to_owned());
        }
    }
    let query = parts.uri.query().filter(|_| from_query).unwrap_or_default();
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if name == "token" {
            let value = percent_encoding::percent_decode_str(value).decode_utf8();
            given.push(value.map_err(|_| Unreadable)?.into_owned());
        }
    }
    Ok(given)
}

/// The subprotocols that a client asks for, in its order.
pub(super) fn protocols(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(SEC_WEBSOCKET_PROTOCOL)
        .into_iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|protocol| !protocol.is_empty())
}

/// One hop of `X-Forwarded-For`, a port left out.
fn forwarded(hop: &str) -> Option<IpAddr> {
    let bare = hop
        .strip_prefix('[')
        .and_then(|rest| rest.split(']').next())
        .unwrap_or(hop);
    bare.parse()
        .ok()
        .or_else(|| hop.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

/// An IPv4 address in IPv6 clothes is that IPv4 address.
fn canonical(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

/// What counts as one client: an IPv6 customer has a whole network of 64 bits.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => {
            let mut octets = v6.octets();
            octets[8..].fill(0);
            octets.into()
        }
    }
}
