//! What one caller may ask for, as one immutable value: a message looks at it once.

pub(crate) mod access;
mod budget;
pub(crate) mod databases;
mod decision;
pub(crate) mod directory;
mod exposed;
pub(crate) mod given;
pub(crate) mod judged;
mod permissions;
pub(crate) mod quota;
pub(crate) mod ready;
mod toolbox;
mod window;
mod written;

#[cfg(test)]
mod tests;

pub use access::{Access, Clients};
pub(crate) use access::{Administration, Edition};
pub(crate) use budget::{Budget, Tally};
pub(crate) use databases::{RowMemory, Unread, Ways};
pub(crate) use decision::Bar;
pub use exposed::Exposed;
pub(crate) use permissions::Part;
pub use permissions::Permissions;
pub(crate) use ready::{Ready, Unready};
pub use toolbox::Tool;
pub(crate) use toolbox::{Toolbox, Work};
pub(crate) use window::Bound;
pub(crate) use window::Limited;
pub(crate) use written::{Written, WrittenTools};

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::Semaphore;

use quota::{Quota, RowReservation};

use crate::auth::Client;
use crate::catalog::{Catalog, Model};
use crate::config::{Numbers, TOOL_COPIES};
use crate::error::{Error, ErrorKind, listed};
use crate::plan::{CursorKey, Limits};
use crate::protocol::{Action, Read};
use crate::suggest;

/// Everything that decides over a request.
#[derive(Debug)]
pub struct Policy {
    /// What holds for everybody.
    pub settings: Arc<Settings>,
    /// What may be asked for.
    pub may: Permissions,
    /// The tools that may be called.
    pub(crate) toolbox: Toolbox,
    /// What may be read, each model in one place.
    pub exposed: Vec<Arc<Exposed>>,
    /// Whose it is, where it is a client's of the store.
    pub grant: Option<Grant>,
}

/// What an answer is for: how large it may be, and how its numbers are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A native message.
    Message,
    /// The result of an MCP tool, which a model pays for and JSON libraries may round.
    Tool,
}

/// What the configuration says for everybody.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Whether an unknown action is refused as a write.
    pub read_only: bool,
    /// What bounds a plan.
    pub limits: Limits,
    /// The key of the cursors.
    pub cursors: Arc<CursorKey>,
    /// Whether large numbers are strings.
    pub numbers: Numbers,
    /// The largest answer, in bytes.
    pub(crate) max_response_bytes: usize,
    /// The same for the result of an MCP tool.
    pub(crate) tool_max_bytes: usize,
    /// What a statement may take.
    pub query_timeout: Duration,
    /// From when on a request is told of as slow.
    pub(crate) slow_query: Option<Duration>,
    /// The tools that the operator wrote.
    pub tools: WrittenTools,
    /// Whether an answer that cannot be recorded is withheld.
    pub(crate) audit_denies: bool,
    /// What bounds each connection.
    pub connections: ConnectionLimits,
}

/// What bounds each connection, and all together.
#[derive(Debug, Clone)]
pub struct ConnectionLimits {
    /// The largest request, in bytes.
    pub(crate) max_message_bytes: usize,
    /// Requests per window and connection; 0 is no limit.
    pub rate_limit: u32,
    /// The window.
    pub rate_window: Duration,
    /// How long a socket may be silent.
    pub(crate) idle_timeout: Duration,
    /// Sockets open at once.
    pub(crate) max_connections: usize,
    /// Sockets open at once from one address.
    pub(crate) max_per_address: Option<usize>,
    /// Requests answered at once, over all connections.
    pub(crate) max_requests: usize,
    /// Requests per window and token; 0 is no limit.
    pub(crate) token_rate_limit: u32,
}

impl Settings {
    /// The smaller of both limits, and the stricter of both switches.
    pub(crate) fn within(self, other: &Self) -> Self {
        let (limits, connections) = (&self.limits, &self.connections);
        let (others, bounds) = (&other.limits, &other.connections);
        Self {
            read_only: self.read_only || other.read_only,
            limits: Limits {
                default_limit: limits.default_limit.min(others.default_limit),
                max_limit: limits.max_limit.min(others.max_limit),
                scan_limit: least(limits.scan_limit, others.scan_limit),
            },
            max_response_bytes: self.max_response_bytes.min(other.max_response_bytes),
            tool_max_bytes: self.tool_max_bytes.min(other.tool_max_bytes),
            query_timeout: self.query_timeout.min(other.query_timeout),
            audit_denies: self.audit_denies || other.audit_denies,
            connections: ConnectionLimits {
                max_message_bytes: connections.max_message_bytes.min(bounds.max_message_bytes),
                rate_limit: stricter(connections.rate_limit, bounds.rate_limit),
                rate_window: connections.rate_window.max(bounds.rate_window),
                idle_timeout: connections.idle_timeout.min(bounds.idle_timeout),
                max_connections: connections.max_connections.min(bounds.max_connections),
                max_per_address: least(connections.max_per_address, bounds.max_per_address),
                max_requests: connections.max_requests.min(bounds.max_requests),
                token_rate_limit: stricter(connections.token_rate_limit, bounds.token_rate_limit),
            },
            ..self
        }
    }
}

