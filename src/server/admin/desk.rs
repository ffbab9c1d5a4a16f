//! What the tasks of the admin API work with: the store, by what holds at the moment, for one
//! client.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use tokio::sync::OwnedSemaphorePermit;

use super::refusal::{Code, Refusal};
use crate::admin::{Admin, Ledger, Way};
use crate::advice::Advice;
use crate::auth::{self, Credential};
use crate::inspect::{Where, advice};
use crate::observe::Metrics;
use crate::policy::Access;
use crate::server::App;
use crate::server::connection::sessions::Sessions;
use crate::server::gate::{Administrator, Denied, Evidence};
use crate::service::Service;
use crate::store::{Contents, Store};

/// The place of one request.
#[derive(Debug, Clone)]
pub(super) struct Desk {
    app: Arc<App>,
    access: Arc<Access>,
    address: IpAddr,
    /// The address, as the audit names who changes something.
    who: String,
    /// Who asks.
    by: Administrator,
}

impl Desk {
    /// The desk for a client.
    pub(super) fn new(
        app: &Arc<App>,
        access: &Arc<Access>,
        address: IpAddr,
        by: Administrator,
    ) -> Self {
        Self {
            app: Arc::clone(app),
            access: Arc::clone(access),
            address,
            who: address.to_string(),
            by,
        }
    }

    /// The same desk by what holds now: a request waits for its turn, and takes as long as its
    /// client likes to come.
    ///
    /// # Errors
    /// A token that opens nothing any more.
    pub(super) fn again(self) -> Result<Self, Refusal> {
        let access = self.app.service.access();
        match place(&access, &self.by.credential) {
            Some(place) => Ok(Self {
                by: Administrator { place, ..self.by },
                access,
                ..self
            }),
            None => {
                let denied = Denied::Token(auth::Refused::Invalid);
                let by = (self.address, super::TRANSPORT);
                self.app.denied(by, denied, &Evidence::default());
                Err(denied.into())
            }
        }
    }

    /// What changes the store, and records what is changed.
    pub(super) fn admin(&self) -> Result<Admin<'_>, Refusal> {
        Ok(Admin {
            store: self.store()?,
            reach: &self.access.administration.reach,
            ledger: self.ledger(),
        })
    }

    /// What records who asks.
    pub(super) fn ledger(&self) -> Ledger<'_> {
        Ledger {
            audit: self.app.service.audit(),
            denies: self.access.settings.audit_denies,
            way: Way::Api,
            who: &self.who,
            token: Some(self.by.place),
        }
    }

    /// Everything that the store holds now.
    pub(super) async fn contents(&self) -> Result<Contents, Refusal> {
        Ok(self.store()?.contents().await?)
    }

    /// What to look at again in the rules of a tenant, and of one of its tokens, by their ids.
    pub(super) async fn advice(&self, tenant: &str, token: Option<&str>) -> Vec<Advice> {
        // What was changed is changed, whether it can be looked at or not.
        let Ok(contents) = self.contents().await else {
            return Vec::new();
        };
        let at = Where {
            reach: &self.access.administration.reach,
            query_timeout: self.access.settings.query_timeout,
        };
        let tenant = contents.tenants.iter().find(|it| it.id.as_str() == tenant);
        let mut tokens = contents.tokens.iter();
        let token = token.and_then(|id| tokens.find(|it| it.id.as_str() == id));
        match tenant {
            Some(tenant) => advice(&contents, tenant, token, at).await,
            None => Vec::new(),
        }
    }

    /// The store, unless it has never answered.
    pub(super) fn store(&self) -> Result<&Store, Refusal> {
        self.app.service.store().ok_or_else(Refusal::store_away)
    }

    pub(super) fn access(&self) -> &Access {
        &self.access
    }

    /// Whether rows may be read here.
    pub(super) fn may_read(&self) -> Result<(), Refusal> {
        if self.access.administration.reads {
            return Ok(());
        }
        let hint = "MCP_ADMIN_READ=true lets administrators ask as a token would, and is recorded";
        let refusal = Refusal::new(Code::ReadsOff, "rows are not read by the admin API");
        Err(refusal.hint(hint))
    }

    /// Where clients are listened for.
    pub(super) fn listens(&self) -> SocketAddr {
        self.app.listens
    }

    pub(super) fn service(&self) -> &Service {
        &self.app.service
    }

    pub(super) fn sessions(&self) -> &Sessions {
        &self.app.sessions
    }

    pub(super) fn metrics(&self) -> &Arc<Metrics> {
        &self.app.metrics
    }

    pub(super) fn address(&self) -> IpAddr {
        self.address
    }

    /// A place for a stream, where one is left; given back when it is dropped.
    pub(super) fn stream(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.app.followed).try_acquire_owned().ok()
    }

    /// Waits until the service stops.
    pub(super) async fn stopping(&self) {
        self.app.stop.stopping.cancelled().await;
    }

    /// Whether its token still opens the admin API.
    pub(super) fn is_valid(&self) -> bool {
        place(&self.app.service.access(), &self.by.credential).is_some()
    }
}

/// The place of a token that opens the admin API.
fn place(access: &Access, shown: &Credential) -> Option<usize> {
    let administration = &access.administration;
    let open = administration.is_open();
    administration.tokens.place(shown).filter(|_| open)
}
