//! Who may ask, and from where: one gate for every transport.
//!
//! Host and origin first (against rebinding and foreign pages), then the token, by every way of
//! the protocol. Failures are counted by address; the right token always passes.

mod addresses;
mod admin;
pub(crate) mod admission;
pub(crate) mod handshake;

pub(super) use admin::Administrator;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use axum::extract::ConnectInfo;
use axum::http::header::{
    AUTHORIZATION, HOST, HeaderMap, HeaderName, ORIGIN, SEC_WEBSOCKET_PROTOCOL,
};
use axum::http::request::Parts;
use tracing::warn;

use addresses::{Addresses, MINUTE};

use super::listener::connections::Connection;
use crate::auth::{Caller, Credential, Holder, Refused};
use crate::config::Page;
use crate::limit::{Weight, Windows};
use crate::policy::{Access, Policy};

/// Failed attempts of one address in a minute that are answered as such.
const FAILURES_A_MINUTE: u32 = 10;
/// How many characters of a host or origin the log repeats.
const SHOWN: usize = 100;
const TOKEN_HEADER: HeaderName = HeaderName::from_static("x-mcp-token");
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED: HeaderName = HeaderName::from_static("x-forwarded-for");
/// The subprotocol by which a browser carries its token.
pub(super) const TOKEN_PROTOCOL: &str = "mcp.auth.";

/// The listener that a request came to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Listener {
    /// Whether it is that of administration.
    pub(crate) administers: bool,
    /// Whether it speaks TLS.
    pub(crate) encrypts: bool,
}

/// Counts who failed to get in; whoever is let in is decided anew each time.
#[derive(Debug)]
pub struct Gate {
    failures: Addresses,
    /// At most one line a minute and address in the log, where nobody knows whose token it is.
    logged: Addresses,
    /// The same for each token that is known: others at its address, or behind its proxy, do not
    /// keep it out of the log.
    named: Windows<Credential, ()>,
    /// As many refusals of an address are recorded one by one.
    listed: Addresses,
}

/// The gate at one moment: a request is judged by what holds then, whatever is reloaded meanwhile.
#[derive(Debug)]
pub struct Entry<'g> {
    gate: &'g Gate,
    access: Arc<Access>,
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

/// What a client showed that was not let in, as far as log and audit tell of it.
#[derive(Debug, Default)]
pub struct Evidence {
    /// Whose token it was, where that is known all the same.
    pub known: Option<Caller>,
    /// The host or origin that is not allowed, cut.
    place: Option<String>,
}

impl Evidence {
    /// That of whoever was let in before.
    fn of(caller: &Caller) -> Self {
        Self {
            known: Some(caller.clone()),
            place: None,
        }
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self {
            failures: Addresses::each(FAILURES_A_MINUTE),
            logged: Addresses::each(1),
            named: Windows::default(),
            listed: Addresses::each(FAILURES_A_MINUTE),
        }
    }
}