/// The smaller of two bounds, of which either may be none.
fn least<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    one.into_iter().chain(other).min()
}

/// The same of limits of which 0 is none.
fn stricter(one: u32, other: u32) -> u32 {
    [one, other]
        .into_iter()
        .filter(|limit| *limit > 0)
        .min()
        .unwrap_or(0)
}

/// A client of the store, and what bounds it.
#[derive(Debug)]
pub struct Grant {
    /// Who it is.
    pub client: Arc<Client>,
    /// The scopes of the token, by their names; the tools of the operator may ask for others than
    /// those that there are.
    pub scopes: Vec<String>,
    /// What is known of whoever has the token, by names.
    pub attributes: Vec<(String, String)>,
    /// The tools that the token was given, where it was given some alone.
    pub tools: Option<Vec<String>>,
    /// When the token ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// What the token may ask for.
    pub token: Quota,
    /// What all tokens of the tenant may ask for together.
    pub tenant: Quota,
    /// Places of the tenant among the requests that are answered at once.
    pub turns: Arc<Semaphore>,
    /// When the token was last used, in milliseconds since 1970; 0 for never.
    pub used: Arc<AtomicI64>,
}

impl Grant {
    /// Notes that the token is used.
    pub(crate) fn note_use(&self) {
        self.used
            .store(Utc::now().timestamp_millis(), Ordering::Relaxed);
    }

    /// Sets rows aside that a request may read, of the token's day and of its tenant's.
    ///
    /// # Errors
    /// A day whose rows were read, or are being read.
    fn reserve(&self, rows: u64) -> Result<Vec<RowReservation>, ErrorKind> {
        let of_token = self.token.reserve(rows)?;
        Ok(of_token
            .into_iter()
            .chain(self.tenant.reserve(rows)?)
            .collect())
    }
}

/// A model, and the database that it is in.
#[derive(Debug, Clone, Copy)]
pub struct Served<'p> {
    /// The model.
    pub model: &'p Model,
    /// What is exposed of its database.
    pub exposed: &'p Exposed,
    /// The models beside it.
    pub catalog: &'p Catalog,
}

impl Policy {
    /// What these permissions allow of these databases.
    pub fn new(
        settings: Arc<Settings>,
        may: Permissions,
        exposed: Vec<Arc<Exposed>>,
        grant: Option<Grant>,
    ) -> Self {
        Self {
            toolbox: Toolbox::of(may, &settings.tools, &exposed, grant.as_ref()),
            settings,
            may,
            exposed,
            grant,
        }
    }

    /// Sets rows aside that a request may read, where rows are counted.
    ///
    /// # Errors
    /// A day whose rows were read, or are being read.
    pub(crate) fn reserve(&self, rows: u64) -> Result<Vec<RowReservation>, Error> {
        let grant = self.grant.as_ref();
        Ok(grant.map_or(Ok(Vec::new()), |grant| grant.reserve(rows))?)
    }

    /// The same, with another database of a configuration.
    pub(crate) fn exposing(&self, exposed: Option<Arc<Exposed>>) -> Self {
        let exposed = exposed.into_iter().collect();
        Self::new(Arc::clone(&self.settings), self.may, exposed, None)
    }

    /// The memory that an answer of a form may take while it is written.
    pub(crate) fn answer_bytes(&self, form: Form) -> usize {
        match form {
            Form::Message => self.settings.max_response_bytes,
            Form::Tool => TOOL_COPIES * self.settings.tool_max_bytes,
        }
    }

    /// The names that clients use, in the order of the whitelist.
    pub fn names(&self) -> Vec<&str> {
        self.exposed
            .iter()
            .flat_map(|exposed| exposed.names())
            .collect()
    }

