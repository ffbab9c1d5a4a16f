//! From a configuration to a service: open the database, read the catalog, put the policy in force.

use std::sync::Arc;

use secrecy::ExposeSecret as _;
use tracing::debug;

use super::{Access, Administration, ConnectionLimits, Policy, Service, Serving};
use crate::auth::Tokens;
use crate::catalog::{self, Built, Hidden, Missing};
use crate::config::{Config, DatabaseUrl, Tls, TlsFiles};
use crate::db::{Db, Failure, Options, StartFault, Weakness};
use crate::observe::Metrics;
use crate::plan::{CursorKey, Limits};
use crate::reach::Reach;
use crate::sql::shapes::Shapes;

/// Tables are listed to the operator up to this many.
const LISTED: usize = 8;

/// A service and what was left out of its catalog.
#[derive(Debug)]
pub struct Opened {
    /// The service.
    pub service: Arc<Service>,
    /// Fields that a rule hides.
    pub hidden: Vec<Hidden>,
    /// Names of the whitelist that are not served.
    pub missing: Vec<Missing>,
    /// Whether the database is still waited for.
    pub waiting: bool,
}

impl Opened {
    /// What the database's role could do beyond reading what is served.
    pub async fn weaknesses(&self) -> Vec<Weakness> {
        let policy = self.service.policy();
        let (Some(db), Ok(catalog)) = (self.service.db(), policy.catalog()) else {
            return Vec::new();
        };
        db.weaknesses(catalog, &self.hidden)
            .await
            .unwrap_or_else(|_| {
                vec![Weakness {
                    what: "the rights of the database's role could not be read".to_owned(),
                    help: "MCP_LOG=debug lucarne serve shows more".to_owned(),
                }]
            })
    }

    /// The SQL that makes a role for just what is served, where the engine has roles.
    pub fn setup_sql(&self) -> Option<String> {
        let policy = self.service.policy();
        let catalog = policy.catalog().ok()?;
        self.service.db()?.setup_sql(catalog, &self.hidden)
    }
}

/// Opens the service of a configuration.
///
/// One that is switched off needs no database. A server that does not answer is waited for: until
/// then every request is `Database is unavailable`.
///
/// # Errors
/// A database that cannot be right, and a whitelist of which nothing is there.
pub async fn open(config: &Config, metrics: Arc<Metrics>) -> Result<Opened, StartFault> {
    let cursors = Arc::new(cursor_key(config)?);
    let tls = tls(config)?;
    let names = config
        .models
        .iter()
        .map(|name| name.exposed.clone())
        .collect();
    let url = config.database.as_ref().filter(|_| config.enabled);
    let Some(url) = url else {
        let policy = policy(config, cursors, tls, Serving::Waiting(names));
        let service = Arc::new(Service::new(policy, None, metrics));
        return Ok(Opened {
            service,
            hidden: Vec::new(),
            missing: Vec::new(),
            waiting: false,
        });
    };
    let db = Db::new(&Options {
        url: url.clone(),
        pool_size: config.pool_size,
        query_timeout: config.query_timeout,
        pgbouncer: config.pgbouncer,
    })
    .map_err(named)?;
    match read(&db, config).await {
        Ok(built) => {
            let built = served(built, &db, config).await?;
            let Built {
                catalog,
                hidden,
                missing,
            } = built;
            let policy = policy(config, cursors, tls, Serving::Catalog(catalog));
            let service = Arc::new(Service::new(policy, Some(db), metrics));
            Ok(Opened {
                service,
                hidden,
                missing,
                waiting: false,
            })
        }
        Err(failure) => match told(&db, &failure) {
            Some(fault) => Err(named(fault)),
            None => {
                let policy = policy(config, cursors, tls, Serving::Waiting(names));
                let service = Arc::new(Service::new(policy, Some(db), metrics));
                Ok(Opened {
                    service,
                    hidden: Vec::new(),
                    missing: Vec::new(),
                    waiting: true,
                })
            }
        },
    }
}