impl Entry<'_> {
    /// Who is let in, and from where.
    pub fn access(&self) -> &Arc<Access> {
        &self.access
    }

    /// The client's own address: behind trusted proxies what they say, read from the right.
    pub fn address(&self, peer: SocketAddr, headers: &HeaderMap) -> IpAddr {
        let mut address = canonical(peer.ip());
        let said = headers.get_all(FORWARDED).into_iter().rev();
        let said = said.flat_map(|value| value.as_bytes().rsplit(|byte| *byte == b','));
        for hop in said {
            if !self.access().is_proxy(address) {
                break;
            }
            // What is no address ends the list: what stands before it was not said by a proxy.
            match str::from_utf8(hop)
                .ok()
                .and_then(|hop| forwarded(hop.trim()))
            {
                Some(hop) => address = canonical(hop),
                None => break,
            }
        }
        address
    }

    /// The path below which the client sees the service, as a trusted proxy tells it; else none.
    pub fn prefix(&self, peer: SocketAddr, headers: &HeaderMap) -> String {
        let said = said_once(headers, &PREFIX);
        let said = said.filter(|_| self.access().is_proxy(canonical(peer.ip())));
        said.and_then(prefix_of).unwrap_or_default()
    }

    /// Checks where a request for health or figures is sent to: names that a page of the internet
    /// can have are answered where they are allowed alone, and no page of another origin is.
    ///
    /// # Errors
    /// A host or an origin that is not allowed.
    pub fn probed(&self, parts: &Parts) -> Result<(), Denied> {
        let host = match parts.uri.authority() {
            Some(authority) => Some(authority.as_str()),
            None => {
                let host = parts.headers.get(HOST);
                host.and_then(|host| host.to_str().ok())
            }
        };
        let several = parts.headers.get_all(HOST).into_iter().count() > 1;
        // Those who send none are no browsers.
        let local = host.is_none_or(|host| is_local(host) || self.access().hosts.allows(host));
        if several || !local {
            return Err(Denied::Host);
        }
        self.origin(parts)
    }

    /// Checks where a request is sent to, and the page that it comes from.
    ///
    /// # Errors
    /// A host or an origin that is not allowed.
    pub fn place(&self, parts: &Parts) -> Result<(), Denied> {
        self.host(parts)?;
        self.origin(parts)
    }

    /// Checks where a request is sent to.
    ///
    /// # Errors
    /// A host that is not allowed.
    pub fn host(&self, parts: &Parts) -> Result<(), Denied> {
        match host(parts).is_some_and(|host| self.access().hosts.allows(host)) {
            true => Ok(()),
            false => Err(Denied::Host),
        }
    }

    /// Whether the page is served on the listener that a request came to.
    pub(crate) fn has_page(&self, parts: &Parts) -> bool {
        let administration = &self.access().administration;
        match parts.extensions.get::<Listener>() {
            Some(listener) if listener.administers => {
                administration.page >= Page::Admin && administration.is_open()
            }
            Some(_) => administration.page == Page::All,
            None => false,
        }
    }

    /// Whether the page of this service sent a request: its origin is the place that it came to.
    fn is_own_page(&self, parts: &Parts) -> bool {
        let mut origins = parts.headers.get_all(ORIGIN).into_iter();
        let (Some(origin), None) = (origins.next(), origins.next()) else {
            return false;
        };
        // A browser does not tell over plain HTTP from elsewhere.
        let site = parts.headers.get(FETCH_SITE);
        let same = site.is_none_or(|site| site == "same-origin");
        let scheme = match self.is_encrypted(parts) {
            true => "https",
            false => "http",
        };
        let own = host(parts).map(|host| format!("{scheme}://{host}"));
        same && self.has_page(parts) && own.is_some_and(|own| origin == own.as_str())
    }

    /// Whether a request came encrypted, here or at a trusted proxy.
    fn is_encrypted(&self, parts: &Parts) -> bool {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let proxied = peer.is_some_and(|peer| self.access().is_proxy(canonical(peer.ip())));
        match proxied && parts.headers.contains_key(&PROTO) {
            true => said_once(&parts.headers, &PROTO) == Some("https"),
            false => {
                let listener = parts.extensions.get::<Listener>();
                listener.is_some_and(|listener| listener.encrypts)
            }
        }
    }

    fn origin(&self, parts: &Parts) -> Result<(), Denied> {
        if self.is_own_page(parts) {
            return Ok(());
        }
        // A page can load without an origin what asks for no token.
        let site = parts.headers.get(FETCH_SITE);
        if !self.access().require_auth && site.is_some_and(|site| site == "cross-site") {
            return Err(Denied::Origin);
        }
        let mut origins = parts.headers.get_all(ORIGIN).into_iter();
        let allowed = origins.all(|origin| {
            origin
                .to_str()
                .is_ok_and(|origin| self.access().origins.allows(origin))
        });
        if allowed { Ok(()) } else { Err(Denied::Origin) }
    }

    /// What a client showed that is not let in: who it is where its token is known, and the place
    /// that is not allowed.
    pub fn shown(&self, denied: Denied, parts: &Parts, by: (IpAddr, &'static str)) -> Evidence {
        let place = |text: Option<&str>| Evidence {
            place: text.map(|text| text.chars().take(SHOWN).collect()),
            known: None,
        };
        match denied {
            Denied::Host => place(host(parts)),
            Denied::Origin => {
                let mut origins = parts.headers.get_all(ORIGIN).into_iter();
                place(origins.find_map(|origin| origin.to_str().ok()))
            }
            Denied::Token(Refused::Missing) => Evidence::default(),
            Denied::Token(_) | Denied::TooManyFailures(_) => {
                let given = given(parts, self.access().query_token).unwrap_or_default();
                let known = self.access.whose(given.iter().map(String::as_str));
                let (address, transport) = by;
                let known = known
                    .map(|(shown, client)| Caller::new(shown, Some(client), address, transport));
                Evidence { known, place: None }
            }
        }
    }

    /// Judges the token, and counts a failure; `from_query` where the route takes `?token=`. Comes
    /// back with who it is, and what may be asked for.
    ///
    /// # Errors
    /// A missing or wrong token, and too many failures before.
    pub fn token(
        &self,
        parts: &Parts,
        (address, transport): (IpAddr, &'static str),
        from_query: bool,
    ) -> Result<(Caller, Arc<Policy>), Denied> {
        let given = given(parts, from_query && self.access().query_token);
        let judged = match &given {
            Ok(given) => self.access.judge(given.iter().map(String::as_str)),
            Err(Unreadable) => Err(Refused::Invalid),
        };
        let (credential, policy) = judged.map_err(|refused| self.gate.failed(refused, address))?;
        let grant = policy.grant.as_ref();
        let client = grant.map(|grant| Arc::clone(&grant.client));
        let caller = Caller::new(credential, client, address, transport);
        if let Some(grant) = grant {
            grant.note_use();
        }
        note_token(parts, || caller.principal.holder());
        Ok((caller, policy))
    }
}

impl Gate {
    /// The gate at the moment of an access.
    pub fn by(&self, access: Arc<Access>) -> Entry<'_> {
        Entry { gate: self, access }
    }

    /// Whether a refusal of this address is recorded by itself, or only counted.
    pub fn lists(&self, address: IpAddr) -> bool {
        self.listed.count(address).is_ok()
    }

    fn failed(&self, refused: Refused, address: IpAddr) -> Denied {
        if refused == Refused::StoreAway {
            // That is no failure of the client's.
            return Denied::Token(refused);
        }
        match self.failures.count(address) {
            Ok(()) => Denied::Token(refused),
            Err(wait) => Denied::TooManyFailures(wait.as_secs() + 1),
        }
    }

    /// Tells the log of a refusal, once a minute and address, or known token: the reason, and what
    /// of the request helps to mend it.
    pub(crate) fn log(&self, denied: Denied, address: IpAddr, shown: &Evidence) {
        let first = match &shown.known {
            Some(known) => {
                let (whose, once) = ((known.credential, ()), (1, MINUTE));
                self.named.admit(whose, Weight::Read, once, Instant::now())
            }
            None => self.logged.count(address),
        };
        if first.is_err() {
            return;
        }
        let text = denied.text();
        let place = shown.place.as_deref().unwrap_or_default();
        match (denied, &shown.known) {
            (Denied::Host, _) => warn!(
                %address,
                "MCP connection rejected: {text} host={place:?}: if clients reach the service by \
                 this name, add it to MCP_ALLOWED_HOSTS"
            ),
            (Denied::Origin, _) => warn!(
                %address,
                "MCP connection rejected: {text} origin={place:?}: if pages of it may ask, add it \
                 to MCP_ALLOWED_ORIGINS"
            ),
            (_, Some(known)) => {
                let (token, client) = (known.credential, known.named());
                let why = match denied {
                    Denied::Token(refused) => refused.why(),
                    _ => "the token lets nobody in",
                };
                warn!(%address, %token, client, "MCP connection rejected: {text}: {why}");
            }
            _ => warn!(%address, "MCP connection rejected: {text}"),
        }
    }
}