    /// The model of exactly that name, where its database has answered.
    pub fn model(&self, name: &str) -> Option<Served<'_>> {
        self.exposed.iter().find_map(|exposed| {
            let catalog = exposed.catalog()?;
            let model = catalog.model(name)?;
            Some(Served {
                model,
                exposed,
                catalog,
            })
        })
    }

    /// The models of the only database of a configuration, once it has answered.
    pub fn own(&self) -> Option<&Catalog> {
        self.exposed.first()?.catalog()
    }

    /// How many columns a rule hides of the databases that have answered.
    pub fn hidden(&self) -> usize {
        let built = self.exposed.iter().filter_map(|exposed| exposed.built());
        built.map(|(built, _)| built.hidden.len()).sum()
    }

    /// The models of every database that has answered.
    ///
    /// # Errors
    /// `Database is unavailable` where none has.
    pub(crate) fn catalogs(&self) -> Result<Vec<&Catalog>, Error> {
        let known = self.exposed.iter().filter_map(|exposed| exposed.catalog());
        let known: Vec<&Catalog> = known.collect();
        match known.is_empty() && !self.exposed.is_empty() {
            true => Err(ErrorKind::Unavailable.into()),
            false => Ok(known),
        }
    }

    /// Learns what there is in the databases that a request for this model, or for all, concerns.
    pub(crate) async fn prepare(&self, model: Option<&str>) {
        let unknown = self.exposed.iter().filter(|exposed| exposed.is_unknown());
        let concerned: Vec<&Arc<Exposed>> = unknown
            .filter(|exposed| model.is_none_or(|model| exposed.has(model)))
            .collect();
        if !concerned.is_empty() {
            let learning = concerned.into_iter().map(|exposed| exposed.prepare());
            futures_util::future::join_all(learning).await;
        }
    }

    /// Resolves model and action.
    ///
    /// # Errors
    /// In this order: a model that is not on the whitelist, an action that is no read, one that the
    /// caller may not ask for, a database that has not answered.
    pub(crate) fn admit(&self, read: &Read<'_>) -> Result<(Action, Option<Served<'_>>), Error> {
        let served = read.model.map(|name| (name, self.model(name)));
        if let Some((name, None)) = served
            && !self.has(name)
        {
            return Err(self.not_allowed(name));
        }
        let action = Action::parse(read.action).ok_or_else(|| self.unsupported(read.action))?;
        self.may.admit(action)?;
        match served {
            Some((_, None)) => Err(ErrorKind::Unavailable.into()),
            Some((_, served)) => Ok((action, served)),
            None if action == Action::Describe => self.catalogs().map(|_| (action, None)),
            None => Ok((action, None)),
        }
    }

    /// The tool of the operator of that name, and the database that it reads.
    ///
    /// # Errors
    /// One that there is not, or that may not be called: which of both is not told.
    pub(crate) fn tool(&self, name: &str) -> Result<(&Arc<Written>, &Arc<Exposed>), Error> {
        let tool = self.toolbox.tool(name).and_then(|tool| tool.written());
        let placed = tool.and_then(|tool| Some((tool, tool.place(&self.exposed).ok()?)));
        placed.ok_or_else(|| {
            let allowed: Vec<&str> = self.toolbox.written().map(|it| &*it.tool.name).collect();
            let kind = ErrorKind::ToolNotAllowed {
                tool: name.into(),
                allowed: listed(&allowed),
            };
            match suggest::nearest(name, allowed) {
                Some(near) => Error::from(kind).with_hint(format!("did you mean {near:?}?")),
                None => kind.into(),
            }
        })
    }

    /// What bounds the tools of the operator.
    pub(crate) fn tool_bounds(&self) -> ready::Bounds {
        let settings = &self.settings;
        ready::Bounds {
            limit: settings.limits.max_limit,
            max_bytes: settings.max_response_bytes.max(settings.tool_max_bytes),
        }
    }

    /// A name as logs may repeat it: the model's, or that it is none.
    pub(crate) fn known_name<'n>(&self, name: Option<&'n str>) -> &'n str {
        match name {
            None => "-",
            Some(name) if self.has(name) => name,
            Some(_) => "unknown",
        }
    }

    fn has(&self, name: &str) -> bool {
        self.exposed.iter().any(|exposed| exposed.has(name))
    }

    fn unsupported(&self, action: &str) -> Error {
        let actions = [Action::List, Action::Get, Action::Query, Action::Describe];
        let actions = actions.map(Action::name);
        let error = Error::from(match self.settings.read_only {
            true => ErrorKind::ReadOnly(action.into()),
            false => ErrorKind::UnsupportedAction(action.into()),
        });
        match suggest::nearest(action, actions) {
            Some(near) => error.with_hint(format!("did you mean {near:?}?")),
            None => error.with_hint("actions: list, get, query, describe"),
        }
    }

    fn not_allowed(&self, name: &str) -> Error {
        let names = self.names();
        let kind = ErrorKind::ModelNotAllowed {
            model: name.into(),
            allowed: listed(&names),
        };
        match suggest::nearest(name, names) {
            Some(near) => Error::from(kind).with_hint(format!("did you mean {near:?}?")),
            None => kind.into(),
        }
    }
}