pub(super) fn policy(
    config: &Config,
    cursors: Arc<CursorKey>,
    tls: Option<Tls>,
    serving: Serving,
) -> Policy {
    Policy {
        serving,
        shapes: Shapes::default(),
        read_only: config.read_only,
        limits: Limits {
            default_limit: config.default_limit,
            max_limit: config.max_limit,
            scan_limit: config.scan_limit,
        },
        cursors,
        sensitive: Arc::new(config.sensitive.clone()),
        numbers: config.numbers,
        max_response_bytes: config.max_response_bytes,
        tool_max_bytes: config.tool_max_bytes,
        query_timeout: config.query_timeout,
        audit_denies: config.audit_denies,
        access: Access {
            tokens: Tokens::new(&config.tokens),
            hosts: config.allowed_hosts.clone(),
            origins: config.allowed_origins.clone(),
            query_token: config.allow_query_token,
            proxies: config.trusted_proxies.clone(),
            tls,
        },
        administration: Administration {
            tokens: Tokens::new(&config.admin_tokens),
            reach: Reach::new(config.database_places.clone()),
        },
        connections: ConnectionLimits {
            max_message_bytes: config.max_message_bytes,
            rate_limit: config.rate_limit,
            rate_window: config.rate_window,
            idle_timeout: config.idle_timeout,
            max_connections: config.max_connections,
            max_requests: config.max_requests,
            max_per_address: config.max_connections_per_address,
            token_rate_limit: config.token_rate_limit.unwrap_or_default(),
        },
    }
}

/// Certificate and key as they are now, where the configuration names them.
pub(super) fn tls(config: &Config) -> Result<Option<Tls>, StartFault> {
    let loaded = config.tls.as_ref().map(TlsFiles::load).transpose();
    loaded.map_err(|fault| StartFault {
        what: format!("{}: {}", fault.variable, fault.message),
        help: fault.help,
    })
}

pub(super) fn cursor_key(config: &Config) -> Result<CursorKey, StartFault> {
    match &config.cursor_key {
        Some(key) => Ok(CursorKey::new(key.expose_secret())),
        None => CursorKey::random().map_err(|_| StartFault {
            what: "the operating system gives no randomness".to_owned(),
            help: "set MCP_CURSOR_KEY".to_owned(),
        }),
    }
}

pub(super) async fn read(db: &Db, config: &Config) -> Result<Built, Failure> {
    let tables = db.tables(&config.models).await?;
    Ok(catalog::build(
        config.models.iter().zip(tables).collect(),
        &config.sensitive,
    ))
}

/// A catalog that serves something; else the fault, with what the database has instead.
pub(super) async fn served(built: Built, db: &Db, config: &Config) -> Result<Built, StartFault> {
    if !built.catalog.models().is_empty() {
        return Ok(built);
    }
    let wanted: Vec<&str> = config
        .models
        .iter()
        .map(|name| name.exposed.as_str())
        .collect();
    let place = match &config.database {
        Some(DatabaseUrl::Sqlite(file)) => file
            .path()
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        Some(url) => url.to_string(),
        None => "the database".to_owned(),
    };
    let mut has = db.names().await.unwrap_or_default();
    let (count, example) = (
        has.len(),
        has.iter().take(2).cloned().collect::<Vec<_>>().join(","),
    );
    has.truncate(LISTED);
    let listed = if count > has.len() {
        format!("{}, … ({count})", has.join(", "))
    } else {
        has.join(", ")
    };
    let hidden = built
        .missing
        .iter()
        .find(|missing| missing.is_hidden_whole());
    Err(match hidden {
        Some(missing) => StartFault {
            what: format!("MCP_ALLOWED_MODELS: {}: {}", missing.name, missing.reason),
            help: "MCP_REVEAL_FIELDS=model.field shows one that is hidden wrongly".to_owned(),
        },
        None => StartFault {
            what: format!(
                "MCP_ALLOWED_MODELS: none of {} is in {place}",
                wanted.join(", ")
            ),
            help: match count {
                0 => "it has no tables: is it the right database?".to_owned(),
                _ => format!("it has {listed}. Try MCP_ALLOWED_MODELS={example}"),
            },
        },
    })
}

/// What the operator is told of a failure at start.
fn told(db: &Db, failure: &Failure) -> Option<StartFault> {
    if let Some(detail) = failure.detail() {
        debug!(%detail, "the database says");
    }
    db.start_fault(failure)
}

fn named(fault: StartFault) -> StartFault {
    StartFault {
        what: format!("DATABASE_URL: {}", fault.what),
        help: fault.help,
    }
}