impl Denied {
    /// The protocol's text.
    pub fn text(self) -> &'static str {
        match self {
            Self::Host => "Host not allowed",
            Self::Origin => "Origin not allowed",
            Self::Token(refused) => refused.text(),
            Self::TooManyFailures(_) => "Too many authentication failures",
        }
    }

    /// The reason as metrics name it.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Origin => "origin",
            Self::Token(refused) => refused.reason(),
            Self::TooManyFailures(_) => "too_many",
        }
    }
}

/// What a header says, where that is one thing: some proxies write it twice, in lines or with commas.
pub(super) fn said_once<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut found = None;
    for value in headers.get_all(name) {
        for said in value.to_str().ok()?.split(',').map(str::trim) {
            match found {
                Some(before) if before != said => return None,
                _ => found = Some(said),
            }
        }
    }
    found
}

/// What a request is sent to, where it says that once.
fn host(parts: &Parts) -> Option<&str> {
    let mut hosts = parts.headers.get_all(HOST).into_iter();
    match (parts.uri.authority(), hosts.next(), hosts.next()) {
        (Some(authority), ..) => Some(authority.as_str()),
        (None, Some(host), None) => host.to_str().ok(),
        _ => None,
    }
}

/// Notes whose valid token the connection of a request showed.
fn note_token(parts: &Parts, holder: impl FnOnce() -> Holder) {
    if let Some(connection) = parts.extensions.get::<Connection>() {
        connection.note_token(holder);
    }
}

