//! What may be asked, as one immutable value: a message reads it once, a reload swaps it whole.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use super::Read;
use crate::auth::Tokens;
use crate::catalog::{Catalog, Model};
use crate::config::{AllowedHosts, AllowedOrigins, Numbers, Tls};
use crate::error::{Error, ErrorKind};
use crate::plan::{CursorKey, Limits};
use crate::protocol::Action;
use crate::reach::Reach;
use crate::sensitive::Sensitive;
use crate::sql::shapes::Shapes;
use crate::suggest;

/// Everything that decides over a request.
#[derive(Debug)]
pub struct Policy {
    /// What is served.
    pub serving: Serving,
    /// What the statements of its models share.
    pub shapes: Shapes,
    /// Whether an unknown action is refused as a write.
    pub read_only: bool,
    /// What bounds a plan.
    pub limits: Limits,
    /// The key of the cursors.
    pub cursors: Arc<CursorKey>,
    /// Which members of JSON documents are left out.
    pub sensitive: Arc<Sensitive>,
    /// Whether large numbers are strings.
    pub numbers: Numbers,
    /// The largest answer, in bytes.
    pub max_response_bytes: usize,
    /// The same for the result of an MCP tool.
    pub tool_max_bytes: usize,
    /// What a statement may take.
    pub query_timeout: Duration,
    /// Whether an answer that cannot be recorded is withheld.
    pub audit_denies: bool,
    /// Who is let in.
    pub access: Access,
    /// Who administers the service.
    pub administration: Administration,
    /// What bounds each connection.
    pub connections: ConnectionLimits,
}

/// Who is let in, and from where.
#[derive(Debug)]
pub struct Access {
    /// The tokens that are valid.
    pub tokens: Tokens,
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
}

impl Access {
    /// Whether this address is that of a proxy which tells of its clients.
    pub fn is_proxy(&self, address: IpAddr) -> bool {
        self.proxies
            .iter()
            .any(|network| network.contains(&address))
    }
}

/// Who administers the service by the admin API, and what may be done there.
#[derive(Debug)]
pub struct Administration {
    /// The tokens that open it; without one it is not there.
    pub tokens: Tokens,
    /// Where databases may be that come by it.
    pub reach: Reach,
}

/// What bounds each connection, and all together.
#[derive(Debug, Clone)]
pub struct ConnectionLimits {
    /// The largest request, in bytes.
    pub max_message_bytes: usize,
    /// Requests per window and connection; 0 is no limit.
    pub rate_limit: u32,
    /// The window.
    pub rate_window: Duration,
    /// How long a socket may be silent.
    pub idle_timeout: Duration,
    /// Sockets open at once.
    pub max_connections: usize,
    /// Sockets open at once from one address.
    pub max_per_address: Option<usize>,
    /// Requests answered at once, over all connections.
    pub max_requests: usize,
    /// Requests per window and token; 0 is no limit.
    pub token_rate_limit: u32,
}

/// What is served.
#[derive(Debug)]
pub enum Serving {
    /// The catalog that was read.
    Catalog(Catalog),
    /// The database has not answered yet: only the names of the whitelist are known.
    Waiting(Vec<String>),
}

impl Policy {
    /// The catalog.
    ///
    /// # Errors
    /// `Database is unavailable` while none could be read.
    pub fn catalog(&self) -> Result<&Catalog, Error> {
        match &self.serving {
            Serving::Catalog(catalog) => Ok(catalog),
            Serving::Waiting(_) => Err(ErrorKind::Unavailable.into()),
        }
    }

    /// The names that clients use, in the order of the whitelist.
    pub fn names(&self) -> Vec<&str> {
        match &self.serving {
            Serving::Catalog(catalog) => catalog.models().iter().map(Model::name).collect(),
            Serving::Waiting(names) => names.iter().map(String::as_str).collect(),
        }
    }

    /// Resolves model and action.
    ///
    /// # Errors
    /// In this order: a model that is not on the whitelist, an action that is no read.
    pub(super) fn admit(&self, read: &Read<'_>) -> Result<(Action, Option<&Model>), Error> {
        let model = match (&self.serving, read.model) {
            (_, None) => None,
            (Serving::Catalog(catalog), Some(name)) => {
                Some(catalog.model(name).ok_or_else(|| {
                    not_allowed(
                        name,
                        catalog.names(),
                        catalog.models().iter().map(Model::name),
                    )
                })?)
            }
            (Serving::Waiting(names), Some(name)) => {
                if !names.iter().any(|known| known == name) {
                    return Err(not_allowed(
                        name,
                        &names.join(", "),
                        names.iter().map(String::as_str),
                    ));
                }
                None
            }
        };
        let action = Action::parse(read.action).ok_or_else(|| {
            let near = suggest::nearest(
                read.action,
                [Action::List, Action::Get, Action::Query, Action::Describe]
                    .iter()
                    .map(|action| action.name()),
            );
            let error = Error::from(match self.read_only {
                true => ErrorKind::ReadOnly(read.action.into()),
                false => ErrorKind::UnsupportedAction(read.action.into()),
            });
            match near {
                Some(near) => error.with_hint(format!("did you mean {near:?}?")),
                None => error.with_hint("actions: list, get, query, describe"),
            }
        })?;
        self.catalog()?;
        Ok((action, model))
    }

    /// A name as logs may repeat it: the model's, or that it is none.
    pub(super) fn known_name<'n>(&self, name: Option<&'n str>) -> &'n str {
        match (&self.serving, name) {
            (_, None) => "-",
            (Serving::Catalog(catalog), Some(name)) if catalog.model(name).is_some() => name,
            (Serving::Waiting(names), Some(name)) if names.iter().any(|known| known == name) => {
                name
            }
            _ => "unknown",
        }
    }
}

fn not_allowed<'n>(name: &str, allowed: &str, names: impl Iterator<Item = &'n str>) -> Error {
    let kind = ErrorKind::ModelNotAllowed {
        model: name.into(),
        allowed: allowed.into(),
    };
    match suggest::nearest(name, names) {
        Some(near) => Error::from(kind).with_hint(format!("did you mean {near:?}?")),
        None => kind.into(),
    }
}
