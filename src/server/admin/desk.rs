//! What the tasks of the admin API work with: the store, by what holds at the moment, for one
//! client.

use std::net::IpAddr;
use std::sync::Arc;

use super::refusal::Refusal;
use crate::admin::{Admin, Ledger, Way};
use crate::observe::Metrics;
use crate::policy::Access;
use crate::server::App;
use crate::server::connection::sessions::Sessions;
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
    /// Which of the tokens of `MCP_ADMIN_TOKEN` it came with.
    token: usize,
}

impl Desk {
    /// The desk for a client.
    pub(super) fn new(app: &Arc<App>, access: &Arc<Access>, address: IpAddr, token: usize) -> Self {
        Self {
            app: Arc::clone(app),
            access: Arc::clone(access),
            address,
            who: address.to_string(),
            token,
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
            token: Some(self.token),
        }
    }

    /// Everything that the store holds now.
    pub(super) async fn contents(&self) -> Result<Contents, Refusal> {
        Ok(self.store()?.contents().await?)
    }

    /// The store, unless it has never answered.
    fn store(&self) -> Result<&Store, Refusal> {
        self.app.service.store().ok_or_else(Refusal::store_away)
    }

    pub(super) fn access(&self) -> &Access {
        &self.access
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
}
