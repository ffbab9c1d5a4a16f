//! Who asks, whatever was shown for it.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use tracing::field::DisplayValue;

use super::Credential;

/// Whose token of the store it is: names for people, ids that never change.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Client {
    /// The token's id, which outlives rotations.
    pub token_id: String,
    /// The token's name.
    pub token: String,
    /// The last characters of the token.
    pub suffix: String,
    /// The id of its tenant.
    pub tenant_id: String,
    /// The name of its tenant.
    pub tenant: String,
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tenant, self.token)
    }
}

/// Who one is, whatever was shown for it: windows, streams and memory are counted by this, so that
/// a credential can take the place of another.
#[derive(Debug, Clone)]
pub(crate) enum Principal {
    /// Who needs no credential: the process that started the service, and anyone of this machine
    /// where none is asked for.
    Local,
    /// A token of the configuration, which has no name.
    Token(Credential),
    /// A token of the store, before and after a rotation.
    Client(Arc<Client>),
}

impl Principal {
    /// Who showed a credential; `client` where that is one of the store.
    pub(crate) fn new(credential: Credential, client: Option<Arc<Client>>) -> Self {
        match client {
            Some(client) => Self::Client(client),
            None if credential == Credential::LOCAL => Self::Local,
            None => Self::Token(credential),
        }
    }

    /// The client of the store, where it is one.
    pub(crate) fn client(&self) -> Option<&Arc<Client>> {
        match self {
            Self::Client(client) => Some(client),
            Self::Local | Self::Token(_) => None,
        }
    }

    /// Who is bounded as one with this principal.
    pub(crate) fn holder(&self) -> Holder {
        match self {
            Self::Client(client) => Holder::Tenant(client.tenant_id.clone()),
            Self::Local | Self::Token(_) => Holder::Principal(self.clone()),
        }
    }
}

impl PartialEq for Principal {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Local, Self::Local) => true,
            (Self::Token(own), Self::Token(other)) => own == other,
            // Names change; an id does not.
            (Self::Client(own), Self::Client(other)) => own.token_id == other.token_id,
            _ => false,
        }
    }
}

impl Eq for Principal {}

impl Hash for Principal {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Local => {}
            Self::Token(credential) => credential.hash(state),
            Self::Client(client) => client.token_id.hash(state),
        }
    }
}

/// Who asks, what was shown for it, and by which way.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who it is.
    pub(crate) principal: Principal,
    /// What let the caller in; judged again for as long as a connection is open.
    pub credential: Credential,
    /// The client's address, behind trusted proxies its own.
    pub address: IpAddr,
    /// The transport, as logs and metrics name it.
    pub transport: &'static str,
    /// Rows of the answers so far, those of all clones.
    pub rows: Arc<AtomicU64>,
}

impl Caller {
    /// Who came by a transport with a credential; `client` where that is one of the store.
    pub fn new(
        credential: Credential,
        client: Option<Arc<Client>>,
        address: IpAddr,
        transport: &'static str,
    ) -> Self {
        Self {
            principal: Principal::new(credential, client),
            credential,
            address,
            transport,
            rows: Arc::default(),
        }
    }

    /// The client of the store, where it is one.
    pub fn client(&self) -> Option<&Arc<Client>> {
        self.principal.client()
    }

    /// Tenant and token as a field of the log, where it is a client of the store.
    pub fn named(&self) -> Option<DisplayValue<&Client>> {
        self.client()
            .map(|client| tracing::field::display(&**client))
    }
}

/// Who is bounded as one: all tokens of a tenant together, each other principal alone.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Holder {
    /// A tenant of the store, by its id.
    Tenant(String),
    /// A principal by itself.
    Principal(Principal),
    /// Whoever administers the service.
    Administrator,
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn client(token: &str, tenant: &str) -> Client {
        Client {
            token_id: token.to_owned(),
            token: token.to_owned(),
            suffix: String::new(),
            tenant_id: tenant.to_owned(),
            tenant: tenant.to_owned(),
        }
    }

    fn principal(secret: &str, client: Option<Client>) -> Principal {
        Principal::new(Credential::of(secret), client.map(Arc::new))
    }

    #[test]
    fn all_tokens_of_a_tenant_are_bounded_as_one() {
        let of = |token, tenant: Option<&str>| {
            principal(token, tenant.map(|tenant| client(token, tenant))).holder()
        };
        assert_eq!(of("a", Some("one")), of("b", Some("one")));
        assert_ne!(of("a", Some("one")), of("a", Some("two")));
        assert_ne!(of("a", None), of("b", None));
    }

    #[test]
    fn who_one_is_outlives_what_was_shown_and_how_one_is_named() {
        let before = principal("a", Some(client("id", "one")));
        let renamed = Client {
            token: "other".to_owned(),
            tenant: "renamed".to_owned(),
            ..client("id", "one")
        };
        let after = principal("b", Some(renamed));
        assert_eq!(before, after);
        let all = [
            before,
            after,
            principal("a", Some(client("other", "one"))),
            principal("a", None),
            principal("b", None),
            Principal::new(Credential::LOCAL, None),
        ];
        assert_eq!(HashSet::from(all).len(), 5);
    }

    #[test]
    fn who_showed_nothing_is_of_this_machine() {
        let local = Principal::new(Credential::LOCAL, None);
        assert!(matches!(local, Principal::Local) && local.client().is_none());
    }
}