/// A way that should hold a token holds something that is no text.
#[derive(Debug, Clone, Copy)]
struct Unreadable;

/// The tokens that a request gives, one for each way. The query is read by hand: no two texts may
/// become one token (ADR 14).
fn given(parts: &Parts, from_query: bool) -> Result<Vec<String>, Unreadable> {
    let mut given = Vec::new();
    for value in parts.headers.get_all(TOKEN_HEADER) {
        // Proxies make one line of several; no token holds a comma.
        let value = value.to_str().map_err(|_| Unreadable)?;
        given.extend(value.split(',').map(|token| token.trim().to_owned()));
    }
    for value in parts.headers.get_all(AUTHORIZATION) {
        let value = value.to_str().map_err(|_| Unreadable)?;
        for value in value.split(',').map(str::trim) {
            let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
            if scheme.eq_ignore_ascii_case("bearer") {
                given.push(token.trim().to_owned());
            }
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

/// Whether a host is an address, or a name that nobody on the internet can have: a page that is
/// loaded from such a name comes from here.
fn is_local(host: &str) -> bool {
    let bare = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    let bare = bare.trim_end_matches('.').to_ascii_lowercase();
    let last = bare.rsplit('.').next().unwrap_or_default();
    bare.parse::<IpAddr>().is_ok()
        || !bare.contains('.')
        || matches!(last, "localhost" | "local" | "internal" | "svc")
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
/// A path that a client may be sent to, with one slash between its parts; what begins with two is
/// another host.
fn prefix_of(said: &str) -> Option<String> {
    let path = said.trim().strip_prefix('/')?;
    let plain = |byte| matches!(byte, b'-' | b'_' | b'.' | b'~') || byte.is_ascii_alphanumeric();
    let sound = |part: &str| {
        let mut pieces = part.split('%');
        let first = pieces.next().unwrap_or_default();
        first.bytes().all(plain)
            && pieces.all(|piece| {
                let code = piece.as_bytes().get(..2);
                code.is_some_and(|code| code.iter().all(u8::is_ascii_hexdigit))
                    && piece.bytes().all(plain)
            })
    };
    let parts = path.split('/').filter(|part| !part.is_empty());
    let sound = !path.starts_with('/') && parts.clone().all(sound);
    sound.then(|| parts.map(|part| format!("/{part}")).collect())
}
